//! Single changes of metadata (`PATCH /v2/images/{id}`).

use serde_json::{Value, json};

use super::pair::Pair;
use super::{Case, ask, compare};

/// A patch of the image `a`.
pub(super) fn patch(status: u16, changes: Value) -> Case {
    ask(&format!("PATCH /v2/images/<a> {status}")).changes(changes)
}

pub(super) fn add(name: &str, value: impl Into<Value>) -> Value {
    json!({"op": "add", "path": format!("/{name}"), "value": value.into()})
}

pub(super) fn replace(name: &str, value: impl Into<Value>) -> Value {
    json!({"op": "replace", "path": format!("/{name}"), "value": value.into()})
}

pub(super) fn remove(name: &str) -> Value {
    json!({"op": "remove", "path": format!("/{name}")})
}

/// One change each, in order.
fn check_each(pair: &mut Pair, changes: impl IntoIterator<Item = (u16, Value)>) {
    for (status, change) in changes {
        pair.check(patch(status, json!([change])));
    }
}

#[test]
#[ignore = "needs the lab"]
fn properties_are_changed_alike() {
    compare(|pair| {
        pair.create_active("a", json!({"nid": "1"}), b"abc");
        check_each(
            pair,
            [
                (200, add("nid", "2")),
                (200, add("type", "x")),
                (200, replace("type", "y")),
                (200, replace("type", "")),
                (200, add("long", "x".repeat(3000))),
                (200, add("\u{e4} b", "\u{20ac}")),
                (200, add("a~1b~0c", "v")),
                (200, remove("a~1b~0c")),
                (409, remove("a~1b~0c")),
                (200, remove("nid")),
                (409, remove("nid")),
                (409, replace("nid", "3")),
                (400, add("nid", Value::Null)),
                (400, add("nid", 1)),
                (400, add("nid", true)),
                (400, add("nid", json!(["x"]))),
                (400, replace("type", json!({"x": "y"}))),
                (400, add("nid", "\u{1f600}")),
                (200, add("is_public", "True")),
                (200, add("kernel_id", "")),
                (200, add("kernel_id", "anything")),
                (400, add("kernel_id", Value::Null)),
            ],
        );
        pair.show("a");
        let upto = |count: usize| -> Value {
            (0..count)
                .map(|number| add(&format!("p{number}"), "x"))
                .collect()
        };
        pair.check(patch(413, upto(128)));
        pair.check(patch(200, upto(120)));
        pair.show("a");
    });
}

#[test]
#[ignore = "needs the lab"]
fn attributes_are_changed_alike() {
    compare(|pair| {
        pair.create_active("a", json!({}), b"abc");
        check_each(
            pair,
            [
                (200, replace("name", "b")),
                (200, add("name", "a.old")),
                (200, replace("name", Value::Null)),
                (400, replace("name", "x".repeat(256))),
                (400, replace("name", 5)),
                (400, replace("name", "\u{1f600}")),
                (200, replace("visibility", "private")),
                (200, replace("visibility", "public")),
                (200, replace("visibility", "community")),
                (400, replace("visibility", "all")),
                (400, replace("visibility", Value::Null)),
                (200, replace("protected", true)),
                (200, replace("protected", false)),
                (400, replace("protected", "no")),
                (200, replace("os_hidden", true)),
                (200, replace("os_hidden", false)),
                (200, replace("tags", json!(["x", "y:z", "x"]))),
                (200, add("tags", json!([]))),
                (400, replace("tags", "x")),
                (400, replace("tags", json!([1]))),
                (400, replace("tags", json!(["x".repeat(256)]))),
                (400, add("tags/-", "x")),
                (200, replace("min_disk", 7)),
                (200, replace("min_ram", 0)),
                (400, replace("min_disk", -1)),
                (400, replace("min_disk", "7")),
                (400, replace("min_disk", Value::Null)),
                (400, replace("min_ram", 2_147_483_648_u64)),
                (403, replace("disk_format", "qcow2")),
                (403, replace("disk_format", "raw")),
                (400, replace("disk_format", "floppy")),
                (403, replace("container_format", "ovf")),
                (200, replace("owner", "<foreign:project>")),
                (200, replace("owner", "<sync:project>")),
            ],
        );
        let tags: Vec<String> = (0..129).map(|number| format!("t{number}")).collect();
        pair.check(patch(413, json!([replace("tags", tags)])));
        for name in [
            "name",
            "visibility",
            "protected",
            "os_hidden",
            "tags",
            "min_disk",
            "min_ram",
            "disk_format",
            "container_format",
            "owner",
        ] {
            pair.check(patch(403, json!([remove(name)])));
        }
        pair.show("a");
    });
}

#[test]
#[ignore = "needs the lab"]
fn what_glance_keeps_for_itself_is_refused_alike() {
    compare(|pair| {
        pair.create_active("a", json!({}), b"abc");
        for name in [
            "id",
            "status",
            "size",
            "virtual_size",
            "checksum",
            "os_hash_algo",
            "os_hash_value",
            "created_at",
            "updated_at",
            "self",
            "file",
            "schema",
            "direct_url",
            "os_glance_x",
            "location",
            "deleted",
            "deleted_at",
        ] {
            check_each(
                pair,
                [
                    (403, add(name, "x")),
                    (403, replace(name, "x")),
                    (403, remove(name)),
                ],
            );
        }
        check_each(
            pair,
            [
                (
                    403,
                    add("locations/-", json!({"url": "file:///x", "metadata": {}})),
                ),
                (403, replace("locations", json!([]))),
                (403, remove("locations/0")),
            ],
        );
        pair.show("a");
    });
}

#[test]
#[ignore = "needs the lab"]
fn formats_of_a_queued_image_are_changed_alike() {
    compare(|pair| {
        pair.create("a", json!({"disk_format": null, "container_format": null}));
        check_each(
            pair,
            [
                (200, replace("disk_format", "qcow2")),
                (200, add("container_format", "bare")),
                (200, replace("disk_format", Value::Null)),
                (403, remove("disk_format")),
            ],
        );
        pair.show("a");
    });
}

#[test]
#[ignore = "needs the lab"]
fn kernels_are_changed_alike_under_the_strict_schema() {
    compare(|pair| {
        let created = super::pair::image("a", json!({}));
        pair.check(ask("POST /v2/images 201").strict().json(created));
        for (status, change) in [
            (
                200,
                add("kernel_id", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
            ),
            (
                200,
                replace("kernel_id", "3F2504E0-4F89-41D3-9A0C-0305E82C3301"),
            ),
            (200, replace("kernel_id", Value::Null)),
            (400, add("kernel_id", "")),
            (400, add("ramdisk_id", "initrd")),
            (400, add("kernel_id", 5)),
            (200, remove("kernel_id")),
            (409, remove("kernel_id")),
            (409, replace("kernel_id", Value::Null)),
            (200, add("ramdisk_id", Value::Null)),
            (200, add("nid", "")),
        ] {
            pair.check(patch(status, json!([change])).strict());
            pair.check(ask("GET /v2/images/<a> 200").strict());
        }
    });
}
