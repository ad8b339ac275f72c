//! What is done with an image of another checksum: replaced, renamed, or left as it is.

use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Outcome, Region};
use crate::status::OTHER_MD5;

/// `a` in the master region, and with other content and a property in `RegionTwo`; its id there.
fn conflict(fleet: &Fleet) -> (Region<'_>, String) {
    fleet
        .master()
        .create(NewImage::new("a", "master").with("nid", "1"));
    let region = fleet.region("RegionTwo");
    let id = region.create(NewImage::new("a", "other").with("local", "1"));
    (region, id)
}

#[track_caller]
fn sync(fleet: &Fleet, key: &str, value: &str) -> Outcome {
    fleet.run(&fleet.config().master(key, value), &["RegionTwo"])
}

/// The one image of that name with the master's content, as it is to be.
#[track_caller]
fn assert_in_step(region: &Region<'_>, name: &str) -> Value {
    let image = region.the(name);
    assert_eq!(region.content(image["id"].as_str().unwrap()), b"master");
    assert_eq!(
        (&image["visibility"], &image["nid"]),
        (&json!("public"), &json!("1"))
    );
    assert_eq!(
        image.get("local"),
        None,
        "what was local to the old image is not carried"
    );
    assert_eq!(image["tags"], json!([]));
    image
}

#[test]
fn ids_are_used_as_glance_gave_them() {
    let fleet = Fleet::start();
    let upper = || uuid::Uuid::new_v4().to_string().to_uppercase();
    let (of_master, old) = (upper(), upper());
    let master = NewImage::new("a", "master").with("nid", "1");
    fleet.master().create(master.with("id", of_master.clone()));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a", "other").with("id", old.clone()));
    let config = fleet
        .config()
        .set("main", "source", "glance")
        .master("replace", "any")
        .master("forcesyncs", &of_master.to_lowercase());
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_in_step(&region, "a");
    assert_eq!(region.get(&old), None);
}

