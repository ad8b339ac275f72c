//! What is tried again, and what is not: after a look at what the server made of the first try.

use glancesync::sandbox::{Effect, Fault, When};
use serde_json::json;

use crate::common::{Fleet, NewImage, Outcome};

const UPLOAD: (&str, &str) = ("PUT", "/v2/images/*/file");
const CREATE: (&str, &str) = ("POST", "/v2/images");
const CHANGE: (&str, &str) = ("PATCH", "/v2/images/*");

/// A run that brings `a` into `RegionTwo`, whose first such requests go wrong.
fn sync(
    (method, path): (&str, &str),
    effect: Effect,
    times: u64,
    retries: &str,
) -> (Fleet, Outcome) {
    let fleet = Fleet::embedded(|_| ());
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let fault = Fault::new(method, path, effect).on(1, times);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    let config = fleet.config().master("retries", retries);
    let outcome = fleet.run(&config, &["RegionTwo"]);
    (fleet, outcome)
}

fn count(outcome: &Outcome, method: &str) -> usize {
    let changes = outcome.changes("master:RegionTwo").into_iter();
    changes.filter(|request| request.method == method).count()
}

#[track_caller]
fn assert_there(fleet: &Fleet, outcome: &Outcome) {
    let image = fleet.region("RegionTwo").the("a");
    assert_eq!(
        (&image["status"], &image["visibility"], &image["tags"]),
        (&json!("active"), &json!("public"), &json!([])),
        "{outcome}"
    );
}

#[test]
fn an_upload_that_broke_off_is_sent_to_the_same_image_again() {
    for effect in [
        Effect::DropUpload { bytes: 2 },
        Effect::Drop { when: When::Before },
        Effect::status(503),
        Effect::ExpireToken,
    ] {
        let (fleet, outcome) = sync(UPLOAD, effect.clone(), 1, "1");
        assert_eq!(outcome.code, Some(0), "{effect:?}: {outcome}");
        assert_there(&fleet, &outcome);
        assert_eq!((count(&outcome, "POST"), count(&outcome, "PUT")), (1, 2));
        assert_eq!(outcome.errors(), [""; 0]);
    }
}

#[test]
fn an_upload_whose_answer_was_lost_is_not_sent_again() {
    for effect in [
        Effect::Drop { when: When::After },
        Effect::Answer {
            status: 502,
            headers: std::collections::BTreeMap::new(),
            body: None,
            when: When::After,
            early: false,
        },
    ] {
        let (fleet, outcome) = sync(UPLOAD, effect, 1, "1");
        assert_there(&fleet, &outcome);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!((count(&outcome, "POST"), count(&outcome, "PUT")), (1, 1));
    }
}

#[test]
fn an_image_that_takes_no_content_any_more_is_created_anew() {
    let (fleet, outcome) = sync(UPLOAD, Effect::status(500), 2, "3");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_there(&fleet, &outcome);
    assert_eq!((count(&outcome, "POST"), count(&outcome, "PUT")), (2, 3));
    assert_eq!(fleet.region("RegionTwo").images().len(), 1);
}

#[test]
fn tries_are_bounded_and_the_error_says_how_many_there_were() {
    let (fleet, outcome) = sync(UPLOAD, Effect::status(503), 99, "2");
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(count(&outcome, "PUT"), 3);
    let error = &outcome.events_named("error")[0];
    let message = error["message"].as_str().unwrap();
    for part in ["PUT http://", "/file (3 tries, ", "HTTP 503"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0]);
}

#[test]
fn what_the_server_refuses_for_good_is_sent_once() {
    for (effect, code) in [
        (Effect::status(413), "quota_exceeded a"),
        (Effect::early(413), "quota_exceeded a"),
        (Effect::WrongFormat, "upload_failed a"),
        (Effect::WrongContent, "checksum_mismatch a"),
    ] {
        let (fleet, outcome) = sync(UPLOAD, effect, 1, "3");
        assert_eq!(outcome.code, Some(1), "{outcome}");
        outcome.assert_fails(code);
        assert_eq!(count(&outcome, "PUT"), 1, "{outcome}");
        assert_eq!(fleet.region("RegionTwo").names(), [""; 0]);
    }
}

#[test]
fn a_creation_or_a_change_whose_answer_was_lost_is_done_once() {
    for place in [CREATE, CHANGE] {
        for when in [When::Before, When::After] {
            let (fleet, outcome) = sync(place, Effect::Drop { when }, 1, "1");
            assert_eq!(outcome.code, Some(0), "{place:?} {when:?}: {outcome}");
            assert_there(&fleet, &outcome);
            assert_eq!(count(&outcome, "PUT"), 1);
            if place == CHANGE {
                let changes = if when == When::After { 1 } else { 2 };
                assert_eq!(count(&outcome, "PATCH"), changes, "{outcome}");
            }
        }
    }
}

#[test]
fn a_server_that_asks_for_it_is_left_alone_for_a_while() {
    let (fleet, outcome) = sync(CREATE, Effect::retry_after(503, 1), 1, "1");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_there(&fleet, &outcome);
    let finished = &outcome.events_named("action_finished")[0];
    assert!(finished["seconds"].as_f64().unwrap() >= 1.0, "{outcome}");
    let (_, outcome) = sync(CREATE, Effect::retry_after(503, 3600), 1, "1");
    outcome.expect(1).assert_fails("create_failed a");
}

#[test]
fn each_try_is_in_the_regions_log() {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "abc"));
    let faults = vec![
        Fault::new("GET", "/v2/images", Effect::status(503)).on(1, 1),
        Fault::new("PUT", "/v2/images/*/file", Effect::status(503)).on(1, 1),
        Fault::new("PATCH", "/v2/images/*", Effect::status(503)).on(1, 1),
    ];
    fleet.sandbox().set_faults("RegionTwo", faults).unwrap();
    fleet
        .glancesync(&["--parallel", "RegionTwo"])
        .run()
        .expect(0);
    let folders = std::fs::read_dir(fleet.work_dir()).unwrap();
    let folder = folders
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("sync_")
        })
        .unwrap();
    let log = std::fs::read_to_string(folder.join("RegionTwo.txt")).unwrap();
    for part in [
        "could not list the images",
        "sends the content of `a` again",
        "looks and tries again",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn content_that_may_not_be_published_is_kept_and_published_by_the_next_run() {
    // It is asked for once more without its provenance.
    let (fleet, outcome) = sync(CHANGE, Effect::status(403), 2, "1");
    outcome.expect(1).assert_fails("publish_refused a");
    let region = fleet.region("RegionTwo");
    let kept = region.the("a");
    assert_eq!(
        (&kept["status"], &kept["visibility"]),
        (&json!("active"), &json!("private"))
    );
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.uploads("master:RegionTwo"), 0, "{outcome}");
    assert_there(&fleet, &outcome);
    assert_eq!(region.the("a")["id"], kept["id"]);
}
