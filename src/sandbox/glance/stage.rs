//! `PUT /v2/images/{id}/stage`: content that an import is to take.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::Response;
use chrono::Utc;
use tokio::sync::mpsc::channel;
use tokio::task::spawn_blocking;

use super::fail::Fail;
use super::image::Status;
use super::limits::{check_size, internal};
use super::policy::Caller;
use super::project_limits::{self, Resource};
use super::region::Region;
use super::replies::no_content;
use super::store;
use super::upload::{CHUNKS_IN_FLIGHT, announced_size, check_kind, in_mebibytes, pump};
use crate::sandbox::http::{Call, locked};
use crate::sandbox::spec::{ContentMode, HashSpec, ImportMethod};

/// What is staged is not hashed.
pub(super) const NO_HASHES: HashSpec = HashSpec {
    md5: false,
    algorithm: None,
};

/// Takes an image's content into the staging area.
pub(super) async fn stage(
    region: &Arc<Region>,
    caller: &Caller,
    id: &str,
    call: &mut Call,
) -> Result<Response<Body>, Fail> {
    let methods = &region.spec.imports.methods;
    if !methods.contains(&ImportMethod::GlanceDirect) {
        return Err(Fail::not_found(
            "'glance-direct' method is not available at this site.",
        ));
    }
    check_kind(call)?;
    let announced = announced_size(&call.headers)?;
    begin(region, caller, id, announced)?;
    let life = region.lives.load(Ordering::SeqCst);
    let (sender, mut receiver) = channel(CHUNKS_IN_FLIGHT);
    let path = region.staged(id);
    let writer =
        spawn_blocking(move || store::receive(&path, ContentMode::Store, NO_HASHES, &mut receiver));
    let total = locked(&region.images).total();
    let capacity = region.spec.limits.capacity;
    let room = capacity.map(|capacity| capacity.saturating_sub(total));
    let pumped = pump(region, call, announced, room, sender).await;
    let stored = writer.await;
    // A killed Glance tidies nothing up.
    if region.lives.load(Ordering::SeqCst) != life {
        return Err(internal());
    }
    let staged = match (pumped, stored) {
        (Ok(()), Ok(Ok(Some(stored)))) => check_size(announced, stored.size),
        (Ok(()), _) => Err(internal()),
        (Err(fail), _) => Err(fail),
    };
    let mut images = locked(&region.images);
    let Some(image) = images.get_mut(id) else {
        drop(images);
        store::discard(&region.staged(id));
        return Err(Fail::no_image(id));
    };
    image.size = staged.as_ref().ok().copied();
    image.updated_at = Utc::now();
    if staged.is_err() {
        image.status = Status::Queued;
        store::discard(&region.staged(id));
    }
    drop(images);
    staged.map(|_| no_content())
}

/// Makes the image `uploading`.
fn begin(region: &Region, caller: &Caller, id: &str, announced: Option<i128>) -> Result<(), Fail> {
    let mut images = locked(&region.images);
    let limits = region.spec.limits.project;
    let owner = caller.project.as_deref();
    let mebibytes = in_mebibytes(announced);
    project_limits::check(limits, &images, owner, Resource::Staged, mebibytes)?;
    let image = images.changeable(id, caller, "modify_image")?;
    if image.status != Status::Queued {
        return Err(Fail::conflict(format!(
            "Image status transition from {} to uploading is not allowed",
            image.status.as_str()
        )));
    }
    image.status = Status::Uploading;
    image.updated_at = Utc::now();
    let counted = project_limits::check(limits, &images, owner, Resource::Uploading, 0);
    if counted.is_err()
        && let Some(image) = images.get_mut(id)
    {
        image.status = Status::Queued;
    }
    counted
}
