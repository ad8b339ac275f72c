//! Orphans: images that this program published, and whose name no rule wants any more.
//!
//! Only an intact provenance proves that an image is this program's work. A snapshot of a server and a user's
//! copy have the same properties, but another id.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use super::cleanup::{Cleanup, CleanupStep};
use super::obsolete::OBSOLETE_SUFFIX;
use super::references::References;
use super::{MasterInventory, OLD_SUFFIX, RegionImages, Selection, tags};
use crate::model::{
    Image, ImageId, ImageStatus, OrphanRule, ProvenanceState, SyncRules, Warning, WarningCode,
};

/// Why no rule wants an image any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrphanReason {
    /// The master has no image of that name, nor of that name with `_obsolete`.
    Gone,
    /// The master has one, which the rules of the target do not select.
    Deselected,
}

impl fmt::Display for OrphanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the master has no image of that name any more",
            Self::Deselected => "the master's image of that name is not selected",
        })
    }
}

/// An image of a region that no rule wants any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// Its name.
    pub image: String,
    /// Its id.
    pub image_id: ImageId,
    /// Why it is one.
    pub reason: OrphanReason,
    /// The day on which this program hid it, by the region's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_since: Option<NaiveDate>,
    /// It is left out of the default list.
    #[serde(skip)]
    pub is_hidden: bool,
}

/// The orphans of a region, by name, as far as the inventory tells: where that was built without the
/// master's hidden images, [`without_named`] has to be asked too.
pub fn find_orphans(
    selection: &Selection,
    rules: &SyncRules,
    region: &RegionImages<'_>,
    inventory: &MasterInventory,
) -> Vec<Orphan> {
    let mut references = None;
    let mut orphans = Vec::new();
    for image in region.listed.iter().chain(region.hidden) {
        if !may_be_orphan(image, rules, region) {
            continue;
        }
        let Some(reason) = reason(&image.name, selection, inventory) else {
            continue;
        };
        let references = references.get_or_insert_with(|| References::of(region));
        if references.to(&image.id).next().is_none() {
            orphans.push(Orphan {
                image: image.name.clone(),
                image_id: image.id.clone(),
                reason,
                hidden_since: tags::orphan_since(image),
                is_hidden: image.os_hidden,
            });
        }
    }
    orphans.sort_by(|a, b| (&a.image, &a.image_id).cmp(&(&b.image, &b.image_id)));
    orphans
}

/// The orphans less those whose name one of these other images of the master has, with `_obsolete` or
/// without.
pub fn without_named(mut orphans: Vec<Orphan>, names: &BTreeSet<String>) -> Vec<Orphan> {
    orphans.retain(|orphan| {
        !names.contains(&orphan.image)
            && !names.contains(&format!("{}{OBSOLETE_SUFFIX}", orphan.image))
    });
    orphans
}

/// True for what this program published and nothing protects, whatever the master has.
fn may_be_orphan(image: &Image, rules: &SyncRules, region: &RegionImages<'_>) -> bool {
    image.status == ImageStatus::Active
        && !image.protected
        && !tags::is_incomplete(image)
        && !image.name.is_empty()
        && !image.name.ends_with(OLD_SUFFIX)
        && !image.name.ends_with(OBSOLETE_SUFFIX)
        && region.provenance(image) == ProvenanceState::Intact
        && image.content.entry_of(&rules.dontupdate).is_none()
}

fn reason(name: &str, selection: &Selection, inventory: &MasterInventory) -> Option<OrphanReason> {
    let obsolete = inventory.own_images_of(&format!("{name}{OBSOLETE_SUFFIX}"));
    match inventory.own_images_of(name) {
        0 if obsolete == 0 => Some(OrphanReason::Gone),
        1 if obsolete == 0 && selection.refuses(name) => Some(OrphanReason::Deselected),
        _ => None,
    }
}

/// What is done with orphans by these rules, and who showed one again, who is warned about.
pub(super) fn clean_up(
    orphans: &[Orphan],
    rules: &SyncRules,
    region: &RegionImages<'_>,
    warnings: &mut Vec<Warning>,
) -> Vec<Cleanup> {
    let Some(now) = region.now else {
        return Vec::new();
    };
    let mut cleanups = Vec::new();
    for orphan in orphans {
        let step = match orphan.hidden_since {
            None => CleanupStep::HideOrphan(now.date_naive()),
            Some(_) if !orphan.is_hidden => {
                warnings.push(kept(orphan, region));
                continue;
            }
            Some(day)
                if rules.retention.orphans == OrphanRule::Delete && is_over(day, rules, now) =>
            {
                CleanupStep::DeleteOrphan
            }
            Some(_) => continue,
        };
        cleanups.push(Cleanup {
            image: orphan.image.clone(),
            image_id: orphan.image_id.clone(),
            step,
        });
    }
    cleanups
}

