//! Staging and imports as the servers do them, embedded and real alike: what the delivery of
//! images stands on.
//!
//! `RegionTwo` converts to raw, `RegionThree` has two stores, `RegionFour` takes imports only.

use serde_json::{Value, json};

use crate::common::imports::{direct, into_stores, pull};
use crate::common::{Fleet, NewImage, Qcow2, Who, wait_until};

const HELLO_MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const NOBODY: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

fn queued() -> NewImage {
    NewImage::queued("x")
}

fn qcow2() -> NewImage {
    queued().with("disk_format", "qcow2")
}

/// A fleet whose `RegionTwo` can convert; the lab says where it cannot.
fn converting() -> Option<Fleet> {
    let fleet = Fleet::with_import_regions();
    fleet.cloud.converts.then_some(fleet)
}

#[track_caller]
fn assert_image(image: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(
            image.get(name).unwrap_or(&Value::Null),
            value,
            "{name} of {image:#}"
        );
    }
}

#[test]
fn what_is_staged_is_imported() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionFive");
    let id = region.create(queued().with("tags", json!(["t"])).with("nid", "7"));
    region.import(&id, &direct()).expect(409, "not staged yet");
    region.stage(&id, b"hello").expect(204, "stage");
    let staged = json!({"status": "uploading", "size": 5, "checksum": null, "stores": null});
    assert_image(&region.get(&id).unwrap(), &staged);
    for (answer, status) in [
        (region.stage(&id, b"again"), 409),
        (region.put(&id, b"again"), 409),
        (region.import(&id, &pull("RegionOne", &id)), 409),
        (region.import(&id, &direct()), 202),
    ] {
        answer.expect(status, "of what is staged");
    }
    let image = region.wait_for_import(&id, "success");
    let expected = json!({
        "status": "active", "size": 5, "virtual_size": 5, "checksum": HELLO_MD5, "stores": "local",
        "tags": ["t"], "nid": "7", "os_glance_importing_to_stores": "",
        "os_glance_failed_import": "", "os_glance_import_task": null,
    });
    assert_image(&image, &expected);
    assert_eq!(region.content(&id), b"hello");
    let [task] = &region.tasks(&id)[..] else {
        panic!("one task")
    };
    let expected = json!({
        "type": "api_image_import", "status": "success", "image_id": id, "message": "Copied 0 MiB",
        "owner": region.own_project(), "result": {"image_id": id}, "deleted": false,
        "input": {"image_id": id, "backend": ["local"], "import_req": direct()},
    });
    assert_image(task, &expected);
    for (answer, status) in [
        (region.stage(&id, b"again"), 409),
        (region.import(&id, &direct()), 409),
        (region.import(&id, &pull("RegionOne", &id)), 409),
    ] {
        answer.expect(status, "of what is active");
    }
}

#[test]
fn a_region_tells_what_it_offers() {
    let fleet = Fleet::with_import_regions();
    for (region, methods) in [
        ("RegionFive", json!(["glance-direct", "glance-download"])),
        ("other:RegionOne", json!([])),
    ] {
        let told = fleet.region(region).read("/v2/info/import");
        assert_eq!(told["import-methods"]["value"], methods, "{region}");
    }
    let stores = fleet.region("RegionThree").read("/v2/info/stores");
    let expected = json!([{"id": "local", "default": "true"}, {"id": "archive"}]);
    assert_eq!(stores["stores"], expected);
    let usage = fleet.region("RegionThree").read("/v2/info/usage");
    assert_eq!(usage, json!({"usage": {}}));
    let region = fleet.region("other:RegionOne");
    let id = region.create(queued());
    region.stage(&id, b"hello").expect(404, "not offered");
    region.import(&id, &direct()).expect(400, "not offered");
    region
        .import(&id, &pull("RegionOne", NOBODY))
        .expect(400, "not offered");
}

