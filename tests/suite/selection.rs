//! Which images are selected for a target.

use crate::common::{Config, Fleet, NewImage, Who};

/// The names that are selected for `RegionTwo` under that configuration.
#[track_caller]
fn selected(fleet: &Fleet, config: &Config) -> Vec<String> {
    let outcome = fleet.status(config, &["RegionTwo"]);
    outcome
        .status()
        .into_iter()
        .map(|(_, _, image)| image)
        .collect()
}

#[test]
fn without_any_rule_all_public_images_are_selected() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("public", "abc"));
    for visibility in ["private", "shared", "community"] {
        master.create(NewImage::new(visibility, "abc").with("visibility", visibility));
    }
    assert_eq!(selected(&fleet, &fleet.config()), ["public"]);
}

#[test]
fn one_property_of_the_metadata_set_is_enough() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(
        NewImage::new("both", "abc")
            .with("nid", "1")
            .with("type", "x"),
    );
    master.create(NewImage::new("empty", "abc").with("nid", ""));
    master.create(NewImage::new("neither", "abc").with("other", "1"));
    master.create(NewImage::new("one", "abc").with("type", "x"));
    master.create(NewImage::new("private", "abc").private().with("nid", "1"));
    let config = fleet.config().master("metadata_set", "nid, type");
    assert_eq!(selected(&fleet, &config), ["both", "empty", "one"]);
}

#[test]
fn neither_tags_nor_base_attributes_nor_secrets_are_user_properties() {
    let fleet = Fleet::start();
    let secret = NewImage::new("a", "abc").with("img_signature_key_type", "RSA-PSS");
    fleet.master().create(secret);
    let attributes = "img_signature_key_type, tags, size, checksum, os_hash_value, stores, file";
    let config = fleet.config().master("metadata_set", attributes);
    assert_eq!(selected(&fleet, &config), [""; 0]);
}

#[test]
fn a_forced_image_is_selected_public_or_not() {
    let fleet = Fleet::start();
    let master = fleet.master();
    let private = master.create(NewImage::new("private", "abc").private());
    let bare = master.create(NewImage::new("without properties", "abc"));
    let obsolete = master.create(NewImage::new("a_obsolete", "abc"));
    master.create(NewImage::new("not forced", "abc").private());
    for key in ["forcesyncs", "forcesync"] {
        let list = format!("{}, {bare},{obsolete}", private.to_uppercase());
        let config = fleet
            .config()
            .master(key, &list)
            .master("metadata_set", "nid");
        assert_eq!(
            selected(&fleet, &config),
            ["private", "without properties"],
            "{key}"
        );
    }
}

#[test]
fn an_entry_of_forcesyncs_that_is_no_uuid_is_warned_about() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let config = fleet.config().master("forcesyncs", "not-a-uuid");
    let outcome = fleet.status(&config, &["RegionTwo"]);
    outcome.assert_warns("bad_value");
}

#[test]
fn a_condition_decides_alone_and_for_private_images_too() {
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("private", "abc").private().with("nid", "1"));
    master.create(NewImage::new("public", "abc").with("type", "x"));
    let forced = master.create(NewImage::new("forced", "abc").private());
    master.create(NewImage::new("old_obsolete", "abc").with("nid", "1"));
    let config = fleet
        .config()
        .master("metadata_set", "type")
        .master("metadata_condition", "'nid' in image.user_properties")
        .master("forcesyncs", &forced);
    assert_eq!(selected(&fleet, &config), ["forced", "private"]);
}

#[test]
fn a_blank_condition_is_none() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.master().create(NewImage::new("b", "abc").private());
    let config = fleet.config().master("metadata_condition", "  ");
    assert_eq!(selected(&fleet, &config), ["a"]);
}

#[test]
fn a_condition_sees_the_whole_image() {
    let fleet = Fleet::start();
    let master = fleet.master();
    let image = NewImage::new("größe \"3\"", "abc")
        .with("nid", "7")
        .with("kernel_id", "");
    let id = master.create(image.with("visibility", "community"));
    let facts = [
        format!("image.id == '{id}'"),
        "image.name == 'größe \"3\"'".to_owned(),
        format!("image.owner == '{}'", master.own_project()),
        "image.size == 3".to_owned(),
        "image.region == 'RegionOne'".to_owned(),
        "image.checksum == '900150983cd24fb0d6963f7d28e17f72'".to_owned(),
        "image.status == 'active'".to_owned(),
        "image.visibility == 'community'".to_owned(),
        "image.is_public is False".to_owned(),
        "image.user_properties['nid'] == '7'".to_owned(),
        "image.user_properties.has_key('nid')".to_owned(),
        "not image.user_properties.has_key('checksum')".to_owned(),
        "metadata_set == {'nid', 'type'}".to_owned(),
        "any(key in image.user_properties for key in metadata_set)".to_owned(),
    ];
    for fact in facts {
        let config = fleet.config().master("metadata_set", "nid,type");
        let config = config.master("metadata_condition", &fact);
        assert_eq!(selected(&fleet, &config), ["größe \"3\""], "{fact}");
    }
}

