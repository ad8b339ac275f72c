//! What is done with an image that nobody wants any more.

use chrono::NaiveDate;
use serde::Serialize;

use crate::model::{ActionKind, ImageId};

/// An image that nobody wants any more is hidden or deleted, or shown when somebody does again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleanup {
    /// Its name.
    pub image: String,
    /// Its id.
    pub image_id: ImageId,
    /// What is done with it.
    pub step: CleanupStep,
}

/// What is done with an image that nobody wants any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupStep {
    /// An old image is deleted, of whose name newer ones are kept.
    DeleteOld,
    /// An orphan is hidden, and says since which day.
    HideOrphan(NaiveDate),
    /// An orphan is deleted that has been hidden long enough.
    DeleteOrphan,
    /// What was hidden as an orphan is wanted again: its tag comes off, and it is shown.
    ShowAgain(Shown),
}

/// Who decides whether an image that is wanted again is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It is shown.
    Always,
    /// It is as the master's, which `sync_attributes` looks after.
    AsTheMasters,
}

impl Cleanup {
    /// False for what is wanted again: that is metadata as any other.
    pub fn comes_last(&self) -> bool {
        !matches!(self.step, CleanupStep::ShowAgain(_))
    }
}

impl CleanupStep {
    /// The word of the events.
    pub fn kind(self) -> ActionKind {
        match self {
            Self::DeleteOld => ActionKind::DeleteOld,
            Self::HideOrphan(_) => ActionKind::HideOrphan,
            Self::DeleteOrphan => ActionKind::DeleteOrphan,
            Self::ShowAgain(_) => ActionKind::UpdateMetadata,
        }
    }
}

/// More images would be hidden or deleted than `max_delete` allows: none of them is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TooManyDeletions {
    /// What would have been done, in order.
    pub planned: Vec<PlannedDeletion>,
    /// What `max_delete` says.
    pub max_delete: usize,
}

/// What would have been done with an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedDeletion {
    /// What.
    pub action: ActionKind,
    /// The image's name.
    pub image: String,
}
