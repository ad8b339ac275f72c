//! What it says is true, and says no more than it may: whatever is printed, logged and left.

use std::path::Path;

use crate::common::{Fleet, NewImage, Program};

/// The text of every file below a folder.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &written(&path);
        } else {
            text += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
    }
    text
}

#[test]
fn a_password_in_the_url_of_a_property_is_sent_and_never_shown() {
    const URL: &str = "https://robot:s3cr3t-1@mirror.example.org/x";
    const OLD: &str = "https://robot:s3cr3t-2@mirror.example.org/x";
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("absent", "abc").with("source_url", URL));
    master.create(NewImage::new("differs", "abc").with("source_url", URL));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("differs", "abc").with("source_url", OLD));
    // It raises with the value in its message.
    let condition = "image.name != 'absent' or int(image.user_properties['source_url']) or True";
    let work = fleet.work_dir();
    let config = fleet
        .config()
        .set("main", "log_dir", work.to_str().unwrap());
    let failing = config.clone().master("metadata_condition", condition);
    let mut said = String::new();
    let mut shown = String::new();
    for (config, words) in [
        (&failing, &["--dry-run", "-v"][..]),
        (&config, &["--dry-run", "-v"]),
        (&config, &["--dry-run", "--format", "json"]),
        (&config, &["--dry-run", "--log-format", "json"]),
        (&config, &["--show-status", "--format", "json"]),
        (&config, &["--show-status", "--format", "html"]),
        (&config, &["--parallel", "-vv"]),
        (
            &config,
            &[
                "check-config",
                "--config",
                "DEFAULT.cacert=http://me:s3cr3t-3@h/",
            ],
        ),
        (
            &config,
            &["check-config", "--config", "retries=http://me:s3cr3t-3@h/"],
        ),
    ] {
        let words = if words[0] == "check-config" {
            words.to_vec()
        } else {
            [words, &["RegionTwo"]].concat()
        };
        let outcome = Program::with(&fleet, config).args(words).run();
        shown += &outcome.stdout;
        said += &(outcome.stderr + &outcome.stdout);
    }
    for image in ["absent", "differs"] {
        assert_eq!(region.the(image)["source_url"], URL);
    }
    fleet
        .run(&config, &["--make-backup", "RegionTwo"])
        .expect(0);
    let id = region.the("differs")["id"].as_str().unwrap().to_owned();
    region.set(&id, &[("source_url", OLD.into())]);
    let backup = std::fs::read_dir(&work).unwrap();
    let mut names = backup.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let backup = names.find(|name| name.starts_with("backup_")).unwrap();
    for format in ["text", "json"] {
        let words = ["restore", &backup, "--format", format];
        let outcome = Program::with(&fleet, &config).args(words).run().expect(0);
        said += &(outcome.stderr + &outcome.stdout);
    }
    said += &written(&work);
    assert!(!said.contains("s3cr3t"), "{said}");
    assert!(
        shown.contains("https://***@mirror.example.org/x"),
        "{shown}"
    );
}

/// The document of a program that ended before it had any other: its codes.
#[track_caller]
fn codes_of_document(outcome: &crate::common::Outcome) -> Vec<String> {
    let document = outcome.json();
    assert_eq!(document["exit_code"], outcome.code.unwrap(), "{outcome}");
    let errors = document["errors"].as_array().unwrap();
    for error in errors {
        for field in ["code", "message", "hint"] {
            assert!(
                error[field].as_str().is_some_and(|text| !text.is_empty()),
                "{outcome}"
            );
        }
    }
    let codes = errors
        .iter()
        .map(|error| error["code"].as_str().unwrap().to_owned());
    codes.collect()
}

#[test]
fn what_does_not_begin_is_one_document_too() {
    let fleet = Fleet::start();
    let config = fleet.config();
    let wrong = config
        .clone()
        .set("main", "max_children", "none")
        .master("retries", "x");
    for words in [
        &["--parallel"][..],
        &["--dry-run"],
        &["--show-status"],
        &["--show-regions"],
        &["--make-backup"],
        &["check-config"],
        &["restore", "no-folder"],
    ] {
        for log_format in ["text", "json"] {
            let words = [words, &["--format", "json", "--log-format", log_format]].concat();
            let outcome = Program::with(&fleet, &wrong).args(words).run().expect(2);
            assert_eq!(
                codes_of_document(&outcome),
                ["config_invalid"; 2],
                "{outcome}"
            );
            if log_format == "json" {
                assert_eq!(outcome.errors(), ["config_invalid"; 2]);
            } else {
                outcome.assert_says("error: ");
            }
        }
    }
    for (words, code) in [
        (
            &["--no-such-option", "--format", "json"][..],
            "config_invalid",
        ),
        (
            &["--format=json", "logs", "--no-such-option"],
            "config_invalid",
        ),
        (
            &["--format", "json", "--show-status", "--dry-run"],
            "config_invalid",
        ),
        (
            &["logs", "20200101_0000", "--format", "json"],
            "config_invalid",
        ),
        (&["logs", "--follow", "--format", "json"], "config_invalid"),
        (
            &["restore", "no-folder", "--format", "json"],
            "config_invalid",
        ),
        (
            &[
                "--format",
                "json",
                "--config",
                "master.credential=a,cHc=,http://127.0.0.1:9,b",
            ],
            "keystone_unreachable",
        ),
        (
            &["--format", "json", "--config", "main.master_region=Nowhere"],
            "region_unknown",
        ),
    ] {
        let words = [words, &["--log-format=json"]].concat();
        let program = Program::with(&fleet, &config.clone().set("DEFAULT", "retries", "0"));
        let outcome = program.args(words).run().expect(2);
        assert_eq!(codes_of_document(&outcome), [code], "{outcome}");
        assert_eq!(outcome.errors(), [code]);
    }
}

#[test]
fn a_full_disk_behind_standard_output_undoes_nothing() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let full = |words: &[&str]| {
        let program = Program::with(&fleet, &fleet.config()).args(words);
        program.after("exec >/dev/full").run().expect(1)
    };
    for words in [
        &["--dry-run"][..],
        &["--show-status"],
        &["--show-regions"],
        &["check-config"],
    ] {
        let outcome = full(words);
        outcome.assert_says("error: standard output could not be written");
        outcome.assert_changed_nothing();
    }
    for words in [&["RegionTwo"][..], &["RegionThree", "--format", "json"]] {
        let outcome = full(words);
        outcome.assert_says("error: standard output could not be written");
        outcome.assert_says("1 region");
        outcome.assert_says("1 image uploaded");
        assert!(!outcome.stderr.contains("othing was"), "{outcome}");
        assert_eq!(fleet.region(words[0]).names(), ["a"]);
    }
    // Without any standard output there is nobody who could miss it.
    let program = Program::with(&fleet, &fleet.config()).args(["other:RegionOne"]);
    program.after("exec >&-").run().expect(0);
    assert_eq!(fleet.region("other:RegionOne").names(), ["a"]);
}

#[test]
fn a_reader_that_went_away_stops_no_sync() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    for words in [
        &["--show-status"][..],
        &["--dry-run", "--format", "json"],
        &["--show-regions"],
        &["RegionTwo"],
    ] {
        let program = Program::with(&fleet, &fleet.config()).args(words);
        let outcome = program.run_into_closed_pipe().expect(0);
        assert!(!outcome.stderr.contains("error"), "{outcome}");
    }
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}
