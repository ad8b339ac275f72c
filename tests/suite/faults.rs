//! Faults that no real server can be asked for: answers that are late, wrong, or lost.

use glancesync::sandbox::{Effect, Fault, ImageSeed, StoreLimits, When};
use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, Region};

const LIST: (&str, &str) = ("GET", "/v2/images");
const CREATE: (&str, &str) = ("POST", "/v2/images");
const UPLOAD: (&str, &str) = ("PUT", "/v2/images/*/file");
const PATCH: (&str, &str) = ("PATCH", "/v2/images/*");

/// A fleet with `a` and the larger `b` to be synchronised, and the region's faults.
fn two_images(region: &str, faults: Vec<Fault>) -> Fleet {
    let fleet = Fleet::embedded(|_| ());
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet.master().create(NewImage::new("b", "abcdef"));
    fleet.sandbox().set_faults(region, faults).unwrap();
    fleet
}

fn fault((method, path): (&str, &str), effect: Effect) -> Fault {
    Fault::new(method, path, effect)
}

/// The usual configuration, but quick to give up.
fn impatient(fleet: &Fleet) -> Config {
    let config = fleet
        .config()
        .master("retries", "1")
        .master("list_images_timeout", "2");
    config.master("upload_stall_timeout", "2")
}

#[track_caller]
fn sync(fleet: &Fleet, words: &[&str]) -> Outcome {
    fleet.run(
        &impatient(fleet),
        &[words, &["RegionTwo", "RegionThree"]].concat(),
    )
}

