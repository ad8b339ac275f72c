//! The body of an upload: exactly as long as it says, or an error.
//!
//! It takes filled buffers from the reading thread and hands them to the HTTP client in small
//! pieces, so that even a slow line shows progress. What became of it is left in [`Tally`], where
//! the watch over the upload sees it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::feed::Pieces;
use super::{Content, Pace, SourceError};

/// The HTTP client asks for the next piece when the last has been written to its connection, so
/// this is how finely progress is seen.
const PIECE_BYTES: usize = 32 << 10;

/// What an upload's body and its watch know of each other.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Bytes that the HTTP client took.
    pub(super) bytes_sent: Arc<AtomicU64>,
    /// The HTTP client has asked for content.
    has_begun: AtomicBool,
    /// The reading thread waits for its file, and not for a buffer that the network still holds.
    is_reading: AtomicBool,
    /// The next bytes are not due yet.
    is_pacing: AtomicBool,
    /// Nobody wants the answer any more.
    is_given_up: AtomicBool,
    failure: Mutex<Option<SourceError>>,
}

impl Tally {
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

    pub(super) fn set_pacing(&self, is_pacing: bool) {
        self.is_pacing.store(is_pacing, Ordering::Relaxed);
    }

    /// True where the limit on bandwidth is all that is waited for.
    pub(super) fn waits_for_pace(&self) -> bool {
        self.is_pacing.load(Ordering::Relaxed)
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
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content of an image as a request's body.
pub(super) struct ContentBody {
    content: Content,
    pieces: Pieces,
    current: Bytes,
    left: u64,
    tally: Arc<Tally>,
    pace: Option<Arc<Pace>>,
    /// Until the next bytes are due.
    due: Option<Pin<Box<Sleep>>>,
}

/// The body ended before its time; the reason is in the [`Tally`].
#[derive(Debug, thiserror::Error)]
#[error("the content ended before its time")]
pub(super) struct BrokenOff;

impl ContentBody {
    pub(super) fn new(
        content: Content,
        pieces: Pieces,
        tally: Arc<Tally>,
        pace: Option<Arc<Pace>>,
    ) -> Self {
        Self {
            left: content.size(),
            content,
            pieces,
            current: Bytes::new(),
            tally,
            pace,
            due: None,
        }
    }

    /// How much of the present buffer goes out now.
    fn poll_length(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        let most = self.current.len().min(PIECE_BYTES);
        let Some(pace) = &self.pace else {
            return Poll::Ready(most);
        };
        loop {
            if let Some(due) = &mut self.due {
                ready!(due.as_mut().poll(context));
                self.due = None;
                self.tally.set_pacing(false);
            }
            match pace.take(most) {
                Ok(length) => return Poll::Ready(length),
                Err(wait) => {
                    self.tally.set_pacing(true);
                    self.due = Some(Box::pin(sleep(wait)));
                }
            }
        }
    }

    fn fail(&self, error: SourceError) -> BrokenOff {
        self.tally.fail(error);
        BrokenOff
    }
}

impl Body for ContentBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        this.tally.begin();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        if this.tally.is_given_up() {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        if this.current.is_empty() {
            this.current = match ready!(this.pieces.poll_recv(context)) {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(this.fail(error)))),
                None => {
                    let error = this.content.unreadable("the reading thread ended");
                    return Poll::Ready(Some(Err(this.fail(error))));
                }
            };
        }
        let length = ready!(this.poll_length(context));
        let piece = this.current.split_to(length);
        this.left = this.left.saturating_sub(length as u64);
        this.tally.add(length as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
