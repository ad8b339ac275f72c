//! Exactly one warning where the contract says one.

use proptest::prelude::*;

use super::fleet::{Fleet, fleet};
use super::oracle::{Oracle, is_abandoned, is_deactivated, is_under_way};
use crate::model::{Status, WarningCode};
use crate::plan::Action;
use crate::plan::fixture::PROJECT;
use crate::plan::tags;

/// Code and id of every warning about an image that is passed over, or that counts and is odd.
fn about_images(fleet: &Fleet) -> Vec<(WarningCode, String)> {
    let oracle = Oracle::new(fleet, &fleet.region);
    let mut warnings = Vec::new();
    for master in oracle.selected() {
        let present = oracle.present(&master.name);
        let only_listed =
            !master.os_hidden && present.first().is_some_and(|image| !image.os_hidden);
        let matched = oracle.preferred(master).map(|image| &image.id);
        for image in &fleet.region {
            if image.name != master.name || (only_listed && image.os_hidden) {
                continue;
            }
            let mut warn = |code| warnings.push((code, image.id.to_string()));
            if !image.is_own(PROJECT) {
                warn(WarningCode::ForeignOwner);
                if fleet.rules.only_tenant_images {
                    continue;
                }
            }
            if image.tags.contains(tags::INCOMPLETE) {
                warn(WarningCode::LeftoverImage);
                continue;
            }
            if image.status.as_str() != "active" {
                warn(WarningCode::ImageNotActive);
            }
            if image.status.is_present() && matched != Some(&image.id) {
                warn(WarningCode::DuplicateRegionName);
            }
        }
    }
    // What others have under way is said whatever its name.
    for image in &fleet.region {
        let is_selected = oracle.selected().iter().any(|it| it.name == image.name);
        if !is_selected
            && image.is_own(PROJECT)
            && (is_under_way(image) || (is_abandoned(image) && image.protected))
        {
            warnings.push((WarningCode::LeftoverImage, image.id.to_string()));
        }
    }
    warnings.sort();
    warnings
}

/// Code and name of every warning about what an image is.
fn about_statuses(fleet: &Fleet) -> Vec<(WarningCode, String)> {
    let oracle = Oracle::new(fleet, &fleet.region);
    let rules = &fleet.rules;
    let mut warnings = Vec::new();
    for master in oracle.selected() {
        let mut warn = |code| warnings.push((code, master.name.clone()));
        let found = oracle.unfinished(master).or(oracle.matched(master));
        match oracle.status(master) {
            Status::OkStalledChecksum => warn(WarningCode::StalledChecksum),
            Status::ErrorChecksum => warn(WarningCode::ChecksumConflict),
            Status::ErrorAmi => warn(WarningCode::AmiMissing),
            Status::PendingRename => {
                let Some(old) = found.filter(|old| !is_deactivated(old)) else {
                    continue;
                };
                let hash = old.content.listed();
                let hash = hash.as_ref();
                let holds = |list: &crate::model::ChecksumList| {
                    hash.is_some_and(|hash| list.checksums.contains(hash))
                };
                let is_stalled = hash.is_some_and(|hash| rules.dontupdate.contains(hash));
                let says_replace =
                    holds(&rules.replace) || (!rules.rename.any && rules.replace.any);
                if says_replace && !is_stalled && !holds(&rules.rename) {
                    warn(WarningCode::ProtectedImage);
                }
            }
            Status::PendingReplace
                if found.is_some_and(|old| !is_deactivated(old) && oracle.is_needed(old)) =>
            {
                warn(WarningCode::ImageInUse);
            }
            _ => {}
        }
    }
    warnings.sort();
    warnings
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn every_odd_image_has_its_warning_and_no_other(fleet in fleet()) {
        let is_about_images = |code: WarningCode| {
            matches!(
                code,
                WarningCode::ForeignOwner
                    | WarningCode::LeftoverImage
                    | WarningCode::ImageNotActive
                    | WarningCode::DuplicateRegionName
            )
        };
        let (images, statuses): (Vec<_>, Vec<_>) = fleet
            .plan()
            .warnings
            .into_iter()
            .filter(|warning| warning.code != WarningCode::ObsoleteIgnored)
            .partition(|warning| is_about_images(warning.code));
        let mut found: Vec<_> = images
            .into_iter()
            .map(|warning| (warning.code, warning.image_id.unwrap().to_string()))
            .collect();
        found.sort();
        prop_assert_eq!(found, about_images(&fleet));
        let mut found: Vec<_> = statuses
            .into_iter()
            .map(|warning| (warning.code, warning.image.unwrap()))
            .collect();
        found.sort();
        prop_assert_eq!(found, about_statuses(&fleet));
    }

    #[test]
    fn every_obsolete_image_is_marked_or_has_its_warning(mut fleet in fleet()) {
        fleet.rules.support_obsolete_images = true;
        let oracle = Oracle::new(&fleet, &fleet.region);
        let plan = fleet.plan();
        let warned = |name: &str| {
            plan.warnings
                .iter()
                .filter(|warning| {
                    warning.code == WarningCode::ObsoleteIgnored
                        && warning.image.as_deref() == Some(name)
                })
                .count()
        };
        for master in oracle.inventory() {
            let Some(base) = master.name.strip_suffix("_obsolete") else { continue };
            let is_synchronised = oracle.selected().iter().any(|image| image.name == base)
                || (!oracle.inventory().any(|image| image.name == base)
                    && oracle.candidates().any(|image| image.name == base));
            let marked = plan.actions.iter().any(|action| {
                matches!(action, Action::MarkObsolete { image, .. } if *image == master.name)
            });
            if is_synchronised {
                prop_assert!(!marked);
                prop_assert_eq!(warned(&master.name), 1);
                continue;
            }
            // What an obsolete image of a longer name takes is no matter of this one's.
            let passed_over = fleet
                .region
                .iter()
                .filter(|image| !image.os_hidden && !image.tags.contains(tags::INCOMPLETE))
                .filter(|image| {
                    image.name == master.name
                        || (image.name == base && image.status.as_str() == "active")
                })
                .filter(|image| {
                    !image.is_own(PROJECT) || !image.content.is_same_content(&master.content)
                })
                .count();
            let found = warned(&master.name);
            if base.ends_with("_obsolete") {
                prop_assert!(found <= passed_over);
            } else {
                prop_assert_eq!(found, passed_over);
            }
        }
    }
}
