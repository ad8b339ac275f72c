//! Conditions that run away: what the interpreter bounds between operations, and what the kernel ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use glancesync::condition::{Condition, evaluate_apart};
use glancesync::model::{ContentHash, Image, ImageId, ImageStatus, Visibility};

use crate::common::{Fleet, NewImage, Program};

/// A few times the bound of a second: the machine has other work, and the builds of tests are slow.
const LIMIT: Duration = Duration::from_secs(12);

/// One operation of each kind that takes long, and not much memory.
const LONG: [&str; 5] = [
    "pow(3, 2 ** 200000, 7 ** 100000)",
    "(n := 1 << 60_000_000) // ((1 << 30_000_000) + 1)",
    "(1 << 100_000_000) * ((1 << 100_000_000) - 1)",
    "3 ** 80_000_000",
    "sum(range(10**15))",
];

/// One operation of each kind that takes much memory.
const LARGE: [&str; 10] = [
    "('a ' * (30 * 1024 * 1024)).split()",
    "[[0] * 1000] * 10**9",
    "'x' * 10**10",
    "f'{1:1000000000}'",
    "'x'.rjust(10**10)",
    "('x' * 10**6).replace('x', 'y' * 10**6)",
    "('x' * 10**6).join(['y'] * 10**6)",
    "repr('\\x00' * (60 * 1024 * 1024))",
    "{x: x for x in range(10**9)}",
    "(a := [0] * 10**6, b := [a] * 1000, str(b))",
];

fn evaluate(condition: &Condition) -> Result<bool, String> {
    let image = Image {
        id: ImageId::new("6e240dd4-e304-4599-b7d8-e38e13cef058"),
        name: "a".to_owned(),
        status: ImageStatus::Active,
        visibility: Visibility::Public,
        owner: None,
        content: ContentHash::default(),
        size: Some(3),
        disk_format: None,
        container_format: None,
        min_disk: 0,
        min_ram: 0,
        protected: false,
        os_hidden: false,
        tags: BTreeSet::new(),
        created_at: None,
        updated_at: None,
        provenance: None,
        properties: BTreeMap::new(),
    };
    condition
        .evaluate(&image, "Spain", &BTreeSet::new())
        .map_err(|error| error.to_string())
}

#[track_caller]
fn assert_ends(text: &str) -> String {
    evaluate_apart(env!("CARGO_BIN_EXE_glancesync"));
    let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let begun = Instant::now();
    let said = evaluate(&condition).map_or_else(|error| error, |truth| truth.to_string());
    let took = begun.elapsed();
    assert!(took < LIMIT, "{text}: {took:?}, {said}");
    condition.rest();
    said
}

#[test]
fn what_takes_long_ends() {
    for text in LONG {
        let said = assert_ends(text);
        assert!(
            said.starts_with("TimeoutError") || said.starts_with("MemoryError") || said == "true",
            "{text}: {said}"
        );
    }
}

#[test]
fn what_takes_much_ends() {
    for text in LARGE {
        let said = assert_ends(text);
        assert!(!said.starts_with("true"), "{text}: {said}");
    }
}

#[test]
fn the_images_after_one_that_ran_away_are_evaluated() {
    evaluate_apart(env!("CARGO_BIN_EXE_glancesync"));
    let condition = Condition::parse("('a ' * (30 * 1024 * 1024)).split()").unwrap();
    for _ in 0..3 {
        assert!(evaluate(&condition).unwrap_err().starts_with("MemoryError"));
    }
    let condition = Condition::parse("image.name == 'a' and region_of").unwrap();
    assert!(evaluate(&condition).unwrap_err().starts_with("NameError"));
    let condition = Condition::parse("image.name == 'a'").unwrap();
    for _ in 0..100 {
        assert_eq!(evaluate(&condition), Ok(true));
    }
}

#[test]
fn a_condition_that_runs_away_for_all_images_is_given_up_and_said_once() {
    let fleet = Fleet::start();
    for number in 0..12 {
        fleet
            .master()
            .create(NewImage::new(&format!("image {number}"), "abc"));
    }
    let condition = "sum(x for x in range(10 ** 12))";
    let config = fleet.config().master("metadata_condition", condition);
    let program = |words: &[&str]| Program::with(&fleet, &config).args(words).run().expect(1);
    let begun = Instant::now();
    let outcome = program(&["--dry-run", "RegionTwo"]);
    assert!(begun.elapsed() < Duration::from_secs(25), "{outcome}");
    let warned = outcome
        .stderr
        .lines()
        .filter(|line| line.contains("warning:"));
    let warned: Vec<&str> = warned
        .filter(|line| line.contains("condition_failed"))
        .collect();
    assert_eq!(warned.len(), 1, "{outcome}");
    assert!(warned[0].contains("12 images"), "{outcome}");
    assert!(
        outcome
            .stdout
            .contains("`metadata_condition` raised an error"),
        "{outcome}"
    );
    outcome.assert_changed_nothing();
}

#[test]
fn a_condition_that_runs_away_costs_its_image_and_nothing_else() {
    let fleet = Fleet::start();
    for name in ["bad", "good"] {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    let condition = "image.name == 'good' or pow(3, 2 ** 200000, 7 ** 100000)";
    let config = fleet.config().master("metadata_condition", condition);
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    outcome.assert_warns("condition_failed bad");
    assert_eq!(fleet.region("RegionTwo").names(), ["good"]);
}
