//! `sync_attributes`: what of an image is kept equal besides properties and public or not.

use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Who};

const VISIBILITIES: [&str; 4] = ["public", "private", "shared", "community"];

/// A configuration in which every image of the master is selected.
fn naming(fleet: &Fleet, attributes: &str) -> Config {
    fleet
        .config()
        .master("metadata_condition", "True")
        .master("sync_attributes", attributes)
}

/// A sync of `RegionTwo` that succeeds, as was planned, and after which one more changes nothing.
#[track_caller]
fn sync(fleet: &Fleet, config: &Config) -> Outcome {
    let planned = fleet.run(config, &["--dry-run", "RegionTwo"]).expect(0);
    planned.assert_changed_nothing();
    let outcome = fleet.run(config, &["RegionTwo"]).expect(0);
    assert_eq!(
        outcome.actions("action_finished"),
        planned.actions("action_planned")
    );
    let again = fleet.run(config, &["RegionTwo"]).expect(0);
    again.assert_changed_nothing();
    let status = fleet.status(config, &["RegionTwo"]).status_of("RegionTwo");
    assert!(
        status.iter().all(|line| line.starts_with("ok ")),
        "{status:?}"
    );
    outcome
}

fn changes(outcome: &Outcome) -> Vec<&str> {
    let changes = outcome.changes("master:RegionTwo");
    changes.iter().map(|it| it.method.as_str()).collect()
}

#[test]
fn all_four_visibilities_are_kept_equal_by_one_request_each() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for masters in VISIBILITIES {
        for regions in VISIBILITIES {
            let name = format!("{masters} {regions}");
            let image = NewImage::new(&name, "abc");
            fleet.master().create(image.with("visibility", masters));
            let image = NewImage::new(&name, "abc");
            region.create(image.with("visibility", regions));
        }
    }
    let outcome = sync(&fleet, &naming(&fleet, "visibility"));
    assert_eq!(changes(&outcome), ["PATCH"; 12]);
    for image in region.images() {
        let masters = image["name"].as_str().unwrap().split(' ').next();
        assert_eq!(image["visibility"].as_str(), masters, "{image}");
    }
}

#[test]
fn what_is_named_becomes_the_masters_and_nothing_else_does() {
    let fleet = Fleet::start();
    let wanted = [
        ("visibility", json!("community")),
        ("min_disk", json!(3)),
        ("min_ram", json!(64)),
        ("protected", json!(true)),
        ("os_hidden", json!(true)),
        ("tags", json!(["lts"])),
    ];
    for (named, _) in &wanted {
        let mut image = NewImage::new(named, "abc");
        for (name, value) in &wanted {
            // Without the name, a hidden image of the master does not count.
            if *name != "os_hidden" || *named == "os_hidden" {
                image = image.with(name, value.clone());
            }
        }
        fleet.master().create(image);
    }
    let region = fleet.region("RegionTwo");
    for (named, _) in &wanted {
        let image = NewImage::new(named, "abc").with("visibility", "shared");
        let id = region.create(image.with("tags", json!(["theirs", "glancesync-later"])));
        let before = region.get(&id).unwrap();
        let condition = format!("image.name == '{named}'");
        let config = naming(&fleet, named).master("metadata_condition", &condition);
        let plan = fleet.run(&config, &["plan", "RegionTwo", "-v"]).expect(0);
        assert!(plan.stdout.contains(&format!("{named}: ")), "{plan}");
        let outcome = sync(&fleet, &config);
        assert_eq!(changes(&outcome), ["PATCH"]);
        let after = region.get(&id).unwrap();
        for (name, value) in &wanted {
            let expected = match *name {
                "tags" if name == named => json!(["glancesync-later", "lts"]),
                _ if name == named => value.clone(),
                _ => before[*name].clone(),
            };
            assert_eq!(sorted(&after[*name]), sorted(&expected), "{named}: {name}");
        }
    }
}

fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(list) = value.as_array_mut() {
        list.sort_by_key(ToString::to_string);
    }
    value
}

