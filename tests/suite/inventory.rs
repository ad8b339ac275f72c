//! The master inventory: which images of the master region count at all.

use crate::common::{Fleet, NewImage};

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
