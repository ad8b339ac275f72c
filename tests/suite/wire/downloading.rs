//! Fetching content (`GET /v2/images/{id}/file`).

use serde_json::json;

use super::{ask, compare};

#[test]
#[ignore = "needs the lab"]
fn content_is_given_alike() {
    compare(|pair| {
        pair.create_active("a", json!({"visibility": "public"}), b"hello");
        pair.create_active("empty", json!({"visibility": "public"}), b"");
        pair.create_active("own", json!({"visibility": "private"}), &[9; 5000]);
        pair.create("queued", json!({"visibility": "community"}));
        for name in ["a", "empty", "own"] {
            for accept in ["application/json", "application/octet-stream", "*/*", ""] {
                pair.check(ask(&format!("GET /v2/images/<{name}>/file 200")).accept(accept));
            }
        }
        for (range, status) in [
            ("bytes=0-1", 206),
            ("bytes=1-", 206),
            ("bytes=0-", 206),
            ("bytes=-2", 206),
            ("bytes=-99", 206),
            ("bytes=0-99", 206),
            ("bytes=4-4", 206),
            ("bytes=5-", 416),
            ("bytes=9-", 416),
            ("bytes=2-1", 416),
            ("bytes=x", 416),
            ("lines=0-1", 416),
            ("bytes=0-1,3-4", 400),
        ] {
            pair.check(ask(&format!("GET /v2/images/<a>/file {status}")).header("Range", range));
        }
        pair.check(ask("GET /v2/images/<empty>/file 416").header("Range", "bytes=0-"));
        pair.check("GET /v2/images/<queued>/file 204");
        pair.check("GET /v2/images/<absent>/file 404");
        for line in [
            "GET /v2/images/<a>/file 200",
            "GET /v2/images/<queued>/file 204",
            "GET /v2/images/<own>/file 404",
        ] {
            pair.check(ask(line).foreign());
        }
    });
}

#[test]
#[ignore = "needs the lab"]
fn what_is_deactivated_is_given_alike() {
    compare(|pair| {
        pair.create_active("a", json!({"visibility": "public", "nid": "1"}), b"hello");
        pair.create("queued", json!({}));
        pair.check(ask("POST /v2/images/<a>/actions/deactivate 403").foreign());
        pair.check("POST /v2/images/<a>/actions/deactivate 204");
        pair.check("POST /v2/images/<a>/actions/deactivate 204");
        pair.show("a");
        pair.check("GET /v2/images?status=deactivated 200");
        pair.check("GET /v2/images/<a>/file 200");
        pair.check(ask("GET /v2/images/<a>/file 403").foreign());
        pair.check(ask("GET /v2/images/<a>/file 403").foreign().accept("*/*"));
        pair.check(ask("GET /v2/images/<a> 200").foreign());
        let changes = json!([{"op": "add", "path": "/nid", "value": "2"}]);
        pair.check(ask("PATCH /v2/images/<a> 200").changes(changes));
        pair.check("POST /v2/images/<a>/actions/reactivate 204");
        pair.check("POST /v2/images/<a>/actions/reactivate 204");
        pair.show("a");
        pair.check_all([
            "POST /v2/images/<queued>/actions/deactivate 403",
            "POST /v2/images/<queued>/actions/reactivate 403",
            "POST /v2/images/<absent>/actions/deactivate 404",
        ]);
    });
}
