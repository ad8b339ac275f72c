//! Regions whose Glance hashes otherwise than the master's, or not at all.

use glancesync::sandbox::{Effect, Fault, HashAlgorithm, HashSpec};
use serde_json::Value;

use crate::common::{Config, Fleet, NewImage, Outcome};

const SHA256: HashSpec = HashSpec {
    md5: false,
    algorithm: Some(HashAlgorithm::Sha256),
};
const NONE: HashSpec = HashSpec {
    md5: false,
    algorithm: None,
};

/// An embedded fleet whose `RegionTwo` gives these hashes, with two images at the master.
fn fleet(hashes: HashSpec) -> Fleet {
    let fleet = Fleet::embedded(|spec| spec.keystones[0].regions[1].hashes = hashes);
    for name in ["a", "b"] {
        fleet.master().create(NewImage::new(name, content(name)));
    }
    fleet
}

fn content(name: &str) -> Vec<u8> {
    name.as_bytes().repeat(300_000)
}

fn of(fleet: &Fleet, source: &str) -> Config {
    fleet.config().set("main", "source", source)
}

/// How often content was sent to `RegionTwo`.
fn uploads(outcome: &Outcome) -> usize {
    let changes = outcome.changes("master:RegionTwo");
    let is_upload = |path: &str| path.ends_with("/file");
    changes
        .iter()
        .filter(|it| it.method == "PUT" && is_upload(&it.path))
        .count()
}

#[track_caller]
fn assert_in_step(fleet: &Fleet) {
    let region = fleet.region("RegionTwo");
    assert_eq!(region.names(), ["a", "b"]);
    for name in ["a", "b"] {
        let image = region.the(name);
        assert!(region.content(image["id"].as_str().unwrap()) == content(name));
        assert_eq!(image["visibility"], "public");
        assert_eq!(image["checksum"], Value::Null);
    }
}

#[test]
fn what_is_sent_is_hashed_by_the_regions_kind_and_known_from_then_on() {
    for source in ["directory", "glance"] {
        let fleet = fleet(SHA256);
        let config = of(&fleet, source);
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert_eq!(uploads(&outcome), 2, "{outcome}");
        assert_in_step(&fleet);
        let outcome = fleet.status(&config, &["RegionTwo"]);
        assert_eq!(outcome.status_of("RegionTwo"), ["ok a", "ok b"]);
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert!(outcome.changes("master:RegionTwo").is_empty(), "{outcome}");
        // Also in the run that finds out its kind by its list.
        fleet.master().create(NewImage::new("c", "abc"));
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload c"]);
        assert_eq!(uploads(&outcome), 1);
    }
}

#[test]
fn a_host_that_has_no_hash_reads_the_content_once_and_sends_nothing() {
    for source in ["directory", "glance"] {
        let fleet = fleet(SHA256);
        let region = fleet.region("RegionTwo");
        for name in ["a", "b"] {
            region.create(NewImage::new(name, content(name)));
        }
        let config = of(&fleet, source).master("replace", "any");
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert!(outcome.changes("master:RegionTwo").is_empty(), "{outcome}");
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert!(
            outcome
                .requests("master:RegionOne")
                .iter()
                .all(|it| !it.path.ends_with("/file")),
            "{outcome}"
        );
        let outcome = fleet.status(&config, &["RegionTwo"]);
        assert_eq!(outcome.status_of("RegionTwo"), ["ok a", "ok b"]);
    }
}

#[test]
fn another_content_of_another_kind_is_replaced_where_a_list_says_so() {
    let fleet = fleet(SHA256);
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a", "old"));
    let hash = region.the("a")["os_hash_value"]
        .as_str()
        .unwrap()
        .to_owned();
    let outcome = fleet
        .run(&fleet.config(), &["--fail-on", "error", "RegionTwo"])
        .expect(1);
    let warnings = outcome.events_named("warning");
    let conflict = warnings
        .iter()
        .find(|it| it["code"] == "checksum_conflict")
        .unwrap();
    assert_eq!(conflict["checksum"], format!("sha256:{hash}"));
    let list = format!("SHA256:{}", hash.to_uppercase());
    fleet
        .run(&fleet.config().master("replace", &list), &["RegionTwo"])
        .expect(0);
    assert_in_step(&fleet);
}

#[test]
fn what_is_damaged_on_the_way_is_found_by_the_regions_own_hash() {
    let fleet = fleet(SHA256);
    let fault = Fault::new("PUT", "/v2/images/*/file", Effect::WrongContent);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    let outcome = fleet.run(&fleet.config(), &["RegionTwo"]).expect(1);
    outcome.assert_fails("checksum_mismatch a");
    assert!(fleet.region("RegionTwo").names().is_empty());
}

#[test]
fn a_region_without_hashes_gets_nothing_and_says_why() {
    let fleet = fleet(NONE);
    let region = fleet.region("RegionTwo");
    let config = fleet.config();
    // Its list tells nothing yet.
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    outcome.assert_fails("not_verifiable a");
    assert!(region.names().is_empty());

    // It is not tried again, whatever the mode; the other one has its turn.
    let planned = fleet.run(&config, &["--dry-run", "RegionTwo"]).expect(1);
    planned.assert_warns("not_retried a");
    assert_eq!(planned.errors(), [""; 0], "{planned}");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    outcome.assert_warns("not_retried a");
    assert_eq!(outcome.errors(), ["not_verifiable b"]);
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_eq!(outcome.results(), ["RegionTwo failed"]);
    assert_eq!(outcome.warnings(), ["not_retried a", "not_retried b"]);
    outcome.assert_changed_nothing();

    region.create(NewImage::new("local", "abc"));
    for words in [&["--dry-run", "RegionTwo"][..], &["RegionTwo"]] {
        let outcome = fleet.run(&config, words).expect(1);
        assert_eq!(outcome.errors(), ["not_verifiable a", "not_verifiable b"]);
        assert!(outcome.changes("master:RegionTwo").is_empty(), "{outcome}");
    }
    assert_eq!(region.names(), ["local"]);
}
