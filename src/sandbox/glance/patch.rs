//! `PATCH /v2/images/{id}`: all of the changes or none.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use chrono::Utc;
use serde_json::Value;

use super::create::{check_characters, check_quotas, set};
use super::fail::Fail;
use super::image::{Image, Status, Visibility};
use super::policy::Caller;
use super::region::Region;
use super::replies::reply;
use super::schema;
use crate::sandbox::http::locked;
use crate::sandbox::python::python;

/// How the changes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `{"add": "/name", "value": …}`, where `add` wants the attribute to be absent.
    V20,
    /// `{"op": "add", "path": "/name", "value": …}`, where `add` also replaces.
    V21,
}

impl Style {
    /// The style that a content type stands for; anything else is 415.
    pub(super) fn of(content_type: Option<&str>) -> Result<Self, Fail> {
        let kind = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        match kind {
            "application/openstack-images-v2.0-json-patch" => Ok(Self::V20),
            "application/openstack-images-v2.1-json-patch" => Ok(Self::V21),
            _ => {
                const KINDS: &str = "application/openstack-images-v2.0-json-patch, \
                                     application/openstack-images-v2.1-json-patch";
                Err(Fail {
                    header: Some((
                        axum::http::HeaderName::from_static("accept-patch"),
                        KINDS.to_owned(),
                    )),
                    ..Fail::unsupported(format!("Image PATCH expects Content-Type one of: {KINDS}"))
                })
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Remove,
    Replace,
}

const OPERATIONS: [(&str, Op); 3] = [
    ("add", Op::Add),
    ("remove", Op::Remove),
    ("replace", Op::Replace),
];

#[derive(Debug)]
struct Change {
    op: Op,
    name: String,
    value: Value,
}

/// Changes an image.
pub(super) fn patch(
    region: &Region,
    caller: &Caller,
    id: &str,
    style: Style,
    body: &Value,
) -> Result<Response<Body>, Fail> {
    let operations = body.as_array().ok_or_else(|| {
        Fail::bad_request("Request body must be a JSON array of operation objects.")
    })?;
    let mut changes = Vec::with_capacity(operations.len());
    for operation in operations {
        changes.push(parse(region, style, operation)?);
    }
    let mut images = locked(&region.images);
    let before = images.seen(id, caller)?;
    let mut after = before.clone();
    for change in &changes {
        apply(&mut after, caller, style, change)?;
    }
    if after
        .properties
        .keys()
        .any(|name| !before.properties.contains_key(name))
        || after.tags != before.tags
    {
        check_quotas(region, &after)?;
    }
    if !changes.is_empty() {
        after.updated_at = Utc::now();
    }
    let view = after.view(caller.is_admin(), region.nullable_properties());
    if let Some(image) = images.get_mut(id) {
        *image = after;
    }
    Ok(reply(StatusCode::OK, &view))
}

fn parse(region: &Region, style: Style, operation: &Value) -> Result<Change, Fail> {
    let fields = operation
        .as_object()
        .ok_or_else(|| Fail::bad_request("Operations must be JSON objects."))?;
    let (op, path) = match style {
        Style::V21 => {
            let available = "It must be one of the following: add, remove, replace.";
            let word = fields.get("op").filter(|op| !op.is_null()).ok_or_else(|| {
                Fail::bad_request(format!(
                    "Unable to find `op` in JSON Schema change. {available}"
                ))
            })?;
            let op = OPERATIONS
                .iter()
                .find(|(name, _)| word.as_str() == Some(name))
                .ok_or_else(|| {
                    let word = word.as_str().map_or_else(|| python(word), str::to_owned);
                    Fail::bad_request(format!("Invalid operation: `{word}`. {available}"))
                })?;
            let path = fields
                .get("path")
                .ok_or_else(|| Fail::bad_request("Unable to find 'path' in JSON Schema change"))?;
            (op.1, path)
        }
        Style::V20 => {
            let named: Vec<_> = OPERATIONS
                .iter()
                .filter(|(name, _)| fields.contains_key(*name))
                .collect();
            let [(name, op)] = named.as_slice() else {
                let how_many = if named.is_empty() { "exactly" } else { "only" };
                return Err(Fail::bad_request(format!(
                    "Operation objects must contain {how_many} one member named \"add\", \
                     \"remove\", or \"replace\"."
                )));
            };
            (*op, &fields[*name])
        }
    };
    // Glance looks into it as a text, and breaks over what is none.
    let path = path
        .as_str()
        .ok_or_else(|| Fail::bare(StatusCode::INTERNAL_SERVER_ERROR))?;
    let name = pointer(path, op)?;
    let value = if op == Op::Remove {
        Value::Null
    } else {
        let word = if op == Op::Add { "add" } else { "replace" };
        fields.get("value").cloned().ok_or_else(|| {
            Fail::bad_request(format!(
                "Operation \"{word}\" requires a member named \"value\"."
            ))
        })?
    };
    if schema::READ_ONLY.contains(&name.as_str()) {
        return Err(Fail::forbidden(format!("Attribute '{name}' is read-only.")));
    }
    if schema::is_reserved(&name) {
        return Err(Fail::forbidden(format!("Attribute '{name}' is reserved.")));
    }
    // A single location is refused later, whatever it holds.
    if op == Op::Add && name == "locations" && !value.is_object() {
        return Err(Fail::bad_request(format!(
            "Provided object does not match schema 'image': {} is not of type 'object'\n\n\
             Failed validating the location",
            python(&value)
        )));
    }
    if op != Op::Remove && (name != "locations" || op == Op::Replace) {
        if let Some(problem) = schema::complaint(&name, &value, region.spec.schema_image_json) {
            return Err(Fail::bad_request(problem));
        }
        check_characters(&name, &value)?;
    }
    Ok(Change { op, name, value })
}

/// The attribute that a JSON pointer names. Only single locations have a second segment.
fn pointer(path: &str, op: Op) -> Result<String, Fail> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(Fail::bad_request(format!(
            "Pointer `{path}` does not start with \"/\"."
        )));
    };
    if rest.ends_with('/') {
        return Err(Fail::bad_request(format!(
            "Pointer `{path}` end with \"/\"."
        )));
    }
    if rest
        .split('~')
        .skip(1)
        .any(|tail| !tail.starts_with(['0', '1']))
    {
        return Err(Fail::bad_request(format!(
            "Pointer `{path}` contains \"~\" not part of a recognized escape sequence."
        )));
    }
    if rest.split('/').skip(1).any(|part| part.trim().is_empty()) {
        return Err(Fail::bad_request(format!(
            "Pointer `{path}` contains adjacent \"/\"."
        )));
    }
    let (name, depth) = match rest.split_once('/') {
        Some((name, deeper)) => (name, 2 + deeper.matches('/').count()),
        None => (rest, 1),
    };
    let wanted = if name == "locations" && op != Op::Replace {
        2
    } else {
        1
    };
    if depth != wanted {
        return Err(Fail::bad_request(format!(
            "Invalid JSON pointer for this resource: '{path}'"
        )));
    }
    Ok(name.replace("~1", "/").replace("~0", "~").trim().to_owned())
}

fn apply(image: &mut Image, caller: &Caller, style: Style, change: &Change) -> Result<(), Fail> {
    let name = change.name.as_str();
    if name == "locations" {
        let verb = match change.op {
            Op::Replace if change.value.as_array().is_some_and(Vec::is_empty) => {
                return Err(Fail::denied("Cannot set locations to empty list."));
            }
            Op::Add => "add",
            Op::Remove => "remove",
            Op::Replace => "update",
        };
        return Err(Fail::forbidden(format!(
            "It's not allowed to {verb} locations if locations are invisible."
        )));
    }
    if name == "owner" && change.op == Op::Replace && !caller.is_admin() {
        return Err(Fail::denied("Owner can't be updated by non admin."));
    }
    if name == "visibility"
        && let Some(visibility) = change.value.as_str().and_then(Visibility::parse)
    {
        caller.check_visibility(visibility)?;
    }
    caller.check_change("modify_image", image)?;
    let base = schema::BASE.contains(&name);
    let present = base || image.properties.contains_key(name);
    match change.op {
        Op::Remove if base => {
            return Err(Fail::denied(format!("Property {name} may not be removed.")));
        }
        Op::Remove | Op::Replace if !present => {
            return Err(Fail::misfit(format!("Property {name} does not exist.")));
        }
        Op::Add if present && style == Style::V20 => {
            return Err(Fail::misfit(format!("Property {name} already present.")));
        }
        Op::Remove => {
            image.properties.remove(name);
            return Ok(());
        }
        Op::Add | Op::Replace => {}
    }
    if matches!(name, "disk_format" | "container_format")
        && !matches!(image.status, Status::Queued | Status::Importing)
    {
        return Err(Fail::forbidden(format!(
            "Attribute {name} can be only replaced for a queued image."
        )));
    }
    set(image, name, &change.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_has_one_segment() {
        assert_eq!(pointer("/name", Op::Add).unwrap(), "name");
        assert_eq!(pointer("/a~1b~0c", Op::Add).unwrap(), "a/b~c");
        assert_eq!(pointer("/locations/-", Op::Add).unwrap(), "locations");
        for wrong in ["/locations", "name", "/a/b", "/a//b", "/a/", "/a~2"] {
            assert_eq!(
                pointer(wrong, Op::Add).unwrap_err().status,
                StatusCode::BAD_REQUEST,
                "{wrong}"
            );
        }
    }

    #[test]
    fn other_content_types_are_unsupported() {
        assert_eq!(
            Style::of(Some("application/openstack-images-v2.1-json-patch")).unwrap(),
            Style::V21
        );
        assert_eq!(
            Style::of(Some("application/json")).unwrap_err().status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
    }
}
