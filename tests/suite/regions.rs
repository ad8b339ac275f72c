//! Which regions a run works on, and in which order.

use crate::common::{Config, Fleet, NewImage, Outcome, Program};

/// The expansion of `master:` where nothing else is said.
const ALL_OF_MASTER: [&str; 2] = ["RegionThree", "RegionTwo"];

/// The regions of `run_started`.
#[track_caller]
fn regions(outcome: &Outcome) -> Vec<String> {
    let started = &outcome.events_named("run_started")[0];
    let regions = started["regions"]
        .as_array()
        .unwrap_or_else(|| panic!("no regions in {outcome}"));
    regions
        .iter()
        .map(|region| region.as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn assert_order(fleet: &Fleet, config: &Config, words: &[&str], expected: &[&str]) {
    let outcome = fleet.status(config, words);
    assert_eq!(regions(&outcome), expected, "{words:?}");
    let mut reported: Vec<String> = outcome.status().into_iter().map(|(_, of, _)| of).collect();
    reported.dedup();
    assert_eq!(reported, expected, "{words:?}");
}

fn with_one_image() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet
}

#[test]
fn regions_are_taken_in_the_order_given_and_once() {
    let fleet = with_one_image();
    let config = fleet
        .config()
        .set("main", "preferable_order", "RegionThree");
    let given = [
        "RegionTwo",
        "other:RegionOne",
        "RegionThree",
        "master:RegionTwo",
    ];
    assert_order(
        &fleet,
        &config,
        &given,
        &["RegionTwo", "other:RegionOne", "RegionThree"],
    );
}

#[test]
fn without_a_region_all_of_master_are_meant_by_name() {
    let fleet = with_one_image();
    assert_order(&fleet, &fleet.config(), &[], &ALL_OF_MASTER);
    assert_order(&fleet, &fleet.config(), &["master:"], &ALL_OF_MASTER);
}

#[test]
fn a_target_alone_stands_for_all_its_regions() {
    let fleet = with_one_image();
    let words = ["other:", "RegionTwo", "master:"];
    let expected = ["other:RegionOne", "RegionTwo", "RegionThree"];
    assert_order(&fleet, &fleet.config(), &words, &expected);
}

#[test]
fn the_preferable_order_counts_for_expanded_lists_only() {
    let fleet = with_one_image();
    let order = "Nowhere, RegionTwo, other:RegionOne, RegionThree";
    let config = fleet.config().set("main", "preferable_order", order);
    assert_order(&fleet, &config, &[], &["RegionTwo", "RegionThree"]);
    assert_order(
        &fleet,
        &config,
        &["RegionThree", "RegionTwo"],
        &ALL_OF_MASTER,
    );
}

#[test]
fn ignored_regions_leave_the_expansion_but_can_be_named() {
    let fleet = with_one_image();
    let config = fleet.config().master("ignore_regions", "RegionTwo");
    assert_order(&fleet, &config, &["master:"], &["RegionThree"]);
    assert_order(&fleet, &config, &["RegionTwo"], &["RegionTwo"]);
    for name in ["RegionOne", "other:RegionOne"] {
        let config = config.clone().set("other", "ignore_regions", name);
        assert_order(&fleet, &config, &["other:", "master:"], &["RegionThree"]);
    }
}

#[test]
fn exclude_removes_a_region_however_it_was_chosen() {
    let fleet = with_one_image();
    let words = [
        "--exclude",
        "RegionTwo",
        "--exclude",
        "other:RegionOne",
        "RegionTwo",
        "other:",
        "master:",
    ];
    assert_order(&fleet, &fleet.config(), &words, &["RegionThree"]);
}

#[test]
fn no_region_left_is_no_error() {
    let fleet = with_one_image();
    let config = fleet.config();
    let outcome = fleet
        .run(&config, &["--exclude", "RegionTwo", "RegionTwo"])
        .expect(0);
    outcome.assert_changed_nothing();
    let program = Program::with(&fleet, &config).args(["--exclude", "RegionTwo", "RegionTwo"]);
    assert!(!program.run().expect(0).stderr.is_empty(), "a message");
}

#[test]
fn the_master_region_is_told_by_its_endpoint_and_skipped() {
    let fleet = with_one_image();
    for name in ["RegionOne", "master:RegionOne", "Alias"] {
        let outcome = fleet.run(&fleet.config(), &[name, "RegionTwo"]).expect(0);
        assert!(
            outcome
                .warnings()
                .contains(&"master_region_skipped".to_owned()),
            "{outcome}"
        );
        assert_eq!(outcome.results().len(), 1, "{outcome}");
        assert!(outcome.changes("master:RegionOne").is_empty(), "{outcome}");
    }
}

#[test]
fn a_name_that_nothing_has_ends_every_mode_before_its_first_change() {
    let fleet = with_one_image();
    let before = fleet.snapshot();
    let names = [
        ("RegionTow", "`RegionTwo`"),
        ("regiontwo", "`RegionTwo`"),
        ("Empty", "RegionTwo"),
        ("other:RegionTwo", "`RegionTwo`"),
        ("other", "`other:`"),
        ("nowhere:", "[other]"),
        ("othr:RegionOne", "`other:RegionOne`"),
        ("RegionTwo,RegionThree", "`RegionTwo RegionThree`"),
        ("deom", "the command `demo`"),
    ];
    for (name, meant) in names {
        for words in [&[name, "RegionThree"][..], &["RegionThree", name]] {
            let outcome = fleet.run(&fleet.config(), words).expect(2);
            outcome.assert_fails("region_unknown");
            outcome.assert_says(meant);
            outcome.assert_changed_nothing();
        }
    }
    for mode in [
        "--dry-run",
        "--show-status",
        "--show-regions",
        "--make-backup",
    ] {
        let words = [mode, "RegionThree", "RegionTow"];
        let outcome = fleet.run(&fleet.config(), &words).expect(2);
        outcome.assert_fails("region_unknown");
    }
    assert_eq!(fleet.snapshot(), before);
}

#[test]
fn a_misspelt_exclusion_spares_every_region() {
    let fleet = with_one_image();
    let before = fleet.snapshot();
    for name in [
        "RegionTow",
        "other:RegionTwo",
        "othr:RegionOne",
        "nowhere:RegionTwo",
    ] {
        let outcome = fleet.run(&fleet.config(), &["--exclude", name]).expect(2);
        outcome.assert_fails("region_unknown");
        outcome.assert_says("--exclude");
        outcome.assert_changed_nothing();
    }
    assert_eq!(fleet.snapshot(), before);
    let words = [
        "--exclude",
        "RegionOne",
        "--exclude",
        "Alias",
        "--exclude",
        "RegionTwo",
    ];
    fleet.run(&fleet.config(), &words).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0]);
    assert_eq!(fleet.region("RegionThree").names(), ["a"]);
}

