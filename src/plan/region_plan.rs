//! The plan of one region: a value that is printed, counted, filtered and carried out elsewhere.

use std::collections::BTreeMap;

use serde::Serialize;

use super::action::{Action, Untag};
use super::cleanup::TooManyDeletions;
use super::failure::{PlannedFailure, drop_dependents};
use super::orphans::Orphan;
use super::reason::Reason;
use super::selection::SelectedBy;
use crate::model::{DeliveryWay, ImageId, RegionName, Status, Warning};

/// What one selected image is in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageState {
    /// Its name.
    pub image: String,
    /// What it is.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// Why it is wanted at all.
    pub selected_by: SelectedBy,
    /// Bytes, at the master.
    pub size: u64,
    /// The master's image.
    pub master_id: ImageId,
    /// The region's image of that name that counts, if there is one.
    pub image_id: Option<ImageId>,
    /// The disk format of that one.
    #[serde(skip)]
    pub disk_format: Option<String>,
}

/// The whole decision for one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The region.
    pub region: RegionName,
    /// Every selected image, ascending by size, then name.
    pub images: Vec<ImageState>,
    /// What is done, in this order.
    pub actions: Vec<Action>,
    /// Tags that are taken off without a word.
    #[serde(skip)]
    pub untags: Vec<Untag>,
    /// Actions that are known to fail before anything is sent.
    pub failures: Vec<PlannedFailure>,
    /// Images of the region that no rule wants any more, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<Orphan>,
    /// More images than `max_delete` would be hidden or deleted: none of those is in `actions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub too_many_deletions: Option<TooManyDeletions>,
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
}

impl Plan {
    /// Takes out the actions of images that fail alone, and those of images that need them as a part.
    pub fn fail(&mut self, failures: impl IntoIterator<Item = PlannedFailure>) {
        for failure in failures {
            let image = failure.image.clone();
            self.failures.push(failure);
            self.leave_out(&image);
        }
    }

    /// Takes out the actions of an image that is not to be tried; those that need it as a part fail.
    pub(super) fn leave_out(&mut self, image: &str) {
        let dependents = drop_dependents(&mut self.actions, image);
        self.failures.extend(dependents);
    }

    /// The rule by which the image of an action is wanted; none where no rule wants it.
    pub fn wanted_by(&self, action: &Action) -> Option<SelectedBy> {
        match action {
            Action::DeleteLeftover { .. } | Action::MarkObsolete { .. } => None,
            Action::Cleanup(cleanup) if cleanup.comes_last() => None,
            _ => {
                let state = self.images.iter().find(|it| it.image == action.image());
                state.map(|state| state.selected_by)
            }
        }
    }

    /// How many images have each status; a status that no image has is left out.
    pub fn counts(&self) -> BTreeMap<Status, usize> {
        let mut counts = BTreeMap::new();
        for image in &self.images {
            *counts.entry(image.status).or_insert(0) += 1;
        }
        counts
    }

    /// How many images its actions delete that are not replaced by others.
    pub fn deletions(&self) -> usize {
        let actions = self.actions.iter();
        actions.filter(|action| action.kind().is_deletion()).count()
    }

    /// The bytes of content that its actions send.
    pub fn bytes_pending(&self) -> u64 {
        self.bytes_by(|way| way != DeliveryWay::Pull)
    }

    /// The bytes of content that its actions have fetched from other regions.
    pub fn bytes_pulled(&self) -> u64 {
        self.bytes_by(|way| way == DeliveryWay::Pull)
    }

    fn bytes_by(&self, is_meant: impl Fn(DeliveryWay) -> bool) -> u64 {
        let actions = self.actions.iter();
        let meant = actions.filter(|action| action.delivery().is_some_and(&is_meant));
        meant.map(Action::bytes).sum()
    }
}
