//! What becomes of images that nobody wants any more: only what this program made goes, never too much of
//! it, and never in a region where something failed.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::prelude::*;

use super::conduct::{Conduct, carry_out, conduct};
use super::fleet::{Fleet, fleet};
use super::glance::Trouble;
use super::stopped::{has_unfinished, trouble};
use crate::model::{
    Image, ImageId, ImageStatus, KERNEL_ID, KeepOld, OrphanRule, Provenance, ProvenanceState,
    RAMDISK_ID, RetentionRules, TimeSpan,
};
use crate::plan::fixture::{MASTER, PROJECT, content, now, region_images, region_name};
use crate::plan::{Action, Cleanup, MasterInventory, Plan, build, clean_up, find_orphans, tags};

/// What is drawn of each image of a region beside what every fleet has.
#[derive(Debug, Clone, Copy)]
struct Marks {
    /// Its provenance: none, its own, another image's, or its own for another content.
    provenance: usize,
    /// It was kept as an old image.
    is_old: bool,
    /// It was hidden so many days ago.
    hidden_days: Option<i64>,
    hours_old: i64,
}

prop_compose! {
    fn marks()(
        provenance in prop_oneof![1 => Just(0_usize), 6 => Just(1), 1 => Just(2), 1 => Just(3)],
        is_old in prop::bool::weighted(0.4),
        hidden_days in prop::option::weighted(0.2, 0..60_i64),
        hours_old in 0..10_i64,
    ) -> Marks {
        Marks { provenance, is_old, hidden_days, hours_old }
    }
}

prop_compose! {
    fn retention()(
        kept in 0..3_usize,
        hide_old in any::<bool>(),
        orphans in prop::sample::select(vec![OrphanRule::Report, OrphanRule::Hide, OrphanRule::Delete]),
        days in 1..40_u64,
        max_delete in 0..9_usize,
    ) -> RetentionRules {
        RetentionRules {
            keep_old: KeepOld::from_word(&kept.to_string()).unwrap_or_default(),
            hide_old,
            orphans,
            orphan_grace: TimeSpan::from_secs(days * 24 * 60 * 60),
            max_delete,
        }
    }
}

fn mark(image: &mut Image, marks: Marks) {
    if marks.is_old && !image.name.ends_with("_obsolete") {
        image.name = format!("{}.old", image.name);
    }
    if let Some(days) = marks.hidden_days {
        let day = (now() - TimeDelta::days(days)).date_naive();
        image.tags = tags::with_orphan(&image.tags, day);
    }
    image.created_at = Some(now() - TimeDelta::hours(marks.hours_old));
    let other = ImageId::new("eeeeeeee-0000-4000-8000-000000000000");
    let own = image.content.clone();
    let (id, of) = match marks.provenance {
        0 => return,
        1 => (image.id.clone(), own),
        2 => (other, own),
        _ => (image.id.clone(), content("something else")),
    };
    image.provenance = Provenance::new(&content("source"), &of, &id, &MASTER).map(Box::new);
}

prop_compose! {
    /// A fleet whose master gave some of its images up.
    fn left_over()(
        mut fleet in fleet(),
        all in vec(marks(), 40),
        given_up in 0..4_usize,
        retention in retention(),
    ) -> Fleet {
        for (image, marks) in fleet.region.iter_mut().zip(all) {
            mark(image, marks);
        }
        let left = fleet.master.len().saturating_sub(given_up);
        fleet.master.rotate_left(given_up.min(left));
        fleet.master.truncate(left);
        fleet.rules.retention = retention;
        fleet
    }
}

fn plan_for(fleet: &Fleet, region: &[Image]) -> Plan {
    let inventory = MasterInventory::build("Spain", fleet.master.clone(), PROJECT);
    let selection = fleet.selection();
    let (hidden, listed): (Vec<Image>, Vec<Image>) =
        region.iter().cloned().partition(|image| image.os_hidden);
    let (name, rules) = (region_name(), &fleet.rules);
    let images = region_images(&name, &listed, &hidden);
    let mut plan = build(&selection, rules, &images);
    let orphans = find_orphans(&selection, rules, &images, &inventory);
    clean_up(&mut plan, orphans, &selection, rules, &images, |_| false);
    plan
}

