//! Imports and pulls that fail, hang or bring something else: nothing is published that was not proved, and
//! nothing is left.

use glancesync::sandbox::{
    Conversion, Effect, Fault, ImportEnd, ImportStage, ProjectLimits, RegionSpec, When,
};
use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, Qcow2, wait_until};
use crate::delivery::ways;

const IMPORT: &str = "/v2/images/*/import";

/// A region in which imports go wrong.
fn faulty(effect: &Effect) -> Fleet {
    let fleet = Fleet::embedded(|_| ());
    let fault = Fault::new("POST", IMPORT, effect.clone());
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.master().create(NewImage::new("b", "bcd"));
    fleet.master().create(NewImage::new("c", "cde"));
    fleet
}

/// Asserts that the region has those images, published, and nothing else.
#[track_caller]
fn assert_has(fleet: &Fleet, names: &[&str], outcome: &Outcome) {
    let images = fleet.region("RegionTwo").images();
    let seen: Vec<&Value> = images.iter().map(|image| &image["visibility"]).collect();
    assert_eq!(fleet.region("RegionTwo").names(), names, "{outcome}");
    assert!(seen.iter().all(|seen| **seen == "public"), "{images:#?}");
}

#[test]
fn what_a_region_cannot_import_fails_alone_and_leaves_nothing() {
    for (delivery, code) in [("import", "import_failed"), ("pull", "pull_failed")] {
        for end in [ImportEnd::Failed, ImportEnd::FailedInStore] {
            let fleet = faulty(&Effect::import(end));
            let config = fleet
                .config()
                .master("delivery", delivery)
                .master("import_timeout", "2s");
            let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
            let failures = ["a", "b", "c"].map(|name| format!("{code} {name}"));
            assert_eq!(outcome.errors(), failures, "{outcome}");
            // No file of the master's images is blamed, and no content sent twice.
            assert_eq!(outcome.warnings(), [""; 0], "{outcome}");
            assert_has(&fleet, &[], &outcome);
            fleet.sandbox().set_faults("RegionTwo", Vec::new()).unwrap();
            let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
            assert_has(&fleet, &["a", "b", "c"], &outcome);
        }
    }
}

#[test]
fn an_import_that_comes_to_no_end_is_deleted_when_its_time_is_over() {
    for (delivery, stage) in [
        ("import", ImportStage::Pending),
        ("import", ImportStage::Importing),
        ("pull", ImportStage::Processing),
        ("pull", ImportStage::Importing),
    ] {
        let fleet = faulty(&Effect::import_hangs(stage));
        let config = fleet
            .config()
            .master("delivery", delivery)
            .master("import_timeout", "1s");
        let words = ["RegionTwo", "--image", "a"];
        let outcome = fleet.run(&config, &words).expect(1);
        outcome.assert_fails(&format!("{delivery}_failed a"));
        outcome.assert_says("`import_timeout`");
        assert_has(&fleet, &[], &outcome);
    }
}

#[test]
fn an_import_is_waited_for_while_its_turn_has_not_come() {
    for stage in [
        ImportStage::Pending,
        ImportStage::Processing,
        ImportStage::Importing,
    ] {
        let fleet = faulty(&Effect::import_waits(stage, 900));
        for delivery in ["import", "pull"] {
            let config = fleet.config().master("delivery", delivery);
            let words = [
                "RegionTwo",
                "--image",
                if delivery == "pull" { "a" } else { "b" },
            ];
            fleet.run(&config, &words).expect(0);
        }
        let outcome = fleet.status(&fleet.config(), &["RegionTwo"]);
        let status = outcome.status_of("RegionTwo");
        assert_eq!(status, ["ok a", "ok b", "pending_upload c"], "{outcome}");
    }
}

#[test]
fn what_a_region_made_anything_else_of_is_not_published() {
    for delivery in ["import", "pull", "auto"] {
        for end in [ImportEnd::Damaged, ImportEnd::Truncated, ImportEnd::Longer] {
            let fleet = faulty(&Effect::import(end));
            let config = fleet.config().master("delivery", delivery);
            let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
            outcome.assert_fails("checksum_mismatch a");
            assert_has(&fleet, &[], &outcome);
        }
    }
}

