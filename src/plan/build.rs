//! One region's plan: every selected image gets its status, and every status its action.

use super::actions::ActionBuilder;
use super::image_status::ImageStatuses;
use super::matching::{Matches, match_images};
use super::region_images::RegionImages;
use super::region_plan::Plan;
use super::selection::Selection;
use super::{in_progress, leftover, obsolete, retention, unwanted, warnings};
use crate::model::SyncRules;

/// Decides what every selected image is in a region and what is done there, in order: obsolete
/// images, metadata, uploads, kernels and ramdisks. Before all that, what earlier runs left is deleted,
/// unless an upload takes it up again.
pub fn build(selection: &Selection, rules: &SyncRules, region: &RegionImages<'_>) -> Plan {
    let (obsolete_actions, mut warnings) = obsolete::mark(&selection.obsolete, rules, region);
    let Matches {
        images: matches,
        warnings: passed_over,
    } = match_images(selection, rules, region);
    warnings.extend(passed_over);

    let mut statuses = ImageStatuses::decide(selection, rules, matches, region);
    let references = retention::keep_what_is_needed(&mut statuses, region);
    let mut leftovers = leftover::find(selection, rules, region, |index| statuses.is_sent(index));
    warnings.append(&mut leftovers.warnings);
    let mut actions = std::mem::take(&mut leftovers.deleted);
    actions.extend(obsolete_actions);
    let mut failures = Vec::new();
    let builder = ActionBuilder {
        statuses: &statuses,
        references: &references,
        leftovers: &leftovers,
    };
    builder.metadata_actions(&mut actions);
    builder.upload_actions(&mut actions, &mut failures);
    builder.ami_actions(&mut actions);
    let untags = builder.untags();
    warnings::warn(&statuses, region.region, &mut warnings);

    let images = statuses.into_states();
    let mut plan = Plan {
        region: region.region.clone(),
        images,
        actions,
        untags,
        failures: Vec::new(),
        orphans: Vec::new(),
        too_many_deletions: None,
        warnings,
    };
    plan.fail(failures);
    unwanted::show_again(&mut plan, rules, region);
    in_progress::mark(&mut plan, region);
    plan
}

#[cfg(test)]
mod tests;
