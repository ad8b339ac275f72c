//! What an earlier run left on the way: finished, sent again, or deleted, and never somebody
//! else's.

use std::fs;

use glancesync::sandbox::{Content, DateHeader, Effect, Fault, ImageSeed};
use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Region, wait_for};

/// The tags of an image that somebody has under way.
fn incomplete(by: &str) -> Value {
    json!(["glancesync-incomplete", format!("glancesync-by:{by}")])
}

fn id(image: &Value) -> String {
    image["id"].as_str().unwrap().to_owned()
}

fn master_image(fleet: &Fleet) {
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
}

/// What another installation has under way in that region.
fn leave(region: &Region<'_>, image: NewImage) -> String {
    region.create(image.private().with("tags", incomplete("somebody-else")))
}

/// How images of this installation are tagged: its id, which a first run has made, and the beginning of
/// the name of the folder that is this master's.
fn own(fleet: &Fleet) -> String {
    let (id, folder) = state(fleet);
    format!("{id}-{}", &folder[..8])
}

/// The id of this installation, which a first run has made, and the name of the folder of this master.
fn state(fleet: &Fleet) -> (String, String) {
    fleet.glancesync(&["RegionThree"]).run();
    let state = fleet.home().join("home/.local/state/glancesync");
    let masters: Vec<_> = fs::read_dir(state).unwrap().map(Result::unwrap).collect();
    assert_eq!(masters.len(), 1, "{masters:?}");
    let id = fs::read_to_string(masters[0].path().join("installation")).unwrap();
    let folder = masters[0].file_name().into_string().unwrap();
    (id.trim().to_owned(), folder)
}

#[test]
fn a_leftover_is_known_by_the_installation_that_the_configuration_names() {
    let fleet = Fleet::start();
    let (kept, folder) = state(&fleet);
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let elsewhere = fleet.home().join("elsewhere");
    let named = fleet.config().set("main", "installation", "nightly").set(
        "main",
        "state_dir",
        elsewhere.to_str().unwrap(),
    );
    let digits = &folder[..8];
    for (by, config, is_own) in [
        (format!("nightly-{digits}"), &named, true),
        // As a run for another master tags.
        ("nightly-00000000".to_owned(), &named, false),
        (format!("{kept}-{digits}"), &named, false),
        (format!("{kept}-{digits}"), &fleet.config(), true),
        // As an earlier version tagged.
        (kept, &fleet.config(), true),
    ] {
        region.purge();
        let queued = NewImage::queued("a").private();
        let left = region.create(queued.with("tags", incomplete(&by)));
        fleet.run(config, &["RegionTwo"]).expect(0);
        let images = region.named("a");
        let published = images.iter().find(|image| image["status"] == "active");
        assert_eq!(published.map(id) == Some(left), is_own, "{by}");
    }
}

#[test]
fn the_run_after_a_killed_one_sends_to_the_image_that_is_there() {
    let fleet = Fleet::embedded(|_| ());
    let content = vec![b'x'; 1 << 20];
    fleet
        .master()
        .create(NewImage::new("cut", &content).with("nid", "1"));
    let slow = Effect::Slow {
        bytes_per_sec: 64 << 10,
    };
    let fault = Fault::new("PUT", "/v2/images/*/file", slow);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    let region = fleet.region("RegionTwo");
    let running = fleet.glancesync(&["RegionTwo"]).start();
    region.wait_for_an_upload();
    running.signal("KILL");
    drop(running);
    let left = wait_for("what the run left behind", || {
        let mut images = region.named("cut").into_iter();
        images.find(|image| image["status"] == "queued")
    });
    assert!(!region.seen_by_others(&id(&left)));
    fleet.sandbox().set_faults("RegionTwo", Vec::new()).unwrap();

    let planned = fleet
        .glancesync(&["--dry-run", "RegionTwo"])
        .run()
        .expect(0);
    planned.assert_warns("leftover_image cut");
    planned.assert_changed_nothing();
    let action = &planned.events_named("action_planned")[0];
    assert_eq!(action["image_id"], id(&left), "{planned}");
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload cut"]);
    let image = region.the("cut");
    assert_eq!(id(&image), id(&left));
    assert_eq!(
        (&image["visibility"], &image["nid"]),
        (&json!("public"), &json!("1"))
    );
    assert_eq!(
        (&image["status"], &image["tags"]),
        (&json!("active"), &json!([]))
    );
    assert_eq!(region.content(&id(&left)), content);
}

#[test]
fn complete_content_is_published_and_not_sent_again() {
    let fleet = Fleet::start();
    let own = own(&fleet);
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let image = NewImage::new("a", "abc").private().with("stale", "1");
    let left = region.create(image.with("min_disk", 9).with("tags", incomplete(&own)));
    let newer = region.create(NewImage::queued("a").with("tags", incomplete(&own)));
    // It needs no source.
    let file = &fleet.cloud.regions[0].images_dir;
    fs::remove_file(file.join(id(&fleet.master().the("a")))).unwrap();

    let status = fleet.status(&fleet.config(), &["RegionTwo"]);
    assert_eq!(status.status_of("RegionTwo"), ["pending_upload a"]);
    status.assert_warns("leftover_image a");
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.uploads("master:RegionTwo"), 0, "{outcome}");
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo delete_leftover a", "RegionTwo upload a"]
    );
    let finished = &outcome.events_named("action_finished")[1];
    assert_eq!(
        (&finished["image_id"], &finished["bytes"]),
        (&json!(left), &json!(0))
    );
    let image = region.the("a");
    assert_eq!((id(&image), region.get(&newer)), (left, None));
    assert_eq!(
        (&image["visibility"], &image["nid"], &image["min_disk"]),
        (&json!("public"), &json!("1"), &json!(0))
    );
    assert_eq!((image.get("stale"), &image["tags"]), (None, &json!([])));
    fleet
        .glancesync(&["RegionTwo"])
        .run()
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn what_cannot_be_finished_is_deleted() {
    let fleet = Fleet::start();
    let own = own(&fleet);
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
    let other = leave(&region, NewImage::new("not selected", "abc"));
    let before = [region.get(&left), region.get(&other)];
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    outcome.assert_warns("leftover_image a");
    outcome.assert_warns("leftover_image not selected");
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
    assert_eq!([region.get(&left), region.get(&other)], before);
    assert_eq!(region.named("a").len(), 2);
}

