//! What a run may cost: the bandwidth of all regions together, by the time of day too.

use chrono::{Local, TimeDelta};

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
