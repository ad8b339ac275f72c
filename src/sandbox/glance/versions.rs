//! The versions of the API: which one a path asks for, and the list of them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::replies::unescaped;

/// Newest first where Glance has it so; it serves them all alike.
const VERSIONS: [&str; 16] = [
    "2.15", "2.13", "2.12", "2.11", "2.10", "2.9", "2.8", "2.17", "2.7", "2.6", "2.5", "2.4",
    "2.3", "2.2", "2.1", "2.0",
];

/// Where a path leads.
pub(super) enum Negotiated {
    /// The list of versions, under that status.
    Versions(StatusCode),
    /// The path behind `/v2`, as its segments.
    V2(Vec<String>),
}

/// Reads a path up to its version.
pub(super) fn negotiate(path: &str) -> Negotiated {
    // A slash may come encoded, and is one all the same.
    let path = decoded(path);
    // And several before the version are one, as they come from endpoints that end in a slash.
    let path = path.trim_start_matches('/');
    let mut segments = path.split('/').map(str::to_owned);
    let first = segments.next().unwrap_or_default();
    if first == "versions" {
        return Negotiated::Versions(StatusCode::OK);
    }
    let known = first == "v2"
        || first
            .strip_prefix('v')
            .is_some_and(|number| VERSIONS.contains(&number));
    if known {
        Negotiated::V2(segments.collect())
    } else {
        Negotiated::Versions(StatusCode::MULTIPLE_CHOICES)
    }
}

/// The list of versions of the Glance at that address.
pub(super) fn versions(url: &str) -> Value {
    let versions: Vec<Value> = VERSIONS
        .iter()
        .map(|version| {
            json!({
                "id": format!("v{version}"),
                "status": if *version == "2.17" { "CURRENT" } else { "SUPPORTED" },
                "links": [{"rel": "self", "href": format!("{url}/v2/")}],
            })
        })
        .collect();
    json!({ "versions": versions })
}

/// A path as Glance reads it: a WSGI server gives its bytes as Latin-1, and Glance leaves them so.
fn decoded(path: &str) -> String {
    unescaped(path).into_iter().map(char::from).collect()
}
