//! Signals: what is under way is undone or finished, and nothing new begins.

use std::time::Duration;

use glancesync::sandbox::{Effect, Fault};
use serde_json::json;

use crate::common::{Fleet, NewImage, Outcome, poll};

/// Two images, of which the first takes `RegionTwo` a few seconds to read.
fn slow_upload() -> Fleet {
    let fleet = Fleet::embedded(|_| ());
    for (name, size) in [("a", 2 << 20), ("b", 3 << 20)] {
        fleet.master().create(NewImage::new(name, vec![b'x'; size]));
    }
    let slow = Effect::Slow {
        bytes_per_sec: 1 << 20,
    };
    let fault = Fault::new("PUT", "/v2/images/*/file", slow);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    fleet
}

/// Starts a run and sends it these signals while it uploads.
#[track_caller]
fn interrupt(fleet: &Fleet, signals: &[&str]) -> Outcome {
    let running = fleet.glancesync(&["RegionTwo", "RegionThree"]).start();
    let uploading = || {
        let images = fleet.region("RegionTwo").images();
        images
            .iter()
            .any(|image| image["status"] == "saving")
            .then_some(())
    };
    poll(Duration::from_mins(1), uploading).expect("an upload under way");
    for signal in signals {
        running.signal(signal);
    }
    let outcome = running.wait().expect(130);
    assert_eq!(fleet.region("RegionThree").names(), [""; 0], "{outcome}");
    let run = &outcome.events_named("run_finished")[0];
    assert_eq!(run["exit_code"], 130, "{outcome}");
    outcome
}

#[test]
fn the_first_signal_starts_nothing_new_and_leaves_nothing_half_done() {
    for signal in ["INT", "TERM"] {
        let fleet = slow_upload();
        let outcome = interrupt(&fleet, &[signal]);
        let images = fleet.region("RegionTwo").images();
        assert!(images.len() <= 1, "{signal}: {outcome}");
        for image in images {
            assert_eq!(image["name"], "a", "{outcome}");
            assert_eq!(
                (&image["status"], &image["visibility"]),
                (&json!("active"), &json!("public"))
            );
            assert_eq!(image["tags"], json!([]), "{outcome}");
        }
    }
}

#[test]
fn the_second_signal_clears_away_what_is_under_way() {
    let fleet = slow_upload();
    let outcome = interrupt(&fleet, &["TERM", "INT"]);
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0], "{outcome}");
}
