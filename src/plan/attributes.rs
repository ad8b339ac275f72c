//! The attributes of an image: what of them is compared, what differs, and what of the master's a new image
//! gets. Without `sync_attributes` that is public or not alone.

use std::collections::BTreeSet;

use super::change::{AttributeChange, Change};
use super::tags;
use crate::model::{Image, SyncAttribute, SyncRules, Visibility};

/// What of the master's attributes a new image gets only where a target names them; the others it gets
/// always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CarriedAttributes {
    pub(super) os_hidden: bool,
    pub(super) tags: BTreeSet<String>,
}

/// What a new copy of the master's image gets.
pub(super) fn carried(master: &Image, rules: &SyncRules) -> CarriedAttributes {
    let named = |attribute| rules.sync_attributes.contains(&attribute);
    CarriedAttributes {
        os_hidden: named(SyncAttribute::OsHidden) && master.os_hidden,
        tags: if named(SyncAttribute::Tags) {
            foreign_tags(&master.tags).cloned().collect()
        } else {
            BTreeSet::new()
        },
    }
}

/// Only public or not public counts; where that differs, the master's own visibility is set.
pub(super) fn public_change(from: Visibility, to: Visibility) -> Option<Change<Visibility>> {
    (from.is_public() != to.is_public()).then_some(Change { from, to })
}

/// What differs between the attributes of the master's image and those of a region's. `present` are the tags
/// of the region's image, less those that are about to be taken off; those of this program stay in any case.
pub(super) fn difference(
    master: &Image,
    region: &Image,
    present: &BTreeSet<String>,
    rules: &SyncRules,
) -> AttributeChange {
    let named = |attribute| rules.sync_attributes.contains(&attribute);
    AttributeChange {
        visibility: if named(SyncAttribute::Visibility) {
            change(region.visibility, master.visibility)
        } else {
            public_change(region.visibility, master.visibility)
        },
        min_disk: named(SyncAttribute::MinDisk)
            .then(|| change(region.min_disk, master.min_disk))
            .flatten(),
        min_ram: named(SyncAttribute::MinRam)
            .then(|| change(region.min_ram, master.min_ram))
            .flatten(),
        protected: named(SyncAttribute::Protected)
            .then(|| change(region.protected, master.protected))
            .flatten(),
        os_hidden: named(SyncAttribute::OsHidden)
            .then(|| change(region.os_hidden, master.os_hidden))
            .flatten(),
        tags: named(SyncAttribute::Tags)
            .then(|| tags_change(&master.tags, present))
            .flatten(),
    }
}

fn change<T: PartialEq>(from: T, to: T) -> Option<Change<T>> {
    (from != to).then_some(Change { from, to })
}

fn tags_change(
    master: &BTreeSet<String>,
    present: &BTreeSet<String>,
) -> Option<Change<BTreeSet<String>>> {
    if foreign_tags(master).eq(foreign_tags(present)) {
        return None;
    }
    let ours = present.iter().filter(|tag| tags::is_ours(tag));
    Some(Change {
        from: present.clone(),
        to: foreign_tags(master).chain(ours).cloned().collect(),
    })
}

/// The tags that are not this program's.
fn foreign_tags(tags: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    tags.iter().filter(|tag| !tags::is_ours(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{image, set};

    fn rules(named: &[SyncAttribute]) -> SyncRules {
        SyncRules {
            sync_attributes: named.iter().copied().collect(),
            ..SyncRules::default()
        }
    }

    fn compared(master: &Image, region: &Image, named: &[SyncAttribute]) -> AttributeChange {
        difference(master, region, &region.tags, &rules(named))
    }

    fn other(master: &Image) -> Image {
        Image {
            visibility: Visibility::Community,
            min_disk: 9,
            min_ram: 9,
            protected: !master.protected,
            os_hidden: !master.os_hidden,
            tags: set(&["other"]),
            ..master.clone()
        }
    }

    #[test]
    fn each_name_stands_for_one_attribute_and_for_no_other() {
        let master = image("a").visibility(Visibility::Shared).build();
        let region = other(&master);
        for attribute in SyncAttribute::ALL {
            let change = compared(&master, &region, &[attribute]);
            assert_eq!(change.names(), [attribute]);
        }
        let change = compared(&master, &region, &SyncAttribute::ALL);
        assert_eq!(change.names(), SyncAttribute::ALL);
        assert!(compared(&master, &region, &[]).is_empty());
        assert!(compared(&master, &master, &SyncAttribute::ALL).is_empty());
    }

    #[test]
    fn without_the_name_only_public_or_not_is_compared() {
        use Visibility::{Community, Private, Public, Shared};
        let at = |visibility| image("a").visibility(visibility).build();
        let named = [SyncAttribute::Visibility];
        for (from, to) in [(Private, Shared), (Community, Private), (Shared, Community)] {
            assert_eq!(compared(&at(to), &at(from), &[]).visibility, None);
            let change = compared(&at(to), &at(from), &named).visibility;
            assert_eq!(change, Some(Change { from, to }));
        }
        let (from, to) = (Public, Shared);
        let change = compared(&at(to), &at(from), &[]).visibility;
        assert_eq!(change, Some(Change { from, to }));
    }

    #[test]
    fn the_tags_of_this_program_neither_come_nor_go() {
        let master = image("a").tag("x").tag("glancesync-incomplete").build();
        let region = image("a").tag("y").tag("glancesync-orphan:2026-01-02");
        let region = region.tag("glancesync-replaces:1").build();
        let present = set(&["y", "glancesync-orphan:2026-01-02"]);
        let named = rules(&[SyncAttribute::Tags]);
        let change = difference(&master, &region, &present, &named).tags;
        let to = set(&["x", "glancesync-orphan:2026-01-02"]);
        assert_eq!(change, Some(Change { from: present, to }));
        let same = image("a").tag("x").tag("glancesync-replaces:1").build();
        assert_eq!(compared(&master, &same, &[SyncAttribute::Tags]).tags, None);
        assert_eq!(carried(&master, &named).tags, set(&["x"]));
        assert_eq!(carried(&master, &SyncRules::default()).tags, set(&[]));
    }

    #[test]
    fn a_new_image_is_hidden_only_where_that_is_named() {
        let master = image("a").hidden().build();
        assert!(carried(&master, &rules(&[SyncAttribute::OsHidden])).os_hidden);
        assert!(!carried(&master, &rules(&[SyncAttribute::Tags])).os_hidden);
    }
}
