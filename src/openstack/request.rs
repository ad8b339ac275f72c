//! One request and its answer, within a time and a size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::time::timeout;
use url::Url;

use super::attempt::AttemptError;
use super::error::{CallRecord, Operation};
use super::request_log::{RequestLog, without_secrets};
use super::retry::Tries;
use crate::model::{RegionName, Secret};

/// No more is read of an answer that is an error.
pub(super) const MAX_ERROR_BYTES: usize = 64 << 10;

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
        CallRecord {
            region: self.region.clone(),
            operation: self.operation,
            method: self.method.to_string(),
            url: without_secrets(&self.url).into(),
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
    ) -> Result<Answer, AttemptError> {
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
    ) -> Result<T, AttemptError>
    where
        R: Future<Output = Result<T, AttemptError>>,
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
        let mut log = RequestLog::begin(&self.method, &self.url);
        let result = timeout(limit, async {
            let response = request.send().await.map_err(AttemptError::transport)?;
            log.answered(response.status(), response.headers());
            read(accept(response).await?).await
        });
        let result = result.await.unwrap_or(Err(AttemptError::TimedOut(limit)));
        result.inspect_err(|error| log.failed(error))
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
pub(super) async fn read(
    response: reqwest::Response,
    max_bytes: usize,
) -> Result<Answer, AttemptError> {
    read_body(accept(response).await?, max_bytes).await
}

/// Lets an answer pass that is a success, and reads why it is none.
async fn accept(response: reqwest::Response) -> Result<reqwest::Response, AttemptError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let headers = response.headers().clone();
    // The status counts even where the rest of the answer is cut off.
    let body = read_start(response).await;
    Err(AttemptError::of_status(status, &headers, &body))
}

/// Reads a successful answer up to its end.
pub(super) async fn read_body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> Result<Answer, AttemptError> {
    let headers = response.headers().clone();
    let expected = response.content_length().unwrap_or(0);
    if expected > max_bytes as u64 {
        return Err(AttemptError::TooLarge(max_bytes));
    }
    let mut body = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(AttemptError::transport)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(AttemptError::TooLarge(max_bytes));
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