#[test]
fn replace_deletes_the_old_image_after_the_new_one_is_there() {
    let fleet = Fleet::start();
    let (region, old) = conflict(&fleet);
    let outcome = sync(&fleet, "replace", OTHER_MD5).expect(0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo replace a"]);
    assert_in_step(&region, "a");
    assert_eq!(region.get(&old), None);
    let requests = outcome.changes("master:RegionTwo");
    let delete = requests
        .iter()
        .position(|request| request.method == "DELETE")
        .unwrap();
    let publish = requests
        .iter()
        .position(|request| request.method == "PATCH")
        .unwrap();
    assert!(publish < delete, "{outcome}");
    sync(&fleet, "replace", OTHER_MD5)
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn rename_keeps_the_old_image_private_under_another_name() {
    let fleet = Fleet::start();
    let (region, old) = conflict(&fleet);
    let outcome = sync(&fleet, "rename", "any").expect(0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo rename a"]);
    assert_in_step(&region, "a");
    let kept = region.get(&old).unwrap();
    assert_eq!(
        (&kept["name"], &kept["visibility"]),
        (&json!("a.old"), &json!("private"))
    );
    assert_eq!((&kept["local"], &kept["tags"]), (&json!("1"), &json!([])));
    assert_eq!(region.content(&old), b"other");
    sync(&fleet, "rename", "any")
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn an_old_image_that_is_there_already_stays() {
    let fleet = Fleet::start();
    let (region, old) = conflict(&fleet);
    let older = region.create(NewImage::new("a.old", "older"));
    let before = region.get(&older);
    sync(&fleet, "rename", "any").expect(0);
    assert_eq!(region.get(&older), before);
    assert_eq!(region.get(&old).unwrap()["name"], "a.old");
    assert_in_step(&region, "a");
}

#[test]
fn a_protected_old_image_is_renamed_instead_of_deleted() {
    let fleet = Fleet::start();
    let (region, old) = conflict(&fleet);
    region.set(&old, &[("protected", json!(true))]);
    let outcome = sync(&fleet, "replace", "any").expect(0);
    outcome.assert_warns("protected_image a");
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo rename a"]);
    assert_in_step(&region, "a");
    let kept = region.get(&old).unwrap();
    assert_eq!(
        (&kept["name"], &kept["protected"]),
        (&json!("a.old"), &json!(true))
    );
}

#[test]
fn what_no_list_names_is_left_as_it_is() {
    for (key, value) in [
        ("dontupdate", OTHER_MD5),
        ("replace", "900150983cd24fb0d6963f7d28e17f72"),
    ] {
        let fleet = Fleet::start();
        conflict(&fleet);
        let before = fleet.snapshot();
        let outcome = sync(&fleet, key, value).expect(0);
        assert_eq!(outcome.results(), ["RegionTwo synchronised"], "{key}");
        outcome.assert_changed_nothing();
        assert_eq!(fleet.snapshot(), before);
        let warning = if key == "dontupdate" {
            "stalled_checksum a"
        } else {
            "checksum_conflict a"
        };
        outcome.assert_warns(warning);
    }
}

#[test]
fn a_deactivated_image_is_neither_replaced_nor_uploaded_beside() {
    let fleet = Fleet::start();
    let (region, old) = conflict(&fleet);
    region.action(&old, "deactivate");
    let before = fleet.snapshot();
    let outcome = sync(&fleet, "replace", "any").expect(0);
    outcome.assert_warns("image_not_active a");
    outcome.assert_changed_nothing();
    assert_eq!(fleet.snapshot(), before);
}

#[test]
fn of_duplicates_only_the_one_that_counts_is_replaced() {
    let fleet = Fleet::start();
    let (region, _) = conflict(&fleet);
    region.create(NewImage::new("a", "other").with("local", "2"));
    let counts = region.images()[0]["id"].as_str().unwrap().to_owned();
    let stays = region.images()[1].clone();
    let config = fleet.config().master("replace", "any");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    outcome.assert_warns("duplicate_region_name a");
    assert_eq!(region.get(&counts), None);
    assert_eq!(region.get(stays["id"].as_str().unwrap()), Some(stays));
    assert_eq!(region.named("a").len(), 2);
}

#[test]
fn only_tenant_images_false_lets_a_foreign_image_be_replaced() {
    let fleet = Fleet::start();
    let (region, _) = conflict(&fleet);
    region.purge();
    let foreign =
        region.create(NewImage::new("a", "other").with("owner", region.foreign_project()));
    let config = fleet
        .config()
        .master("replace", "any")
        .master("only_tenant_images", "false");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    outcome.assert_warns("foreign_owner a");
    assert_eq!(region.get(&foreign), None);
    assert_eq!(assert_in_step(&region, "a")["owner"], region.own_project());
}

#[test]
fn a_name_too_long_for_its_suffix_fails_before_anything_is_sent() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    let longest = "n".repeat(251);
    let too_long = "n".repeat(252);
    for name in [&longest, &too_long] {
        fleet
            .master()
            .create(NewImage::new(name, "master").with("nid", "1"));
        region.create(NewImage::new(name, "other"));
    }
    let outcome = sync(&fleet, "rename", "any").expect(1);
    assert!(
        outcome
            .errors()
            .iter()
            .any(|error| error.ends_with(&too_long)),
        "{outcome}"
    );
    assert_eq!(
        region.content(region.the(&too_long)["id"].as_str().unwrap()),
        b"other"
    );
    assert!(outcome.uploads("master:RegionTwo") <= 1, "{outcome}");
    fleet
        .run(
            &fleet.config().master("rename", "any"),
            &["--keep-going", "RegionTwo"],
        )
        .expect(1);
    assert_in_step(&region, &longest);
    assert_eq!(
        region.the(&format!("{longest}.old"))["visibility"],
        "private"
    );
}

#[test]
fn max_replace_stops_a_region_before_its_first_action() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for name in ["a", "b"] {
        fleet.master().create(NewImage::new(name, "master"));
        region.create(NewImage::new(name, "other"));
    }
    fleet.master().create(NewImage::new("c", "master"));
    let config = fleet
        .config()
        .master("replace", "any")
        .master("max_replace", "1");
    for words in [
        &["--dry-run", "RegionTwo", "RegionThree"][..],
        &["RegionTwo", "RegionThree"],
    ] {
        let outcome = fleet.run(&config, words).expect(1);
        outcome.assert_fails("max_replace_exceeded");
        assert!(outcome.changes("master:RegionTwo").is_empty(), "{outcome}");
    }
    assert_eq!(fleet.region("RegionThree").names(), ["a", "b", "c"]);
    let narrowed = ["--image", "a", "--image", "c", "RegionTwo"];
    fleet.run(&config, &narrowed).expect(0);
    assert_eq!(region.names(), ["a", "b", "c"]);
    fleet.run(&config, &["RegionTwo"]).expect(0);
}

#[test]
fn fail_on_error_finds_what_is_left_in_error() {
    let fleet = Fleet::start();
    conflict(&fleet);
    for words in [
        &["RegionTwo"][..],
        &["--show-status", "RegionTwo"],
        &["--dry-run", "RegionTwo"],
    ] {
        fleet.run(&fleet.config(), words).expect(0);
        fleet
            .run(&fleet.config(), &[words, &["--fail-on", "error"]].concat())
            .expect(1);
        fleet
            .run(
                &fleet.config(),
                &[words, &["--fail-on", "pending"]].concat(),
            )
            .expect(1);
    }
}

#[test]
fn fail_on_pending_looks_at_what_is_still_pending() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let run = |words: &[&str]| fleet.run(&fleet.config(), words);
    run(&["--show-status", "--fail-on", "error", "RegionTwo"]).expect(0);
    run(&["--show-status", "--fail-on", "pending", "RegionTwo"]).expect(1);
    run(&["--dry-run", "--fail-on", "pending", "RegionTwo"]).expect(1);
    run(&["--fail-on", "pending", "RegionTwo"]).expect(0);
    run(&["--show-status", "--fail-on", "pending", "RegionTwo"]).expect(0);
}
