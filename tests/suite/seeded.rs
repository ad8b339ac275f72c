//! What old and odd deployments hold, and a client cannot put there.

use glancesync::sandbox::{Content, ImageSeed, RegionSpec};
use serde_json::json;

use crate::common::{Fleet, NewImage};

fn seed(fleet: &Fleet, region: &str, image: &ImageSeed) -> String {
    fleet.sandbox().add_image(region, image).unwrap()
}

#[test]
fn lists_of_many_pages_are_read_to_their_end() {
    let fleet = Fleet::embedded(|spec| {
        for region in &mut spec.keystones[0].regions {
            region.limits.page_max = 3;
        }
    });
    let names: Vec<String> = (0..10).map(|number| format!("image {number}")).collect();
    for name in &names {
        fleet.master().create(NewImage::new(name, "abc"));
        fleet.region("RegionTwo").create(NewImage::new(name, "abc"));
    }
    let outcome = fleet.status(&fleet.config(), &["RegionTwo"]);
    let expected: Vec<String> = names.iter().map(|name| format!("ok {name}")).collect();
    assert_eq!(outcome.status_of("RegionTwo"), expected);
}

#[test]
fn an_image_without_an_owner_is_an_own_one() {
    let fleet = Fleet::embedded(|_| ());
    for (region, name) in [
        ("master:RegionOne", "a"),
        ("master:RegionOne", "b"),
        ("master:RegionTwo", "b"),
    ] {
        seed(&fleet, region, &ImageSeed::new(name, "abc").owner(""));
    }
    let outcome = fleet.status(&fleet.config(), &["RegionTwo"]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload a", "ok b"]);
    assert_eq!(outcome.warnings(), [""; 0]);
}

#[test]
fn where_one_side_has_no_md5_the_other_hash_decides() {
    let fleet = Fleet::embedded(|_| ());
    let without = |name: &str, content: &str| ImageSeed {
        checksum: Some(String::new()),
        ..ImageSeed::new(name, content)
    };
    for name in ["other", "same"] {
        seed(&fleet, "master:RegionOne", &without(name, "abc"));
    }
    let neither = ImageSeed {
        os_hash_value: Some(String::new()),
        ..without("neither", "abc")
    };
    seed(&fleet, "master:RegionOne", &neither);
    seed(
        &fleet,
        "master:RegionTwo",
        &ImageSeed::new("other", "other"),
    );
    seed(&fleet, "master:RegionTwo", &ImageSeed::new("same", "abc"));
    let outcome = fleet.status(&fleet.config(), &["RegionTwo"]);
    assert_eq!(
        outcome.status_of("RegionTwo"),
        ["error_checksum other", "ok same"]
    );
    outcome.assert_warns("no_checksum neither");
    fleet.glancesync(&["RegionThree"]).run().expect(0);
    assert_eq!(fleet.region("RegionThree").names(), ["other", "same"]);
}

#[test]
fn an_image_of_the_region_without_a_checksum_matches_any_only() {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "abc"));
    let bare = ImageSeed {
        checksum: Some(String::new()),
        os_hash_value: Some(String::new()),
        ..ImageSeed::new("a", "abc")
    };
    seed(&fleet, "master:RegionTwo", &bare);
    let md5 = "900150983cd24fb0d6963f7d28e17f72";
    for (key, value, status) in [
        ("replace", md5, "error_checksum"),
        ("dontupdate", md5, "error_checksum"),
        ("replace", "any", "pending_replace"),
        ("rename", "any", "pending_rename"),
    ] {
        let config = fleet.config().master(key, value);
        let outcome = fleet.status(&config, &["RegionTwo"]);
        assert_eq!(
            outcome.status_of("RegionTwo"),
            [format!("{status} a")],
            "{key} {value}"
        );
    }
}

#[test]
fn no_status_of_an_image_breaks_the_run() {
    let fleet = Fleet::embedded(|_| ());
    for status in [
        "queued",
        "saving",
        "killed",
        "pending_delete",
        "importing",
        "uploading",
    ] {
        fleet.master().create(NewImage::new(status, "abc"));
        let image = ImageSeed {
            status: status.to_owned(),
            ..ImageSeed::new(status, Content::None)
        };
        seed(&fleet, "master:RegionTwo", &image);
    }
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(outcome.actions("action_finished").len(), 6, "{outcome}");
    let mut images = fleet.region("RegionTwo").images();
    images.retain(|image| image["status"] == "active");
    assert_eq!(images.len(), 6, "{images:?}");
}

#[test]
fn nulls_and_missing_names_break_no_list() {
    let fleet = Fleet::embedded(|_| ());
    let mut image = ImageSeed::new("a", "abc");
    image.properties.insert("kernel_id".to_owned(), None);
    image.properties.insert("ramdisk_id".to_owned(), None);
    seed(&fleet, "master:RegionOne", &image);
    let nameless = ImageSeed {
        name: None,
        ..ImageSeed::new("", "abc")
    };
    seed(&fleet, "master:RegionOne", &nameless);
    seed(&fleet, "master:RegionTwo", &nameless);
    fleet.region("RegionTwo").create(NewImage::new("a", "abc"));
    let outcome = fleet.status(&fleet.config(), &["RegionTwo", "RegionThree"]);
    assert_eq!(outcome.status_of("RegionTwo"), ["ok a"]);
    assert_eq!(outcome.status_of("RegionThree"), ["pending_upload a"]);
}

#[test]
fn two_names_of_one_glance_never_get_an_image_twice() {
    let fleet = Fleet::embedded(|spec| {
        let is_same_content = Some("master:RegionTwo".to_owned());
        spec.keystones[0].regions.push(RegionSpec {
            is_same_content,
            ..RegionSpec::new("Twin")
        });
    });
    for name in ["a", "b", "c", "d"] {
        fleet
            .master()
            .create(NewImage::new(name, vec![b'x'; 300_000]));
    }
    let words = ["--parallel", "--max-children", "4", "RegionTwo", "Twin"];
    fleet.glancesync(&words).run().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b", "c", "d"]);
}

#[test]
fn a_glance_under_a_path_is_found() {
    for suffix in ["/", "/v2", "/v2/"] {
        let fleet = Fleet::embedded(|spec| {
            for region in &mut spec.keystones[0].regions {
                region.endpoint_suffix = suffix.to_owned();
            }
        });
        fleet
            .master()
            .create(NewImage::new("a", "abc").with("nid", "1"));
        fleet.glancesync(&["RegionTwo"]).run().expect(0);
        assert_eq!(
            fleet.region("RegionTwo").the("a")["nid"],
            json!("1"),
            "{suffix}"
        );
    }
}
