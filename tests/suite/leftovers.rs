//! What an earlier run left on the way: finished, sent again, or deleted, and never somebody
//! else's.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Region, poll};

/// How long a server may take to notice that a client is gone.
const LIMIT: Duration = Duration::from_mins(1);

/// The tags of an image that this installation has under way.
fn incomplete(by: &str) -> Value {
    json!(["glancesync-incomplete", by])
}

fn id(image: &Value) -> String {
    image["id"].as_str().unwrap().to_owned()
}

fn master_image(fleet: &Fleet) {
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
}

fn leave(region: &Region<'_>, image: NewImage) -> String {
    region.create(
        image
            .private()
            .with("tags", incomplete("glancesync-by:somebody-else")),
    )
}

/// Kills a run while it sends an image called `cut`; the id of what it leaves behind, `queued`.
fn kill_in_mid_upload(fleet: &Fleet) -> String {
    fleet
        .master()
        .create(NewImage::new("cut", vec![b'x'; 4 << 20]).with("nid", "1"));
    let region = fleet.region("RegionTwo");
    let words = ["--bwlimit", "256K", "--image", "cut", "RegionTwo"];
    let running = fleet.glancesync(&words).start();
    let state = |wanted: &'static str| {
        let region = fleet.region("RegionTwo");
        move || {
            region
                .named("cut")
                .into_iter()
                .find(|image| image["status"] == wanted)
        }
    };
    poll(LIMIT, state("saving")).expect("an upload under way");
    running.signal("KILL");
    drop(running);
    let left = poll(LIMIT, state("queued")).expect("what the run left behind");
    assert!(
        !region.seen_by_others(&id(&left)),
        "nobody else sees an unverified image"
    );
    id(&left)
}

/// Learns this installation's own tag from what a killed run left behind, and deletes that.
fn own_tag(fleet: &Fleet) -> String {
    let left = kill_in_mid_upload(fleet);
    let region = fleet.region("RegionTwo");
    let image = region.get(&left).unwrap();
    let mut tags = image["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str);
    let own = tags
        .find(|tag| tag.starts_with("glancesync-by:"))
        .expect("the tag")
        .to_owned();
    region.purge();
    fleet.master().purge();
    own
}

#[test]
fn the_run_after_a_killed_one_sends_to_the_image_that_is_there() {
    let fleet = Fleet::start();
    let left = kill_in_mid_upload(&fleet);
    let planned = fleet
        .glancesync(&["--dry-run", "RegionTwo"])
        .run()
        .expect(0);
    planned.assert_warns("leftover_image cut");
    planned.assert_changed_nothing();
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload cut"]);
    let image = fleet.region("RegionTwo").the("cut");
    assert_eq!(id(&image), left);
    assert_eq!(
        (&image["visibility"], &image["nid"]),
        (&json!("public"), &json!("1"))
    );
    assert_eq!(
        (&image["status"], &image["tags"]),
        (&json!("active"), &json!([]))
    );
    assert_eq!(
        fleet.region("RegionTwo").content(&left),
        vec![b'x'; 4 << 20]
    );
}

#[test]
fn complete_content_is_published_and_not_sent_again() {
    let fleet = Fleet::start();
    let own = own_tag(&fleet);
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let image = NewImage::new("a", "abc").private().with("stale", "1");
    let left = region.create(image.with("tags", incomplete(&own)));
    let older = region.create(NewImage::queued("a").with("tags", incomplete(&own)));
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.uploads("master:RegionTwo"), 0, "{outcome}");
    let image = region.the("a");
    assert_eq!((id(&image), region.get(&older)), (left, None));
    assert_eq!(
        (&image["visibility"], &image["nid"]),
        (&json!("public"), &json!("1"))
    );
    assert_eq!((image.get("stale"), &image["tags"]), (None, &json!([])));
}

#[test]
fn what_cannot_be_finished_is_deleted() {
    let fleet = Fleet::start();
    let own = own_tag(&fleet);
    for name in ["content", "format", "kept"] {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    let region = fleet.region("RegionTwo");
    let leave = |image: NewImage| region.create(image.private().with("tags", incomplete(&own)));
    let gone = [
        leave(NewImage::new("content", "other")),
        leave(NewImage::queued("format").with("container_format", "ovf")),
        leave(NewImage::new("unwanted", "abc")),
    ];
    let kept = leave(NewImage::queued("kept"));
    let only = [
        "--image",
        "content",
        "--image",
        "format",
        "--image",
        "unwanted",
        "RegionTwo",
    ];
    let outcome = fleet.glancesync(&only).run().expect(0);
    let deleted = outcome.actions("action_finished");
    for name in ["content", "format", "unwanted"] {
        assert!(
            deleted.contains(&format!("RegionTwo delete_leftover {name}")),
            "{outcome}"
        );
    }
    assert!(gone.iter().all(|id| region.get(id).is_none()), "{outcome}");
    assert_eq!(
        region.get(&kept).unwrap()["status"],
        "queued",
        "--image leaves it alone"
    );
    assert_eq!(region.names(), ["content", "format", "kept"]);
}

#[test]
fn what_another_installation_left_is_left_alone_while_it_is_young() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let left = leave(&region, NewImage::new("a", "abc"));
    let before = region.get(&left);
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    outcome.assert_warns("leftover_image a");
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
    assert_eq!(region.get(&left), before);
    assert_eq!(region.named("a").len(), 2);
}

#[test]
fn without_the_tags_nothing_is_a_leftover() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let queued = region.create(NewImage::queued("a").with("tags", json!(["glancesync"])));
    let before = region.get(&queued);
    fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(region.get(&queued), before);
    assert_eq!(region.named("a").len(), 2);
}

#[test]
fn a_foreign_image_is_never_a_leftover() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let owner = region.foreign_project().to_owned();
    let left = leave(&region, NewImage::new("a", "abc").with("owner", owner));
    let before = region.get(&left);
    fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(region.get(&left), before);
}

#[test]
fn a_replacement_that_was_published_is_brought_to_its_end() {
    for (key, renamed) in [("replace", false), ("rename", true), ("metadata_set", true)] {
        let fleet = Fleet::start();
        master_image(&fleet);
        let region = fleet.region("RegionTwo");
        let old = region.create(NewImage::new("a", "other"));
        let tag = json!([format!("glancesync-replaces:{old}")]);
        let new = region.create(NewImage::new("a", "abc").with("nid", "1").with("tags", tag));
        let value = if key == "metadata_set" { "nid" } else { "any" };
        let config = fleet.config().master(key, value);
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert_eq!(outcome.uploads("master:RegionTwo"), 0, "{outcome}");
        assert_eq!(region.get(&new).unwrap()["tags"], json!([]), "{key}");
        assert_eq!(id(&region.the("a")), new, "{key}");
        match region.get(&old) {
            Some(image) => assert_eq!((&image["name"], renamed), (&json!("a.old"), true), "{key}"),
            None => assert!(!renamed, "{key}"),
        }
    }
}

#[test]
fn a_replacement_whose_old_image_is_gone_loses_its_tag_silently() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let tag = json!([
        "glancesync-replaces:3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "mine"
    ]);
    region.create(NewImage::new("a", "abc").with("nid", "1").with("tags", tag));
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(region.the("a")["tags"], json!(["mine"]), "{outcome}");
    assert_eq!(outcome.warnings(), [""; 0]);
}
