//! The shapes of Keystone's answers.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

/// An answer with a JSON document.
pub(super) fn reply(status: StatusCode, document: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(document.to_string()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// An error in Keystone's words.
pub(super) fn error(status: StatusCode, message: &str) -> Response<Body> {
    reply(status, &error_document(status, message))
}

pub(super) fn error_document(status: StatusCode, message: &str) -> Value {
    let title = status.canonical_reason().unwrap_or("Unknown");
    json!({"error": {"code": status.as_u16(), "message": message, "title": title}})
}

/// 403, with what was tried.
pub(super) fn forbidden(action: &str) -> Response<Body> {
    error(
        StatusCode::FORBIDDEN,
        &format!("You are not authorized to perform the requested action{action}."),
    )
}
