//! Images that no rule selects any more: reported, hidden, shown again, deleted.

use chrono::{Days, NaiveDate, Utc};
use glancesync::sandbox::{Effect, Fault};
use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Region};

const PREFIX: &str = "glancesync-orphan:";

/// `a`, `b` and `c`, in the master region and in `RegionTwo`.
fn published() -> Fleet {
    let fleet = Fleet::start();
    for name in ["a", "b", "c"] {
        fleet
            .master()
            .create(NewImage::new(name, format!("content of {name}")));
    }
    fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    fleet
}

fn retire(fleet: &Fleet, name: &str) {
    let master = fleet.master();
    master.delete(id(&master.the(name)));
}

fn id(image: &Value) -> &str {
    image["id"].as_str().unwrap()
}

#[track_caller]
fn sync(fleet: &Fleet, config: &Config) -> Outcome {
    fleet.run(config, &["RegionTwo"]).expect(0)
}

fn orphans(fleet: &Fleet, config: &Config) -> Vec<String> {
    let report = fleet.run(config, &["status", "--orphans", "RegionTwo"]);
    let mut lines = report.expect(0).status_of("RegionTwo");
    lines.retain(|line| line.starts_with("orphan "));
    lines
}

/// The day of an orphan's tag.
fn hidden_since(image: &Value) -> Option<NaiveDate> {
    let tags = image["tags"].as_array().unwrap().iter();
    let mut days = tags.filter_map(|tag| tag.as_str()?.strip_prefix(PREFIX));
    days.next().map(|day| day.parse().unwrap())
}

/// So many days pass: what is hidden is hidden for so much longer.
fn pass(region: &Region<'_>, days: u64) {
    for image in region.images() {
        let Some(day) = hidden_since(&image) else {
            continue;
        };
        let earlier = day - Days::new(days);
        let tags = image["tags"].as_array().unwrap().iter();
        let tags: Vec<Value> = tags
            .map(|tag| match tag.as_str() {
                Some(text) if text.starts_with(PREFIX) => json!(format!("{PREFIX}{earlier}")),
                _ => tag.clone(),
            })
            .collect();
        region.set(id(&image), &[("tags", json!(tags))]);
    }
}

#[test]
fn orphans_are_reported_and_nothing_is_done_about_them() {
    let fleet = published();
    let config = fleet.config();
    assert_eq!(orphans(&fleet, &config), [""; 0]);
    retire(&fleet, "b");
    let master = fleet.master();
    master.set(id(&master.the("c")), &[("visibility", json!("private"))]);
    assert_eq!(orphans(&fleet, &config), ["orphan b", "orphan c"]);

    let outcome = sync(&fleet, &config);
    outcome.assert_changed_nothing();
    let found = outcome.events_named("orphan");
    let found: Vec<_> = found
        .iter()
        .map(|it| (&it["image"], &it["reason"]))
        .collect();
    assert_eq!(
        found,
        [
            (&json!("b"), &json!("gone")),
            (&json!("c"), &json!("deselected"))
        ]
    );
    let plan = &outcome.events_named("plan")[0];
    assert_eq!(
        (&plan["orphans"], &plan["deletions"]),
        (&json!(2), &json!(0))
    );
    outcome.assert_events_are_documented();

    let document = fleet.run(&config, &["status", "--format", "json", "RegionTwo"]);
    let document = document.expect(0).json();
    assert_eq!(document["regions"][0]["orphans"][0]["reason"], "gone");
    let table = fleet.run(
        &config,
        &["status", "--orphans", "--format", "table", "RegionTwo"],
    );
    let table = table.expect(0).stdout;
    assert!(table.contains("2 orphans:"), "{table}");
    // Without the option the report is what it was.
    let report = fleet.run(&config, &["status", "RegionTwo"]).expect(0);
    assert_eq!(report.status_of("RegionTwo"), ["ok a"]);
    let refused = fleet.run(&config, &["plan", "--orphans"]).expect(2);
    refused.assert_says("--orphans");
}

