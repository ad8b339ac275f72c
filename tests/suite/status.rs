//! The state of an image in a region: one status for each, and what decides between them.

use serde_json::json;

use crate::common::{Fleet, NewImage, Outcome, Region};

/// The md5 of `other`.
pub(crate) const OTHER_MD5: &str = "795f3202b17cb6bc3d4b771d8c6c9eaf";

/// The report about `RegionTwo` under the usual configuration and these keys of `master`.
#[track_caller]
fn report(fleet: &Fleet, keys: &[(&str, &str)]) -> Outcome {
    let config = keys.iter().fold(fleet.config(), |config, (key, value)| {
        config.master(key, value)
    });
    fleet.status(&config, &["RegionTwo"])
}

#[track_caller]
fn assert_status(fleet: &Fleet, keys: &[(&str, &str)], expected: &[&str]) {
    let outcome = report(fleet, keys);
    assert_eq!(
        outcome.status_of("RegionTwo"),
        expected,
        "{keys:?} {outcome}"
    );
    outcome.assert_changed_nothing();
}

/// An image in the master region and, with this content, in `RegionTwo`.
fn conflict<'a>(fleet: &'a Fleet, name: &str) -> Region<'a> {
    fleet.master().create(NewImage::new(name, "master"));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new(name, "other"));
    region
}

#[test]
fn an_absent_image_is_pending_upload() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    assert_status(&fleet, &[], &["pending_upload a"]);
}

#[test]
fn the_same_image_is_ok_whatever_is_not_compared() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let there = NewImage::new("a", "abc")
        .with("nid", "1")
        .with("min_disk", 3)
        .with("min_ram", 9);
    let there = there.with("tags", json!(["x"])).with("protected", true);
    fleet.region("RegionTwo").create(there);
    assert_status(&fleet, &[], &["ok a"]);
}

#[test]
fn an_image_of_no_bytes_is_one_like_any_other() {
    let fleet = Fleet::start();
    for name in ["a", "b"] {
        fleet.master().create(NewImage::new(name, ""));
    }
    fleet.region("RegionTwo").create(NewImage::new("a", ""));
    assert_status(&fleet, &[], &["ok a", "pending_upload b"]);
}

#[test]
fn all_properties_are_compared_without_a_metadata_set() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for name in ["changed", "extra", "lacking", "same"] {
        fleet
            .master()
            .create(NewImage::new(name, "abc").with("nid", "1"));
    }
    region.create(NewImage::new("changed", "abc").with("nid", "2"));
    region.create(
        NewImage::new("extra", "abc")
            .with("nid", "1")
            .with("local", "1"),
    );
    region.create(NewImage::new("lacking", "abc"));
    region.create(NewImage::new("same", "abc").with("nid", "1"));
    let metadata = [
        "pending_metadata changed",
        "pending_metadata extra",
        "pending_metadata lacking",
    ];
    assert_status(&fleet, &[], &[&metadata[..], &["ok same"]].concat());
}

#[test]
fn a_metadata_set_limits_what_is_compared() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for name in ["changed", "extra", "lacking", "same"] {
        fleet
            .master()
            .create(NewImage::new(name, "abc").with("nid", "1").with("o", "1"));
    }
    region.create(NewImage::new("changed", "abc").with("nid", "2"));
    region.create(
        NewImage::new("extra", "abc")
            .with("nid", "1")
            .with("type", "x"),
    );
    region.create(NewImage::new("lacking", "abc").with("o", "1"));
    region.create(
        NewImage::new("same", "abc")
            .with("nid", "1")
            .with("o", "2")
            .with("l", "1"),
    );
    let metadata = [
        "pending_metadata changed",
        "pending_metadata extra",
        "pending_metadata lacking",
    ];
    let keys = [("metadata_set", "nid, type")];
    assert_status(&fleet, &keys, &[&metadata[..], &["ok same"]].concat());
}

#[test]
fn of_the_visibility_only_public_or_not_is_compared() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    let public = fleet.master().create(NewImage::new("p", "abc"));
    let shared = fleet
        .master()
        .create(NewImage::new("s", "abc").with("visibility", "shared"));
    region.create(NewImage::new("p", "abc").private());
    region.create(NewImage::new("s", "abc").private());
    let forced = format!("{public},{shared}");
    assert_status(
        &fleet,
        &[("forcesyncs", &forced)],
        &["pending_metadata p", "ok s"],
    );
}

#[test]
fn another_checksum_is_an_error_unless_a_list_says_what_to_do() {
    let fleet = Fleet::start();
    conflict(&fleet, "a");
    let outcome = report(&fleet, &[]);
    assert_eq!(outcome.status_of("RegionTwo"), ["error_checksum a"]);
    let warnings = outcome.events_named("warning");
    let warning = warnings
        .iter()
        .find(|warning| warning["code"] == "checksum_conflict");
    assert_eq!(
        warning.expect("a warning")["checksum"],
        OTHER_MD5,
        "{outcome}"
    );
}

