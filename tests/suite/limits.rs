//! What a run may cost: the bandwidth of all regions together, by the time of day too, and its time.

use chrono::{Local, TimeDelta};
use glancesync::sandbox::{Effect, Fault};
use serde_json::json;

use crate::common::{Fleet, NewImage};

#[test]
fn regions_share_the_total_bandwidth_evenly_and_none_is_blamed_for_it() {
    const SIZE: usize = 300 << 10;
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", vec![7; SIZE]));
    let config = fleet
        .config()
        .set("DEFAULT", "upload_stall_timeout", "0.5")
        .set("main", "bwlimit_total", "200K")
        .master("bwlimit", "1G");
    let words = ["--parallel", "RegionTwo", "RegionThree"];
    let outcome = fleet.run(&config, &words).expect(0);
    let uploads = outcome.events_named("action_finished");
    assert_eq!(uploads.len(), 2, "{outcome}");
    for upload in uploads {
        // Alone each would take half of the three seconds.
        let seconds = upload["seconds"].as_f64().unwrap();
        assert!(seconds > 2.2, "{upload}");
    }
    let whole = outcome.events_named("run_finished")[0]["seconds"].clone();
    assert!(whole.as_f64().unwrap() > 2.8, "{whole}");
}

#[test]
fn a_timetable_counts_by_the_local_time_and_its_wrong_entry_is_named() {
    let fleet = Fleet::start();
    // With one byte a second this would take a day.
    fleet.master().create(NewImage::new("a", vec![7; 100_000]));
    let at = |hours| (Local::now() + TimeDelta::hours(hours)).format("%H:%M");
    let off = format!("{},1 {},off", at(6), at(-6));
    let config = fleet
        .config()
        .set("main", "bwlimit_total", &off)
        .set("DEFAULT", "bwlimit", &off);
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
    let config = config.master("bwlimit", "08:00,5M 19.00,off");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(2);
    outcome.assert_says("the entry `19.00,off` of the timetable does not begin with a time");
}

#[test]
fn a_run_without_time_begins_nothing_and_a_read_only_mode_has_time() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let config = fleet.config().set("main", "max_duration", "0.001");
    let words = ["RegionTwo", "RegionThree"];
    let outcome = fleet.run(&config, &words).expect(1);
    outcome.assert_changed_nothing();
    let skipped = outcome.events_named("region_skipped");
    assert_eq!(skipped.len(), 2, "{outcome}");
    for (event, region) in skipped.iter().zip(words) {
        assert_eq!(
            (&event["region"], &event["reason"]),
            (&json!(region), &json!("out_of_time"))
        );
    }
    assert_eq!(outcome.errors(), ["out_of_time"; 2], "{outcome}");
    let run = &outcome.events_named("run_finished")[0];
    assert_eq!(run["regions_not_begun"], 2, "{run}");
    let status = fleet.status(&config, &words);
    assert_eq!(status.code, Some(0), "{status}");
}

#[test]
fn when_the_time_is_over_the_action_under_way_is_finished_and_the_next_run_does_the_rest() {
    let fleet = Fleet::embedded(|_| ());
    for (name, size) in [("a", 3 << 20), ("b", 4 << 20)] {
        fleet.master().create(NewImage::new(name, vec![b'x'; size]));
    }
    let slow = Effect::Slow {
        bytes_per_sec: 512 << 10,
    };
    let fault = Fault::new("PUT", "/v2/images/*/file", slow).on(1, 1);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    let config = fleet.config().set("main", "max_duration", "3s");
    let words = ["RegionTwo", "RegionThree"];
    let outcome = fleet.run(&config, &words).expect(1);
    let region = fleet.region("RegionTwo");
    assert_eq!(region.names(), ["a"], "{outcome}");
    let image = region.the("a");
    assert_eq!(
        (&image["visibility"], &image["tags"]),
        (&json!("public"), &json!([]))
    );
    let errors = outcome.events_named("error");
    let told: Vec<_> = errors
        .iter()
        .map(|error| (&error["code"], &error["region"]))
        .collect();
    let code = json!("out_of_time");
    assert_eq!(
        told,
        [(&code, &json!("RegionTwo")), (&code, &json!("RegionThree"))],
        "{outcome}"
    );
    assert_eq!(outcome.events_named("region_skipped").len(), 1);
    let run = &outcome.events_named("run_finished")[0];
    let reason = run["reason"].as_str().unwrap();
    let why = "the run took longer than `max_duration` (3s); 1 region failed: RegionTwo";
    assert_eq!((&run["exit_code"], reason), (&json!(1), why));
    let outcome = fleet.glancesync(&words).run().expect(0);
    assert_eq!(outcome.uploads("master:RegionTwo"), 1, "{outcome}");
    assert_eq!(outcome.results().len(), 2);
}
