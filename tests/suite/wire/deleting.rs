//! Deleting images, and their tags one by one.

use serde_json::json;

use super::changing::{patch, replace};
use super::pair::image;
use super::{ask, compare};

#[test]
#[ignore = "needs the lab"]
fn images_are_deleted_alike() {
    compare(|pair| {
        pair.create_active("own", json!({}), b"abc");
        pair.create("queued", json!({}));
        pair.create_active(
            "a",
            json!({"visibility": "public", "protected": true}),
            b"abc",
        );
        pair.create_active("hidden", json!({"os_hidden": true}), b"abc");
        pair.create_active("sleeping", json!({}), b"abc");
        let create = ask("POST /v2/images 201").foreign();
        pair.check(create.json(image("theirs", json!({}))));
        pair.check("POST /v2/images/<sleeping>/actions/deactivate 204");
        for line in [
            "DELETE /v2/images/<own> 404",
            "DELETE /v2/images/<a> 403",
            "DELETE /v2/images/<absent> 404",
        ] {
            pair.check(ask(line).foreign());
        }
        for accept in ["application/json", "text/html", ""] {
            pair.check(ask("DELETE /v2/images/<a> 403").accept(accept));
            pair.check(ask("DELETE /v2/images/<absent> 404").accept(accept));
        }
        pair.check_all([
            "DELETE /v2/images/<own> 204",
            "DELETE /v2/images/<own> 404",
            "GET /v2/images/<own> 404",
            "GET /v2/images/<own>/file 404",
            "DELETE /v2/images/<queued> 204",
            "DELETE /v2/images/<hidden> 204",
            "DELETE /v2/images/<sleeping> 204",
            "DELETE /v2/images/nothing 404",
            "DELETE /v2/images/<theirs> 204",
            "GET /v2/images?visibility=all 200",
        ]);
        // It is still there, and its content with it.
        pair.check(patch(200, json!([replace("name", "renamed")])));
        pair.check("GET /v2/images/<a>/file 200");
        pair.check(patch(200, json!([replace("protected", false)])));
        pair.check(ask("DELETE /v2/images/<a> 403").foreign());
        pair.check("DELETE /v2/images/<a> 204");
        pair.check("GET /v2/images?visibility=all 200");
    });
}

#[test]
#[ignore = "needs the lab"]
fn tags_are_set_and_taken_alike() {
    compare(|pair| {
        pair.create("a", json!({"visibility": "public", "tags": ["x"]}));
        let long = "t".repeat(256);
        for (method, tag, status) in [
            ("PUT", "a%3Ab", 204),
            ("PUT", "a%3Ab", 204),
            ("PUT", "a%20b", 204),
            ("PUT", "%C3%A4", 204),
            ("PUT", &long[..255], 204),
            ("PUT", &long, 400),
            ("DELETE", "a%3Ab", 204),
            ("DELETE", "a%3Ab", 404),
            ("DELETE", "x", 204),
        ] {
            pair.check(format!("{method} /v2/images/<a>/tags/{tag} {status}").as_str());
        }
        pair.show("a");
        pair.check(ask("PUT /v2/images/<a>/tags/x 403").foreign());
        pair.check("PUT /v2/images/<absent>/tags/x 404");
        pair.check("DELETE /v2/images/<absent>/tags/x 404");
    });
}
