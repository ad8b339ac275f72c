//! Who still needs an old image. One that would be missed is kept under another name.

use super::action::Referrer;
use super::image_status::ImageStatuses;
use super::references::References;
use super::region_images::RegionImages;
use crate::model::{Image, ImageId, Status};

/// An old image to which an image refers that stays as it is would be missed: it is kept under
/// another name. What refers to it in its turn has to stay then, and so on.
pub(super) fn keep_what_is_needed<'a>(
    statuses: &mut ImageStatuses<'a>,
    region: &RegionImages<'a>,
) -> References<'a> {
    if !statuses
        .having(|status| matches!(status, Status::PendingReplace | Status::PendingRename))
        .any(|index| statuses.is_uploaded(index))
    {
        return References::default();
    }
    let references = References::of(region);
    loop {
        let needed: Vec<(usize, String)> = (0..statuses.states.len())
            .filter_map(|index| {
                let needed_by = needed_by(statuses, index, &references)?;
                Some((index, needed_by.name.clone()))
            })
            .collect();
        if needed.is_empty() {
            return references;
        }
        for (index, image) in needed {
            let state = statuses.states[index].as_mut();
            if let Some(needed_by) = state.and_then(|(_, reason)| reason.needed_by()) {
                *needed_by = Some(image);
            }
        }
    }
}

/// An image that refers to the old image which is to be deleted, and stays as it is; none
/// where that was found already.
fn needed_by<'a>(
    statuses: &ImageStatuses<'a>,
    index: usize,
    references: &References<'a>,
) -> Option<&'a Image> {
    if !statuses.is_deleted(index) {
        return None;
    }
    references
        .to(&statuses.old(index)?.id)
        .find(|(image, property)| !will_not_refer(statuses, image, property))
        .map(|(image, _)| image)
}

/// True for a region's image that is pointed at the right parts, or deleted.
fn will_not_refer(statuses: &ImageStatuses<'_>, image: &Image, property: &str) -> bool {
    let Some(index) = statuses.selection.index_of(&image.name) else {
        return false;
    };
    let is = |other: Option<&Image>| other.is_some_and(|other| other.id == image.id);
    match statuses.status_of(index) {
        Some(Status::PendingMetadata | Status::PendingAmi) => is(statuses.matches[index]),
        _ if is(statuses.old(index)) => statuses.is_deleted(index),
        _ if is(statuses.matches[index]) && statuses.is_uploaded(index) => {
            let mut parts = statuses.selection.images[index].parts.iter();
            parts.any(|part| part.property == property && statuses.is_pending_part(part))
        }
        _ => false,
    }
}

/// Images that refer to the old one, and that this plan points elsewhere or deletes.
pub(super) fn referrers(
    statuses: &ImageStatuses<'_>,
    old: &ImageId,
    references: &References<'_>,
) -> Vec<Referrer> {
    references
        .to(old)
        .filter(|(image, property)| will_not_refer(statuses, image, property))
        .map(|(image, property)| Referrer {
            image: image.name.clone(),
            image_id: image.id.clone(),
            property,
        })
        .collect()
}