/// Images of another installation, created so many hours ago by the region's clock.
fn aged(names: &[&str], hours: i64, queued: bool, date: DateHeader) -> Fleet {
    let created = chrono::Utc::now() - chrono::TimeDelta::hours(hours);
    let seeds = names.iter().map(|name| ImageSeed {
        name: Some((*name).to_owned()),
        content: if queued {
            Content::None
        } else {
            b"abc".to_vec().into()
        },
        status: if queued { "queued" } else { "active" }.to_owned(),
        visibility: "private".into(),
        created_at: Some(created.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        tags: ["glancesync-incomplete", "glancesync-by:somebody-else"]
            .map(ToOwned::to_owned)
            .into(),
        ..ImageSeed::default()
    });
    let seeds: Vec<_> = seeds.collect();
    Fleet::embedded(|spec| {
        let region = &mut spec.keystones[0].regions[1];
        region.images = seeds;
        region.date = date;
    })
}

#[test]
fn what_another_installation_gave_up_a_day_ago_is_taken_up() {
    // Where the region does not tell the time, this machine does.
    for (hours, queued, date) in [
        (23, true, DateHeader::Sent),
        (25, true, DateHeader::Sent),
        (25, false, DateHeader::Sent),
        (23, true, DateHeader::Missing),
        (25, true, DateHeader::Missing),
    ] {
        let fleet = aged(&["a", "unwanted"], hours, queued, date);
        let region = fleet.region("RegionTwo");
        let [left, unwanted] = ["a", "unwanted"].map(|name| id(&region.the(name)));
        master_image(&fleet);
        let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
        outcome.assert_warns("leftover_image a");
        if hours == 23 {
            assert_eq!(region.named("a").len(), 2, "{outcome}");
            assert!(region.get(&unwanted).is_some(), "{outcome}");
            continue;
        }
        assert_eq!(region.names(), ["a"], "{outcome}");
        let image = region.the("a");
        assert_eq!(id(&image), left, "{outcome}");
        assert_eq!(outcome.uploads("master:RegionTwo"), usize::from(queued));
        assert_eq!(
            (&image["visibility"], &image["tags"]),
            (&json!("public"), &json!([]))
        );
    }
}

#[test]
fn without_the_tags_nothing_is_a_leftover() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let own = own(&fleet);
    let region = fleet.region("RegionTwo");
    let tagged = |tags: Value| region.create(NewImage::queued("a").with("tags", tags));
    let left = [
        tagged(json!(["glancesync"])),
        tagged(json!(["glancesync-incomplete"])),
        tagged(json!([format!("glancesync-by:{own}")])),
    ];
    let before = left.each_ref().map(|id| region.get(id));
    fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(left.each_ref().map(|id| region.get(id)), before);
    assert_eq!(region.named("a").len(), 4);
}

#[test]
fn a_foreign_image_is_never_a_leftover() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let own = own(&fleet);
    let region = fleet.region("RegionTwo");
    let foreign = NewImage::new("a", "abc")
        .private()
        .with("owner", region.foreign_project().to_owned())
        .with("tags", incomplete(&own));
    let left = region.create(foreign);
    let before = region.get(&left);
    for value in ["true", "false"] {
        let config = fleet.config().master("only_tenant_images", value);
        fleet.run(&config, &["RegionTwo"]).expect(0);
        assert_eq!(region.get(&left), before);
    }
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
        let status = fleet.status(&config, &["RegionTwo"]);
        let word = if renamed { "rename" } else { "replace" };
        assert_eq!(status.status_of("RegionTwo"), [format!("pending_{word} a")]);
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert_eq!(
            outcome.actions("action_finished"),
            [format!("RegionTwo {word} a")]
        );
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
    fleet
        .glancesync(&["--dry-run", "RegionTwo"])
        .run()
        .expect(0)
        .assert_changed_nothing();
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(region.the("a")["tags"], json!(["mine"]), "{outcome}");
    assert_eq!(outcome.warnings(), [""; 0]);
    assert_eq!(outcome.results(), ["RegionTwo synchronised"]);
}

#[test]
fn an_old_image_that_is_hidden_is_not_taken_for_gone() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let old = region.create(NewImage::new("a", "other").with("os_hidden", true));
    let tag = json!([format!("glancesync-replaces:{old}")]);
    region.create(NewImage::new("a", "abc").with("nid", "1").with("tags", tag));
    let config = fleet.config().master("replace", "any");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(region.get(&old), None, "{outcome}");
    assert_eq!(region.the("a")["tags"], json!([]));
}

#[test]
fn what_is_on_its_way_to_the_master_region_is_no_image_of_it() {
    let fleet = Fleet::start();
    master_image(&fleet);
    leave(&fleet.master(), NewImage::new("a", "def"));
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.warnings(), [""; 0]);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}
