//! The end of a run between any two requests: what was there is there, nobody sees what was not
//! verified, and the next run does the rest and no more.

use glancesync::sandbox::{Effect, Fault, When};
use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Program, Region, wait_until};

const REGION: &str = "RegionTwo";

/// A region in which something has to be done, and what it looks like afterwards.
struct Scene {
    prepare: fn(&Fleet),
    config: fn(Config) -> Config,
    /// `name visibility`, sorted.
    after: &'static [&'static str],
    begun: Begun,
    /// How many contents are sent in all, and at once.
    contents: usize,
    at_once: usize,
}

/// What becomes of an image that was begun.
#[derive(Clone, Copy, PartialEq)]
enum Begun {
    /// It is taken up.
    TakenUp,
    /// It is taken up where its content is all there, and deleted otherwise: no image is imported twice.
    TakenUpWhenComplete,
}

fn id(image: &Value) -> &str {
    image["id"].as_str().unwrap()
}

fn replaced(fleet: &Fleet) {
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet.region(REGION).create(NewImage::new("a", "other"));
}

/// `m` has the kernel `k`, which is to be replaced.
fn kernel(fleet: &Fleet) {
    let pair = |kernel: &str, region: &Region<'_>| {
        let kernel = region.create(NewImage::new("k", kernel));
        region.create(NewImage::new("m", "machine").with("kernel_id", kernel));
    };
    pair("abc", &fleet.master());
    pair("other", &fleet.region(REGION));
}

/// Four images, each with an old one.
fn several(fleet: &Fleet) {
    for name in ["a", "b", "c", "d"] {
        fleet.master().create(NewImage::new(name, name));
        fleet.region(REGION).create(NewImage::new(name, "other"));
    }
}

fn obsolete(fleet: &Fleet) {
    let master = fleet.master();
    master.create(NewImage::new("o_obsolete", "abc").private());
    master.create(NewImage::new("p", "abc").with("nid", "2"));
    let region = fleet.region(REGION);
    region.create(NewImage::new("o", "abc"));
    region.create(NewImage::new("p", "abc").with("nid", "1"));
}

/// Kills a run at its request of that number, before or after it was carried out. False where the run
/// has fewer requests.
fn kill_at(fleet: &Fleet, config: &Config, number: u64, when: When) -> bool {
    let sandbox = fleet.sandbox();
    let earlier = sandbox.requests(REGION).unwrap().len();
    let hang = Fault::always(Effect::Hang { when }).on(number, 1);
    sandbox.set_faults(REGION, vec![hang]).unwrap();
    let mut running = Program::with(fleet, config).events().args([REGION]).start();
    let mut has_ended = false;
    wait_until("the end of the run, or that request", || {
        let requests = sandbox.requests(REGION).unwrap();
        if requests[earlier..].iter().any(|request| request.held) {
            return true;
        }
        has_ended = running.has_ended();
        has_ended
    });
    if !has_ended {
        running.signal("KILL");
    }
    drop(running);
    sandbox.set_faults(REGION, Vec::new()).unwrap();
    wait_until("nothing half stored", || {
        let images = fleet.region(REGION).images();
        images.iter().all(|image| image["status"] != "saving")
    });
    !has_ended
}

fn looks(fleet: &Fleet) -> Vec<String> {
    let images = fleet.region(REGION).images();
    let mut looks: Vec<_> = images
        .iter()
        .map(|image| {
            let (name, seen) = (&image["name"], &image["visibility"]);
            format!("{} {}", name.as_str().unwrap(), seen.as_str().unwrap())
        })
        .collect();
    looks.sort();
    looks
}

