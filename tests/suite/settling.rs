//! An answer is not the state: what the region made of a request counts, whatever its answer was.

use glancesync::sandbox::{Effect, Fault, Reply, SaveEnd, When};
use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, wait_for, wait_until};

const REGION: &str = "RegionTwo";
const MASTER: &str = "master:RegionOne";
const FILE: &str = "/v2/images/*/file";
const IMAGE: &str = "/v2/images/*";

fn later(answer: Reply, end: SaveEnd) -> Effect {
    Effect::SaveLater {
        millis: 1200,
        answer,
        end,
    }
}

/// A fleet whose master has `a` with that content, and whose region meets these faults.
fn fleet_with(content: impl AsRef<[u8]>, faults: Vec<Fault>) -> Fleet {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", content));
    fleet.sandbox().set_faults(REGION, faults).unwrap();
    fleet
}

fn patient(fleet: &Fleet, retries: &str) -> Config {
    fleet.config().master("retries", retries)
}

fn count(outcome: &Outcome, method: &str) -> usize {
    let changes = outcome.changes("master:RegionTwo").into_iter();
    changes.filter(|request| request.method == method).count()
}

/// One image, published, and of all requests that change something so many.
#[track_caller]
fn assert_there(fleet: &Fleet, outcome: &Outcome, [posts, puts, deletes]: [usize; 3]) {
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let image = fleet.region(REGION).the("a");
    assert_eq!(
        (&image["status"], &image["visibility"], &image["tags"]),
        (&json!("active"), &json!("public"), &json!([])),
        "{outcome}"
    );
    let counts = ["POST", "PUT", "DELETE"].map(|method| count(outcome, method));
    assert_eq!(counts, [posts, puts, deletes], "{outcome}");
    fleet.sandbox().set_faults(REGION, Vec::new()).unwrap();
    let config = fleet.config();
    fleet
        .run(&config, &[REGION])
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn what_is_stored_after_the_answer_is_waited_for_and_sent_once() {
    let big = vec![b'x'; 3 << 20];
    for (content, answer, retries) in [
        (&b"abc"[..], Reply::Usual, "0"),
        (b"abc", Reply::Status(504), "0"),
        (b"", Reply::Status(502), "3"),
        (&big, Reply::Status(503), "0"),
        (&big, Reply::Drop, "3"),
        (b"abc", Reply::Drop, "0"),
    ] {
        let late = later(answer, SaveEnd::Active);
        let fleet = fleet_with(content, vec![Fault::new("PUT", FILE, late)]);
        let outcome = fleet.run(&patient(&fleet, retries), &[REGION]);
        assert_there(&fleet, &outcome, [1, 1, 0]);
    }
}

#[test]
fn what_is_stored_wrong_is_deleted_and_what_is_lost_is_sent_again() {
    let damaged = later(Reply::Status(504), SaveEnd::Damaged);
    let fleet = fleet_with("abc", vec![Fault::new("PUT", FILE, damaged)]);
    let outcome = fleet.run(&patient(&fleet, "3"), &[REGION]).expect(1);
    outcome.assert_fails("checksum_mismatch a");
    assert_eq!(fleet.region(REGION).names(), [""; 0], "{outcome}");

    let lost = later(Reply::Status(504), SaveEnd::Queued);
    let fleet = fleet_with("abc", vec![Fault::new("PUT", FILE, lost).on(1, 1)]);
    let outcome = fleet.run(&patient(&fleet, "1"), &[REGION]);
    assert_there(&fleet, &outcome, [1, 2, 0]);
}

#[test]
fn what_is_not_stored_in_time_is_deleted_and_said() {
    for answer in [Reply::Usual, Reply::Status(504)] {
        let never = Effect::SaveLater {
            millis: 3_600_000,
            answer,
            end: SaveEnd::Active,
        };
        let fleet = fleet_with("abc", vec![Fault::new("PUT", FILE, never)]);
        let config = patient(&fleet, "3").master("save_timeout", "1s");
        let outcome = fleet.run(&config, &[REGION]).expect(1);
        outcome.assert_fails("save_timed_out a");
        outcome.assert_events_are_documented();
        assert_eq!(count(&outcome, "PUT"), 1, "{outcome}");
        assert_eq!(fleet.region(REGION).names(), [""; 0], "{outcome}");
    }
}

/// Starts a run whose region stores long after the last byte, and sends it these signals then.
fn stopped_while_saving(signals: &[&str]) -> (Fleet, Outcome) {
    let late = Effect::late(504, 8000);
    let fleet = fleet_with("abc", vec![Fault::new("PUT", FILE, late)]);
    let running = Program::with(&fleet, &patient(&fleet, "0"))
        .events()
        .args([REGION])
        .start();
    fleet.region(REGION).wait_for_an_upload();
    for signal in signals {
        running.signal(signal);
    }
    (fleet, running.wait())
}

#[test]
fn a_first_signal_waits_for_what_is_being_stored() {
    let (fleet, outcome) = stopped_while_saving(&["INT"]);
    // It was the only one, so nothing is left undone.
    let image = fleet.region(REGION).the("a");
    assert_eq!(
        (&image["status"], &image["visibility"]),
        (&json!("active"), &json!("public")),
        "{outcome}"
    );
}

#[test]
fn a_second_signal_leaves_what_is_being_stored_to_the_next_run() {
    let (fleet, outcome) = stopped_while_saving(&["INT", "TERM"]);
    assert_eq!(outcome.code, Some(130), "{outcome}");
    let stored = || {
        let image = fleet.region(REGION).the("a");
        (image["status"] == "active").then_some(image)
    };
    let left = wait_for("an image stored in the end", stored);
    assert_eq!(left["visibility"], "private");
    fleet.sandbox().set_faults(REGION, Vec::new()).unwrap();
    let outcome = fleet.run(&fleet.config(), &[REGION]);
    assert_there(&fleet, &outcome, [0, 0, 0]);
    assert_eq!(fleet.region(REGION).the("a")["id"], left["id"]);
}

#[test]
fn a_leftover_that_is_complete_by_now_is_published_and_not_deleted() {
    let fleet = fleet_with(
        "abc",
        vec![Fault::new("PUT", FILE, Effect::late(504, 2500))],
    );
    let mut running = Program::with(&fleet, &fleet.config())
        .args([REGION])
        .start();
    fleet.region(REGION).wait_for_an_upload();
    running.signal("KILL");
    wait_until("an end", || running.has_ended());
    // The list is from before, and what comes after it from after the end of the storing.
    let left = fleet.region(REGION).the("a");
    let faults = vec![Fault::new("GET", IMAGE, Effect::Delay { millis: 4000 }).on(1, 1)];
    fleet.sandbox().set_faults(REGION, faults).unwrap();
    let outcome = fleet.run(&fleet.config(), &[REGION]);
    assert_there(&fleet, &outcome, [0, 0, 0]);
    assert_eq!(fleet.region(REGION).the("a")["id"], left["id"], "{outcome}");
}

#[test]
fn an_image_that_is_not_seen_yet_is_asked_for_again() {
    for retries in ["0", "3"] {
        let unseen = Fault::new("POST", "/v2/images", Effect::Unseen { millis: 1500 });
        let fleet = fleet_with("abc", vec![unseen]);
        let outcome = fleet.run(&patient(&fleet, retries), &[REGION]);
        // The one to an image that was not there is no second upload.
        assert_there(&fleet, &outcome, [1, 2, 0]);
    }
    // One replica after another lags.
    for (method, path) in [("PUT", FILE), ("GET", IMAGE), ("PATCH", IMAGE)] {
        let unseen = Fault::new(method, path, Effect::status(404)).on(1, 2);
        let fleet = fleet_with("abc", vec![unseen]);
        let outcome = fleet.run(&patient(&fleet, "0"), &[REGION]);
        let puts = if method == "PUT" { 3 } else { 1 };
        assert_there(&fleet, &outcome, [1, puts, 0]);
    }
    // What cannot be completed is not left behind either.
    let faults = vec![
        Fault::new("PUT", FILE, Effect::status(403)),
        Fault::new("DELETE", IMAGE, Effect::status(404)).on(1, 2),
    ];
    let fleet = fleet_with("abc", faults);
    let outcome = fleet.run(&patient(&fleet, "0"), &[REGION]).expect(1);
    assert_eq!(fleet.region(REGION).names(), [""; 0], "{outcome}");
}

#[test]
fn an_effect_without_its_answer_is_an_effect() {
    fn lost() -> [Effect; 3] {
        let answer = |status, body: Option<&str>| Effect::Answer {
            status,
            headers: std::collections::BTreeMap::new(),
            body: body.map(ToOwned::to_owned),
            when: When::After,
            early: false,
        };
        [
            Effect::Drop { when: When::After },
            answer(504, None),
            answer(200, Some("<html>")),
        ]
    }
    for (method, path) in [
        ("POST", "/v2/images"),
        ("PUT", FILE),
        ("PATCH", IMAGE),
        ("DELETE", IMAGE),
    ] {
        for effect in lost() {
            for key in ["replace", "rename"] {
                let fleet = fleet_with("abc", Vec::new());
                let region = fleet.region(REGION);
                region.create(NewImage::new("a", "old"));
                let fault = Fault::new(method, path, effect.clone());
                fleet.sandbox().set_faults(REGION, vec![fault]).unwrap();
                let config = patient(&fleet, "0").master(key, "any");
                let outcome = fleet.run(&config, &[REGION]);
                assert_eq!(
                    outcome.code,
                    Some(0),
                    "{method} {effect:?} {key}: {outcome}"
                );
                let names: &[&str] = if key == "replace" {
                    &["a"]
                } else {
                    &["a", "a.old"]
                };
                assert_eq!(region.names(), names, "{method} {effect:?}: {outcome}");
                assert_eq!(region.the("a")["tags"], json!([]), "{outcome}");
                if method == "DELETE" {
                    break;
                }
            }
        }
    }
}

/// A run during whose upload somebody else publishes the same image.
fn overtaken(
    prepare: impl Fn(&Fleet),
    config: impl Fn(Config) -> Config,
) -> (Fleet, String, Outcome) {
    let fleet = fleet_with("abc", Vec::new());
    prepare(&fleet);
    let faults = vec![Fault::new("PUT", FILE, Effect::saving(3000))];
    fleet.sandbox().set_faults(REGION, faults).unwrap();
    let config = config(fleet.config());
    let running = Program::with(&fleet, &config)
        .events()
        .args([REGION])
        .start();
    fleet.region(REGION).wait_for_an_upload();
    fleet.sandbox().set_faults(REGION, Vec::new()).unwrap();
    let theirs = fleet.region(REGION).create(NewImage::new("a", "abc"));
    let outcome = running.wait().expect(0);
    (fleet, theirs, outcome)
}

#[test]
fn of_two_installations_that_upload_the_same_image_one_publishes() {
    let (fleet, theirs, outcome) = overtaken(|_| (), |config| config);
    outcome.assert_warns("published_elsewhere a");
    outcome.assert_events_are_documented();
    assert_eq!(fleet.region(REGION).the("a")["id"], json!(theirs));
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
    fleet
        .run(&fleet.config(), &[REGION])
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn whoever_is_overtaken_deals_with_the_old_image_and_the_parts() {
    let replaced = |fleet: &Fleet| {
        let region = fleet.region(REGION);
        let old = region.create(NewImage::new("a", "old"));
        let kernel = fleet.master().the("a")["id"].as_str().unwrap().to_owned();
        let machine = NewImage::new("m", "machine").with("kernel_id", kernel);
        fleet.master().create(machine);
        region.create(NewImage::new("m", "machine").with("kernel_id", old));
    };
    for (key, names) in [
        ("replace", &["a", "m"][..]),
        ("rename", &["a", "a.old", "m"]),
    ] {
        let (fleet, theirs, outcome) = overtaken(replaced, |config| config.master(key, "any"));
        let region = fleet.region(REGION);
        assert_eq!(region.names(), names, "{outcome}");
        let winner = region.the("a");
        assert_eq!(
            (&winner["id"], &winner["tags"]),
            (&json!(theirs), &json!([]))
        );
        assert_eq!(region.the("m")["kernel_id"], json!(theirs), "{outcome}");
        let config = fleet.config().master(key, "any");
        fleet
            .run(&config, &[REGION])
            .expect(0)
            .assert_changed_nothing();
    }
}

#[test]
fn another_image_of_that_name_is_no_winner() {
    let fleet = fleet_with("abc", vec![Fault::new("PUT", FILE, Effect::saving(2000))]);
    let running = fleet.glancesync(&[REGION]).start();
    fleet.region(REGION).wait_for_an_upload();
    let region = fleet.region(REGION);
    region.create(NewImage::new("a", "something else"));
    let outcome = running.wait().expect(0);
    let is_ours = |image: &Value| image["size"] == json!(3) && image["visibility"] == "public";
    assert!(region.named("a").iter().any(is_ours), "{outcome}");
}

#[test]
fn a_region_that_takes_no_content_says_what_can_be_done() {
    for status in [403, 405] {
        let fleet = fleet_with("abc", vec![Fault::new("PUT", FILE, Effect::early(status))]);
        let outcome = fleet.run(&patient(&fleet, "3"), &[REGION]).expect(1);
        outcome.assert_fails("upload_failed a");
        let hint = outcome.events_named("error")[0]["hint"].to_string();
        assert!(
            hint.contains("upload_image") && hint.contains("import"),
            "{hint}"
        );
        assert_eq!(count(&outcome, "PUT"), 1, "{outcome}");
        assert_eq!(fleet.region(REGION).names(), [""; 0], "{outcome}");
    }
}

#[test]
fn a_region_that_gives_no_answer_for_three_images_is_asked_for_no_other() {
    let silent = Fault::new("POST", "/v2/images", Effect::Drop { when: When::Before });
    let fleet = fleet_with("abc", vec![silent]);
    for name in ["b", "c", "d", "e"] {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    let config = patient(&fleet, "0");
    let outcome = fleet.run(&config, &["--keep-going", REGION]).expect(1);
    assert_eq!(count(&outcome, "POST"), 3, "{outcome}");
    assert_eq!(outcome.events_named("error").len(), 3, "{outcome}");
    // Whoever answers now and then is asked.
    let faults = [1, 2, 4, 5].map(|nth| {
        Fault::new("POST", "/v2/images", Effect::Drop { when: When::Before }).on(nth, 1)
    });
    fleet.sandbox().set_faults(REGION, faults.to_vec()).unwrap();
    let outcome = fleet.run(&config, &["--keep-going", REGION]).expect(1);
    assert_eq!(count(&outcome, "POST"), 5, "{outcome}");
}

#[test]
fn content_is_asked_for_without_a_range_and_begins_again_where_there_is_none() {
    let content: Vec<u8> = (0..=250).cycle().take(3 << 20).collect();
    let cut = Fault::new("GET", FILE, Effect::CutBody { bytes: 2 << 20 }).on(1, 1);
    let ignored = Effect::IgnoreHeader {
        name: "range".to_owned(),
    };
    for no_range in [Effect::status(400), Effect::status(416), ignored] {
        let fleet = fleet_with(&content, Vec::new());
        let no_range = Fault::new("GET", FILE, no_range).with_header("range");
        let config = fleet.config().set("main", "source", "glance");
        let sandbox = fleet.sandbox();
        sandbox.set_faults(MASTER, vec![no_range.clone()]).unwrap();
        fleet.run(&config, &["--dry-run", REGION]).expect(0);
        sandbox
            .set_faults(MASTER, vec![no_range, cut.clone()])
            .unwrap();
        let outcome = fleet.run(&config, &[REGION]);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let region = fleet.region(REGION);
        let id = region.the("a")["id"].as_str().unwrap().to_owned();
        assert!(region.content(&id) == content);
    }
}

#[test]
fn a_reader_or_a_master_that_trickles_holds_nobody() {
    let trickle = Effect::Slow {
        bytes_per_sec: 20_000,
    };
    let fleet = fleet_with(
        vec![7; 24 << 20],
        vec![Fault::new("PUT", FILE, trickle.clone())],
    );
    let config = patient(&fleet, "0")
        .master("upload_stall_timeout", "1")
        .master("save_timeout", "1");
    let outcome = fleet.run(&config, &[REGION]).expect(1);
    outcome.assert_fails("upload_stalled a");

    let fleet = fleet_with(vec![7; 1 << 20], Vec::new());
    let trickle = Fault::new("GET", FILE, trickle);
    fleet.sandbox().set_faults(MASTER, vec![trickle]).unwrap();
    let config = patient(&fleet, "0")
        .set("main", "source", "glance")
        .master("upload_stall_timeout", "1");
    let outcome = fleet.run(&config, &[REGION]).expect(1);
    outcome.assert_fails("download_failed a");
    assert_eq!(fleet.region(REGION).names(), [""; 0], "{outcome}");
}
