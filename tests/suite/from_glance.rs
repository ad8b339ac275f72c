//! Content from the master's Glance: read once for the whole fleet, and never published unless right.

use std::os::unix::fs::PermissionsExt;

use glancesync::sandbox::{Effect, Fault};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, wait_until};

const MASTER: &str = "master:RegionOne";
const REGIONS: [&str; 3] = ["RegionTwo", "RegionThree", "other:RegionOne"];
const FILE: &str = "/v2/images/*/file";
const MIB: usize = 1 << 20;

/// A configuration without a folder of images, and with a spool in the test's own folder.
fn from_glance(fleet: &Fleet) -> Config {
    let spool = fleet.home().join("spool").display().to_string();
    let config = fleet.config().set("main", "images_dir", "/nonexistent");
    let config = config.set("main", "spool_dir", &spool);
    config.set("main", "max_children", "3")
}

fn content(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

/// The paths of the contents that the master was asked for, with the status of each answer.
fn downloads(outcome: &Outcome) -> Vec<(String, Option<u16>)> {
    let requests = outcome.requests(MASTER).iter();
    let mut downloads: Vec<_> = requests
        .filter(|request| request.path.ends_with("/file"))
        .map(|request| (request.path.clone(), request.status))
        .collect();
    downloads.sort();
    downloads
}

fn path_of(id: &str) -> String {
    format!("/v2/images/{id}/file")
}

#[track_caller]
fn assert_arrived(fleet: &Fleet, region: &str, image: &str, content: &[u8]) {
    let region = fleet.region(region);
    let found = region.the(image);
    assert_eq!(found["status"], "active");
    assert_eq!(found["visibility"], "public");
    assert!(
        region.content(found["id"].as_str().unwrap()) == content,
        "{image}"
    );
}

#[test]
fn one_download_of_each_image_serves_every_region() {
    let fleet = Fleet::start();
    let large = content(5 * MIB + 1);
    let master = fleet.master();
    let kernel = master.create(NewImage::new("kernel", "a kernel"));
    let with_part = NewImage::new("large", &large).with("kernel_id", kernel.as_str());
    let large_id = master.create(with_part);
    master.create(NewImage::new("empty", ""));
    for (source, words) in [("auto", &["--parallel"][..]), ("glance", &[])] {
        let config = from_glance(&fleet).set("main", "source", source);
        let outcome = fleet.run(&config, &[words, &REGIONS].concat()).expect(0);
        let mut expected = [&kernel, &large_id].map(|id| (path_of(id), Some(200)));
        expected.sort();
        assert_eq!(downloads(&outcome), expected, "{outcome}");
        for region in REGIONS {
            assert_arrived(&fleet, region, "large", &large);
            assert_arrived(&fleet, region, "kernel", b"a kernel");
            assert_arrived(&fleet, region, "empty", b"");
            fleet.region(region).purge();
        }
        for event in outcome.events_named("action_finished") {
            assert_eq!(event["source"], "glance", "{event}");
        }
        assert!(outcome.changes(MASTER).is_empty(), "{outcome}");
        outcome.assert_events_are_documented();
    }
    let spool = fleet.home().join("spool");
    let mode = std::fs::metadata(&spool).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
}

#[test]
fn files_that_are_there_are_taken_from_the_folder() {
    let fleet = Fleet::start();
    let [here, there] =
        ["here", "there"].map(|name| fleet.master().create(NewImage::new(name, name)));
    let folder = fleet.home().join("copies");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(&here), "here").unwrap();
    std::fs::write(folder.join(&there), "of another size").unwrap();
    let config = from_glance(&fleet).set("main", "images_dir", &folder.display().to_string());
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(downloads(&outcome), [(path_of(&there), Some(200))]);
    for event in outcome.events_named("action_finished") {
        let source = if event["image"] == "here" {
            "directory"
        } else {
            "glance"
        };
        assert_eq!(event["source"], source, "{event}");
    }
    assert_arrived(&fleet, "RegionTwo", "there", b"there");
}

