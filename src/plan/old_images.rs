//! Old images: of those that this program kept as `<name>.old`, only the newest stay where `keep_old` says
//! so, once the image that took their name is in step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::action::Action;
use super::cleanup::{Cleanup, CleanupStep};
use super::references::References;
use super::region_plan::Plan;
use super::{OLD_SUFFIX, RegionImages, Selection, tags};
use crate::model::{Image, ImageId, ImageStatus, KeepOld, ProvenanceState, Status, SyncRules};

/// The old images that are deleted once everything else is done: those beyond the newest of a name,
/// and of them neither what is protected nor what an image refers to as its part.
pub(super) fn find(
    plan: &Plan,
    selection: &Selection,
    rules: &SyncRules,
    region: &RegionImages<'_>,
    is_wanted_elsewhere: impl Fn(&str) -> bool,
) -> Vec<Cleanup> {
    let KeepOld::Newest(kept) = rules.retention.keep_old else {
        return Vec::new();
    };
    let retired = retired(plan);
    let in_step: HashSet<&str> = plan
        .images
        .iter()
        .filter(|state| state.status == Status::Ok || state.status.is_pending())
        .map(|state| state.image.as_str())
        .collect();
    let is_wanted = |name: &str| selection.index_of(name).is_some() || is_wanted_elsewhere(name);
    let mut by_name: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for image in region.listed.iter().chain(region.hidden) {
        let name = if retired.contains(&image.id) {
            Some(image.name.as_str())
        } else {
            let base = image.name.strip_suffix(OLD_SUFFIX);
            base.filter(|_| !is_wanted(&image.name))
        };
        let Some(name) = name.filter(|name| in_step.contains(name)) else {
            continue;
        };
        if image.status == ImageStatus::Active
            && !tags::is_incomplete(image)
            && region.provenance(image) == ProvenanceState::Intact
        {
            by_name.entry(name).or_default().push(image);
        }
    }
    let references = References::of(region);
    let mut deleted = Vec::new();
    for images in by_name.values_mut() {
        // What has no time of its creation counts as new: it may be.
        let unknown_first =
            |image: &&Image| (image.created_at.is_some(), Reverse(image.created_at));
        // Those of one second keep the order of Glance's list, newest first.
        images.sort_by_key(unknown_first);
        let beyond = images.iter().skip(kept.get());
        deleted.extend(beyond.filter(|image| {
            let is_needed = references
                .to(&image.id)
                .any(|(other, property)| !stops_referring(plan, other, property));
            !image.protected && !retired.contains(&image.id) && !is_needed
        }));
    }
    let cleanup = |image: &Image| Cleanup {
        image: image.name.clone(),
        image_id: image.id.clone(),
        step: CleanupStep::DeleteOld,
    };
    deleted.into_iter().map(cleanup).collect()
}

/// The images that this plan keeps as `<name>.old`.
fn retired(plan: &Plan) -> HashSet<ImageId> {
    let kept = plan.actions.iter().filter_map(|action| match action {
        Action::Upload(upload) => upload.replaces.as_ref().filter(|old| old.is_kept()),
        _ => None,
    });
    kept.map(|old| old.image_id.clone()).collect()
}

