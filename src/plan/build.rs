//! One region's plan: every selected image gets its status, and every status its action.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::action::{Action, Leftover, PartChange, PartReference, Replaced, Upload};
use super::ami::{Part, PartTarget, selected_parts};
use super::failure::{PlannedFailure, drop_dependents};
use super::leftover::{self, Leftovers, Stage};
use super::matching::{Matches, match_images};
use super::references::{References, Referrer};
use super::unfinished::{self, Replacement, Untag};
use super::{
    Change, ImageState, MAX_NAME_CHARS, MetadataChange, OLD_SUFFIX, PartProblem, Plan, Reason,
    SelectedImage, Selection, conflict, metadata, obsolete, order,
};
use crate::model::{
    ErrorCode, Image, ImageId, ImageStatus, RegionName, Status, SyncRules, Warning, WarningCode,
};

/// What a region's Glance lists.
#[derive(Debug, Clone, Copy)]
pub struct RegionImages<'a> {
    /// The region.
    pub region: &'a RegionName,
    /// The project of the credential there.
    pub project_id: &'a str,
    /// Its list, in Glance's order.
    pub listed: &'a [Image],
    /// Its hidden images; needed only where [`super::needs_hidden_images`] says so.
    pub hidden: &'a [Image],
    /// Which incomplete images are this installation's own.
    pub installation: &'a str,
    /// The time by the region's own clock; none where it does not tell.
    pub now: Option<DateTime<Utc>>,
}

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

    let replacements = matches
        .iter()
        .map(|found| {
            found.map_or(Replacement::None, |new| {
                unfinished::read(new, rules, region)
            })
        })
        .collect();
    let mut builder = Builder {
        selection,
        rules,
        matches,
        replacements,
        leftovers: Leftovers::default(),
        states: vec![None; selection.images.len()],
    };
    for index in &selection.parts_first {
        builder.states[*index] = Some(builder.status(*index));
    }
    let references = builder.keep_what_is_needed(region);
    builder.leftovers = leftover::find(selection, region, |index| builder.is_sent(index));
    warnings.append(&mut builder.leftovers.warnings);
    let mut actions = std::mem::take(&mut builder.leftovers.deleted);
    actions.extend(obsolete_actions);
    let mut failures = Vec::new();
    builder.metadata_actions(&mut actions);
    builder.upload_actions(&references, &mut actions, &mut failures);
    builder.ami_actions(&mut actions);
    builder.warn(region.region, &mut warnings);
    let untags = builder.untags();

    let images = builder.into_states();
    let mut plan = Plan {
        region: region.region.clone(),
        images,
        actions,
        untags,
        failures,
        warnings,
    };
    for failed in 0..plan.failures.len() {
        let name = plan.failures[failed].image.clone();
        let dropped = drop_dependents(&mut plan.actions, &name);
        plan.failures.extend(dropped);
    }
    plan
}

struct Builder<'a> {
    selection: &'a Selection,
    rules: &'a SyncRules,
    matches: Vec<Option<&'a Image>>,
    /// Of each match, what its tags say about the image whose place it took.
    replacements: Vec<Replacement<'a>>,
    leftovers: Leftovers<'a>,
    states: Vec<Option<(Status, Reason)>>,
}