#[test]
fn an_image_larger_than_the_limit_arrives_and_the_plan_says_how() {
    let fleet = Fleet::start();
    let large = content(4 * MIB);
    let id = fleet.master().create(NewImage::new("large", &large));
    let config = from_glance(&fleet).set("main", "spool_limit", "1M");
    let words = ["--dry-run", "--format", "json", "RegionTwo"];
    let action = &fleet.run(&config, &words).expect(0).json()["plans"][0]["actions"][0];
    assert_eq!(action["source"], "glance");
    assert_eq!(action["streamed"], true);
    let planned = fleet
        .run(&config, &["--dry-run", "-v", "RegionTwo"])
        .expect(0);
    assert!(
        planned.stdout.contains("larger than `spool_limit`"),
        "{planned}"
    );
    assert_eq!(downloads(&planned), [(path_of(&id), Some(200))]);
    assert_eq!(
        planned.events_named("action_planned")[0]["source"],
        "glance"
    );
    planned.assert_changed_nothing();
    let outcome = fleet.run(&config, &REGIONS[..2]).expect(0);
    assert_eq!(downloads(&outcome).len(), 2, "one after another: {outcome}");
    let outcome = fleet.run(&config, &[REGIONS[2]]).expect(0);
    assert_eq!(downloads(&outcome).len(), 1, "{outcome}");
    for region in REGIONS {
        assert_arrived(&fleet, region, "large", &large);
    }
}

#[test]
fn a_slow_region_neither_stops_the_others_nor_keeps_the_spool_full() {
    let slow = Effect::Slow {
        bytes_per_sec: 8 << 20,
    };
    let fleet = Fleet::embedded(|_| ());
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![Fault::new("PUT", FILE, slow)])
        .unwrap();
    let large = content(40 * MIB);
    fleet.master().create(NewImage::new("large", &large));
    let config = from_glance(&fleet).set("main", "spool_limit", "4M");
    let outcome = fleet
        .run(&config, &["--parallel", "RegionTwo", "RegionThree"])
        .expect(0);
    assert_eq!(downloads(&outcome).len(), 2, "{outcome}");
    let ended = outcome.results();
    assert_eq!(ended, ["RegionThree changed", "RegionTwo changed"]);
    for region in ["RegionTwo", "RegionThree"] {
        assert_arrived(&fleet, region, "large", &large);
    }
}

/// A fleet with `bad` and `good`, and an effect on each download of `bad`.
fn with_bad(effect: Effect) -> (Fleet, String) {
    let fleet = Fleet::embedded(|_| ());
    let [bad, _] = ["bad", "good"].map(|name| {
        let text = format!("the {name} one");
        fleet.master().create(NewImage::new(name, text))
    });
    let fault = Fault::new("GET", &path_of(&bad), effect);
    fleet.sandbox().set_faults(MASTER, vec![fault]).unwrap();
    (fleet, bad)
}

#[test]
fn what_glance_refuses_fails_alone_and_under_dry_run_too() {
    for (status, code) in [(403, "source_unreadable"), (404, "source_missing")] {
        let (fleet, _) = with_bad(Effect::status(status));
        let config = from_glance(&fleet);
        let words = ["--dry-run", "RegionTwo", "RegionThree"];
        let planned = fleet.run(&config, &words).expect(1);
        planned.assert_fails(&format!("{code} bad"));
        assert_eq!(
            planned.actions("action_planned"),
            ["RegionTwo upload good", "RegionThree upload good"]
        );
        assert_eq!(downloads(&planned).len(), 2, "each once: {planned}");
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
        outcome.assert_fails(&format!("{code} bad"));
        assert_eq!(fleet.region("RegionTwo").names(), ["good"]);
        let created = outcome.changes("master:RegionTwo");
        let created = created.iter().filter(|request| request.method == "POST");
        assert_eq!(
            created.count(),
            1,
            "nothing is created that gets no content: {outcome}"
        );
    }
}

#[test]
fn damaged_content_is_the_masters_fault_and_published_nowhere() {
    for limit in ["1M", "0"] {
        let (fleet, bad) = with_bad(Effect::WrongContent);
        let config = from_glance(&fleet).set("main", "spool_limit", limit);
        let outcome = fleet
            .run(&config, &["--parallel", "RegionTwo", "RegionThree"])
            .expect(1);
        assert_eq!(outcome.errors(), ["checksum_mismatch bad"; 2]);
        for error in outcome.events_named("error") {
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("the master"), "{message}");
        }
        for region in ["RegionTwo", "RegionThree"] {
            assert_eq!(fleet.region(region).names(), ["good"], "{outcome}");
        }
        let of_bad = downloads(&outcome);
        let of_bad = of_bad.iter().filter(|(path, _)| *path == path_of(&bad));
        assert!(limit == "0" || of_bad.count() == 1, "{outcome}");
    }
}

