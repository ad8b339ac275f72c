//! What it says is true, and says no more than it may: whatever is printed, logged and left.

use std::path::Path;

use crate::common::{Fleet, NewImage, Program, wait_until};

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
        (&config, &["--parallel", "-vvv"]),
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
    // Both keys are wrong for each, and a restore has no folder besides.
    for (words, wrongs) in [
        (&["--parallel"][..], 2),
        (&["--dry-run"], 2),
        (&["--show-status"], 2),
        (&["--show-regions"], 2),
        (&["--make-backup"], 2),
        (&["check-config"], 2),
        (&["restore", "no-folder"], 3),
    ] {
        for log_format in ["text", "json"] {
            let words = [words, &["--format", "json", "--log-format", log_format]].concat();
            let outcome = Program::with(&fleet, &wrong).args(words).run().expect(2);
            let codes = vec!["config_invalid"; wrongs];
            assert_eq!(codes_of_document(&outcome), codes, "{outcome}");
            if log_format == "json" {
                assert_eq!(outcome.errors(), codes);
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
fn what_failed_or_was_interrupted_is_one_document_of_the_page_too() {
    use glancesync::sandbox::{Effect, Fault, When};
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.take_down("master:RegionTwo");
    let config = fleet.config().set("DEFAULT", "retries", "0");
    let program = |words: &[&str]| {
        Program::with(&fleet, &config)
            .args(words)
            .args(["--format", "json"])
    };
    for words in [
        &["RegionTwo"][..],
        &["--parallel", "RegionTwo"],
        &["--dry-run", "RegionTwo"],
        &["--show-status", "RegionTwo"],
        &["--make-backup", "RegionTwo"],
        &["check-config", "--online"],
    ] {
        program(words).run().expect(1).json();
    }
    for words in [&["logs"][..], &["logs", "--errors"], &["logs", "RegionTwo"]] {
        program(words).run().expect(0).json();
    }
    let hang = Fault::always(Effect::Hang {
        when: When::default(),
    });
    fleet
        .sandbox()
        .set_faults("RegionThree", vec![hang])
        .unwrap();
    for mode in [&["RegionThree"][..], &["--dry-run", "RegionThree"]] {
        let running = program(mode).events().start();
        fleet.wait_for_a_held_request("RegionThree");
        running.signal("INT");
        let document = running.wait().expect(130).json();
        let summary = document.get("summary").unwrap_or(&document);
        assert_eq!(summary["exit_code"], 130);
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

#[test]
fn in_step_is_said_only_where_nothing_is_left_to_do_or_to_decide() {
    let fleet = Fleet::start();
    for name in ["same", "other"] {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("same", "abc"));
    region.create(NewImage::new("other", "else"));
    let run = |words: &[&str]| Program::with(&fleet, &fleet.config()).args(words).run();
    for (words, said) in [
        (&["RegionTwo"][..], "1 needs a decision"),
        (&["--dry-run", "RegionTwo"], "1 needs a decision"),
        (
            &["RegionTwo", "--image", "same"],
            "of the images that --image chose: 1 in step",
        ),
        (&["--dry-run", "RegionThree"], "1 would change"),
        (&["RegionThree"], "1 changed"),
        (
            &["RegionThree", "RegionTwo"],
            "1 in step, 1 needs a decision",
        ),
    ] {
        let outcome = run(words).expect(0);
        assert!(outcome.stdout.contains(said), "no {said:?} in {outcome}");
        let has_decision = said.contains("decision");
        assert_eq!(
            outcome
                .stdout
                .contains("1 image error_checksum: RegionTwo (1)"),
            has_decision,
            "{outcome}"
        );
        if words == ["RegionTwo"] {
            outcome.assert_says("not in step: 1 error_checksum");
            assert!(!outcome.stderr.contains(" in step ("), "{outcome}");
        }
    }
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(
        outcome.events_named("region_finished")[0]["left"]["error_checksum"],
        1
    );
}

#[test]
fn a_plan_has_a_line_an_image_and_what_differs_on_request() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("absent", "abcd"));
    master.create(NewImage::new("differs", "abc").with("nid", "7"));
    master.create(NewImage::new("asked", "abc"));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("differs", "abc").with("nid", "1"));
    let asked = region.create(NewImage::new("asked", "other"));
    let checksum = region.the("asked")["checksum"].clone();
    let plan = |words: &[&str]| {
        let words = [&["--dry-run", "RegionTwo", "RegionThree"], words].concat();
        let outcome = fleet.run(&fleet.config(), &words).expect(0);
        outcome.assert_changed_nothing();
        outcome.stdout
    };
    let brief = plan(&[]);
    for line in [
        "RegionTwo: 1 upload, 1 metadata change, 4 B to send; 1 image needs a decision",
        "  ~ differs        3 B  differs in nid",
        "  + absent         4 B  not in the region",
        "RegionThree: 3 uploads, 10 B to send",
        "Planned in 2 regions: 4 uploads, 1 metadata change, 14 B to send; nothing was changed.",
        &format!("      {}: `asked`", checksum.as_str().unwrap()),
    ] {
        assert!(brief.lines().any(|it| it == line), "no {line:?} in {brief}");
    }
    for detail in ["wanted:", "→", &asked] {
        assert!(!brief.contains(detail), "{detail}: {brief}");
    }
    let full = plan(&["-v"]);
    for line in [
        "  ~ differs        3 B  differs in nid",
        "      wanted: it is public",
        "      nid: `1` → `7`",
    ] {
        assert!(full.lines().any(|it| it == line), "no {line:?} in {full}");
    }
    fleet
        .run(&fleet.config().set("DEFAULT", "replace", "any"), &[])
        .expect(0);
    assert!(plan(&[]).starts_with("In step: 2 regions (RegionTwo, RegionThree)\n"));
}

#[test]
fn another_exit_code_than_0_has_its_reason_wherever_it_is_told() {
    let fleet = Fleet::start();
    for name in ["same", "other"] {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("other", "else"));
    let config = fleet
        .config()
        .set("main", "log_dir", fleet.work_dir().to_str().unwrap());
    let run = |words: &[&str]| Program::with(&fleet, &config).args(words).run();
    let error = "--fail-on error found 1 error_checksum in RegionTwo";
    let pending =
        "--fail-on pending found 1 pending_upload in RegionTwo; 1 error_checksum in RegionTwo";
    let fail_on = |word: &'static str, words: &[&'static str]| {
        [&["--fail-on", word, "RegionTwo"], words].concat()
    };
    for (words, reason) in [
        (fail_on("pending", &["--show-status"]), pending),
        (fail_on("pending", &["--dry-run"]), pending),
        (fail_on("pending", &["--show-status", "-q"]), pending),
        (fail_on("error", &["--parallel"]), error),
    ] {
        let outcome = run(&words).expect(1);
        let said = format!("{}{}", outcome.stderr, outcome.stdout);
        assert!(said.contains(reason), "no {reason:?} in {outcome}");
    }
    for words in [&["--show-status"][..], &["--dry-run"], &[]] {
        let words = fail_on("error", &[words, &["--format", "json"]].concat());
        let document = run(&words).expect(1).json();
        let document = document.get("summary").unwrap_or(&document);
        assert_eq!(document["exit_code"], 1, "{document}");
        assert_eq!(document["reason"], error, "{document}");
    }
    let listed = run(&["logs"]).expect(0);
    assert!(
        listed
            .stdout
            .contains(&format!("failed, 1 region: {error}")),
        "{listed}"
    );
    let document = run(&["logs", "--format", "json"]).expect(0).json();
    let past = &document["runs"][0];
    assert_eq!(
        (&past["exit_code"], &past["reason"]),
        (&1.into(), &error.into())
    );
    let name = past["run"].as_str().unwrap();
    let shown = run(&["logs", name]).expect(0).stdout;
    for text in [error, "needs a decision", "1 error_checksum"] {
        assert!(shown.contains(text), "no {text:?} in {shown}");
    }
    fleet.take_down("master:RegionThree");
    let config = config.set("DEFAULT", "retries", "0");
    let outcome = Program::with(&fleet, &config)
        .args(["RegionThree"])
        .run()
        .expect(1);
    assert!(
        outcome
            .stdout
            .contains("Exit code 1: 1 region failed: RegionThree."),
        "{outcome}"
    );
}

#[test]
fn a_dry_run_during_a_sync_says_so_and_calls_what_is_in_progress_by_its_name() {
    use glancesync::sandbox::{Effect, Fault};
    let fleet = Fleet::embedded(|_| ());
    fleet
        .master()
        .create(NewImage::new("large", vec![b'x'; 1 << 20]));
    let slow = Effect::Slow {
        bytes_per_sec: 128 << 10,
    };
    let fault = Fault::new("PUT", "/v2/images/*/file", slow);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    let mut sync = Program::with(&fleet, &fleet.config())
        .args(["RegionTwo"])
        .start();
    let region = fleet.region("RegionTwo");
    wait_until("an image of the sync", || !region.named("large").is_empty());
    let look = |words: &[&str]| {
        let words = [words, &["RegionTwo"]].concat();
        Program::with(&fleet, &fleet.config())
            .args(words)
            .run()
            .expect(0)
    };
    let plan = look(&["--dry-run", "-v"]);
    let document = look(&["--dry-run", "--format", "json"]);
    let locked = Program::with(&fleet, &fleet.config())
        .args(["--format", "json", "RegionThree"])
        .run()
        .expect(3);
    assert!(!sync.has_ended(), "the sync was too quick");
    assert_eq!(codes_of_document(&locked), ["run_locked"]);
    for outcome in [&plan, &document] {
        assert!(outcome.stdout.contains("process "), "{outcome}");
        for word in ["leftover", "interrupted"] {
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!said.contains(word), "{outcome}");
        }
    }
    assert!(
        plan.stdout.contains("A sync for this master is under way"),
        "{plan}"
    );
    assert!(
        plan.stdout
            .contains("pending_upload, which the sync under way is bringing"),
        "{plan}"
    );
    let document = document.json();
    assert_eq!(
        document["plans"][0]["images"][0]["reason"]["rule"],
        "in_progress"
    );
    assert_eq!(document["plans"][0]["actions"], serde_json::json!([]));
    sync.wait().expect(0);
    // A later one has nothing to say of it.
    let plan = look(&["--dry-run"]);
    assert!(!plan.stdout.contains("under way"), "{plan}");
    assert!(plan.stdout.contains("1 in step"), "{plan}");
}

