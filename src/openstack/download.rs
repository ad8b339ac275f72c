//! The content of an image as it comes in.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, timeout};

use super::attempt::AttemptError;
use super::request::Request;
use super::retry::{Repeat, RetryPolicy, Tries};
use super::{OpenStackError, StallTimer, TransportCause};

/// The content of an image, read piece by piece. Dropping it ends the transfer.
pub struct Download {
    response: reqwest::Response,
    request: Request,
    range: ContentRange,
    stall: StallTimer,
}

/// Which part of the whole content an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    start: u64,
    /// The size of the whole, where the server says it.
    size: Option<u64>,
}

impl Download {
    /// Takes an answer with content from byte `from` on, or from the start; gives the request back
    /// where it has another part.
    pub(super) fn new(
        response: reqwest::Response,
        request: Request,
        from: u64,
    ) -> Result<Self, Box<Request>> {
        let range = match response.status() {
            StatusCode::PARTIAL_CONTENT => read_content_range(response.headers()),
            _ => Some(ContentRange {
                start: 0,
                size: response.content_length(),
            }),
        };
        match range.filter(|range| range.start == 0 || range.start == from) {
            Some(range) => Ok(Self {
                response,
                request,
                range,
                stall: StallTimer::default(),
            }),
            None => Err(Box::new(request)),
        }
    }

    /// The first byte of the content that comes: that which was asked for, or 0 where the server
    /// gives no parts.
    pub fn start(&self) -> u64 {
        self.range.start
    }

    /// The size of the whole content, where the server announced it.
    pub fn size(&self) -> Option<u64> {
        self.range.size
    }

    /// The next piece; none at the end. [`LEAST_BYTES`](super::LEAST_BYTES) have `limit` to come, the
    /// time apart in which no piece was asked for.
    ///
    /// # Errors
    ///
    /// Code `download_failed`: the connection was lost before the end, or too little came in time.
    pub async fn chunk(&mut self, limit: Duration) -> Result<Option<Bytes>, OpenStackError> {
        let asked = Instant::now();
        let piece = timeout(self.stall.left_of(limit), self.response.chunk()).await;
        let failure = match piece {
            Ok(Ok(piece)) => {
                let bytes = piece.as_ref().map_or(0, Bytes::len);
                self.stall.pass(asked.elapsed(), bytes as u64);
                return Ok(piece);
            }
            Ok(Err(error)) => AttemptError::Transport(TransportCause::of(&error.without_url())),
            Err(_) => AttemptError::TimedOut(limit),
        };
        let once = RetryPolicy::new(0);
        let tries = Tries::new(&once, Repeat::IfNotReceived, None);
        Err(failure.into_error(self.request.record(&tries), &[]))
    }
}

/// Reads `bytes 5-9/10` (RFC 9110, "Content-Range").
fn read_content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, size) = text.trim().strip_prefix("bytes")?.split_once('/')?;
    let (start, _) = range.trim().split_once('-')?;
    Some(ContentRange {
        start: start.parse().ok()?,
        size: size.trim().parse().ok(),
    })
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("url", &self.request.url.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_begins() {
        for (text, range) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 0-0/7", Some((0, Some(7)))),
            ("bytes 3-9/*", Some((3, None))),
            ("bytes */10", None),
            ("lines 1-2/3", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_RANGE, text.parse().unwrap())]);
            let read = read_content_range(&headers).map(|range| (range.start, range.size));
            assert_eq!(read, range, "{text}");
        }
        assert_eq!(read_content_range(&HeaderMap::new()), None);
    }
}
