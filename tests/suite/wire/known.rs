//! All that may differ between the answers of the embedded and of the real servers, and why.
//!
//! What is not asked at all, because no answer of the real servers is there to be had or to be
//! meant: a path with bytes that are no UTF-8, or with a segment `.` or `..` that is not encoded
//! (uWSGI closes the connection over the one and resolves the other); `Range: bytes=-` and a range
//! of an image without content (the connection is closed); half of a surrogate pair in JSON (500
//! from the database, where the embedded servers find no JSON); members that are numbers or
//! `true`, which a real Glance takes; whole lists of Keystone, in which the lab has more than the
//! sync user and its project; and all that only an administrator of Keystone writes.

use serde_json::Value;

/// Headers of the connection and of the server's software, not of the service: the lab's uWSGI
/// closes each connection and sends no date.
const CONNECTION: [&str; 4] = ["connection", "date", "keep-alive", "transfer-encoding"];

/// A UUID, as Glance's own schema file writes it, and as the lab's does.
const PATTERN: &str =
    "'^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'";
const SHORTER_PATTERN: &str = "'^([0-9a-fA-F]){8}(-([0-9a-fA-F]){4}){3}-([0-9a-fA-F]){12}$'";

/// Whether a header says nothing about the service.
pub(super) fn is_of_the_connection(name: &str) -> bool {
    CONNECTION.contains(&name)
}

/// Whether it tells that the answer counts its own bytes right. A 204 of the real servers has
/// `Content-Length: 0`, which RFC 9110 forbids and the embedded servers' library does not send.
pub(super) fn has_length(status: u16) -> bool {
    status != 204
}

/// A header's value, where it depends on what the server has done before: once it has used its
/// store, a real Glance lists its internal stores behind it. And methods come in any order.
pub(super) fn header_value(name: &str, value: &str) -> String {
    match name {
        "openstack-image-store-ids" => value.split(',').next().unwrap_or_default().to_owned(),
        "allow" => {
            let mut methods: Vec<&str> = value.split(", ").collect();
            methods.sort_unstable();
            methods.join(", ")
        }
        _ => value.to_owned(),
    }
}

/// Makes a member of an object alike, where each server makes it up or may order it as it likes.
pub(super) fn tidy_member(key: &str, value: &mut Value) {
    match (key, value) {
        // Made up for each token.
        ("audit_ids", Value::Array(ids)) => ids.fill("<audit>".into()),
        // The same in a link to one of them, and of the service that an endpoint is of.
        ("self" | "service_id", Value::String(link)) => {
            let id = link.rsplit('/').next().unwrap_or_default();
            if id.len() == 32 && is_hexadecimal(id) {
                *link = format!("{}<keystone-id>", &link[..link.len() - id.len()]);
            }
        }
        // What `keystone-manage bootstrap` writes of the project that it makes.
        ("description", Value::String(text)) if text.starts_with("Bootstrap project") => {
            text.clear();
        }
        // The lab has a region without any endpoint, which an embedded Keystone does not know.
        ("regions", Value::Array(regions)) => {
            regions.retain(|region| region["id"] != "Empty");
            regions.sort_by_key(Value::to_string);
        }
        // Keystone's ids of users, projects, roles, services and endpoints; they look like this.
        ("id", Value::String(id)) if id.len() == 32 && is_hexadecimal(id) => {
            "<keystone-id>".clone_into(id);
        }
        ("message", Value::String(text)) => {
            // What follows is the schema as Python prints it, with descriptions that differ from
            // release to release; and the lab writes the pattern of its own schema file shorter.
            if let Some(end) = text.find("\n\nFailed validating") {
                text.truncate(end);
            }
            *text = text.replace(PATTERN, SHORTER_PATTERN);
        }
        // Sets, which come in any order.
        ("tags" | "roles" | "catalog" | "endpoints", Value::Array(items)) => {
            items.sort_by_key(Value::to_string);
        }
        _ => {}
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
