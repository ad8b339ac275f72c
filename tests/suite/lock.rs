//! One run at a time for each user and master; read-only modes take no lock.

use std::fs::{self, File};
use std::path::Path;

use crate::common::{Fleet, NewImage, Program, Running};

/// A fleet in which a first run has left its state, with the lock of that state held by somebody
/// else: by this test.
fn held() -> (Fleet, File) {
    let fleet = Fleet::start();
    fleet.glancesync(&["RegionThree"]).run();
    let state = fleet.home().join("home/.local/state/glancesync");
    let masters: Vec<_> = fs::read_dir(state).unwrap().map(Result::unwrap).collect();
    assert_eq!(masters.len(), 1, "{masters:?}");
    let lock = File::options()
        .write(true)
        .open(masters[0].path().join("lock"))
        .unwrap();
    lock.lock().unwrap();
    fleet.master().create(NewImage::new("a", "abc"));
    (fleet, lock)
}

#[test]
fn a_second_run_ends_with_3_and_names_the_first() {
    let (fleet, _lock) = held();
    for words in [&["RegionTwo"][..], &["--wait-lock", "1", "RegionTwo"]] {
        let outcome = fleet.glancesync(words).run().expect(3);
        outcome.assert_fails("run_locked");
        outcome.assert_says("process ");
        outcome.assert_changed_nothing();
    }
}

#[test]
fn a_plan_is_applied_under_the_lock_of_a_sync() {
    let (fleet, lock) = held();
    let config = fleet.config();
    let words = ["plan", "RegionTwo", "--out", "plan.json"];
    fleet.run(&config, &words).expect(0);
    let outcome = fleet.run(&config, &["apply", "plan.json"]).expect(3);
    outcome.assert_fails("run_locked");
    outcome.assert_changed_nothing();
    drop(lock);
    fleet.run(&config, &["apply", "plan.json"]).expect(0);
}

/// A path at which no folder can be, whoever asks for it.
fn unusable(fleet: &Fleet) -> String {
    let file = fleet.home().join("a-file");
    fs::write(&file, "").unwrap();
    file.join("state").to_str().unwrap().to_owned()
}

#[test]
fn without_a_lock_nothing_is_changed() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let unusable = unusable(&fleet);
    let named = fleet.config().set("main", "state_dir", &unusable);
    let start = |named_by_key: bool, words: &[&str]| {
        let config = if named_by_key {
            named.clone()
        } else {
            fleet.config()
        };
        Program::with(&fleet, &config)
            .events()
            .env("XDG_STATE_HOME", &unusable)
            .args(words.iter().copied())
            .run()
    };
    let backup = start(true, &["--make-backup", "RegionTwo"]).expect(0);
    let folder = backup.stdout.lines().next().unwrap();
    let folder = Path::new(folder).parent().unwrap().to_str().unwrap();
    for named_by_key in [true, false] {
        for words in [&["RegionTwo"][..], &["restore", folder, "--apply"]] {
            let outcome = start(named_by_key, words).expect(2);
            outcome.assert_fails("state_unwritable");
            outcome.assert_says(&unusable);
            outcome.assert_changed_nothing();
        }
        for words in [
            &["--dry-run", "RegionTwo"][..],
            &["--show-status", "RegionTwo"],
            &["restore", folder],
        ] {
            let outcome = start(named_by_key, words).expect(0);
            outcome.assert_warns("state_unwritable");
        }
    }
    let bare = Program::with(&fleet, &fleet.config())
        .events()
        .after("unset HOME XDG_STATE_HOME")
        .args(["RegionTwo"])
        .run();
    // Where the system has made a folder for the user's session, that one does.
    if bare.errors().is_empty() {
        return;
    }
    bare.expect(2).assert_fails("state_unwritable");
}

#[test]
fn whoever_names_the_same_state_dir_has_the_same_lock() {
    let fleet = Fleet::start();
    let state = fleet.home().join("shared");
    let config = fleet
        .config()
        .set("main", "state_dir", state.to_str().unwrap());
    fleet.run(&config, &["RegionThree"]);
    let masters: Vec<_> = fs::read_dir(&state).unwrap().map(Result::unwrap).collect();
    let lock = File::options()
        .write(true)
        .open(masters[0].path().join("lock"))
        .unwrap();
    lock.lock().unwrap();
    let home = fleet.home().join("another");
    let outcome = Program::with(&fleet, &config)
        .events()
        .env("HOME", home.to_str().unwrap())
        .env("XDG_STATE_HOME", home.to_str().unwrap())
        .args(["RegionTwo"])
        .run();
    outcome.expect(3).assert_fails("run_locked");
}

/// A run that has said that it waits for the lock.
fn waiting_run(fleet: &Fleet, limit: &str) -> Running {
    let mut waiting = Program::with(fleet, &fleet.config())
        .args(["--wait-lock", limit, "RegionTwo"])
        .start();
    waiting.wait_until_it_says("waiting up to");
    waiting
}

#[test]
fn a_signal_ends_the_waiting() {
    let (fleet, _lock) = held();
    let before = fleet.snapshot();
    let waiting = waiting_run(&fleet, "600");
    waiting.signal("TERM");
    let outcome = waiting.wait().expect(130);
    outcome.assert_says("interrupted");
    assert_eq!(fleet.snapshot(), before);
}

#[test]
fn read_only_modes_take_no_lock() {
    let (fleet, _lock) = held();
    for mode in [
        "--show-status",
        "--dry-run",
        "--show-regions",
        "--make-backup",
    ] {
        fleet.glancesync(&[mode]).run().expect(0);
    }
}

#[test]
fn a_run_that_waits_goes_on_when_the_first_ends() {
    let (fleet, lock) = held();
    let waiting = waiting_run(&fleet, "60");
    drop(lock);
    waiting.wait().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn a_program_is_told_of_the_wait_and_of_the_signal_as_events() {
    let (fleet, _lock) = held();
    let mut waiting = Program::with(&fleet, &fleet.config())
        .events()
        .args(["--wait-lock", "10m", "RegionTwo"])
        .start();
    waiting.wait_until_it_says("waiting up to");
    waiting.signal("TERM");
    let outcome = waiting.wait().expect(130);
    outcome.assert_events_are_documented();
    // Every line is an object: reading them fails on bare text.
    let logs = outcome.events_named("log");
    for said in ["waiting up to 10m", "stopping: nothing new is begun"] {
        let is_said = |log: &serde_json::Value| log["message"].as_str().unwrap().contains(said);
        assert!(logs.iter().any(is_said), "{said}: {outcome}");
    }
}
