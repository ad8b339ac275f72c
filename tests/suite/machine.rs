//! The machine that it runs on: paths that lead to something else than a file, and limits of a
//! process.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Config, Fleet, NewImage, Outcome, Program};

fn fleet() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success(), "{}", path.display());
}

/// Puts a link to a file of somebody else, a link to a device, and a pipe under that name, one after
/// another, and nothing at the end.
fn traps(fleet: &Fleet, path: &Path, mut check: impl FnMut(&str)) {
    let theirs = fleet.home().join("theirs");
    fs::write(&theirs, "somebody's").unwrap();
    for (what, target) in [
        ("symbolic link", Some(theirs.as_path())),
        ("symbolic link", Some(Path::new("/dev/zero"))),
        ("a pipe", None),
    ] {
        match target {
            Some(target) => symlink(target, path).unwrap(),
            None => pipe(path),
        }
        check(what);
        assert!(!fs::symlink_metadata(path).unwrap().is_file(), "{what}");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "somebody's");
        fs::remove_file(path).unwrap();
    }
}

#[track_caller]
fn assert_refused(fleet: &Fleet, outcome: Outcome, path: &Path, what: &str) {
    let outcome = outcome.expect(2);
    outcome.assert_says(path.file_name().unwrap().to_str().unwrap());
    outcome.assert_says(what);
    outcome.assert_changed_nothing();
    assert!(fleet.region("RegionTwo").names().is_empty());
}

#[test]
fn a_metrics_file_replaces_nothing_but_a_file() {
    let fleet = fleet();
    let path = fleet.home().join("glancesync.prom");
    let word = path.to_str().unwrap();
    traps(&fleet, &path, |what| {
        let words = ["--metrics-file", word, "RegionTwo"];
        let outcome = fleet.glancesync(&words).run();
        assert_refused(&fleet, outcome, &path, what);
        // Where the configuration is wrong too.
        let words = [&words[..], &["--config", "main.max_children=0"]].concat();
        fleet.glancesync(&words).run().expect(2);
    });
    fs::write(&path, vec![b'x'; 17 << 20]).unwrap();
    let outcome = fleet
        .glancesync(&["--metrics-file", word, "RegionTwo"])
        .run();
    assert_refused(&fleet, outcome, &path, "more than 16 MiB");
}

/// The folder of the only master that has left state.
fn state(fleet: &Fleet) -> PathBuf {
    let state = fleet.home().join("home/.local/state/glancesync");
    let mut folders = fs::read_dir(state).unwrap().map(Result::unwrap);
    let folder = folders.find(|entry| entry.path().is_dir());
    folder.expect("a folder of state").path()
}

#[test]
fn state_is_neither_read_from_nor_written_to_anything_but_a_file() {
    let fleet = fleet();
    fleet.glancesync(&["RegionThree"]).run().expect(0);
    for name in ["lock", "installation"] {
        let path = state(&fleet).join(name);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        traps(&fleet, &path, |what| {
            let outcome = fleet.glancesync(&["RegionTwo"]).run();
            outcome.assert_says(&path.display().to_string());
            outcome.assert_says(what);
            fleet.glancesync(&["--dry-run", "RegionTwo"]).run();
        });
        fs::write(&path, kept).unwrap();
    }
}

#[test]
fn records_are_kept_in_a_folder_and_behind_no_link() {
    let fleet = fleet();
    let records = fleet.work_dir().join(".glancesync");
    let elsewhere = fleet.home().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &records).unwrap();
    let words = ["--parallel", "RegionTwo"];
    let outcome = fleet.glancesync(&words).run();
    assert_refused(&fleet, outcome, &records, "symbolic link");
    fs::remove_file(&records).unwrap();
    fs::write(&records, "").unwrap();
    let outcome = fleet.glancesync(&words).run();
    assert_refused(&fleet, outcome, &records, "not a folder");
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    fs::remove_file(&records).unwrap();
    fleet.glancesync(&words).run().expect(0);
    assert!(records.is_dir());
}

#[test]
fn content_may_be_behind_a_link_and_comes_out_of_no_pipe() {
    let fleet = fleet();
    let id = fleet.master().the("a")["id"].as_str().unwrap().to_owned();
    let folder = fleet.home().join("images");
    fs::create_dir(&folder).unwrap();
    let config = fleet
        .config()
        .set("main", "images_dir", folder.to_str().unwrap())
        .set("main", "source", "directory");
    let path = folder.join(&id);
    let sync = || fleet.run(&config, &["RegionTwo"]);
    for target in [None, Some("/dev/zero")] {
        match target {
            None => pipe(&path),
            Some(target) => symlink(target, &path).unwrap(),
        }
        sync().expect(1).assert_fails("source_unreadable a");
        fs::remove_file(&path).unwrap();
    }
    symlink(fleet.master().facts.images_dir.join(&id), &path).unwrap();
    sync().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn a_backup_is_read_from_files_only() {
    let fleet = fleet();
    fleet.glancesync(&["--make-backup"]).run().expect(0);
    let entries = fs::read_dir(fleet.work_dir()).unwrap();
    let mut folders = entries.map(|entry| entry.unwrap().path());
    let folder = folders.find(|path| path.is_dir()).unwrap();
    let file = folder.join("RegionTwo.json");
    fs::remove_file(&file).unwrap();
    traps(&fleet, &file, |what| {
        let words = ["restore", folder.to_str().unwrap(), "RegionTwo"];
        let outcome = fleet.glancesync(&words).run();
        assert_ne!(outcome.code, Some(0), "{outcome}");
        outcome.assert_fails("backup_unreadable");
        outcome.assert_says(what);
    });
}

#[test]
fn a_configuration_may_come_out_of_a_pipe() {
    let fleet = fleet();
    let path = fleet.home().join("pipe");
    pipe(&path);
    let running = Program::bare(&fleet)
        .args(["--config-file".into(), path.clone().into_os_string()])
        .args(["RegionTwo"])
        .start();
    // Waits until it is read.
    fs::write(&path, fleet.config().text()).unwrap();
    running.wait().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn a_configuration_has_an_end() {
    let fleet = fleet();
    let outcome = Program::bare(&fleet)
        .args(["--config-file", "/dev/zero", "RegionTwo"])
        .run();
    assert_refused(&fleet, outcome, Path::new("/dev/zero"), "more than 16 MiB");
    let config = Config::of(&fleet.cloud).master("cacert", "/dev/zero");
    fleet
        .run(&config, &["RegionTwo"])
        .expect(2)
        .assert_says("a device");
}