/// The images of a region as everybody gets to see them.
fn published(region: &Region<'_>) -> Vec<String> {
    let images = region.images();
    let public = images
        .iter()
        .filter(|image| image["visibility"] == "public");
    let mut names: Vec<String> = public
        .map(|image| image["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Asserts that once the faults are gone, one more run puts `RegionTwo` right.
#[track_caller]
fn assert_healed(fleet: &Fleet) {
    fleet.sandbox().set_faults("RegionTwo", Vec::new()).unwrap();
    fleet
        .sandbox()
        .set_faults("master:RegionOne", Vec::new())
        .unwrap();
    fleet.run(&impatient(fleet), &["RegionTwo"]).expect(0);
    let region = fleet.region("RegionTwo");
    assert_eq!(region.names(), ["a", "b"]);
    for image in region.images() {
        assert_eq!(
            (&image["status"], &image["tags"]),
            (&json!("active"), &json!([])),
            "{image}"
        );
        assert_eq!(image["visibility"], "public", "{image}");
    }
    fleet
        .run(&impatient(fleet), &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn a_list_that_cannot_be_had_fails_its_region_alone() {
    let forbidden = Effect::status(403);
    for (effect, code) in [
        (Effect::status(500), "list_failed"),
        (forbidden, "list_failed"),
        (Effect::WrongJson, "list_failed"),
        (Effect::CutBody { bytes: 20 }, "list_failed"),
        (Effect::Hang { when: When::Before }, "list_timeout"),
        (Effect::Slow { bytes_per_sec: 10 }, "list_timeout"),
    ] {
        let fleet = two_images("RegionTwo", vec![fault(LIST, effect.clone())]);
        fleet.region("RegionThree").purge();
        for words in [&[][..], &["--parallel", "--max-children", "2"]] {
            let outcome = sync(&fleet, words).expect(1);
            let errors = outcome.events_named("error");
            assert_eq!(
                (&errors[0]["code"], &errors[0]["region"]),
                (&json!(code), &json!("RegionTwo")),
                "{effect:?}"
            );
            assert!(outcome.changes("master:RegionTwo").is_empty(), "{outcome}");
            assert_eq!(published(&fleet.region("RegionThree")), ["a", "b"]);
            fleet.region("RegionThree").purge();
        }
        assert_healed(&fleet);
    }
}

#[test]
fn the_masters_list_that_cannot_be_had_ends_the_run() {
    for effect in [
        Effect::status(500),
        Effect::WrongJson,
        Effect::Hang { when: When::Before },
    ] {
        let fleet = two_images("master:RegionOne", vec![fault(LIST, effect)]);
        sync(&fleet, &[]).expect(2).assert_changed_nothing();
    }
}

#[test]
fn what_passes_by_itself_is_tried_again() {
    for effect in [
        Effect::status(503),
        Effect::status(429),
        Effect::Drop { when: When::Before },
        Effect::ExpireToken,
    ] {
        for place in [LIST, PATCH] {
            let fleet = two_images("RegionTwo", vec![fault(place, effect.clone()).on(1, 1)]);
            let outcome = sync(&fleet, &[]);
            assert_eq!(outcome.code, Some(0), "{effect:?} of {place:?}: {outcome}");
            assert_healed(&fleet);
        }
    }
}

#[test]
fn an_answer_that_is_lost_leaves_no_second_image() {
    for place in [CREATE, UPLOAD, PATCH] {
        let lost = fault(place, Effect::Drop { when: When::After }).on(1, 1);
        let fleet = two_images("RegionTwo", vec![lost]);
        sync(&fleet, &[]);
        let region = fleet.region("RegionTwo");
        for name in published(&region) {
            assert_eq!(region.the(&name)["status"], "active", "{place:?}");
        }
        assert_healed(&fleet);
    }
}

#[test]
fn an_upload_that_breaks_off_is_never_published() {
    for effect in [
        Effect::DropUpload { bytes: 2 },
        Effect::status(500),
        Effect::Hang { when: When::Before },
        Effect::WrongFormat,
        Effect::WrongContent,
    ] {
        let fleet = two_images("RegionTwo", vec![fault(UPLOAD, effect.clone())]);
        let outcome = sync(&fleet, &[]).expect(1);
        assert!(
            outcome
                .results()
                .contains(&"RegionThree changed".to_owned()),
            "{outcome}"
        );
        assert_eq!(published(&fleet.region("RegionTwo")), [""; 0], "{effect:?}");
        assert_healed(&fleet);
    }
}

#[test]
fn each_fault_of_an_upload_has_its_code() {
    for (effect, code) in [
        (Effect::status(500), "upload_failed"),
        (Effect::Hang { when: When::Before }, "upload_stalled"),
        (Effect::WrongContent, "checksum_mismatch"),
        (Effect::status(413), "quota_exceeded"),
        (Effect::early(413), "quota_exceeded"),
    ] {
        let fleet = two_images("RegionTwo", vec![fault(UPLOAD, effect)]);
        sync(&fleet, &[])
            .expect(1)
            .assert_fails(&format!("{code} a"));
    }
}

#[test]
fn content_that_arrives_wrong_is_deleted_at_once() {
    let fleet = two_images("RegionTwo", vec![fault(UPLOAD, Effect::WrongContent)]);
    sync(&fleet, &["--keep-going"]).expect(1);
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0]);
}

#[test]
fn an_error_stops_its_region_and_keep_going_does_not() {
    for (words, expected) in [(&[][..], &[][..]), (&["--keep-going"], &["b"])] {
        let fleet = two_images(
            "RegionTwo",
            vec![fault(CREATE, Effect::status(400)).on(1, 1)],
        );
        let outcome = sync(&fleet, words).expect(1);
        outcome.assert_fails("create_failed a");
        assert!(
            outcome.results().contains(&"RegionTwo failed".to_owned()),
            "{outcome}"
        );
        assert_eq!(published(&fleet.region("RegionTwo")), expected);
        assert_eq!(published(&fleet.region("RegionThree")), ["a", "b"]);
    }
}

#[test]
fn an_old_image_in_use_is_renamed_instead_of_deleted() {
    let fleet = two_images("RegionThree", Vec::new());
    let region = fleet.region("RegionTwo");
    let old = ImageSeed {
        in_use: true,
        ..ImageSeed::new("a", "other")
    };
    let old = fleet.sandbox().add_image("RegionTwo", &old).unwrap();
    let config = impatient(&fleet).master("replace", "any");
    fleet
        .run(&config, &["RegionTwo"])
        .expect(0)
        .assert_warns("image_in_use a");
    let kept = region.get(&old).unwrap();
    assert_eq!(
        (&kept["name"], &kept["visibility"]),
        (&json!("a.old"), &json!("private"))
    );
    assert_eq!(published(&region), ["a", "b"]);
    assert_eq!(region.the("a")["tags"], json!([]));
}

#[test]
fn a_full_store_is_told_from_other_errors() {
    let fleet = Fleet::embedded(|spec| {
        spec.keystones[0].regions[1].limits = StoreLimits {
            user_storage_quota: Some(1 << 20),
            ..StoreLimits::default()
        };
    });
    fleet
        .master()
        .create(NewImage::new("a", vec![b'x'; 3 << 20]));
    let outcome = fleet
        .glancesync(&["RegionTwo", "RegionThree"])
        .run()
        .expect(1);
    outcome.assert_fails("quota_exceeded a");
    assert_eq!(published(&fleet.region("RegionTwo")), [""; 0]);
    assert_eq!(published(&fleet.region("RegionThree")), ["a"]);
}

#[test]
fn a_token_that_expires_in_mid_run_is_renewed() {
    let fleet = two_images(
        "RegionTwo",
        vec![fault(PATCH, Effect::ExpireToken).on(1, 1)],
    );
    let outcome = sync(&fleet, &[]).expect(0);
    let logins = outcome.requests("keystone:master").iter();
    let logins = logins.filter(|request| request.method == "POST").count();
    assert!((2..=4).contains(&logins), "{logins} logins: {outcome}");
}

#[test]
fn nobody_sees_a_new_image_before_it_is_verified() {
    let fleet = two_images("RegionTwo", Vec::new());
    let requests = || fleet.sandbox().requests("master:RegionTwo").unwrap();
    let earlier = requests().len();
    sync(&fleet, &[]).expect(0);
    let bodies: Vec<(String, Value)> = requests()[earlier..]
        .iter()
        .filter(|request| request.is_change())
        .filter_map(|request| {
            let body = serde_json::from_str(request.body.as_deref()?).ok()?;
            Some((request.method.clone(), body))
        })
        .collect();
    let made: Vec<&Value> = bodies
        .iter()
        .filter(|(method, _)| method == "POST")
        .map(|(_, body)| body)
        .collect();
    assert_eq!(made.len(), 2, "{bodies:?}");
    for body in made {
        assert_eq!(body["visibility"], "private", "{body}");
        let tags = body["tags"].to_string();
        assert!(tags.contains("\"glancesync-incomplete\""), "{body}");
        assert!(tags.contains("\"glancesync-by:"), "{body}");
    }
}

/// The old image is not what it was when the plan was made: somebody has changed it since.
#[test]
fn an_old_image_that_somebody_took_aside_meanwhile_is_left_alone() {
    for (policy, change) in [
        ("replace", ("name", json!("mine now"))),
        ("rename", ("name", json!("mine now"))),
        ("replace", ("protected", json!(true))),
    ] {
        let slow = Effect::Slow {
            bytes_per_sec: 1 << 20,
        };
        let fleet = two_images("RegionTwo", vec![fault(UPLOAD, slow)]);
        let content = vec![b'x'; 2 << 20];
        fleet.master().create(NewImage::new("c", content));
        let region = fleet.region("RegionTwo");
        let old = region.create(NewImage::new("c", "other"));
        let config = impatient(&fleet).master(policy, "any");
        let running = Program::with(&fleet, &config)
            .events()
            .args(["RegionTwo", "--image", "c"])
            .start();
        region.wait_for_an_upload();
        region.set(&old, &[(change.0, change.1.clone())]);
        let outcome = running.wait().expect(0);
        let kept = region.get(&old).expect("it is still there");
        if change.0 == "name" {
            assert_eq!(kept["name"], "mine now", "{policy}: {outcome}");
            assert_eq!(kept["visibility"], "public", "{policy}: {outcome}");
        } else {
            assert_eq!(kept["name"], "c.old", "{outcome}");
            outcome.assert_warns("protected_image c");
        }
        assert_eq!(region.the("c")["tags"], json!([]), "{outcome}");
    }
}