/// True for a reference that the plan points elsewhere, or that goes with its image.
fn stops_referring(plan: &Plan, image: &Image, property: &str) -> bool {
    plan.actions.iter().any(|action| match action {
        Action::UpdateMetadata {
            image_id, change, ..
        } => *image_id == image.id && change.properties.contains_key(property),
        Action::UpdateAmi {
            image_id, parts, ..
        } => *image_id == image.id && parts.iter().any(|part| part.to.property == property),
        Action::Upload(upload) => {
            let old = upload.replaces.as_ref();
            old.is_some_and(|old| old.image_id == image.id && !old.is_kept())
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KERNEL_ID, RetentionRules};
    use crate::plan::fixture::{actions, cleaned_up, cleanups, content, image, list};

    fn keep(number: usize) -> SyncRules {
        SyncRules {
            rename: list(true, &[]),
            retention: RetentionRules {
                keep_old: KeepOld::from_word(&number.to_string()).unwrap(),
                ..RetentionRules::default()
            },
            ..SyncRules::default()
        }
    }

    /// `<name>.old`, published so long ago as a copy of what the master had.
    fn old(name: &str, hours: i64) -> Image {
        let text = format!("{name} {hours} hours ago");
        image(&format!("{name}.old"))
            .content(content(&text))
            .copy_of(&content(&text))
            .hours_old(hours)
            .build()
    }

    #[test]
    fn the_newest_stay_and_the_others_are_deleted_oldest_last() {
        let master = [image("a").build(), image("b").build()];
        let region = [
            image("a").build(),
            image("b").build(),
            old("a", 5),
            old("a", 30),
            old("a", 10),
            old("a", 20),
            old("b", 40),
        ];
        let plan = cleaned_up(&master, &region, &[], &keep(2));
        assert_eq!(cleanups(&plan), [&region[5].id, &region[3].id]);
        assert_eq!(actions(&plan), ["delete_old a.old"; 2]);
        assert_eq!(plan.deletions(), 2);
        let all = SyncRules::default();
        assert_eq!(actions(&cleaned_up(&master, &region, &[], &all)), [""; 0]);
    }

    #[test]
    fn hidden_ones_count_and_so_does_the_one_that_is_renamed_in_this_run() {
        let master = [image("a").build()];
        let published = content("last year");
        let current = image("a")
            .content(published.clone())
            .copy_of(&published)
            .hours_old(1)
            .build();
        let hidden = [Image {
            os_hidden: true,
            ..old("a", 9)
        }];
        let plan = cleaned_up(&master, &[current], &hidden, &keep(1));
        assert_eq!(actions(&plan), ["rename a", "delete_old a.old"]);
    }

    #[test]
    fn nothing_goes_that_this_program_did_not_publish_or_that_somebody_needs() {
        let master = [image("a").build()];
        let mut snapshot = image("a.old")
            .content(content("a snapshot"))
            .hours_old(50)
            .build();
        let first = old("a", 5);
        // A server's snapshot inherits the properties of its image.
        snapshot.provenance.clone_from(&first.provenance);
        let mut damaged = old("a", 60);
        damaged.content = content("another content");
        let mut protected = old("a", 70);
        protected.protected = true;
        let kernel = old("a", 80);
        let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
        let foreign = Image {
            owner: Some("somebody".to_owned()),
            ..old("a", 90)
        };
        let region = [
            image("a").build(),
            first,
            snapshot,
            damaged,
            protected,
            kernel,
            machine,
            foreign,
        ];
        let plan = cleaned_up(&master, &region, &[], &keep(1));
        assert_eq!(actions(&plan), [""; 0]);
    }

    #[test]
    fn only_where_the_image_itself_comes_to_be_in_step() {
        let olds = [old("a", 5), old("a", 6)];
        let region = |first: Image| [vec![first], olds.to_vec()].concat();
        let stalled = image("a").content(content("else")).build();
        let mut rules = keep(1);
        rules.rename = list(false, &[]);
        let master = [image("a").build()];
        let plan = cleaned_up(&master, &region(stalled), &[], &rules);
        assert_eq!(actions(&plan), [""; 0]);
        let other = [image("b").build()];
        let plan = cleaned_up(&other, &region(image("b").build()), &[], &rules);
        assert_eq!(actions(&plan), [""; 0]);
        // The master's own image of that name is none that was kept.
        let master = [
            image("a").build(),
            image("a.old").content(content("x")).build(),
        ];
        let plan = cleaned_up(&master, &region(image("a").build()), &[], &rules);
        assert_eq!(actions(&plan), [""; 0]);
    }
}
