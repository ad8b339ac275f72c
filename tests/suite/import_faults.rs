//! Imports of the embedded regions that wait, hang or end otherwise than they should.

use glancesync::sandbox::{
    Conversion, Effect, Fault, HashSpec, ImportEnd, ImportStage, ProjectLimits, RegionSpec,
};
use serde_json::{Value, json};

use crate::common::imports::{direct, pull};
use crate::common::{Fleet, NewImage, Qcow2, Region};

const HELLO_MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const TARGET: &str = "RegionTwo";

/// A fleet whose second region is that one, with this fault of its imports.
fn fleet(change: impl FnOnce(&mut RegionSpec), effect: Option<Effect>) -> Fleet {
    Fleet::embedded(|spec| {
        let region = &mut spec.keystones[0].regions[1];
        region.imports.conversion = Conversion::None;
        change(region);
        let faults = effect.map(|effect| Fault::new("POST", "/v2/images/*/import", effect));
        region.faults.extend(faults);
    })
}

fn queued() -> NewImage {
    NewImage::queued("x")
}

fn begin(region: &Region<'_>) -> String {
    region.import_new(queued(), b"hello", &direct())
}

#[test]
fn an_import_hangs_where_it_is_told_to() {
    for (stage, task, image) in [
        (ImportStage::Pending, "pending", "uploading"),
        (ImportStage::Processing, "processing", "uploading"),
        (ImportStage::Importing, "processing", "importing"),
        (ImportStage::Active, "processing", "active"),
    ] {
        let fleet = fleet(|_| (), Some(Effect::import_hangs(stage)));
        let region = fleet.region(TARGET);
        let id = begin(&region);
        region.wait_for_task(&id, task);
        crate::common::wait_until("the image's status", || {
            region.get(&id).unwrap()["status"] == image
        });
        region.delete(&id);
        assert_eq!(region.get(&id), None);
        assert!(!region.facts.images_dir.join(&id).exists());
    }
}

#[test]
fn an_import_goes_on_after_it_waited() {
    let wait = Effect::import_waits(ImportStage::Pending, 100);
    let fleet = fleet(|_| (), Some(wait));
    let master = fleet.master();
    let (stays, goes) = (
        master.create(NewImage::new("stays", "hello")),
        master.create(NewImage::new("goes", "hello")),
    );
    let region = fleet.region(TARGET);
    let pulled = region.pull_new(queued(), "RegionOne", &stays);
    let lost = region.pull_new(queued(), "RegionOne", &goes);
    assert_eq!(region.get(&pulled).unwrap()["status"], "queued");
    // The image vanishes before it is pulled.
    master.delete(&goes);
    let image = region.wait_for_import(&pulled, "success");
    assert_eq!(image["checksum"], HELLO_MD5);
    assert_eq!(region.wait_for_import(&lost, "failure")["status"], "queued");
}

#[test]
fn an_import_fails_where_it_is_told_to() {
    let store = ImportEnd::FailedInStore;
    for (end, conversion, is_pulled, status, failed, is_locked) in [
        (
            ImportEnd::Failed,
            Conversion::None,
            false,
            "queued",
            "local",
            false,
        ),
        (
            ImportEnd::Failed,
            Conversion::None,
            true,
            "queued",
            "",
            false,
        ),
        (store, Conversion::None, false, "importing", "local", false),
        (store, Conversion::Raw, false, "queued", "local", false),
        (store, Conversion::None, true, "queued", "local", true),
    ] {
        let change = |region: &mut RegionSpec| region.imports.conversion = conversion;
        let fleet = fleet(change, Some(Effect::import(end)));
        let region = fleet.region(TARGET);
        let source = fleet.master().create(NewImage::new("s", "hello"));
        let id = if is_pulled {
            region.pull_new(queued(), "RegionOne", &source)
        } else {
            begin(&region)
        };
        let task = region.wait_for_task(&id, "failure");
        assert_eq!(task["message"], "Task failed due to Internal Error");
        let image = region.get(&id).unwrap();
        assert_eq!(
            image["status"], status,
            "{end:?} {conversion:?} {is_pulled}"
        );
        assert_eq!(image["os_glance_failed_import"], failed);
        assert_eq!(image.get("os_glance_import_task").is_some(), is_locked);
        assert_eq!(image["checksum"], Value::Null);
    }
}

