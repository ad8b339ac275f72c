//! Modes of the command line, what they leave on disk, and which exclude each other.

use std::path::{Path, PathBuf};

use crate::common::{Fleet, NewImage, Program};

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
    // Where it is set, every sync leaves its logs, and a dry run only with `--parallel`.
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(folders(&logs, "sync_").len(), 2);
    fleet.run(&config, &["--dry-run", "RegionTwo"]).expect(0);
    assert_eq!(folders(&logs, "sync_").len(), 2);
    fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    assert_eq!(entries(&fleet.work_dir()), [""; 0]);
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
