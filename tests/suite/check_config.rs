//! `check-config`: what counts, where it comes from, and whether the clouds in it answer.

use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Outcome, Program};

fn check(fleet: &Fleet, config: &crate::common::Config, words: &[&str]) -> Outcome {
    Program::with(fleet, config)
        .args(["check-config"])
        .args(words.iter().copied())
        .run()
}

/// The entry of a key in the document.
fn value<'a>(document: &'a Value, section: &str, key: &str) -> &'a Value {
    let values = document["values"].as_array().unwrap();
    values
        .iter()
        .find(|value| value["section"] == section && value["key"] == key)
        .unwrap_or_else(|| panic!("no {section}.{key}"))
}

#[test]
fn it_prints_what_counts_without_secrets() {
    let fleet = Fleet::start();
    let secret = &fleet.cloud.keystones["other"].sync.password;
    let config = fleet
        .config()
        .master("metadata_set", "nid")
        .set("other", "password", secret);
    let json = ["--format", "json", "--log-format", "json"];
    for words in [&[][..], &json] {
        let outcome = check(&fleet, &config, words).expect(0);
        assert!(outcome.stdout.contains("nid"), "{outcome}");
        for keystone in fleet.cloud.keystones.values() {
            let output = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!output.contains(&keystone.sync.password), "{outcome}");
            assert!(!output.contains("s3cr3t"), "{outcome}");
        }
        assert!(outcome.requests("keystone:master").is_empty(), "{outcome}");
    }
    check(&fleet, &config.set("main", "max_children", "0"), &[])
        .expect(2)
        .assert_says("max_children");
}

#[test]
fn every_value_has_the_place_that_it_comes_from() {
    let fleet = Fleet::start();
    let config = fleet.config().master("metadata_set", "nid");
    let words = ["--format", "json", "--config", "master.retries=7"];
    let outcome = Program::with(&fleet, &config)
        .env("OS_INTERFACE", "internal")
        .args(["check-config"])
        .args(words)
        .run()
        .expect(0);
    let document = outcome.json();
    let text = config.text();
    let line = text.lines().position(|line| line == "metadata_set = nid");
    let place = format!("glancesync.conf:{}", line.unwrap() + 1);
    let origin = |section, key| {
        let entry = value(&document, section, key);
        let origin = entry["origin"].as_str().unwrap().to_owned();
        (entry["value"].as_str().unwrap().to_owned(), origin)
    };
    let (set, from) = origin("master", "metadata_set");
    assert!(set == "nid" && from.ends_with(&place), "{from}");
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(origin("master", "retries"), pair("7", "--config"));
    assert_eq!(
        origin("master", "interface"),
        pair("internal", "$OS_INTERFACE")
    );
    assert_eq!(origin("other", "retries"), pair("3", "default"));
    assert_eq!(origin("master", "password").0, "***");
    assert!(
        document["file"]
            .as_str()
            .unwrap()
            .ends_with("glancesync.conf")
    );
    assert_eq!(document.get("online"), None);
}

#[test]
fn it_warns_as_a_run_does() {
    let fleet = Fleet::start();
    let config = fleet
        .config()
        .master("metadata_sett", "nid")
        .without("other", "credential")
        .set("other", "user", "nobody");
    for online in [
        &["--log-format", "json"][..],
        &["--log-format", "json", "--online"],
    ] {
        let outcome = check(&fleet, &config, online).expect(0);
        assert_eq!(outcome.warnings(), ["unknown_key", "no_credential"]);
    }
}

#[test]
fn hidden_images_of_the_master_count_where_a_target_names_them() {
    let fleet = Fleet::start();
    let hidden = NewImage::new("h", "abc").with("os_hidden", true);
    fleet.master().create(hidden);
    let json = ["--online", "--format", "json"];
    for (named, passed_over) in [("tags", json!({"hidden": 1})), ("os_hidden", Value::Null)] {
        let config = fleet.config().set("other", "sync_attributes", named);
        let outcome = check(&fleet, &config, &json).expect(0);
        let master = &outcome.json()["online"][0]["regions"][0];
        assert_eq!(master["passed_over"], passed_over, "{named}");
    }
}

#[test]
fn online_says_of_each_region_whether_it_answers() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a", "abc"));
    region.create(NewImage::new("h", "abc").with("os_hidden", true));
    let json = ["--online", "--format", "json", "--log-format", "json"];
    let config = fleet.config().master("retries", "0");
    let outcome = check(&fleet, &config, &json).expect(0);
    outcome.assert_changed_nothing();
    let online = &outcome.json()["online"];
    let regions = |target: &Value| -> Vec<(String, Value, Value)> {
        let regions = target["regions"].as_array().unwrap();
        let facts = regions.iter().map(|region| {
            let name = region["region"].as_str().unwrap().to_owned();
            (name, region["is_master"].clone(), region["images"].clone())
        });
        facts.collect()
    };
    let fact =
        |name: &str, is_master: bool, images: Value| (name.to_owned(), json!(is_master), images);
    assert_eq!(
        regions(&online[0]),
        [
            fact("RegionOne", true, json!(0)),
            fact("RegionThree", false, json!(0)),
            fact("RegionTwo", false, json!(2)),
        ]
    );
    assert_eq!(
        regions(&online[1]),
        [fact("other:RegionOne", false, json!(0))]
    );
    let version = online[0]["regions"][0]["api_version"].as_str();
    assert!(version.unwrap().starts_with("v2."), "{version:?}");
    for target in [&online[0], &online[1]] {
        assert_eq!(target["may_publish"], true);
        assert_eq!(target["project"], "images");
    }
    fleet.take_down("master:RegionTwo");
    let outcome = check(&fleet, &config, &json).expect(1);
    assert_eq!(
        regions(&outcome.json()["online"][0])[2],
        fact("RegionTwo", false, Value::Null)
    );
    assert_eq!(outcome.errors(), ["region_unreachable"]);
    let text = check(&fleet, &config, &["--online"]).expect(1).stdout;
    for line in [
        "RegionTwo: failed",
        "RegionOne (master region): answers, 0 images",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn online_goes_on_where_a_target_does_not_let_it_in() {
    for down in ["other", "master"] {
        let fleet = Fleet::start();
        fleet.take_down(&format!("keystone:{down}"));
        let config = fleet.config().set("DEFAULT", "retries", "0");
        let json = ["--online", "--format", "json", "--log-format", "json"];
        let outcome = check(&fleet, &config, &json).expect(1);
        let errors = outcome.events_named("error");
        assert_eq!(errors.len(), 1, "{outcome}");
        assert_eq!(errors[0]["code"], "keystone_unreachable");
        assert_eq!(errors[0]["region"], format!("{down}:"));
        let document = outcome.json();
        for target in document["online"].as_array().unwrap() {
            let is_down = target["target"] == down;
            assert_eq!(target.get("error").is_some(), is_down, "{target}");
            assert_eq!(target["regions"] == json!([]), is_down, "{target}");
        }
    }
}

#[test]
fn online_tells_who_may_usually_publish() {
    let fleet = Fleet::start();
    let stranger = &fleet.cloud.keystones["other"].foreign;
    let config = fleet
        .config()
        .without("other", "credential")
        .set("other", "user", &stranger.name)
        .set("other", "password", &stranger.password)
        .set("other", "keystone_url", &fleet.cloud.keystones["other"].url)
        .set("other", "tenant", &stranger.project);
    let text = check(&fleet, &config, &["--online"]).expect(0).stdout;
    assert_eq!(text.matches("may publish").count(), 1, "{text}");
    assert_eq!(text.matches("may not publish").count(), 1, "{text}");
}
