//! What of the configuration decides what is done, as one number for each target: a saved plan is carried out
//! by no other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::effective::EffectiveValue;
use super::keys::MAIN;
use crate::model::hexadecimal;

/// The keys of targets that decide what is done, and where. `transfers`, `pull_fanout` and the like say how
/// fast.
const DECIDING: [&str; 24] = [
    "delivery",
    "disk_format",
    "dontupdate",
    "forcesyncs",
    "hide_old",
    "image_endpoint_override",
    "interface",
    "keep_old",
    "keystone_url",
    "max_delete",
    "max_replace",
    "metadata_condition",
    "metadata_set",
    "obsolete_syncprops",
    "only_tenant_images",
    "orphan_grace",
    "orphans",
    "provenance",
    "pull_from",
    "rename",
    "replace",
    "stores",
    "support_obsolete_images",
    "sync_attributes",
];

/// The digest of each target's deciding values, by its name.
pub(super) fn of_targets(values: &[EffectiveValue]) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for value in values.iter().filter(|value| value.section != MAIN) {
        let of_target = texts.entry(&value.section).or_default();
        if DECIDING.contains(&value.key) {
            of_target.insert(value.key, same_text(&value.value));
        }
    }
    let digest = |text: &BTreeMap<&str, String>| {
        let text = text.iter().fold(String::new(), |mut all, (key, value)| {
            // Writing to a string never fails.
            let _ = writeln!(all, "{key}={value}");
            all
        });
        hexadecimal(&Sha256::digest(text))
    };
    let texts = texts.iter();
    texts
        .map(|(name, text)| ((*name).to_owned(), digest(text)))
        .collect()
}

/// The value with the space around commas taken out, and lists in one order: what means the same has the same
/// digest.
fn same_text(value: &str) -> String {
    let mut parts: Vec<&str> = value.split(',').map(str::trim).collect();
    if !value.contains(['\'', '"', '(']) {
        parts.sort_unstable();
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{KEYS, Room};

    #[test]
    fn every_deciding_key_is_a_key_of_targets() {
        for name in DECIDING {
            let key = KEYS.iter().find(|key| key.name == name);
            assert_eq!(key.map(|key| key.room), Some(Room::Target), "{name}");
        }
    }

    #[test]
    fn space_and_order_of_a_list_change_nothing() {
        assert_eq!(same_text("b, a"), same_text("a,b"));
        assert_ne!(same_text("f(b, a)"), same_text("f(a, b)"));
    }
}
