//! Waves: one part of the fleet after another, halts, gates and waits in between.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, wait_for};

/// Three regions in two waves and the rest.
const WAVES: &str = "canary: RegionTwo; more: RegionThree; rest";

fn config(fleet: &Fleet) -> Config {
    fleet.config().set("main", "waves", WAVES)
}

/// A fleet whose regions all lack one image.
fn fleet() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "content"));
    fleet
}

/// A script for a gate.
fn script(fleet: &Fleet, lines: &str) -> PathBuf {
    let path = fleet.work_dir().join("gate.sh");
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn gated(fleet: &Fleet, lines: &str) -> Config {
    let gate = script(fleet, lines);
    config(fleet).set("main", "wave_gate", &gate.display().to_string())
}

/// Everything about waves in the order of its events.
fn story(outcome: &Outcome) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = outcome.events().into_iter().filter_map(|event| {
        let region = text(&event["region"]);
        Some(match event["event"].as_str()? {
            "wave_started" => format!("begin {}", text(&event["wave"])),
            "wave_finished" => format!("end {} {}", text(&event["wave"]), text(&event["result"])),
            "region_finished" => {
                format!(
                    "{region} {} of {}",
                    text(&event["result"]),
                    text(&event["wave"])
                )
            }
            "region_skipped" => format!("{region} skipped {}", text(&event["reason"])),
            "error" if event.get("region").is_none() => text(&event["code"]),
            _ => return None,
        })
    });
    told.collect()
}

fn sync(fleet: &Fleet, config: &Config, words: &[&str], code: i32) -> Outcome {
    let words = [&["sync"], words].concat();
    fleet.run(config, &words).expect(code)
}

const REGIONS: [&str; 2] = ["RegionThree", "RegionTwo"];

#[test]
fn each_wave_begins_when_the_one_before_has_ended() {
    let fleet = fleet();
    let config = config(&fleet);
    let planned = fleet
        .run(&config, &[&["plan"], &REGIONS[..]].concat())
        .expect(0);
    planned.assert_changed_nothing();
    let waves = "Waves: canary (RegionTwo); more (RegionThree).";
    assert!(planned.stdout.contains(waves), "{planned}");
    for words in [&REGIONS[..], &["--parallel", "RegionThree", "RegionTwo"]] {
        let outcome = sync(&fleet, &config, words, 0);
        let result = story(&outcome)[1].split(' ').nth(1).unwrap().to_owned();
        assert_eq!(
            story(&outcome),
            [
                "begin canary".to_owned(),
                format!("RegionTwo {result} of canary"),
                "end canary done".to_owned(),
                "begin more".to_owned(),
                format!("RegionThree {result} of more"),
                "end more done".to_owned(),
            ]
        );
        outcome.assert_events_are_documented();
    }
    let json = fleet.run(
        &config,
        &[&["plan", "--format", "json"], &REGIONS[..]].concat(),
    );
    let waves = &json.expect(0).json()["summary"]["waves"];
    assert_eq!(waves[0]["wave"], "canary");
    assert_eq!(waves[1]["regions"], json!(["RegionThree"]));
    let status = fleet
        .run(&config, &[&["status"], &REGIONS[..]].concat())
        .expect(0);
    assert_eq!(status.events_named("region_started")[0]["wave"], "canary");
    assert!(status.stdout.find("RegionTwo") < status.stdout.find("RegionThree"));
}