#[test]
fn a_new_image_has_all_that_is_named_and_its_region_may_lift_the_protection_again() {
    let fleet = Fleet::start();
    let attributes = [
        ("visibility", json!("shared")),
        ("min_disk", json!(2)),
        ("min_ram", json!(32)),
        ("protected", json!(true)),
        ("os_hidden", json!(true)),
        ("tags", json!(["a", "b"])),
    ];
    let mut image = NewImage::new("a", "abc");
    for (name, value) in &attributes {
        image = image.with(name, value.clone());
    }
    let id = fleet.master().create(image);
    let config = naming(
        &fleet,
        "visibility, min_disk, min_ram, protected, os_hidden, tags",
    );
    let outcome = sync(&fleet, &config);
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
    let region = fleet.region("RegionTwo");
    let copy = region.the("a");
    for (name, value) in &attributes {
        assert_eq!(sorted(&copy[*name]), *value, "{name}");
    }
    fleet
        .master()
        .set(&id, &[("protected", json!(false)), ("tags", json!([]))]);
    let outcome = sync(&fleet, &config);
    assert_eq!(changes(&outcome), ["PATCH"]);
    let copy = region.the("a");
    assert_eq!(
        (&copy["protected"], &copy["tags"]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn a_hidden_image_of_the_master_counts_where_no_other_has_its_name() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("alone", "abc").with("os_hidden", true));
    master.create(NewImage::new("both", "old").with("os_hidden", true));
    master.create(NewImage::new("both", "abc"));
    let outcome = sync(&fleet, &naming(&fleet, "os_hidden"));
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo upload alone", "RegionTwo upload both"]
    );
    let region = fleet.region("RegionTwo");
    assert_eq!(region.names(), ["alone", "both"]);
    assert_eq!(region.the("alone")["os_hidden"], true);
    assert_eq!(region.the("both")["os_hidden"], false);
    // A target that does not name it selects what is listed alone.
    let status = fleet.status(&fleet.config(), &["RegionTwo"]);
    assert_eq!(status.status_of("RegionTwo"), ["ok both"]);
}

#[test]
fn a_hidden_image_is_replaced_by_a_hidden_one() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("a", "abc").with("os_hidden", true));
    let region = fleet.region("RegionTwo");
    let old = region.create(NewImage::new("a", "old"));
    let config = naming(&fleet, "os_hidden, tags").master("rename", "any");
    sync(&fleet, &config);
    assert_eq!(region.names(), ["a", "a.old"]);
    assert_eq!(region.the("a")["os_hidden"], true);
    assert_eq!(region.the("a.old")["id"], old.as_str());
}

#[test]
fn hidden_images_cost_one_more_list_of_the_master_and_of_each_region_and_nothing_else_does() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    let lists = |config: &Config| {
        let outcome = fleet.run(config, &["RegionTwo"]).expect(0);
        ["master:RegionOne", "master:RegionTwo"].map(|region| {
            let requests = outcome.requests(region).iter();
            let requests = requests.map(|it| format!("{} {}", it.method, it.path));
            requests.collect::<Vec<_>>()
        })
    };
    let visible = "GET /v2/images?limit=1000";
    let hidden = "GET /v2/images?limit=1000&os_hidden=true";
    let others = "visibility, min_disk, min_ram, protected, tags";
    for config in [fleet.config(), naming(&fleet, others)] {
        assert_eq!(lists(&config), [[visible], [visible]]);
    }
    let named = naming(&fleet, "os_hidden");
    assert_eq!(lists(&named), [[visible, hidden], [visible, hidden]]);
}

