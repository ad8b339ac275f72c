//! The status of every selected image in a region, parts before the images that need them.
//!
//! [`super::build()`] has it decided first; `retention`, `actions` and `warnings` read it then.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::action::{PartChange, PartReference};
use super::change::{Change, MetadataChange};
use super::interrupted_replacement::{self, Replacement};
use super::parts::{self, Part, PartTarget};
use super::reason::{PartProblem, Reason};
use super::region_images::RegionImages;
use super::region_plan::ImageState;
use super::selection::{SelectedImage, Selection};
use super::{MAX_NAME_CHARS, OLD_SUFFIX, checksum_conflict, metadata};
use crate::model::{ContentHash, Image, ImageId, ImageStatus, MultiHash, Proof, Status, SyncRules};

/// What every selected image is in a region. Images are told by their index in the selection.
pub(super) struct ImageStatuses<'a> {
    pub(super) selection: &'a Selection,
    pub(super) rules: &'a SyncRules,
    region: &'a RegionImages<'a>,
    /// The region's image of each name that counts.
    pub(super) matches: Vec<Option<&'a Image>>,
    /// Of each match, what its tags say about the image whose place it took.
    pub(super) replacements: Vec<Replacement<'a>>,
    /// Status and reason; none before it was decided.
    pub(super) states: Vec<Option<(Status, Reason)>>,
    /// Of each set of kinds of hashes that the region's own active images have, one content, and when
    /// the newest of them was created.
    kinds: Vec<(Option<DateTime<Utc>>, &'a ContentHash)>,
}

fn kinds_in<'a>(region: &RegionImages<'a>) -> Vec<(Option<DateTime<Utc>>, &'a ContentHash)> {
    let mut kinds: BTreeMap<_, (Option<DateTime<Utc>>, &ContentHash)> = BTreeMap::new();
    for image in region.listed {
        if image.status == ImageStatus::Active && image.is_own(region.project_id) {
            let content = &image.content;
            let entry = kinds.entry(content.kinds()).or_insert((None, content));
            entry.0 = entry.0.max(image.created_at);
        }
    }
    kinds.into_values().collect()
}

