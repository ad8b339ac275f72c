//! `logs`: what is known of past runs, whatever else is in `log_dir` and however it was damaged.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use glancesync::sandbox::{Effect, Fault, When};
use serde_json::Value;

use crate::common::{Fleet, NewImage, Outcome, Program, wait_for};

/// A fleet after one parallel run in which `RegionTwo` failed.
fn after_a_run() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.take_down("master:RegionTwo");
    let config = fleet.config().set("DEFAULT", "retries", "0");
    let words = ["--parallel", "RegionTwo", "RegionThree", "other:"];
    fleet.run(&config, &words).expect(1);
    fleet
}

/// Runs `logs` without any configuration, in the folder where the logs are.
fn logs(fleet: &Fleet, words: &[&str]) -> Outcome {
    Program::bare(fleet)
        .args(["logs"])
        .args(words.iter().copied())
        .run()
}

fn run_folder(fleet: &Fleet) -> PathBuf {
    find_run_folder(fleet).expect("the folder of a run")
}

fn find_run_folder(fleet: &Fleet) -> Option<PathBuf> {
    let mut entries = fs::read_dir(fleet.work_dir()).unwrap();
    let is_run = |path: &PathBuf| name(path).starts_with("sync_");
    entries.find_map(|entry| Some(entry.unwrap().path()).filter(is_run))
}