#[test]
fn it_is_said_how_many_projects_lose_a_replaced_image() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.master().create(NewImage::new("b", "abc"));
    let region = fleet.region("RegionTwo");
    for name in ["a", "b"] {
        let old = NewImage::new(name, "old").with("visibility", "shared");
        let id = region.create(old);
        if name == "a" {
            region.share(&id, region.foreign_project());
        }
    }
    let config = fleet.config().master("replace", "any");
    for words in [&["--dry-run", "RegionTwo"][..], &["RegionTwo"]] {
        let outcome = fleet.run(&config, words).expect(0);
        let warnings = outcome.events_named("warning");
        let lost = warnings.iter().filter(|it| it["code"] == "members_lost");
        let lost: Vec<_> = lost.map(|it| (&it["image"], &it["members"])).collect();
        assert_eq!(lost, [(&json!("a"), &json!(1))], "{outcome}");
        let asked = outcome.requests("master:RegionTwo").iter();
        assert_eq!(asked.filter(|it| it.path.ends_with("/members")).count(), 2);
    }
    let again = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(again.warnings(), Vec::<String>::new());
}

#[test]
fn obsolete_foreign_and_deactivated_images_are_not_touched_for_the_sake_of_attributes() {
    let fleet = Fleet::start();
    let master = fleet.master();
    let image = NewImage::new("gone_obsolete", "abc").private();
    master.create(image.with("min_disk", 7).with("tags", json!(["x"])));
    for name in ["off", "theirs"] {
        let image = NewImage::new(name, "abc").with("min_disk", 7);
        master.create(image.with("tags", json!(["x"])));
    }
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("gone", "abc"));
    let off = region.create(NewImage::new("off", "abc"));
    region.action(&off, "deactivate");
    region.create(NewImage::new("theirs", "abc"));
    let theirs = region.create(NewImage::new("theirs", "abc").by(Who::Foreign).private());
    let config = naming(&fleet, "min_disk, tags");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(
        outcome.actions("action_finished"),
        [
            "RegionTwo mark_obsolete gone_obsolete",
            "RegionTwo update_metadata theirs"
        ]
    );
    let obsolete = region.the("gone_obsolete");
    assert_eq!(obsolete["visibility"], "private");
    for image in [Some(obsolete), region.get(&off), region.get(&theirs)] {
        let image = image.unwrap();
        assert_eq!(
            (&image["min_disk"], &image["tags"]),
            (&json!(0), &json!([]))
        );
    }
}

#[test]
fn an_unknown_attribute_ends_the_run_with_the_nearest_known_one() {
    let fleet = Fleet::start();
    let config = naming(&fleet, "visibility, min_dsik");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(2);
    outcome.assert_says("did you mean `min_disk`?");
    outcome.assert_changed_nothing();
}

#[test]
fn a_restore_puts_all_attributes_back_and_leaves_this_programs_tags_alone() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("reference", "abc"));
    let region = fleet.region("RegionTwo");
    let image = NewImage::new("a", "abc").with("visibility", "community");
    let image = image.with("min_disk", 2).with("min_ram", 32);
    let image = image.with("protected", true).with("os_hidden", true);
    let id = region.create(image.with("tags", json!(["x", "glancesync-orphan:2026-01-02"])));
    let before = region.get(&id).unwrap();
    let words = ["--make-backup", "--format", "json", "RegionTwo"];
    let backup = fleet.glancesync(&words).run().expect(0).json();
    let folder = backup["folder"].as_str().unwrap();
    region.set(
        &id,
        &[
            ("visibility", json!("shared")),
            ("min_disk", json!(0)),
            ("min_ram", json!(0)),
            ("protected", json!(false)),
            ("os_hidden", json!(false)),
            ("tags", json!(["y", "glancesync-later"])),
            ("glancesync_source", json!("md5:0")),
        ],
    );
    let outcome = fleet.run(&fleet.config(), &["restore", folder]).expect(0);
    outcome.assert_changed_nothing();
    let outcome = fleet
        .run(&fleet.config(), &["restore", folder, "--apply"])
        .expect(0);
    assert_eq!(changes(&outcome), ["PATCH"]);
    let after = region.get(&id).unwrap();
    for name in [
        "visibility",
        "min_disk",
        "min_ram",
        "protected",
        "os_hidden",
    ] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(sorted(&after["tags"]), json!(["glancesync-later", "x"]));
    assert_eq!(after["glancesync_source"], "md5:0");
    let outcome = fleet
        .run(&fleet.config(), &["restore", folder, "--apply"])
        .expect(0);
    outcome.assert_changed_nothing();
}