#[test]
fn a_condition_may_go_on_over_several_lines() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet.master().create(NewImage::new("b", "abc"));
    let condition = "image.is_public and \\\n    # a comment\n    'nid' in image.user_properties";
    let config = fleet.config().master("metadata_condition", condition);
    assert_eq!(selected(&fleet, &config), ["a"]);
}

#[test]
fn a_condition_that_raises_leaves_its_image_out_and_makes_the_exit_code_1() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("good", "abc").with("nid", "1"));
    fleet.master().create(NewImage::new("raises", "abc"));
    let condition = "image.user_properties['nid'] == '1'";
    let config = fleet.config().master("metadata_condition", condition);
    let regions = ["--show-status", "RegionTwo", "RegionThree"];
    let outcome = fleet.run(&config, &regions).expect(1);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload good"]);
    assert_eq!(outcome.status_of("RegionThree"), ["pending_upload good"]);
    let warnings = outcome.warnings();
    let failed = warnings
        .iter()
        .filter(|warning| *warning == "condition_failed raises");
    assert_eq!(failed.count(), 1, "once per image and target: {outcome}");
}

#[test]
fn a_condition_reaches_nothing_outside() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let file = fleet.home().join("made");
    let conditions = [
        format!("open({:?}, 'w')", file.display().to_string()),
        "__import__('os').system('true') == 0".to_owned(),
        "[x for x in range(10**12)]".to_owned(),
        "'x' * 10**10".to_owned(),
    ];
    for condition in conditions {
        let config = fleet.config().master("metadata_condition", &condition);
        let outcome = fleet
            .run(&config, &["--show-status", "RegionTwo"])
            .expect(1);
        outcome.assert_warns("condition_failed a");
        assert!(!file.exists(), "{condition}");
    }
}

#[test]
fn a_condition_that_does_not_parse_ends_the_run_and_points_at_the_place() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let condition = "image.is_public and and image.size";
    let config = fleet.config().master("metadata_condition", condition);
    let program = crate::common::Program::with(&fleet, &config).args(["RegionTwo"]);
    let outcome = program.run().expect(2);
    let position = config
        .text()
        .lines()
        .position(|line| line.ends_with(condition));
    let line = position.expect("the line") + 1;
    outcome.assert_says(&format!("glancesync.conf:{line}"));
    let said: Vec<&str> = outcome.stderr.lines().collect();
    let shown = said
        .iter()
        .position(|line| line.contains(condition))
        .expect("the line is shown");
    let caret = said[shown + 1].find('^').expect("a caret below it");
    let column = said[shown].find("and and").expect("the place") + "and ".len();
    assert_eq!(caret, column, "{outcome}");
    outcome.assert_changed_nothing();
}

#[test]
fn a_condition_beyond_the_bounds_ends_the_run() {
    let fleet = Fleet::start();
    let long = format!("image.name != '{}'", "x".repeat(8 << 10));
    let deep = format!("{}1{}", "(".repeat(80), ")".repeat(80));
    for condition in [long, deep] {
        let config = fleet.config().master("metadata_condition", &condition);
        fleet
            .run(&config, &["RegionTwo"])
            .expect(2)
            .assert_changed_nothing();
    }
}

#[test]
fn each_target_has_its_own_rules() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet
        .master()
        .create(NewImage::new("b", "abc").with("type", "1"));
    fleet
        .region("other:RegionOne")
        .create(NewImage::new("b", "other").by(Who::Sync));
    let config = fleet
        .config()
        .master("metadata_set", "nid")
        .set("other", "metadata_set", "type")
        .set("other", "replace", "any");
    let outcome = fleet.status(&config, &["RegionTwo", "other:RegionOne"]);
    assert_eq!(outcome.status_of("RegionTwo"), ["pending_upload a"]);
    assert_eq!(outcome.status_of("other:RegionOne"), ["pending_replace b"]);
}