#[test]
fn auto_uploads_what_cannot_be_pulled_and_gives_up_pulling() {
    let fleet = faulty(&Effect::import(ImportEnd::Failed));
    let config = fleet.config().master("delivery", "auto");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(outcome.warnings(), ["pull_failed a", "pull_failed b"]);
    let uploaded = ["a", "b", "c"].map(|name| format!("{name} upload directory -"));
    assert_eq!(ways(&outcome), uploaded);
    let imports = outcome.changes("master:RegionTwo");
    let imports = imports.iter().filter(|it| it.path.ends_with("/import"));
    assert_eq!(imports.count(), 2);
    assert_has(&fleet, &["a", "b", "c"], &outcome);
}

#[test]
fn a_refused_import_fails_alone() {
    let fleet = faulty(&Effect::status(409));
    let config = fleet.config().master("delivery", "pull");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_eq!(
        outcome.errors(),
        ["a", "b", "c"].map(|name| format!("pull_failed {name}"))
    );
    assert_has(&fleet, &[], &outcome);
}

#[test]
fn what_does_not_fit_into_a_quota_fails_alone_before_anything_is_sent() {
    let fleet = Fleet::embedded(|spec| {
        spec.keystones[0].regions[1].limits.project = Some(ProjectLimits {
            image_size_total: 3,
            ..ProjectLimits::default()
        });
    });
    for (name, mib) in [("a", 1), ("b", 4), ("c", 2)] {
        fleet
            .master()
            .create(NewImage::new(name, vec![7; mib << 20]));
    }
    let config = fleet.config();
    let planned = fleet.run(&config, &["--dry-run", "RegionTwo"]).expect(1);
    assert_eq!(planned.errors(), ["quota_exceeded b"]);
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_eq!(outcome.errors(), ["quota_exceeded b"]);
    assert_eq!(outcome.uploads("master:RegionTwo"), 2);
    assert_has(&fleet, &["a", "c"], &outcome);

    // A region that does not tell is sent to, and says no by itself.
    for effect in [Effect::status(403), Effect::status(500)] {
        let fault = Fault::new("GET", "/v2/info/usage", effect);
        fleet
            .sandbox()
            .set_faults("RegionTwo", vec![fault])
            .unwrap();
        let outcome = fleet.run(&config.clone().master("retries", "0"), &["RegionTwo"]);
        let outcome = outcome.expect(1);
        assert_eq!(outcome.errors(), ["quota_exceeded b"]);
        assert_eq!(outcome.uploads("master:RegionTwo"), 1, "{outcome}");
    }
}

#[test]
fn what_does_not_fit_into_the_staging_area_is_not_imported() {
    let fleet = Fleet::embedded(|spec| {
        spec.keystones[0].regions[1].limits.project = Some(ProjectLimits {
            image_stage_total: 2,
            ..ProjectLimits::default()
        });
    });
    for (name, mib) in [("a", 1), ("b", 3), ("c", 2)] {
        let content = vec![7; mib << 20];
        fleet.master().create(NewImage::new(name, content));
    }
    let config = fleet.config().master("delivery", "import");
    for words in [&["--dry-run", "RegionTwo"][..], &["RegionTwo"]] {
        let outcome = fleet.run(&config, words).expect(1);
        assert_eq!(outcome.errors(), ["quota_exceeded b"]);
        outcome.assert_says("image_stage_total");
    }
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "c"]);

    // Glance does not measure by it what it fetches.
    let config = fleet.config().master("delivery", "pull");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_has(&fleet, &["a", "b", "c"], &outcome);
}

