//! Creating images (`POST /v2/images`).

use serde_json::{Map, Value, json};

use super::pair::image;
use super::{Case, ask, compare};

fn create(status: u16, body: Value) -> Case {
    ask(&format!("POST /v2/images {status}")).json(body)
}

/// An image of that name with so many properties.
fn with_properties(name: &str, count: usize) -> Value {
    let properties: Map<String, Value> = (0..count)
        .map(|number| (format!("p{number}"), json!("x")))
        .collect();
    image(name, properties.into())
}

#[test]
#[ignore = "needs the lab"]
fn images_are_created_alike() {
    compare(|pair| {
        pair.check(create(201, json!({})));
        pair.check(create(201, json!({"name": "n"})));
        let as_the_program_does = json!({
            "id": "<full>", "name": "full, \"name\" \u{e4}", "visibility": "private",
            "protected": false, "min_disk": 3, "min_ram": 512, "tags": ["a", "b:c", "\u{e4}"],
            "disk_format": "qcow2", "container_format": "bare",
            "nid": "1", "type": "", "a b/c~d": "v", "\u{e4}": "\u{20ac}", "is_public": "True",
            "kernel_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "ramdisk_id": "",
        });
        pair.check(create(201, as_the_program_does.clone()));
        pair.check(create(409, as_the_program_does));
        pair.show("full");
        pair.check("DELETE /v2/images/<full> 204");
        pair.check(create(409, json!({"id": "<full>"})));
        for (name, attributes) in [
            ("public", json!({"visibility": "public"})),
            ("community", json!({"visibility": "community"})),
            ("protected", json!({"protected": true, "os_hidden": true})),
            ("repeated", json!({"name": "public", "tags": ["a", "a"]})),
            (
                "ami",
                json!({"disk_format": "ami", "container_format": "ami"}),
            ),
            ("docker", json!({"container_format": "docker"})),
            ("theirs", json!({"owner": "<foreign:project>"})),
            ("nobodys", json!({"owner": null})),
            (
                "long",
                json!({"name": "x".repeat(255), "tags": ["x".repeat(255)], "y": "z".repeat(3000)}),
            ),
            ("floating", json!({"min_disk": 3.0})),
            ("largest", json!({"min_ram": 2_147_483_647})),
        ] {
            pair.create(name, attributes);
        }
        let foreign = |status, name, attributes| create(status, image(name, attributes)).foreign();
        pair.check_all([
            foreign(201, "foreign1", json!({})),
            foreign(201, "foreign2", json!({"visibility": "community"})),
            foreign(403, "foreign3", json!({"visibility": "public"})),
            foreign(403, "foreign4", json!({"owner": "<sync:project>"})),
        ]);
        pair.check(create(201, with_properties("most", 128)));
        pair.check(create(413, with_properties("more", 129)));
        let tags: Vec<String> = (0..129).map(|number| format!("t{number}")).collect();
        pair.check(create(201, image("tags", json!({"tags": tags[..128]}))));
        pair.check(create(413, image("moretags", json!({"tags": tags}))));
        for accept in ["text/html", "*/*", ""] {
            pair.check(create(201, json!({})).accept(accept));
        }
    });
}

#[test]
#[ignore = "needs the lab"]
fn images_are_refused_alike() {
    compare(|pair| {
        // The id stays free whatever was refused.
        let refuse = |status, attributes| create(status, image("refused", attributes));
        for (name, value) in [
            ("status", json!("active")),
            ("checksum", json!("x")),
            ("size", json!(1)),
            ("virtual_size", json!(1)),
            ("created_at", json!("x")),
            ("updated_at", json!("x")),
            ("direct_url", json!("x")),
            ("self", json!("x")),
            ("file", json!("x")),
            ("schema", json!("x")),
            ("location", json!("x")),
            ("deleted", json!("x")),
            ("deleted_at", json!("x")),
            ("os_glance_x", json!("x")),
        ] {
            pair.check(refuse(403, json!({name: value})));
        }
        for (name, value) in [
            ("id", json!("nothing")),
            ("id", json!(5)),
            ("name", json!(5)),
            ("name", json!("x".repeat(256))),
            ("name", json!("\u{1f600}")),
            ("visibility", json!("all")),
            ("visibility", json!(null)),
            ("disk_format", json!("floppy")),
            ("disk_format", json!(1)),
            ("container_format", json!("box")),
            ("min_disk", json!(-1)),
            ("min_disk", json!("1")),
            ("min_disk", json!(null)),
            ("min_disk", json!(2_147_483_648_u64)),
            ("min_ram", json!(1.5)),
            ("protected", json!("yes")),
            ("protected", json!(null)),
            ("os_hidden", json!(1)),
            ("tags", json!("a")),
            ("tags", json!([1])),
            ("tags", json!(null)),
            ("tags", json!(["x".repeat(256)])),
            ("owner", json!(1)),
            ("nid", json!(1)),
            ("nid", json!(null)),
            ("nid", json!(true)),
            ("nid", json!(["a"])),
            ("nid", json!({"a": "b"})),
            ("nid", json!("\u{1f600}")),
            ("\u{1f600}", json!("x")),
            ("kernel_id", json!(null)),
        ] {
            pair.check(refuse(400, json!({name: value})));
        }
        pair.check(refuse(201, json!({})));
        pair.check(create(500, json!([])));
        for body in [json!("x"), json!(5), json!(null)] {
            pair.check(create(400, body));
        }
        for text in ["{", "", "\u{0}"] {
            pair.check(ask("POST /v2/images 400").bytes("application/json", text));
        }
        pair.check("POST /v2/images 400");
        pair.check(ask("POST /v2/images 201").document("text/plain", json!({})));
    });
}

#[test]
#[ignore = "needs the lab"]
fn the_strict_schema_refuses_alike() {
    compare(|pair| {
        for (number, (status, attributes)) in [
            (
                201,
                json!({"kernel_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}),
            ),
            (
                201,
                json!({"kernel_id": "3F2504E0-4F89-41D3-9A0C-0305E82C3301"}),
            ),
            (201, json!({"kernel_id": null, "ramdisk_id": null})),
            (400, json!({"kernel_id": ""})),
            (400, json!({"ramdisk_id": "initrd"})),
            (400, json!({"kernel_id": 5})),
            (
                201,
                json!({"instance_uuid": "", "architecture": "", "os_distro": "x"}),
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let body = image(&format!("i{number}"), attributes);
            pair.check(create(status, body).strict());
        }
    });
}
