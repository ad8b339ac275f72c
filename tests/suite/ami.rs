//! Kernel and ramdisk of AMI images: UUIDs of the master region that stand for names.

use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Region};

/// A UUID that no image has.
const NOBODY: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

fn id(image: &Value) -> String {
    image["id"].as_str().unwrap().to_owned()
}

/// An image that needs a kernel and perhaps a ramdisk.
fn ami(name: &str, kernel: &str, ramdisk: Option<&str>) -> NewImage {
    let image = NewImage::new(name, "the machine").with("kernel_id", kernel);
    match ramdisk {
        Some(ramdisk) => image.with("ramdisk_id", ramdisk),
        None => image,
    }
}

/// `kernel`, `ramdisk` and `machine`, which needs both, in the master region.
///
/// The machine is the smallest, so that only the rule about parts puts it last.
fn family(fleet: &Fleet) {
    let master = fleet.master();
    let kernel = master.create(NewImage::new("kernel", "kernel, longer than the machine"));
    let ramdisk = master.create(NewImage::new("ramdisk", "ramdisk, longer than the machine"));
    master.create(ami("machine", &kernel, Some(&ramdisk)));
}

#[track_caller]
fn assert_parts(region: &Region<'_>) {
    let machine = region.the("machine");
    assert_eq!(machine["kernel_id"], region.the("kernel")["id"]);
    assert_eq!(machine["ramdisk_id"], region.the("ramdisk")["id"]);
}

#[track_caller]
fn status(fleet: &Fleet, config: &Config) -> Vec<String> {
    let mut lines = fleet.status(config, &["RegionTwo"]).status_of("RegionTwo");
    lines.sort();
    lines
}

