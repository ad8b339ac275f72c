//! `restore`: what of a backup is restored, what never is, and what is said of it.

use std::path::PathBuf;

use glancesync::sandbox::{Effect, Fault};
use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Outcome, Program, Who};

/// Backs `RegionTwo` and the master up, and gives the folder.
fn back_up(fleet: &Fleet) -> PathBuf {
    let words = ["--make-backup", "--format", "json", "RegionTwo"];
    let document = fleet.glancesync(&words).run().expect(0).json();
    document["folder"].as_str().unwrap().into()
}

/// A fleet, its backup, and the id of an image of `RegionTwo` that was changed since.
fn changed() -> (Fleet, PathBuf, String) {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("reference", "abc"));
    let region = fleet.region("RegionTwo");
    let image = NewImage::new("a", "abc")
        .with("nid", "7")
        .with("gone", "1")
        .with("tags", json!(["x"]));
    let id = region.create(image);
    region.create(NewImage::new("same", "abc").with("nid", "1"));
    let folder = back_up(&fleet);
    region.set(
        &id,
        &[
            ("nid", json!("8")),
            ("new", json!("2")),
            ("visibility", json!("private")),
            ("min_ram", json!(64)),
            ("tags", json!([])),
        ],
    );
    region.unset(&id, "gone");
    (fleet, folder, id)
}

fn restore(fleet: &Fleet, folder: &std::path::Path, words: &[&str]) -> Outcome {
    let config = fleet.config().set("DEFAULT", "retries", "0");
    Program::with(fleet, &config)
        .events()
        .args(["restore".into(), folder.as_os_str().to_owned()])
        .args(words.iter().copied())
        .run()
}

#[test]
fn it_prints_the_plan_and_changes_nothing_until_it_is_told_to() {
    let (fleet, folder, id) = changed();
    let region = fleet.region("RegionTwo");
    let outcome = restore(&fleet, &folder, &[]).expect(0);
    outcome.assert_changed_nothing();
    let lines: Vec<&str> = outcome.stdout.lines().map(str::trim).collect();
    for line in [
        "gone: not set → `1`",
        "min_ram: 64 → 0",
        "new: `2` → not set",
        "nid: `8` → `7`",
        "tags: [] → [\"x\"]",
        "visibility: `private` → `public`",
    ] {
        assert!(lines.contains(&line), "{line}: {outcome}");
    }
    assert!(
        lines[0].starts_with("RegionTwo: 1 image to restore, 1 image as in"),
        "{outcome}"
    );
    assert!(outcome.stdout.contains("Nothing was changed."), "{outcome}");
    assert_eq!(
        outcome.actions("action_planned"),
        ["RegionTwo update_metadata a"]
    );
    outcome.assert_warns("master_region_skipped");

    let before = region.get(&id).unwrap();
    let outcome = restore(&fleet, &folder, &["--apply"]).expect(0);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo update_metadata a"]
    );
    assert_eq!(outcome.results(), ["RegionTwo changed"]);
    assert_eq!(outcome.changes("master:RegionTwo").len(), 1, "{outcome}");
    let now = region.get(&id).unwrap();
    assert_eq!(now["nid"], "7");
    assert_eq!(now["gone"], "1");
    assert_eq!(now.get("new"), None);
    assert_eq!(
        (&now["visibility"], &now["min_ram"]),
        (&json!("public"), &json!(0))
    );
    assert_eq!(now["tags"], json!(["x"]));
    assert_eq!(now["checksum"], before["checksum"]);

    let again = restore(&fleet, &folder, &["RegionTwo", "--apply"]).expect(0);
    again.assert_changed_nothing();
    assert!(
        again.stdout.contains("there is nothing to restore."),
        "{again}"
    );
    assert_eq!(again.warnings(), [""; 0]);
}

#[test]
fn the_master_region_is_never_written_to() {
    let fleet = Fleet::start();
    let id = fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let folder = back_up(&fleet);
    fleet.master().set(&id, &[("nid", json!("2"))]);
    // Another name in the catalogue leads to the same Glance.
    std::fs::copy(folder.join("RegionOne.json"), folder.join("Alias.json")).unwrap();
    for word in ["RegionOne", "Alias"] {
        let outcome = restore(&fleet, &folder, &[word, "--apply"]).expect(1);
        outcome.assert_fails("master_refused");
        outcome.assert_changed_nothing();
    }
    let outcome = restore(&fleet, &folder, &["--apply"]).expect(0);
    outcome.assert_changed_nothing();
    assert_eq!(
        outcome.warnings(),
        ["master_region_skipped", "master_region_skipped"]
    );
}

