//! Every path that the embedded servers answer, each with what is malformed, missing, doubled or
//! somebody else's: one table, `every_path.txt`, whose first lines say how it is read.

use serde_json::json;

use super::case::{Body, Case, ask};
use super::compare;
use super::pair::{Pair, image};

const TABLE: &str = include_str!("every_path.txt");

/// A row of the table as a request.
fn case(row: &str) -> Case {
    let mut words = row.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_else(|| panic!("too short: {row}"));
    let (who, method, path) = (word(), word(), word());
    let last = word();
    let (status, mut rest) = last.split_once(' ').unwrap_or((last, ""));
    let mut case = ask(&format!("{method} {path} {status}"));
    if who.starts_with('k') {
        case = case.keystone();
    }
    case = match who.trim_start_matches('k') {
        "s" => case.token("<sync:token>"),
        "f" => case.token("<foreign:token>"),
        "n" => case.nobody(),
        other => panic!("nobody is called {other}: {row}"),
    };
    while let Some(header) = rest.strip_prefix('@') {
        let (header, behind) = header.split_once(' ').unwrap_or((header, ""));
        rest = behind;
        case = match header {
            "json" => case.header("Content-Type", "application/json"),
            "patch" => case.header(
                "Content-Type",
                "application/openstack-images-v2.1-json-patch",
            ),
            "octets" => case.header("Content-Type", "application/octet-stream"),
            header => {
                let (name, value) = header.split_once('=').expect("a header's value");
                case.header(name, &value.replace("%20", " "))
            }
        };
    }
    if !rest.is_empty() {
        let text = rest.strip_prefix("EMPTY").unwrap_or(rest);
        case.body = Body::Text(text.replace("LONG", &"x".repeat(256)));
    }
    case
}

/// The images that the rows name.
fn prepare(pair: &mut Pair) {
    pair.create_active("public", json!({"visibility": "public"}), b"hello");
    pair.create_active("own", json!({"visibility": "private"}), b"hello");
    pair.create("queued", json!({"tags": ["t"], "x": "1"}));
    pair.create("waiting", json!({}));
    pair.create("shared", json!({"visibility": "shared"}));
    pair.create("protected", json!({"protected": true}));
    for (name, visibility) in [("theirs", "private"), ("offered", "shared")] {
        let create = ask("POST /v2/images 201").foreign();
        pair.check(create.json(image(name, json!({"visibility": visibility}))));
    }
}

#[test]
#[ignore = "needs the lab"]
fn every_path_is_answered_alike() {
    compare(|pair| {
        prepare(pair);
        for row in TABLE.lines() {
            if !row.is_empty() && !row.starts_with('#') {
                pair.check(case(row));
            }
        }
    });
}
