//! The list of images (`GET /v2/images`).

use serde_json::json;

use super::pair::{Pair, image};
use super::{ask, compare};

/// Names that a filter's syntax or a query's encoding may stumble over.
const ODD_NAMES: [&str; 14] = [
    "eq:a",
    "in:a,b",
    "neq:a",
    "gt:a",
    "a:b",
    "a,b",
    "\"a\"",
    "\"a,b\"",
    " a ",
    "a+b",
    "a&b=c",
    "100%",
    "\u{e4}\u{20ac}",
    "",
];

/// Images of both users, of every visibility and of several states.
fn prepare(pair: &mut Pair) {
    pair.create_active(
        "a",
        json!({"visibility": "public", "tags": ["x", "y:z"], "nid": "1"}),
        b"abc",
    );
    pair.create_active("b", json!({"visibility": "private", "nid": "2"}), b"abcdef");
    pair.create("c", json!({"visibility": "shared", "protected": true}));
    pair.create("d", json!({"visibility": "community", "tags": ["x"]}));
    pair.create_active(
        "hidden",
        json!({"os_hidden": true, "visibility": "public"}),
        b"",
    );
    pair.create(
        "unnamed",
        json!({"name": null, "disk_format": null, "container_format": null}),
    );
    for (name, visibility) in [("e", "private"), ("f", "shared"), ("g", "community")] {
        let attributes = json!({"visibility": visibility});
        pair.check(
            ask("POST /v2/images 201")
                .foreign()
                .json(image(name, attributes)),
        );
    }
}

fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

#[test]
#[ignore = "needs the lab"]
fn an_empty_list_is_given_alike() {
    compare(|pair| {
        for query in [
            "",
            "?limit=1000",
            "?limit=1000&os_hidden=true",
            "?limit=1000&name=eq%3Aa",
            "?visibility=all",
        ] {
            let line = format!("GET /v2/images{query} 200");
            pair.check(ask(&line));
            pair.check(ask(&line).foreign());
        }
    });
}

#[test]
#[ignore = "needs the lab"]
fn lists_are_filtered_alike() {
    compare(|pair| {
        prepare(pair);
        for query in [
            "",
            "?limit=1000",
            "?limit=1000&os_hidden=true",
            "?limit=1000&name=eq%3Aa",
            "?os_hidden=false",
            "?os_hidden=True",
            "?visibility=all",
            "?visibility=public",
            "?visibility=private",
            "?visibility=shared",
            "?visibility=community",
            "?visibility=all&os_hidden=true",
            "?status=active",
            "?status=queued",
            "?status=x",
            "?visibility=",
            "?name=eq%3A%22a",
            "?status=in%3Aactive,queued",
            "?tag=x",
            "?tag=y%3Az",
            "?tag=x&tag=y%3Az",
            "?tag=absent",
            "?tag=",
            "?owner=<sync:project>",
            "?owner=<foreign:project>",
            "?owner=nobody",
            "?owner=",
            "?id=<a>",
            "?id=absent",
            "?id=in%3A<a>,<b>",
            "?protected=true",
            "?nid=1",
            "?unknown=1",
            "?size_min=4",
            "?size_max=4",
            "?disk_format=raw",
            "?name=a&name=b",
            "?name=",
            "?name=A",
            "?name=in%3Aa,b",
            "?name=in%3A%22a%22,b",
            "?name=a&status=active&tag=x",
            "?checksum=900150983cd24fb0d6963f7d28e17f72",
            "?member_status=all",
            "?member_status=all&visibility=shared",
        ] {
            let line = format!("GET /v2/images{query} 200");
            pair.check(ask(&line));
            pair.check(ask(&line).foreign());
        }
        for query in [
            "?visibility=x",
            "?name=neq%3Aa",
            "?os_hidden=x",
            "?protected=x",
            "?size_min=x",
            "?name=x%3Aa",
            "?name=in%3A%22a",
            "?member_status=x",
            "?created_at=x",
        ] {
            let line = format!("GET /v2/images{query} 400");
            pair.check(ask(&line));
        }
        for accept in ["text/html", "*/*", ""] {
            pair.check(ask("GET /v2/images 200").accept(accept));
        }
    });
}

#[test]
#[ignore = "needs the lab"]
fn odd_names_are_found_alike() {
    compare(|pair| {
        for (number, name) in ODD_NAMES.iter().enumerate() {
            pair.create(&format!("odd{number}"), json!({"name": name}));
        }
        pair.create("upper", json!({"name": "A:B"}));
        for name in ODD_NAMES {
            let name = encoded(name);
            // As the program asks, and without the operator.
            pair.check(ask(&format!(
                "GET /v2/images?limit=1000&name=eq%3A{name} 200"
            )));
            let status = if name.starts_with("%22") { 400 } else { 200 };
            pair.check(ask(&format!(
                "GET /v2/images?name=in%3A%22{name}%22 {status}"
            )));
        }
        for (name, status) in [("a:b", 400), ("gt:a", 400), ("in:a,b", 200)] {
            let name = encoded(name);
            pair.check(ask(&format!("GET /v2/images?name={name} {status}")));
        }
        pair.check(ask("GET /v2/images?name=eq%3A%F0%9F%98%80 200"));
        pair.check(ask("GET /v2/images?name=eq%3A%FF 400"));
    });
}

#[test]
#[ignore = "needs the lab"]
fn lists_are_paged_alike() {
    compare(|pair| {
        prepare(pair);
        for query in [
            "?limit=0",
            "?limit=1",
            "?limit=2",
            "?limit=2&marker=<d>",
            "?limit=2&marker=<b>",
            "?limit=2&marker=<a>",
            "?limit=1000",
            "?limit=1001",
            "?limit=99999999999",
            "?marker=<e>",
            "?marker=<hidden>",
            "?limit=1&os_hidden=true",
            "?limit=1&visibility=all",
            "?limit=1&name=eq%3Aa",
            "?limit=1&tag=x&status=queued",
            "?limit=2&sort=name:asc",
            "?limit=2&sort=name:asc&marker=<b>",
            "?limit=2&sort_key=name&sort_dir=asc",
            "?sort=size:desc,name:asc",
            "?limit=1&unknown=a%20b",
            "?limit=1&name=in%3Aa,b",
        ] {
            pair.check(ask(&format!("GET /v2/images{query} 200")));
        }
        for query in [
            "?limit=-1",
            "?limit=x",
            "?limit=",
            "?limit=1.5",
            "?marker=<absent>",
            "?marker=nothing",
            "?sort=x",
            "?sort=name:x",
            "?sort_dir=x",
        ] {
            pair.check(ask(&format!("GET /v2/images{query} 400")));
        }
        // Not to be seen, and so no marker.
        pair.check(ask("GET /v2/images?marker=<b> 403").foreign());
        pair.check(ask("GET /v2/images?marker=<a> 200").foreign());
        pair.check("DELETE /v2/images/<d> 204");
        pair.check("GET /v2/images?marker=<d> 200");
    });
}