#[test]
fn a_project_has_limits_and_usage() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionFive");
    let figures = || region.read("/v2/info/usage")["usage"].clone();
    let expected = |stored, staged, images, uploading| {
        let entry = |usage: u64, limit: u64| json!({"usage": usage, "limit": limit});
        json!({
            "image_size_total": entry(stored, 2000), "image_stage_total": entry(staged, 1000),
            "image_count_total": entry(images, 100), "image_count_uploading": entry(uploading, 10),
        })
    };
    assert_eq!(figures(), expected(0, 0, 0, 0));
    region.create(NewImage::new("a", vec![1; 3 << 20]));
    region.create(NewImage::new("b", vec![1; (1 << 20) - 1]));
    let id = region.create(queued());
    region.stage(&id, &vec![1; 2 << 20]).expect(204, "stage");
    assert_eq!(figures(), expected(3, 2, 3, 1));
    // What is announced counts too.
    let id = region.create(queued());
    for (what, mebibytes) in [("stage", 999), ("file", 1998)] {
        let refused = region.announce(&id, what, mebibytes).expect(413, what);
        let message = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(
            message.contains("is over a limit for [Resource image_s"),
            "{message}"
        );
        assert_eq!(region.get(&id).unwrap()["status"], "queued");
    }
    // It would fit, but is not what comes.
    region
        .announce(&id, "stage", 998)
        .expect(400, "another size");
    assert_eq!(region.get(&id).unwrap()["status"], "queued");
    region.stage(&id, b"hello").expect(204, "once more");
    assert_eq!(figures(), expected(3, 2, 4, 2));
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionFive");
    let id = region.create(queued());
    let without = |name: &str| {
        let mut body = pull("RegionOne", NOBODY);
        body["method"].as_object_mut().unwrap().remove(name);
        body
    };
    for (body, status) in [
        (json!({}), 400),
        (json!({"method": {}}), 400),
        (
            json!({"method": {"name": "web-download", "uri": "http://x"}}),
            400,
        ),
        (json!({"method": {"name": "x"}}), 400),
        (without("glance_region"), 400),
        (without("glance_image_id"), 400),
        (pull("RegionOne", "x"), 400),
        (into_stores(pull("RegionOne", NOBODY), &["nowhere"]), 409),
    ] {
        region.import(&id, &body).expect(status, &body.to_string());
    }
    region.import(NOBODY, &direct()).expect(404, "no image");
    region.stage(NOBODY, b"x").expect(404, "no image");
    assert_eq!(region.get(&id).unwrap()["status"], "queued");
    assert_eq!(region.tasks(&id), [] as [Value; 0]);
    region.stage(&id, b"hello").expect(204, "stage");
    for (flag, value) in [
        ("all_stores", json!(1)),
        ("all_stores_must_succeed", json!("yes")),
    ] {
        let mut body = direct();
        body[flag] = value;
        region.import(&id, &body).expect(400, flag);
    }
    let body = into_stores(direct(), &["nowhere"]);
    region.import(&id, &body).expect(409, "no store");
    assert_eq!(region.get(&id).unwrap()["status"], "uploading");
}

#[test]
fn a_region_pulls_from_another() {
    let fleet = Fleet::with_import_regions();
    let source = fleet.master().create(
        NewImage::new("source", "hello")
            .private()
            .with("hw_disk_bus", "scsi")
            .with("nid", "7"),
    );
    let region = fleet.region("RegionFive");
    let before = fleet.traffic_so_far();
    let new = qcow2()
        .with("hw_disk_bus", "ide")
        .with("tags", json!(["t"]));
    let id = region.pull_new(new, "RegionOne", &source);
    let image = region.wait_for_import(&id, "success");
    // The formats are the source's.
    let expected = json!({
        "status": "active", "disk_format": "raw", "size": 5, "checksum": HELLO_MD5,
        "hw_disk_bus": "scsi", "nid": null, "tags": ["t"], "visibility": "private",
    });
    assert_image(&image, &expected);
    let paths: Vec<String> = fleet.traffic_since(&before)["master:RegionOne"]
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    let path = format!("GET /v2/images/{source}");
    assert_eq!(paths, [path.clone(), format!("{path}/file")]);
}

