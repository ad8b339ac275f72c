//! An image as Glance's JSON has it, read with patience: no odd type of any attribute may break a
//! list, since deployments differ in their schemas.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use crate::model::{
    ContentHash, Image, ImageId, ImageStatus, KERNEL_ID, MultiHash, Properties, RAMDISK_ID,
    Visibility, is_user_property,
};

/// Reads one image; none where it has no id.
///
/// Null is absent; numbers and booleans become text, objects JSON text. A visibility that is not
/// known counts as private, a checksum that is no md5 as none, an empty `kernel_id` as absent.
pub(super) fn read_image(json: &Value) -> Option<Image> {
    let id = json["id"].as_str().filter(|id| !id.is_empty())?;
    let attribute = |name: &str| text(&json[name]);
    Some(Image {
        id: ImageId::new(id),
        name: attribute("name").unwrap_or_default(),
        status: ImageStatus::from(attribute("status").unwrap_or_default()),
        visibility: visibility(&json["visibility"]),
        owner: attribute("owner").filter(|owner| !owner.is_empty()),
        content: content_hash(json),
        size: number(&json["size"]),
        disk_format: attribute("disk_format"),
        container_format: attribute("container_format"),
        min_disk: number(&json["min_disk"]).unwrap_or(0),
        min_ram: number(&json["min_ram"]).unwrap_or(0),
        protected: truth(&json["protected"]),
        os_hidden: truth(&json["os_hidden"]),
        tags: tags(&json["tags"]),
        created_at: time(&json["created_at"]),
        properties: properties(json),
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| {
        value
            .as_str()
            .is_some_and(|word| word.eq_ignore_ascii_case("true"))
    })
}

fn visibility(value: &Value) -> Visibility {
    match value.as_str() {
        Some("public") => Visibility::Public,
        Some("shared") => Visibility::Shared,
        Some("community") => Visibility::Community,
        _ => Visibility::Private,
    }
}

fn content_hash(json: &Value) -> ContentHash {
    let word = |name: &str| json[name].as_str().filter(|word| !word.is_empty());
    ContentHash {
        md5: word("checksum").and_then(|digits| digits.parse().ok()),
        multihash: word("os_hash_algo")
            .zip(word("os_hash_value"))
            .map(|(algorithm, value)| MultiHash {
                algorithm: algorithm.to_ascii_lowercase(),
                value: value.to_ascii_lowercase(),
            }),
    }
}

fn tags(value: &Value) -> BTreeSet<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(text)
        .collect()
}

/// Some releases leave the time zone out; it is always UTC.
fn time(value: &Value) -> Option<DateTime<Utc>> {
    let word = value.as_str()?;
    DateTime::parse_from_rfc3339(word)
        .map(|time| time.with_timezone(&Utc))
        .or_else(|_| {
            NaiveDateTime::parse_from_str(word, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc())
        })
        .ok()
}

fn properties(json: &Value) -> Properties {
    json.as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| is_user_property(name))
        .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
        .filter(|(name, value)| {
            !(value.is_empty() && [KERNEL_ID, RAMDISK_ID].contains(&name.as_str()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_usual_image_is_read_as_it_is() {
        let image = read_image(&json!({
            "id": "3E2B1A9C-0000-4000-8000-000000000001",
            "name": "base", "status": "active", "visibility": "public", "owner": "p1",
            "checksum": "D41D8CD98F00B204E9800998ECF8427E",
            "os_hash_algo": "sha512", "os_hash_value": "CF83",
            "size": 0, "virtual_size": null, "disk_format": "qcow2", "container_format": "bare",
            "min_disk": 2, "min_ram": 512, "protected": true, "os_hidden": false,
            "tags": ["a", "b"], "created_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:05Z", "self": "/v2/images/x", "file": "/v2/images/x/file",
            "schema": "/v2/schemas/image", "stores": "local", "os_glance_x": "1",
            "nid": "7", "kernel_id": null, "ramdisk_id": "",
        }))
        .unwrap();
        assert_eq!(image.id.as_str(), "3e2b1a9c-0000-4000-8000-000000000001");
        assert_eq!(image.visibility, Visibility::Public);
        assert_eq!(
            image.content.md5.unwrap().as_str(),
            "d41d8cd98f00b204e9800998ecf8427e"
        );
        assert_eq!(image.content.multihash.unwrap().value, "cf83");
        assert_eq!(image.size, Some(0));
        assert_eq!(
            image.created_at.unwrap().to_rfc3339(),
            "2026-01-02T03:04:05+00:00"
        );
        assert_eq!(
            image.properties,
            Properties::from([("nid".to_owned(), "7".to_owned())])
        );
    }

    #[test]
    fn odd_types_are_read_as_the_nearest_sense() {
        let image = read_image(&json!({
            "id": "x", "name": null, "status": 7, "visibility": "sideways", "owner": "",
            "checksum": "n/a", "os_hash_algo": "sha512", "size": -1, "min_disk": "3",
            "protected": "True", "tags": ["t", 5, null], "created_at": "2012-08-10T20:41:23.000000",
            "number": 1.5, "flag": false, "object": {"a": [1]}, "nothing": null, "kernel_id": 9,
        }))
        .unwrap();
        assert_eq!(image.name, "");
        assert_eq!(image.status, ImageStatus::Other("7".to_owned()));
        assert_eq!(image.visibility, Visibility::Private);
        assert_eq!(image.owner, None);
        assert!(image.content.is_unknown());
        assert_eq!((image.size, image.min_disk), (None, 3));
        assert!(image.protected);
        assert_eq!(image.tags.len(), 2);
        assert!(image.created_at.is_some());
        let properties: Vec<_> = image
            .properties
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            properties,
            [
                ("flag", "false"),
                ("kernel_id", "9"),
                ("number", "1.5"),
                ("object", "{\"a\":[1]}")
            ]
        );
        for nothing in [
            json!(null),
            json!([]),
            json!({"id": 5}),
            json!("x"),
            json!({"id": ""}),
        ] {
            assert!(read_image(&nothing).is_none());
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(Value::from)
        })
    }

    proptest! {
        #[test]
        fn no_type_of_any_attribute_loses_the_image(
            attributes in prop::collection::hash_map(
                prop::sample::select(vec![
                    "name", "status", "visibility", "owner", "checksum", "os_hash_algo",
                    "os_hash_value", "size", "disk_format", "container_format", "min_disk",
                    "min_ram", "protected", "os_hidden", "tags", "created_at", "kernel_id", "nid",
                ]),
                any_json(),
                0..18,
            )
        ) {
            let mut json = json!({"id": "x"});
            for (name, value) in attributes {
                json[name] = value;
            }
            prop_assert!(read_image(&json).is_some());
        }
    }
}