/// Ends a run at each of its requests, and looks at the region then and after the next run.
fn end_everywhere(scene: &Scene) {
    let mut points = 0;
    for when in [When::Before, When::After] {
        for number in 1.. {
            let fleet = Fleet::embedded(|_| ());
            (scene.prepare)(&fleet);
            let region = fleet.region(REGION);
            let config = (scene.config)(fleet.config());
            let names = region.names();
            if !kill_at(&fleet, &config, number, when) {
                break;
            }
            points += 1;
            let point = format!("request {number}, {when:?}");
            let left = region.images();
            for name in &names {
                let is_there = |image: &&Value| {
                    let now = image["name"].as_str().unwrap();
                    now == name || now.strip_suffix("_obsolete") == Some(name)
                };
                let mut of_name = left.iter().filter(is_there);
                assert!(
                    of_name.any(|image| image["status"] == "active"),
                    "{name} is missing at {point}: {left:#?}"
                );
            }
            for image in &left {
                let tags = image["tags"].to_string();
                if tags.contains("glancesync-incomplete") {
                    assert!(!region.seen_by_others(id(image)), "{point}: {image}");
                }
            }
            let unfinished = left.iter().filter(|image| {
                let tags = image["tags"].to_string();
                tags.contains("glancesync-incomplete")
            });
            let unfinished: Vec<_> = unfinished.cloned().collect();
            assert!(
                unfinished.len() <= scene.at_once,
                "{point}: {unfinished:#?}"
            );

            let outcome = fleet.run(&config, &[REGION]).expect(0);
            assert_eq!(looks(&fleet), scene.after, "{point}: {outcome}");
            for image in region.images() {
                assert_eq!(image["tags"], json!([]), "{point}: {image} {outcome}");
            }
            // What was begun is taken up, and what was sent is not sent again.
            let is_sent = |image: &Value| image["status"] == "active";
            let is_new = |image: &&Value| {
                let tags = image["tags"].to_string();
                is_sent(image)
                    && (tags.contains("glancesync-") || image.get("glancesync_source").is_some())
            };
            let sent = left.iter().filter(is_new).count();
            if sent > 0 {
                let uploads = outcome.uploads("master:RegionTwo");
                assert!(uploads + sent <= scene.contents, "{point}: {outcome}");
            }
            let is_taken_up = |image: &&Value| scene.begun == Begun::TakenUp || is_sent(image);
            for image in unfinished.iter().filter(is_taken_up) {
                assert!(region.get(id(image)).is_some(), "{point}: {outcome}");
            }
            fleet
                .run(&config, &[REGION])
                .expect(0)
                .assert_changed_nothing();
        }
    }
    assert!(points > 4, "{points}");
}

#[test]
fn of_an_upload_that_replaces() {
    end_everywhere(&Scene {
        prepare: replaced,
        config: |config| config.master("replace", "any"),
        after: &["a public"],
        begun: Begun::TakenUp,
        contents: 1,
        at_once: 1,
    });
}

#[test]
fn of_an_upload_that_renames() {
    end_everywhere(&Scene {
        prepare: replaced,
        config: |config| config.master("rename", "any"),
        after: &["a public", "a.old private"],
        begun: Begun::TakenUp,
        contents: 1,
        at_once: 1,
    });
}

#[test]
fn of_an_upload_of_a_kernel() {
    end_everywhere(&Scene {
        prepare: kernel,
        config: |config| config.master("replace", "any"),
        after: &["k public", "m public"],
        begun: Begun::TakenUp,
        contents: 1,
        at_once: 1,
    });
}

#[test]
fn of_changes_of_metadata() {
    end_everywhere(&Scene {
        prepare: obsolete,
        config: |config| config,
        after: &["o_obsolete private", "p public"],
        begun: Begun::TakenUp,
        contents: 0,
        at_once: 1,
    });
}

#[test]
fn of_an_import_that_replaces() {
    end_everywhere(&Scene {
        prepare: replaced,
        config: |config| config.master("replace", "any").master("delivery", "import"),
        after: &["a public"],
        begun: Begun::TakenUpWhenComplete,
        contents: 1,
        at_once: 1,
    });
}

#[test]
fn of_a_pull_that_renames() {
    end_everywhere(&Scene {
        prepare: replaced,
        config: |config| config.master("rename", "any").master("delivery", "pull"),
        after: &["a public", "a.old private"],
        begun: Begun::TakenUpWhenComplete,
        contents: 1,
        at_once: 1,
    });
}

#[test]
fn of_several_contents_at_once() {
    end_everywhere(&Scene {
        prepare: several,
        config: |config| config.master("replace", "any").master("transfers", "3"),
        after: &["a public", "b public", "c public", "d public"],
        begun: Begun::TakenUp,
        contents: 4,
        at_once: 3,
    });
}
