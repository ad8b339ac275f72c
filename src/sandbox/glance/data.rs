//! `GET /v2/images/{id}/file`: content, whole or in part.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

use super::fail::Fail;
use super::image::Status;
use super::policy::Caller;
use super::region::Region;

use super::limits::damaged;
use crate::sandbox::http::{Call, locked};

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
/// Bytes read from the store at once.
const BLOCK: usize = 256 << 10;

/// Sends an image's content.
pub(super) fn download(
    region: &Region,
    caller: &Caller,
    id: &str,
    call: &Call,
) -> Result<Response<Body>, Fail> {
    let (size, checksum, store) = {
        let images = locked(&region.images);
        let image = images.seen(id, caller)?;
        if image.status == Status::Deactivated && !caller.is_admin() {
            return Err(Fail::forbidden(
                "The requested image has been deactivated. Image data download is forbidden.",
            ));
        }
        caller.check_download()?;
        let store = image.stores.first().cloned();
        (image.size, image.checksum.clone(), store)
    };
    let opened = store.and_then(|store| File::open(region.path_in(&store, id)).ok());
    let Some(mut file) = opened else {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        return Ok(answer);
    };
    // An image whose format was refused has content and no size.
    let size = size
        .or_else(|| file.metadata().ok().map(|metadata| metadata.len()))
        .unwrap_or_default();
    let range = match wanted(call.header("range"), size)? {
        None => wanted_part(call.header("content-range"), size)?,
        range => range,
    };
    let (first, length) = range.unwrap_or((0, size));
    if first > 0 && file.seek(SeekFrom::Start(first)).is_err() {
        return Err(Fail::bare(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let (sender, receiver) = channel(4);
    let spoil = call.response_fault.damages();
    spawn_blocking(move || read(file, length, spoil, &sender));
    let mut answer = Response::new(streamed(receiver));
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(checksum) = checksum.and_then(|checksum| HeaderValue::try_from(checksum).ok()) {
        headers.insert(CONTENT_MD5, checksum);
    }
    if range.is_some() {
        let place = format!("bytes {first}-{}/{size}", first + length.saturating_sub(1));
        if let Ok(place) = HeaderValue::try_from(place) {
            headers.insert(CONTENT_RANGE, place);
        }
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(answer)
}

/// The first byte and the length that a `Range` header asks for.
fn wanted(range: Option<&str>, size: u64) -> Result<Option<(u64, u64)>, Fail> {
    let Some(range) = range else {
        return Ok(None);
    };
    if range.contains(',') {
        return Err(Fail::bad_request(
            "Requests with multiple ranges are not supported in Glance. You may make multiple \
             single-range requests instead.",
        ));
    }
    let invalid = |text: String| Fail::detailed(StatusCode::RANGE_NOT_SATISFIABLE, text);
    let (first, last) = bounds(range).ok_or_else(|| invalid("Invalid Range header.".to_owned()))?;
    let (first, last) = match (first, last) {
        // The last so many bytes, of which none are all.
        (None, Some(0) | None) => (0, None),
        (None, Some(suffix)) => (size.saturating_sub(suffix), None),
        (Some(first), Some(last)) if last < first => {
            return Err(invalid("Invalid Range header.".to_owned()));
        }
        (Some(first), last) => (first, last),
    };
    if first >= size {
        return Err(invalid(format!(
            "Invalid start position in Range header. Start position MUST be in the inclusive \
             range [0, {}].",
            i128::from(size) - 1
        )));
    }
    let last = last.map_or(size - 1, |last| last.min(size - 1));
    Ok(Some((first, last - first + 1)))
}

/// The numbers around the dash in `bytes=1-2`; whatever comes after them is ignored.
fn bounds(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, rest) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, rest) = digits(rest);
    let (last, _) = digits(rest.trim_start().strip_prefix('-')?);
    Some((first, last))
}

/// The number that a text begins with, if it does, and what comes after it. One that is too large
/// is the largest there is.
fn digits(text: &str) -> (Option<u64>, &str) {
    let text = text.trim_start();
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let value = (!number.is_empty()).then(|| number.parse().unwrap_or(u64::MAX));
    (value, rest)
}

/// The same of a `Content-Range`, which Glance takes in a request too: `bytes 1-2/5`.
fn wanted_part(part: Option<&str>, size: u64) -> Result<Option<(u64, u64)>, Fail> {
    let Some(part) = part else {
        return Ok(None);
    };
    let range = part.replacen(' ', "=", 1);
    let (range, _) = range.split_once('/').unwrap_or((&range, ""));
    match bounds(range) {
        Some((Some(_), Some(_))) => wanted(Some(range), size),
        _ => Err(Fail::detailed(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "Invalid Content-Range header.",
        )),
    }
}

fn read(mut file: File, mut left: u64, spoil: bool, sender: &Sender<io::Result<Bytes>>) {
    let mut spoil = spoil;
    while left > 0 {
        let mut block = vec![0; usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)];
        let piece = match file.read(&mut block) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                block.truncate(length);
                left -= length as u64;
                let bytes = Bytes::from(block);
                Ok(if std::mem::take(&mut spoil) {
                    damaged(&bytes)
                } else {
                    bytes
                })
            }
            Err(error) => Err(error),
        };
        let over = piece.is_err();
        if sender.blocking_send(piece).is_err() || over {
            return;
        }
    }
}

fn streamed(receiver: Receiver<io::Result<Bytes>>) -> Body {
    Body::from_stream(futures_util::stream::unfold(
        receiver,
        |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_content() {
        assert_eq!(wanted(None, 10), Ok(None));
        assert_eq!(wanted(Some("bytes=0-4"), 10), Ok(Some((0, 5))));
        assert_eq!(wanted(Some("bytes=4-"), 10), Ok(Some((4, 6))));
        assert_eq!(wanted(Some("bytes=4-99"), 10), Ok(Some((4, 6))));
        assert_eq!(wanted(Some("bytes=-3"), 10), Ok(Some((7, 3))));
        for (range, status) in [
            ("bytes=10-", 416),
            ("lines=1-2", 416),
            ("bytes=0-1,3-4", 400),
        ] {
            assert_eq!(
                wanted(Some(range), 10).unwrap_err().status.as_u16(),
                status,
                "{range}"
            );
        }
    }
}