#[test]
fn a_pull_of_what_is_not_there_may_be_tried_again() {
    let fleet = Fleet::with_import_regions();
    let master = fleet.master();
    let source = master.create(NewImage::new("source", "hello"));
    let empty = master.create(queued());
    let region = fleet.region("RegionFive");
    for (from, image) in [
        ("RegionOne", NOBODY),
        ("Nowhere", source.as_str()),
        ("RegionOne", empty.as_str()),
    ] {
        let id = region.pull_new(queued(), from, image);
        let left = region.wait_for_import(&id, "failure");
        let expected = json!({
            "status": "queued", "size": null, "checksum": null, "os_glance_failed_import": "",
            "os_glance_importing_to_stores": "local",
        });
        assert_image(&left, &expected);
        let message = region.wait_for_task(&id, "failure")["message"].clone();
        assert_eq!(message, "Task failed due to Internal Error");
        region
            .import(&id, &pull("RegionOne", &source))
            .expect(202, "again");
        let image = region.wait_for_import(&id, "success");
        assert_eq!(image["checksum"], HELLO_MD5);
        assert_eq!(region.tasks(&id).len(), 2);
    }
    let id = region.create(queued());
    let mut body = pull("RegionOne", &source);
    body["method"]["glance_service_interface"] = json!("private");
    region.import(&id, &body).expect(202, "import");
    assert_eq!(region.wait_for_import(&id, "failure")["status"], "queued");
    // Whatever the case of its name, and by another name whose address ends in a slash.
    for from in ["regionone", "Alias"] {
        let id = region.pull_new(queued(), from, &source);
        region.wait_for_import(&id, "success");
    }
    // Sent instead.
    let id = region.pull_new(queued(), "RegionOne", NOBODY);
    region.wait_for_import(&id, "failure");
    region.put(&id, b"hello").expect(204, "upload");
    assert_eq!(region.get(&id).unwrap()["status"], "active");
}

#[test]
fn a_source_that_is_down_fails_the_task() {
    let fleet = Fleet::with_import_regions();
    let source = fleet
        .region("RegionThree")
        .create(NewImage::new("s", "hello"));
    fleet.take_down("master:RegionThree");
    let region = fleet.region("RegionFive");
    let id = region.pull_new(queued(), "RegionThree", &source);
    let left = region.wait_for_import(&id, "failure");
    assert_eq!(left["status"], "queued");
    region.delete(&id);
    fleet.bring_back("master:RegionThree");
}

#[test]
fn a_region_converts_what_it_imports() {
    let Some(fleet) = converting() else {
        return;
    };
    let image = Qcow2::sample();
    let (content, raw) = (image.build(), image.raw());
    let source = fleet
        .master()
        .create(NewImage::new("source", &content).with("disk_format", "qcow2"));
    let region = fleet.region("RegionTwo");
    let as_raw = region.create(NewImage::new("raw", &raw));
    let as_raw = region.get(&as_raw).unwrap();
    for id in [
        region.import_new(qcow2().with("tags", json!(["t"])), &content, &direct()),
        region.pull_new(qcow2().with("tags", json!(["t"])), "RegionOne", &source),
    ] {
        let image = region.wait_for_import(&id, "success");
        let expected = json!({
            "status": "active", "disk_format": "raw", "size": raw.len(),
            "virtual_size": raw.len(), "checksum": as_raw["checksum"],
            "os_hash_value": as_raw["os_hash_value"], "tags": ["t"],
        });
        assert_image(&image, &expected);
        assert_eq!(region.content(&id), raw);
    }
    // Sent by `PUT`, or raw already, it stays as it is.
    let id = region.create(NewImage::new("y", &content).with("disk_format", "qcow2"));
    let expected = json!({"disk_format": "qcow2", "size": content.len()});
    assert_image(&region.get(&id).unwrap(), &expected);
    let id = region.import_new(queued(), b"hello", &direct());
    let expected = json!({"disk_format": "raw", "checksum": HELLO_MD5});
    assert_image(&region.wait_for_import(&id, "success"), &expected);
}

