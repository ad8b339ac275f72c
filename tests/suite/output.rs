//! What is printed where: reports on standard output, everything else on standard error.

use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Outcome, Program};

/// `a` is absent in `RegionTwo`, `b` has other properties, `c` other content, `d` is the same.
fn mixed() -> Fleet {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for name in ["a", "b", "c", "d"] {
        fleet
            .master()
            .create(NewImage::new(name, "abc").with("nid", "1"));
    }
    region.create(NewImage::new("b", "abc"));
    region.create(NewImage::new("c", "other"));
    region.create(NewImage::new("d", "abc").with("nid", "1"));
    fleet
}

#[test]
fn the_report_is_in_run_order_and_by_size_within_a_region() {
    let fleet = Fleet::start();
    for (name, size) in [("large", 30), ("b", 10), ("a", 10), ("empty", 0)] {
        fleet.master().create(NewImage::new(name, vec![0; size]));
    }
    let words = ["--show-status", "other:RegionOne", "RegionTwo"];
    let outcome = Program::with(&fleet, &fleet.config())
        .args(words)
        .run()
        .expect(0);
    let line = |region| {
        ["empty", "a", "b", "large"].map(|name| format!("pending_upload,{region},{name}\n"))
    };
    let expected = [line("other:RegionOne"), line("RegionTwo")]
        .concat()
        .concat();
    assert_eq!(outcome.stdout, expected);
    outcome.assert_changed_nothing();
}

#[test]
fn parallel_regions_are_reported_in_run_order_too() {
    let fleet = mixed();
    let words = [
        "--parallel",
        "--max-children",
        "3",
        "RegionTwo",
        "RegionThree",
        "other:",
    ];
    let outcome = fleet.status(&fleet.config(), &words);
    let mut regions: Vec<String> = outcome.status().into_iter().map(|(_, of, _)| of).collect();
    regions.dedup();
    assert_eq!(regions, ["RegionTwo", "RegionThree", "other:RegionOne"]);
}

#[test]
fn the_image_filter_changes_no_status() {
    let fleet = mixed();
    let statuses = |words: &[&str]| {
        let words = [words, &["RegionTwo"]].concat();
        fleet.status(&fleet.config(), &words).status_of("RegionTwo")
    };
    let all = [
        "pending_upload a",
        "pending_metadata b",
        "error_checksum c",
        "ok d",
    ];
    assert_eq!(statuses(&[]), all);
    assert_eq!(statuses(&["--image", "[bc]"]), all[1..3]);
    assert_eq!(
        statuses(&["--image", "d", "--image", "a*"]),
        [all[0], all[3]]
    );
    let slip = fleet.status(&fleet.config(), &["--image", "A", "RegionTwo"]);
    assert_eq!(slip.status_of("RegionTwo"), [""; 0]);
    slip.assert_warns("no_match");
    fleet
        .glancesync(&["--image", "b", "RegionTwo"])
        .run()
        .expect(0);
    assert_eq!(
        statuses(&[]),
        ["pending_upload a", "ok b", "error_checksum c", "ok d"]
    );
}

#[test]
fn every_format_of_the_report_holds_every_line() {
    let fleet = mixed();
    let lines = [
        ("pending_upload", "a"),
        ("pending_metadata", "b"),
        ("error_checksum", "c"),
        ("ok", "d"),
    ];
    for format in ["csv", "table", "json"] {
        let words = ["--show-status", "--format", format, "RegionTwo"];
        let outcome = Program::with(&fleet, &fleet.config())
            .args(words)
            .run()
            .expect(0);
        for (status, image) in lines {
            assert!(outcome.stdout.contains(status), "{format}: {outcome}");
            assert!(outcome.stdout.contains(image), "{format}: {outcome}");
        }
        if format == "json" {
            assert!(
                outcome.json().to_string().contains("RegionTwo"),
                "{outcome}"
            );
        }
    }
    Program::with(&fleet, &fleet.config())
        .args(["--format", "yaml"])
        .run()
        .expect(2);
}

#[test]
fn the_dry_run_plans_what_the_run_then_does() {
    let fleet = mixed();
    fleet.master().create(NewImage::new("e_obsolete", "abc"));
    fleet.region("RegionTwo").create(NewImage::new("e", "abc"));
    let before = fleet.snapshot();
    let config = fleet.config().master("rename", "any");
    let regions = ["RegionTwo", "other:RegionOne"];
    let planned = fleet
        .run(&config, &[&["--dry-run"][..], &regions].concat())
        .expect(0);
    planned.assert_changed_nothing();
    assert_eq!(fleet.snapshot(), before);
    assert_eq!(planned.actions("action_started"), [""; 0]);
    let done = fleet.run(&config, &regions).expect(0);
    assert_eq!(done.actions("action_planned"), [""; 0]);
    assert_eq!(
        done.actions("action_finished"),
        planned.actions("action_planned")
    );
    assert_eq!(done.actions("action_finished").len(), 8, "{done}");
}

