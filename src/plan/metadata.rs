//! Properties, and the attributes with them: what is carried over, what differs, and what is sent.

use std::collections::BTreeSet;

use super::attributes;
use super::change::{Change, MetadataChange};
use crate::model::{Image, KERNEL_ID, Properties, RAMDISK_ID, SyncRules, is_user_property};

/// True for the properties that refer to other images: section 6 of the contract looks after their
/// values.
pub(super) fn is_part(name: &str) -> bool {
    name == KERNEL_ID || name == RAMDISK_ID
}

/// True for the properties that a target synchronises by value.
fn is_synchronised(name: &str, rules: &SyncRules) -> bool {
    !is_part(name)
        && is_user_property(name)
        && (rules.metadata_set.is_empty() || rules.metadata_set.contains(name))
}

/// The properties that a new copy gets, less kernel and ramdisk.
pub(super) fn carried(properties: &Properties, rules: &SyncRules) -> Properties {
    properties
        .iter()
        .filter(|(name, _)| is_synchronised(name, rules))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What differs between the attributes and the carried properties of the master's image and those of a
/// region's, less references to parts that the master's image has. A reference that it lacks is taken off.
/// `tags` are the region's, less those that are about to be taken off.
pub(super) fn difference(
    master: &Image,
    carried: &Properties,
    region: &Image,
    tags: &BTreeSet<String>,
    rules: &SyncRules,
) -> MetadataChange {
    let mut change = MetadataChange {
        attributes: Box::new(attributes::difference(master, region, tags, rules)),
        ..MetadataChange::default()
    };
    for (name, value) in carried {
        let found = region.properties.get(name);
        if found != Some(value) {
            change.properties.insert(
                name.clone(),
                Change {
                    from: found.cloned(),
                    to: Some(value.clone()),
                },
            );
        }
    }
    for (name, value) in &region.properties {
        let surplus = if is_part(name) {
            !master.properties.contains_key(name)
        } else {
            // In step nearly all are carried: the dearer question is the second.
            !carried.contains_key(name) && is_synchronised(name, rules)
        };
        if surplus {
            change.properties.insert(
                name.clone(),
                Change {
                    from: Some(value.clone()),
                    to: None,
                },
            );
        }
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{image, set};

    fn changed(master: &Image, region: &Image, rules: &SyncRules) -> Vec<String> {
        let carried = carried(&master.properties, rules);
        let change = difference(master, &carried, region, &region.tags, rules);
        change
            .properties
            .iter()
            .map(|(name, change)| {
                format!(
                    "{name}: {} -> {}",
                    change.from.as_deref().unwrap_or("-"),
                    change.to.as_deref().unwrap_or("-")
                )
            })
            .collect()
    }

    #[test]
    fn without_a_metadata_set_all_user_properties_become_the_masters() {
        let master = image("a").property("x", "1").property("y", "2").build();
        let region = image("a").property("y", "3").property("local", "4").build();
        assert_eq!(
            changed(&master, &region, &SyncRules::default()),
            ["local: 4 -> -", "x: - -> 1", "y: 3 -> 2"]
        );
    }

    #[test]
    fn with_a_metadata_set_all_others_are_local() {
        let master = image("a").property("x", "1").property("y", "2").build();
        let region = image("a")
            .property("z", "0")
            .property("y", "3")
            .property("local", "4")
            .build();
        let rules = SyncRules {
            metadata_set: set(&["y", "z"]),
            ..SyncRules::default()
        };
        assert_eq!(
            changed(&master, &region, &rules),
            ["y: 3 -> 2", "z: 0 -> -"]
        );
    }

    #[test]
    fn a_reference_that_the_master_lacks_is_taken_off_and_one_that_it_has_is_not_compared() {
        let master = image("a").property("kernel_id", "one").build();
        let region = image("a")
            .property("kernel_id", "two")
            .property("ramdisk_id", "three")
            .build();
        let rules = SyncRules {
            metadata_set: set(&["nid"]),
            ..SyncRules::default()
        };
        for rules in [&rules, &SyncRules::default()] {
            assert_eq!(changed(&master, &region, rules), ["ramdisk_id: three -> -"]);
        }
    }
}
