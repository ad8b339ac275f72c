//! An image as Glance's JSON has it, read with patience: no odd type of any attribute may break a
//! list, since deployments differ in their schemas.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::model::{
    Checksum, ContentHash, Image, ImageId, ImageIdError, ImageStatus, KERNEL_ID, MultiHash,
    Properties, Provenance, RAMDISK_ID, Visibility, is_provenance, is_user_property,
};

/// Reads one image; none where it has no valid id.
///
/// Null is absent; numbers and booleans become text, objects JSON text. A visibility that is not
/// known counts as private, a checksum that is not an md5 as none, an empty `kernel_id` as absent.
pub(super) fn read_image(json: &Value) -> Option<Image> {
    // Of a value that is there nothing fails.
    Listed::deserialize(json).ok()?.0?.ok()
}

/// An entry of a list: an image, or one that nothing can be asked about since its id cannot be part
/// of a URL; or something else, which is passed over. Reads straight from the text of the answer,
/// without a tree of values in between.
#[derive(Debug)]
pub(super) struct Listed(pub(super) Option<Result<Image, ImageIdError>>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ImageVisitor).map(Self)
    }
}

struct ImageVisitor;

impl<'de> Visitor<'de> for ImageVisitor {
    type Value = Option<Result<Image, ImageIdError>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut draft = Draft::default();
        while let Some(Word(name)) = map.next_key()? {
            if !is_attribute(&name) && !is_user_property(&name) && !is_provenance(&name) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value()?;
            draft.set(name, value);
        }
        Ok(draft.finish())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A name, which is borrowed from the answer unless it has escapes in it.
#[derive(serde::Deserialize)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

/// The value of an attribute: mostly a text.
enum Attribute<'a> {
    Text(Cow<'a, str>),
    Other(Value),
}

impl<'de> Deserialize<'de> for Attribute<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttributeVisitor)
    }
}

struct AttributeVisitor;

impl<'de> Visitor<'de> for AttributeVisitor {
    type Value = Attribute<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of an attribute")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Attribute::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Attribute::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Attribute::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Attribute::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Attribute::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Attribute::Other(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Attribute::Other(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Attribute::Other(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = serde_json::Map::new();
        while let Some((name, value)) = map.next_entry()? {
            values.insert(name, value);
        }
        Ok(Attribute::Other(Value::Object(values)))
    }
}