impl<'a> ImageStatuses<'a> {
    /// Decides the status of every selected image.
    pub(super) fn decide(
        selection: &'a Selection,
        rules: &'a SyncRules,
        matches: Vec<Option<&'a Image>>,
        region: &'a RegionImages<'a>,
    ) -> Self {
        let replacement = |found: Option<&'a Image>| {
            found.map_or(Replacement::None, |new| {
                interrupted_replacement::read(new, rules, region)
            })
        };
        let mut statuses = Self {
            selection,
            rules,
            region,
            replacements: matches.iter().copied().map(replacement).collect(),
            matches,
            states: vec![None; selection.images.len()],
            kinds: kinds_in(region),
        };
        for index in &selection.parts_first {
            statuses.states[*index] = Some(statuses.status(*index));
        }
        statuses
    }

    /// The status of an image whose parts have theirs.
    fn status(&self, index: usize) -> (Status, Reason) {
        let selection = self.selection;
        let selected = &selection.images[index];
        if let Replacement::Unfinished { old, .. } = &self.replacements[index] {
            return match self.unavailable_part(selected) {
                Some(reason) => (Status::ErrorAmi, reason),
                None => interrupted_replacement::decide(old, self.rules),
            };
        }
        let content = self.matches[index].map(|found| {
            if self.has_content(found, &selected.master) {
                // In another format it is delivered anew only where its own checksum is listed.
                if self.is_in_wanted_format(index) {
                    None
                } else {
                    checksum_conflict::decide_by_entry(found, self.rules)
                }
            } else {
                Some(checksum_conflict::decide(found, self.rules))
            }
        });
        if let Some(Some(decided)) = &content
            && matches!(decided.0, Status::OkStalledChecksum | Status::ErrorChecksum)
        {
            return decided.clone();
        }
        if matches!(content, Some(None)) && self.is_deactivated(index) {
            return (Status::Ok, Reason::Deactivated);
        }
        if let Some(reason) = self.unavailable_part(selected) {
            return (Status::ErrorAmi, reason);
        }
        match content {
            None => (Status::PendingUpload, Reason::Absent),
            Some(Some(decided)) => decided,
            Some(None) => self.same_content(index),
        }
    }

    fn has_content(&self, found: &Image, master: &Image) -> bool {
        let wanted = self.rules.disk_format;
        self.region.has_content_of(found, master, wanted)
    }

    /// False for an image of the region in another format than a new copy would have.
    pub(super) fn is_in_wanted_format(&self, index: usize) -> bool {
        let master = self.selection.images[index].master.disk_format.as_deref();
        let wanted = self.rules.disk_format.of(master);
        self.matches[index].is_none_or(|found| found.disk_format.as_deref() == wanted)
    }

    fn unavailable_part(&self, selected: &SelectedImage) -> Option<Reason> {
        for part in &selected.parts {
            let (part, problem) = match &part.target {
                PartTarget::Unavailable { missing, problem } => (missing.clone(), *problem),
                PartTarget::Selected(index) => {
                    let name = || self.selection.images[*index].master.name.clone();
                    if selected.in_circle {
                        (name(), PartProblem::Circle)
                    } else if self.status_of(*index) == Some(Status::ErrorAmi) {
                        (name(), PartProblem::ErrorAmi)
                    } else {
                        continue;
                    }
                }
            };
            return Some(Reason::PartUnavailable { part, problem });
        }
        None
    }

    fn same_content(&self, index: usize) -> (Status, Reason) {
        let selection = self.selection;
        for part in parts::selected(&selection.images[index].parts) {
            if self.is_uploaded(part) {
                let part = selection.images[part].master.name.clone();
                return (Status::PendingAmi, Reason::PartPending { part });
            }
        }
        let change = self.metadata_change(index);
        if change.is_empty() {
            (Status::Ok, Reason::InStep)
        } else {
            let reason = Reason::MetadataDiffers {
                visibility: change.attributes.visibility.is_some(),
                attributes: change.attributes.names(),
                properties: change.properties.into_keys().collect(),
            };
            (Status::PendingMetadata, reason)
        }
    }

    /// What differs, references to parts included where no part is still to be uploaded.
    pub(super) fn metadata_change(&self, index: usize) -> MetadataChange {
        let Some(found) = self.matches[index] else {
            return MetadataChange::default();
        };
        let selected = &self.selection.images[index];
        let tags = match &self.replacements[index] {
            Replacement::Finished { tags } => tags,
            Replacement::None | Replacement::Unfinished { .. } => &found.tags,
        };
        let (master, carried) = (&selected.master, &selected.carried);
        let mut change = metadata::difference(master, carried, found, tags, self.rules);
        if self.status_of(index) == Some(Status::PendingAmi) {
            return change;
        }
        for part in self.part_changes(index) {
            change.properties.insert(
                part.to.property.to_owned(),
                Change {
                    from: part.from,
                    to: part.to.image_id.map(|id| id.to_string()),
                },
            );
        }
        change
    }

    /// References of a region's image that are not those of the parts there, or that will not be.
    pub(super) fn part_changes(&self, index: usize) -> Vec<PartChange> {
        let Some(found) = self.matches[index] else {
            return Vec::new();
        };
        let parts = &self.selection.images[index].parts;
        let differing = parts.iter().filter_map(|part| {
            let from = found.properties.get(part.property);
            let is_right = from.is_some_and(|value| match part.target {
                PartTarget::Unavailable { .. } => true,
                PartTarget::Selected(target) => {
                    self.part_id(target).is_some_and(|id| id.as_str() == value)
                }
            });
            if is_right {
                return None;
            }
            let to = self.part_reference(part)?;
            let from = from.cloned();
            Some(PartChange { from, to })
        });
        differing.collect()
    }

    pub(super) fn part_references(&self, index: usize) -> Vec<PartReference> {
        let parts = &self.selection.images[index].parts;
        parts
            .iter()
            .filter_map(|part| self.part_reference(part))
            .collect()
    }

    fn part_reference(&self, part: &Part) -> Option<PartReference> {
        match part.target {
            PartTarget::Unavailable { .. } => None,
            PartTarget::Selected(target) => Some(PartReference {
                property: part.property,
                part: self.selection.images[target].master.name.clone(),
                image_id: self.part_id(target).cloned(),
            }),
        }
    }

    /// The id of the region's image that stands for a part; none where this plan uploads it.
    fn part_id(&self, target: usize) -> Option<&'a ImageId> {
        if self.is_uploaded(target) {
            None
        } else {
            self.matches[target].map(|image| &image.id)
        }
    }

    pub(super) fn status_of(&self, index: usize) -> Option<Status> {
        self.states[index].as_ref().map(|(status, _)| *status)
    }

    pub(super) fn is_deactivated(&self, index: usize) -> bool {
        self.matches[index].is_some_and(|image| image.status == ImageStatus::Deactivated)
    }

    /// This plan brings that image into the region, or brings its replacement to an end.
    pub(super) fn is_uploaded(&self, index: usize) -> bool {
        self.status_of(index).is_some_and(Status::needs_content) && !self.is_deactivated(index)
    }

    /// The image with the name was published by an earlier run, which did not get to its old one.
    pub(super) fn is_unfinished(&self, index: usize) -> bool {
        matches!(self.replacements[index], Replacement::Unfinished { .. })
    }

    /// This plan brings content of that image into the region, by an action that does not fail.
    pub(super) fn is_sent(&self, index: usize) -> bool {
        self.is_uploaded(index)
            && !self.is_unfinished(index)
            && !self.is_unnameable(index)
            && self.proof(index) != Some(Proof::None)
    }

    /// How a copy of that image will be proved to have arrived, as far as the region's images tell;
    /// none where it has no images.
    pub(super) fn proof(&self, index: usize) -> Option<Proof> {
        let master = &self.selection.images[index].master.content;
        let proofs = self.kinds.iter();
        let proofs = proofs.map(|(created_at, theirs)| (master.proof(theirs), created_at));
        let usable = proofs.filter(|(proof, _)| *proof != Proof::None);
        let newest = usable.max_by(|(a, of_a), (b, of_b)| (of_a, a).cmp(&(of_b, b)));
        match newest {
            Some((proof, _)) => Some(proof),
            None => (!self.kinds.is_empty()).then_some(Proof::None),
        }
    }

    /// The algorithm of the hash by which the newest of the region's images are compared; none where it has
    /// no images.
    pub(super) fn region_algorithm(&self) -> Option<String> {
        let newest = self.kinds.iter().max_by_key(|(created_at, _)| *created_at);
        let hash = newest?.1.hashes().find(MultiHash::is_computable)?;
        Some(hash.algorithm)
    }

    /// The image whose name the new one takes over, or took over already.
    pub(super) fn old(&self, index: usize) -> Option<&'a Image> {
        match &self.replacements[index] {
            Replacement::Unfinished { old, .. } => Some(old),
            _ => self.matches[index],
        }
    }

    /// The old image is to be kept, and its name leaves no room for the suffix.
    pub(super) fn is_unnameable(&self, index: usize) -> bool {
        let name = &self.selection.images[index].master.name;
        self.old(index).is_some()
            && !self.is_deleted(index)
            && name.chars().count() + OLD_SUFFIX.len() > MAX_NAME_CHARS
    }

    /// The part is there only once this plan has uploaded it.
    pub(super) fn is_pending_part(&self, part: &Part) -> bool {
        matches!(part.target, PartTarget::Selected(target) if self.is_uploaded(target))
    }

    /// The old image of that name is deleted once the new one is published.
    pub(super) fn is_deleted(&self, index: usize) -> bool {
        self.status_of(index) == Some(Status::PendingReplace)
            && self.is_uploaded(index)
            && self.kept_for(index).is_none()
    }

    /// The image that keeps the old image of that name from being deleted.
    pub(super) fn kept_for(&self, index: usize) -> Option<&String> {
        match &self.states[index] {
            Some((_, Reason::Listed { needed_by, .. } | Reason::Unfinished { needed_by, .. })) => {
                needed_by.as_ref()
            }
            _ => None,
        }
    }

    pub(super) fn having(&self, wanted: impl Fn(Status) -> bool) -> impl Iterator<Item = usize> {
        (0..self.states.len()).filter(move |index| self.status_of(*index).is_some_and(&wanted))
    }

    /// What a published image is once its old one is dealt with and its parts are re-pointed.
    pub(super) fn status_without_tag(&self, index: usize) -> Status {
        let Some(found) = self.matches[index] else {
            return Status::Ok;
        };
        let master = &self.selection.images[index].master;
        if !self.has_content(found, master) {
            return checksum_conflict::decide(found, self.rules).0;
        }
        let mut change = self.metadata_change(index);
        for part in &self.selection.images[index].parts {
            if self.is_pending_part(part) {
                change.properties.remove(part.property);
            }
        }
        if change.is_empty() {
            Status::Ok
        } else {
            Status::PendingMetadata
        }
    }

    /// For the plan.
    pub(super) fn into_states(self) -> Vec<ImageState> {
        self.states
            .into_iter()
            .zip(&self.selection.images)
            .zip(&self.matches)
            .filter_map(|((state, selected), found)| {
                let (status, reason) = state?;
                Some(ImageState {
                    image: selected.master.name.clone(),
                    status,
                    reason,
                    selected_by: selected.by,
                    size: selected.master.bytes(),
                    master_id: selected.master.id.clone(),
                    image_id: found.map(|image| image.id.clone()),
                    disk_format: found.and_then(|image| image.disk_format.clone()),
                })
            })
            .collect()
    }
}
