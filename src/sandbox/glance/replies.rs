//! The shapes of Glance's answers.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use serde_json::Value;

/// An answer with a JSON document.
pub(super) fn reply(status: StatusCode, document: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(document.to_string()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// 204.
pub(super) fn no_content() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let kind = HeaderValue::from_static("text/html; charset=UTF-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// The bytes of a part of a URL.
pub(super) fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while place < bytes.len() {
        let hex = (bytes[place] == b'%')
            .then(|| text.get(place + 1..place + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = hex {
            plain.push(byte);
            place += 3;
        } else {
            plain.push(bytes[place]);
            place += 1;
        }
    }
    plain
}
