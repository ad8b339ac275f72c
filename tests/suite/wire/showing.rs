//! One image (`GET /v2/images/{id}`).

use serde_json::json;

use super::pair::image;
use super::{ask, compare};

#[test]
#[ignore = "needs the lab"]
fn images_are_shown_alike() {
    compare(|pair| {
        pair.create_active(
            "own",
            json!({
                "visibility": "private", "tags": ["b", "a:b"], "min_disk": 3, "min_ram": 512,
                "nid": "1", "kernel_id": "", "type": "",
            }),
            b"abc",
        );
        pair.create_active("public", json!({"visibility": "public"}), b"");
        pair.create("queued", json!({}));
        pair.create(
            "hidden",
            json!({"os_hidden": true, "visibility": "community"}),
        );
        pair.create(
            "unset",
            json!({"name": null, "disk_format": null, "container_format": null}),
        );
        for (name, visibility) in [("theirs", "private"), ("offered", "shared")] {
            let attributes = json!({"visibility": visibility});
            let request = ask("POST /v2/images 201").foreign();
            pair.check(request.json(image(name, attributes)));
        }
        for name in [
            "own", "public", "queued", "hidden", "unset", "theirs", "offered",
        ] {
            pair.show(name);
        }
        for (name, status) in [
            ("public", 200),
            ("hidden", 200),
            ("theirs", 200),
            ("offered", 200),
            ("own", 404),
            ("queued", 404),
            ("absent", 404),
        ] {
            pair.check(ask(&format!("GET /v2/images/<{name}> {status}")).foreign());
        }
        pair.check_all([
            "GET /v2/images/<absent> 404",
            "GET /v2/images/nothing 404",
            "GET /v2/images/%20 404",
        ]);
        for accept in ["text/html", "*/*", ""] {
            pair.check(ask("GET /v2/images/<own> 200").accept(accept));
        }
    });
}

#[test]
#[ignore = "needs the lab"]
fn the_strict_schema_shows_null_alike() {
    compare(|pair| {
        pair.check(
            ask("POST /v2/images 201")
                .strict()
                .json(image("a", json!({}))),
        );
        let kernel = json!({"kernel_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"});
        pair.check(ask("POST /v2/images 201").strict().json(image("b", kernel)));
        pair.check(
            ask("POST /v2/images 201")
                .strict()
                .json(image("c", json!({"kernel_id": null}))),
        );
        for name in ["a", "b", "c"] {
            pair.check(ask(&format!("GET /v2/images/<{name}> 200")).strict());
        }
        pair.check(ask("GET /v2/images?limit=1000 200").strict());
    });
}
