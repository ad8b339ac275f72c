//! The body of an upload: exactly as long as it says, or an error.
//!
//! It takes filled buffers from the reading thread and hands them to the HTTP client in small
//! pieces, so that even a slow line shows progress. What became of it is left in [`UploadProgress`], where
//! the watch over the upload sees it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::progress::UploadProgress;
use super::rate_limit::UploadRate;
use super::read_ahead::Pieces;
use crate::content::{Content, SourceError};

/// The HTTP client asks for the next piece when the last has been written to its connection, so
/// this is how finely progress is seen.
const PIECE_BYTES: usize = 128 << 10;

/// The content of an image as a request's body.
pub(super) struct ContentBody {
    content: Content,
    pieces: Pieces,
    current: Bytes,
    left: u64,
    progress: Arc<UploadProgress>,
    rate: Option<UploadRate>,
    /// Until the next bytes are due.
    due: Option<Pin<Box<Sleep>>>,
}

/// The body ended before its time; the reason is in the [`UploadProgress`].
#[derive(Debug, thiserror::Error)]
#[error("the content ended before its time")]
pub(super) struct BrokenOff;

impl ContentBody {
    pub(super) fn new(
        content: Content,
        pieces: Pieces,
        progress: Arc<UploadProgress>,
        rate: Option<UploadRate>,
    ) -> Self {
        Self {
            left: content.size(),
            content,
            pieces,
            current: Bytes::new(),
            progress,
            rate,
            due: None,
        }
    }

    /// How much of the present buffer goes out now.
    fn poll_length(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        let most = self.current.len().min(PIECE_BYTES);
        let Some(rate) = &mut self.rate else {
            return Poll::Ready(most);
        };
        loop {
            if let Some(due) = &mut self.due {
                ready!(due.as_mut().poll(context));
                self.due = None;
                self.progress.set_limited(false);
            }
            match rate.take(most) {
                Ok(length) => return Poll::Ready(length),
                Err(wait) => {
                    self.progress.set_limited(true);
                    self.due = Some(Box::pin(sleep(wait)));
                }
            }
        }
    }

    fn fail(&self, error: SourceError) -> BrokenOff {
        self.progress.fail(error);
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
        this.progress.begin();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        if this.progress.is_given_up() {
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
        if this.left == 0 {
            // What the others share while this waits for its answer.
            this.rate = None;
        }
        this.progress.add(length as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
