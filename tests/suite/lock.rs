//! One run at a time for each user and master; read-only modes take no lock.

use std::fs::{self, File};

use crate::common::{Fleet, NewImage};

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
fn a_signal_ends_the_waiting() {
    let (fleet, _lock) = held();
    let before = fleet.snapshot();
    let waiting = fleet
        .glancesync(&["--wait-lock", "600", "RegionTwo"])
        .start();
    // Nothing tells from outside that it waits but that it neither ends nor works.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    waiting.signal("TERM");
    let outcome = waiting.wait().expect(130);
    outcome.assert_fails("interrupted");
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
    let waiting = fleet
        .glancesync(&["--wait-lock", "60", "RegionTwo"])
        .start();
    drop(lock);
    waiting.wait().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}