fn record(run_folder: &Path) -> PathBuf {
    let name = format!("{}.ndjson", name(run_folder));
    run_folder.with_file_name(".glancesync").join(name)
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

#[test]
fn runs_are_listed_and_told_without_any_credential() {
    let fleet = after_a_run();
    let folder = run_folder(&fleet);
    let run = name(&folder);
    let list = logs(&fleet, &[]).expect(0);
    let line = list.stdout.lines().nth(1).unwrap();
    assert!(line.starts_with(run), "{list}");
    assert!(
        line.ends_with("sync  1 of 3 regions failed: RegionTwo"),
        "{list}"
    );
    assert!(list.requests("keystone:master").is_empty(), "{list}");

    for word in [run, &run["sync_".len()..], folder.to_str().unwrap()] {
        let one = logs(&fleet, &[word]).expect(0);
        for text in ["RegionTwo", "1 error", "1 image uploaded", "--errors"] {
            assert!(one.stdout.contains(text), "{text}: {one}");
        }
    }
    let document = logs(&fleet, &["--format", "json"]).expect(0).json();
    let told = &document["runs"][0];
    assert_eq!(told["state"], "finished");
    assert_eq!(told["exit_code"], 1);
    assert_eq!(told["regions"][0]["end"]["result"], "failed");
    let one = logs(&fleet, &[run, "--format", "json"]).expect(0).json();
    assert_eq!(one["logs"].as_array().unwrap().len(), 3);
}

#[test]
fn the_log_of_a_region_is_that_of_the_newest_run_unless_a_run_is_named() {
    let fleet = after_a_run();
    let folder = run_folder(&fleet);
    let written = fs::read_to_string(folder.join("RegionThree.txt")).unwrap();
    for words in [
        &["RegionThree"][..],
        &["master:RegionThree"],
        &[name(&folder), "RegionThree"],
        &["RegionThree", "--follow"],
    ] {
        assert_eq!(logs(&fleet, words).expect(0).stdout, written);
    }
    let json = logs(&fleet, &["other:RegionOne", "--format", "json"]);
    let lines = json.expect(0).json()["lines"].clone();
    assert!(lines.as_array().unwrap().len() > 3, "{lines}");
    assert_eq!(lines[0]["level"], "info");
    assert!(lines[0]["time"].is_string());
    // A newer run without the region does not hide it, and is named where it is asked for.
    fleet.glancesync(&["--parallel", "other:"]).run().expect(0);
    let newer = "sync_20991231_2359";
    fs::create_dir(fleet.work_dir().join(newer)).unwrap();
    for words in [&["RegionThree"][..], &["RegionThree", "--follow"]] {
        assert_eq!(logs(&fleet, words).expect(0).stdout, written);
    }
    let errors = logs(&fleet, &["RegionTwo", "--errors"]).expect(0).stdout;
    assert!(errors.contains("[region_unreachable]"), "{errors}");
    let json = logs(&fleet, &["RegionThree", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(json["run"], name(&folder));
    let outcome = logs(&fleet, &[newer, "RegionThree"]).expect(2);
    outcome.assert_says(&format!("glancesync logs {} RegionThree", name(&folder)));
}

#[test]
fn errors_say_what_went_wrong_and_what_to_do() {
    let fleet = after_a_run();
    for words in [&["--errors"][..], &["RegionTwo", "--errors"]] {
        let outcome = logs(&fleet, words).expect(0);
        let mut lines = outcome.stdout.lines();
        let error = lines.next().unwrap();
        assert!(error.contains("RegionTwo: "), "{outcome}");
        assert!(error.ends_with("[region_unreachable]"), "{outcome}");
        assert!(lines.next().unwrap().starts_with("  hint: "), "{outcome}");
        assert_eq!(lines.next(), None);
    }
    assert_eq!(
        logs(&fleet, &["RegionThree", "--errors"]).expect(0).stdout,
        ""
    );
    let json = ["--errors", "--format", "json"];
    let with_record = logs(&fleet, &json).expect(0).json();
    assert_eq!(with_record["errors"][0]["code"], "region_unreachable");
    // Without its record the logs themselves are searched.
    fs::remove_file(record(&run_folder(&fleet))).unwrap();
    let without = logs(&fleet, &json).expect(0).json();
    for field in ["code", "region", "hint"] {
        assert_eq!(without["errors"][0][field], with_record["errors"][0][field]);
    }
}

#[test]
fn a_slip_gets_the_nearest_right_word() {
    let fleet = after_a_run();
    let folder = run_folder(&fleet);
    let run = name(&folder);
    let wrong = format!("{run}_2");
    for (words, said) in [
        (&["RegoinTwo"][..], "did you mean `RegionTwo`?"),
        (&[&wrong], &format!("did you mean `{run}`?")),
        (&[&wrong, "RegionTwo"], &format!("did you mean `{run}`?")),
        (&["Elsewhere"], "RegionTwo, RegionThree, other:RegionOne"),
        (&["../../etc/passwd"], "neither a run nor a region"),
        (&["x\u{1b}[31m\nerror: y"], r"x\u{1b}[31m\nerror: y"),
        (&["--follow", "--format", "json"], "--follow"),
    ] {
        let outcome = logs(&fleet, words).expect(2);
        // A document says it too where one was asked for.
        assert_eq!(outcome.stdout.is_empty(), !words.contains(&"json"));
        outcome.assert_says(said);
        assert!(!outcome.stderr.contains('\u{1b}'), "{outcome}");
    }
}

#[test]
fn damage_costs_nothing_but_what_is_damaged() {
    let fleet = after_a_run();
    let folder = run_folder(&fleet);
    let append = |file: &Path, bytes: &[u8]| {
        let file = fs::File::options().append(true).open(file);
        file.unwrap().write_all(bytes).unwrap();
    };
    append(
        &folder.join("RegionThree.txt"),
        b"\xff\x1b[2Jforged\r\x00\nhalf",
    );
    append(&record(&folder), b"\x00\x00junk\n{\"half");
    fs::write(fleet.work_dir().join("notes"), "").unwrap();
    fs::create_dir(fleet.work_dir().join("sync_20991231")).unwrap();
    let log = logs(&fleet, &["RegionThree"]).expect(0).stdout;
    let end = "\u{fffd}\\u{1b}[2Jforged\\r\\u{0}\nhalf\n";
    assert!(log.ends_with(end), "{log}");
    let list = logs(&fleet, &[]).expect(0).stdout;
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(list.contains("failed: RegionTwo"), "{list}");
    let one = logs(&fleet, &[name(&folder)]).expect(0).stdout;
    assert!(one.contains("Damaged: 1 line"), "{one}");
    for file in [folder.join("RegionTwo.txt"), record(&folder)] {
        fs::write(file, "").unwrap();
    }
    assert_eq!(logs(&fleet, &["RegionTwo"]).expect(0).stdout, "");
    let list = logs(&fleet, &[]).expect(0).stdout;
    assert!(list.contains("no record"), "{list}");
}

#[test]
fn without_any_run_it_says_what_leaves_logs() {
    let fleet = Fleet::start();
    for words in [&[][..], &["--errors"], &["--follow"]] {
        let outcome = logs(&fleet, words).expect(0);
        assert_eq!(outcome.stdout, "");
        outcome.assert_says("--parallel");
    }
    logs(&fleet, &["RegionTwo"]).expect(2);
    let elsewhere = ["--config", "main.log_dir=/no/such/folder"];
    let json = logs(&fleet, &[&["--format", "json"][..], &elsewhere].concat());
    assert_eq!(json.expect(0).json()["runs"], Value::Array(Vec::new()));
}

#[test]
fn a_run_that_is_killed_is_told_as_such_and_followed_to_its_end() {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "abc"));
    let hang = Fault::always(Effect::Hang {
        when: When::default(),
    });
    fleet.sandbox().set_faults("RegionTwo", vec![hang]).unwrap();
    let words = ["--parallel", "RegionTwo"];
    let running = fleet.glancesync(&words).start();
    let folder = wait_for("a log", || {
        let folder = find_run_folder(&fleet)?;
        folder.join("RegionTwo.txt").exists().then_some(folder)
    });
    let list = logs(&fleet, &[]).expect(0).stdout;
    assert!(list.contains("under way, 0 of 1 region done"), "{list}");
    let follow = Program::bare(&fleet).args(["logs", "--follow"]).start();
    follow.wait_until_it_prints();
    running.signal("KILL");
    let outcome = follow.wait().expect(0);
    let log = fs::read_to_string(folder.join("RegionTwo.txt")).unwrap();
    let followed: Vec<&str> = outcome
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("RegionTwo: "))
        .collect();
    assert_eq!(followed, log.lines().collect::<Vec<_>>(), "{outcome}");
    let list = logs(&fleet, &[]).expect(0).stdout;
    assert!(list.contains("cut off, 0 of 1 region done"), "{list}");
}