#[test]
fn an_orphan_is_hidden_shown_when_it_is_wanted_again_and_deleted_when_its_time_is_over() {
    let fleet = published();
    let region = fleet.region("RegionTwo");
    let before = region.the("b");
    region.set(id(&before), &[("tags", json!(["local"]))]);
    retire(&fleet, "b");
    let hide = fleet.config().master("orphans", "hide");
    let delete = fleet
        .config()
        .master("orphans", "delete")
        .master("orphan_grace", "30d");

    let outcome = sync(&fleet, &hide);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo hide_orphan b"]
    );
    assert_eq!(
        outcome.events_named("region_finished")[0]["hidden_images"],
        1
    );
    let hidden = region.the("b");
    assert_eq!(hidden["os_hidden"], true);
    let today = Utc::now().date_naive();
    let day = hidden_since(&hidden).unwrap();
    assert!(day == today || day + Days::new(1) == today, "{day}");
    for same in [
        "visibility",
        "name",
        "glancesync_image",
        "protected",
        "checksum",
    ] {
        assert_eq!(hidden[same], before[same], "{same}");
    }
    assert!(hidden["tags"].as_array().unwrap().contains(&json!("local")));
    for config in [&hide, &delete] {
        sync(&fleet, config).assert_changed_nothing();
    }
    assert_eq!(orphans(&fleet, &hide), ["orphan b"]);

    // It is selected again: nothing is sent.
    fleet.master().create(NewImage::new("b", "content of b"));
    let status = fleet.status(&hide, &["RegionTwo"]).status_of("RegionTwo");
    assert!(
        status.contains(&"pending_metadata b".to_owned()),
        "{status:?}"
    );
    let outcome = sync(&fleet, &hide);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo update_metadata b"]
    );
    assert_eq!(outcome.uploads("master:RegionTwo"), 0);
    let shown = region.the("b");
    assert_eq!(shown["os_hidden"], false);
    assert_eq!(shown["tags"], json!(["local"]));
    assert_eq!(shown["id"], before["id"]);
    sync(&fleet, &hide).assert_changed_nothing();

    // It is given up for good.
    retire(&fleet, "b");
    sync(&fleet, &delete);
    pass(&region, 29);
    sync(&fleet, &delete).assert_changed_nothing();
    pass(&region, 1);
    let planned = fleet.run(&delete, &["plan", "RegionTwo"]).expect(0);
    assert_eq!(
        planned.actions("action_planned"),
        ["RegionTwo delete_orphan b"]
    );
    let outcome = sync(&fleet, &delete);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo delete_orphan b"]
    );
    assert_eq!(region.names(), ["a", "c"]);
    sync(&fleet, &delete).assert_changed_nothing();
}

#[test]
fn what_this_program_did_not_make_is_left_alone_whatever_it_says() {
    let fleet = published();
    let region = fleet.region("RegionTwo");
    retire(&fleet, "b");
    let original = region.the("b");
    let Value::Object(properties) = &original else {
        panic!("{original}")
    };
    // A snapshot of a server inherits the properties of its image, and Nova adds its own.
    let inherited = |mut image: NewImage| {
        for (name, value) in properties
            .iter()
            .filter(|(name, _)| name.starts_with("glancesync_"))
        {
            image = image.with(name, value.clone());
        }
        image
    };
    region.create(
        inherited(NewImage::new("snapshot", "a server's disk"))
            .private()
            .with("image_type", "snapshot")
            .with("base_image_ref", id(&original))
            .with("instance_uuid", "6e240dd4-e304-4599-b7d8-e38e13cef058")
            .with("owner_id", region.own_project())
            .with("user_id", "nova")
            .with("image_state", "available"),
    );
    region.create(inherited(NewImage::new("users copy", "content of b")));
    region.create(NewImage::new("by hand", "x"));
    let config = fleet
        .config()
        .master("orphans", "delete")
        .master("orphan_grace", "0");
    for expected in ["hide_orphan b", "delete_orphan b"] {
        let outcome = sync(&fleet, &config);
        let expected = format!("RegionTwo {expected}");
        assert_eq!(outcome.actions("action_finished"), [expected]);
    }
    assert_eq!(
        region.names(),
        ["a", "by hand", "c", "snapshot", "users copy"]
    );
    sync(&fleet, &config).assert_changed_nothing();
}

#[test]
fn one_that_somebody_shows_again_is_left_alone() {
    let fleet = published();
    let region = fleet.region("RegionTwo");
    retire(&fleet, "b");
    let config = fleet
        .config()
        .master("orphans", "delete")
        .master("orphan_grace", "0");
    sync(&fleet, &config);
    region.set(id(&region.the("b")), &[("os_hidden", json!(false))]);
    let outcome = sync(&fleet, &config);
    outcome.assert_changed_nothing();
    outcome.assert_warns("orphan_kept b");
}

