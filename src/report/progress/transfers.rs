//! The uploads that are under way, whose bytes are counted by an atomic counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::model::{ActionKind, RegionName};

/// Between two `progress` events of one upload.
const EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// Content that is being sent.
pub(in crate::report) struct Transfer {
    pub(in crate::report) region: RegionName,
    pub(in crate::report) image: String,
    pub(in crate::report) action: ActionKind,
    pub(in crate::report) bytes_total: u64,
    bytes_sent: Arc<AtomicU64>,
    last_event: Instant,
}

impl Transfer {
    /// Content that begins to be sent now.
    pub(in crate::report) fn new(
        region: RegionName,
        image: String,
        action: ActionKind,
        bytes_total: u64,
        bytes_sent: Arc<AtomicU64>,
        now: Instant,
    ) -> Self {
        Self {
            region,
            image,
            action,
            bytes_total,
            bytes_sent,
            last_event: now,
        }
    }

    /// Never more than there is, whatever the counter says.
    pub(in crate::report) fn bytes_sent(&self) -> u64 {
        self.bytes_sent
            .load(Ordering::Relaxed)
            .min(self.bytes_total)
    }

    /// True once an interval: it is time for the next `progress` event.
    pub(in crate::report) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now.duration_since(self.last_event) >= EVENT_INTERVAL;
        if is_due {
            self.last_event = now;
        }
        is_due
    }
}
