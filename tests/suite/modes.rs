//! Modes of the command line, what they leave on disk, and which exclude each other.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Program, Who, poll};

fn one_image() -> Fleet {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet
}

/// The folders below that one whose name begins so, sorted.
fn folders(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(prefix)
    };
    let mut found: Vec<PathBuf> = entries.filter(named).collect();
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    folders(folder, "").iter().map(name).collect()
}

/// Whether a name ends in `_<digits>_<digits>`, of so many digits.
fn is_dated(folder: &Path, prefix: &str, time_digits: usize) -> bool {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let parts: Vec<&str> = name.strip_prefix(prefix).unwrap().split('_').collect();
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() >= 2 && digits(parts[0], 8) && digits(parts[1], time_digits)
}

#[test]
fn two_modes_at_once_are_an_error() {
    let fleet = Fleet::start();
    let modes = [
        "--dry-run",
        "--show-status",
        "--show-regions",
        "--make-backup",
    ];
    for one in modes {
        for other in modes.iter().filter(|other| **other != one) {
            let outcome = Program::with(&fleet, &fleet.config())
                .args([one, other])
                .run()
                .expect(2);
            assert_eq!(outcome.stdout, "", "{outcome}");
        }
    }
}

#[test]
fn only_a_parallel_sync_or_dry_run_makes_log_folders() {
    let fleet = one_image();
    for words in [
        &["RegionTwo"][..],
        &["--parallel", "--show-status"],
        &["--parallel", "--show-regions"],
    ] {
        fleet.glancesync(words).run().expect(0);
    }
    assert_eq!(entries(&fleet.work_dir()), [""; 0]);
}

#[test]
fn a_parallel_run_leaves_one_log_for_each_region() {
    let fleet = one_image();
    fleet
        .region("RegionThree")
        .create(NewImage::new("a", "other"));
    let words = ["--parallel", "RegionTwo", "RegionThree", "other:"];
    fleet.glancesync(&words).run().expect(0);
    fleet
        .glancesync(&[&["--dry-run"][..], &words].concat())
        .run()
        .expect(0);
    let folders = folders(&fleet.work_dir(), "sync_");
    assert_eq!(folders.len(), 2, "{folders:?}");
    for folder in &folders {
        assert!(is_dated(folder, "sync_", 4), "{folder:?}");
        assert_eq!(
            entries(folder),
            ["RegionThree.txt", "RegionTwo.txt", "other:RegionOne.txt"]
        );
    }
    let log = std::fs::read_to_string(folders[0].join("RegionTwo.txt")).unwrap();
    assert!(log.contains('a') && !log.contains("checksum"), "{log}");
    let log = std::fs::read_to_string(folders[0].join("RegionThree.txt")).unwrap();
    assert!(log.contains("checksum"), "{log}");
    for line in log.lines() {
        assert!(line.chars().take(30).any(|c| c == ':'), "a time: {line}");
    }
}

#[test]
fn log_dir_is_where_the_folders_are_made() {
    let fleet = one_image();
    let logs = fleet.home().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let config = fleet
        .config()
        .set("main", "log_dir", &logs.display().to_string());
    fleet.run(&config, &["--parallel", "RegionTwo"]).expect(0);
    assert_eq!(folders(&logs, "sync_").len(), 1);
    assert_eq!(entries(&fleet.work_dir()), [""; 0]);
}

#[test]
fn logs_lists_runs_and_prints_a_regions_log() {
    let fleet = one_image();
    fleet
        .region("RegionTwo")
        .create(NewImage::new("a", "other"));
    fleet
        .glancesync(&["--parallel", "RegionTwo", "RegionThree"])
        .run()
        .expect(0);
    let folder = folders(&fleet.work_dir(), "sync_").remove(0);
    let run = folder
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_start_matches("sync_");
    let logs = |words: &[&str]| {
        Program::with(&fleet, &fleet.config())
            .args(["logs"])
            .args(words.iter().copied())
            .run()
            .expect(0)
            .stdout
    };
    assert!(logs(&[]).contains(run));
    assert!(logs(&["RegionTwo"]).contains("checksum"));
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
    let outcome = fleet
        .glancesync(&["--make-backup", "other:"])
        .run()
        .expect(0);
    outcome.assert_changed_nothing();
    let folder = folders(&fleet.work_dir(), "backup_glance_").remove(0);
    assert!(is_dated(&folder, "backup_glance_", 6), "{folder:?}");
    assert_eq!(entries(&folder), ["RegionOne.json", "other:RegionOne.json"]);
    for name in entries(&folder) {
        assert!(outcome.stdout.contains(&name), "{outcome}");
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let mut saved: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut images = fleet.region(name.trim_end_matches(".json")).images();
        for list in [&mut saved, &mut images] {
            list.sort_by_key(|image| image["id"].to_string());
        }
        assert_eq!(saved, images, "{name}");
    }
}