fn cleanups(plan: &Plan) -> Vec<&Cleanup> {
    let cleanups = plan.actions.iter().filter_map(|action| match action {
        Action::Cleanup(cleanup) if cleanup.comes_last() => Some(cleanup),
        _ => None,
    });
    cleanups.collect()
}

fn find<'a>(images: &'a [Image], id: &ImageId) -> Option<&'a Image> {
    images.iter().find(|image| image.id == *id)
}

/// The images that a plan renames or deletes when their new ones are published.
fn replaced(plan: &Plan) -> impl Iterator<Item = ImageId> {
    let uploads = plan.actions.iter().filter_map(|action| match action {
        Action::Upload(upload) => upload.replaces.as_ref(),
        _ => None,
    });
    uploads.map(|old| old.image_id.clone())
}

/// The images to which others refer.
fn parts(images: &[Image]) -> BTreeSet<ImageId> {
    let references = images.iter().flat_map(|image| {
        [KERNEL_ID, RAMDISK_ID]
            .into_iter()
            .filter_map(|property| image.properties.get(property))
    });
    references.map(|id| ImageId::new(id)).collect()
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn only_what_this_program_made_and_nobody_selects_goes(fleet in left_over()) {
        let plan = plan_for(&fleet, &fleet.region);
        let selection = fleet.selection();
        let names: BTreeSet<&str> = selection.names().collect();
        for cleanup in cleanups(&plan) {
            let image = find(&fleet.region, &cleanup.image_id).unwrap();
            let provenance = image.provenance.as_ref().unwrap();
            let state = provenance.state(&image.id, &image.content, &MASTER);
            prop_assert_eq!(state, ProvenanceState::Intact);
            prop_assert!(image.is_own(PROJECT) && !image.protected);
            prop_assert_eq!(&image.status, &ImageStatus::Active);
            prop_assert!(!names.contains(image.name.as_str()));
            prop_assert!(!tags::is_incomplete(image));
        }
    }

    #[test]
    fn it_is_never_more_than_allowed_and_comes_last(fleet in left_over()) {
        let plan = plan_for(&fleet, &fleet.region);
        let number = cleanups(&plan).len();
        prop_assert!(number <= fleet.rules.retention.max_delete);
        prop_assert!(plan.too_many_deletions.is_none() || number == 0);
        let last = plan.actions.iter().rev().take(number);
        prop_assert!(last.into_iter().all(|action| matches!(action, Action::Cleanup(_))));
    }

    #[test]
    fn nothing_goes_where_something_failed_or_the_selection_is_empty(
        fleet in left_over(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let plan = plan_for(&fleet, &fleet.region);
        let run = carry_out(&plan, &fleet.region, trouble, &conduct);
        let before_any = |id: &ImageId| find(&fleet.region, id) == find(run.glance.images(), id);
        if !plan.failures.is_empty() || fleet.selection().images.is_empty() {
            prop_assert!(cleanups(&plan).iter().all(|it| before_any(&it.image_id)));
        }
        // What cannot be deleted stays, and is no failure.
        if trouble == Trouble::InUse {
            let deleted = cleanups(&plan).into_iter().filter(|it| it.step.kind().is_deletion());
            for cleanup in deleted {
                prop_assert!(before_any(&cleanup.image_id));
            }
        }
    }

    #[test]
    fn one_more_run_changes_nothing_but_what_was_needed_until_then(fleet in left_over()) {
        let one_by_one = Conduct::one_by_one(false);
        let plan = plan_for(&fleet, &fleet.region);
        let run = carry_out(&plan, &fleet.region, Trouble::None, &one_by_one);
        prop_assume!(!run.failed && plan.too_many_deletions.is_none() && !has_unfinished(&plan));
        let images = run.glance.images();
        let mut needed = parts(&fleet.region);
        // What had the name of a wanted image when the plan was made is not deleted by it.
        needed.extend(replaced(&plan));
        for cleanup in cleanups(&plan_for(&fleet, images)) {
            prop_assert!(needed.contains(&cleanup.image_id), "{cleanup:?}");
        }
        for cleanup in cleanups(&plan) {
            let left = find(images, &cleanup.image_id);
            prop_assert!(left.is_none_or(|image| image.os_hidden && tags::says_orphan(image)));
        }
    }
}
