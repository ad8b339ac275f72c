//! Imports whose Glance, whose source or whose image goes away in the middle.

use std::path::PathBuf;

use glancesync::sandbox::{Effect, Fault};
use serde_json::{Value, json};

use crate::common::imports::{direct, pull};
use crate::common::{Fleet, NewImage, wait_until};

const SOURCE: &str = "master:RegionOne";
const TARGET: &str = "RegionFive";

/// A pull that stands still in the middle of its content.
struct Held {
    fleet: Fleet,
    source: String,
    id: String,
}

impl Held {
    fn new() -> Self {
        let fleet = Fleet::with_import_regions();
        // So much that a real server can be stopped before it is through.
        let size = if fleet.is_real() { 256 << 20 } else { 1 << 20 };
        let source = fleet
            .master()
            .create(NewImage::new("source", vec![7; size]));
        if !fleet.is_real() {
            let slow = Effect::Slow {
                bytes_per_sec: 16 << 10,
            };
            let fault = Fault::new("GET", "/v2/images/*/file", slow);
            fleet.sandbox().set_faults(SOURCE, vec![fault]).unwrap();
        }
        let id = fleet
            .region(TARGET)
            .pull_new(NewImage::queued("x"), "RegionOne", &source);
        let held = Self { fleet, source, id };
        wait_until("the first staged bytes", || {
            let file = held.staged();
            file.metadata().is_ok_and(|metadata| metadata.len() > 0)
        });
        if held.fleet.is_real() {
            held.fleet.tell("freeze", SOURCE);
        }
        let image = held.image();
        assert_eq!(image["status"], "importing", "{image}");
        held
    }

    fn staged(&self) -> PathBuf {
        let folder = self.fleet.region(TARGET).facts.images_dir.clone();
        folder.with_file_name("staging").join(&self.id)
    }

    fn image(&self) -> Value {
        self.fleet.region(TARGET).get(&self.id).expect("the image")
    }

    /// Lets the source go on.
    fn thaw(&self) {
        if self.fleet.is_real() {
            self.fleet.tell("thaw", SOURCE);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.thaw();
    }
}

#[test]
fn an_image_that_is_deleted_in_mid_pull_leaves_nothing() {
    let held = Held::new();
    let region = held.fleet.region(TARGET);
    region.delete(&held.id);
    assert_eq!(region.get(&held.id), None);
    assert!(!held.staged().exists());
}

#[test]
fn a_change_in_mid_pull_is_taken_and_content_is_not() {
    let held = Held::new();
    let region = held.fleet.region(TARGET);
    for answer in [
        region.put(&held.id, b"hello"),
        region.stage(&held.id, b"hello"),
        region.import(&held.id, &direct()),
        region.import(&held.id, &pull("RegionOne", &held.source)),
    ] {
        answer.expect(409, "of what is importing");
    }
    region.set(&held.id, &[("nid", json!("7"))]);
    assert_eq!(held.image()["nid"], "7");
}

#[test]
fn a_source_that_dies_in_mid_pull_leaves_what_can_be_sent_to() {
    let held = Held::new();
    let region = held.fleet.region(TARGET);
    held.fleet.take_down(SOURCE);
    let task = region.wait_for_task(&held.id, "failure");
    assert_eq!(task["message"], "Task failed due to Internal Error");
    let left = held.image();
    assert_eq!(left["status"], "queued");
    assert_eq!(left["os_glance_failed_import"], "local");
    // Its lock stays.
    assert_eq!(left["os_glance_import_task"], task["id"]);
    region
        .import(&held.id, &pull("RegionOne", &held.source))
        .expect(409, "again");
    region.put(&held.id, b"hello").expect(204, "sent instead");
    assert_eq!(held.image()["status"], "active");
    held.fleet.bring_back(SOURCE);
}

#[test]
fn a_region_that_dies_in_mid_pull_is_importing_for_ever() {
    let held = Held::new();
    let region = held.fleet.region(TARGET);
    let name = region.facts.full_name();
    held.fleet.take_down(&name);
    held.thaw();
    held.fleet.bring_back(&name);
    assert_eq!(held.image()["status"], "importing");
    assert_eq!(region.wait_for_task(&held.id, "processing")["message"], "");
    for answer in [
        region.put(&held.id, b"hello"),
        region.stage(&held.id, b"hello"),
        region.import(&held.id, &direct()),
        region.import(&held.id, &pull("RegionOne", &held.source)),
    ] {
        answer.expect(409, "of what is importing");
    }
    region.set(&held.id, &[("nid", json!("7"))]);
    assert!(held.staged().exists());
    region.delete(&held.id);
    assert!(!held.staged().exists());
}
