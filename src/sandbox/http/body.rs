//! Bodies on the wire: requests as they are read, answers as they are sent, at a fault's pace.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use axum::http::Response;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use serde_json::Value;

use super::conn::Switch;

/// The largest request body that is read into memory; uploads are streamed.
const MAX_DOCUMENT_BYTES: usize = 32 << 20;

/// The body of a request, counted and, under a fault, slowed down or broken off.
#[derive(Debug)]
pub(in crate::sandbox) struct Incoming {
    stream: BodyDataStream,
    received: Arc<AtomicU64>,
    switch: Arc<Switch>,
    /// Bytes a second.
    pace: Option<u64>,
    /// Bytes after which the connection is cut.
    drop_after: Option<u64>,
    /// Whether the service dies of it.
    is_fatal: bool,
}

impl Incoming {
    pub(super) fn new(body: Body, received: Arc<AtomicU64>, switch: Arc<Switch>) -> Self {
        Self {
            stream: body.into_data_stream(),
            received,
            switch,
            pace: None,
            drop_after: None,
            is_fatal: false,
        }
    }

    pub(super) fn set_pace(&mut self, bytes_per_sec: u64) {
        self.pace = Some(bytes_per_sec.max(1));
    }

    pub(super) fn set_drop_after(&mut self, bytes: u64) {
        self.drop_after = Some(bytes);
    }

    pub(super) fn set_crash_after(&mut self, bytes: u64) {
        self.drop_after = Some(bytes);
        self.is_fatal = true;
    }

    /// Whether the service dies where the body breaks off.
    pub(in crate::sandbox) fn is_fatal(&self) -> bool {
        self.is_fatal
    }

    /// The next bytes; none at the end, an error when the client went away.
    pub(in crate::sandbox) async fn chunk(&mut self) -> Option<io::Result<Bytes>> {
        let chunk = match self.stream.next().await? {
            Ok(chunk) => chunk,
            Err(error) => return Some(Err(io::Error::other(error))),
        };
        let length = chunk.len() as u64;
        let received = self.received.fetch_add(length, Ordering::Relaxed) + length;
        if self.drop_after.is_some_and(|limit| received >= limit) {
            self.switch.cut();
            return Some(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(pace) = self.pace {
            tokio::time::sleep(pause(length, pace)).await;
        }
        Some(Ok(chunk))
    }

    /// The whole body; none when it is too long or the client went away.
    pub(in crate::sandbox) async fn document(&mut self) -> Option<Vec<u8>> {
        let mut document = Vec::new();
        while let Some(chunk) = self.chunk().await {
            document.extend_from_slice(&chunk.ok()?);
            if document.len() > MAX_DOCUMENT_BYTES {
                return None;
            }
        }
        Some(document)
    }

    /// Reads to the end and forgets it.
    pub(in crate::sandbox) async fn drain(&mut self) {
        while let Some(Ok(_)) = self.chunk().await {}
    }
}

/// A body that is sent at that many bytes a second.
pub(super) fn slowed(body: Body, bytes_per_sec: u64) -> Body {
    const PIECE: usize = 16 << 10;
    let pace = bytes_per_sec.max(1);
    let stream = futures_util::stream::unfold(
        (body.into_data_stream(), Bytes::new()),
        move |(mut stream, mut rest)| async move {
            if rest.is_empty() {
                rest = match stream.next().await? {
                    Ok(chunk) => chunk,
                    Err(error) => return Some((Err(error), (stream, Bytes::new()))),
                };
            }
            let piece = rest.split_to(rest.len().min(PIECE));
            tokio::time::sleep(pause(piece.len() as u64, pace)).await;
            Some((Ok(piece), (stream, rest)))
        },
    );
    Body::from_stream(stream)
}

/// A body that breaks off after that many bytes, and takes the connection with it.
pub(super) fn cut(body: Body, bytes: u64) -> Body {
    let stream = futures_util::stream::unfold(
        (body.into_data_stream(), bytes),
        |(mut stream, left)| async move {
            if left == 0 {
                // What came before must leave the buffers first.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Some((
                    Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                    (stream, 0),
                ));
            }
            let mut chunk = match stream.next().await? {
                Ok(chunk) => chunk,
                Err(error) => return Some((Err(io::Error::other(error)), (stream, 0))),
            };
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            let left = left - chunk.len() as u64;
            Some((Ok(chunk), (stream, left)))
        },
    );
    Body::from_stream(stream)
}

/// A body that never ends: a start, and then one piece again and again.
pub(super) fn endless(start: String, piece: &str) -> Body {
    let times = (16 << 10) / piece.len().max(1) + 1;
    let pieces = Bytes::from(piece.repeat(times));
    let start = futures_util::stream::iter([Bytes::from(start)]);
    let rest = futures_util::stream::repeat(pieces);
    Body::from_stream(start.chain(rest).map(Ok::<_, io::Error>))
}

/// An answer whose JSON has these values at those pointers; one that is not valid JSON stays as it is.
pub(super) async fn rewritten(
    answer: Response<Body>,
    values: &BTreeMap<String, Value>,
) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let bytes = to_bytes(body, MAX_DOCUMENT_BYTES).await.unwrap_or_default();
    let Ok(mut document) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    for (pointer, value) in values {
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        match document.pointer_mut(parent) {
            Some(Value::Object(members)) => {
                members.insert(name.replace("~1", "/").replace("~0", "~"), value.clone());
            }
            _ => {
                if let Some(place) = document.pointer_mut(pointer) {
                    *place = value.clone();
                }
            }
        }
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(document.to_string()))
}

fn pause(bytes: u64, bytes_per_sec: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / bytes_per_sec)
}
