//! What a region has done so far, and the event that says so at its end.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::event::{EventKind, RegionResult};
use crate::model::Status;

/// What a region has done so far.
#[derive(Debug, Default)]
pub(super) struct RegionTotals {
    pub(super) uploaded_bytes: u64,
    pub(super) uploaded_images: usize,
    pub(super) pulled_bytes: u64,
    pub(super) pulled_images: usize,
    pub(super) updated_images: usize,
    pub(super) deleted_images: usize,
    pub(super) hidden_images: usize,
    pub(super) actions: usize,
    pub(super) failed: bool,
}

impl RegionTotals {
    /// The event of the region's end: how it ended, how many images are not as they should be, and
    /// when it began.
    pub(super) fn finished(
        &self,
        result: RegionResult,
        left: BTreeMap<Status, usize>,
        started: Instant,
    ) -> EventKind {
        EventKind::RegionFinished {
            result,
            uploaded_bytes: self.uploaded_bytes,
            uploaded_images: self.uploaded_images,
            pulled_bytes: self.pulled_bytes,
            pulled_images: self.pulled_images,
            updated_images: self.updated_images,
            deleted_images: self.deleted_images,
            hidden_images: self.hidden_images,
            left,
            seconds: started.elapsed().as_secs_f64(),
        }
    }
}