#[test]
fn restore_prints_the_plan_and_apply_carries_it_out() {
    let fleet = one_image();
    let region = fleet.region("RegionTwo");
    let id = region.create(NewImage::new("b", "abc").with("k", "v"));
    fleet
        .glancesync(&["--make-backup", "RegionTwo"])
        .run()
        .expect(0);
    let folder = folders(&fleet.work_dir(), "backup_glance_").remove(0);
    region.set(&id, &[("k", json!("w")), ("name", json!("renamed"))]);
    let words = ["restore", folder.to_str().unwrap(), "RegionTwo"];
    let restore = |more: &[&str]| {
        let program = Program::with(&fleet, &fleet.config()).args(words);
        program.args(more.iter().copied()).run().expect(0)
    };
    restore(&[]).assert_changed_nothing();
    restore(&["--apply"]);
    let image = region.get(&id).unwrap();
    assert_eq!((&image["name"], &image["k"]), (&json!("b"), &json!("v")));
    restore(&["--apply"]).assert_changed_nothing();
}

#[test]
fn one_run_at_a_time_and_read_only_modes_beside_it() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", vec![b'x'; 8 << 20]));
    let running = fleet
        .glancesync(&["--bwlimit", "256K", "RegionTwo"])
        .start();
    let under_way = || {
        fleet
            .region("RegionTwo")
            .names()
            .contains(&"a".to_owned())
            .then_some(())
    };
    poll(std::time::Duration::from_mins(1), under_way).expect("the first run works");
    fleet.glancesync(&["RegionThree"]).run().expect(3);
    for mode in ["--show-status", "--dry-run", "--show-regions"] {
        fleet.glancesync(&[mode]).run().expect(0);
    }
    running.signal("INT");
    running.wait().expect(130);
    assert_eq!(fleet.region("RegionThree").names(), [""; 0]);
    fleet
        .glancesync(&["RegionTwo", "RegionThree"])
        .run()
        .expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn two_interrupts_leave_nothing_half_done() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", vec![b'x'; 8 << 20]));
    let running = fleet
        .glancesync(&["--bwlimit", "256K", "RegionTwo"])
        .start();
    let under_way = || (!fleet.region("RegionTwo").images().is_empty()).then_some(());
    poll(std::time::Duration::from_mins(1), under_way).expect("the run works");
    running.signal("TERM");
    running.signal("INT");
    let outcome = running.wait().expect(130);
    outcome.assert_fails("interrupted a");
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0], "{outcome}");
    assert_eq!(outcome.events_named("run_finished")[0]["exit_code"], 130);
}

#[test]
fn a_closed_standard_output_ends_a_read_only_mode_quietly() {
    let fleet = Fleet::start();
    for number in 0..20 {
        fleet
            .master()
            .create(NewImage::new(&format!("image {number}"), "abc"));
    }
    let status = Program::with(&fleet, &fleet.config()).args(["--show-status"]);
    let outcome = status.run_into_closed_pipe();
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    assert!(
        !outcome.stderr.to_lowercase().contains("broken pipe"),
        "{outcome}"
    );
    let sync = Program::with(&fleet, &fleet.config()).args(["RegionTwo"]);
    let outcome = sync.run_into_closed_pipe();
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    assert_eq!(
        fleet.region("RegionTwo").names().len(),
        20,
        "a sync goes on: {outcome}"
    );
}

#[test]
fn metrics_are_written_at_the_end() {
    let fleet = one_image();
    let file = fleet.home().join("metrics.prom");
    let words = [
        "--metrics-file",
        file.to_str().unwrap(),
        "RegionTwo",
        "RegionThree",
    ];
    fleet.glancesync(&words).run().expect(0);
    let text = std::fs::read_to_string(file).unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("glancesync_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(
        text.contains("RegionTwo") && text.contains("RegionThree"),
        "{text}"
    );
}
