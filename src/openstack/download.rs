//! The content of an image as it comes in.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::exchange::{Failure, Request};
use super::retry::{Repeat, RetryPolicy, Tries};
use super::{OpenStackError, TransportCause};

/// The content of an image, read piece by piece. Dropping it ends the transfer.
pub struct Download {
    response: reqwest::Response,
    request: Request,
}

impl Download {
    pub(super) fn new(response: reqwest::Response, request: Request) -> Self {
        Self { response, request }
    }

    /// The number of bytes that the server announced.
    pub fn size(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece, which has `limit` to come; none at the end.
    ///
    /// # Errors
    ///
    /// Code `download_failed`: the connection was lost before the end, or nothing came in time.
    pub async fn chunk(&mut self, limit: Duration) -> Result<Option<Bytes>, OpenStackError> {
        let failure = match timeout(limit, self.response.chunk()).await {
            Ok(Ok(piece)) => return Ok(piece),
            Ok(Err(error)) => Failure::Transport(TransportCause::of(&error.without_url())),
            Err(_) => Failure::TimedOut(limit),
        };
        let once = RetryPolicy::new(0);
        let tries = Tries::new(&once, Repeat::IfNotReceived, None);
        Err(failure.into_error(self.request.record(&tries), None))
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("url", &self.request.url.as_str())
            .finish_non_exhaustive()
    }
}
