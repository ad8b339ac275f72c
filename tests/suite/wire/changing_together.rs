//! Several changes in one request, who may change what, and requests that are no changes.

use serde_json::json;

use super::changing::{add, patch, remove, replace};
use super::pair::image;
use super::{ask, compare};

#[test]
#[ignore = "needs the lab"]
fn several_changes_are_made_together_or_not_at_all() {
    compare(|pair| {
        pair.create_active("a", json!({"nid": "1", "tags": ["x"]}), b"abc");
        pair.check(patch(
            200,
            json!([
                replace("visibility", "public"),
                replace("protected", true),
                replace("tags", json!(["q", "r:s"])),
                add("type", "x"),
                remove("nid"),
                replace("name", "b"),
            ]),
        ));
        for (status, last) in [
            (409, remove("absent")),
            (409, replace("absent", "x")),
            (403, replace("size", 1)),
            (403, remove("name")),
            (403, replace("disk_format", "iso")),
            (400, add("x", 1)),
        ] {
            let changes = json!([
                replace("name", "changed"),
                replace("visibility", "private"),
                add("nid", "9"),
                remove("type"),
                last,
            ]);
            pair.check(patch(status, changes));
            pair.show("a");
        }
        pair.check(patch(
            200,
            json!([add("y", "1"), replace("y", "2"), remove("y")]),
        ));
        pair.check(patch(409, json!([remove("type"), remove("type")])));
        pair.check(patch(200, json!([])));
        pair.show("a");
    });
}

#[test]
#[ignore = "needs the lab"]
fn who_may_change_what_is_decided_alike() {
    compare(|pair| {
        pair.create_active("a", json!({"visibility": "public"}), b"abc");
        pair.create("own", json!({"visibility": "private"}));
        let create = ask("POST /v2/images 201").foreign();
        pair.check(create.json(image("theirs", json!({"visibility": "private"}))));
        pair.check(patch(403, json!([replace("name", "x")])).foreign());
        let change = |name: &str, status: u16, change: &serde_json::Value| {
            ask(&format!("PATCH /v2/images/<{name}> {status}")).changes(json!([change]))
        };
        pair.check_all([
            change("own", 404, &replace("name", "x")).foreign(),
            change("absent", 404, &replace("name", "x")),
            change("theirs", 200, &replace("name", "x")).foreign(),
            change("theirs", 200, &replace("visibility", "community")).foreign(),
            change("theirs", 403, &replace("visibility", "public")).foreign(),
            change("theirs", 200, &replace("os_hidden", true)).foreign(),
            change("theirs", 403, &replace("owner", "<sync:project>")).foreign(),
            change("theirs", 200, &replace("name", "by admin")),
            change("theirs", 200, &replace("visibility", "public")),
            change("theirs", 200, &add("x", "y")).foreign(),
        ]);
        pair.show("theirs");
        pair.check("DELETE /v2/images/<own> 204");
        pair.check(change("own", 404, &replace("name", "x")));
    });
}

#[test]
#[ignore = "needs the lab"]
fn what_is_no_change_is_refused_alike() {
    compare(|pair| {
        pair.create_active("a", json!({"x": "1"}), b"abc");
        for changes in [
            json!({}),
            json!("x"),
            json!(["x"]),
            json!([{"path": "/x", "value": "1"}]),
            json!([{"op": "move", "path": "/x", "value": "1"}]),
            json!([{"op": "test", "path": "/x", "value": "1"}]),
            json!([{"op": "add", "value": "1"}]),
            json!([{"op": "add", "path": "/x"}]),
            json!([{"op": "replace", "path": "/x"}]),
        ] {
            pair.check(patch(400, changes));
        }
        for path in [
            "x", "", "/a/b", "/a//b", "/a/", "/a~2", "/a~", "//", "/name/x",
        ] {
            let change = json!({"op": "add", "path": path, "value": "v"});
            pair.check(patch(400, json!([change])));
        }
        for text in ["[", ""] {
            let kind = "application/openstack-images-v2.1-json-patch";
            pair.check(ask("PATCH /v2/images/<a> 400").bytes(kind, text));
        }
        pair.show("a");
    });
}

#[test]
#[ignore = "needs the lab"]
fn media_types_are_told_apart_alike() {
    compare(|pair| {
        pair.create_active("a", json!({}), b"abc");
        let change = json!([replace("name", "x")]);
        let ask_as = |status: u16, kind: &str, changes: &serde_json::Value| {
            ask(&format!("PATCH /v2/images/<a> {status}")).document(kind, changes.clone())
        };
        let usual = "application/openstack-images-v2.1-json-patch";
        pair.check(ask_as(200, usual, &change));
        pair.check(ask_as(200, &format!("{usual}; charset=utf-8"), &change));
        for kind in [
            "application/json",
            "application/json-patch+json",
            "text/plain",
            "application/openstack-images-v2.2-json-patch",
        ] {
            pair.check(ask_as(415, kind, &change));
            pair.check(ask_as(415, kind, &change).accept(""));
        }
        pair.check("PATCH /v2/images/<a> 415");
        let older = "application/openstack-images-v2.0-json-patch";
        for (status, changes) in [
            (200, json!([{"add": "/z", "value": "1"}])),
            (409, json!([{"add": "/z", "value": "1"}])),
            (200, json!([{"replace": "/z", "value": "2"}])),
            (200, json!([{"remove": "/z"}])),
            (409, json!([{"remove": "/z"}])),
            (409, json!([{"add": "/name", "value": "1"}])),
            (400, json!([{"remove": "/z", "add": "/z"}])),
            (400, json!([{}])),
            (400, change),
        ] {
            pair.check(ask_as(status, older, &changes));
        }
        pair.show("a");
    });
}