#[test]
fn what_was_staged_without_an_answer_is_staged_again_where_it_turns_out_to_be_wrong() {
    for end in [
        Effect::import(ImportEnd::Truncated),
        Effect::import(ImportEnd::Failed),
        Effect::status(409),
    ] {
        let run = |retries: &str| {
            let fleet = Fleet::embedded(|_| ());
            fleet.master().create(NewImage::new("a", "abc"));
            let unanswered = Effect::Drop { when: When::After };
            let faults = [
                Fault::new("PUT", "/v2/images/*/stage", unanswered).on(1, 1),
                Fault::new("POST", IMPORT, end.clone()).on(1, 1),
            ];
            let sandbox = fleet.sandbox();
            sandbox.set_faults("RegionTwo", faults.into()).unwrap();
            let config = fleet
                .config()
                .master("delivery", "import")
                .master("retries", retries);
            let outcome = fleet.run(&config, &["RegionTwo"]);
            (fleet, outcome)
        };
        let (fleet, outcome) = run("1");
        let outcome = outcome.expect(0);
        assert_has(&fleet, &["a"], &outcome);
        let (fleet, outcome) = run("0");
        let outcome = outcome.expect(1);
        assert_has(&fleet, &[], &outcome);
    }
}

#[test]
fn a_region_that_hides_its_tasks_is_asked_for_them_once() {
    let waits = Effect::import_waits(ImportStage::Importing, 900);
    let fleet = faulty(&waits);
    let faults = [
        Fault::new("POST", IMPORT, waits),
        Fault::new("GET", "/v2/images/*/tasks", Effect::status(403)),
    ];
    let sandbox = fleet.sandbox();
    sandbox.set_faults("RegionTwo", faults.into()).unwrap();
    let config = fleet.config().master("delivery", "import");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    let asked = outcome.requests("master:RegionTwo").iter();
    let asked = asked.filter(|request| request.path.ends_with("/tasks"));
    assert_eq!(asked.count(), 1, "{outcome}");
    assert_has(&fleet, &["a", "b", "c"], &outcome);
}

#[test]
fn what_a_region_converts_wrongly_is_not_published() {
    for delivery in ["import", "pull", "auto"] {
        for end in [ImportEnd::Damaged, ImportEnd::Truncated, ImportEnd::Longer] {
            let fleet = Fleet::embedded(|_| ());
            let fault = Fault::new("POST", IMPORT, Effect::import(end));
            fleet
                .sandbox()
                .set_faults("RegionTwo", vec![fault])
                .unwrap();
            let image = NewImage::new("disk", Qcow2::sample().build());
            fleet.master().create(image.with("disk_format", "qcow2"));
            let config = fleet
                .config()
                .master("delivery", delivery)
                .master("disk_format", "raw");
            let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
            outcome.assert_fails("checksum_mismatch disk");
            assert_has(&fleet, &[], &outcome);
        }
    }
}

#[test]
fn what_cannot_be_expanded_fails_alone_before_anything_is_sent() {
    let fleet = Fleet::embedded(|spec| {
        for region in &mut spec.keystones[0].regions {
            region.inspect_format = false;
        }
    });
    let mut backed = Qcow2::sample().build();
    // The place of a name of a backing file, and its length.
    backed[8..20].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 112, 0, 0, 0, 4]);
    for (name, content) in [("backed", backed), ("garbage", vec![7; 4096])] {
        fleet
            .master()
            .create(NewImage::new(name, content).with("disk_format", "qcow2"));
    }
    let fine = NewImage::new("disk", Qcow2::sample().build());
    fleet.master().create(fine.with("disk_format", "qcow2"));
    let config = fleet.config().master("disk_format", "raw");
    for mode in ["--dry-run", "--parallel"] {
        let outcome = fleet.run(&config, &[mode, "RegionTwo"]).expect(1);
        let mut errors = outcome.errors();
        errors.sort();
        assert_eq!(
            errors,
            ["source_unsupported backed", "source_unsupported garbage"]
        );
    }
    let images = fleet.region("RegionTwo").images();
    assert_eq!(fleet.region("RegionTwo").names(), ["disk"], "{images:#?}");
    assert_eq!(images[0]["disk_format"], "raw");
}