#[test]
fn the_lists_are_asked_in_their_order() {
    let fleet = Fleet::start();
    conflict(&fleet, "a");
    let upper = OTHER_MD5.to_uppercase();
    let elsewhere = "900150983cd24fb0d6963f7d28e17f72";
    let masters = "eb0a191797624dd3a48fa681d3061212";
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[("dontupdate", OTHER_MD5)], "ok_stalled_checksum"),
        (&[("rename", OTHER_MD5)], "pending_rename"),
        (&[("replace", OTHER_MD5)], "pending_replace"),
        (&[("rename", "any")], "pending_rename"),
        (&[("replace", "any")], "pending_replace"),
        (&[("replace", &upper)], "pending_replace"),
        (
            &[("replace", masters), ("rename", elsewhere)],
            "error_checksum",
        ),
        (
            &[("rename", "any"), ("replace", OTHER_MD5)],
            "pending_replace",
        ),
        (
            &[("rename", OTHER_MD5), ("replace", OTHER_MD5)],
            "pending_rename",
        ),
        (&[("rename", "any"), ("replace", "any")], "pending_rename"),
        (
            &[
                ("dontupdate", OTHER_MD5),
                ("rename", OTHER_MD5),
                ("replace", "any"),
            ],
            "ok_stalled_checksum",
        ),
    ];
    for (keys, status) in cases {
        assert_status(&fleet, keys, &[&format!("{status} a")]);
    }
}

#[test]
fn a_protected_image_is_never_replaced() {
    let fleet = Fleet::start();
    let region = conflict(&fleet, "a");
    let id = region.the("a")["id"].as_str().unwrap().to_owned();
    region.set(&id, &[("protected", json!(true))]);
    let outcome = report(&fleet, &[("replace", "any")]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_rename a"]);
    outcome.assert_warns("protected_image a");
}

#[test]
fn a_hidden_image_counts_for_a_name_that_is_otherwise_absent() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for name in ["alone", "beside"] {
        fleet.master().create(NewImage::new(name, "abc"));
        region.create(NewImage::new(name, "abc").with("os_hidden", true));
    }
    region.create(NewImage::new("beside", "other"));
    assert_status(&fleet, &[], &["ok alone", "error_checksum beside"]);
}

#[test]
fn an_image_of_another_project_is_passed_over() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a", "abc").with("owner", region.foreign_project()));
    for (only_own, status) in [("true", "pending_upload a"), ("false", "ok a")] {
        let outcome = report(&fleet, &[("only_tenant_images", only_own)]);
        assert_eq!(outcome.status_of("RegionTwo"), [status]);
        outcome.assert_warns("foreign_owner a");
    }
}

#[test]
fn an_image_without_content_is_not_present() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.region("RegionTwo").create(NewImage::queued("a"));
    assert_status(&fleet, &[], &["pending_upload a"]);
}

#[test]
fn a_deactivated_image_counts_as_present() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for (name, content) in [("other", "other"), ("same", "abc")] {
        fleet
            .master()
            .create(NewImage::new(name, "abc").with("nid", "1"));
        let id = region.create(NewImage::new(name, content));
        region.action(&id, "deactivate");
    }
    let outcome = report(&fleet, &[]);
    assert_eq!(
        outcome.status_of("RegionTwo"),
        ["error_checksum other", "ok same"]
    );
    outcome.assert_warns("image_not_active other");
    outcome.assert_warns("image_not_active same");
    let outcome = report(&fleet, &[("dontupdate", OTHER_MD5)]);
    assert_eq!(
        outcome.status_of("RegionTwo"),
        ["ok_stalled_checksum other", "ok same"]
    );
}

#[test]
fn of_duplicates_own_images_come_first_then_the_masters_checksum() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for name in ["checksum", "own"] {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    region.create(NewImage::new("checksum", "abc"));
    region.create(NewImage::new("checksum", "other"));
    region.create(NewImage::new("own", "other"));
    region.create(NewImage::new("own", "abc").with("owner", region.foreign_project()));
    for only_own in ["true", "false"] {
        let outcome = report(&fleet, &[("only_tenant_images", only_own)]);
        assert_eq!(
            outcome.status_of("RegionTwo"),
            ["ok checksum", "error_checksum own"]
        );
        outcome.assert_warns("duplicate_region_name checksum");
    }
}

#[test]
fn of_equal_duplicates_the_first_in_glances_list_counts() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let region = fleet.region("RegionTwo");
    for nid in ["1", "2", "3"] {
        region.create(NewImage::new("a", "abc").with("nid", nid));
    }
    let first = region.images()[0]["nid"] == "1";
    let expected = if first { "ok a" } else { "pending_metadata a" };
    assert_status(&fleet, &[], &[expected]);
}

#[test]
fn an_incomplete_image_of_glancesync_is_not_present() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let tags = json!(["glancesync-incomplete", "glancesync-by:somebody"]);
    fleet
        .region("RegionTwo")
        .create(NewImage::new("a", "abc").private().with("tags", tags));
    let outcome = report(&fleet, &[]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload a"]);
    outcome.assert_warns("leftover_image a");
}

#[test]
fn a_page_is_one_document_in_which_names_are_text() {
    let fleet = Fleet::start();
    let name = "<script>alert('x')</script>";
    fleet.master().create(NewImage::new(name, "abc"));
    let words = ["--show-status", "--format", "html", "RegionTwo"];
    let outcome = fleet.glancesync(&words).run().expect(0);
    let page = &outcome.stdout;
    assert!(page.starts_with("<!DOCTYPE html>"), "{outcome}");
    assert!(page.ends_with("</html>\n"), "{outcome}");
    assert!(
        page.contains("&lt;script&gt;alert(&#39;x&#39;)"),
        "{outcome}"
    );
    assert!(!page.contains("<script>alert"), "{outcome}");
    outcome.assert_changed_nothing();
}
