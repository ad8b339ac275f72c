//! `--make-backup`: what is in the files, where they are, and what one region's failure leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use glancesync::sandbox::{Effect, Fault, RegionSpec};
use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Outcome, Program, Who, wait_for};

/// The names in a folder, sorted.
fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The only backup below that folder.
fn backup(parent: &Path) -> PathBuf {
    let folders = entries(parent);
    let [folder] = folders.as_slice() else {
        panic!("{folders:?}");
    };
    let date = folder.strip_prefix("backup_glance_").expect("its name");
    let shape = date.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(shape, "00000000_000000");
    parent.join(folder)
}

fn images(file: &Path) -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The paths that were printed.
fn printed(outcome: &Outcome) -> Vec<PathBuf> {
    outcome.stdout.lines().map(PathBuf::from).collect()
}

fn one_image() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet
}

#[test]
fn a_backup_holds_every_image_as_glance_gave_it() {
    let fleet = one_image();
    let region = fleet.region("other:RegionOne");
    region.create(
        NewImage::new("public", "abc")
            .with("tags", json!(["x"]))
            .with("k", "v"),
    );
    region.create(NewImage::new("hidden", "abc").with("os_hidden", true));
    region.create(NewImage::queued("foreign").by(Who::Foreign));
    region.create(
        NewImage::new("community", "abc")
            .with("owner", region.foreign_project())
            .with("visibility", "community"),
    );
    let outcome = fleet
        .glancesync(&["--make-backup", "other:"])
        .run()
        .expect(0);
    outcome.assert_changed_nothing();
    let folder = backup(&fleet.work_dir());
    assert_eq!(mode(&folder) & !0o750, 0);
    assert_eq!(entries(&folder), ["RegionOne.json", "other:RegionOne.json"]);
    let names = ["RegionOne.json", "other:RegionOne.json"];
    assert_eq!(printed(&outcome), names.map(|name| folder.join(name)));
    for name in names {
        let path = folder.join(name);
        assert_eq!(mode(&path) & !0o640, 0);
        let mut saved = images(&path);
        let mut present = fleet.region(name.trim_end_matches(".json")).images();
        for list in [&mut saved, &mut present] {
            list.sort_by_key(|image| image["id"].to_string());
        }
        assert_eq!(saved, present, "{name}");
    }
    assert_eq!(images(&folder.join(names[1])).len(), 4);
    let started = &outcome.events_named("run_started")[0];
    assert_eq!(started["mode"], "backup");
    assert_eq!(started["regions"], json!(["RegionOne", "other:RegionOne"]));
    assert_eq!(
        outcome.results(),
        ["RegionOne synchronised", "other:RegionOne synchronised"]
    );
}

#[test]
fn no_user_name_or_password_in_a_url_is_written() {
    let fleet = Fleet::start();
    let image = NewImage::new("a", "abc").with("origin", "swift+https://acc%3Au:hunter2@h:5000/c");
    fleet.region("RegionTwo").create(image);
    fleet
        .glancesync(&["--make-backup", "RegionTwo"])
        .run()
        .expect(0);
    let saved = images(&backup(&fleet.work_dir()).join("RegionTwo.json"));
    assert_eq!(saved[0]["origin"], "swift+https://h:5000/c");
}

