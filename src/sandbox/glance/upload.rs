//! `PUT /v2/images/{id}/file`: queued, saving, active, and every way back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::HeaderMap;
use axum::http::{Response, StatusCode};
use chrono::Utc;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

use super::fail::Fail;
use super::image::{Image, Status};
use super::policy::Caller;
use super::region::Region;
use super::service::no_content;
use super::store::{self, Chunk, Stored};
use crate::sandbox::http::{Call, Tampering, locked};
use crate::sandbox::keystone::Identity;

/// Chunks on their way from the socket to the disk.
const CHUNKS_IN_FLIGHT: usize = 16;

/// Takes an image's content.
pub(super) async fn upload(
    region: &Arc<Region>,
    identity: &Arc<Identity>,
    caller: &Caller,
    id: &str,
    call: &mut Call,
) -> Result<Response<Body>, Fail> {
    match call.header("content-type") {
        Some("application/octet-stream") => {}
        other => {
            let kind = other.unwrap_or("None");
            return Err(Fail::unsupported(format!("Invalid content type {kind}")));
        }
    }
    let announced = announced_size(&call.headers)?;
    let room = begin(region, caller, id, announced)?;
    let (sender, receiver) = channel(CHUNKS_IN_FLIGHT);
    let ending = Ending {
        region: Arc::clone(region),
        id: id.to_owned(),
        life: region.lives.load(Ordering::SeqCst),
        announced,
        tampering: call.tampering,
        token: region.spec.recheck_token_after_upload.then(|| {
            (
                Arc::clone(identity),
                call.header("x-auth-token").unwrap_or_default().to_owned(),
            )
        }),
    };
    let writer = spawn_blocking(move || ending.run(receiver));
    let pumped = pump(region, call, announced, room, sender).await;
    // Until the writer is done the image is still `saving`, and its partial file may be there.
    let ended = writer.await.unwrap_or_else(|_| Err(internal()));
    pumped?;
    ended.map(|()| no_content())
}

