//! What no plan touches, however its run ends.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::conduct::{Conduct, carry_out};
use super::fleet::{Fleet, fleet};
use super::oracle::{Oracle, PARTS, is_abandoned, labels};
use super::stopped::trouble;
use crate::model::{Image, SyncAttribute, Visibility};
use crate::plan::fixture::PROJECT;

/// Every image of the beginning, with what became of it; none where it was deleted.
fn fates(fleet: &Fleet, end: &[Image]) -> Vec<(Image, Option<Image>)> {
    let fate = |image: &Image| end.iter().find(|other| other.id == image.id).cloned();
    fleet
        .region
        .iter()
        .map(|image| (image.clone(), fate(image)))
        .collect()
}

/// The master's obsolete image that may mark that image.
fn obsolete<'a>(oracle: &Oracle<'a>, image: &Image, end: &Image) -> Option<&'a Image> {
    oracle.inventory().find(|master| {
        let base = master.name.strip_suffix("_obsolete");
        base.is_some()
            && end.name == master.name
            && (image.name == master.name || Some(image.name.as_str()) == base)
            && image.content.is_same_content(&master.content)
    })
}

/// The tags that are this program's.
fn ours(tags: &BTreeSet<&String>) -> BTreeSet<String> {
    let ours = tags.iter().filter(|tag| tag.starts_with("glancesync-"));
    ours.map(ToString::to_string).collect()
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn other_projects_images_are_untouched_where_they_do_not_count(
        mut fleet in fleet(),
        trouble in trouble(),
    ) {
        fleet.rules.only_tenant_images = true;
        let run = carry_out(&fleet.plan(), &fleet.region, trouble, &Conduct::one_by_one(true));
        for (before, after) in fates(&fleet, run.glance.images()) {
            if !before.is_own(PROJECT) {
                prop_assert_eq!(Some(before), after);
            }
        }
    }

    #[test]
    fn images_are_untouched_unless_they_count_or_are_obsolete(
        fleet in fleet(),
        trouble in trouble(),
    ) {
        let run = carry_out(&fleet.plan(), &fleet.region, trouble, &Conduct::one_by_one(true));
        let oracle = Oracle::new(&fleet, &fleet.region);
        let selected = oracle.selected();
        for (before, after) in fates(&fleet, run.glance.images()) {
            let counts = selected
                .iter()
                .any(|master| oracle.matched(master).is_some_and(|found| found.id == before.id));
            let is_left = is_abandoned(&before)
                || selected
                    .iter()
                    .any(|master| oracle.unfinished(master).is_some_and(|old| old.id == before.id));
            let is_obsolete = before.is_own(PROJECT)
                && fleet.rules.support_obsolete_images
                && after
                    .as_ref()
                    .is_some_and(|after| obsolete(&oracle, &before, after).is_some());
            if !counts && !is_left && !is_obsolete {
                prop_assert_eq!(Some(before), after);
            }
        }
    }

    #[test]
    fn of_a_kept_image_only_what_the_rules_name_is_changed(
        fleet in fleet(),
        trouble in trouble(),
    ) {
        let run = carry_out(&fleet.plan(), &fleet.region, trouble, &Conduct::one_by_one(true));
        let oracle = Oracle::new(&fleet, &fleet.region);
        for (before, after) in fates(&fleet, run.glance.images()) {
            let Some(after) = after else { continue };
            if is_abandoned(&before) {
                continue;
            }
            let master = obsolete(&oracle, &before, &after).or_else(|| {
                oracle.selected().into_iter().find(|master| master.name == before.name)
            });
            let is_old = after.name == format!("{}.old", before.name);
            if after.visibility != before.visibility {
                if is_old {
                    prop_assert_eq!(after.visibility, Visibility::Private);
                } else {
                    let is_named = oracle.syncs(SyncAttribute::Visibility);
                    prop_assert!(is_named || after.visibility.is_public() != before.visibility.is_public());
                    prop_assert_eq!(after.visibility, master.unwrap().visibility);
                }
            }
            let rules = &fleet.rules;
            let is_obsolete = after.name.ends_with("_obsolete");
            for name in before.properties.keys().chain(after.properties.keys()) {
                let may_change = if is_obsolete {
                    rules.obsolete_syncprops.contains(name) && !PARTS.contains(&name.as_str())
                } else {
                    PARTS.contains(&name.as_str())
                        || (!is_old
                            && (rules.metadata_set.is_empty()
                                || rules.metadata_set.contains(name)))
                };
                if !may_change {
                    let (before, after) = (before.properties.get(name), after.properties.get(name));
                    prop_assert_eq!(before, after, "{}", name);
                }
            }
            // A tag that says nothing any more may be gone.
            let says_something = |tag: &&String| !tag.starts_with("glancesync-replaces:");
            let tags: BTreeSet<&String> = before.tags.iter().filter(says_something).collect();
            let left: BTreeSet<&String> = after.tags.iter().filter(says_something).collect();
            let may_change = |attribute| !is_old && !is_obsolete && oracle.syncs(attribute);
            if may_change(SyncAttribute::Tags) {
                prop_assert_eq!(ours(&tags), ours(&left));
            } else {
                prop_assert_eq!(tags, left);
            }
            let equal = Image {
                min_disk: if may_change(SyncAttribute::MinDisk) { before.min_disk } else { after.min_disk },
                min_ram: if may_change(SyncAttribute::MinRam) { before.min_ram } else { after.min_ram },
                protected: if may_change(SyncAttribute::Protected) { before.protected } else { after.protected },
                os_hidden: if may_change(SyncAttribute::OsHidden) { before.os_hidden } else { after.os_hidden },
                tags: before.tags.clone(),
                name: before.name.clone(),
                visibility: before.visibility,
                properties: before.properties.clone(),
                ..after
            };
            prop_assert_eq!(before, equal);
        }
    }

    #[test]
    fn a_new_image_is_what_the_master_has(fleet in fleet()) {
        let run = carry_out(&fleet.plan(), &fleet.region, super::glance::Trouble::None, &Conduct::one_by_one(true));
        let oracle = Oracle::new(&fleet, run.glance.images());
        let rules = &fleet.rules;
        for master in oracle.selected() {
            let Some(found) = oracle.matched(master) else { continue };
            let before = fleet.region.iter().find(|image| image.id == found.id);
            if before.is_some_and(|image| !is_abandoned(image)) {
                continue;
            }
            let syncs = |attribute| oracle.syncs(attribute);
            prop_assert_eq!(found.os_hidden, syncs(SyncAttribute::OsHidden) && master.os_hidden);
            let wanted = if syncs(SyncAttribute::Tags) { labels(&master.tags) } else { BTreeSet::new() };
            prop_assert_eq!(found.tags.iter().collect::<BTreeSet<_>>(), wanted);
            prop_assert_eq!((found.min_disk, found.min_ram), (master.min_disk, master.min_ram));
            prop_assert_eq!(found.visibility, master.visibility);
            prop_assert_eq!(found.protected, master.protected);
            let expected: Vec<_> = master
                .properties
                .iter()
                .filter(|(name, _)| {
                    PARTS.contains(&name.as_str())
                        || rules.metadata_set.is_empty()
                        || rules.metadata_set.contains(*name)
                })
                .map(|(name, _)| name)
                .collect();
            prop_assert_eq!(found.properties.keys().collect::<Vec<_>>(), expected);
        }
    }
}