#[test]
fn auto_brings_raw_also_where_a_pull_does_not() {
    // One pull fails, and of the next the region makes nothing else than it got.
    let fleet = Fleet::embedded(|spec| {
        spec.keystones[0].regions[1].imports.conversion = Conversion::None;
    });
    let failing = Fault::new("POST", IMPORT, Effect::import(ImportEnd::Failed)).on(1, 1);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![failing])
        .unwrap();
    let raw = Qcow2::sample().raw();
    for name in ["disk", "other"] {
        let image = NewImage::new(name, Qcow2::sample().build());
        fleet.master().create(image.with("disk_format", "qcow2"));
    }
    let config = fleet
        .config()
        .master("delivery", "auto")
        .master("disk_format", "raw");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(outcome.warnings(), ["pull_failed disk"]);
    let uploaded = ["disk", "other"].map(|name| format!("{name} upload directory -"));
    assert_eq!(ways(&outcome), uploaded);
    for image in fleet.region("RegionTwo").images() {
        assert_eq!(
            (&image["disk_format"], &image["visibility"]),
            (&json!("raw"), &json!("public"))
        );
        let content = fleet
            .region("RegionTwo")
            .content(image["id"].as_str().unwrap());
        assert!(content == raw, "{} bytes", content.len());
    }
    fleet
        .run(&config, &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
}

/// A fleet whose master has a qcow2, and the configuration that wants it as raw.
fn raw_wanted() -> (Fleet, Config) {
    let fleet = Fleet::embedded(|_| ());
    let image = NewImage::new("disk", Qcow2::sample().build());
    fleet.master().create(image.with("disk_format", "qcow2"));
    let config = fleet.config().master("disk_format", "raw");
    (fleet, config)
}

#[test]
fn the_run_that_publishes_another_format_than_wanted_says_so() {
    for (delivery, converted, wanted, made) in [
        ("import", Conversion::None, "raw", "qcow2"),
        ("pull", Conversion::None, "raw", "qcow2"),
        ("import", Conversion::Raw, "keep", "raw"),
        ("import", Conversion::Raw, "raw", "raw"),
    ] {
        let fleet = Fleet::embedded(|spec| {
            spec.keystones[0].regions[1].imports.conversion = converted;
        });
        let image = NewImage::new("disk", Qcow2::sample().build());
        fleet.master().create(image.with("disk_format", "qcow2"));
        let config = fleet
            .config()
            .master("delivery", delivery)
            .master("disk_format", wanted);
        for _ in 0..2 {
            let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
            let is_other = made != if wanted == "raw" { "raw" } else { "qcow2" };
            let warnings: &[_] = if is_other {
                &["other_format disk"]
            } else {
                &[]
            };
            assert_eq!(outcome.warnings(), warnings, "{outcome}");
            assert_has(&fleet, &["disk"], &outcome);
            assert_eq!(fleet.region("RegionTwo").the("disk")["disk_format"], made);
        }
    }
}

#[test]
fn nothing_is_sent_to_a_leftover_that_says_it_is_of_another_format() {
    let (fleet, config) = raw_wanted();
    let region = fleet.region("RegionTwo");
    let tags = ["glancesync-incomplete", "glancesync-by:this-host"];
    let left = NewImage::queued("disk").private();
    let left = region.create(left.with("disk_format", "qcow2").with("tags", json!(tags)));
    let config = config.set("main", "installation", "this-host");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert!(region.get(&left).is_none(), "{outcome}");
    assert_eq!(outcome.uploads("master:RegionTwo"), 1, "{outcome}");
    assert_eq!(region.the("disk")["disk_format"], "raw");
}

