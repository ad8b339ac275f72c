//! `--metrics-file`: what a run came to, for a monitoring system, however the run ends.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::common::{Fleet, NewImage};

fn fleet() -> Fleet {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet
}

/// The file, and the words that name it.
fn file(fleet: &Fleet) -> (PathBuf, String) {
    let path = fleet.home().join("glancesync.prom");
    let word = path.to_str().unwrap().to_owned();
    (path, word)
}

/// The value of the sample that begins so.
#[track_caller]
fn value(path: &PathBuf, start: &str) -> i64 {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| {
        // Labels that all samples have stand before their own.
        let (name, labels) = start.split_once('{').unwrap_or((start, ""));
        line.strip_prefix(name).is_some_and(|rest| {
            rest.starts_with('{') && rest.contains(labels.trim_end_matches('}'))
        })
    });
    let line = line.unwrap_or_else(|| panic!("{start} in {text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn a_sync_says_what_it_came_to() {
    let fleet = fleet();
    let (path, word) = file(&fleet);
    fleet
        .glancesync(&["--metrics-file", &word, "RegionTwo"])
        .run()
        .expect(0);
    assert_eq!(value(&path, "glancesync_last_run_exit_code"), 0);
    assert_eq!(value(&path, "glancesync_uploaded_bytes"), 3);
    let of_region =
        |status: &str| format!("glancesync_images{{region=\"RegionTwo\",status=\"{status}\"}}");
    assert_eq!(value(&path, &of_region("ok")), 1);
    assert_eq!(value(&path, &of_region("pending_upload")), 0);
    assert_eq!(value(&path, "glancesync_regions{result=\"changed\"}"), 1);
    let ended = value(&path, "glancesync_last_run_timestamp_seconds");
    assert_eq!(
        value(&path, "glancesync_last_success_timestamp_seconds"),
        ended
    );
    // node_exporter runs as another user.
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn a_run_that_fails_keeps_when_the_last_one_succeeded() {
    let fleet = fleet();
    let (path, word) = file(&fleet);
    let words = ["--metrics-file", word.as_str(), "RegionTwo"];
    fleet.glancesync(&words).run().expect(0);
    let success = value(&path, "glancesync_last_success_timestamp_seconds");
    fleet.take_down("master:RegionThree");
    let config = fleet.config().master("retries", "0");
    fleet
        .run(&config, &[&words[..], &["RegionThree"]].concat())
        .expect(1);
    assert_eq!(value(&path, "glancesync_last_run_exit_code"), 1);
    let start = "glancesync_errors{region=\"RegionThree\",code=\"region_unreachable\"}";
    assert_eq!(value(&path, start), 1);
    assert_eq!(
        value(&path, "glancesync_region_failed{region=\"RegionThree\"}"),
        1
    );
    let kept = value(&path, "glancesync_last_success_timestamp_seconds");
    assert_eq!(kept, success);
    // One that ends before it begins too.
    fleet
        .glancesync(&[&words[..], &["--config", "main.max_children=0"]].concat())
        .run()
        .expect(2);
    assert_eq!(value(&path, "glancesync_last_run_exit_code"), 2);
    let kept = value(&path, "glancesync_last_success_timestamp_seconds");
    assert_eq!(kept, success);
}

#[test]
fn a_file_that_cannot_be_written_ends_the_run_before_it_begins() {
    let fleet = fleet();
    for path in [
        fleet.home().join("no/such/folder/x.prom"),
        fleet.home().to_owned(),
    ] {
        let word = path.to_str().unwrap();
        let outcome = fleet
            .glancesync(&["--metrics-file", word, "RegionTwo"])
            .run()
            .expect(2);
        outcome.assert_says("--metrics-file");
        outcome.assert_changed_nothing();
    }
    assert!(fleet.region("RegionTwo").names().is_empty());
}
