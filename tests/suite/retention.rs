//! Old images: how many are kept of a name, and that they are hidden where that is wanted.

use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Outcome, Region};

fn config(fleet: &Fleet) -> Config {
    fleet.config().master("rename", "any")
}

#[track_caller]
fn sync(fleet: &Fleet, config: &Config) -> Outcome {
    fleet.run(config, &["RegionTwo"]).expect(0)
}

/// The master's `a` gets that content, and the region follows.
#[track_caller]
fn release(fleet: &Fleet, config: &Config, content: &str) -> Outcome {
    let master = fleet.master();
    for image in master.named("a") {
        master.delete(image["id"].as_str().unwrap());
    }
    master.create(NewImage::new("a", content));
    sync(fleet, config)
}

/// What the region's old images hold, in alphabetical order.
fn old_contents(region: &Region<'_>) -> Vec<String> {
    let images = region.named("a.old");
    let content = |image: &Value| {
        let bytes = region.content(image["id"].as_str().unwrap());
        String::from_utf8(bytes).unwrap()
    };
    let mut contents: Vec<String> = images.iter().map(content).collect();
    contents.sort();
    contents
}

#[test]
fn the_newest_old_images_are_kept_and_may_be_hidden() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for content in ["1", "2", "3"] {
        release(&fleet, &config(&fleet), content);
    }
    assert_eq!(old_contents(&region), ["1", "2"], "all are kept by default");
    assert!(
        region
            .named("a.old")
            .iter()
            .all(|it| it["os_hidden"] == false)
    );

    let kept = config(&fleet)
        .master("keep_old", "2")
        .master("hide_old", "true");
    let outcome = release(&fleet, &kept, "4");
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo rename a", "RegionTwo delete_old a.old"]
    );
    let finished = &outcome.events_named("region_finished")[0];
    assert_eq!(
        (&finished["deleted_images"], &finished["hidden_images"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(outcome.events_named("plan")[0]["deletions"], 1);
    let hidden: Vec<Value> = region.named("a.old");
    let hidden = hidden.iter().filter(|it| it["os_hidden"] == true).count();
    assert_eq!(
        hidden, 1,
        "what was renamed now, and nothing that was before"
    );
    assert_eq!(old_contents(&region).len(), 2);
    sync(&fleet, &kept).assert_changed_nothing();
}

#[test]
fn an_old_image_that_is_protected_stays_and_so_does_what_somebody_else_made() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    for content in ["1", "2", "3"] {
        release(&fleet, &config(&fleet), content);
    }
    for old in region.named("a.old") {
        region.set(old["id"].as_str().unwrap(), &[("protected", json!(true))]);
    }
    region.create(NewImage::new("a.old", "by hand"));
    let kept = config(&fleet).master("keep_old", "1");
    sync(&fleet, &kept).assert_changed_nothing();
    assert_eq!(old_contents(&region), ["1", "2", "by hand"]);

    for old in region.named("a.old") {
        region.set(old["id"].as_str().unwrap(), &[("protected", json!(false))]);
    }
    let limited = kept.clone().master("max_delete", "0");
    let outcome = fleet.run(&limited, &["RegionTwo"]).expect(1);
    outcome.assert_fails("max_delete_exceeded");
    outcome.assert_changed_nothing();
    let outcome = sync(&fleet, &kept);
    assert_eq!(
        outcome.actions("action_finished"),
        ["RegionTwo delete_old a.old"]
    );
    assert_eq!(old_contents(&region).len(), 2);
}