#[test]
fn the_plan_is_one_json_document_with_its_summary() {
    let fleet = mixed();
    let words = ["--dry-run", "--format", "json", "RegionTwo", "RegionThree"];
    let outcome = Program::with(&fleet, &fleet.config())
        .args(words)
        .run()
        .expect(0);
    let plan = outcome.json().to_string();
    for word in ["update_metadata", "upload", "RegionTwo", "RegionThree"] {
        assert!(plan.contains(word), "{word}: {outcome}");
    }
    let words = ["--format", "json", "RegionTwo"];
    let summary = Program::with(&fleet, &fleet.config())
        .args(words)
        .run()
        .expect(0)
        .json();
    assert!(summary.to_string().contains("RegionTwo"), "{summary}");
}

#[test]
fn events_tell_the_whole_run() {
    let fleet = mixed();
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    let events = outcome.events();
    for event in &events {
        let ts = event["ts"].as_str().expect("ts");
        assert!(chrono::DateTime::parse_from_rfc3339(ts).is_ok(), "{event}");
        assert!(
            event["level"].is_string() && event["event"].is_string(),
            "{event}"
        );
    }
    let started = &outcome.events_named("run_started")[0];
    let fields =
        ["master", "regions", "mode", "parallel", "max_children"].map(|name| started[name].clone());
    assert_eq!(
        fields,
        [
            json!("RegionOne"),
            json!(["RegionTwo"]),
            json!("sync"),
            json!(false),
            json!(1)
        ]
    );
    let plan = &outcome.events_named("plan")[0];
    assert_eq!(
        (&plan["region"], &plan["bytes_pending"]),
        (&json!("RegionTwo"), &json!(3))
    );
    for status in ["pending_upload", "pending_metadata", "error_checksum", "ok"] {
        assert_eq!(plan["counts"][status], 1, "{plan}");
    }
    let finished = outcome.events_named("action_finished");
    assert_eq!(
        (&finished[0]["action"], &finished[0]["image"]),
        (&json!("update_metadata"), &json!("b"))
    );
    assert_eq!(
        (&finished[1]["action"], &finished[1]["image"]),
        (&json!("upload"), &json!("a"))
    );
    assert_eq!(finished[1]["bytes"], 3);
    assert_eq!(
        finished[1]["image_id"],
        fleet.region("RegionTwo").the("a")["id"]
    );
    assert!(finished[1]["seconds"].is_number());
    let warning = &outcome.events_named("warning")[0];
    assert_eq!(
        (&warning["code"], &warning["region"]),
        (&json!("checksum_conflict"), &json!("RegionTwo"))
    );
    let region = &outcome.events_named("region_finished")[0];
    assert_eq!(
        (&region["uploaded_images"], &region["updated_images"]),
        (&json!(1), &json!(1))
    );
    let run: &Value = events.last().unwrap();
    assert_eq!(run["event"], "run_finished");
    assert_eq!(
        (&run["regions_ok"], &run["regions_failed"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&run["uploaded_bytes"], &run["exit_code"]),
        (&json!(3), &json!(0))
    );
}

#[test]
fn all_that_a_run_writes_for_programs_has_its_id_and_another_run_has_another() {
    let fleet = mixed();
    let run = |words: &[&str]| fleet.glancesync(words).run().expect(0);
    let id_of = |outcome: &Outcome| {
        let summary = outcome.json();
        let id = summary["run_id"].as_str().expect("an id").to_owned();
        for event in outcome.events() {
            assert_eq!(event["run_id"], *id, "{outcome}");
        }
        id
    };
    let words = ["sync", "--parallel", "--format", "json", "RegionTwo"];
    let ids = [(); 2].map(|()| id_of(&run(&words)));
    assert_ne!(ids[0], ids[1]);
    let logs = run(&["logs", "--format", "json"]).json();
    assert_eq!(
        [&logs["runs"][1]["run_id"], &logs["runs"][0]["run_id"]],
        [&ids[0], &ids[1]]
    );
    let refused = fleet.glancesync(&["nowhere:"]).run().expect(2);
    assert_eq!(
        refused.events()[0]["run_id"].as_str().map(str::len),
        Some(36)
    );
}

#[test]
fn the_password_appears_nowhere() {
    let fleet = mixed();
    let words = ["-vvv", "--parallel", "RegionTwo", "other:"];
    for format in ["text", "json"] {
        let program = Program::with(&fleet, &fleet.config()).args(["--log-format", format]);
        let outcome = program.args(words).run().expect(0);
        let mut said = format!("{}{}", outcome.stdout, outcome.stderr);
        for file in files(&fleet.work_dir()) {
            said += &std::fs::read_to_string(file).unwrap();
        }
        for (target, keystone) in &fleet.cloud.keystones {
            let escaped = serde_json::to_string(&keystone.sync.password).unwrap();
            let credential = crate::common::config::credential(&fleet.cloud, target);
            let encoded = credential.split(',').nth(1).unwrap();
            for secret in [&keystone.sync.password, escaped.trim_matches('"'), encoded] {
                assert!(!said.contains(secret), "{target}: {outcome}");
            }
        }
    }
}

/// All files below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn every_request_is_a_line_when_asked_for_and_the_pool_only_for_developers() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let lines = |verbosity: &str, region: &str| {
        let program = Program::with(&fleet, &fleet.config());
        let outcome = program.args([verbosity, region]).run().expect(0);
        let is_inside = |line: &&str| line.contains("hyper");
        let has_pool = outcome.stderr.lines().any(|line| is_inside(&line));
        let requests = outcome
            .stderr
            .lines()
            .filter(|line| line.contains("glancesync::http"));
        let requests: Vec<String> = requests.map(ToOwned::to_owned).collect();
        (requests, has_pool)
    };
    assert_eq!(lines("-v", "RegionTwo"), (Vec::new(), false));
    let (requests, has_pool) = lines("-vv", "RegionThree");
    assert!(!has_pool);
    for (method, path, status) in [
        ("POST", "/auth/tokens: ", "201"),
        ("GET", "/v2/images: ", "200"),
        ("POST", "/v2/images: ", "201"),
        ("PUT", "/file: ", "204"),
    ] {
        let is_it = |line: &&String| {
            line.contains(&format!(" {method} http")) && line.contains(&format!("{path}{status}"))
        };
        let line = requests.iter().find(is_it);
        let line = line.unwrap_or_else(|| panic!("no {method} {path}{status} in {requests:#?}"));
        assert!(line.ends_with(" s") && !line.contains('?'), "{line}");
    }
    assert!(lines("-vvv", "other:RegionOne").1);
}