#[test]
fn all_wrong_names_are_told_at_once() {
    let fleet = with_one_image();
    let words = ["RegionTow", "nowhere:", "--exclude", "RegionThee"];
    let outcome = fleet.run(&fleet.config(), &words).expect(2);
    for name in ["RegionTow", "nowhere", "RegionThee"] {
        outcome.assert_says(name);
    }
}

#[test]
fn all_stands_for_every_region_of_every_target() {
    let fleet = with_one_image();
    let expected = ["RegionThree", "RegionTwo", "other:RegionOne"];
    assert_order(&fleet, &fleet.config(), &["--all"], &expected);
    let words = ["--all", "--exclude", "other:"];
    assert_order(&fleet, &fleet.config(), &words, &ALL_OF_MASTER);
    fleet
        .run(&fleet.config(), &["--all", "RegionTwo"])
        .expect(2);
}

#[test]
fn what_answers_to_nothing_in_the_configuration_is_a_warning() {
    let fleet = with_one_image();
    let slips = [
        ("ignore_regions", "RegionTow", "`RegionTwo`"),
        ("ignore_regions", "nowhere:RegionTwo", "nowhere"),
        ("metadata_set", "no_such_property", "no_such_property"),
        (
            "forcesyncs",
            "6e240dd4-e304-4599-b7d8-e38e13cef058",
            "6e240dd4",
        ),
    ];
    for (key, entry, meant) in slips {
        let config = fleet.config().master(key, entry);
        for mode in ["--dry-run", "--show-status"] {
            let outcome = fleet.run(&config, &[mode]).expect(0);
            outcome.assert_warns("no_match");
            outcome.assert_says(meant);
        }
    }
    let config = fleet.config().master("ignore_regions", "RegionTwo").set(
        "main",
        "preferable_order",
        "Nowhere",
    );
    let outcome = fleet.run(&config, &["--dry-run"]).expect(0);
    assert!(
        !outcome.warnings().contains(&"no_match".to_owned()),
        "{outcome}"
    );
}

