//! The documents at `/v2/schemas/…`, which some clients read before anything else.

use serde_json::{Map, Value, json};

use super::schema::{CONTAINER_FORMATS, DISK_FORMATS, SHIPPED, UUID_PATTERN};

/// The document at `/v2/schemas/image`.
pub(super) fn image_schema(shipped: bool) -> Value {
    let mut document = json!({
        "name": "image",
        "properties": properties(shipped),
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    });
    document["properties"]["locations"] = json!({
        "type": "array",
        "items": {"type": "object", "required": ["url", "metadata"], "properties": {
            "url": {"type": "string", "maxLength": 255},
            "metadata": {"type": "object"},
        }},
        "description": "A set of URLs to access the image file kept in external store",
    });
    document
}

/// The document at `/v2/schemas/images`.
pub(super) fn images_schema(shipped: bool) -> Value {
    json!({
        "name": "images",
        "properties": {
            "images": {"type": "array", "items": image_schema(shipped)},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    })
}

/// The document at `/v2/schemas/member`.
pub(super) fn member_schema() -> Value {
    json!({"name": "member", "properties": {
        "member_id": {"type": "string"},
        "image_id": {"type": "string", "pattern": UUID_PATTERN},
        "created_at": {"type": "string"},
        "updated_at": {"type": "string"},
        "status": {"type": "string", "enum": ["pending", "accepted", "rejected"]},
        "schema": {"readOnly": true, "type": "string"},
    }})
}

/// The document at `/v2/schemas/members`.
pub(super) fn members_schema() -> Value {
    json!({
        "name": "members",
        "properties": {
            "members": {"type": "array", "items": member_schema()},
            "schema": {"type": "string"},
        },
        "links": [{"rel": "describedby", "href": "{schema}"}],
    })
}

fn properties(shipped: bool) -> Value {
    let nullable = |kind: &str| json!(["null", kind]);
    let with_null = |formats: &[&str]| {
        let mut list = vec![Value::Null];
        list.extend(formats.iter().map(|format| json!(format)));
        json!({"type": nullable("string"), "enum": list})
    };
    let mut all = Map::new();
    let mut add = |name: &str, mut rule: Value, read_only: bool| {
        if read_only {
            rule["readOnly"] = json!(true);
        }
        all.insert(name.to_owned(), rule);
    };
    add(
        "id",
        json!({"type": "string", "pattern": UUID_PATTERN}),
        false,
    );
    add(
        "name",
        json!({"type": nullable("string"), "maxLength": 255}),
        false,
    );
    let statuses = [
        "queued",
        "saving",
        "active",
        "killed",
        "deleted",
        "uploading",
        "importing",
        "pending_delete",
        "deactivated",
    ];
    add("status", json!({"type": "string", "enum": statuses}), true);
    let visibilities = ["community", "public", "private", "shared"];
    add(
        "visibility",
        json!({"type": "string", "enum": visibilities}),
        false,
    );
    add("protected", json!({"type": "boolean"}), false);
    add("os_hidden", json!({"type": "boolean"}), false);
    add(
        "checksum",
        json!({"type": nullable("string"), "maxLength": 32}),
        true,
    );
    add(
        "os_hash_algo",
        json!({"type": nullable("string"), "maxLength": 64}),
        true,
    );
    add(
        "os_hash_value",
        json!({"type": nullable("string"), "maxLength": 128}),
        true,
    );
    add(
        "owner",
        json!({"type": nullable("string"), "maxLength": 255}),
        false,
    );
    add("size", json!({"type": nullable("integer")}), true);
    add("virtual_size", json!({"type": nullable("integer")}), true);
    add("container_format", with_null(&CONTAINER_FORMATS), false);
    add("disk_format", with_null(&DISK_FORMATS), false);
    add(
        "tags",
        json!({"type": "array", "items": {"type": "string", "maxLength": 255}}),
        false,
    );
    add("min_ram", json!({"type": "integer"}), false);
    add("min_disk", json!({"type": "integer"}), false);
    for name in [
        "created_at",
        "updated_at",
        "direct_url",
        "self",
        "file",
        "stores",
        "schema",
    ] {
        add(name, json!({"type": "string"}), true);
    }
    if shipped {
        for name in SHIPPED {
            let rule = if name.ends_with("_id") {
                json!({"type": nullable("string"), "pattern": UUID_PATTERN, "is_base": false})
            } else {
                json!({"type": "string", "is_base": false})
            };
            add(name, rule, false);
        }
    }
    Value::Object(all)
}
