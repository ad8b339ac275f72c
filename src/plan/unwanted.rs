//! What comes last in a region: images that nobody wants any more are hidden or deleted, old ones before
//! orphans, and all of them or none.

use super::action::Action;
use super::cleanup::{PlannedDeletion, TooManyDeletions};
use super::orphans::{self, Orphan};
use super::region_plan::Plan;
use super::{RegionImages, Selection, old_images};
use crate::model::{OrphanRule, SyncRules};

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
