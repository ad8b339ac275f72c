//! Servers that are down: what fails with them, and what does not.

use serde_json::json;

use crate::common::{Config, Fleet, NewImage};

/// One image to be synchronised, and a configuration that does not try for long.
fn one_image() -> (Fleet, Config) {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let config = fleet
        .config()
        .master("retries", "1")
        .set("other", "retries", "1");
    (fleet, config)
}

#[test]
fn a_region_that_is_down_fails_alone() {
    for words in [&[][..], &["--parallel", "--max-children", "3"]] {
        let (fleet, config) = one_image();
        fleet.take_down("master:RegionTwo");
        let words = [words, &["RegionTwo", "RegionThree", "other:"]].concat();
        let outcome = fleet.run(&config, &words).expect(1);
        let errors = outcome.events_named("error");
        assert_eq!(errors[0]["code"], "region_unreachable", "{outcome}");
        assert_eq!(errors[0]["region"], "RegionTwo", "{outcome}");
        assert!(
            errors[0]["hint"]
                .as_str()
                .is_some_and(|hint| !hint.is_empty()),
            "{outcome}"
        );
        let mut results = outcome.results();
        results.sort();
        let expected = [
            "RegionThree changed",
            "RegionTwo failed",
            "other:RegionOne changed",
        ];
        assert_eq!(results, expected);
        let run = &outcome.events_named("run_finished")[0];
        assert_eq!(
            (&run["regions_ok"], &run["regions_failed"]),
            (&json!(2), &json!(1))
        );
        for region in ["RegionThree", "other:RegionOne"] {
            assert_eq!(fleet.region(region).names(), ["a"]);
        }
    }
}

#[test]
fn a_report_goes_on_without_the_region_that_is_down() {
    let (fleet, config) = one_image();
    fleet.take_down("master:RegionTwo");
    for mode in ["--show-status", "--dry-run", "--make-backup"] {
        let outcome = fleet
            .run(&config, &[mode, "RegionTwo", "RegionThree"])
            .expect(1);
        outcome.assert_changed_nothing();
        if mode == "--show-status" {
            assert_eq!(outcome.stdout, "pending_upload,RegionThree,a\n");
        }
    }
}

#[test]
fn another_keystone_that_is_down_fails_its_own_regions() {
    let (fleet, config) = one_image();
    fleet.take_down("keystone:other");
    let outcome = fleet.run(&config, &["other:", "RegionTwo"]).expect(1);
    let errors = outcome.events_named("error");
    assert_eq!(errors[0]["code"], "keystone_unreachable", "{outcome}");
    assert_eq!(errors[0]["region"], "other:", "{outcome}");
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn without_the_master_region_or_its_keystone_nothing_is_done() {
    for server in ["master:RegionOne", "keystone:master"] {
        let (fleet, config) = one_image();
        fleet.take_down(server);
        for words in [
            &["RegionTwo", "other:"][..],
            &["--show-status"],
            &["--dry-run"],
        ] {
            let outcome = fleet.run(&config, words).expect(2);
            assert_eq!(outcome.stdout, "", "{outcome}");
            outcome.assert_changed_nothing();
        }
    }
}

#[test]
fn a_status_report_does_not_depend_on_the_content_of_the_store() {
    let (fleet, _) = one_image();
    let id = fleet.master().the("a")["id"].as_str().unwrap().to_owned();
    std::fs::remove_file(fleet.cloud.regions[0].images_dir.join(id)).unwrap();
    let outcome = fleet.status(&fleet.config(), &["RegionTwo"]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload a"]);
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(1);
    assert!(!outcome.errors().is_empty(), "{outcome}");
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0]);
}