#[test]
fn what_could_not_be_known_again_is_not_published_without_its_properties() {
    let fleet = Fleet::embedded(|_| ());
    let image = NewImage::new("disk", Qcow2::sample().build()).with("disk_format", "qcow2");
    let full = (0..126).fold(image, |image, number| {
        image.with(&format!("p{number}"), "1")
    });
    fleet.master().create(full);
    let config = fleet.config().master("disk_format", "raw");
    for _ in 0..2 {
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
        outcome.assert_fails("publish_refused disk");
        let kept = fleet.region("RegionTwo").the("disk");
        assert_eq!(
            (&kept["status"], &kept["visibility"]),
            (&json!("active"), &json!("private"))
        );
    }
}

#[test]
fn what_cannot_be_compared_today_is_left_to_the_next_run() {
    let (fleet, config) = raw_wanted();
    let config = config
        .set("main", "source", "glance")
        .master("delivery", "pull")
        .master("retries", "0");
    let fault = Fault::new("GET", "/v2/images/*/file", Effect::status(500));
    // Its size is asked for first, then the region fetches it, and then it would be compared.
    fleet
        .sandbox()
        .set_faults("master:RegionOne", vec![fault.on(3, 1)])
        .unwrap();
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    let left = fleet.region("RegionTwo").the("disk");
    assert_eq!(
        (&left["status"], &left["visibility"]),
        (&json!("active"), &json!("private")),
        "{outcome}"
    );
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    let published = fleet.region("RegionTwo").the("disk");
    assert_eq!(published["id"], left["id"], "{outcome}");
    assert_eq!(
        (&published["disk_format"], &published["visibility"]),
        (&json!("raw"), &json!("public"))
    );
}

#[test]
fn a_copy_in_another_format_is_not_pulled() {
    // What `ceph` converts is no copy for who wants the master's format.
    let (fleet, _) = raw_wanted();
    let own = crate::common::config::credential(&fleet.cloud, "master");
    let mut config = fleet.config().set("DEFAULT", "pull_from", "any");
    for (target, key, value) in [
        ("ceph", "disk_format", "raw"),
        ("ceph", "delivery", "import"),
        ("plain", "delivery", "pull"),
    ] {
        config = config
            .set(target, "credential", &own)
            .set(target, key, value);
    }
    let outcome = fleet
        .run(&config, &["ceph:RegionTwo", "plain:RegionThree"])
        .expect(0);
    assert_eq!(ways(&outcome)[1], "disk pull - RegionOne", "{outcome}");
    assert_eq!(
        fleet.region("RegionThree").the("disk")["disk_format"],
        "qcow2"
    );
}

/// A fleet whose other Keystone has four regions that pull from each other, and three images at the master.
fn distant_regions() -> (Fleet, Config) {
    let fleet = Fleet::embedded(|spec| {
        let keystone = &mut spec.keystones[1];
        let names = ["Berlin", "Paris", "Rome", "Vienna"];
        keystone.regions = names.map(RegionSpec::new).into();
    });
    for (name, size) in [("a", 100_000), ("b", 200_000), ("c", 300_000)] {
        fleet.master().create(NewImage::new(name, vec![7; size]));
    }
    let config = fleet
        .config()
        .set("other", "delivery", "auto")
        .set("other", "pull_from", "any");
    (fleet, config)
}

#[test]
fn of_regions_far_away_one_gets_each_content_from_here_and_the_others_from_it() {
    for transfers in ["1", "3"] {
        let (fleet, config) = distant_regions();
        let config = config.set("other", "transfers", transfers);
        let words = ["other:", "--parallel", "-j", "4"];
        let outcome = fleet.run(&config, &words).expect(0);
        let run = &outcome.events_named("run_finished")[0];
        assert_eq!(
            (&run["uploaded_bytes"], &run["pulled_bytes"]),
            (&json!(600_000), &json!(1_800_000)),
            "{outcome}"
        );
        let regions = ["Berlin", "Paris", "Rome", "Vienna"];
        let uploads = regions.map(|region| outcome.uploads(&format!("other:{region}")));
        assert_eq!(uploads.iter().sum::<usize>(), 3);
        let again = fleet.run(&config, &words).expect(0);
        again.assert_changed_nothing();
    }
}