#[test]
fn a_wave_that_fails_halts_the_run_and_the_next_run_does_the_rest() {
    let fleet = fleet();
    let limits = config(&fleet)
        .master("max_replace", "0")
        .master("replace", "any");
    let by_hand = fleet.region("RegionTwo").create(NewImage::new("a", "else"));
    let outcome = sync(&fleet, &limits, &REGIONS, 1);
    assert_eq!(
        story(&outcome),
        [
            "begin canary",
            "RegionTwo failed of canary",
            "end canary halted",
            "wave_halted",
            "RegionThree skipped wave_halted"
        ]
    );
    let finished = &outcome.events_named("run_finished")[0];
    assert_eq!(finished["halted_by"], "canary");
    assert_eq!(finished["regions_not_begun"], 1);
    assert_eq!(fleet.region("RegionThree").names(), Vec::<String>::new());

    let lenient = limits.clone().set("main", "wave_max_failures", "1");
    let outcome = sync(&fleet, &lenient, &REGIONS, 1);
    assert!(story(&outcome).contains(&"RegionThree changed of more".to_owned()));
    fleet.region("RegionTwo").delete(&by_hand);
    let outcome = sync(&fleet, &limits, &REGIONS, 0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
}

#[test]
fn a_plan_that_was_halted_is_applied_again_after_the_repair() {
    let fleet = fleet();
    let config = config(&fleet).master("replace", "any");
    fleet
        .region("RegionThree")
        .create(NewImage::new("a", "old"));
    let words = [&["plan", "--out", "plan.json"], &REGIONS[..]].concat();
    fleet.run(&config, &words).expect(0);
    let region = fleet.region("RegionThree");
    let mut waves = config
        .clone()
        .set("main", "waves", "canary: RegionThree; rest");
    let old = region.the("a")["id"].as_str().unwrap().to_owned();
    region.delete(&old);
    let moved = region.create(NewImage::new("a", "by hand"));
    let outcome = fleet.run(&waves, &["apply", "plan.json"]).expect(1);
    assert_eq!(
        story(&outcome),
        [
            "begin canary",
            "RegionThree failed of canary",
            "end canary halted",
            "wave_halted",
            "RegionTwo skipped wave_halted"
        ]
    );
    outcome.assert_fails("plan_outdated");
    outcome.assert_changed_nothing();

    region.delete(&moved);
    region.create(NewImage::new("a", "content"));
    waves = waves.set("main", "wave_soak", "1s");
    let outcome = fleet.run(&waves, &["apply", "plan.json"]).expect(0);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
}

#[test]
fn three_waves_of_a_plan_of_which_the_second_fails() {
    let fleet = fleet();
    let config = fleet.config().master("replace", "any").set(
        "main",
        "waves",
        "one: RegionTwo; two: RegionThree; rest",
    );
    fleet
        .region("RegionThree")
        .create(NewImage::new("a", "old"));
    let all = ["RegionTwo", "RegionThree", "other:RegionOne"];
    let words = [&["plan", "--out", "plan.json"], &all[..]].concat();
    fleet.run(&config, &words).expect(0);
    let region = fleet.region("RegionThree");
    let old = region.the("a")["id"].as_str().unwrap().to_owned();
    region.set(&old, &[("name", json!("elsewhere"))]);
    let by_hand = region.create(NewImage::new("a", "by hand"));
    let outcome = fleet.run(&config, &["apply", "plan.json"]).expect(1);
    assert_eq!(
        story(&outcome),
        [
            "begin one",
            "RegionTwo changed of one",
            "end one done",
            "begin two",
            "RegionThree failed of two",
            "end two halted",
            "wave_halted",
            "other:RegionOne skipped wave_halted"
        ]
    );
    let last = fleet.region("other:RegionOne");
    assert_eq!(last.names(), Vec::<String>::new());

    region.delete(&by_hand);
    region.set(&old, &[("name", json!("a"))]);
    let outcome = fleet.run(&config, &["apply", "plan.json"]).expect(0);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionThree replace a", "other:RegionOne upload a"]
    );
    assert_eq!(last.names(), ["a"]);
    let outcome = fleet.run(&config, &["apply", "plan.json"]).expect(0);
    outcome.assert_changed_nothing();
}

#[test]
fn the_run_ends_after_the_wave_that_is_named() {
    let fleet = fleet();
    let config = config(&fleet);
    let words = [&["--until-wave", "canary"], &REGIONS[..]].concat();
    let outcome = sync(&fleet, &config, &words, 0);
    assert_eq!(
        story(&outcome)[2..],
        ["end canary done", "RegionThree skipped until_wave"]
    );
    for (config, words, says) in [
        (
            &config,
            ["sync", "--until-wave", "none"],
            "`canary`, `more`, `rest`",
        ),
        (
            &fleet.config(),
            ["sync", "--until-wave", "canary"],
            "is not set",
        ),
        (
            &config,
            ["regions", "--until-wave", "canary"],
            "does not go with",
        ),
    ] {
        fleet.run(config, &words).expect(2).assert_says(says);
    }
}