impl Attribute<'_> {
    fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }

    /// The text; none for null. Numbers and booleans become text, objects JSON text.
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.into_owned()),
            Self::Other(Value::Null) => None,
            Self::Other(other) => Some(other.to_string()),
        }
    }

    fn into_word(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Other(value) => value.as_u64(),
        }
    }

    fn truth(&self) -> bool {
        match self {
            Self::Text(word) => word.eq_ignore_ascii_case("true"),
            Self::Other(value) => value == &Value::Bool(true),
        }
    }

    fn visibility(&self) -> Visibility {
        match self.as_str() {
            Some("public") => Visibility::Public,
            Some("shared") => Visibility::Shared,
            Some("community") => Visibility::Community,
            _ => Visibility::Private,
        }
    }

    fn into_tags(self) -> BTreeSet<String> {
        match self {
            Self::Other(Value::Array(tags)) => {
                let text = |tag| match tag {
                    Value::Null => None,
                    Value::String(text) => Some(text),
                    other => Some(other.to_string()),
                };
                tags.into_iter().filter_map(text).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Some releases leave the time zone out; it is always UTC.
    fn time(&self) -> Option<DateTime<Utc>> {
        let word = self.as_str()?;
        DateTime::parse_from_rfc3339(word)
            .map(|time| time.with_timezone(&Utc))
            .or_else(|_| {
                NaiveDateTime::parse_from_str(word, "%Y-%m-%dT%H:%M:%S%.f")
                    .map(|time| time.and_utc())
            })
            .ok()
    }
}

/// An image of which some attributes have been read.
#[derive(Default)]
struct Draft {
    id: Option<String>,
    name: Option<String>,
    status: Option<String>,
    visibility: Option<Visibility>,
    owner: Option<String>,
    md5: Option<Checksum>,
    hash_algorithm: Option<String>,
    hash_value: Option<String>,
    size: Option<u64>,
    disk_format: Option<String>,
    container_format: Option<String>,
    min_disk: Option<u64>,
    min_ram: Option<u64>,
    protected: bool,
    os_hidden: bool,
    tags: BTreeSet<String>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
    provenance: Properties,
    properties: Properties,
}

impl Draft {
    fn set(&mut self, name: Cow<'_, str>, value: Attribute<'_>) {
        match &*name {
            "id" => self.id = value.into_text(),
            "name" => self.name = value.into_text(),
            "status" => self.status = value.into_text(),
            "visibility" => self.visibility = Some(value.visibility()),
            "owner" => self.owner = value.into_text().filter(|owner| !owner.is_empty()),
            "checksum" => self.md5 = value.as_str().and_then(|digits| digits.parse().ok()),
            "os_hash_algo" => self.hash_algorithm = value.into_word(),
            "os_hash_value" => self.hash_value = value.into_word(),
            "size" => self.size = value.number(),
            "disk_format" => self.disk_format = value.into_text(),
            "container_format" => self.container_format = value.into_text(),
            "min_disk" => self.min_disk = value.number(),
            "min_ram" => self.min_ram = value.number(),
            "protected" => self.protected = value.truth(),
            "os_hidden" => self.os_hidden = value.truth(),
            "tags" => self.tags = value.into_tags(),
            "created_at" => self.created_at = value.time(),
            "updated_at" => self.updated_at = value.time(),
            _ => self.set_property(name, value),
        }
    }

    fn set_property(&mut self, name: Cow<'_, str>, value: Attribute<'_>) {
        let is_part = [KERNEL_ID, RAMDISK_ID].contains(&&*name);
        if let Some(value) = value.into_text()
            && !(is_part && value.is_empty())
        {
            let properties = if is_provenance(&name) {
                &mut self.provenance
            } else {
                &mut self.properties
            };
            properties.insert(name.into_owned(), value);
        }
    }

    fn finish(self) -> Option<Result<Image, ImageIdError>> {
        let id = self.id.as_ref()?.parse();
        Some(id.map(|id| self.image(id)))
    }

    fn image(self, id: ImageId) -> Image {
        Image {
            id,
            name: self.name.unwrap_or_default(),
            status: ImageStatus::from(self.status.unwrap_or_default()),
            visibility: self.visibility.unwrap_or(Visibility::Private),
            owner: self.owner,
            content: ContentHash::new(
                self.md5,
                self.hash_algorithm
                    .zip(self.hash_value)
                    .and_then(|(algorithm, value)| MultiHash::new(&algorithm, &value)),
            ),
            size: self.size,
            disk_format: self.disk_format,
            container_format: self.container_format,
            min_disk: self.min_disk.unwrap_or(0),
            min_ram: self.min_ram.unwrap_or(0),
            protected: self.protected,
            os_hidden: self.os_hidden,
            tags: self.tags,
            created_at: self.created_at,
            updated_at: self.updated_at,
            provenance: Provenance::from_properties(self.provenance).map(Box::new),
            properties: self.properties,
        }
    }
}

/// The attributes that [`Draft::set`] knows, and that are no user properties.
fn is_attribute(name: &str) -> bool {
    matches!(
        name,
        "id" | "name"
            | "status"
            | "visibility"
            | "owner"
            | "checksum"
            | "os_hash_algo"
            | "os_hash_value"
            | "size"
            | "disk_format"
            | "container_format"
            | "min_disk"
            | "min_ram"
            | "protected"
            | "os_hidden"
            | "tags"
            | "created_at"
            | "updated_at"
    )
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
            "nid": "7", "kernel_id": null, "ramdisk_id": "", "glancesync_x": "1",
            "glancesync_source": "sha512:cf83", "glancesync_content": "md5:d41d",
            "glancesync_image": "3E2B", "glancesync_master": "0123456789abcdef",
        }))
        .unwrap();
        assert_eq!(image.id.as_str(), "3E2B1A9C-0000-4000-8000-000000000001");
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
        let provenance = image.provenance.unwrap();
        let values = provenance.properties().map(|(_, value)| value);
        assert_eq!(
            values,
            ["sha512:cf83", "md5:d41d", "3E2B", "0123456789abcdef"]
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
        let text = r#"[{"id": "a\u0041", "na\u006de": "x", "q": "\u00e4"}, [{}], 1, -1, 1.5, true, "s", null]"#;
        let listed: Vec<Listed> = serde_json::from_str(text).unwrap();
        let images: Vec<_> = listed.into_iter().filter_map(|it| it.0?.ok()).collect();
        assert_eq!((images.len(), images[0].name.as_str()), (1, "x"));
        assert_eq!(images[0].properties["q"], "ä");
        for nothing in [
            json!(null),
            json!([]),
            json!({"id": null}),
            json!("x"),
            json!({"id": ""}),
            json!({"id": ".."}),
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
            // It is the same whether it comes out of a tree or straight out of the text.
            let text = json.to_string();
            let of_value = read_image(&serde_json::from_str(&text).unwrap());
            prop_assert!(of_value.is_some());
            let of_text: Listed = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(of_text.0.and_then(Result::ok), of_value);
        }
    }
}