#[test]
fn a_download_that_breaks_goes_on_and_no_region_notices() {
    let fleet = Fleet::embedded(|_| ());
    let large = content(6 * MIB);
    let id = fleet.master().create(NewImage::new("large", &large));
    let cut = Effect::CutBody { bytes: 2 << 20 };
    let faults = vec![Fault::new("GET", FILE, cut).on(1, 2)];
    fleet.sandbox().set_faults(MASTER, faults).unwrap();
    let outcome = fleet
        .run(
            &from_glance(&fleet),
            &["--parallel", "RegionTwo", "RegionThree"],
        )
        .expect(0);
    let path = path_of(&id);
    let statuses = [200, 206, 206].map(|status| (path.clone(), Some(status)));
    assert_eq!(downloads(&outcome), statuses);
    for region in ["RegionTwo", "RegionThree"] {
        assert_eq!(outcome.uploads(&format!("master:{region}")), 1);
        assert_arrived(&fleet, region, "large", &large);
    }
}

#[test]
fn a_wrong_file_is_said_and_glance_is_asked_once() {
    let fleet = Fleet::start();
    let id = fleet.master().create(NewImage::new("base", "right"));
    let folder = fleet.home().join("copies");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(&id), "wrong").unwrap();
    let config = from_glance(&fleet).set("main", "images_dir", &folder.display().to_string());
    let outcome = fleet.run(&config, &["RegionTwo", "RegionThree"]).expect(0);
    assert_eq!(outcome.warnings(), ["wrong_file base"]);
    outcome.assert_says("copies");
    assert_eq!(downloads(&outcome).len(), 1, "{outcome}");
    assert_eq!(outcome.uploads("master:RegionTwo"), 2);
    assert_eq!(outcome.uploads("master:RegionThree"), 1);
    for region in ["RegionTwo", "RegionThree"] {
        assert_arrived(&fleet, region, "base", b"right");
    }
    outcome.assert_events_are_documented();
}

#[test]
fn a_spool_folder_that_cannot_be_used_ends_the_run_at_once() {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("base", "content"));
    let file = fleet.home().join("in the way");
    std::fs::write(&file, "somebody's").unwrap();
    for folder in [file.display().to_string(), "/proc/spool".to_owned()] {
        let config = from_glance(&fleet).set("main", "spool_dir", &folder);
        for words in [&["RegionTwo"][..], &["--dry-run", "RegionTwo"]] {
            let outcome = fleet.run(&config, words).expect(2);
            outcome.assert_says(&folder);
            outcome.assert_says("spool_dir");
            outcome.assert_changed_nothing();
        }
        fleet.status(&config, &["RegionTwo"]);
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"somebody's");
}

#[test]
fn a_default_folder_that_cannot_be_used_is_a_warning() {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("base", "content"));
    let config = from_glance(&fleet).without("main", "spool_dir");
    let outcome = Program::with(&fleet, &config)
        .events()
        .env("XDG_CACHE_HOME", "/proc/cache")
        .args(["RegionTwo"])
        .run()
        .expect(0);
    assert_eq!(outcome.warnings(), ["spool_unwritable"]);
    assert_arrived(&fleet, "RegionTwo", "base", b"content");
}

#[test]
fn nothing_of_a_killed_run_stays_and_other_files_are_left_alone() {
    let fleet = Fleet::embedded(|_| ());
    let large = content(20 * MIB);
    fleet.master().create(NewImage::new("large", &large));
    let slow = Effect::Slow {
        bytes_per_sec: 4 << 20,
    };
    let faults = vec![Fault::new("PUT", FILE, slow).on(1, 1)];
    fleet.sandbox().set_faults("RegionTwo", faults).unwrap();
    let spool = fleet.home().join("spool");
    std::fs::create_dir(&spool).unwrap();
    std::fs::write(spool.join("notes"), "somebody's").unwrap();
    let config = from_glance(&fleet);
    let running = Program::with(&fleet, &config).args(["RegionTwo"]).start();
    wait_until("an upload", || {
        let requests = fleet.sandbox().requests("RegionTwo").unwrap();
        requests.iter().any(|request| request.method == "PUT")
    });
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    let left = || -> Vec<_> {
        let entries = std::fs::read_dir(&spool).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(left(), ["notes"]);
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_arrived(&fleet, "RegionTwo", "large", &large);
    assert_eq!(left(), ["notes"]);
    assert_eq!(fleet.region("RegionTwo").names(), ["large"]);
}