/// True where `orphan_grace` has passed since the beginning of that day.
fn is_over(day: NaiveDate, rules: &SyncRules, now: DateTime<Utc>) -> bool {
    let grace = TimeDelta::from_std(rules.retention.orphan_grace.0).ok();
    let since = day.and_time(chrono::NaiveTime::MIN).and_utc();
    let end = grace.and_then(|grace| since.checked_add_signed(grace));
    end.is_some_and(|end| end <= now)
}

fn kept(orphan: &Orphan, region: &RegionImages<'_>) -> Warning {
    let message = format!(
        "the image `{}` ({}) of {} is not selected any more, was hidden, and somebody shows it again: it is left alone; take its tag `glancesync-orphan:…` off to have it hidden again",
        orphan.image, orphan.image_id, region.region
    );
    Warning::new(WarningCode::OrphanKept, message)
        .image(&orphan.image)
        .image_id(&orphan.image_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KERNEL_ID, RetentionRules, TimeSpan, Visibility};
    use crate::plan::fixture::{
        PROJECT, actions, cleaned_up, codes, content, image, listed, now, set, statuses,
    };
    use crate::plan::{Plan, SelectedBy};

    const DAY: u64 = 24 * 60 * 60;

    fn rules(orphans: OrphanRule) -> SyncRules {
        SyncRules {
            retention: RetentionRules {
                orphans,
                orphan_grace: TimeSpan::from_secs(7 * DAY),
                ..RetentionRules::default()
            },
            ..SyncRules::default()
        }
    }

    /// A copy that this program published.
    fn copy(name: &str) -> Image {
        image(name).copy_of(&content(name)).build()
    }

    fn hidden(name: &str, days: i64) -> Image {
        let day = (now() - TimeDelta::days(days)).date_naive();
        let mut image = image(name).copy_of(&content(name)).hidden().build();
        image.tags = tags::with_orphan(&set(&["local"]), day);
        image
    }

    fn found(plan: &Plan) -> Vec<(&str, OrphanReason)> {
        let orphans = plan.orphans.iter();
        orphans.map(|it| (it.image.as_str(), it.reason)).collect()
    }

    #[test]
    fn gone_and_deselected_ones_are_reported_and_nothing_more() {
        let master = [
            image("a").build(),
            image("private").visibility(Visibility::Private).build(),
        ];
        let region = [copy("a"), copy("private"), copy("gone")];
        let plan = cleaned_up(&master, &region, &[], &SyncRules::default());
        assert_eq!(
            found(&plan),
            [
                ("gone", OrphanReason::Gone),
                ("private", OrphanReason::Deselected)
            ]
        );
        assert_eq!(actions(&plan), [""; 0]);
        assert_eq!(plan.images[0].selected_by, SelectedBy::Public);
    }

    #[test]
    fn what_the_master_has_in_whatever_form_is_not_gone() {
        let master = [
            image("a").build(),
            image("hidden").hidden().build(),
            image("queued").queued().build(),
            image("off").status("deactivated").build(),
            image("marked_obsolete")
                .visibility(Visibility::Private)
                .build(),
            image("twice").build(),
            image("twice").build(),
            image("on its way").incomplete("another").build(),
            image("theirs").owner(Some("somebody")).build(),
        ];
        let names = [
            "hidden",
            "queued",
            "off",
            "marked",
            "twice",
            "on its way",
            "theirs",
        ];
        let region: Vec<Image> = names.into_iter().map(copy).collect();
        let plan = cleaned_up(&master, &region, &[], &rules(OrphanRule::Hide));
        assert_eq!(found(&plan), [("theirs", OrphanReason::Gone)]);
    }

    #[test]
    fn a_hidden_image_of_the_master_is_reason_enough_to_keep_a_name() {
        let master = [image("a").build()];
        let region = [copy("gone"), copy("hidden"), copy("marked")];
        let plan = cleaned_up(&master, &region, &[], &SyncRules::default());
        let names = set(&["hidden", "marked_obsolete"]);
        let left = without_named(plan.orphans, &names);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].image, "gone");
    }

    #[test]
    fn only_what_this_program_published_can_be_one() {
        let original = copy("original");
        // What Nova makes of a server of that image: its properties, and those of its own.
        let mut snapshot = image("snapshot")
            .content(content("a disk"))
            .property("image_type", "snapshot")
            .property("base_image_ref", original.id.as_str())
            .property("instance_uuid", "6e240dd4-e304-4599-b7d8-e38e13cef058")
            .property("owner_id", PROJECT)
            .property("user_id", "nova")
            .build();
        snapshot.provenance.clone_from(&original.provenance);
        let mut users_copy = image("copy").content(original.content.clone()).build();
        users_copy.provenance.clone_from(&original.provenance);
        let mut changed = copy("changed");
        changed.content = content("something else");
        let mut foreign = copy("foreign");
        foreign.owner = Some("somebody".to_owned());
        let mut other_master = copy("of another master");
        if let Some(provenance) = &mut other_master.provenance {
            provenance.master = "0123456789abcdef".to_owned();
        }
        let by_hand = image("by hand").build();
        let region = [
            original,
            snapshot,
            users_copy,
            changed,
            foreign,
            other_master,
            by_hand,
        ];
        let master = [image("a").build()];
        let plan = cleaned_up(&master, &region, &[], &rules(OrphanRule::Hide));
        assert_eq!(found(&plan), [("original", OrphanReason::Gone)]);
    }

    #[test]
    fn what_is_protected_listed_needed_or_marked_is_none() {
        let mut protected = copy("protected");
        protected.protected = true;
        let kernel = copy("kernel");
        let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
        let mut leftover = copy("leftover");
        leftover.tags.insert(tags::INCOMPLETE.to_owned());
        let region = [
            protected,
            copy("stalled"),
            kernel,
            machine,
            leftover,
            copy("a.old"),
            copy("b_obsolete"),
            image("off")
                .status("deactivated")
                .copy_of(&content("off"))
                .build(),
        ];
        let rules = SyncRules {
            dontupdate: [listed("stalled")].into(),
            ..rules(OrphanRule::Delete)
        };
        let plan = cleaned_up(&[image("a").build()], &region, &[], &rules);
        assert_eq!(found(&plan), []);
        assert!(plan.actions.iter().all(|it| it.image() == "a"));
    }

    #[test]
    fn it_is_hidden_then_deleted_once_its_time_is_over() {
        let master = [image("a").build()];
        let region = [image("a").build(), copy("new")];
        let hidden = [hidden("young", 6), hidden("old", 7)];
        let of = |orphans| cleaned_up(&master, &region, &hidden, &rules(orphans));
        assert_eq!(actions(&of(OrphanRule::Report)), [""; 0]);
        assert_eq!(actions(&of(OrphanRule::Hide)), ["hide_orphan new"]);
        assert_eq!(
            actions(&of(OrphanRule::Delete)),
            ["hide_orphan new", "delete_orphan old"]
        );
        assert_eq!(of(OrphanRule::Delete).deletions(), 1);
        assert_eq!(found(&of(OrphanRule::Report)).len(), 3);
    }

    #[test]
    fn one_that_somebody_shows_again_is_left_alone() {
        let mut shown = hidden("shown", 100);
        shown.os_hidden = false;
        let region = [image("a").build(), shown];
        for orphans in [OrphanRule::Hide, OrphanRule::Delete] {
            let plan = cleaned_up(&[image("a").build()], &region, &[], &rules(orphans));
            assert_eq!(actions(&plan), [""; 0]);
            assert_eq!(codes(&plan.warnings), [WarningCode::OrphanKept]);
        }
    }

    #[test]
    fn one_that_is_wanted_again_loses_its_tag_and_is_shown_whatever_the_rule() {
        let master = [image("back").build(), image("new").build()];
        for orphans in [OrphanRule::Report, OrphanRule::Delete] {
            let hidden = [hidden("back", 100)];
            let plan = cleaned_up(&master, &[], &hidden, &rules(orphans));
            assert_eq!(
                statuses(&plan),
                ["pending_metadata back", "pending_upload new"]
            );
            assert_eq!(actions(&plan), ["update_metadata back", "upload new"]);
            assert_eq!(found(&plan), []);
        }
    }

    #[test]
    fn more_than_allowed_are_none() {
        let master = [image("a").build()];
        let region = ["1", "2", "3"].map(copy);
        let mut rules = rules(OrphanRule::Hide);
        rules.retention.max_delete = 2;
        let plan = cleaned_up(&master, &region, &[], &rules);
        assert_eq!(actions(&plan), ["upload a"]);
        let too_many = plan.too_many_deletions.unwrap();
        assert_eq!((too_many.planned.len(), too_many.max_delete), (3, 2));
        rules.retention.max_delete = 3;
        let plan = cleaned_up(&master, &region, &[], &rules);
        assert_eq!(plan.actions.len(), 4);
        assert_eq!(plan.actions[0].image(), "a");
    }

    #[test]
    fn an_empty_selection_is_no_order_to_hide_anything() {
        let master = [image("a").visibility(Visibility::Private).build()];
        let plan = cleaned_up(&master, &[copy("a")], &[], &rules(OrphanRule::Hide));
        assert_eq!(found(&plan), [("a", OrphanReason::Deselected)]);
        assert_eq!(actions(&plan), [""; 0]);
    }
}
