//! What earlier runs left incomplete: of each name at most one image is taken up again, and the
//! others are deleted.
//!
//! An image is known for a leftover by its tags alone, however alike another looks; and one of
//! another project never is one.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;

use super::action::{Action, Stage};
use super::region_images::{OwnIncomplete, RegionImages, is_expansion};
use super::selection::Selection;
use super::tags;
use crate::model::{Image, ImageStatus, SyncRules, WantedFormat, Warning, WarningCode};

/// What another installation has under way is given up as lost after this time.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(24);

/// Whose an incomplete image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nobody's work: this installation left it, or another one long ago.
    Abandoned,
    /// A sync of this installation is at work on it right now.
    InProgress,
    /// Another installation may be at work on it.
    UnderWay,
    /// Its tags do not say.
    Unknown,
}

/// Whose an incomplete image is, by its tags and the region's own clock.
pub(super) fn claim(image: &Image, region: &RegionImages<'_>) -> Claim {
    let mut installations = tags::installations(image).peekable();
    if !tags::is_incomplete(image) || installations.peek().is_none() {
        Claim::Unknown
    } else if installations.all(|id| tags::is_of(id, region.installation)) {
        match region.own_incomplete {
            OwnIncomplete::Leftovers => Claim::Abandoned,
            OwnIncomplete::InProgress => Claim::InProgress,
        }
    } else if is_given_up(image, region) {
        Claim::Abandoned
    } else {
        Claim::UnderWay
    }
}

fn is_given_up(image: &Image, region: &RegionImages<'_>) -> bool {
    // Content that is coming in may belong to an upload that began long after the creation.
    let since = match image.status {
        ImageStatus::Saving => image.created_at.max(image.updated_at),
        _ => image.created_at,
    };
    region
        .now
        .zip(since)
        .is_some_and(|(now, since)| now - since >= GIVEN_UP_AFTER)
}

/// What is said about an incomplete image.
fn words(image: &Image, claim: Claim) -> &'static str {
    match claim {
        Claim::Abandoned if image.protected => {
            "was left incomplete by an earlier run, is treated as absent, and somebody protected it, so it is not deleted"
        }
        Claim::Abandoned => "was left incomplete by an earlier run, and is treated as absent",
        Claim::InProgress => "is in progress: a sync is under way",
        Claim::UnderWay => {
            "is being uploaded by another installation, and is not changed until it is 24 hours old"
        }
        Claim::Unknown => "is tagged as incomplete, is treated as absent, and is not changed",
    }
}

/// The leftovers of a region.
#[derive(Default)]
pub(super) struct Leftovers<'a> {
    /// By the place of the selected image, what is taken up again and how far it is.
    pub(super) taken: HashMap<usize, (&'a Image, Stage)>,
    /// What is removed, by name.
    pub(super) deleted: Vec<Action>,
    /// About those of names that no selected image has.
    pub(super) warnings: Vec<Warning>,
}

/// Looks for leftovers. `is_wanted` tells of a selected image whether its content has still to be
/// brought into the region.
pub(super) fn find<'a>(
    selection: &Selection,
    rules: &SyncRules,
    region: &RegionImages<'a>,
    is_wanted: impl Fn(usize) -> bool,
) -> Leftovers<'a> {
    let mut found = Leftovers::default();
    let mut by_name: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for image in region.listed.iter().chain(region.hidden) {
        if !tags::is_incomplete(image) || !image.is_own(region.project_id) {
            continue;
        }
        match claim(image, region) {
            Claim::Abandoned => by_name.entry(&image.name).or_default().push(image),
            Claim::UnderWay if selection.index_of(&image.name).is_none() => {
                found.warnings.push(warning(image, region, Claim::UnderWay));
            }
            // Of selected names, it is said when they are matched.
            Claim::InProgress | Claim::UnderWay | Claim::Unknown => {}
        }
    }
    for (name, images) in by_name {
        let index = selection.index_of(name).filter(|index| is_wanted(*index));
        let taken = index.and_then(|index| {
            let master = &selection.images[index].master;
            let staged = images
                .iter()
                .filter_map(|image| Some((*image, stage(image, master, rules.disk_format)?)));
            // Glance lists the newest first, and of equals the last one is the greatest.
            let (image, stage) = staged.rev().max_by_key(|(_, stage)| *stage)?;
            found.taken.insert(index, (image, stage));
            Some(&image.id)
        });
        for image in &images {
            if Some(&image.id) == taken {
                continue;
            }
            if image.protected {
                if selection.index_of(name).is_none() {
                    found
                        .warnings
                        .push(warning(image, region, Claim::Abandoned));
                }
            } else if is_deletable(image) {
                found.deleted.push(Action::DeleteLeftover {
                    image: image.name.clone(),
                    image_id: image.id.clone(),
                });
            }
        }
    }
    let warnings = &mut found.warnings;
    warnings.sort_by(|a, b| (&a.image, &a.image_id).cmp(&(&b.image, &b.image_id)));
    found
}

/// How far an image is on its way to be a copy of the master's; none where it cannot become one. A region
/// that converts gets it in the master's format, and may leave it as raw.
fn stage(image: &Image, master: &Image, wanted: WantedFormat) -> Option<Stage> {
    let (format, masters) = (image.disk_format.as_deref(), master.disk_format.as_deref());
    let is_alike = [masters, wanted.of(masters)].contains(&format)
        && image.container_format == master.container_format
        && !image.os_hidden;
    let is_same =
        image.size == Some(master.bytes()) && image.content.is_same_content(&master.content);
    match image.status {
        ImageStatus::Queued if is_alike => Some(Stage::Queued),
        ImageStatus::Importing if is_alike => Some(Stage::Importing),
        ImageStatus::Active
            if is_alike && is_same || !image.os_hidden && is_expansion(image, master) =>
        {
            Some(Stage::Complete)
        }
        _ => None,
    }
}

/// False for what is on its way out by itself.
fn is_deletable(image: &Image) -> bool {
    !matches!(image.status.as_str(), "pending_delete" | "deleted")
}

pub(super) fn warning(image: &Image, region: &RegionImages<'_>, claim: Claim) -> Warning {
    let message = format!(
        "the image `{}` ({}) of {} {}",
        image.name,
        image.id,
        region.region,
        words(image, claim)
    );
    Warning::new(WarningCode::LeftoverImage, message)
        .image(&image.name)
        .image_id(&image.id)
        .owner(image.owner.as_deref())
}

#[cfg(test)]
mod tests;
