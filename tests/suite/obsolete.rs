//! Obsolete images: a change of name in the master region that goes to all regions.

use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Who};

#[track_caller]
fn sync(fleet: &Fleet, config: &Config) -> Outcome {
    let outcome = fleet.run(config, &["RegionTwo"]).expect(0);
    let before = fleet.snapshot();
    let again = fleet.run(config, &["RegionTwo"]).expect(0);
    again.assert_changed_nothing();
    assert_eq!(fleet.snapshot(), before);
    outcome
}

/// `a_obsolete` in the master region, private, with properties.
fn obsolete(fleet: &Fleet) -> String {
    let image = NewImage::new("a_obsolete", "abc").private();
    fleet
        .master()
        .create(image.with("nid", "1").with("type", "x"))
}

#[test]
fn the_image_is_renamed_and_takes_over_visibility_and_the_named_properties() {
    let fleet = Fleet::start();
    obsolete(&fleet);
    let region = fleet.region("RegionTwo");
    let image = NewImage::new("a", "abc")
        .with("nid", "0")
        .with("local", "1")
        .with("kept", "1");
    let old = region.create(image);
    let config = fleet.config().master("obsolete_syncprops", "nid, kept");
    let planned = fleet.run(&config, &["--dry-run", "RegionTwo"]).expect(0);
    assert_eq!(
        planned.actions("action_planned"),
        ["RegionTwo mark_obsolete a_obsolete"]
    );
    planned.assert_changed_nothing();
    let outcome = sync(&fleet, &config);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo mark_obsolete a_obsolete"]
    );
    let image = region.the("a_obsolete");
    assert_eq!(image["id"], old.as_str());
    assert_eq!(
        (&image["visibility"], &image["nid"]),
        (&json!("private"), &json!("1"))
    );
    assert_eq!(
        (&image["local"], &image["kept"]),
        (&json!("1"), &json!("1"))
    );
    assert_eq!(image.get("type"), None, "not among obsolete_syncprops");
    assert_eq!(region.names(), ["a_obsolete"]);
}

#[test]
fn every_own_image_of_that_name_and_checksum_is_renamed() {
    let fleet = Fleet::start();
    obsolete(&fleet);
    let region = fleet.region("RegionTwo");
    for _ in 0..2 {
        region.create(NewImage::new("a", "abc"));
    }
    region.create(NewImage::new("a", "other"));
    region.create(NewImage::new("a", "abc").with("owner", region.foreign_project()));
    let config = fleet.config().master("only_tenant_images", "false");
    sync(&fleet, &config);
    assert_eq!(region.names(), ["a", "a", "a_obsolete", "a_obsolete"]);
    let left: Vec<Value> = region.named("a");
    let foreign = left
        .iter()
        .filter(|image| image["owner"] == region.foreign_project());
    assert_eq!(foreign.count(), 1, "{left:?}");
    assert!(
        region
            .named("a_obsolete")
            .iter()
            .all(|image| image["visibility"] == "private")
    );
}

#[test]
fn an_image_that_is_marked_already_is_brought_up_to_date() {
    let fleet = Fleet::start();
    obsolete(&fleet);
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a_obsolete", "abc").with("nid", "0"));
    let other = region.create(NewImage::new("a_obsolete", "other").with("nid", "0"));
    let before = region.get(&other);
    sync(&fleet, &fleet.config().master("obsolete_syncprop", "nid"));
    assert_eq!(region.get(&other), before, "another checksum");
    let mut images = region.named("a_obsolete");
    images.retain(|image| image["id"] != other.as_str());
    assert_eq!(
        (&images[0]["visibility"], &images[0]["nid"]),
        (&json!("private"), &json!("1"))
    );
}

#[test]
fn an_obsolete_image_is_never_uploaded_and_not_in_the_report() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a_obsolete", "abc"));
    assert_eq!(fleet.status(&fleet.config(), &["RegionTwo"]).stdout, "");
    sync(&fleet, &fleet.config()).assert_changed_nothing();
}

#[test]
fn nothing_is_done_while_the_master_has_the_image_itself() {
    for copies in [1, 2] {
        let fleet = Fleet::start();
        obsolete(&fleet);
        for _ in 0..copies {
            fleet.master().create(NewImage::new("a", "abc"));
        }
        fleet.region("RegionTwo").create(NewImage::new("a", "abc"));
        let outcome = sync(&fleet, &fleet.config());
        outcome.assert_warns("obsolete_ignored a_obsolete");
        outcome.assert_changed_nothing();
    }
}

#[test]
fn an_unselected_image_of_the_name_does_not_protect_it() {
    let fleet = Fleet::start();
    obsolete(&fleet);
    fleet.master().create(NewImage::new("a", "def").private());
    fleet.region("RegionTwo").create(NewImage::new("a", "abc"));
    sync(&fleet, &fleet.config());
    assert_eq!(fleet.region("RegionTwo").names(), ["a_obsolete"]);
}

#[test]
fn support_for_obsolete_images_can_be_switched_off() {
    let fleet = Fleet::start();
    obsolete(&fleet);
    fleet.region("RegionTwo").create(NewImage::new("a", "abc"));
    fleet
        .region("other:RegionOne")
        .create(NewImage::new("a", "abc"));
    let config = fleet.config().master("support_obsolete_images", "no");
    fleet.run(&config, &["RegionTwo", "other:"]).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
    assert_eq!(fleet.region("other:RegionOne").names(), ["a_obsolete"]);
}

#[test]
fn a_glob_sees_the_name_with_and_without_its_suffix() {
    for (glob, marked) in [("a", true), ("a_obsolete", true), ("b", false)] {
        let fleet = Fleet::start();
        obsolete(&fleet);
        fleet
            .region("RegionTwo")
            .create(NewImage::new("a", "abc").by(Who::Sync));
        fleet
            .glancesync(&["--image", glob, "RegionTwo"])
            .run()
            .expect(0);
        let expected = if marked { "a_obsolete" } else { "a" };
        assert_eq!(fleet.region("RegionTwo").names(), [expected], "{glob}");
    }
}

#[test]
fn obsolete_images_are_marked_before_anything_else() {
    let fleet = Fleet::start();
    obsolete(&fleet);
    fleet.master().create(NewImage::new("b", "abc"));
    fleet
        .master()
        .create(NewImage::new("c", "abc").with("nid", "1"));
    fleet.region("RegionTwo").create(NewImage::new("a", "abc"));
    fleet.region("RegionTwo").create(NewImage::new("c", "abc"));
    let order = ["mark_obsolete a_obsolete", "update_metadata c", "upload b"];
    let outcome = sync(&fleet, &fleet.config());
    assert_eq!(
        outcome.actions("action_started"),
        order.map(|action| format!("RegionTwo {action}"))
    );
}
