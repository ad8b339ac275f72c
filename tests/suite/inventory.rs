//! The master inventory: which images of the master region count at all.

use crate::common::{Fleet, NewImage, Program};

#[test]
fn a_name_that_occurs_twice_is_dropped_with_one_warning() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("once", "abc"));
    for content in ["abc", "def", "ghi"] {
        master.create(NewImage::new("twice", content));
    }
    let outcome = fleet.status(&fleet.config(), &["RegionTwo", "RegionThree"]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload once"]);
    assert_eq!(outcome.status_of("RegionThree"), ["pending_upload once"]);
    assert_eq!(outcome.warnings(), ["duplicate_master_name twice"]);
}

#[test]
fn only_own_active_images_that_are_not_hidden_count() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("counts", "abc"));
    master.create(NewImage::new("hidden", "abc").with("os_hidden", true));
    master.create(NewImage::new("foreign", "abc").with("owner", master.foreign_project()));
    let queued = master.create(NewImage::queued("queued"));
    let off = master.create(NewImage::new("deactivated", "abc"));
    master.action(&off, "deactivate");
    let config = fleet
        .config()
        .master("forcesyncs", &format!("{queued},{off}"));
    let outcome = fleet.status(&config, &["RegionTwo"]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload counts"]);
}

#[test]
fn an_image_of_another_project_does_not_make_a_name_occur_twice() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("a", "abc"));
    master.create(NewImage::new("a", "def").with("owner", master.foreign_project()));
    let outcome = fleet.status(&fleet.config(), &["RegionTwo"]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload a"]);
    assert_eq!(outcome.warnings(), [""; 0]);
}

#[test]
fn what_does_not_count_is_said_with_how_many_and_why() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("counts", "abc"));
    let volume =
        r#"[{"source_type": "snapshot", "snapshot_id": "5c6d", "device_name": "/dev/vda"}]"#;
    master.create(NewImage::new("volume", "").with("block_device_mapping", volume));
    let blank = r#"[{"source_type": "blank", "volume_size": 1}]"#;
    master.create(NewImage::new("blank", "abc").with("block_device_mapping", blank));
    master.create(NewImage::queued("queued"));
    let off = master.create(NewImage::new("off", "abc"));
    master.action(&off, "deactivate");

    let outcome = fleet
        .run(&fleet.config(), &["--dry-run", "RegionTwo"])
        .expect(0);
    let started = &outcome.events_named("run_started")[0];
    let expected = serde_json::json!({"deactivated": 1, "not_active": 1, "volume_backed": 1});
    assert_eq!(started["passed_over"], expected);
    assert_eq!(outcome.warnings(), ["volume_backed volume"]);
    let plan = outcome.stdout;
    assert!(
        plan.contains("  + counts ") && plan.contains("  + blank "),
        "{plan}"
    );

    let text = Program::with(&fleet, &fleet.config())
        .args(["--dry-run", "-v", "RegionTwo"])
        .run();
    text.assert_says("1 deactivated, 1 not active yet, 1 backed by a volume");
    master.create(NewImage::new("hidden", "abc").with("os_hidden", true));
    let online = Program::with(&fleet, &fleet.config())
        .args(["check-config", "--online"])
        .run();
    let said = online.expect(0).stdout;
    let reasons = "1 hidden, 1 deactivated, 1 not active yet, 1 backed by a volume";
    assert!(said.contains(reasons), "{said}");
}