#[test]
fn a_selection_that_picks_nothing_is_told() {
    let fleet = with_one_image();
    let config = fleet.config().master("metadata_condition", "False");
    for mode in ["--parallel", "--dry-run"] {
        let outcome = fleet.run(&config, &[mode, "RegionTwo"]).expect(0);
        outcome.assert_warns("empty_selection");
        assert!(
            outcome.stdout.contains("No image is selected for [master]"),
            "{outcome}"
        );
    }
    let words = ["--dry-run", "--format", "json", "RegionTwo"];
    let json = fleet.run(&config, &words).expect(0).json();
    assert_eq!(json["summary"]["empty_selections"][0], "master", "{json}");
}

#[test]
fn show_regions_prints_the_regions_of_every_target_in_run_order() {
    let fleet = Fleet::start();
    let show = |config: &Config| fleet.run(config, &["--show-regions"]).expect(0).stdout;
    assert_eq!(
        show(&fleet.config()),
        "RegionThree\nRegionTwo\nother:RegionOne\n"
    );
    let config = fleet
        .config()
        .set("main", "preferable_order", "RegionTwo")
        .set("other", "ignore_regions", "RegionOne");
    assert_eq!(show(&config), "RegionTwo\nRegionThree\n");
    let json = fleet
        .run(&config, &["--show-regions", "--format", "json"])
        .expect(0)
        .json();
    assert!(json.to_string().contains("RegionThree"), "{json}");
}

#[test]
fn a_target_that_cannot_be_logged_in_to_fails_its_own_regions_only() {
    let fleet = with_one_image();
    let config = fleet.config().without("other", "credential");
    let keystone = &fleet.cloud.keystones["other"];
    let config = config
        .set("other", "user", &keystone.sync.name)
        .set("other", "password", "wrong")
        .set("other", "keystone_url", &keystone.url)
        .set("other", "tenant", &keystone.sync.project);
    for name in ["other:", "other:RegionOne"] {
        fleet.region("RegionTwo").purge();
        let outcome = fleet.run(&config, &[name, "RegionTwo"]).expect(1);
        let errors = outcome.events_named("error");
        assert_eq!(
            (&errors[0]["code"], &errors[0]["region"]),
            (&"auth_failed".into(), &name.into())
        );
        assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
    }
}

#[test]
fn two_targets_may_share_a_keystone_and_select_differently() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet.master().create(NewImage::new("b", "abc"));
    let credential = crate::common::config::credential(&fleet.cloud, "master");
    let config = fleet
        .config()
        .set("few", "credential", &credential)
        .set("few", "metadata_set", "nid")
        .master("ignore_regions", "RegionThree");
    let outcome = fleet
        .run(&config, &["master:", "few:RegionThree"])
        .expect(0);
    assert_eq!(
        outcome.results(),
        ["RegionTwo changed", "few:RegionThree changed"]
    );
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b"]);
    assert_eq!(fleet.region("RegionThree").names(), ["a"]);
    let outcome = fleet.status(&config, &["few:"]);
    assert_eq!(outcome.status_of("few:RegionThree"), ["ok a"]);
}