#[test]
fn a_backup_as_json_is_one_document() {
    let fleet = one_image();
    fleet.take_down("master:RegionTwo");
    let words = ["--make-backup", "--format", "json", "--parallel"];
    let config = fleet.config().master("retries", "0");
    let outcome = fleet.run(&config, &words).expect(1);
    let folder = backup(&fleet.work_dir());
    let document = outcome.json();
    assert_eq!(document["folder"], folder.to_str().unwrap());
    let files = document["files"].as_array().unwrap();
    let regions: Vec<_> = files.iter().map(|file| &file["region"]).collect();
    assert_eq!(regions, ["RegionOne", "RegionThree"]);
    assert_eq!(
        (&files[0]["images"], &files[1]["images"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(document["errors"][0]["region"], "RegionTwo");
    assert_eq!(document["errors"][0]["code"], "region_unreachable");
}

#[test]
fn a_region_that_fails_fails_alone_and_leaves_no_file() {
    for down in ["RegionTwo", "RegionOne"] {
        let fleet = one_image();
        fleet.take_down(&format!("master:{down}"));
        let config = fleet.config().master("retries", "0");
        let words = ["--make-backup", "RegionTwo", "RegionThree"];
        let outcome = fleet.run(&config, &words).expect(1);
        let expected: Vec<String> = ["RegionOne", "RegionThree", "RegionTwo"]
            .into_iter()
            .filter(|name| *name != down)
            .map(|name| format!("{name}.json"))
            .collect();
        assert_eq!(entries(&backup(&fleet.work_dir())), expected, "{outcome}");
        assert_eq!(printed(&outcome).len(), 2, "{outcome}");
        let mut failed: Vec<Value> = outcome.events_named("error");
        failed.sort_by_key(|error| error["region"].to_string());
        let failed: Vec<_> = failed
            .iter()
            .map(|error| (&error["region"], &error["code"]))
            .collect();
        assert_eq!(failed, [(&json!(down), &json!("region_unreachable"))]);
        let run = &outcome.events_named("run_finished")[0];
        assert_eq!(
            (&run["regions_ok"], &run["regions_failed"]),
            (&json!(2), &json!(1))
        );
    }
}

#[test]
fn the_master_region_is_never_skipped_unless_it_is_excluded() {
    let fleet = one_image();
    let outcome = fleet
        .glancesync(&["--make-backup", "RegionOne", "RegionTwo"])
        .run()
        .expect(0);
    assert_eq!(outcome.warnings(), [""; 0]);
    assert_eq!(printed(&outcome).len(), 2, "{outcome}");
    let words = ["--make-backup", "--exclude", "RegionOne"];
    let outcome = fleet.glancesync(&words).run().expect(0);
    let names: Vec<_> = printed(&outcome)
        .iter()
        .map(|path| path.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["RegionThree.json", "RegionTwo.json"]);
}

#[test]
fn without_a_log_dir_that_can_be_written_nothing_begins() {
    let fleet = one_image();
    let file = fleet.write_private("file", "");
    let config = fleet
        .config()
        .set("main", "log_dir", file.to_str().unwrap());
    let outcome = fleet.run(&config, &["--make-backup"]).expect(2);
    outcome.assert_fails("backup_failed");
    outcome.assert_says("log_dir");
    assert!(outcome.requests("keystone:master").is_empty(), "{outcome}");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn what_does_not_begin_leaves_no_folder() {
    let fleet = one_image();
    fleet.take_down("keystone:master");
    let config = fleet.config().master("retries", "0");
    fleet.run(&config, &["--make-backup"]).expect(2);
    fleet.run(&config, &["--make-backup", "nowhere:"]).expect(2);
    assert_eq!(entries(&fleet.work_dir()), [""; 0]);
}

#[test]
fn names_of_files_stay_within_the_folder() {
    let fleet = Fleet::embedded(|spec| {
        for name in ["../up", "a/b", "a_b"] {
            spec.keystones[0].regions.push(RegionSpec::new(name));
        }
    });
    let words = ["--make-backup", "../up", "a/b", "a_b"];
    fleet.glancesync(&words).run().expect(0);
    assert_eq!(
        entries(&backup(&fleet.work_dir())),
        ["RegionOne.json", "_._up.json", "a_b.json", "a_b_2.json"]
    );
}

#[test]
fn a_second_signal_drops_the_list_and_keeps_what_is_written() {
    let fleet = Fleet::embedded(|_| ());
    let hang = Fault::always(Effect::Hang {
        when: glancesync::sandbox::When::Before,
    });
    fleet.sandbox().set_faults("RegionTwo", vec![hang]).unwrap();
    let words = ["--make-backup", "RegionTwo", "RegionThree"];
    let before = fleet.traffic_so_far();
    let running = fleet.glancesync(&words).start();
    let listing = || {
        let traffic = fleet.traffic_since(&before);
        (!traffic["master:RegionOne"].is_empty() && !entries(&fleet.work_dir()).is_empty())
            .then(|| backup(&fleet.work_dir()))
            .filter(|folder| entries(folder) == ["RegionOne.json"])
    };
    let folder = wait_for("the first file", listing);
    running.signal("INT");
    running.signal("TERM");
    let outcome = running.wait().expect(130);
    assert_eq!(entries(&folder), ["RegionOne.json"], "{outcome}");
    assert_eq!(printed(&outcome), [folder.join("RegionOne.json")]);
    let finished = &outcome.events_named("run_finished")[0];
    assert_eq!(finished["exit_code"], 130);
}

#[test]
fn people_get_the_paths_alone_on_standard_output() {
    let fleet = one_image();
    let outcome = Program::with(&fleet, &fleet.config())
        .args(["--make-backup", "RegionTwo"])
        .run()
        .expect(0);
    assert!(
        printed(&outcome).iter().all(|path| path.is_file()),
        "{outcome}"
    );
    outcome.assert_says("2 regions");
    let closed = Program::with(&fleet, &fleet.config())
        .args(["--make-backup"])
        .run_into_closed_pipe();
    assert!(!closed.stderr.contains("panicked"), "{closed}");
}
