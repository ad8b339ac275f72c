//! `transfers`: several contents at once into one region.

use glancesync::sandbox::{Effect, Fault};
use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, Running, wait_until};

/// What began and ended, in that order: `> name` and `< name`.
fn course(outcome: &Outcome) -> Vec<String> {
    let sign = |event: &Value| match event["event"].as_str() {
        Some("action_started") => Some('>'),
        Some("action_finished") => Some('<'),
        _ => None,
    };
    let step = |event: &Value| {
        let image = event["image"].as_str().unwrap_or_default();
        sign(event).map(|sign| format!("{sign} {image}"))
    };
    outcome.events().iter().filter_map(step).collect()
}

/// Fills the master with images `a`, `b` …, each a little larger than the one before.
fn fill(fleet: &Fleet, names: &[&str], size: usize) {
    for (place, name) in names.iter().enumerate() {
        let content = vec![b'x'; size + place];
        fleet.master().create(NewImage::new(name, content));
    }
}

#[track_caller]
fn assert_in_step(fleet: &Fleet, config: &Config, region: &str) {
    let again = fleet.run(config, &[region]).expect(0);
    again.assert_changed_nothing();
    assert_eq!(again.warnings(), [""; 0]);
    for image in fleet.region(region).images() {
        let shown = (&image["status"], &image["visibility"], &image["tags"]);
        let wanted = (&json!("active"), &json!("public"), &json!([]));
        assert_eq!(shown, wanted, "{image:#}");
    }
}

#[test]
fn the_first_goes_alone_and_the_others_side_by_side() {
    let fleet = Fleet::start();
    fill(&fleet, &["a", "b", "c", "d", "e"], 400_000);
    let config = fleet.config();
    let outcome = fleet
        .run(&config, &["RegionTwo", "--transfers", "3"])
        .expect(0);
    let course = course(&outcome);
    let [first, second] = [&course[..2], &course[2..5]];
    assert_eq!(first, ["> a", "< a"]);
    assert_eq!(second, ["> b", "> c", "> d"]);
    assert_eq!(course.len(), 10, "{course:?}");
    assert_in_step(&fleet, &config, "RegionTwo");
    let one_by_one = fleet.run(&config, &["RegionThree"]).expect(0);
    let names = ["a", "b", "c", "d", "e"];
    let expected = names.map(|name| [format!("> {name}"), format!("< {name}")]);
    assert_eq!(self::course(&one_by_one), expected.concat());
}

#[test]
fn parts_go_before_the_images_that_need_them() {
    let fleet = Fleet::start();
    let kernel = fleet.master().create(NewImage::new("kernel", vec![1; 900]));
    let ramdisk = fleet
        .master()
        .create(NewImage::new("ramdisk", vec![2; 950]));
    fill(&fleet, &["a", "b"], 300);
    let machine = NewImage::new("machine", "m").with("kernel_id", kernel);
    fleet.master().create(machine.with("ramdisk_id", ramdisk));
    let config = fleet.config().master("transfers", "4");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    let course = course(&outcome);
    let place = |step: &str| course.iter().position(|it| it == step).unwrap();
    assert!(place("> machine") > place("< kernel"), "{course:?}");
    assert!(place("> machine") > place("< ramdisk"), "{course:?}");
    let region = fleet.region("RegionTwo");
    let machine = region.the("machine");
    assert_eq!(machine["kernel_id"], region.the("kernel")["id"]);
    assert_eq!(machine["ramdisk_id"], region.the("ramdisk")["id"]);
    assert_in_step(&fleet, &config, "RegionTwo");
}

#[test]
fn replaced_images_go_each_after_its_own_new_one() {
    let fleet = Fleet::start();
    fill(&fleet, &["a", "b", "c", "d"], 200_000);
    for name in ["a", "b", "c", "d"] {
        fleet.region("RegionTwo").create(NewImage::new(name, "old"));
    }
    let config = fleet
        .config()
        .master("transfers", "2")
        .master("replace", "any");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(course(&outcome)[..3], ["> a", "< a", "> b"]);
    assert_eq!(fleet.region("RegionTwo").images().len(), 4);
    assert_in_step(&fleet, &config, "RegionTwo");
}

/// A fleet whose `RegionTwo` takes a few seconds to read any content larger than the first.
fn slow_region() -> (Fleet, Config) {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "a"));
    fill(&fleet, &["b", "c", "d", "e"], 2 << 20);
    let slow = Effect::Slow {
        bytes_per_sec: 1 << 20,
    };
    let fault = Fault::new("PUT", "/v2/images/*/file", slow);
    let sandbox = fleet.sandbox();
    sandbox.set_faults("RegionTwo", vec![fault]).unwrap();
    let config = fleet.config().master("transfers", "3");
    (fleet, config)
}

/// Starts a run and waits until three contents flow at once.
fn start(fleet: &Fleet, config: &Config) -> Running {
    let program = Program::with(fleet, config).args(["RegionTwo"]).events();
    let running = program.start();
    wait_until("three uploads under way", || {
        let images = fleet.region("RegionTwo").images();
        let saving = images.iter().filter(|image| image["status"] == "saving");
        saving.count() == 3
    });
    running
}

#[test]
fn the_first_signal_finishes_all_that_flow_and_begins_no_other() {
    let (fleet, config) = slow_region();
    let running = start(&fleet, &config);
    running.signal("TERM");
    let outcome = running.wait().expect(130);
    assert_eq!(
        fleet.region("RegionTwo").names(),
        ["a", "b", "c", "d"],
        "{outcome}"
    );
    fleet.sandbox().set_faults("RegionTwo", vec![]).unwrap();
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(course(&outcome), ["> e", "< e"]);
    assert_in_step(&fleet, &config, "RegionTwo");
}

#[test]
fn the_second_signal_clears_all_of_them_away() {
    let (fleet, config) = slow_region();
    let running = start(&fleet, &config);
    running.signal("TERM");
    running.signal("INT");
    let outcome = running.wait().expect(130);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"], "{outcome}");
}

#[test]
fn killed_in_the_middle_of_several_the_next_run_does_the_rest() {
    let (fleet, config) = slow_region();
    let running = start(&fleet, &config);
    running.signal("KILL");
    running.wait();
    fleet.sandbox().set_faults("RegionTwo", vec![]).unwrap();
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(fleet.region("RegionTwo").images().len(), 5);
    assert_in_step(&fleet, &config, "RegionTwo");
}

#[test]
fn a_failure_stops_what_has_not_begun_and_nothing_else() {
    let fleet = Fleet::embedded(|_| ());
    fill(&fleet, &["a", "b", "c", "d", "e"], 1000);
    let answer = Effect::Answer {
        status: 400,
        headers: std::collections::BTreeMap::new(),
        body: None,
        when: glancesync::sandbox::When::Before,
        early: false,
    };
    // The second content is refused.
    let fault = Fault::new("PUT", "/v2/images/*/file", answer).on(2, 1);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    let config = fleet.config().master("transfers", "2");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_eq!(outcome.errors().len(), 1, "{outcome}");
    let there = fleet.region("RegionTwo").images();
    assert_eq!(there.len(), 2, "{outcome}");
    assert!(there.iter().all(|image| image["visibility"] == "public"));

    fleet.sandbox().set_faults("RegionTwo", vec![]).unwrap();
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_in_step(&fleet, &config, "RegionTwo");
}