#[test]
fn half_an_image_is_converted_with_zeros() {
    let Some(fleet) = converting() else {
        return;
    };
    let image = Qcow2::new(8 << 20).data(0, b"first").data(1, b"last");
    let content = image.build();
    let region = fleet.region("RegionTwo");
    let half = &content[..content.len() - Qcow2::CLUSTER];
    let id = region.import_new(qcow2(), half, &direct());
    assert_eq!(region.wait_for_import(&id, "success")["size"], 8 << 20);
    let expected = Qcow2::new(8 << 20).data(0, b"first").raw();
    assert!(region.content(&id) == expected);
}

#[test]
fn what_cannot_be_converted_is_queued_again() {
    let Some(fleet) = converting() else {
        return;
    };
    let region = fleet.region("RegionTwo");
    let mut backed = Qcow2::sample().build();
    backed[8..20].copy_from_slice(&[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5]);
    backed[256..261].copy_from_slice(b"/etc/");
    for content in [b"hello".repeat(1000), backed] {
        let id = region.import_new(qcow2(), &content, &direct());
        let left = region.wait_for_import(&id, "failure");
        let expected = json!({
            "status": "queued", "size": null, "os_glance_failed_import": "local",
            "os_glance_importing_to_stores": "", "checksum": null,
        });
        assert_image(&left, &expected);
        let again = Qcow2::sample().build();
        region.put(&id, &again).expect(204, "sent instead");
        region.delete(&id);
    }
}

#[test]
fn what_no_plugin_puts_back_is_importing_for_ever() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionFive");
    let id = region.import_new(qcow2(), &b"hello".repeat(1000), &direct());
    let left = region.wait_for_import(&id, "failure");
    let expected = json!({
        "status": "importing", "size": 5000, "os_glance_failed_import": "local",
        "os_glance_importing_to_stores": "", "stores": null,
    });
    assert_image(&left, &expected);
    for answer in [
        region.put(&id, b"hello"),
        region.stage(&id, b"hello"),
        region.import(&id, &direct()),
        region.import(&id, &pull("RegionOne", NOBODY)),
    ] {
        answer.expect(409, "of what is importing");
    }
    region.set(&id, &[("nid", json!("7"))]);
    region.delete(&id);
    assert_eq!(region.get(&id), None);
}

#[test]
fn content_gets_into_the_stores_that_are_asked_for() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionThree");
    let mut all = direct();
    all["all_stores"] = json!(true);
    for (body, stores) in [
        (direct(), "local"),
        (into_stores(direct(), &["archive"]), "archive"),
        (
            into_stores(direct(), &["archive", "local"]),
            "archive,local",
        ),
        (
            into_stores(direct(), &["local", "archive"]),
            "local,archive",
        ),
        (all, "local,archive"),
    ] {
        let id = region.import_new(queued(), b"hello", &body);
        let image = region.wait_for_import(&id, "success");
        assert_image(&image, &json!({"stores": stores, "checksum": HELLO_MD5}));
        assert_eq!(region.content(&id), b"hello");
        let is_local = region.facts.images_dir.join(&id).exists();
        assert_eq!(is_local, stores.contains("local"), "{stores}");
        region.delete(&id);
        assert!(!region.facts.images_dir.join(&id).exists());
    }
    for (store, status) in [("archive", 204), ("local", 204), ("nowhere", 400)] {
        let id = region.create(queued());
        region.put_into(&id, b"hello", store).expect(status, store);
        if status == 204 {
            assert_eq!(region.get(&id).unwrap()["stores"], store);
        }
    }
}

