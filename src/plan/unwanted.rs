//! What comes last in a region: images that nobody wants any more are hidden or deleted, old ones before
//! orphans, and all of them or none.

use super::action::Action;
use super::cleanup::{Cleanup, CleanupStep, PlannedDeletion, Shown, TooManyDeletions};
use super::orphans::{self, Orphan};
use super::reason::Reason;
use super::region_plan::Plan;
use super::{RegionImages, Selection, old_images, tags};
use crate::model::{OrphanRule, Status, SyncAttribute, SyncRules};

/// Gives a plan the orphans of its region, and adds what is done with them and with old images. With an
/// empty selection, which is more often a slip than meant, nothing is.
pub fn clean_up(
    plan: &mut Plan,
    orphans: Vec<Orphan>,
    selection: &Selection,
    rules: &SyncRules,
    region: &RegionImages<'_>,
    is_wanted_elsewhere: impl Fn(&str) -> bool,
) {
    let mut cleanups = old_images::find(plan, selection, rules, region, is_wanted_elsewhere);
    if rules.retention.orphans != OrphanRule::Report && !selection.images.is_empty() {
        cleanups.extend(orphans::clean_up(
            &orphans,
            rules,
            region,
            &mut plan.warnings,
        ));
    }
    plan.orphans = orphans;
    let max_delete = rules.retention.max_delete;
    if cleanups.len() > max_delete {
        let planned = cleanups.into_iter().map(|cleanup| PlannedDeletion {
            action: cleanup.step.kind(),
            image: cleanup.image,
        });
        plan.too_many_deletions = Some(TooManyDeletions {
            planned: planned.collect(),
            max_delete,
        });
    } else {
        let actions = cleanups.into_iter().map(Action::Cleanup);
        plan.actions.extend(actions);
    }
}

/// Has images shown again that were hidden as orphans and are wanted again.
pub(super) fn show_again(plan: &mut Plan, rules: &SyncRules, region: &RegionImages<'_>) {
    let shown = if rules.sync_attributes.contains(&SyncAttribute::OsHidden) {
        Shown::AsTheMasters
    } else {
        Shown::Always
    };
    let all = region.listed.iter().chain(region.hidden);
    let mut actions = Vec::new();
    for image in all.filter(|image| tags::says_orphan(image)) {
        let mut states = plan.images.iter_mut();
        let state = states.find(|state| state.image_id.as_ref() == Some(&image.id));
        let Some(state) = state
            .filter(|state| state.status.is_same_content() && state.reason != Reason::Deactivated)
        else {
            continue;
        };
        if state.status == Status::Ok {
            state.status = Status::PendingMetadata;
            state.reason = Reason::WantedAgain;
        }
        actions.push(Action::Cleanup(Cleanup {
            image: image.name.clone(),
            image_id: image.id.clone(),
            step: CleanupStep::ShowAgain(shown),
        }));
    }
    let is_before = |action: &&Action| {
        matches!(
            action,
            Action::DeleteLeftover { .. } | Action::MarkObsolete { .. }
        )
    };
    let place = plan.actions.iter().take_while(is_before).count();
    plan.actions.splice(place..place, actions);
}
