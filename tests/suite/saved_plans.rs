//! Plans that are written down and carried out later: what they have is done, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use glancesync::sandbox::{Effect, Fault, When};
use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, wait_for};

fn config(fleet: &Fleet) -> Config {
    fleet.config().master("replace", "any")
}

fn file(fleet: &Fleet) -> PathBuf {
    fleet.work_dir().join("plan.json")
}

/// Plans these regions into the file.
#[track_caller]
fn plan(fleet: &Fleet, config: &Config, regions: &[&str]) -> Value {
    let words = [&["plan", "--out", "plan.json"], regions].concat();
    fleet.run(config, &words).expect(0).assert_changed_nothing();
    serde_json::from_slice(&fs::read(file(fleet)).unwrap()).unwrap()
}

#[track_caller]
fn apply(fleet: &Fleet, config: &Config, words: &[&str], code: i32) -> Outcome {
    let words = [&["apply", "plan.json"], words].concat();
    fleet.run(config, &words).expect(code)
}

/// A master with `a`, new, and `b`, which the region has with other content.
fn two_images() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "one"));
    fleet
        .master()
        .create(NewImage::new("b", "new").with("nid", "7"));
    fleet.region("RegionTwo").create(NewImage::new("b", "old"));
    fleet
}

#[test]
fn what_was_planned_is_done_and_a_second_time_nothing() {
    let fleet = two_images();
    let config = config(&fleet);
    let saved = plan(&fleet, &config, &["RegionTwo"]);
    let mode = fs::metadata(file(&fleet)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let actions = &saved["plan"]["regions"][0]["actions"];
    assert_eq!(actions[0]["action"], "upload");
    assert_eq!(actions[1]["action"], "replace");
    assert_eq!(actions[1]["properties"], json!({"nid": "7"}));
    assert_eq!(actions[1]["old_image"]["kept"], false);

    let rehearsal = apply(&fleet, &config, &["--dry-run"], 0);
    rehearsal.assert_changed_nothing();
    assert_eq!(rehearsal.actions("action_planned").len(), 2);
    let outcome = apply(&fleet, &config, &[], 0);
    let started = &outcome.events_named("run_started")[0];
    assert_eq!(
        (&started["mode"], &started["plan_file"]),
        (&json!("apply"), &json!("plan.json"))
    );
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo upload a", "RegionTwo replace b"]
    );
    apply(&fleet, &config, &[], 0).assert_changed_nothing();
    fleet
        .run(&config, &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn a_region_that_needs_something_else_is_left_alone_and_others_are_not() {
    let fleet = two_images();
    let config = config(&fleet);
    plan(&fleet, &config, &["RegionTwo", "RegionThree"]);
    let region = fleet.region("RegionTwo");
    let b = region.the("b")["id"].as_str().unwrap().to_owned();
    region.delete(&b);
    let by_hand = region.create(NewImage::new("b", "by hand"));

    let outcome = apply(&fleet, &config, &["--dry-run"], 1);
    outcome.assert_fails("plan_outdated");
    outcome.assert_changed_nothing();
    let outcome = apply(&fleet, &config, &[], 1);
    outcome.assert_fails("plan_outdated");
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionThree upload a", "RegionThree upload b"]
    );
    let error = &outcome.events_named("error")[0];
    let differs = error["differs"].as_array().unwrap();
    assert_eq!(differs.len(), 1);
    assert!(
        differs[0].as_str().unwrap().contains(&by_hand),
        "{differs:?}"
    );
    assert_eq!(region.names(), ["b"]);

    // Put right by hand, the rest of the plan is needed no more, or still holds.
    region.delete(&by_hand);
    let outcome = apply(&fleet, &config, &[], 1);
    outcome.assert_fails("plan_outdated");
    region.create(NewImage::new("b", "new").with("nid", "7"));
    let outcome = apply(&fleet, &config, &[], 0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
}

#[test]
fn the_master_that_moved_on_is_not_followed() {
    let fleet = two_images();
    let config = config(&fleet);
    plan(&fleet, &config, &["RegionTwo"]);
    let master = fleet.master();
    master.create(NewImage::new("later", "2"));
    let outcome = apply(&fleet, &config, &[], 1);
    outcome.assert_fails("plan_outdated");
    outcome.assert_changed_nothing();
    master.delete(master.the("later")["id"].as_str().unwrap());

    let b = master.the("b")["id"].as_str().unwrap().to_owned();
    master.set(&b, &[("nid", json!("8"))]);
    apply(&fleet, &config, &[], 1).assert_changed_nothing();
    master.set(&b, &[("nid", json!("7"))]);
    apply(&fleet, &config, &[], 0);
}

#[test]
fn one_region_of_a_plan_and_regions_that_it_lacks() {
    let fleet = two_images();
    let config = config(&fleet);
    plan(&fleet, &config, &["RegionTwo", "RegionThree"]);
    let outcome = apply(&fleet, &config, &["RegionThree"], 0);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionThree upload a", "RegionThree upload b"]
    );
    plan(&fleet, &config, &["RegionThree"]);
    let outcome = apply(&fleet, &config, &["RegionTwo"], 2);
    outcome.assert_fails("plan_invalid");
    outcome.assert_says("RegionTwo");
    let outcome = apply(&fleet, &config, &[], 0);
    assert_eq!(outcome.events_named("region_started").len(), 1);
    assert_eq!(fleet.region("RegionTwo").names(), ["b"]);
}

#[test]
fn a_plan_that_was_interrupted_is_gone_on_with() {
    let fleet = Fleet::start();
    let config = config(&fleet);
    for name in ["a", "b", "c"] {
        fleet.master().create(NewImage::new(name, name));
    }
    plan(&fleet, &config, &["RegionTwo"]);
    let one = [&["sync", "RegionTwo"][..], &["--image", "a"]].concat();
    fleet.run(&config, &one).expect(0);
    let outcome = apply(&fleet, &config, &[], 0);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo upload b", "RegionTwo upload c"]
    );
}