#[test]
fn nothing_is_begun_where_the_named_wave_has_no_region_of_the_run() {
    let fleet = fleet();
    let config = config(&fleet);
    for words in [
        &["--until-wave", "canary", "RegionThree"][..],
        &[
            "--until-wave",
            "canary",
            "RegionThree",
            "RegionTwo",
            "--exclude",
            "RegionTwo",
        ],
    ] {
        let outcome = sync(&fleet, &config, words, 0);
        assert_eq!(story(&outcome), ["RegionThree skipped until_wave"]);
        outcome.assert_changed_nothing();
    }
    let outcome = sync(&fleet, &config, &["--until-wave", "more", "RegionTwo"], 0);
    assert_eq!(story(&outcome).len(), 3, "{outcome}");
}

#[test]
fn a_target_without_a_log_in_fails_in_the_wave_of_its_regions() {
    let fleet = fleet();
    let keystone = &fleet.cloud.keystones["other"];
    let config = fleet
        .config()
        .set("main", "waves", "canary: other:RegionOne; rest")
        .without("other", "credential")
        .set("other", "user", &keystone.sync.name)
        .set("other", "password", "wrong")
        .set("other", "keystone_url", &keystone.url)
        .set("other", "tenant", &keystone.sync.project);
    let outcome = sync(&fleet, &config, &["other:", "RegionTwo"], 1);
    assert_eq!(
        story(&outcome),
        [
            "begin canary",
            "other: failed of canary",
            "end canary halted",
            "wave_halted",
            "RegionTwo skipped wave_halted"
        ]
    );
    outcome.assert_changed_nothing();
}

#[test]
fn a_region_of_two_waves_is_an_error_and_one_of_none_a_warning() {
    let fleet = fleet();
    for (waves, says) in [
        ("a: RegionTwo; b: RegionTwo", "`RegionTwo` is in it twice"),
        ("RegionTwo", "no colon"),
    ] {
        let config = fleet.config().set("main", "waves", waves);
        fleet.run(&config, &["plan"]).expect(2).assert_says(says);
    }
    for (gate, says) in [("'a b", "quote"), ("'' b", "no program")] {
        let config = fleet.config().set("main", "wave_gate", gate);
        fleet.run(&config, &["plan"]).expect(2).assert_says(says);
    }
    let config = fleet
        .config()
        .set("main", "waves", "a: Nowhere, none:X; rest");
    let outcome = fleet.run(&config, &["plan", "RegionTwo"]).expect(0);
    outcome.assert_warns("no_match");
    outcome.assert_says("`Nowhere` of the wave `a`");
    outcome.assert_says("`none:X` of the wave `a`");
}

