//! One request and its answer, within a time and a size.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::timeout;
use url::Url;

use super::error::{CallRecord, OpenStackError, Operation, ServerAnswer};
use super::retry::Tries;
use super::{TransportCause, message};
use crate::model::{RegionName, Secret};

/// No more is read of an answer that is an error.
pub(super) const MAX_ERROR_BYTES: usize = 64 << 10;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// A request that can be sent again and again.
pub(super) struct Request {
    pub(super) region: RegionName,
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) url: Url,
    /// A body with its media type.
    pub(super) body: Option<(HeaderValue, Bytes)>,
    /// The header `Authorization`, which OpenStack's own services do not use.
    pub(super) authorization: Option<HeaderValue>,
    /// An answer with more bytes than these is refused.
    pub(super) max_answer_bytes: usize,
}

/// A successful answer (2xx).
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why one try failed.
#[derive(Debug)]
pub(super) enum Failure {
    Status {
        status: u16,
        said: Said,
        retry_after: Option<Duration>,
    },
    Transport(TransportCause),
    TimedOut(Duration),
    TooLarge(usize),
}

/// What came with a status that is an error: as it came, for a secret has yet to be taken out of it.
#[derive(Default)]
pub(super) struct Said {
    body: Bytes,
    /// Where the server points.
    location: Option<String>,
    request_id: Option<String>,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said").finish_non_exhaustive()
    }
}

impl Said {
    /// The server's words, fit for a report, and without the secrets.
    fn into_answer(self, status: u16, secrets: &[&Secret]) -> ServerAnswer {
        let words = |bytes: &[u8]| message::of_body(bytes, secrets);
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

impl Request {
    /// A request without a body.
    pub(super) fn new(region: &RegionName, operation: Operation, method: Method, url: Url) -> Self {
        Self {
            region: region.clone(),
            operation,
            method,
            url,
            body: None,
            authorization: None,
            max_answer_bytes: 16 << 20,
        }
    }

    /// The record of this call for an error.
    pub(super) fn record(&self, tries: &Tries<'_>) -> CallRecord {
        let mut url = self.url.clone();
        url.set_query(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        CallRecord {
            region: self.region.clone(),
            operation: self.operation,
            method: self.method.to_string(),
            url: url.into(),
            tries: tries.count(),
            elapsed: tries.elapsed(),
        }
    }

    /// Sends the request once and reads the answer, all within `limit`.
    pub(super) async fn send(
        &self,
        http: &reqwest::Client,
        token: Option<&Secret>,
        limit: Duration,
    ) -> Result<Answer, Failure> {
        let read = |response| read_body(response, self.max_answer_bytes);
        self.send_reading(http, token, limit, read).await
    }

    /// The same, with `read` for an answer that is a success.
    pub(super) async fn send_reading<T, R>(
        &self,
        http: &reqwest::Client,
        token: Option<&Secret>,
        limit: Duration,
        read: impl Fn(reqwest::Response) -> R,
    ) -> Result<T, Failure>
    where
        R: Future<Output = Result<T, Failure>>,
    {
        let mut request = http.request(self.method.clone(), self.url.clone());
        if let Some(token) = token {
            request = request.header(AUTH_TOKEN, token_header(token));
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some((media_type, body)) = &self.body {
            request = request
                .header(header::CONTENT_TYPE, media_type)
                .body(body.clone());
        }
        timeout(limit, async {
            let response = request.send().await.map_err(Failure::transport)?;
            read(accept(response).await?).await
        })
        .await
        .unwrap_or(Err(Failure::TimedOut(limit)))
    }
}

pub(super) const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// The token as a header that no debug output shows.
pub(super) fn token_header(token: &Secret) -> HeaderValue {
    // A token came out of a header, so it fits into one.
    let mut value =
        HeaderValue::from_str(token.expose()).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Reads an answer up to its end; anything but 2xx is a failure.
pub(super) async fn read(response: reqwest::Response, max_bytes: usize) -> Result<Answer, Failure> {
    read_body(accept(response).await?, max_bytes).await
}

/// Lets an answer pass that is a success, and reads why it is none.
async fn accept(response: reqwest::Response) -> Result<reqwest::Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let headers = response.headers().clone();
    // The status counts even where the rest of the answer is cut off.
    let body = read_start(response).await;
    Err(Failure::of_status(status, &headers, &body))
}

/// Reads a successful answer up to its end.
pub(super) async fn read_body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> Result<Answer, Failure> {
    let headers = response.headers().clone();
    let expected = response.content_length().unwrap_or(0);
    if expected > max_bytes as u64 {
        return Err(Failure::TooLarge(max_bytes));
    }
    let mut body = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(Failure::transport)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(Failure::TooLarge(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    let body = body.freeze();
    Ok(Answer { headers, body })
}

async fn read_start(mut response: reqwest::Response) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= MAX_ERROR_BYTES {
            break;
        }
    }
    body.freeze()
}

/// A few words without secrets.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A server's own words might repeat the token.
            Self::Status { status, .. } => write!(f, "HTTP {status}"),
            Self::Transport(cause) => cause.fmt(f),
            Self::TimedOut(limit) => write!(f, "not done within {} s", limit.as_secs_f64()),
            Self::TooLarge(_) => f.write_str("the answer is too large"),
        }
    }
}

impl Failure {
    pub(super) fn transport(error: reqwest::Error) -> Self {
        Self::Transport(TransportCause::of(&error.without_url()))
    }

    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let location = text(header::LOCATION).filter(|_| status.is_redirection());
        let place = location.and_then(|place| place.split(['?', '#']).next());
        Self::Status {
            status: status.as_u16(),
            said: Said {
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
            said: Said::default(),
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
