//! The machine that it runs on: paths that lead to something else than a file, and limits of a
//! process.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use glancesync::sandbox::RegionSpec;

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

/// An embedded fleet of that many regions beside the master, each of which is to get an image.
fn many_regions(count: usize) -> Fleet {
    let fleet = Fleet::embedded(|spec| {
        let mut keystone = spec.keystones.iter_mut().find(|one| one.name == "master");
        for number in 0..count {
            let region = RegionSpec::new(format!("Many{number}"));
            keystone.as_mut().unwrap().regions.push(region);
        }
    });
    fleet.master().create(NewImage::new("a", "abc"));
    fleet
}

#[test]
fn as_many_regions_at_once_as_may_have_files_open() {
    let fleet = many_regions(50);
    let words = ["--parallel", "--max-children", "50"];
    for limit in ["ulimit -n 64", "ulimit -n 100"] {
        let before = fleet.region("RegionTwo").names().len();
        let outcome = fleet.glancesync(&words).after(limit).run().expect(0);
        assert!(outcome.errors().is_empty(), "{outcome}");
        let results = outcome.results();
        assert!(results.len() >= 50, "{outcome}");
        if before == 0 {
            assert!(results.iter().all(|line| line.ends_with(" changed")));
        }
    }
    let text = Program::with(&fleet, &fleet.config())
        .args(words)
        .after("ulimit -n 64")
        .run();
    text.expect(0).assert_says("ulimit -n");
    // The soft limit is nobody's wish.
    let outcome = fleet.glancesync(&words).after("ulimit -S -n 64").run();
    let started = &outcome.events_named("run_started")[0];
    assert_eq!(started["max_children"], 50, "{outcome}");
}

#[test]
fn too_few_open_files_are_named_as_such() {
    let fleet = fleet();
    for limit in ["20", "24", "40", "55"] {
        let outcome = fleet
            .glancesync(&["RegionTwo"])
            .after(&format!("ulimit -n {limit}"))
            .run()
            .expect(2);
        outcome.assert_fails("limit_too_low");
        outcome.assert_says(&format!("may have {limit} files open"));
    }
    fleet
        .glancesync(&["RegionTwo"])
        .after("ulimit -n 56")
        .run()
        .expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn a_file_that_may_not_grow_ends_no_run() {
    let fleet = Fleet::start();
    let content = "x".repeat(300_000);
    fleet.master().create(NewImage::new("a", content.as_str()));
    // Blocks of 512 bytes: the spool of what the master's Glance gives has no room.
    let config = fleet.config().set("main", "source", "glance");
    let outcome = Program::with(&fleet, &config)
        .events()
        .args(["--parallel", "RegionTwo"])
        .after("ulimit -f 128")
        .run();
    assert!(outcome.code.is_some(), "{outcome}");
    assert!(
        !outcome.events_named("run_finished").is_empty(),
        "{outcome}"
    );
    if outcome.code != Some(0) {
        outcome.assert_says("File too large");
    }
    let outcome = fleet
        .glancesync(&["--make-backup"])
        .after("ulimit -f 0")
        .run()
        .expect(1);
    outcome.assert_fails("backup_failed");
    outcome.assert_says(".json");
}

#[test]
fn out_of_memory_is_blamed_on_nobody() {
    let fleet = fleet();
    for limit in ["40000", "100000", "160000", "220000"] {
        let outcome = fleet
            .glancesync(&["RegionTwo"])
            .after(&format!("ulimit -v {limit}"))
            .run();
        assert!(!outcome.stderr.contains("monty"), "{outcome}");
    }
}
