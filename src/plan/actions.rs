//! From statuses to actions: metadata, uploads, kernels and ramdisks, each in its order.

use std::collections::BTreeSet;

use super::action::{Action, Leftover, Replaced, Stage, Untag, Upload};
use super::attributes::{self, CarriedAttributes};
use super::failure::PlannedFailure;
use super::image_status::ImageStatuses;
use super::interrupted_replacement::Replacement;
use super::leftover::Leftovers;
use super::references::References;
use super::{MAX_NAME_CHARS, OLD_SUFFIX, order, parts, retention};
use crate::model::{DeliveryWay, ErrorCode, Proof, Status};

/// What the actions of one region follow from.
pub(super) struct ActionBuilder<'a, 'b> {
    pub(super) statuses: &'b ImageStatuses<'a>,
    pub(super) references: &'b References<'a>,
    pub(super) leftovers: &'b Leftovers<'a>,
}

impl ActionBuilder<'_, '_> {
    pub(super) fn metadata_actions(&self, actions: &mut Vec<Action>) {
        let statuses = self.statuses;
        let pending = |status| matches!(status, Status::PendingMetadata | Status::PendingAmi);
        for index in statuses.having(pending) {
            let change = statuses.metadata_change(index);
            if let Some(found) = statuses.matches[index]
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

    pub(super) fn upload_actions(
        &self,
        actions: &mut Vec<Action>,
        failures: &mut Vec<PlannedFailure>,
    ) {
        let statuses = self.statuses;
        let wanted: Vec<usize> = (0..statuses.states.len())
            .filter(|index| statuses.is_uploaded(*index))
            .collect();
        let parts =
            |index: usize| parts::selected(&statuses.selection.images[index].parts).collect();
        for index in order::parts_first(&wanted, parts) {
            let upload = self.upload(index);
            if statuses.is_unnameable(index) {
                failures.push(PlannedFailure {
                    action: upload.kind(),
                    code: ErrorCode::RenameFailed,
                    message: format!(
                        "the old image cannot be kept: `{}{OLD_SUFFIX}` is longer than {MAX_NAME_CHARS} characters",
                        upload.image
                    ),
                    image: upload.image,
                    hint: "Shorten the name at the master, or list the old checksum in `replace`.",
                });
            } else if !upload.is_there() && statuses.proof(index) == Some(Proof::None) {
                failures.push(PlannedFailure {
                    action: upload.kind(),
                    code: ErrorCode::NotVerifiable,
                    message: format!(
                        "a copy of `{}` could not be compared with the master's image: the region gives its images no hash that can be computed here",
                        upload.image
                    ),
                    image: upload.image,
                    hint: ErrorCode::NotVerifiable.hint(),
                });
            } else {
                actions.push(Action::Upload(Box::new(upload)));
            }
        }
    }

    fn upload(&self, index: usize) -> Upload {
        let statuses = self.statuses;
        let selected = &statuses.selection.images[index];
        let master = &selected.master;
        let leftover = self.taken_up(index);
        let CarriedAttributes { os_hidden, tags } = attributes::carried(master, statuses.rules);
        let is_there = leftover
            .as_ref()
            .is_some_and(|leftover| leftover.stage.is_there());
        Upload {
            image: master.name.clone(),
            master_id: master.id.clone(),
            size: master.bytes(),
            stored_size: master.bytes(),
            region_algorithm: statuses.region_algorithm(),
            bytes: if is_there { 0 } else { master.bytes() },
            leftover,
            content: master.content.clone(),
            hashed_as: match statuses.proof(index) {
                Some(Proof::Hashed(algorithm)) => Some(algorithm),
                _ => None,
            },
            delivery: DeliveryWay::Upload,
            from: None,
            source: None,
            may_be_pulled: false,
            streamed: false,
            replaces: statuses.old(index).map(|old| Replaced {
                image_id: old.id.clone(),
                visibility: old.visibility,
                keep: statuses.status_of(index) == Some(Status::PendingRename),
                needed_by: statuses.kept_for(index).cloned(),
                referrers: retention::referrers(statuses, &old.id, self.references),
            }),
            visibility: master.visibility,
            protected: master.protected,
            os_hidden,
            tags,
            disk_format: statuses
                .rules
                .disk_format
                .of(master.disk_format.as_deref())
                .map(ToOwned::to_owned),
            master_format: master.disk_format.clone(),
            container_format: master.container_format.clone(),
            min_disk: master.min_disk,
            min_ram: master.min_ram,
            properties: selected.carried.clone(),
            // A published image has its parts, or is pointed at them by an action of its own.
            parts: if statuses.is_unfinished(index) {
                Vec::new()
            } else {
                statuses.part_references(index)
            },
        }
    }

    /// What of an earlier run the upload of that image takes up again.
    fn taken_up(&self, index: usize) -> Option<Leftover> {
        let statuses = self.statuses;
        if let Replacement::Unfinished { tags, .. } = &statuses.replacements[index] {
            return Some(Leftover {
                image_id: statuses.matches[index]?.id.clone(),
                stage: Stage::Published,
                tags: tags.clone(),
                then: statuses.status_without_tag(index),
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

    pub(super) fn ami_actions(&self, actions: &mut Vec<Action>) {
        let statuses = self.statuses;
        let refers = |index: &usize| {
            statuses.status_of(*index) == Some(Status::PendingAmi)
                || (statuses.is_unfinished(*index) && statuses.is_uploaded(*index))
        };
        for index in (0..statuses.states.len()).filter(refers) {
            let mut parts = statuses.part_changes(index);
            // Of a published image whose old one is left, all else is the next run's.
            if statuses.is_unfinished(index) {
                parts.retain(|part| part.to.image_id.is_none());
            }
            if let Some(found) = statuses.matches[index]
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

    pub(super) fn untags(&self) -> Vec<Untag> {
        let statuses = self.statuses;
        let all = statuses.replacements.iter().zip(&statuses.matches);
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
}
