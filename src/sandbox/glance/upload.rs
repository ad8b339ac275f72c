//! `PUT /v2/images/{id}/file`: queued, saving, active, and every way back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use axum::http::header::HeaderMap;
use chrono::Utc;
use tokio::sync::mpsc::{Sender, channel};

use super::ending::Ending;
use super::fail::Fail;
use super::image::{Image, Status};
use super::limits::{check_quota, damaged, internal};
use super::policy::Caller;
use super::project_limits::{self, Resource};
use super::region::Region;
use super::replies::no_content;
use super::store::Chunk;
use crate::sandbox::http::{Call, ResponseFault, locked};
use crate::sandbox::python::integer;
use crate::sandbox::spec::UploadPolicy;

/// Chunks on their way from the socket to the disk.
pub(super) const CHUNKS_IN_FLIGHT: usize = 16;

/// Takes an image's content.
pub(super) async fn upload(
    region: &Arc<Region>,
    caller: &Caller,
    id: &str,
    call: &mut Call,
) -> Result<Response<Body>, Fail> {
    check_kind(call)?;
    let announced = announced_size(&call.headers)?;
    let store = match call.header("x-image-meta-store") {
        None => region.default_store(),
        Some(id) => region
            .store(id)
            .ok_or_else(|| Fail::bad_request(format!("Store for identifier {id} not found")))?,
    };
    let store = store.to_owned();
    let (before, room) = begin(region, caller, id, announced)?;
    let (sender, receiver) = channel(CHUNKS_IN_FLIGHT);
    let ending = Ending {
        region: Arc::clone(region),
        before,
        store,
        life: region.lives.load(Ordering::SeqCst),
        announced,
        response_fault: call.response_fault,
    };
    let (upload, remembering) = (call.number(), Arc::clone(region));
    let writer = tokio::spawn(async move {
        let ended = ending.run(receiver).await;
        remembering.remember(upload);
        ended
    });
    let pumped = pump(region, call, announced, room, sender).await;
    if pumped.is_ok() && matches!(call.response_fault, ResponseFault::SaveLater { .. }) {
        return Ok(no_content());
    }
    // Until the writer is done the image is still `saving`, and its partial file may be there.
    let ended = writer.await.unwrap_or_else(|_| Err(internal()));
    pumped?;
    ended.map(|()| no_content())
}

/// Refuses what is not sent as an image's content.
pub(super) fn check_kind(call: &Call) -> Result<(), Fail> {
    let kind = call.header("content-type").map_or("None", |kind| {
        kind.split(';').next().unwrap_or_default().trim()
    });
    if kind == "application/octet-stream" {
        return Ok(());
    }
    Err(Fail::unsupported(format!("Invalid content type {kind}")))
}

/// The size that the request announces, in bytes; zero counts as unknown.
pub(super) fn announced_size(headers: &HeaderMap) -> Result<Option<i128>, Fail> {
    let number = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().ok().and_then(integer))
    };
    match number("x-openstack-image-size").or_else(|| number("content-length")) {
        None => Ok(None),
        Some(Some(size)) => Ok(Some(size).filter(|size| *size != 0)),
        Some(None) => Err(Fail::bad_request(
            "Invalid or missing image size in request headers.",
        )),
    }
}

/// A size for the limits of projects.
pub(super) fn in_mebibytes(size: Option<i128>) -> i64 {
    i64::try_from(size.unwrap_or_default() >> 20).unwrap_or(i64::MAX)
}

/// Makes the image `saving`; gives it as it was then, and the bytes that may be read before the
/// store is full.
fn begin(
    region: &Region,
    caller: &Caller,
    id: &str,
    announced: Option<i128>,
) -> Result<(Image, Option<u64>), Fail> {
    let mut images = locked(&region.images);
    let limits = &region.spec.limits;
    let owner = caller.project.as_deref();
    let mebibytes = in_mebibytes(announced);
    project_limits::check(limits.project, &images, owner, Resource::Stored, mebibytes)?;
    let image = images.changeable(id, caller, "upload_image")?;
    if region.spec.upload == UploadPolicy::Refused {
        return Err(Fail::policy("upload_image"));
    }
    if image.status != Status::Queued {
        return Err(Fail::conflict(format!(
            "Image status transition from {} to saving is not allowed",
            image.status.as_str()
        )));
    }
    let missing: Vec<&str> = [
        ("disk_format", &image.disk_format),
        ("container_format", &image.container_format),
    ]
    .into_iter()
    .filter(|(_, value)| value.is_none())
    .map(|(name, _)| name)
    .collect();
    match missing.as_slice() {
        [] => {}
        [one] => {
            return Err(Fail::bad_request(format!(
                "Property {one} must be set prior to saving data."
            )));
        }
        many => {
            return Err(Fail::bad_request(format!(
                "Properties {} must be set prior to saving data.",
                many.join(", ")
            )));
        }
    }
    if !image.stores.is_empty() {
        // A refused format left its file behind, and the store never overwrites one.
        return Err(internal());
    }
    let owner = image.owner.clone();
    check_quota(
        limits.user_storage_quota,
        images.usage(owner.as_deref(), id),
        announced,
    )?;
    let total = images.total();
    let room = limits
        .capacity
        .map(|capacity| capacity.saturating_sub(total));
    let image = images.changeable(id, caller, "upload_image")?;
    image.status = Status::Saving;
    image.updated_at = Utc::now();
    Ok((image.clone(), room))
}

/// Moves the request's body to the writer.
pub(super) async fn pump(
    region: &Region,
    call: &mut Call,
    announced: Option<i128>,
    room: Option<u64>,
    sender: Sender<Chunk>,
) -> Result<(), Fail> {
    let stall = Duration::from_secs(region.spec.stall_timeout_secs);
    let cap = region.spec.limits.image_size_cap;
    let mut received: u64 = 0;
    loop {
        let chunk = match tokio::time::timeout(stall, call.body.chunk()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => break,
            Ok(Some(Err(_))) if call.body.is_fatal() => {
                region.kill_uploads();
                call.cut_all();
                return Err(internal());
            }
            Ok(Some(Err(_))) | Err(_) => return Err(internal()),
        };
        let chunk = if received == 0 && call.response_fault.damages() {
            damaged(&chunk)
        } else {
            chunk
        };
        received += chunk.len() as u64;
        if received > cap {
            return Err(Fail::too_large(
                "The incoming image is too large: The provided image is too large.",
            ));
        }
        if room.is_some_and(|room| received > room) {
            return Err(Fail::too_large(
                "Image storage media is full: There is not enough disk space on the image \
                 storage media.",
            ));
        }
        if let Some(expected) = announced.filter(|expected| i128::from(received) > *expected) {
            return Err(Fail::bad_request(format!(
                "Size exceeds: expected {expected} bytes, got {received} bytes"
            )));
        }
        if sender.send(Chunk::Data(chunk)).await.is_err() {
            break;
        }
    }
    // The writer tells how it ended, even when it is gone already.
    let _ = sender.send(Chunk::End).await;
    Ok(())
}
