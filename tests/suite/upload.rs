//! Uploads: what is carried over, in which order, from where, and what nobody ever gets to see.

use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Outcome, Region};

/// A sync of `RegionTwo` under the usual configuration and these keys of `main`.
#[track_caller]
fn sync(fleet: &Fleet, keys: &[(&str, &str)]) -> Outcome {
    let set =
        |config: crate::common::Config, (key, value): &(&str, &str)| config.set("main", key, value);
    fleet.run(&keys.iter().fold(fleet.config(), set), &["RegionTwo"])
}

/// The attributes that a synchronised image shares with the master's.
fn carried(image: &Value) -> Value {
    let mut image = image.clone();
    let own = [
        "id",
        "created_at",
        "updated_at",
        "self",
        "file",
        "tags",
        "os_hidden",
        "stores",
    ];
    for name in own.into_iter().chain(["owner", "direct_url", "locations"]) {
        image.as_object_mut().unwrap().remove(name);
    }
    let attributes = image.as_object_mut().unwrap();
    attributes.retain(|name, _| !name.starts_with("glancesync_"));
    image
}

#[track_caller]
fn assert_same(region: &Region<'_>, fleet: &Fleet, name: &str) {
    let (ours, masters) = (region.the(name), fleet.master().the(name));
    assert_eq!(carried(&ours), carried(&masters));
    assert_eq!(ours["owner"], region.own_project());
    assert_eq!(ours["tags"], json!([]));
    let content =
        |region: &Region<'_>, image: &Value| region.content(image["id"].as_str().unwrap());
    assert_eq!(content(region, &ours), content(&fleet.master(), &masters));
}

#[test]
fn an_image_arrives_whole() {
    let fleet = Fleet::start();
    let image = NewImage::new("a, \"b\" / ü 漢", vec![7; 3_000_000])
        .with("min_disk", 3)
        .with("min_ram", 512)
        .with("protected", true)
        .with("disk_format", "ami")
        .with("container_format", "ami")
        .with("nid", "1")
        .with("empty", "")
        .with("a/b~c", "x\ny");
    fleet.master().create(image.with("tags", json!(["local"])));
    sync(&fleet, &[]).expect(0);
    assert_same(&fleet.region("RegionTwo"), &fleet, "a, \"b\" / ü 漢");
}

#[test]
fn the_second_run_finds_nothing_to_do() {
    let fleet = Fleet::start();
    fleet.master().create(
        NewImage::new("a", "abc")
            .with("nid", "1")
            .with("kernel_id", ""),
    );
    fleet
        .master()
        .create(NewImage::new("b", "").with("protected", true));
    let outcome = sync(&fleet, &[]).expect(0);
    assert_eq!(outcome.results(), ["RegionTwo changed"]);
    let finished = &outcome.events_named("region_finished")[0];
    assert_eq!(finished["uploaded_images"], 2, "{outcome}");
    assert_eq!(finished["uploaded_bytes"], 3, "{outcome}");
    let before = fleet.snapshot();
    let outcome = sync(&fleet, &[]).expect(0);
    assert_eq!(outcome.results(), ["RegionTwo synchronised"]);
    assert_eq!(outcome.actions("action_started"), [""; 0]);
    outcome.assert_changed_nothing();
    assert_eq!(fleet.snapshot(), before);
}

#[test]
fn the_master_region_is_never_written_to() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let before = fleet.snapshot()["master:RegionOne"].clone();
    let regions = ["RegionOne", "Alias", "RegionTwo", "other:"];
    let outcome = fleet.glancesync(&regions).run().expect(0);
    assert_eq!(
        outcome.results(),
        ["RegionTwo changed", "other:RegionOne changed"]
    );
    assert_eq!(
        outcome.changes("master:RegionOne"),
        [] as [&crate::common::Request; 0]
    );
    assert_eq!(outcome.uploads("other:RegionOne"), 1);
    assert_eq!(fleet.snapshot()["master:RegionOne"], before);
}

#[test]
fn with_a_metadata_set_only_its_properties_are_carried() {
    let fleet = Fleet::start();
    let image = NewImage::new("a", "abc")
        .with("nid", "1")
        .with("type", "x")
        .with("local", "1");
    fleet.master().create(image);
    let config = fleet.config().master("metadata_set", "nid, type, absent");
    fleet.run(&config, &["RegionTwo"]).expect(0);
    let image = fleet.region("RegionTwo").the("a");
    assert_eq!((&image["nid"], &image["type"]), (&json!("1"), &json!("x")));
    assert_eq!((image.get("local"), image.get("absent")), (None, None));
}

#[test]
fn what_refers_to_secrets_of_a_region_stays_there() {
    let fleet = Fleet::start();
    let key = "img_signature_key_type";
    fleet.master().create(
        NewImage::new("a", "abc")
            .with(key, "RSA-PSS")
            .with("nid", "1"),
    );
    sync(&fleet, &[]).expect(0);
    let image = fleet.region("RegionTwo").the("a");
    assert_eq!((image.get(key), &image["nid"]), (None, &json!("1")));
}

