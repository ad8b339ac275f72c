//! The ways by which content gets into a region: sent, imported, pulled from another region, and into which
//! stores.
//!
//! `RegionTwo` converts to raw, `RegionThree` has two stores, `RegionFour` takes imports only and gives every
//! import a property, `RegionFive` is a plain one.

use serde_json::{Value, json};

use crate::common::cloud::MASTER;
use crate::common::config::credential;
use crate::common::{Config, Fleet, NewImage, Outcome, Qcow2};

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
        (&[("transfers", "0")], "transfers"),
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

#[test]
fn who_finds_no_free_copy_waits_and_all_are_pulled() {
    let fleet = fleet();
    let config = fleet
        .config()
        .master("delivery", "pull")
        .master("pull_fanout", "1")
        .master("transfers", "2");
    let regions = ["--parallel", "RegionFive", "RegionThree"];
    let outcome = fleet.run(&config, &regions).expect(0);
    let ways = ways(&outcome);
    assert_eq!(ways.len(), 4, "{outcome}");
    assert!(
        ways.iter().all(|way| way.ends_with("pull - RegionOne")),
        "{ways:?}"
    );
    for region in ["RegionFive", "RegionThree"] {
        assert_in_step(&fleet, &config, region);
    }
}

/// A fleet whose master has a qcow2.
fn fleet_with_qcow2() -> Fleet {
    let fleet = Fleet::with_import_regions();
    let image = NewImage::new("disk", Qcow2::sample().build());
    fleet.master().create(image.with("disk_format", "qcow2"));
    fleet
}

/// Asserts that the region has the qcow2's content as raw, published, and that the next run does nothing.
#[track_caller]
fn assert_raw(fleet: &Fleet, config: &Config, region: &str) {
    let image = fleet.region(region).the("disk");
    assert_eq!(
        (&image["disk_format"], &image["visibility"]),
        (&json!("raw"), &json!("public"))
    );
    let content = fleet.region(region).content(image["id"].as_str().unwrap());
    assert!(content == Qcow2::sample().raw(), "{} bytes", content.len());
    let again = fleet.run(config, &[region]).expect(0);
    again.assert_changed_nothing();
    assert_eq!(again.warnings(), [""; 0]);
}

#[test]
fn a_qcow2_is_expanded_to_raw_while_it_is_sent() {
    let fleet = fleet_with_qcow2();
    let config = fleet.config().set("DEFAULT", "disk_format", "raw");
    let raw_size = Qcow2::sample().raw().len();
    let planned = fleet.run(&config, &["--dry-run", "RegionFive"]).expect(0);
    assert_eq!(planned.events_named("plan")[0]["bytes_pending"], raw_size);
    for region in ["RegionFive", "other:RegionOne"] {
        let outcome = fleet.run(&config, &[region]).expect(0);
        assert_eq!(
            outcome.events_named("action_finished")[0]["bytes"],
            raw_size
        );
        assert_raw(&fleet, &config, region);
    }
    let image = fleet.region("RegionFive").the("disk");
    let master = fleet.master().the("disk");
    let source = image["glancesync_source"].as_str().unwrap();
    assert!(source.ends_with(master["os_hash_value"].as_str().unwrap()));
}

#[test]
fn what_the_region_converts_is_proved() {
    let fleet = fleet_with_qcow2();
    if !fleet.cloud.converts {
        return;
    }
    for delivery in ["import", "pull"] {
        let config = fleet
            .config()
            .master("disk_format", "raw")
            .master("delivery", delivery);
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
        assert!(
            ways(&outcome)[0].starts_with(&format!("disk {delivery}")),
            "{outcome}"
        );
        assert_raw(&fleet, &config, "RegionTwo");
        let image = fleet.region("RegionTwo").the("disk");
        fleet
            .region("RegionTwo")
            .delete(image["id"].as_str().unwrap());
    }

    // Where the master's format is wanted, a region that converts all the same has the content.
    let config = fleet.config().master("delivery", "import");
    fleet.run(&config, &["RegionTwo"]).expect(0);
    let again = fleet.run(&config, &["RegionTwo"]).expect(0);
    again.assert_changed_nothing();
    assert_eq!(again.warnings(), ["other_format disk"]);
}

