//! How far an upload is, counted where its bytes go out and read where it is watched and shown.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::content::SourceError;
use crate::host;

/// What an upload's body and its watch know of each other.
#[derive(Debug, Default)]
pub(super) struct UploadProgress {
    /// Bytes that the HTTP client took.
    pub(super) bytes_sent: Arc<AtomicU64>,
    /// The HTTP client has asked for content.
    has_begun: AtomicBool,
    /// The reading thread waits for its file, and not for a buffer that the network still holds.
    is_reading: AtomicBool,
    /// The next bytes are not due yet.
    is_limited: AtomicBool,
    /// They have not been at some time since the watch looked.
    was_limited: AtomicBool,
    /// Nobody wants the answer any more.
    is_given_up: AtomicBool,
    failure: Mutex<Option<SourceError>>,
}

impl UploadProgress {
    pub(super) fn new(bytes_sent: Arc<AtomicU64>) -> Self {
        Self {
            bytes_sent,
            ..Self::default()
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    pub(super) fn set_reading(&self, is_reading: bool) {
        self.is_reading.store(is_reading, Ordering::Relaxed);
    }

    /// True where a stall is the file's fault.
    pub(super) fn waits_for_source(&self) -> bool {
        self.is_reading.load(Ordering::Relaxed)
    }

    /// Whether all that the limits on bandwidth let through is sent, and more is waited for.
    pub(super) fn set_limited(&self, is_limited: bool) {
        self.is_limited.store(is_limited, Ordering::Relaxed);
        if is_limited {
            self.was_limited.store(true, Ordering::Relaxed);
        }
    }

    /// True where a limit on bandwidth was all that was waited for, now or since this was last asked.
    pub(super) fn has_waited_for_rate(&self) -> bool {
        self.was_limited.swap(false, Ordering::Relaxed) || self.is_limited.load(Ordering::Relaxed)
    }

    /// Makes the body fail as soon as it is asked again, so that its connection is closed, and ends
    /// the reading thread.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// The connection is made: from now on there must be progress.
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    pub(super) fn add(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, error: SourceError) {
        *self.lock() = Some(error);
    }

    /// Why the source failed, if it did.
    pub(super) fn take_failure(&self) -> Option<SourceError> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SourceError>> {
        host::locked(&self.failure)
    }
}