#[test]
fn a_failing_run_keeps_the_last_success_and_an_error_of_the_file_is_said_once() {
    let fleet = Fleet::start();
    let file = fleet.home().join("glancesync.prom");
    let path = file.to_str().unwrap();
    let run = |words: &[&str], file: &str| {
        let words = [words, &["--metrics-file", file, "RegionTwo"]].concat();
        let program = Program::with(&fleet, &fleet.config().set("DEFAULT", "retries", "0"));
        program.args(words).run()
    };
    fleet.master().create(NewImage::new("a", "abc"));
    run(&[], path).expect(0);
    let success = || {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = "glancesync_last_success_timestamp_seconds{mode=\"sync\"";
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with(name)).collect();
        assert_eq!(lines.len(), 1, "{text}");
        lines[0].to_owned()
    };
    let first = success();
    for (words, code) in [
        (&["--config", "retries=x"][..], 2),
        (&["--dry-run", "--config", "retries=x"], 2),
        (&["--config", "main.master_region=Nowhere"], 2),
        (&["--fail-on", "error", "--format", "csv"], 2),
    ] {
        run(words, path).expect(code);
        if words[1] != "main.master_region=Nowhere" {
            assert_eq!(success(), first, "{words:?}");
        }
    }
    for wrong in ["/no/such/folder/x.prom", "/"] {
        let outcome = run(&[], wrong).expect(2);
        assert_eq!(outcome.stderr.matches("error:").count(), 1, "{outcome}");
        assert!(!outcome.stderr.contains("is over"), "{outcome}");
        outcome.assert_changed_nothing();
    }
}