#[test]
fn what_cannot_be_put_back_is_named_and_left() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    let gone = region.create(NewImage::new("gone", "abc"));
    let renamed = region.create(NewImage::new("renamed", "abc").with("nid", "1"));
    let off = region.create(NewImage::new("off", "abc"));
    let foreign = region.create(
        NewImage::queued("foreign")
            .by(Who::Foreign)
            .with("nid", "1"),
    );
    let folder = back_up(&fleet);
    region.delete(&gone);
    region.set(
        &renamed,
        &[("name", json!("renamed.old")), ("nid", json!("2"))],
    );
    region.create(NewImage::new("renamed", "new"));
    region.action(&off, "deactivate");
    region.set(&foreign, &[("nid", json!("2"))]);
    let before = fleet.snapshot();
    let outcome = restore(&fleet, &folder, &["--apply"]).expect(0);
    outcome.assert_changed_nothing();
    assert_eq!(fleet.snapshot(), before);
    for text in [
        "the region no longer has it, and restore creates no images",
        "it was renamed, and",
        "not restored: status: `deactivated` → `active`",
        "it belongs to project",
        "1 image of the region not in the backup",
    ] {
        assert!(outcome.stdout.contains(text), "{text}: {outcome}");
    }
    let json = restore(&fleet, &folder, &["--format", "json"])
        .expect(0)
        .json();
    assert_eq!(json["apply"], false);
    let images = json["regions"][0]["images"].as_array().unwrap();
    let why = |id: &str| {
        let image = images.iter().find(|image| image["image_id"] == id).unwrap();
        image["left"]["why"].clone()
    };
    assert_eq!(why(&gone), "gone");
    assert_eq!(why(&renamed), "name_taken");
    assert_eq!(why(&foreign), "foreign");
    assert_eq!(why(&off), Value::Null);
}

#[test]
fn an_image_that_is_refused_does_not_keep_the_others_from_theirs() {
    let fleet = Fleet::embedded(|_| ());
    let region = fleet.region("RegionTwo");
    let ids = ["a", "b", "c"].map(|name| region.create(NewImage::new(name, "abc").with("k", "1")));
    let folder = back_up(&fleet);
    for id in &ids {
        region.set(id, &[("k", json!("2"))]);
    }
    let refuse = Fault::new(
        "PATCH",
        &format!("/v2/images/{}", ids[1]),
        Effect::status(403),
    );
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![refuse])
        .unwrap();
    let outcome = restore(&fleet, &folder, &["--apply"]).expect(1);
    assert_eq!(outcome.errors(), ["update_failed b"]);
    assert!(
        outcome.stdout.contains("2 of 3 images restored"),
        "{outcome}"
    );
    let value = |id: &String| region.get(id).unwrap()["k"].clone();
    assert_eq!(ids.each_ref().map(value), ["1", "2", "1"]);
}

#[test]
fn a_damaged_backup_fails_its_region_alone() {
    let (fleet, folder, id) = changed();
    std::fs::write(folder.join("RegionThree.json"), "[{\"id\": \"x\"").unwrap();
    std::fs::write(folder.join("Nowhere.json"), "[]").unwrap();
    std::fs::write(folder.join("notes.txt"), "").unwrap();
    let outcome = restore(&fleet, &folder, &["--apply"]).expect(1);
    let mut errors = outcome.errors();
    errors.sort();
    assert_eq!(errors, ["backup_unreadable", "region_unknown"]);
    assert_eq!(fleet.region("RegionTwo").get(&id).unwrap()["nid"], "7");
}

#[test]
fn a_slip_gets_the_nearest_right_word() {
    let (fleet, folder, _) = changed();
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    // Its name will do, whatever the folder that one stands in.
    let config = fleet
        .config()
        .set("main", "log_dir", fleet.work_dir().to_str().unwrap());
    let run = |words: &[&str]| {
        let program = Program::with(&fleet, &config).args(["restore"]);
        program.args(words.iter().copied()).run()
    };
    run(&[&name, "RegionTwo"]).expect(0);
    run(&[&name, "RegoinTwo"])
        .expect(2)
        .assert_says("did you mean `RegionTwo`?");
    run(&[&name[..name.len() - 1]])
        .expect(2)
        .assert_says("did you mean `");
    run(&[&name, "other:RegionOne"])
        .expect(2)
        .assert_says("it has: RegionOne, RegionTwo");
    let empty = fleet.home().join("empty");
    std::fs::create_dir(&empty).unwrap();
    run(&[empty.to_str().unwrap()])
        .expect(2)
        .assert_says("is not a backup");
}
