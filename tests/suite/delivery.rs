//! The ways by which content gets into a region: sent, imported, pulled from another region, and into which
//! stores.
//!
//! `RegionTwo` converts to raw, `RegionThree` has two stores, `RegionFour` takes imports only and gives every
//! import a property, `RegionFive` is a plain one.

use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome};

/// A fleet with two images at its master.
fn fleet() -> Fleet {
    let fleet = Fleet::with_import_regions();
    let small = NewImage::new("small", "abc").with("nid", "1");
    fleet.master().create(small.with("hw_disk_bus", "virtio"));
    fleet
        .master()
        .create(NewImage::new("large", vec![7; 3_000_000]).with("min_disk", 2));
    fleet
}

/// The fields of the events that tell how each image came.
pub(crate) fn ways(outcome: &Outcome) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let events = outcome.events_named("action_finished");
    let way = |event: &Value| {
        let fields = ["image", "delivery", "source", "from"];
        fields.map(|name| text(&event[name])).join(" ")
    };
    events.iter().map(way).collect()
}

/// Asserts that both images are in the region as they are at the master, and that the next run does nothing.
#[track_caller]
fn assert_in_step(fleet: &Fleet, config: &Config, region: &str) {
    for name in ["small", "large"] {
        let (ours, masters) = (fleet.region(region).the(name), fleet.master().the(name));
        for attribute in [
            "os_hash_value",
            "size",
            "visibility",
            "min_disk",
            "nid",
            "hw_disk_bus",
        ] {
            assert_eq!(
                ours[attribute], masters[attribute],
                "{attribute} of {ours:#}"
            );
        }
        assert_eq!(
            (&ours["status"], &ours["tags"]),
            (&json!("active"), &json!([]))
        );
        assert_eq!(ours.get("injected"), None);
        assert_eq!(ours["glancesync_image"], ours["id"]);
    }
    let again = fleet.run(config, &[region]).expect(0);
    again.assert_changed_nothing();
}

#[test]
fn a_region_that_takes_imports_only_gets_them() {
    let fleet = fleet();
    let config = fleet.config();
    let refused = fleet.run(&config, &["RegionFour"]).expect(1);
    refused.assert_fails("upload_failed small");
    refused.assert_says("delivery = import");
    let config = config.master("delivery", "import");
    let outcome = fleet.run(&config, &["RegionFour"]).expect(0);
    assert_eq!(
        ways(&outcome)
            .iter()
            .filter(|way| way.contains("import"))
            .count(),
        2,
        "{outcome}"
    );
    assert_in_step(&fleet, &config, "RegionFour");
}

#[test]
fn a_pull_brings_content_from_the_master_past_this_host() {
    let fleet = fleet();
    let config = fleet.config().master("delivery", "pull");
    let planned = fleet.run(&config, &["--dry-run", "RegionFive"]).expect(0);
    let plan = &planned.events_named("plan")[0];
    assert_eq!(
        (&plan["bytes_pending"], &plan["bytes_pulled"]),
        (&json!(0), &json!(3_000_003))
    );
    let outcome = fleet.run(&config, &["RegionFive"]).expect(0);
    assert_eq!(
        ways(&outcome),
        ["small pull - RegionOne", "large pull - RegionOne"]
    );
    assert_eq!(outcome.uploads("master:RegionFive"), 0);
    let finished = &outcome.events_named("region_finished")[0];
    let sums = [
        "uploaded_bytes",
        "uploaded_images",
        "pulled_bytes",
        "pulled_images",
    ];
    assert_eq!(
        sums.map(|name| finished[name].as_u64()),
        [0, 0, 3_000_003, 2].map(Some)
    );
    assert_in_step(&fleet, &config, "RegionFive");
}

#[test]
fn auto_pulls_where_that_is_offered_and_uploads_elsewhere() {
    let fleet = fleet();
    let config = fleet.config().set("DEFAULT", "delivery", "auto");
    let outcome = fleet.run(&config, &["RegionFive", "other:"]).expect(0);
    let uploaded = |name: &str| format!("{name} upload directory -");
    let pulled = |name: &str| format!("{name} pull - RegionOne");
    assert_eq!(
        ways(&outcome),
        [
            pulled("small"),
            pulled("large"),
            uploaded("small"),
            uploaded("large")
        ]
    );
    assert_in_step(&fleet, &config, "RegionFive");
    assert_in_step(&fleet, &config, "other:RegionOne");
}

#[test]
fn what_a_region_does_not_offer_is_found_before_anything_is_done() {
    let fleet = fleet();
    for (key, value, region, says) in [
        ("delivery", "pull", "other:", "`glance-download`"),
        ("delivery", "import", "other:", "`glance-direct`"),
        ("stores", "fast", "RegionThree", "no store `fast`"),
    ] {
        let config = fleet.config().set("DEFAULT", key, value);
        for mode in ["--dry-run", "--parallel"] {
            let outcome = fleet.run(&config, &[mode, region]).expect(1);
            outcome.assert_fails("delivery_unsupported");
            outcome.assert_says(says);
            outcome.assert_changed_nothing();
        }
    }
    for (keys, says) in [
        (&[("stores", "local, archive")][..], "one store only"),
        (
            &[("delivery", "pull"), ("provenance", "false")],
            "provenance",
        ),
        (&[("delivery", "push")], "not a way of delivery"),
        (&[("pull_from", "nobody")], "`master` or `any`"),
        (&[("pull_fanout", "0")], "pull_fanout"),
    ] {
        let config = keys.iter().fold(fleet.config(), |config, (key, value)| {
            config.master(key, value)
        });
        let outcome = fleet.run(&config, &["RegionThree"]).expect(2);
        outcome.assert_says(says);
    }
}

#[test]
fn the_stores_that_are_named_get_it() {
    let fleet = fleet();
    let stores = |name: &str| {
        let image = fleet.region("RegionThree").the(name);
        let mut stores: Vec<String> = image["stores"]
            .as_str()
            .unwrap()
            .split(',')
            .map(ToOwned::to_owned)
            .collect();
        stores.sort();
        stores
    };
    let config = fleet.config().master("stores", "archive");
    fleet.run(&config, &["RegionThree"]).expect(0);
    assert_eq!(stores("small"), ["archive"]);
    for image in fleet.region("RegionThree").images() {
        fleet
            .region("RegionThree")
            .delete(image["id"].as_str().unwrap());
    }
    let config = fleet
        .config()
        .master("stores", "archive, local")
        .master("delivery", "import");
    fleet.run(&config, &["RegionThree"]).expect(0);
    assert_eq!(stores("small"), ["archive", "local"]);
    assert_eq!(stores("large"), ["archive", "local"]);
    assert_in_step(&fleet, &config, "RegionThree");
}

#[test]
fn any_region_with_a_verified_copy_may_be_pulled_from() {
    let fleet = fleet();
    let config = fleet
        .config()
        .master("delivery", "pull")
        .master("pull_from", "any")
        .master("pull_fanout", "1");
    let first = fleet.run(&config, &["RegionFive"]).expect(0);
    assert_eq!(ways(&first)[0], "small pull - RegionOne");
    // Of two that are as busy, the one that is not the master lends.
    let outcome = fleet.run(&config, &["RegionFive", "RegionThree"]).expect(0);
    assert_eq!(
        ways(&outcome),
        ["small pull - RegionFive", "large pull - RegionFive"]
    );
    assert_in_step(&fleet, &config, "RegionThree");
}
