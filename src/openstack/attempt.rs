//! Why one try of a call failed, and whether another may help.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, StatusCode, header};

use super::error::{CallRecord, OpenStackError, ServerAnswer};
use super::{TransportCause, server_message};
use crate::model::Secret;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// Why one try failed.
#[derive(Debug)]
pub(super) enum AttemptError {
    Status {
        status: u16,
        said: ResponseHead,
        retry_after: Option<Duration>,
    },
    Transport(TransportCause),
    TimedOut(Duration),
    TooLarge(usize),
}

/// What came with a status that is an error: as it came, for a secret has yet to be taken out of it.
#[derive(Default)]
pub(super) struct ResponseHead {
    body: Bytes,
    /// Where the server points.
    location: Option<String>,
    request_id: Option<String>,
}

impl fmt::Debug for ResponseHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead").finish_non_exhaustive()
    }
}

impl ResponseHead {
    /// The server's words, fit for a report, and without the secrets.
    fn into_answer(self, status: u16, secrets: &[&Secret]) -> ServerAnswer {
        let words = |bytes: &[u8]| server_message::of_body(bytes, secrets);
        let message = match &self.location {
            Some(place) => format!("the server points to {}", words(place.as_bytes())),
            None => words(&self.body),
        };
        let request_id = self.request_id.map(|id| words(id.as_bytes()));
        ServerAnswer {
            status,
            message,
            request_id: request_id.filter(|id| !id.is_empty()),
            retry_after: None,
        }
    }
}

/// A few words without secrets.
impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A server's message might repeat the token.
            Self::Status { status, .. } => write!(f, "HTTP {status}"),
            Self::Transport(cause) => cause.fmt(f),
            Self::TimedOut(limit) => write!(f, "not done within {} s", limit.as_secs_f64()),
            Self::TooLarge(_) => f.write_str("the answer is too large"),
        }
    }
}

impl AttemptError {
    pub(super) fn transport(error: reqwest::Error) -> Self {
        Self::Transport(TransportCause::of(&error.without_url()))
    }

    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let location = text(header::LOCATION).filter(|_| status.is_redirection());
        let place = location.and_then(|place| place.split(['?', '#']).next());
        Self::Status {
            status: status.as_u16(),
            said: ResponseHead {
                body: Bytes::copy_from_slice(body),
                location: place.map(ToOwned::to_owned),
                request_id: text(REQUEST_ID).map(ToOwned::to_owned),
            },
            retry_after: text(header::RETRY_AFTER).and_then(read_retry_after),
        }
    }

    /// True where the server would not take the token.
    pub(super) fn is_unauthorised(&self) -> bool {
        matches!(self, Self::Status { status: 401, .. })
    }

    /// True where asking again may help.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
            }
            Self::Transport(cause) => cause.is_transient(),
            Self::TimedOut(_) => true,
            Self::TooLarge(_) => false,
        }
    }

    /// True where the server cannot have acted upon the request.
    pub(super) fn is_before_acting(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status == 429,
            Self::Transport(cause) => cause.is_before_sending(),
            Self::TimedOut(_) | Self::TooLarge(_) => false,
        }
    }

    /// How long the server asked to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The failure as an error of that call. A server that repeats one of `secrets` is not quoted with it.
    pub(super) fn into_error(self, call: CallRecord, secrets: &[&Secret]) -> OpenStackError {
        let call = Box::new(call);
        match self {
            Self::Status {
                status,
                said,
                retry_after,
            } => OpenStackError::Status {
                call,
                answer: Box::new(ServerAnswer {
                    retry_after,
                    ..said.into_answer(status, secrets)
                }),
            },
            Self::Transport(cause) => OpenStackError::Unreachable { call, cause },
            Self::TimedOut(limit) => OpenStackError::TimedOut { call, limit },
            Self::TooLarge(limit) => OpenStackError::BadAnswer {
                call,
                what: format!("the answer is larger than {} MiB", limit >> 20),
            },
        }
    }

    #[cfg(test)]
    pub(super) fn status_for_test(status: u16, retry_after: Option<Duration>) -> Self {
        Self::Status {
            status,
            said: ResponseHead::default(),
            retry_after,
        }
    }
}

/// Seconds, or the time of day of an HTTP date (RFC 9110, "Retry-After").
fn read_retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    Some(
        (at.with_timezone(&Utc) - Utc::now())
            .to_std()
            .unwrap_or_default(),
    )
}
