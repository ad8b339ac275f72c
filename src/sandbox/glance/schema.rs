//! The schema that attributes are checked against, and that `GET /v2/schemas/…` shows.

use serde_json::Value;

use crate::sandbox::python::python;

pub(super) const DISK_FORMATS: [&str; 11] = [
    "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop",
];
pub(super) const CONTAINER_FORMATS: [&str; 8] = [
    "ami",
    "ari",
    "aki",
    "bare",
    "ovf",
    "ova",
    "docker",
    "compressed",
];
pub(super) const UUID_PATTERN: &str =
    "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$";

/// The custom properties that Glance's `schema-image.json` describes, when it is shipped.
pub(super) const SHIPPED: [&str; 6] = [
    "kernel_id",
    "ramdisk_id",
    "instance_uuid",
    "architecture",
    "os_distro",
    "os_version",
];

/// Attributes that only Glance itself sets (403).
pub(super) const READ_ONLY: [&str; 13] = [
    "created_at",
    "updated_at",
    "status",
    "checksum",
    "size",
    "virtual_size",
    "direct_url",
    "self",
    "file",
    "schema",
    "id",
    "os_hash_algo",
    "os_hash_value",
];

/// Attributes that may be changed, but are no custom properties.
pub(super) const BASE: [&str; 11] = [
    "name",
    "visibility",
    "protected",
    "os_hidden",
    "owner",
    "container_format",
    "disk_format",
    "tags",
    "min_disk",
    "min_ram",
    "locations",
];

/// Whether a property's name is Glance's own (403).
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(name, "location" | "deleted" | "deleted_at") || name.starts_with("os_glance")
}

/// Whether the text is a UUID in its usual spelling.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// What is wrong with a value, in the words of `jsonschema`; none when it is right.
///
/// `shipped` tells whether `schema-image.json` counts.
pub(super) fn complaint(name: &str, value: &Value, shipped: bool) -> Option<String> {
    let problem = match name {
        "id" => match value {
            Value::String(id) if is_uuid(id) => None,
            Value::String(id) => Some(format!("'{id}' does not match '{UUID_PATTERN}'")),
            _ => Some(wrong_type(value, "string")),
        },
        "name" | "owner" => match value {
            Value::String(text) if text.chars().count() > 255 => {
                Some(format!("'{text}' is too long"))
            }
            Value::Null | Value::String(_) => None,
            _ => Some(wrong_types(value, &["null", "string"])),
        },
        "checksum" | "os_hash_algo" | "os_hash_value" => match value {
            Value::Null | Value::String(_) => None,
            _ => Some(wrong_types(value, &["null", "string"])),
        },
        "size" | "virtual_size" => match value {
            Value::Null => None,
            value if is_integer(value) => None,
            _ => Some(wrong_types(value, &["null", "integer"])),
        },
        "min_disk" | "min_ram" => (!is_integer(value)).then(|| wrong_type(value, "integer")),
        "protected" | "os_hidden" => (!value.is_boolean()).then(|| wrong_type(value, "boolean")),
        "visibility" => not_among(value, &["community", "public", "private", "shared"], false),
        "status" => not_among(
            value,
            &[
                "queued",
                "saving",
                "active",
                "killed",
                "deleted",
                "uploading",
                "importing",
                "pending_delete",
                "deactivated",
            ],
            false,
        ),
        "container_format" => not_among(value, &CONTAINER_FORMATS, true),
        "disk_format" => not_among(value, &DISK_FORMATS, true),
        "tags" => match value {
            Value::Array(tags) => tags.iter().find_map(|tag| match tag {
                Value::String(text) if text.chars().count() > 255 => {
                    Some(format!("'{text}' is too long"))
                }
                Value::String(_) => None,
                _ => Some(wrong_type(tag, "string")),
            }),
            _ => Some(wrong_type(value, "array")),
        },
        "locations" => (!value.is_array()).then(|| wrong_type(value, "array")),
        "kernel_id" | "ramdisk_id" if shipped => match value {
            Value::Null => None,
            Value::String(id) if is_uuid(id) => None,
            Value::String(id) => Some(format!("'{id}' does not match '{UUID_PATTERN}'")),
            _ => Some(wrong_types(value, &["null", "string"])),
        },
        _ => (!value.is_string()).then(|| wrong_type(value, "string")),
    };
    problem.map(|problem| {
        format!(
            "Provided object does not match schema 'image': {problem}\n\nFailed validating in \
             schema['properties']['{name}']\n\nOn instance['{name}']:\n    {value}"
        )
    })
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|float| float.fract() == 0.0)
}

fn not_among(value: &Value, allowed: &[&str], or_null: bool) -> Option<String> {
    let known = value.as_str().is_some_and(|text| allowed.contains(&text));
    if known || (or_null && value.is_null()) {
        None
    } else if !value.is_string() {
        Some(if or_null {
            wrong_types(value, &["null", "string"])
        } else {
            wrong_type(value, "string")
        })
    } else {
        let mut listed: Vec<String> = allowed.iter().map(|one| format!("'{one}'")).collect();
        if or_null {
            listed.insert(0, "None".to_owned());
        }
        Some(format!(
            "{} is not one of [{}]",
            python(value),
            listed.join(", ")
        ))
    }
}

fn wrong_type(value: &Value, kind: &str) -> String {
    format!("{} is not of type '{kind}'", python(value))
}

fn wrong_types(value: &Value, kinds: &[&str]) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
    format!("{} is not of type {}", python(value), kinds.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kernels_are_uuids_or_null_where_the_file_is_shipped() {
        let uuid = json!("01234567-89ab-cdef-0123-456789abcdef");
        for (value, shipped, right) in [
            (&uuid, true, true),
            (&Value::Null, true, true),
            (&json!(""), true, false),
            (&json!(""), false, true),
            (&Value::Null, false, false),
            (&json!("anything"), false, true),
        ] {
            assert_eq!(
                complaint("kernel_id", value, shipped).is_none(),
                right,
                "{value}"
            );
        }
    }

    #[test]
    fn values_are_quoted_as_python_prints_them() {
        for (name, value, words) in [
            (
                "nid",
                json!(["a", null]),
                "['a', None] is not of type 'string'",
            ),
            (
                "nid",
                json!({"a": true}),
                "{'a': True} is not of type 'string'",
            ),
            ("visibility", json!(null), "None is not of type 'string'"),
            ("disk_format", json!(1), "1 is not of type 'null', 'string'"),
        ] {
            let complaint = complaint(name, &value, false).unwrap();
            assert!(complaint.contains(&format!(": {words}\n")), "{complaint}");
        }
    }

    #[test]
    fn properties_are_strings() {
        assert!(complaint("nid", &json!("1"), true).is_none());
        assert!(complaint("nid", &json!(1), true).is_some());
        assert!(complaint("nid", &Value::Null, true).is_some());
        assert!(complaint("name", &json!("x".repeat(256)), true).is_some());
        assert!(complaint("disk_format", &json!("tape"), true).is_some());
        assert!(complaint("disk_format", &Value::Null, true).is_none());
        assert!(complaint("min_disk", &json!(true), true).is_some());
        assert!(complaint("tags", &json!(["a:b"]), true).is_none());
    }
}