#[test]
fn a_conversion_may_go_wrong() {
    let sample = Qcow2::sample();
    let raw = sample.raw();
    let mut damaged = raw.clone();
    damaged[0] ^= 0x20;
    for (end, expected) in [
        (ImportEnd::Usual, raw.clone()),
        (ImportEnd::Damaged, damaged),
        (ImportEnd::Truncated, raw[..raw.len() / 2].to_vec()),
        (ImportEnd::Longer, [raw, vec![0; 512]].concat()),
    ] {
        let change = |region: &mut RegionSpec| region.imports.conversion = Conversion::Raw;
        let fleet = fleet(change, Some(Effect::import(end)));
        let region = fleet.region(TARGET);
        let image = queued().with("disk_format", "qcow2");
        let id = region.import_new(image, &sample.build(), &direct());
        let image = region.wait_for_import(&id, "success");
        assert_eq!(image["disk_format"], "raw");
        assert_eq!(image["size"], expected.len());
        let same = region.get(&region.create(NewImage::new("y", &expected)));
        assert_eq!(image["checksum"], same.unwrap()["checksum"], "{end:?}");
        assert!(region.content(&id) == expected, "{end:?}");
    }
}

#[test]
fn a_region_without_hashes_imports_without_hashes() {
    let hashes = HashSpec {
        md5: false,
        algorithm: None,
    };
    let fleet = fleet(|region| region.hashes = hashes, None);
    let region = fleet.region(TARGET);
    let image = region.wait_for_import(&begin(&region), "success");
    assert_eq!(image["size"], 5);
    for name in ["checksum", "os_hash_algo", "os_hash_value"] {
        assert_eq!(image[name], Value::Null, "{name}");
    }
}

#[test]
fn what_a_region_tells_may_be_forbidden() {
    let paths = ["/v2/images/*/tasks", "/v2/info/usage", "/v2/info/import"];
    let fleet = fleet(
        |region| {
            let refused = paths.map(|path| Fault::new("GET", path, Effect::status(403)));
            region.faults.extend(refused);
        },
        None,
    );
    let region = fleet.region(TARGET);
    let id = begin(&region);
    crate::common::wait_until("an active image", || {
        region.get(&id).unwrap()["status"] == "active"
    });
    for path in paths {
        let answer = region.ask(&path.replace('*', &id));
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[test]
fn a_project_has_its_limits() {
    let limits = ProjectLimits {
        image_size_total: 2,
        image_stage_total: 1,
        image_count_total: 7,
        image_count_uploading: 1,
    };
    let fleet = fleet(|region| region.limits.project = Some(limits), None);
    let region = fleet.region(TARGET);
    let first = region.create(NewImage::new("a", vec![1; 1 << 20]));
    let staged = region.create(queued());
    region
        .stage(&staged, &vec![1; 1 << 20])
        .expect(204, "1 MiB");
    let usage = region.read("/v2/info/usage");
    let entry = |usage: u64, limit: u64| json!({"usage": usage, "limit": limit});
    let expected = json!({"usage": {
        "image_size_total": entry(1, 2), "image_stage_total": entry(1, 1),
        "image_count_total": entry(2, 7), "image_count_uploading": entry(1, 1),
    }});
    assert_eq!(usage, expected);
    let id = region.create(queued());
    region
        .stage(&id, &vec![1; 1 << 20])
        .expect(413, "1 MiB more");
    assert_eq!(region.get(&id).unwrap()["status"], "queued");
    region.stage(&id, b"hello").expect(413, "two at once");
    assert_eq!(region.get(&id).unwrap()["status"], "queued");
    region.import(&staged, &direct()).expect(202, "import");
    region.wait_for_import(&staged, "success");
    // 2 MiB are stored, and no more may be.
    region.stage(&id, &vec![1; 1 << 20]).expect(204, "staged");
    region.import(&id, &direct()).expect(202, "import");
    let left = region.wait_for_import(&id, "failure");
    assert_eq!(left["status"], "queued");
    let message = region.wait_for_task(&id, "failure")["message"].to_string();
    assert!(
        message.contains("image_size_total is over limit of 2"),
        "{message}"
    );
    region.delete(&first);
    let source = fleet.master().create(NewImage::new("s", "hello"));
    region
        .import(&id, &pull("RegionOne", &source))
        .expect(202, "pull");
    region.wait_for_import(&id, "success");
}