/// Why an upload fails when it is Glance's own fault or nobody is listening any more.
fn internal() -> Fail {
    Fail::bare(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The size that the request announces, in bytes; zero counts as unknown.
fn announced_size(headers: &HeaderMap) -> Result<Option<u64>, Fail> {
    let number = |name: &str| {
        headers.get(name).map(|value| {
            value
                .to_str()
                .ok()
                .and_then(|text| text.trim().parse().ok())
        })
    };
    match number("x-openstack-image-size").or_else(|| number("content-length")) {
        None => Ok(None),
        Some(Some(size)) => Ok(Some(size).filter(|size| *size > 0)),
        Some(None) => Err(Fail::bad_request(
            "Invalid or missing image size in request headers.",
        )),
    }
}

/// Makes the image `saving`; gives the bytes that may be read before the store is full.
fn begin(
    region: &Region,
    caller: &Caller,
    id: &str,
    announced: Option<u64>,
) -> Result<Option<u64>, Fail> {
    let mut images = locked(&region.images);
    let limits = &region.spec.limits;
    let image = images.changeable(id, caller, "upload_image")?;
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
    if image.located {
        // A refused format left its file behind, and the store never overwrites one.
        return Err(internal());
    }
    let owner = image.owner.clone();
    check_quota(
        limits.user_storage_quota,
        images.usage(owner.as_deref(), id),
        announced,
    )?;
    let room = limits
        .capacity
        .map(|capacity| capacity.saturating_sub(images.total()));
    if let Some(image) = images.get_mut(id) {
        image.status = Status::Saving;
        image.updated_at = Utc::now();
    }
    Ok(room)
}

fn check_quota(quota: Option<u64>, used: u64, size: Option<u64>) -> Result<(), Fail> {
    let Some(quota) = quota else {
        return Ok(());
    };
    let remaining = quota.saturating_sub(used);
    let fits = size.map_or(remaining > 0, |size| size <= remaining);
    if fits {
        return Ok(());
    }
    let size = size.map_or_else(|| "None".to_owned(), |size| size.to_string());
    Err(Fail::too_large(format!(
        "Image exceeds the storage quota: The size of the data {size} will exceed the limit. \
         {remaining} bytes remaining."
    )))
}

/// Moves the request's body to the writer.
async fn pump(
    region: &Region,
    call: &mut Call,
    announced: Option<u64>,
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
            Ok(Some(Err(_))) | Err(_) => return Err(internal()),
        };
        let chunk = if received == 0 && call.tampering.wrong_content {
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
        if let Some(expected) = announced.filter(|expected| received > *expected) {
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

/// The bytes with the first one changed.
pub(super) fn damaged(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(first) = bytes.first_mut() {
        *first ^= 0x20;
    }
    Bytes::from(bytes)
}

/// The writer's side of an upload.
#[derive(Debug)]
struct Ending {
    region: Arc<Region>,
    id: String,
    life: u64,
    announced: Option<u64>,
    tampering: Tampering,
    token: Option<(Arc<Identity>, String)>,
}

impl Ending {
    fn run(self, mut chunks: Receiver<Chunk>) -> Result<(), Fail> {
        let path = self.region.path_of(&self.id);
        let stored = store::receive(&path, self.region.spec.content, &mut chunks);
        // A killed Glance tidies nothing up.
        if self.region.lives.load(Ordering::SeqCst) != self.life {
            return Err(internal());
        }
        let ended = match stored {
            Ok(Some(stored)) => self.settle(&stored),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(Fail::too_large(
                format!("Image storage media is full: {error}"),
            )),
            Ok(None) | Err(_) => Err(internal()),
        };
        if ended.is_err() {
            let mut images = locked(&self.region.images);
            match images.get_mut(&self.id) {
                Some(image) => {
                    if image.status == Status::Saving {
                        image.status = Status::Queued;
                        image.size = None;
                        image.virtual_size = None;
                        image.updated_at = Utc::now();
                    }
                    if !image.located {
                        store::discard(&path);
                    }
                }
                None => store::discard(&path),
            }
        }
        ended
    }

    /// Makes the image active, or says why not.
    fn settle(&self, stored: &Stored) -> Result<(), Fail> {
        if let Some(expected) = self.announced.filter(|expected| *expected != stored.size) {
            return Err(Fail::bad_request(format!(
                "Size mismatch: expected {expected} bytes, got {} bytes",
                stored.size
            )));
        }
        if let Some((identity, token)) = &self.token
            && identity.check(token).is_none()
        {
            return Err(Fail::new(
                StatusCode::UNAUTHORIZED,
                format!(
                    "Authentication error - the token may have expired during file upload. \
                     Deleting image data for {}.",
                    self.id
                ),
            ));
        }
        let images = locked(&self.region.images);
        let gone = || {
            Fail::new(
                StatusCode::GONE,
                format!(
                    "Image {} could not be found after upload. The image may have been deleted \
                     during the upload, cleaning up the chunks uploaded.",
                    self.id
                ),
            )
        };
        let owner = images.get(&self.id).ok_or_else(gone)?.owner.clone();
        let used = images.usage(owner.as_deref(), &self.id);
        check_quota(
            self.region.spec.limits.user_storage_quota,
            used,
            Some(stored.size),
        )?;
        let name = images.get(&self.id).and_then(|image| image.name.clone());
        drop(images);
        // Other regions are locked for this one, so this one must not be.
        let (md5, sha512) = stored
            .hashes
            .clone()
            .or_else(|| {
                self.region
                    .checksums_elsewhere(name.as_deref(), stored.size)
            })
            .unwrap_or_else(store::hashes_of_nothing);
        let mut images = locked(&self.region.images);
        let image = images.get_mut(&self.id).ok_or_else(gone)?;
        image.checksum = Some(md5);
        image.os_hash_value = Some(sha512);
        image.located = true;
        let virtual_size = self.inspect(image, stored).map_err(Fail::unsupported)?;
        image.size = Some(stored.size);
        image.virtual_size = virtual_size;
        image.status = Status::Active;
        image.updated_at = Utc::now();
        Ok(())
    }

    fn inspect(&self, image: &Image, stored: &Stored) -> Result<Option<u64>, String> {
        if self.tampering.wrong_format {
            return Err(format!(
                "Image disk_format {} does not match stream data raw",
                image.disk_format.as_deref().unwrap_or("None")
            ));
        }
        if image.container_format.as_deref() != Some("bare") {
            return Ok(None);
        }
        let verdict = stored
            .inspector
            .verdict(image.disk_format.as_deref().unwrap_or_default());
        if self.region.spec.inspect_format {
            verdict
        } else {
            Ok(verdict.unwrap_or(None))
        }
    }
}
