//! Published images that say by a tag whose place they take: where a run ended in between, the old
//! image still has the name.

use std::collections::BTreeSet;

use super::reason::Reason;
use super::region_images::RegionImages;
use super::{checksum_conflict, tags};
use crate::model::{Image, ImageId, ImageStatus, Status, SyncRules};

/// What an image's tags say about the image whose place it took.
#[derive(Debug)]
pub(super) enum Replacement<'a> {
    /// Nothing, or nothing that can be acted upon.
    None,
    /// That image still has the name.
    Unfinished {
        /// It.
        old: &'a Image,
        /// The tags that stay when it is dealt with.
        tags: BTreeSet<String>,
    },
    /// That image is gone or has another name.
    Finished {
        /// The tags that stay.
        tags: BTreeSet<String>,
    },
}

/// Reads the tags of an image that counts.
pub(super) fn read<'a>(
    new: &Image,
    rules: &SyncRules,
    region: &RegionImages<'a>,
) -> Replacement<'a> {
    if new.tags.is_empty() || new.status != ImageStatus::Active || !new.is_own(region.project_id) {
        return Replacement::None;
    }
    let mut gone = Vec::new();
    let mut old = None;
    for id in tags::replaced(new) {
        match find(&id, region).filter(|found| found.name == new.name && found.id != new.id) {
            None => gone.push(id),
            Some(found) if old.is_none() && may_go(found, rules, region) => old = Some(found),
            Some(_) => {}
        }
    }
    match old {
        Some(old) => {
            gone.push(old.id.clone());
            let tags = tags::without_replaced(new, &gone);
            Replacement::Unfinished { old, tags }
        }
        None if gone.is_empty() => Replacement::None,
        None => Replacement::Finished {
            tags: tags::without_replaced(new, &gone),
        },
    }
}

/// True where an image's tags name another that is in neither list: the hidden ones have to be
/// looked at before it counts as gone.
pub(super) fn misses_old(new: &Image, region: &RegionImages<'_>) -> bool {
    tags::replaced(new).any(|id| find(&id, region).is_none())
}

fn find<'a>(id: &ImageId, region: &RegionImages<'a>) -> Option<&'a Image> {
    let mut all = region.listed.iter().chain(region.hidden);
    all.find(|image| image.id == *id)
}

/// The same as for an image that is replaced today.
fn may_go(old: &Image, rules: &SyncRules, region: &RegionImages<'_>) -> bool {
    (old.is_own(region.project_id) || !rules.only_tenant_images)
        && old.status == ImageStatus::Active
        && !tags::is_incomplete(old)
}

/// The status that the published image keeps: the old one is deleted only where today's
/// configuration says so.
pub(super) fn decide(old: &Image, rules: &SyncRules) -> (Status, Reason) {
    let (status, reason) = checksum_conflict::decide(old, rules);
    let status = match status {
        Status::PendingReplace => Status::PendingReplace,
        _ => Status::PendingRename,
    };
    let reason = Reason::Unfinished {
        old: old.id.clone(),
        protected: matches!(
            reason,
            Reason::Listed {
                protected: true,
                ..
            }
        ),
        needed_by: None,
    };
    (status, reason)
}