#[track_caller]
fn sync(fleet: &Fleet, config: &Config) -> Outcome {
    let outcome = fleet.run(config, &["RegionTwo"]).expect(0);
    fleet
        .run(config, &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
    outcome
}

#[test]
fn parts_go_first_and_are_pointed_to_by_their_ids_in_the_region() {
    let fleet = Fleet::start();
    family(&fleet);
    let config = fleet.config();
    let all = [
        "pending_upload kernel",
        "pending_upload machine",
        "pending_upload ramdisk",
    ];
    assert_eq!(status(&fleet, &config), all);
    let outcome = sync(&fleet, &config);
    let order = ["kernel", "ramdisk", "machine"].map(|name| format!("RegionTwo upload {name}"));
    assert_eq!(outcome.actions("action_finished"), order);
    assert_parts(&fleet.region("RegionTwo"));
    assert_eq!(
        status(&fleet, &config),
        ["ok kernel", "ok machine", "ok ramdisk"]
    );
}

#[test]
fn a_metadata_set_need_not_name_kernel_and_ramdisk() {
    let fleet = Fleet::start();
    family(&fleet);
    for image in fleet.master().images() {
        fleet.master().set(&id(&image), &[("nid", json!("1"))]);
    }
    sync(&fleet, &fleet.config().master("metadata_set", "nid"));
    assert_parts(&fleet.region("RegionTwo"));
}

#[test]
fn a_strict_schema_takes_the_same_images() {
    let fleet = Fleet::start();
    family(&fleet);
    fleet.glancesync(&["RegionThree"]).run().expect(0);
    assert_parts(&fleet.region("RegionThree"));
}

#[test]
fn an_image_waits_for_its_pending_part_and_is_pointed_to_it() {
    for (key, kept) in [("rename", true), ("replace", false)] {
        let fleet = Fleet::start();
        family(&fleet);
        let region = fleet.region("RegionTwo");
        let old = region.create(NewImage::new("kernel", "another kernel"));
        let ramdisk = region.create(NewImage::new("ramdisk", "ramdisk, longer than the machine"));
        let machine = region.create(ami("machine", &old, Some(&ramdisk)));
        let config = fleet.config().master(key, "any");
        let kernel = format!("pending_{key} kernel");
        let expected = ["ok ramdisk", "pending_ami machine", &kernel];
        assert_eq!(status(&fleet, &config), expected);
        let outcome = sync(&fleet, &config);
        let actions = [
            format!("RegionTwo {key} kernel"),
            "RegionTwo update_ami machine".to_owned(),
        ];
        for action in actions {
            assert!(
                outcome.actions("action_finished").contains(&action),
                "{outcome}"
            );
        }
        assert_parts(&region);
        assert_eq!(
            id(&region.the("machine")),
            machine,
            "the machine itself is not sent again"
        );
        assert_eq!(region.get(&old).is_some(), kept);
    }
}

#[test]
fn a_wrong_part_is_re_pointed_without_an_upload() {
    let fleet = Fleet::start();
    family(&fleet);
    let config = fleet.config();
    sync(&fleet, &config);
    let region = fleet.region("RegionTwo");
    let ramdisk = id(&region.the("ramdisk"));
    let machine = id(&region.the("machine"));
    region.set(&machine, &[("kernel_id", json!(ramdisk))]);
    assert_eq!(
        status(&fleet, &config),
        ["ok kernel", "ok ramdisk", "pending_metadata machine"]
    );
    let outcome = sync(&fleet, &config);
    assert_eq!(outcome.uploads("master:RegionTwo"), 0, "{outcome}");
    assert_parts(&region);
    region.unset(&machine, "ramdisk_id");
    assert_eq!(status(&fleet, &config)[2], "pending_metadata machine");
    sync(&fleet, &config);
    assert_parts(&region);
}

#[test]
fn image_that_chooses_an_image_chooses_its_parts() {
    let fleet = Fleet::start();
    family(&fleet);
    fleet.master().create(NewImage::new("unrelated", "x"));
    fleet
        .glancesync(&["--image", "machine", "RegionTwo"])
        .run()
        .expect(0);
    assert_eq!(
        fleet.region("RegionTwo").names(),
        ["kernel", "machine", "ramdisk"]
    );
    assert_parts(&fleet.region("RegionTwo"));
}

#[test]
fn re_pointing_belongs_to_the_parts_own_action() {
    let fleet = Fleet::start();
    family(&fleet);
    let config = fleet.config();
    sync(&fleet, &config);
    let region = fleet.region("RegionTwo");
    region.delete(&id(&region.the("kernel")));
    assert_eq!(
        status(&fleet, &config),
        ["ok ramdisk", "pending_ami machine", "pending_upload kernel"]
    );
    fleet
        .glancesync(&["--image", "kernel", "RegionTwo"])
        .run()
        .expect(0);
    assert_parts(&region);
}

#[test]
fn a_part_that_is_nobody_or_not_selected_is_an_error() {
    let fleet = Fleet::start();
    let master = fleet.master();
    let private = master.create(NewImage::new("private", "abc").private());
    let hidden = master.create(NewImage::new("hidden", "abc").with("os_hidden", true));
    for (name, part) in [
        ("a", NOBODY),
        ("b", &private),
        ("c", &hidden),
        ("d", "no uuid"),
    ] {
        master.create(ami(name, part, None));
    }
    let region = fleet.region("RegionTwo");
    region.create(
        NewImage::new("a", "the machine")
            .with("kernel_id", NOBODY)
            .with("x", "1"),
    );
    region.create(NewImage::new("b", "other"));
    let before = fleet.snapshot();
    let expected = [
        "error_ami a",
        "error_ami c",
        "error_ami d",
        "error_checksum b",
    ];
    assert_eq!(status(&fleet, &fleet.config()), expected);
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    outcome.assert_changed_nothing();
    assert_eq!(fleet.snapshot(), before);
    let warnings = outcome.events_named("warning");
    let missing = |image: &str| {
        let about =
            |warning: &&Value| warning["code"] == "ami_missing" && warning["image"] == image;
        warnings
            .iter()
            .find(about)
            .map(|warning| warning["missing"].clone())
    };
    assert_eq!(missing("a"), Some(json!(NOBODY)));
    assert_eq!(missing("c"), Some(json!(hidden)));
}

#[test]
fn error_ami_goes_through_to_what_needs_the_image() {
    let fleet = Fleet::start();
    let master = fleet.master();
    let broken = master.create(ami("broken", NOBODY, None));
    master.create(ami("needs it", &broken, None));
    let one = master.create(NewImage::new("circle one", "the machine"));
    let two = master.create(ami("circle two", &one, None));
    master.set(&one, &[("kernel_id", json!(two))]);
    let alone = master.create(NewImage::new("circle alone", "the machine"));
    master.set(&alone, &[("ramdisk_id", json!(alone))]);
    let lines = status(&fleet, &fleet.config());
    assert_eq!(lines.len(), 5);
    assert!(
        lines.iter().all(|line| line.starts_with("error_ami ")),
        "{lines:?}"
    );
    fleet
        .glancesync(&["RegionTwo"])
        .run()
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn an_empty_part_counts_as_absent() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for name in ["both", "master", "region"] {
        let empty = |wanted: bool| {
            let image = NewImage::new(name, "abc");
            if wanted {
                image.with("kernel_id", "")
            } else {
                image
            }
        };
        fleet.master().create(empty(name != "region"));
        region.create(empty(name != "master"));
    }
    assert_eq!(
        status(&fleet, &fleet.config()),
        ["ok both", "ok master", "ok region"]
    );
}

#[test]
fn a_part_in_error_or_stalled_counts_as_present() {
    for (key, part) in [
        ("dontupdate", "ok_stalled_checksum"),
        ("", "error_checksum"),
    ] {
        let fleet = Fleet::start();
        family(&fleet);
        let region = fleet.region("RegionTwo");
        let kernel = region.create(NewImage::new("kernel", "other"));
        let config = match key {
            "" => fleet.config(),
            key => fleet.config().master(key, crate::status::OTHER_MD5),
        };
        let expected = [
            &format!("{part} kernel"),
            "pending_upload machine",
            "pending_upload ramdisk",
        ];
        assert_eq!(status(&fleet, &config), expected);
        fleet.run(&config, &["RegionTwo"]).expect(0);
        assert_eq!(region.the("machine")["kernel_id"], kernel.as_str());
    }
}