#[test]
fn all_stores_must_take_it_or_one_is_enough() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionThree");
    // A store never overwrites a file.
    let blocked = || {
        let id = region.create(queued());
        std::fs::write(region.facts.images_dir.join(&id), "in the way").unwrap();
        region.stage(&id, b"hello").expect(204, "stage");
        id
    };
    let both = into_stores(direct(), &["archive", "local"]);
    let id = blocked();
    region.import(&id, &both).expect(202, "import");
    let left = region.wait_for_import(&id, "failure");
    let expected = json!({
        "status": "importing", "size": null, "checksum": null, "stores": null,
        "os_glance_failed_import": "local", "os_glance_importing_to_stores": "",
    });
    assert_image(&left, &expected);
    region.delete(&id);
    let any = |stores| {
        let mut body = into_stores(direct(), stores);
        body["all_stores_must_succeed"] = json!(false);
        body
    };
    let id = blocked();
    region
        .import(&id, &any(&["local", "archive"]))
        .expect(202, "import");
    let image = region.wait_for_import(&id, "success");
    let expected = json!({
        "status": "active", "checksum": HELLO_MD5, "stores": "archive",
        "os_glance_failed_import": "local", "os_glance_importing_to_stores": "",
    });
    assert_image(&image, &expected);
    let id = blocked();
    region.import(&id, &any(&["local"])).expect(202, "import");
    let left = region.wait_for_import(&id, "failure");
    let expected = json!({"status": "queued", "stores": null, "os_glance_failed_import": "local"});
    assert_image(&left, &expected);
}

#[test]
fn a_region_may_take_imports_only() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionFour");
    let id = region.create(queued());
    region.put(&id, b"hello").expect(403, "by policy");
    assert_eq!(region.get(&id).unwrap()["status"], "queued");
    region.stage(&id, b"hello").expect(204, "stage");
    region.import(&id, &direct()).expect(202, "import");
    let image = region.wait_for_import(&id, "success");
    assert_image(&image, &json!({"checksum": HELLO_MD5, "injected": "yes"}));
}

#[test]
fn another_project_may_neither_stage_nor_import() {
    let fleet = Fleet::with_import_regions();
    let region = fleet.region("RegionFive");
    let id = region.create(queued().with("visibility", "public"));
    let answer = region.stage_as(Who::Foreign, &id, b"hello");
    answer.expect(403, "a stranger's stage");
    region.stage(&id, b"hello").expect(204, "stage");
    let answer = region.import_as(Who::Foreign, &id, &direct());
    answer.expect(403, "a stranger's import");
    region.import(&id, &direct()).expect(202, "import");
    region.wait_for_import(&id, "success");
    assert_eq!(region.tasks_as(Who::Foreign, &id), [] as [Value; 0]);
}

#[test]
fn what_is_deleted_meanwhile_leaves_nothing() {
    let fleet = Fleet::with_import_regions();
    let source = fleet
        .master()
        .create(NewImage::new("source", vec![7; 8 << 20]));
    let region = fleet.region("RegionFive");
    let staged = region.create(queued());
    region.stage(&staged, b"hello").expect(204, "stage");
    region.delete(&staged);
    let id = region.pull_new(queued(), "RegionOne", &source);
    region.delete(&id);
    assert_eq!(region.get(&id), None);
    let folder = region.facts.images_dir.parent().unwrap().to_owned();
    wait_until("folders without anything of those images", || {
        ["images", "staging"].iter().all(|name| {
            let mut files = std::fs::read_dir(folder.join(name)).unwrap();
            files.all(|file| {
                let name = file.unwrap().file_name().into_string().unwrap();
                !name.contains(&id) && !name.contains(&staged)
            })
        })
    });
}