#[test]
fn the_masters_hidden_images_are_asked_for_only_where_there_is_a_candidate() {
    let fleet = published();
    let config = fleet.config();
    let lists = |outcome: &Outcome, server: &str| outcome.requests(server).len();
    let outcome = sync(&fleet, &config);
    assert_eq!(lists(&outcome, "master:RegionOne"), 1);
    assert_eq!(lists(&outcome, "master:RegionTwo"), 1);

    // A hidden image of the master keeps its copies from being orphans.
    let master = fleet.master();
    master.set(id(&master.the("b")), &[("os_hidden", json!(true))]);
    let outcome = sync(&fleet, &config);
    assert_eq!(lists(&outcome, "master:RegionOne"), 2);
    assert_eq!(outcome.events_named("orphan"), [] as [Value; 0]);
    for orphans in ["hide", "delete"] {
        let config = fleet.config().master("orphans", orphans);
        sync(&fleet, &config).assert_changed_nothing();
    }
}

#[test]
fn nothing_is_touched_where_something_is_doubtful() {
    let fleet = published();
    retire(&fleet, "b");
    retire(&fleet, "c");
    let hide = fleet.config().master("orphans", "hide");
    for words in [
        &["--image", "*", "RegionTwo"],
        &["--exclude-image", "x", "RegionTwo"],
    ] {
        fleet.run(&hide, words).expect(0).assert_changed_nothing();
    }
    // More than allowed; everything else is done.
    let limited = hide.clone().master("max_delete", "1");
    fleet.master().create(NewImage::new("d", "new"));
    let outcome = fleet.run(&limited, &["RegionTwo"]).expect(1);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload d"]);
    outcome.assert_fails("max_delete_exceeded");
    let planned = fleet.run(&limited, &["plan", "RegionTwo"]).expect(1);
    planned.assert_fails("max_delete_exceeded");

    // Another image failed.
    fleet.master().create(NewImage::new("e", "lost"));
    let e = fleet.master().the("e");
    let file = fleet.cloud.regions[0].images_dir.join(id(&e));
    std::fs::write(&file, "lost and").unwrap();
    let directory = hide.clone().set("main", "source", "directory");
    let outcome = fleet.run(&directory, &["RegionTwo"]).expect(1);
    outcome.assert_changed_nothing();
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b", "c", "d"]);

    // Nothing is selected, and then the master has nothing at all.
    fleet.master().delete(id(&e));
    let nothing = hide.clone().master("metadata_condition", "False");
    sync(&fleet, &nothing).assert_changed_nothing();
    for name in ["a", "d"] {
        retire(&fleet, name);
    }
    let outcome = fleet.run(&hide, &["RegionTwo"]).expect(1);
    outcome.assert_changed_nothing();
}

#[test]
fn what_another_target_wants_in_the_same_region_is_none() {
    let fleet = published();
    let credential = crate::common::config::credential(&fleet.cloud, "master");
    let config = fleet
        .config()
        .master("orphans", "hide")
        .master("metadata_condition", "image.name == 'a'")
        .set("cousin", "credential", &credential)
        .set("cousin", "metadata_condition", "image.name in ('a', 'b')");
    let outcome = sync(&fleet, &config);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo hide_orphan c"]
    );
    sync(&fleet, &config).assert_changed_nothing();
}

#[test]
fn one_in_use_stays_and_one_that_cannot_be_deleted_is_an_error() {
    let fleet = Fleet::embedded(|_| ());
    for name in ["a", "b", "c"] {
        fleet.master().create(NewImage::new(name, name));
    }
    let config = fleet
        .config()
        .master("retries", "0")
        .master("orphans", "delete")
        .master("orphan_grace", "0");
    sync(&fleet, &config);
    for name in ["b", "c"] {
        retire(&fleet, name);
    }
    sync(&fleet, &config);
    let refusing = |status| {
        let fault = Fault::new("DELETE", "/v2/images/*", Effect::status(status));
        fleet
            .sandbox()
            .set_faults("RegionTwo", vec![fault])
            .unwrap();
    };
    refusing(409);
    let outcome = sync(&fleet, &config);
    for name in ["b", "c"] {
        outcome.assert_warns(&format!("image_in_use {name}"));
    }
    let finished = &outcome.events_named("region_finished")[0];
    assert_eq!(finished["deleted_images"], 0);

    // After an error nothing more is deleted.
    refusing(500);
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_eq!(outcome.errors(), ["delete_failed b"]);
    assert_eq!(outcome.changes("master:RegionTwo").len(), 1, "{outcome}");
    let region = fleet.region("RegionTwo");
    assert_eq!(region.names(), ["a", "b", "c"]);
    fleet.sandbox().set_faults("RegionTwo", Vec::new()).unwrap();
    sync(&fleet, &config);
    assert_eq!(region.names(), ["a"]);
}
