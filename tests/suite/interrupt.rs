//! Signals: what is under way is undone or finished, and nothing new begins.

use glancesync::sandbox::{Effect, Fault, When};
use serde_json::json;

use crate::common::{Fleet, NewImage, Outcome, Program, wait_until};

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
    fleet.region("RegionTwo").wait_for_an_upload();
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

/// Starts a run in the region whose first such request hangs, and sends it that signal then.
#[track_caller]
fn interrupt_at(method: &str, path: &str, when: When, signals: &[&str]) -> (Fleet, Outcome) {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "abc"));
    let hang = Fault::new(method, path, Effect::Hang { when }).on(1, 1);
    fleet.sandbox().set_faults("RegionTwo", vec![hang]).unwrap();
    let running = fleet.glancesync(&["RegionTwo", "RegionThree"]).start();
    fleet.wait_for_a_held_request("RegionTwo");
    for signal in signals {
        running.signal(signal);
    }
    (fleet, running.wait().expect(130))
}

#[test]
fn a_list_is_not_waited_for_and_every_region_that_is_not_done_says_so() {
    let (fleet, outcome) = interrupt_at("GET", "/v2/images", When::Before, &["INT"]);
    let errors = outcome.events_named("error");
    let told: Vec<_> = errors
        .iter()
        .map(|error| (&error["code"], &error["region"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("interrupted"), &json!("RegionTwo")),
            (&json!("interrupted"), &json!("RegionThree"))
        ],
        "{outcome}"
    );
    assert_eq!(outcome.results(), ["RegionTwo failed"]);
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0]);
}

#[test]
fn what_hangs_is_dropped_and_leaves_nothing_behind() {
    for (method, path, when) in [
        ("POST", "/v2/images", When::Before),
        ("POST", "/v2/images", When::After),
        ("PUT", "/v2/images/*/file", When::Before),
    ] {
        let (fleet, outcome) = interrupt_at(method, path, when, &["INT", "TERM"]);
        assert_eq!(fleet.region("RegionTwo").names(), [""; 0], "{outcome}");
        outcome.assert_fails("interrupted a");
    }
}

#[test]
fn what_is_complete_though_its_answer_hangs_is_kept_for_the_next_run() {
    let place = ("PUT", "/v2/images/*/file", When::After);
    let (fleet, outcome) = interrupt_at(place.0, place.1, place.2, &["INT", "TERM"]);
    outcome.assert_fails("interrupted a");
    let region = fleet.region("RegionTwo");
    let kept = region.the("a");
    assert_eq!(
        (&kept["status"], &kept["visibility"]),
        (&json!("active"), &json!("private")),
        "{outcome}"
    );
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.uploads("master:RegionTwo"), 0, "{outcome}");
    assert_eq!(region.the("a")["id"], kept["id"]);
    assert_eq!(region.the("a")["visibility"], "public");
}

#[test]
fn a_third_signal_ends_at_once() {
    // The hanging deletion of what was half sent has some time of its own, which is not waited for.
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "abc"));
    let hang = |method, path| Fault::new(method, path, Effect::Hang { when: When::Before });
    let faults = vec![
        hang("PUT", "/v2/images/*/file"),
        hang("DELETE", "/v2/images/*"),
    ];
    fleet.sandbox().set_faults("RegionTwo", faults).unwrap();
    let running = fleet.glancesync(&["RegionTwo"]).start();
    fleet.wait_for_a_held_request("RegionTwo");
    running.signal("INT");
    running.signal("TERM");
    wait_until("a deletion under way", || {
        let requests = fleet.sandbox().requests("RegionTwo").unwrap();
        requests.iter().any(|request| request.method == "DELETE")
    });
    running.signal("INT");
    let outcome = running.wait().expect(130);
    assert!(outcome.events_named("run_finished").is_empty(), "{outcome}");
}

#[test]
fn a_terminal_that_closes_stops_nothing_under_nohup() {
    let fleet = slow_upload();
    let running = fleet
        .glancesync(&["RegionTwo"])
        .after("trap '' HUP")
        .start();
    fleet.region("RegionTwo").wait_for_an_upload();
    running.signal("HUP");
    running.wait().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b"]);
}

#[test]
fn a_terminal_that_closes_is_an_interrupt() {
    let fleet = slow_upload();
    let running = fleet.glancesync(&["RegionTwo"]).start();
    fleet.region("RegionTwo").wait_for_an_upload();
    running.signal("HUP");
    running.wait().expect(130).assert_fails("interrupted");
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn a_person_is_told_what_each_signal_does() {
    let fleet = slow_upload();
    let path = fleet.write_private("glancesync.conf", &fleet.config().text());
    let mut running = Program::bare(&fleet)
        .args(["--config-file".into(), path.into_os_string()])
        .args(["RegionTwo"])
        .start();
    fleet.region("RegionTwo").wait_for_an_upload();
    running.signal("INT");
    running.wait_until_it_says("waiting for upload `a` in RegionTwo; a second signal drops that");
    running.signal("INT");
    let outcome = running.wait().expect(130);
    outcome.assert_says("stopping: ");
    outcome.assert_says("connections are closed");
    outcome.assert_says("a third signal ends the program at once");
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0], "{outcome}");
}
