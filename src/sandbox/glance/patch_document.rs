//! The document of `PATCH /v2/images/{id}`, in either of its styles: which changes it asks for.

use axum::http::StatusCode;
use serde_json::Value;

use super::create::check_characters;
use super::fail::Fail;
use super::region::Region;
use super::schema;
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

/// What is done to an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Remove,
    Replace,
}

const OPERATIONS: [(&str, Op); 3] = [
    ("add", Op::Add),
    ("remove", Op::Remove),
    ("replace", Op::Replace),
];

/// One change of one attribute.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) op: Op,
    pub(super) name: String,
    pub(super) value: Value,
}

/// Reads one operation of the document.
pub(super) fn parse(region: &Region, style: Style, operation: &Value) -> Result<Change, Fail> {
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
