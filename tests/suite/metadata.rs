//! Metadata of images that are there already: what is sent, and what is local and survives.

use serde_json::json;

use crate::common::{Config, Fleet, NewImage, Outcome};

/// A sync of `RegionTwo` that updates `a` and changes nothing else.
#[track_caller]
fn update(fleet: &Fleet, config: &Config) -> Outcome {
    let outcome = fleet.run(config, &["RegionTwo"]).expect(0);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo update_metadata a"]
    );
    let finished = &outcome.events_named("region_finished")[0];
    assert_eq!(finished["updated_images"], 1, "{outcome}");
    let methods: Vec<&str> = outcome
        .changes("master:RegionTwo")
        .iter()
        .map(|request| request.method.as_str())
        .collect();
    assert_eq!(methods, ["PATCH"], "{outcome}");
    fleet
        .run(config, &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
    outcome
}

#[test]
fn without_a_metadata_set_the_properties_become_the_masters() {
    let fleet = Fleet::start();
    let image = NewImage::new("a", "abc")
        .with("added", "1")
        .with("changed", "1");
    fleet
        .master()
        .create(image.with("same", "x").with("empty", "").with("a/b~c", "1"));
    let region = fleet.region("RegionTwo");
    let image = NewImage::new("a", "abc")
        .with("changed", "2")
        .with("same", "x");
    let image = image
        .with("extra", "1")
        .with("tags", json!(["local"]))
        .with("min_ram", 7);
    let id = region.create(image.with("protected", true));
    update(&fleet, &fleet.config());
    let image = region.the("a");
    assert_eq!(image["id"], id.as_str());
    for (name, value) in [
        ("added", "1"),
        ("changed", "1"),
        ("same", "x"),
        ("empty", ""),
        ("a/b~c", "1"),
    ] {
        assert_eq!(image[name], value, "{name}");
    }
    assert_eq!(image.get("extra"), None);
    assert_eq!(
        (&image["tags"], &image["min_ram"]),
        (&json!(["local"]), &json!(7))
    );
    assert_eq!(image["protected"], true);
    assert_eq!(region.content(&id), b"abc");
}

#[test]
fn with_a_metadata_set_every_other_property_is_local() {
    let fleet = Fleet::start();
    fleet.master().create(
        NewImage::new("a", "abc")
            .with("nid", "1")
            .with("other", "1"),
    );
    let region = fleet.region("RegionTwo");
    let image = NewImage::new("a", "abc").with("nid", "2").with("type", "x");
    region.create(image.with("local", "1").with("other", "2"));
    update(&fleet, &fleet.config().master("metadata_set", "nid, type"));
    let image = region.the("a");
    assert_eq!((&image["nid"], image.get("type")), (&json!("1"), None));
    assert_eq!(
        (&image["local"], &image["other"]),
        (&json!("1"), &json!("2"))
    );
}

#[test]
fn the_visibility_becomes_the_masters_own() {
    for (masters, regions) in [
        ("community", "public"),
        ("public", "shared"),
        ("shared", "public"),
    ] {
        let fleet = Fleet::start();
        let id = fleet
            .master()
            .create(NewImage::new("a", "abc").with("visibility", masters));
        let region = fleet.region("RegionTwo");
        region.create(NewImage::new("a", "abc").with("visibility", regions));
        update(&fleet, &fleet.config().master("forcesyncs", &id));
        assert_eq!(region.the("a")["visibility"], masters);
    }
}

#[test]
fn secrets_of_a_region_are_neither_compared_nor_touched() {
    let fleet = Fleet::start();
    let key = "img_signature_key_type";
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let region = fleet.region("RegionTwo");
    let id = region.create(
        NewImage::new("a", "abc")
            .with(key, "RSA-PSS")
            .with("nid", "1"),
    );
    fleet
        .run(&fleet.config(), &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
    region.set(&id, &[("nid", json!("2"))]);
    update(&fleet, &fleet.config());
    assert_eq!(region.the("a")[key], "RSA-PSS");
}

#[test]
fn a_foreign_image_is_not_updated_unless_asked_for() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a", "abc").with("owner", region.foreign_project()));
    update(
        &fleet,
        &fleet.config().master("only_tenant_images", "false"),
    );
    let image = region.the("a");
    assert_eq!(
        (&image["nid"], &image["owner"]),
        (&json!("1"), &json!(region.foreign_project()))
    );
}

#[test]
fn metadata_is_brought_up_to_date_before_anything_is_uploaded() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "").with("nid", "1"));
    fleet
        .master()
        .create(NewImage::new("b", "abc").with("nid", "1"));
    fleet.region("RegionTwo").create(NewImage::new("b", "abc"));
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    let actions = ["RegionTwo update_metadata b", "RegionTwo upload a"];
    assert_eq!(outcome.actions("action_started"), actions);
}
