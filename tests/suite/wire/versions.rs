//! What can be asked for without a token, and refusals of who has none.

use super::{ask, compare};

#[test]
#[ignore = "needs the lab"]
fn versions_are_told_alike() {
    compare(|pair| {
        for line in [
            "GET / 300",
            "GET /v3 200",
            "GET /v3/ 200",
            "GET /v2.0 404",
            "POST /v2.0/tokens 404",
            "GET /v3/nothing 404",
        ] {
            pair.check(ask(line).keystone());
        }
        for line in [
            "GET / 300",
            "GET /versions 200",
            "GET /v1 300",
            "GET /v1/images 300",
            "GET /v3 300",
            "GET /nothing 300",
            "GET /v2 401",
            "GET /v2/ 401",
            "GET /v2.0/images 401",
        ] {
            pair.check(ask(line).nobody());
        }
        pair.check_all([
            "GET /v2/ 404",
            "GET /v2/nothing 404",
            "GET /v2/images/ 404",
            "GET /v2.0/images 200",
            "GET /v2.9/images 200",
            "GET /v2/info/import 200",
        ]);
    });
}

#[test]
#[ignore = "needs the lab"]
fn who_has_no_token_is_refused_alike() {
    compare(|pair| {
        pair.create_active("a", serde_json::json!({"visibility": "public"}), b"abc");
        for line in [
            "GET /v2/images 401",
            "GET /v2/images/<a> 401",
            "GET /v2/images/<a>/file 401",
            "POST /v2/images 401",
            "PUT /v2/images/<a>/file 401",
            "PATCH /v2/images/<a> 401",
            "DELETE /v2/images/<a> 401",
        ] {
            for accept in ["application/json", "text/html", "*/*", ""] {
                pair.check(ask(line).nobody().accept(accept));
                pair.check(ask(line).token("wrong").accept(accept));
            }
        }
        pair.check(ask("GET /v2/images 401").token(&format!("gAAAAA{}", "x".repeat(180))));
        pair.check(ask("GET /v2/images 401").token(""));
    });
}

#[test]
#[ignore = "needs the lab"]
fn errors_are_written_as_they_are_asked_for() {
    compare(|pair| {
        for accept in [
            "application/json",
            "text/html",
            "text/plain",
            "*/*",
            "image/png",
            "application/json, text/html",
            "text/html;q=0.5, application/json",
            "",
        ] {
            pair.check(ask("GET /v2/images/<absent> 404").accept(accept));
            pair.check(ask("GET /v2/images?limit=x 400").accept(accept));
            pair.check(ask("GET /v2/images/<absent>/file 404").accept(accept));
        }
        // What stands in the message is escaped, in its explanation and in its detail.
        for accept in ["application/json", "text/html", "text/plain", ""] {
            let reserved = serde_json::json!({"os_glance_x": "1"});
            pair.check(ask("POST /v2/images 403").json(reserved).accept(accept));
            let line = "GET /v2/images?name=in%3A%22'%26 400";
            pair.check(ask(line).accept(accept));
        }
        for line in [
            "PUT /v2/images 405",
            "DELETE /v2/images 405",
            "POST /v2/images/<absent> 405",
            "DELETE /v2/images/<absent>/file 405",
            "GET /v2/images/<absent>/tags/x 405",
        ] {
            pair.check(line);
        }
        // A request may bring an id of its own.
        for id in ["abc", "req-3f2504e0-4f89-41d3-9a0c-0305e82c3301"] {
            pair.check(ask("GET /v2/images/<absent> 404").header("X-OpenStack-Request-ID", id));
        }
    });
}
