//! Imports whose Glance, whose source or whose image goes away in the middle.

use std::path::PathBuf;

use glancesync::sandbox::{Effect, Fault, ImportStage};
use serde_json::{Value, json};

use crate::common::imports::{direct, pull};
use crate::common::{Config, Fleet, NewImage, Outcome, Program, Running, wait_until};
use crate::delivery::ways;

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

/// A run that has its content pulled, or imported, and that was caught in the middle of that.
struct CaughtRun {
    held: Held,
    config: Config,
    running: Running,
}

impl CaughtRun {
    fn of(delivery: &str) -> Self {
        let fleet = Fleet::with_import_regions();
        let size = if fleet.is_real() { 256 << 20 } else { 1 << 20 };
        let source = fleet
            .master()
            .create(NewImage::new("source", vec![7; size]));
        if !fleet.is_real() {
            let (server, method, path, effect) = if delivery == "import" {
                let hangs = Effect::import_hangs(ImportStage::Importing);
                (TARGET, "POST", "/v2/images/*/import", hangs)
            } else {
                let slow = Effect::Slow {
                    bytes_per_sec: 16 << 10,
                };
                (SOURCE, "GET", "/v2/images/*/file", slow)
            };
            let fault = Fault::new(method, path, effect);
            fleet.sandbox().set_faults(server, vec![fault]).unwrap();
        }
        let config = fleet
            .config()
            .master("delivery", delivery)
            .master("retries", "0");
        let running = Program::with(&fleet, &config)
            .events()
            .args([TARGET])
            .start();
        let mut id = String::new();
        wait_until("an import under way", || {
            let images = fleet.region(TARGET).images();
            let under_way = images.iter().find(|image| image["status"] == "importing");
            if let Some(image) = under_way {
                image["id"].as_str().unwrap_or_default().clone_into(&mut id);
            }
            !id.is_empty()
        });
        let held = Held { fleet, source, id };
        if delivery != "import" {
            wait_until("the first staged bytes", || {
                let file = held.staged();
                file.metadata().is_ok_and(|metadata| metadata.len() > 0)
            });
            if held.fleet.is_real() {
                held.fleet.tell("freeze", SOURCE);
            }
        }
        Self {
            held,
            config,
            running,
        }
    }

    /// Ends that server now, waits for the end of the run, and starts the server again.
    fn end_server(self, server: &str, code: i32) -> (Held, Outcome) {
        let Self { held, running, .. } = self;
        held.fleet.take_down(server);
        let outcome = running.wait().expect(code);
        held.fleet.bring_back(server);
        if !held.fleet.is_real() {
            held.fleet.sandbox().set_faults(SOURCE, vec![]).unwrap();
            held.fleet.sandbox().set_faults(TARGET, vec![]).unwrap();
        }
        (held, outcome)
    }
}

/// Asserts that the next run has the region in step, with nothing left, and one more does nothing.
#[track_caller]
fn assert_next_run_heals(held: &Held, config: &Config) {
    let outcome = held.fleet.run(config, &[TARGET]).expect(0);
    let (ours, masters) = (
        held.fleet.region(TARGET).the("source"),
        held.fleet.master().the("source"),
    );
    assert_eq!(
        (&ours["os_hash_value"], &ours["status"], &ours["tags"]),
        (&masters["os_hash_value"], &json!("active"), &json!([])),
        "{outcome}"
    );
    held.fleet
        .run(config, &[TARGET])
        .expect(0)
        .assert_changed_nothing();
}

#[test]
fn a_run_whose_source_dies_in_mid_pull_fails_that_image_and_the_next_one_heals() {
    let caught = CaughtRun::of("pull");
    let config = caught.config.clone();
    let (held, outcome) = caught.end_server(SOURCE, 1);
    outcome.assert_fails("pull_failed source");
    assert!(held.fleet.region(TARGET).names().is_empty(), "{outcome}");
    assert_next_run_heals(&held, &config);
}

#[test]
fn a_run_whose_source_dies_in_mid_pull_uploads_under_auto() {
    let caught = CaughtRun::of("auto");
    let config = caught.config.clone();
    let (held, outcome) = caught.end_server(SOURCE, 0);
    outcome.assert_warns("pull_failed source");
    assert_eq!(ways(&outcome), ["source upload directory -"], "{outcome}");
    assert_next_run_heals(&held, &config);
}

#[test]
fn a_run_whose_region_dies_in_mid_pull_or_import_fails_and_the_next_one_heals() {
    for delivery in ["pull", "import"] {
        let caught = CaughtRun::of(delivery);
        // As long as a region needs for it, and as is waited for what comes to no end.
        let timeout = if caught.held.fleet.is_real() {
            "20s"
        } else {
            "4s"
        };
        let config = caught.config.clone().master("import_timeout", timeout);
        let (held, outcome) = caught.end_server("master:RegionFive", 1);
        assert_eq!(outcome.results(), ["RegionFive failed"], "{outcome}");
        held.thaw();
        assert_eq!(held.image()["status"], "importing");
        assert_next_run_heals(&held, &config);
    }
}