impl<'a> Builder<'a> {
    /// The status of an image whose parts have theirs.
    fn status(&self, index: usize) -> (Status, Reason) {
        let selection = self.selection;
        let selected = &selection.images[index];
        if let Replacement::Unfinished { old, .. } = &self.replacements[index] {
            return match self.unavailable_part(selected) {
                Some(reason) => (Status::ErrorAmi, reason),
                None => unfinished::decide(old, self.rules),
            };
        }
        let content = self.matches[index].map(|found| {
            if found.content.same_as(&selected.master.content) {
                None
            } else {
                Some(conflict::decide(found, self.rules))
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
        for part in selected_parts(&selection.images[index]) {
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
                visibility: change.visibility.is_some(),
                properties: change.properties.into_keys().collect(),
            };
            (Status::PendingMetadata, reason)
        }
    }

    /// What differs, references to parts included where no part is still to be uploaded.
    fn metadata_change(&self, index: usize) -> MetadataChange {
        let Some(found) = self.matches[index] else {
            return MetadataChange::default();
        };
        let selected = &self.selection.images[index];
        let mut change =
            metadata::difference(&selected.master, &selected.carried, found, self.rules);
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
    fn part_changes(&self, index: usize) -> Vec<PartChange> {
        let Some(found) = self.matches[index] else {
            return Vec::new();
        };
        let parts = &self.selection.images[index].parts;
        let differing = parts.iter().filter_map(|part| {
            let from = found.properties.get(part.property);
            let is_right = from.is_some_and(|value| match part.target {
                PartTarget::Unavailable { .. } => true,
                PartTarget::Selected(target) => self
                    .part_id(target)
                    .is_some_and(|id| id.as_str().eq_ignore_ascii_case(value)),
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

    fn part_references(&self, index: usize) -> Vec<PartReference> {
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

    fn status_of(&self, index: usize) -> Option<Status> {
        self.states[index].as_ref().map(|(status, _)| *status)
    }

    fn is_deactivated(&self, index: usize) -> bool {
        self.matches[index].is_some_and(|image| image.status == ImageStatus::Deactivated)
    }

    /// This plan brings that image into the region, or brings its replacement to an end.
    fn is_uploaded(&self, index: usize) -> bool {
        self.status_of(index).is_some_and(Status::needs_content) && !self.is_deactivated(index)
    }

    /// The image with the name was published by an earlier run, which did not get to its old one.
    fn is_unfinished(&self, index: usize) -> bool {
        matches!(self.replacements[index], Replacement::Unfinished { .. })
    }

    /// This plan brings content of that image into the region, by an action that does not fail.
    fn is_sent(&self, index: usize) -> bool {
        self.is_uploaded(index) && !self.is_unfinished(index) && !self.is_unnameable(index)
    }

    /// The image whose name the new one takes over, or took over already.
    fn old(&self, index: usize) -> Option<&'a Image> {
        match &self.replacements[index] {
            Replacement::Unfinished { old, .. } => Some(old),
            _ => self.matches[index],
        }
    }

    /// The old image is to be kept, and its name leaves no room for the suffix.
    fn is_unnameable(&self, index: usize) -> bool {
        let name = &self.selection.images[index].master.name;
        self.old(index).is_some()
            && !self.is_deleted(index)
            && name.chars().count() + OLD_SUFFIX.len() > MAX_NAME_CHARS
    }

    /// An old image to which an image refers that stays as it is would be missed: it is kept under
    /// another name. What refers to it in its turn has to stay then, and so on.
    fn keep_what_is_needed(&mut self, region: &RegionImages<'a>) -> References<'a> {
        if !self
            .having(|status| matches!(status, Status::PendingReplace | Status::PendingRename))
            .any(|index| self.is_uploaded(index))
        {
            return References::default();
        }
        let references = References::of(region);
        loop {
            let needed: Vec<(usize, String)> = (0..self.states.len())
                .filter_map(|index| {
                    let needed_by = self.needed_by(index, &references)?;
                    Some((index, needed_by.name.clone()))
                })
                .collect();
            if needed.is_empty() {
                return references;
            }
            for (index, image) in needed {
                let state = self.states[index].as_mut();
                if let Some(needed_by) = state.and_then(|(_, reason)| reason.needed_by()) {
                    *needed_by = Some(image);
                }
            }
        }
    }

    /// An image that refers to the old image which is to be deleted, and stays as it is; none
    /// where that was found already.
    fn needed_by(&self, index: usize, references: &References<'a>) -> Option<&'a Image> {
        if !self.is_deleted(index) {
            return None;
        }
        references
            .to(&self.old(index)?.id)
            .find(|(image, property)| !self.will_not_refer(image, property))
            .map(|(image, _)| image)
    }

    /// True for a region's image that is pointed at the right parts, or deleted.
    fn will_not_refer(&self, image: &Image, property: &str) -> bool {
        let Some(index) = self.selection.index_of(&image.name) else {
            return false;
        };
        let is = |other: Option<&Image>| other.is_some_and(|other| other.id == image.id);
        match self.status_of(index) {
            Some(Status::PendingMetadata | Status::PendingAmi) => is(self.matches[index]),
            _ if is(self.old(index)) => self.is_deleted(index),
            _ if is(self.matches[index]) && self.is_uploaded(index) => {
                let mut parts = self.selection.images[index].parts.iter();
                parts.any(|part| part.property == property && self.is_pending_part(part))
            }
            _ => false,
        }
    }

    /// The part is there only once this plan has uploaded it.
    fn is_pending_part(&self, part: &Part) -> bool {
        matches!(part.target, PartTarget::Selected(target) if self.is_uploaded(target))
    }

    /// The old image of that name is deleted once the new one is published.
    fn is_deleted(&self, index: usize) -> bool {
        self.status_of(index) == Some(Status::PendingReplace)
            && self.is_uploaded(index)
            && self.kept_for(index).is_none()
    }

    /// The image that keeps the old image of that name from being deleted.
    fn kept_for(&self, index: usize) -> Option<&String> {
        match &self.states[index] {
            Some((_, Reason::Listed { needed_by, .. } | Reason::Unfinished { needed_by, .. })) => {
                needed_by.as_ref()
            }
            _ => None,
        }
    }

    fn referrers(&self, old: &ImageId, references: &References<'_>) -> Vec<Referrer> {
        references
            .to(old)
            .filter(|(image, property)| self.will_not_refer(image, property))
            .map(|(image, property)| Referrer {
                image: image.name.clone(),
                image_id: image.id.clone(),
                property,
            })
            .collect()
    }

    fn having(&self, wanted: impl Fn(Status) -> bool) -> impl Iterator<Item = usize> {
        (0..self.states.len()).filter(move |index| self.status_of(*index).is_some_and(&wanted))
    }

    fn metadata_actions(&self, actions: &mut Vec<Action>) {
        let pending = |status| matches!(status, Status::PendingMetadata | Status::PendingAmi);
        for index in self.having(pending) {
            let change = self.metadata_change(index);
            if let Some(found) = self.matches[index]
                && !change.is_empty()
            {
                actions.push(Action::UpdateMetadata {
                    image: found.name.clone(),
                    image_id: found.id.clone(),
                    change,
                });
            }
        }
    }

    fn upload_actions(
        &self,
        references: &References<'_>,
        actions: &mut Vec<Action>,
        failures: &mut Vec<PlannedFailure>,
    ) {
        let wanted: Vec<usize> = (0..self.states.len())
            .filter(|index| self.is_uploaded(*index))
            .collect();
        let parts = |index: usize| selected_parts(&self.selection.images[index]).collect();
        for index in order::parts_first(&wanted, parts) {
            let upload = self.upload(index, references);
            if self.is_unnameable(index) {
                failures.push(PlannedFailure {
                    action: upload.kind(),
                    code: ErrorCode::RenameFailed,
                    message: format!(
                        "the old image cannot be kept: `{}{OLD_SUFFIX}` is longer than {MAX_NAME_CHARS} characters; shorten the name at the master, or list the old checksum in `replace`",
                        upload.image
                    ),
                    image: upload.image,
                });
            } else {
                actions.push(Action::Upload(Box::new(upload)));
            }
        }
    }

    fn upload(&self, index: usize, references: &References<'_>) -> Upload {
        let selected = &self.selection.images[index];
        let master = &selected.master;
        let leftover = self.taken_up(index);
        let is_there = leftover
            .as_ref()
            .is_some_and(|leftover| leftover.stage != Stage::Queued);
        Upload {
            image: master.name.clone(),
            master_id: master.id.clone(),
            size: master.bytes(),
            bytes: if is_there { 0 } else { master.bytes() },
            leftover,
            content: master.content.clone(),
            source: None,
            streamed: false,
            replaces: self.old(index).map(|old| Replaced {
                image_id: old.id.clone(),
                keep: self.status_of(index) == Some(Status::PendingRename),
                needed_by: self.kept_for(index).cloned(),
                referrers: self.referrers(&old.id, references),
            }),
            visibility: master.visibility,
            protected: master.protected,
            disk_format: master.disk_format.clone(),
            container_format: master.container_format.clone(),
            min_disk: master.min_disk,
            min_ram: master.min_ram,
            properties: selected.carried.clone(),
            // A published image has its parts, or is pointed at them by an action of its own.
            parts: if self.is_unfinished(index) {
                Vec::new()
            } else {
                self.part_references(index)
            },
        }
    }

    /// What of an earlier run the upload of that image takes up again.
    fn taken_up(&self, index: usize) -> Option<Leftover> {
        if let Replacement::Unfinished { tags, .. } = &self.replacements[index] {
            return Some(Leftover {
                image_id: self.matches[index]?.id.clone(),
                stage: Stage::Published,
                tags: tags.clone(),
                then: self.status_without_tag(index),
            });
        }
        let (image, stage) = self.leftovers.taken.get(&index)?;
        Some(Leftover {
            image_id: image.id.clone(),
            stage: *stage,
            tags: BTreeSet::new(),
            then: Status::Ok,
        })
    }

    /// What a published image is once its old one is dealt with and its parts are re-pointed.
    fn status_without_tag(&self, index: usize) -> Status {
        let Some(found) = self.matches[index] else {
            return Status::Ok;
        };
        if !found
            .content
            .same_as(&self.selection.images[index].master.content)
        {
            return conflict::decide(found, self.rules).0;
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

    fn untags(&self) -> Vec<Untag> {
        let all = self.replacements.iter().zip(&self.matches);
        all.filter_map(|(replacement, found)| match (replacement, found) {
            (Replacement::Finished { tags }, Some(found)) => Some(Untag {
                image: found.name.clone(),
                image_id: found.id.clone(),
                tags: tags.clone(),
            }),
            _ => None,
        })
        .collect()
    }

    fn ami_actions(&self, actions: &mut Vec<Action>) {
        let refers = |index: &usize| {
            self.status_of(*index) == Some(Status::PendingAmi)
                || (self.is_unfinished(*index) && self.is_uploaded(*index))
        };
        for index in (0..self.states.len()).filter(refers) {
            let mut parts = self.part_changes(index);
            // Of a published image whose old one is left, all else is the next run's.
            if self.is_unfinished(index) {
                parts.retain(|part| part.to.image_id.is_none());
            }
            if let Some(found) = self.matches[index]
                && !parts.is_empty()
            {
                actions.push(Action::UpdateAmi {
                    image: found.name.clone(),
                    image_id: found.id.clone(),
                    parts,
                });
            }
        }
    }

    /// What the states themselves give cause to say.
    fn warn(&self, region: &RegionName, warnings: &mut Vec<Warning>) {
        for (index, state) in self.states.iter().enumerate() {
            let Some((_, reason)) = state else { continue };
            if matches!(reason, Reason::InStep | Reason::Absent) {
                continue;
            }
            // Of one that is left as it is, nothing is kept under another name.
            if self.is_deactivated(index) && reason.is_protected() {
                continue;
            }
            let name = &self.selection.images[index].master.name;
            let Some((code, what)) = warning_text(reason) else {
                continue;
            };
            let mut warning =
                Warning::new(code, format!("the image `{name}` of {region} {what}")).image(name);
            if let Some(found) = self.matches[index] {
                warning = warning
                    .image_id(&found.id)
                    .checksum(found.content.md5.as_ref());
            }
            if let Reason::PartUnavailable { part, .. } = reason {
                warning = warning.missing(part);
            }
            warnings.push(warning);
        }
    }

    fn into_states(self) -> Vec<ImageState> {
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
                })
            })
            .collect()
    }
}

fn warning_text(reason: &Reason) -> Option<(WarningCode, String)> {
    match reason {
        Reason::Unlisted { .. } => Some((
            WarningCode::ChecksumConflict,
            format!(
                "has another checksum than the master's: {reason}; add it to one of them, or set `rename` or `replace` to `any`"
            ),
        )),
        Reason::Listed {
            key: "dontupdate", ..
        } => Some((
            WarningCode::StalledChecksum,
            format!("has another checksum than the master's, and stays as it is: {reason}"),
        )),
        _ if reason.is_protected() => Some((
            WarningCode::ProtectedImage,
            format!("is kept under another name instead of being deleted: {reason}"),
        )),
        Reason::Listed {
            needed_by: Some(_), ..
        }
        | Reason::Unfinished {
            needed_by: Some(_), ..
        } => Some((
            WarningCode::ImageInUse,
            format!("is kept under another name instead of being deleted: {reason}"),
        )),
        Reason::PartUnavailable { .. } => Some((
            WarningCode::AmiMissing,
            format!(
                "is left as it is: {reason}; see to it that the rules of this target select its kernel and ramdisk"
            ),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