#[test]
fn where_the_one_that_was_waited_for_fails_another_gets_the_content_from_here() {
    let (fleet, config) = distant_regions();
    let refused = Fault::new("PUT", "/v2/images/*/file", Effect::early(413));
    let sandbox = fleet.sandbox();
    sandbox
        .set_faults("other:Berlin", vec![refused.clone()])
        .unwrap();
    sandbox.set_faults("other:Paris", vec![refused]).unwrap();
    let words = ["other:", "--parallel", "-j", "4", "--keep-going"];
    fleet.run(&config, &words);
    for region in ["Rome", "Vienna"] {
        let names = fleet.region(&format!("other:{region}")).names();
        assert_eq!(names, ["a", "b", "c"], "{region}");
    }
    fleet.sandbox().set_faults("other:Berlin", vec![]).unwrap();
    fleet.sandbox().set_faults("other:Paris", vec![]).unwrap();
    fleet.run(&config, &words).expect(0);
    fleet
        .run(&config, &words)
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn an_image_that_vanishes_before_it_is_pulled_fails_and_leaves_nothing() {
    let fleet = Fleet::embedded(|_| ());
    let source = fleet.master().create(NewImage::new("a", "abc"));
    let waits = Fault::new("POST", "/v2/images", Effect::Delay { millis: 1500 });
    let sandbox = fleet.sandbox();
    sandbox.set_faults("RegionTwo", vec![waits]).unwrap();
    let config = fleet.config().master("delivery", "pull");
    let running = Program::with(&fleet, &config)
        .events()
        .args(["RegionTwo"])
        .start();
    wait_until("the request for a new image", || {
        let requests = sandbox.requests("RegionTwo").unwrap();
        requests.iter().any(|request| request.method == "POST")
    });
    fleet.master().delete(&source);
    let outcome = running.wait().expect(1);
    outcome.assert_fails("pull_failed a");
    assert_has(&fleet, &[], &outcome);
}

/// How many pulls each region is away from the master, by the events of a run.
fn distances(outcome: &Outcome) -> std::collections::BTreeMap<String, usize> {
    let mut known = std::collections::BTreeMap::from([("RegionOne".to_owned(), 0)]);
    // Whoever lends has ended before.
    for event in outcome.events_named("action_finished") {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let distance = known[&text("from")] + 1;
        known.insert(text("region"), distance);
    }
    known
}

#[test]
fn regions_that_pull_from_each_other_take_few_rounds() {
    let names: Vec<String> = (1..=9).map(|number| format!("Pull{number}")).collect();
    let fleet = Fleet::embedded(|spec| {
        let regions = names.iter().map(RegionSpec::new);
        spec.keystones[0].regions.extend(regions);
    });
    fleet.master().create(NewImage::new("a", vec![7; 64 << 10]));
    let bytes_per_sec = 64 << 10;
    let slow = Fault::new("GET", "/v2/images/*/file", Effect::Slow { bytes_per_sec });
    for region in names.iter().map(String::as_str).chain(["master:RegionOne"]) {
        let sandbox = fleet.sandbox();
        sandbox.set_faults(region, vec![slow.clone()]).unwrap();
    }
    let config = fleet
        .config()
        .master("delivery", "pull")
        .master("pull_from", "any")
        .master("pull_fanout", "2");
    let mut words = vec!["--parallel", "-j", "9"];
    words.extend(names.iter().map(String::as_str));
    let outcome = fleet.run(&config, &words).expect(0);
    let distances = distances(&outcome);
    assert_eq!(distances.len(), 10, "{outcome}");
    // Each copy lends two at once, so there are three times as many after each round; the master alone would
    // take five.
    assert!(
        distances.values().all(|distance| *distance <= 3),
        "{distances:?}"
    );
    let of_master = distances.values().filter(|distance| **distance == 1);
    assert!(of_master.count() <= 6, "{distances:?}");
    assert_eq!(outcome.events_named("run_finished")[0]["uploaded_bytes"], 0);
}