#[test]
fn all_that_is_wrong_in_a_configuration_is_said_in_one_pass_with_the_slip_behind_it() {
    let fleet = Fleet::start();
    let config = fleet
        .config()
        .set("main", "max_children", "3 # three")
        .set("main", "unknown_one", "1")
        .master("retries", "\"2\"")
        .master("unknown_two", "2");
    let outcome = Program::with(&fleet, &config).args(["-n"]).run().expect(2);
    for text in ["unknown_one", "unknown_two", "max_children", "retries"] {
        outcome.assert_says(text);
    }
    outcome.assert_says("a comment is one only on a line of its own");
    outcome.assert_says("the quotes are a part of the value");
    let outcome = fleet.run(&config, &["-n"]).expect(2);
    assert_eq!(outcome.warnings(), ["unknown_key"; 2]);
    assert_eq!(outcome.errors(), ["config_invalid"; 2]);

    let keystone = &fleet.cloud.keystones["master"];
    let user = &keystone.sync;
    let quoted = fleet
        .config()
        .without("master", "credential")
        .master("user", &user.name)
        .master("password", &format!("\"{}\"", user.password))
        .master("keystone_url", &keystone.url)
        .master("tenant", &user.project);
    let outcome = fleet.run(&quoted, &["-n"]).expect(2);
    outcome.assert_fails("auth_failed");
    outcome.assert_says("[master] password: the quotes are a part of the value");
    assert!(!outcome.stderr.contains(&user.password), "{outcome}");
}