#[test]
fn a_plan_for_some_images_stays_one_for_these() {
    let fleet = two_images();
    let config = config(&fleet);
    let words = ["plan", "RegionTwo", "--out", "plan.json", "--image", "a"];
    fleet.run(&config, &words).expect(0);
    let outcome = apply(&fleet, &config, &[], 0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
}

#[test]
fn another_configuration_another_age_and_another_file_are_refused() {
    let fleet = two_images();
    let config = config(&fleet);
    plan(&fleet, &config, &["RegionTwo"]);
    let whole = fs::read_to_string(file(&fleet)).unwrap();
    let refused = |config: &Config, words: &[&str], says: &str| {
        let outcome = apply(&fleet, config, words, 2);
        outcome.assert_fails("plan_invalid");
        outcome.assert_says(says);
        outcome.assert_changed_nothing();
    };
    refused(&config.clone().master("replace", ""), &[], "`master`");
    refused(
        &config.clone().master("sync_attributes", "tags"),
        &[],
        "`master`",
    );
    refused(&config, &["--max-age", "0s"], "--max-age");
    apply(
        &fleet,
        &config.clone().master("retries", "1"),
        &["--dry-run"],
        0,
    );

    let saved: Value = serde_json::from_str(&whole).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut other = saved.clone();
        change(&mut other);
        fs::write(file(&fleet), serde_json::to_vec(&other).unwrap()).unwrap();
    };
    with(&|it| it["plan"]["regions"][0]["actions"][0]["image"] = json!("b"));
    refused(&config, &[], "was changed");
    with(&|it| it["version"] = json!(2));
    refused(&config, &[], "format 2");
    with(&|it| it["format"] = json!("else"));
    refused(&config, &[], "damaged");
    with(&|it| it["plan"]["regions"][0]["surprise"] = json!(1));
    refused(&config, &[], "surprise");
    for text in [&whole[..whole.len() / 2], "", "[]", "{}", "\u{0}\u{0}"] {
        fs::write(file(&fleet), text).unwrap();
        refused(&config, &[], "damaged");
    }
    fs::remove_file(file(&fleet)).unwrap();
    let outcome = apply(&fleet, &config, &[], 2);
    outcome.assert_says("plan.json");

    // However it was formatted meanwhile, it is the same plan.
    fs::write(file(&fleet), serde_json::to_vec(&saved).unwrap()).unwrap();
    apply(&fleet, &config, &[], 0);
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_asked() {
    let fleet = two_images();
    let config = config(&fleet);
    for path in ["no/such/folder/plan.json", "/dev/full", "."] {
        let outcome = fleet.run(&config, &["plan", "--out", path]).expect(2);
        outcome.assert_says("--out");
    }
    for words in [
        &["sync", "--out", "x"][..],
        &["status", "--read", "x"],
        &["plan", "--read", "x", "--image", "a"],
        &["plan", "--read", "x", "RegionTwo"],
        &["plan", "--read", "x", "--out", "y"],
        &["plan", "--read", "x", "--until-wave", "y"],
        &["apply", "x", "--image", "a"],
        &["apply", "x", "--all"],
        &["apply"],
    ] {
        fleet.run(&config, words).expect(2);
    }
}

#[test]
fn a_saved_plan_is_read_again_in_every_format_and_has_no_secret() {
    let fleet = two_images();
    let config = config(&fleet);
    let master = fleet.master();
    let url = "http://someone:opensesame@example.org/x";
    let a = master.the("a")["id"].as_str().unwrap().to_owned();
    master.set(&a, &[("nid", json!(url))]);
    let saved = plan(&fleet, &config, &["RegionTwo"]);
    let whole = fs::read_to_string(file(&fleet)).unwrap();
    assert!(!whole.contains("opensesame"), "{whole}");
    let value = &saved["plan"]["regions"][0]["actions"][0]["properties"]["nid"];
    assert_eq!(value["sha256"].as_str().unwrap().len(), 64);

    let read = |format: &str| {
        let words = ["plan", "--read", "plan.json", "--format", format];
        fleet.run(&config, &words).expect(0).stdout
    };
    assert!(read("text").contains("replace `b`"));
    assert!(
        read("table")
            .lines()
            .any(|line| line.starts_with("RegionTwo  replace"))
    );
    let page = read("html");
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("<script"));
    let printed: Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(printed, saved["plan"]);
    let words = ["plan", "--read", "plan.json", "--format", "csv"];
    fleet.run(&config, &words).expect(2);

    apply(&fleet, &config, &[], 0);
    assert_eq!(fleet.region("RegionTwo").the("a")["nid"], url);
}