#[test]
fn what_others_converted_by_hand_is_not_sent_again() {
    let fleet = fleet_with_qcow2();
    let raw = Qcow2::sample().raw();
    let region = fleet.region("RegionFive");
    region.create(NewImage::new("disk", &raw).with("disk_format", "raw"));
    let config = fleet
        .config()
        .master("disk_format", "raw")
        .master("replace", "any");
    let outcome = fleet.run(&config, &["RegionFive"]).expect(0);
    outcome.assert_changed_nothing();
    let status = fleet.status(&config, &["RegionFive"]);
    assert_eq!(status.status_of("RegionFive"), ["ok disk"]);

    // A qcow2 stays, unless its own checksum is listed.
    let id = region.the("disk")["id"].as_str().unwrap().to_owned();
    region.delete(&id);
    let image = NewImage::new("disk", Qcow2::sample().build());
    region.create(image.with("disk_format", "qcow2"));
    let outcome = fleet.run(&config, &["RegionFive"]).expect(0);
    outcome.assert_changed_nothing();
    assert_eq!(outcome.warnings(), ["other_format disk"]);
    let listed = region.the("disk")["checksum"].as_str().unwrap().to_owned();
    let config = fleet
        .config()
        .master("disk_format", "raw")
        .master("replace", &listed);
    fleet.run(&config, &["RegionFive"]).expect(0);
    assert_raw(&fleet, &config, "RegionFive");

    // Converted wrongly.
    let id = region.the("disk")["id"].as_str().unwrap().to_owned();
    region.delete(&id);
    let mut wrong = raw;
    wrong[0] ^= 1;
    region.create(NewImage::new("disk", wrong).with("disk_format", "raw"));
    let status = fleet.status(&config, &["RegionFive"]);
    assert_eq!(status.status_of("RegionFive"), ["error_checksum disk"]);
}

#[test]
fn one_run_brings_each_region_in_step_by_its_own_way() {
    let fleet = fleet_with_qcow2();
    let raw = Qcow2::sample().raw();
    fleet.master().create(NewImage::new("small", "abc"));
    let own = credential(&fleet.cloud, MASTER);
    let mut config = fleet.config();
    let mut regions = vec![
        "other:RegionOne",
        "only:RegionFour",
        "stores:RegionThree",
        "pulls:RegionFive",
    ];
    if fleet.cloud.converts {
        regions.push("ceph:RegionTwo");
    }
    for (target, key, value) in [
        ("only", "delivery", "import"),
        ("stores", "delivery", "import"),
        ("stores", "stores", "local, archive"),
        ("pulls", "delivery", "pull"),
        ("ceph", "delivery", "import"),
        ("ceph", "disk_format", "raw"),
    ] {
        config = config
            .set(target, "credential", &own)
            .set(target, key, value);
    }
    let words = [&["--parallel"][..], &regions].concat();
    let outcome = fleet.run(&config, &words).expect(0);
    let mut came = ways(&outcome);
    came.sort();
    let count = |way: &str| came.iter().filter(|it| it.contains(way)).count();
    let imported = if fleet.cloud.converts { 6 } else { 4 };
    assert_eq!(
        [count(" upload "), count(" import "), count(" pull ")],
        [2, imported, 2],
        "{outcome}"
    );
    for region in &regions {
        let (_, name) = region.split_once(':').unwrap();
        let there = if *region == "other:RegionOne" {
            region
        } else {
            name
        };
        let image = fleet.region(there).the("disk");
        let content = fleet.region(there).content(image["id"].as_str().unwrap());
        if *region == "ceph:RegionTwo" {
            assert!(content == raw, "{} bytes", content.len());
        } else {
            assert!(
                content == Qcow2::sample().build(),
                "{} bytes",
                content.len()
            );
        }
        assert_eq!(image["visibility"], "public");
    }
    fleet
        .run(&config, &words)
        .expect(0)
        .assert_changed_nothing();
}
