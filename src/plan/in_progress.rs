//! A look at a region while a sync of this installation is at work in it: what that sync has in progress
//! is called so, and is neither a leftover nor still to be done.

use super::Action;
use super::leftover::{self, Claim};
use super::reason::Reason;
use super::region_images::{OwnIncomplete, RegionImages};
use super::region_plan::Plan;
use crate::model::{Image, ImageId};

/// Gives the states of images that are in progress their reason, and takes their actions out.
pub(super) fn mark(plan: &mut Plan, region: &RegionImages<'_>) {
    if region.own_incomplete == OwnIncomplete::Leftovers {
        return;
    }
    for state in &mut plan.images {
        let in_progress = match &state.reason {
            // Published, with its old image still to be dealt with: that is what the sync does next.
            Reason::Unfinished { .. } => state.image_id.clone(),
            _ if state.status.needs_content() => under_way(&state.image, region),
            _ => None,
        };
        let Some(image_id) = in_progress else {
            continue;
        };
        state.reason = Reason::InProgress { image_id };
        let name = &state.image;
        let is_of_it = |action: &Action| matches!(action, Action::Upload(it) if it.image == *name);
        plan.actions.retain(|action| !is_of_it(action));
        plan.failures.retain(|failure| failure.image != *name);
    }
}

fn under_way(name: &str, region: &RegionImages<'_>) -> Option<ImageId> {
    let is_of_name = |image: &&Image| image.name == name && image.is_own(region.project_id);
    let mut images = region.listed.iter().chain(region.hidden).filter(is_of_name);
    let found = images.find(|image| leftover::claim(image, region) == Claim::InProgress)?;
    Some(found.id.clone())
}

#[cfg(test)]
mod tests {
    use crate::model::{Status, SyncRules};
    use crate::plan::fixture::{
        INSTALLATION, PROJECT, actions, image, now, region_name, selection,
    };
    use crate::plan::{OwnIncomplete, Reason, RegionImages, build};

    #[test]
    fn what_a_sync_has_in_progress_is_no_leftover_and_is_not_sent_again() {
        let rules = SyncRules::default();
        let selected = selection(&[image("a").build(), image("b").build()], &rules);
        let begun = image("a").incomplete(INSTALLATION).status("saving").build();
        let plan = |own_incomplete| {
            let region = RegionImages {
                region: &region_name(),
                project_id: PROJECT,
                master: &crate::plan::fixture::MASTER,
                listed: std::slice::from_ref(&begun),
                hidden: &[],
                installation: INSTALLATION,
                own_incomplete,
                now: Some(now()),
            };
            build(&selected, &rules, &region)
        };
        let meanwhile = plan(OwnIncomplete::InProgress);
        let states = meanwhile
            .images
            .iter()
            .map(|it| (it.status, it.reason.clone()));
        let in_progress = Reason::InProgress {
            image_id: begun.id.clone(),
        };
        assert_eq!(
            states.collect::<Vec<_>>(),
            [
                (Status::PendingUpload, in_progress),
                (Status::PendingUpload, Reason::Absent),
            ]
        );
        assert_eq!(actions(&meanwhile), ["upload b"]);
        assert_eq!(meanwhile.warnings, []);
        assert_eq!(
            actions(&plan(OwnIncomplete::Leftovers)),
            ["delete_leftover a", "upload a", "upload b"]
        );
    }
}