#[test]
fn every_visibility_is_carried() {
    let fleet = Fleet::start();
    let forced: Vec<String> = ["private", "shared", "community", "public"]
        .iter()
        .map(|name| {
            fleet
                .master()
                .create(NewImage::new(name, "abc").with("visibility", *name))
        })
        .collect();
    let config = fleet.config().master("forcesyncs", &forced.join(","));
    fleet.run(&config, &["RegionTwo"]).expect(0);
    for image in fleet.region("RegionTwo").images() {
        assert_eq!(image["visibility"], image["name"]);
        assert_eq!(image["tags"], json!([]));
    }
}

#[test]
fn hidden_is_not_carried_and_a_hidden_image_stays_hidden() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a", "abc").with("os_hidden", true));
    sync(&fleet, &[]).expect(0);
    let image = region.the("a");
    assert_eq!(
        (&image["os_hidden"], &image["nid"]),
        (&json!(true), &json!("1"))
    );
}

#[test]
fn small_images_go_first_and_equal_ones_by_name() {
    let fleet = Fleet::start();
    for (name, size) in [("c", 20), ("b", 10), ("d", 10), ("a", 30)] {
        fleet.master().create(NewImage::new(name, vec![b'x'; size]));
    }
    let order = ["b", "d", "c", "a"].map(|name| format!("RegionTwo upload {name}"));
    let planned = fleet
        .glancesync(&["--dry-run", "RegionTwo"])
        .run()
        .expect(0);
    assert_eq!(planned.actions("action_planned"), order);
    planned.assert_changed_nothing();
    let outcome = sync(&fleet, &[]).expect(0);
    assert_eq!(outcome.actions("action_started"), order);
    assert_eq!(outcome.actions("action_finished"), order);
}

#[test]
fn another_projects_image_of_that_name_stays_as_it_is() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let region = fleet.region("RegionTwo");
    let foreign = region.create(NewImage::new("a", "x").with("owner", region.foreign_project()));
    let before = region.get(&foreign);
    let config = fleet.config().master("replace", "any");
    fleet
        .run(&config, &["RegionTwo"])
        .expect(0)
        .assert_warns("foreign_owner a");
    assert_eq!(region.get(&foreign), before);
    let mut images = region.named("a");
    images.retain(|image| image["owner"] == region.own_project());
    assert_eq!(images.len(), 1, "{images:?}");
    assert_eq!(region.content(images[0]["id"].as_str().unwrap()), b"abc");
}

#[test]
fn the_new_image_is_private_until_one_change_publishes_it() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("protected", true));
    let outcome = sync(&fleet, &[]).expect(0);
    let changes: Vec<&str> = outcome
        .changes("master:RegionTwo")
        .iter()
        .map(|request| request.method.as_str())
        .collect();
    assert_eq!(changes, ["POST", "PUT", "PATCH"], "{outcome}");
}

#[test]
fn several_regions_at_once_all_get_every_image() {
    let fleet = Fleet::start();
    for name in ["a", "b", "c"] {
        fleet
            .master()
            .create(NewImage::new(name, format!("content of {name}")));
    }
    let words = ["--parallel", "--max-children", "3", "master:", "other:"];
    let outcome = fleet.glancesync(&words).run().expect(0);
    let mut results = outcome.results();
    results.sort();
    let regions = ["RegionThree", "RegionTwo", "other:RegionOne"];
    assert_eq!(results, regions.map(|region| format!("{region} changed")));
    for region in regions {
        for name in ["a", "b", "c"] {
            assert_same(&fleet.region(region), &fleet, name);
        }
    }
}

#[test]
fn on_its_way_the_new_image_is_private_unprotected_and_tagged() {
    let fleet = Fleet::embedded(|_| ());
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("protected", true));
    let old = fleet.region("RegionTwo").create(NewImage::new("a", "old"));
    fleet
        .run(&fleet.config().master("replace", "any"), &["RegionTwo"])
        .expect(0);
    let requests = fleet.sandbox().requests("master:RegionTwo").unwrap();
    let bodies = |method: &str| -> Vec<Value> {
        requests
            .iter()
            .filter(|request| request.method == method)
            .filter_map(|request| serde_json::from_str(request.body.as_deref()?).ok())
            .collect()
    };
    // The first of each is this test's own, which made the old image.
    let create = &bodies("POST")[1];
    assert_eq!(create["visibility"], "private");
    assert_eq!(create["protected"], false);
    let mut tags: Vec<&str> = create["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag.as_str().unwrap())
        .collect();
    tags.sort_unstable();
    assert!(tags[0].starts_with("glancesync-by:"), "{tags:?}");
    assert_eq!(
        tags[1..],
        [
            "glancesync-incomplete",
            &format!("glancesync-replaces:{old}")
        ]
    );
    let mut patches = bodies("PATCH");
    let changes = patches[0].as_array_mut().unwrap();
    let provenance = changes.split_off(3);
    assert_eq!(provenance.len(), 4, "{provenance:?}");
    let published = json!([
        { "op": "replace", "path": "/visibility", "value": "public" },
        { "op": "replace", "path": "/protected", "value": true },
        { "op": "add", "path": "/tags", "value": [format!("glancesync-replaces:{old}")] },
    ]);
    let untagged = json!([{ "op": "add", "path": "/tags", "value": [] }]);
    assert_eq!(patches, [published, untagged]);
}
