//! What an upload may come to: a quota, damage, an error of the server.

use axum::body::Bytes;
use axum::http::StatusCode;

use super::fail::Fail;

/// Why an upload fails when it is Glance's own fault or nobody is listening any more.
pub(super) fn internal() -> Fail {
    Fail::bare(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Refuses what does not fit into what is left of a project's quota; sizes in bytes.
pub(super) fn check_quota(quota: Option<u64>, used: u64, size: Option<i128>) -> Result<(), Fail> {
    let Some(quota) = quota else {
        return Ok(());
    };
    let remaining = quota.saturating_sub(used);
    let fits = size.map_or(remaining > 0, |size| size <= i128::from(remaining));
    if fits {
        return Ok(());
    }
    let size = size.map_or_else(|| "None".to_owned(), |size| size.to_string());
    Err(Fail::too_large(format!(
        "Image exceeds the storage quota: The size of the data {size} will exceed the limit. \
         {remaining} bytes remaining."
    )))
}

/// Refuses content that is not as long as was announced; gives its length in bytes.
pub(super) fn check_size(announced: Option<i128>, size: u64) -> Result<u64, Fail> {
    match announced {
        Some(expected) if expected != i128::from(size) => Err(Fail::bad_request(format!(
            "Size mismatch: expected {expected} bytes, got {size} bytes"
        ))),
        _ => Ok(size),
    }
}

/// The bytes with the first one changed.
pub(super) fn damaged(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(first) = bytes.first_mut() {
        *first ^= 0x20;
    }
    Bytes::from(bytes)
}
