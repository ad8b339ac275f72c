//! What a run costs the servers, and what regions cost one another.

use glancesync::sandbox::{Effect, Fault, RegionSpec};

use crate::common::config::credential;
use crate::common::{Config, Fleet, NewImage, Outcome, Program, wait_until};

fn lists(outcome: &Outcome, server: &str) -> Vec<String> {
    let requests = outcome.requests(server).iter();
    requests
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

fn log_ins(outcome: &Outcome, keystone: &str) -> usize {
    let requests = outcome.requests(keystone).iter();
    requests.filter(|request| request.method == "POST").count()
}

fn two_images() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet
        .master()
        .create(NewImage::new("b", "abcdef").with("nid", "1"));
    fleet
}

#[test]
fn a_fleet_in_step_costs_one_log_in_and_one_list_of_each_region() {
    let fleet = two_images();
    fleet.run(&fleet.config(), &[]).expect(0);
    for words in [&[][..], &["--show-status"], &["--parallel"]] {
        let outcome = fleet.run(&fleet.config(), words).expect(0);
        assert_eq!(log_ins(&outcome, "keystone:master"), 1, "{words:?}");
        for region in ["RegionOne", "RegionTwo", "RegionThree"] {
            let region = format!("master:{region}");
            assert_eq!(
                lists(&outcome, &region),
                ["GET /v2/images?limit=1000"],
                "{words:?} {region}"
            );
        }
    }
}

#[test]
fn hidden_images_are_asked_for_where_a_name_is_absent_and_nowhere_else() {
    let fleet = two_images();
    fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    let outcome = fleet.run(&fleet.config(), &["--show-status"]).expect(0);
    assert_eq!(lists(&outcome, "master:RegionTwo").len(), 1);
    assert_eq!(
        lists(&outcome, "master:RegionThree"),
        [
            "GET /v2/images?limit=1000",
            "GET /v2/images?limit=1000&os_hidden=true"
        ]
    );
}

/// Two more targets with the credential of `master`.
fn with_relatives(fleet: &Fleet) -> Config {
    let credential = credential(&fleet.cloud, "master");
    fleet
        .config()
        .set("cousin", "credential", &credential)
        .set("aunt", "credential", &credential)
}

#[test]
fn targets_with_the_same_credential_log_in_once() {
    let fleet = two_images();
    let words = [
        "--show-status",
        "cousin:RegionTwo",
        "RegionThree",
        "aunt:RegionTwo",
        "other:",
    ];
    let outcome = fleet.run(&with_relatives(&fleet), &words).expect(0);
    assert_eq!(log_ins(&outcome, "keystone:master"), 1);
    assert_eq!(log_ins(&outcome, "keystone:other"), 1);
    let regions: Vec<_> = outcome.status().into_iter().map(|line| line.1).collect();
    for region in ["cousin:RegionTwo", "RegionThree", "aunt:RegionTwo"] {
        assert!(regions.contains(&region.to_owned()), "{regions:?}");
    }
}

#[test]
fn a_log_in_that_fails_is_tried_once_and_fails_all_that_share_it() {
    let fleet = two_images();
    let wrong = credential(&fleet.cloud, "other");
    let wrong = wrong.replacen(&fleet.cloud.keystones["other"].sync.name, "nobody", 1);
    let config =
        fleet
            .config()
            .set("cousin", "credential", &wrong)
            .set("aunt", "credential", &wrong);
    let outcome = fleet
        .run(&config, &["cousin:", "aunt:", "RegionTwo"])
        .expect(1);
    assert_eq!(log_ins(&outcome, "keystone:other"), 1);
    let errors = outcome.events_named("error");
    for target in ["cousin:", "aunt:"] {
        let of_target = errors.iter().find(|error| error["region"] == target);
        let message = of_target.unwrap_or_else(|| panic!("{outcome}"))["message"].as_str();
        assert!(message.unwrap().starts_with(target), "{message:?}");
    }
}

#[test]
fn a_limit_on_bandwidth_is_no_stall_and_loses_nothing() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let config = fleet
        .config()
        .master("upload_stall_timeout", "0.2")
        .master("bwlimit", "2");
    fleet.run(&config, &["RegionTwo"]).expect(0);
    let region = fleet.region("RegionTwo");
    let id = region.the("a")["id"].as_str().unwrap().to_owned();
    assert_eq!(region.content(&id), b"abc");
}

#[test]
fn the_command_line_lifts_the_limit_of_every_target() {
    let fleet = Fleet::start();
    // With one byte a second this would take a day.
    fleet.master().create(NewImage::new("a", vec![7; 100_000]));
    let config = fleet
        .config()
        .set("DEFAULT", "bwlimit", "1")
        .set("other", "bwlimit", "1");
    let words = ["--bwlimit", "0", "RegionTwo"];
    fleet.run(&config, &words).expect(0);
    let words = ["--bwlimit", "1GiB", "RegionThree", "other:"];
    fleet.run(&config, &words).expect(0);
    assert_eq!(fleet.region("other:RegionOne").names(), ["a"]);
}

#[test]
fn a_limit_that_is_none_is_refused_where_it_stands() {
    let fleet = Fleet::start();
    let outcome = Program::with(&fleet, &fleet.config())
        .args(["--bwlimit", "fast"])
        .run()
        .expect(2);
    assert!(
        outcome.stderr.contains("--bwlimit <RATE>") && outcome.stderr.contains("'fast'"),
        "{outcome}"
    );
}

#[test]
fn nine_regions_end_while_a_tenth_takes_its_time() {
    const FAST: usize = 9;
    let name = |number: usize| format!("Fast{number}");
    let fleet = Fleet::embedded(|spec| {
        for number in 0..FAST {
            spec.keystones[0]
                .regions
                .push(RegionSpec::new(name(number)));
        }
    });
    fleet.master().create(NewImage::new("a", vec![7; 12 << 20]));
    // Half a day for this one.
    let slowly = Effect::Slow { bytes_per_sec: 256 };
    let fault = Fault::new("PUT", "/v2/images/*/file", slowly);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    let names: Vec<String> = (0..FAST).map(name).collect();
    let words = ["--parallel", "--max-children", "10", "RegionTwo"].map(ToOwned::to_owned);
    let running = Program::with(&fleet, &fleet.config())
        .args(words.into_iter().chain(names.clone()))
        .events()
        .start();
    let is_public = |region: &String| {
        let images = fleet.region(region).images();
        images.iter().any(|image| image["visibility"] == "public")
    };
    wait_until("all fast regions done", || names.iter().all(is_public));
    let slow = fleet.region("RegionTwo").images();
    running.signal("INT");
    running.signal("TERM");
    let outcome = running.wait().expect(130);
    assert_eq!(slow[0]["visibility"], "private");
    assert_eq!(slow[0]["status"], "saving");
    let finished = outcome.events_named("action_finished");
    assert_eq!(finished.len(), FAST, "{outcome}");
}