/// The commands of a job of the pipeline that the documents show.
fn script(job: &str) -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/examples/gitlab-ci.yml")).unwrap();
    let (_, job) = text.split_once(&format!("\n{job}:\n")).unwrap();
    let (_, script) = job.split_once("  script:\n").unwrap();
    let lines = script.lines().map_while(|line| line.strip_prefix("    - "));
    lines.map(ToOwned::to_owned).collect()
}

#[test]
fn the_pipeline_of_the_documents_plans_and_applies() {
    let fleet = two_images();
    let text = config(&fleet).text();
    let path = fleet.write_private("pipeline.conf", &text);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_glancesync"));
    for job in ["plan", "apply"] {
        let commands = script(job);
        assert_eq!(commands.len(), 3, "{commands:?}");
        let output = Command::new("sh")
            .args(["-ec", &commands.join("\n")])
            .current_dir(fleet.work_dir())
            .env(
                "PATH",
                format!(
                    "{}:{}",
                    program.parent().unwrap().display(),
                    std::env::var("PATH").unwrap()
                ),
            )
            .env("HOME", fleet.home())
            .env("XDG_STATE_HOME", fleet.home().join("state"))
            .env("GLANCESYNC_CONFIG", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{job}: {said}");
    }
    assert!(fleet.work_dir().join("plan.html").is_file());
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b"]);
}

#[test]
fn a_plan_whose_run_was_killed_is_gone_on_with() {
    let fleet = Fleet::embedded(|_| {});
    let config = config(&fleet);
    let content = vec![7; 1 << 20];
    fleet.master().create(NewImage::new("a", "one"));
    fleet.master().create(NewImage::new("b", &content));
    fleet.region("RegionTwo").create(NewImage::new("b", "old"));
    plan(&fleet, &config, &["RegionTwo"]);
    let bytes_per_sec = 64 << 10;
    let fault = Fault::new("PUT", "/v2/images/*/file", Effect::Slow { bytes_per_sec });
    let sandbox = fleet.sandbox();
    sandbox.set_faults("RegionTwo", vec![fault]).unwrap();
    let region = fleet.region("RegionTwo");
    let program = Program::with(&fleet, &config).args(["apply", "plan.json"]);
    let running = program.start();
    wait_for("the larger image to be on its way", || {
        let mut on_its_way = region.named("b").into_iter();
        on_its_way.find(|image| image["status"] == "saving")
    });
    running.signal("KILL");
    drop(running);
    sandbox.set_faults("RegionTwo", Vec::new()).unwrap();

    // Somebody else's image came meanwhile, and stays as it is.
    let other = region.create(NewImage::new("other", "by hand").with("nid", "1"));
    let outcome = apply(&fleet, &config, &[], 0);
    // What was cut off may have to go first.
    let done = outcome.actions("action_finished");
    assert_eq!(done.last().unwrap(), "RegionTwo replace b");
    assert!(!done.contains(&"RegionTwo upload a".to_owned()), "{done:?}");
    assert_eq!(region.names(), ["a", "b", "other"]);
    assert_eq!(region.get(&other).unwrap()["nid"], "1");
    apply(&fleet, &config, &[], 0).assert_changed_nothing();
}

#[test]
fn a_plan_that_was_broken_off_is_not_written() {
    let fleet = Fleet::embedded(|_| {});
    let config = config(&fleet);
    fleet.master().create(NewImage::new("a", "one"));
    plan(&fleet, &config, &["RegionTwo"]);
    let before = fs::read(file(&fleet)).unwrap();
    let held = Fault::new("GET", "/v2/images", Effect::Hang { when: When::Before });
    fleet
        .sandbox()
        .set_faults("RegionThree", vec![held])
        .unwrap();
    let words = ["plan", "--out", "plan.json", "RegionTwo", "RegionThree"];
    let running = Program::with(&fleet, &config).args(words).start();
    fleet.wait_for_a_held_request("RegionThree");
    running.signal("TERM");
    let outcome = running.wait().expect(130);
    outcome.assert_says("is as it was");
    assert_eq!(fs::read(file(&fleet)).unwrap(), before);
}