#[test]
fn without_a_terminal_what_is_under_way_is_said_now_and_then() {
    use glancesync::sandbox::{Effect, Fault};
    let fleet = Fleet::embedded(|_| ());
    let content = vec![b'x'; 256 << 10];
    fleet.master().create(NewImage::new("large", content));
    let slow = Effect::Slow {
        bytes_per_sec: 100 << 10,
    };
    let fault = || vec![Fault::new("PUT", "/v2/images/*/file", slow.clone())];
    for region in ["RegionTwo", "RegionThree"] {
        fleet.sandbox().set_faults(region, fault()).unwrap();
    }
    let run = |words: &[&str]| {
        let program = Program::with(&fleet, &fleet.config());
        program.args(words).run().expect(0)
    };
    let outcome = run(&["--stats", "1s", "RegionTwo"]);
    outcome.assert_says("under way: 0 of 1 region done; ");
    let outcome = run(&["--stats", "0", "RegionThree"]);
    assert!(!outcome.stderr.contains("under way"), "{outcome}");
    fleet
        .sandbox()
        .set_faults("other:RegionOne", fault())
        .unwrap();
    let program = Program::with(&fleet, &fleet.config()).events();
    let outcome = program.args(["--stats", "1s", "other:RegionOne"]).run();
    let outcome = outcome.expect(0);
    outcome.assert_events_are_documented();
    let is_stats = |log: &serde_json::Value| {
        log["message"]
            .as_str()
            .unwrap()
            .starts_with("under way: 0 of 1 region done; ")
    };
    assert!(
        outcome.events_named("log").iter().any(is_stats),
        "{outcome}"
    );
    let outcome = Program::with(&fleet, &fleet.config())
        .args(["--stats", "often"])
        .run();
    outcome.expect(2).assert_says("is not a duration");
}

#[test]
fn an_option_says_of_a_wrong_duration_or_rate_what_its_key_says() {
    let fleet = Fleet::start();
    for (option, key, text) in [
        ("--max-duration", "main.max_duration", "1h30m"),
        ("--bwlimit", "bwlimit", "5Q"),
    ] {
        let said_of = |words: &[&str], after: &str| {
            let program = Program::with(&fleet, &fleet.config()).args(words);
            let outcome = program.run().expect(2);
            let (_, problem) = outcome.stderr.split_once(after).expect("the problem");
            problem.lines().next().expect("a line").to_owned()
        };
        let of_option = said_of(&[option, text], ">': ");
        let of_key = said_of(
            &["--config", &format!("{key}={text}")],
            &format!("{text}: "),
        );
        assert_eq!(of_option, of_key);
    }
}

#[test]
fn quiet_says_nothing_of_what_went_well() {
    let fleet = mixed();
    let program = Program::with(&fleet, &fleet.config().master("dontupdate", ""));
    let outcome = program.args(["-q", "RegionThree"]).run().expect(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
}

#[test]
fn help_and_version_are_asked_for_and_so_printed() {
    let fleet = Fleet::start();
    let help = Program::bare(&fleet).args(["--help"]).run().expect(0);
    for word in [
        "--parallel",
        "--show-status",
        "--make-backup",
        "--keep-going",
        "check-config",
    ] {
        assert!(help.stdout.contains(word), "{word}: {help}");
    }
    let version = Program::bare(&fleet).args(["--version"]).run().expect(0);
    assert!(
        version.stdout.contains(env!("CARGO_PKG_VERSION")),
        "{version}"
    );
    Program::bare(&fleet)
        .args(["--no-such-option"])
        .run()
        .expect(2);
}