#[test]
fn a_gate_is_told_the_wave_and_decides() {
    let fleet = fleet();
    let lines = "echo $GLANCESYNC_WAVE,$GLANCESYNC_REGIONS >> asked\n\
        cp $GLANCESYNC_SUMMARY summary.json; stat -c %a $GLANCESYNC_SUMMARY > mode\n\
        echo looks good; exit $(cat code)";
    let config = gated(&fleet, lines);
    let work = fleet.work_dir();
    fs::write(work.join("code"), "7").unwrap();
    let outcome = sync(&fleet, &config, &REGIONS, 1);
    assert_eq!(
        story(&outcome)[2..],
        [
            "end canary halted",
            "gate_failed",
            "RegionThree skipped wave_halted"
        ]
    );
    assert_eq!(
        outcome.events_named("wave_finished")[0]["gate_exit_code"],
        7
    );
    outcome.assert_says("gate: looks good");
    let summary: Value =
        serde_json::from_slice(&fs::read(work.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["wave"], "canary");
    assert_eq!(summary["regions"][0]["region"], "RegionTwo");
    assert_eq!(summary["regions"][0]["result"], "changed");
    assert_eq!(
        summary["regions"][0]["images"][0],
        json!({"image": "a", "status": "ok"})
    );
    assert_eq!(fs::read_to_string(work.join("mode")).unwrap().trim(), "600");

    // A wave that changes nothing needs no gate; nor does a dry run.
    fleet
        .run(&config, &[&["plan"], &REGIONS[..]].concat())
        .expect(0);
    let outcome = sync(&fleet, &config, &REGIONS, 0);
    assert!(
        outcome.events_named("wave_finished")[0]
            .get("gate_exit_code")
            .is_none()
    );
    fs::write(work.join("code"), "0").unwrap();
    fleet.master().create(NewImage::new("b", "more"));
    let outcome = sync(&fleet, &config, &REGIONS, 0);
    let ended = outcome.events_named("wave_finished");
    assert_eq!(ended[0]["gate_exit_code"], 0);
    assert!(
        ended[1].get("gate_exit_code").is_none(),
        "no wave follows it"
    );
    let asked = fs::read_to_string(work.join("asked")).unwrap();
    assert_eq!(asked, "canary,RegionTwo\ncanary,RegionTwo\n");
}

/// The processes whose command line has that word.
fn processes(word: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let commands = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let has_it = |command: &Vec<u8>| {
        command
            .split(|byte| *byte == 0)
            .any(|it| it == word.as_bytes())
    };
    commands.filter(has_it).count()
}

#[test]
fn a_gate_that_hangs_is_killed_with_all_that_it_started() {
    let fleet = fleet();
    let config = gated(&fleet, "sleep 98761 & sleep 98762 & echo begun; wait").set(
        "main",
        "wave_gate_timeout",
        "1s",
    );
    let outcome = sync(&fleet, &config, &REGIONS, 1);
    outcome.assert_fails("gate_failed");
    outcome.assert_says("wave_gate_timeout");
    outcome.assert_says("gate: begun");
    assert_eq!(processes("98761") + processes("98762"), 0);
    assert_eq!(fleet.region("RegionThree").names(), Vec::<String>::new());
}

#[test]
fn what_a_gate_leaves_behind_goes_with_it() {
    let fleet = fleet();
    let lines = "sleep 98763 & setsid sleep 98765 & sleep 0.1; exit 0";
    let config = gated(&fleet, lines);
    let started = Instant::now();
    sync(&fleet, &config, &REGIONS, 0);
    assert!(started.elapsed() < Duration::from_mins(1));
    assert_eq!(processes("98763") + processes("98765"), 0);
}

#[test]
fn a_gate_that_prints_without_end_is_bounded() {
    let fleet = fleet();
    let config = gated(
        &fleet,
        "head -c 1000000000 /dev/zero | tr '\\0' 'x'; echo >&2 end",
    );
    let outcome = sync(&fleet, &config, &REGIONS, 0);
    assert!(outcome.stderr.len() < 1 << 20, "{}", outcome.stderr.len());
    outcome.assert_says("999934464 more bytes");
    outcome.assert_says("gate: end");

    let config = gated(&fleet, "yes '' | head -c 60000");
    fleet.region("RegionTwo").purge();
    let outcome = sync(&fleet, &config, &REGIONS, 0);
    assert!(outcome.stderr.len() < 1 << 20, "{}", outcome.stderr.len());
    outcome.assert_says("gate: 59000 more bytes");
}

#[test]
fn a_gate_that_cannot_be_run_halts() {
    let fleet = fleet();
    let config = config(&fleet).set("main", "wave_gate", "/no/such/gate --now");
    let outcome = sync(&fleet, &config, &REGIONS, 1);
    outcome.assert_fails("gate_failed");
    outcome.assert_says("/no/such/gate");
    let config = gated(&fleet, "kill -9 $$");
    fleet.region("RegionTwo").purge();
    let outcome = sync(&fleet, &config, &REGIONS, 1);
    outcome.assert_says("killed by signal 9");
}

#[test]
fn a_signal_ends_gate_and_wait_at_once() {
    for key in ["wave_gate", "wave_soak"] {
        let fleet = fleet();
        let config = match key {
            "wave_gate" => gated(&fleet, "sleep 98764"),
            _ => config(&fleet).set("main", key, "1h"),
        };
        let words = [&["sync"], &REGIONS[..]].concat();
        let program = Program::with(&fleet, &config).args(words).events();
        let running = program.start();
        wait_for("the first wave", || {
            let names = fleet.region("RegionTwo").names();
            (names == ["a"]).then_some(())
        });
        if key == "wave_gate" {
            wait_for("the gate", || (processes("98764") > 0).then_some(()));
        }
        running.signal("TERM");
        let outcome = running.wait_within(Duration::from_secs(30)).expect(130);
        assert_eq!(processes("98764"), 0);
        assert!(
            outcome
                .errors()
                .iter()
                .any(|error| error.contains("interrupted"))
        );
        assert_eq!(fleet.region("RegionThree").names(), Vec::<String>::new());
    }
}

/// The page about rolling out an image, as a story: limits, an approved plan, waves and a gate together.
#[test]
fn an_image_that_does_not_boot_stays_in_the_canary() {
    let fleet = Fleet::start();
    let master = fleet.master();
    let all = ["RegionTwo", "RegionThree", "other:RegionOne"];
    // The gate boots what the master has; this one does not.
    let config = gated(&fleet, "grep -q broken release && exit 1; exit 0")
        .set("main", "waves", "canary: RegionTwo; rest")
        .set("DEFAULT", "rename", "any")
        .set("DEFAULT", "max_replace", "1")
        .set("DEFAULT", "max_delete", "1")
        .set("DEFAULT", "keep_old", "2");
    let release = |content: &str| {
        for image in master.named("base") {
            master.delete(image["id"].as_str().unwrap());
        }
        master.create(NewImage::new("base", content));
        fs::write(fleet.work_dir().join("release"), content).unwrap();
        let words = [&["plan", "--out", "plan.json"], &all[..]].concat();
        fleet.run(&config, &words).expect(0);
    };
    let contents = |region: &str| {
        let region = fleet.region(region);
        let content = |name: &str| {
            let images = region.named(name).into_iter();
            let mut contents: Vec<String> = images
                .map(|image| {
                    String::from_utf8(region.content(image["id"].as_str().unwrap())).unwrap()
                })
                .collect();
            contents.sort();
            contents.join(",")
        };
        (content("base"), content("base.old"))
    };
    let apply = |code: i32| {
        fleet
            .run(&config, &["apply", "plan.json", "--parallel"])
            .expect(code)
    };
    release("one");
    apply(0);

    release("two, broken");
    let outcome = apply(1);
    outcome.assert_fails("gate_failed");
    assert_eq!(
        contents("RegionTwo"),
        ("two, broken".to_owned(), "one".to_owned())
    );
    for region in &all[1..] {
        assert_eq!(
            contents(region),
            ("one".to_owned(), String::new()),
            "{region}"
        );
    }

    release("three");
    apply(0);
    let old = "one,two, broken".to_owned();
    assert_eq!(contents("RegionTwo"), ("three".to_owned(), old));
    for region in &all[1..] {
        assert_eq!(
            contents(region),
            ("three".to_owned(), "one".to_owned()),
            "{region}"
        );
    }
    apply(0).assert_changed_nothing();

    // Two at once are more than `max_replace`: nothing of any region is touched.
    master.create(NewImage::new("more", "1"));
    release("four");
    apply(0);
    for name in ["base", "more"] {
        master.delete(master.the(name)["id"].as_str().unwrap());
        master.create(NewImage::new(name, "five"));
    }
    let outcome = fleet
        .run(&config, &[&["sync"], &all[..]].concat())
        .expect(1);
    outcome.assert_fails("max_replace_exceeded");
    outcome.assert_changed_nothing();
    assert_eq!(
        outcome.events_named("run_finished")[0]["halted_by"],
        "canary"
    );
}
