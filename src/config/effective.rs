//! The configuration as it counts, value by value with its place, for `check-config`.

use serde::{Serialize, Serializer};

use super::error::Origin;
use super::keys::{self, Key, MAIN, Room};
use super::layers::Layers;
use super::parts::{CONNECTION, Parts};

/// A value that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveValue {
    /// The section that it counts in: `main`, or the name of a target.
    pub section: String,
    /// The key.
    pub key: &'static str,
    /// The value; `***` for a secret, nothing where none is set.
    pub value: String,
    /// Where it comes from.
    #[serde(serialize_with = "as_text")]
    pub origin: Origin,
}

fn as_text<S: Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(origin)
}

/// The values of `[main]`.
pub(super) fn of_main(layers: &Layers) -> Vec<EffectiveValue> {
    keys::KEYS
        .iter()
        .filter(|key| key.room == Room::Main)
        .map(|key| entry(MAIN, key, from_layers(MAIN, key, layers)))
        .collect()
}

/// The values of a target.
pub(super) fn of_target(name: &str, layers: &Layers, parts: &Parts) -> Vec<EffectiveValue> {
    keys::KEYS
        .iter()
        .filter(|key| key.room == Room::Target)
        // What it says shows in the single keys.
        .filter(|key| key.name != "credential")
        .map(|key| {
            let found = if key.credential && key.name != "cloud" || CONNECTION.contains(&key.name) {
                from_parts(key.name, parts)
            } else {
                from_layers(name, key, layers)
            };
            entry(name, key, found)
        })
        .collect()
}

/// Puts a value that was found elsewhere in the place of the one that is listed.
pub(super) fn set(
    values: &mut [EffectiveValue],
    section: &str,
    key: &str,
    text: &str,
    origin: &Origin,
) {
    for value in values {
        if value.section == section && value.key == key {
            text.clone_into(&mut value.value);
            value.origin = origin.clone();
        }
    }
}

type Found = Option<(String, Origin)>;

/// What the parts of a log-in say for a key.
fn from_parts(key: &str, parts: &Parts) -> Found {
    let given = parts.get(key)?;
    Some((given.text.clone(), given.origin.clone()))
}

fn from_layers(section: &str, key: &Key, layers: &Layers) -> Found {
    let value = layers.get(section, key.name)?;
    Some((value.text.clone(), value.origin.clone()))
}

fn entry(section: &str, key: &'static Key, found: Found) -> EffectiveValue {
    let (value, origin) = found.unwrap_or_else(|| (key.default.to_owned(), Origin::Default));
    // A URL with a password in it is not a credential; it is not printed all the same.
    let secret = key.secret || key.name == "keystone_url" && value.contains('@');
    let value = if secret && !value.is_empty() {
        "***".to_owned()
    } else {
        value
    };
    EffectiveValue {
        section: section.to_owned(),
        key: key.name,
        value,
        origin,
    }
}
