//! The end of an upload: what becomes of the image, decided by a task of its own, so that it
//! happens whether or not the client is still there to hear of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use chrono::Utc;
use tokio::sync::mpsc::Receiver;
use tokio::task::spawn_blocking;

use super::fail::Fail;
use super::hashes::Hashes;
use super::image::{Image, Status};
use super::limits::{check_quota, check_size, internal};
use super::region::Region;
use super::store::{self, Chunk, Stored};
use crate::sandbox::effect::SaveEnd;
use crate::sandbox::http::{ResponseFault, locked};

/// The writer's side of an upload.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) region: Arc<Region>,
    /// The image as it was when the upload began.
    pub(super) before: Image,
    pub(super) store: String,
    pub(super) life: u64,
    pub(super) announced: Option<i128>,
    pub(super) response_fault: ResponseFault,
}

/// Why content was refused, and in which status the image is left.
#[derive(Debug)]
struct Refused {
    fail: Fail,
    left: Status,
}

impl Refused {
    /// Content may be sent once more.
    fn again(fail: Fail) -> Self {
        Self {
            fail,
            left: Status::Queued,
        }
    }

    /// Glance has the image as active already, from where there is no way back to `queued`: what
    /// it wrote down last stays, which is `saving`.
    fn for_good(fail: Fail) -> Self {
        Self {
            fail,
            left: Status::Saving,
        }
    }
}

impl Ending {
    /// Stores the chunks, on a thread that may block, and makes the image active or queued again,
    /// at once or when a fault has it so.
    pub(super) async fn run(self, mut chunks: Receiver<Chunk>) -> Result<(), Fail> {
        let path = self.region.path_in(&self.store, &self.before.id);
        let mode = self.region.spec.content;
        let hashing = self.region.spec.hashes;
        let stored =
            spawn_blocking(move || store::receive(&path, mode, hashing, &mut chunks)).await;
        let stored = stored.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        if let ResponseFault::SaveLater { wait, .. } = self.response_fault {
            tokio::time::sleep(wait).await;
        }
        self.conclude(stored)
    }

    fn conclude(self, stored: io::Result<Option<Stored>>) -> Result<(), Fail> {
        let path = self.region.path_in(&self.store, &self.before.id);
        // A killed Glance tidies nothing up.
        if self.region.lives.load(Ordering::SeqCst) != self.life {
            return Err(internal());
        }
        let mut after = self.before.clone();
        let ended = match stored {
            Ok(Some(stored)) => self.settle(&mut after, &stored),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(Refused::again(
                Fail::too_large(format!("Image storage media is full: {error}")),
            )),
            Ok(None) | Err(_) => Err(Refused::again(internal())),
        };
        after.status = ended
            .as_ref()
            .map_or_else(|refused| refused.left, |()| Status::Active);
        after.updated_at = Utc::now();
        if after.stores.is_empty() {
            store::discard(&path);
        }
        let ended = ended.map_err(|refused| refused.fail);
        let mut images = locked(&self.region.images);
        let Some(image) = images.get_mut(&after.id) else {
            drop(images);
            store::discard(&path);
            return Err(self.gone());
        };
        // Glance writes the image back as it read it: what was changed meanwhile is lost, but for
        // members, who have a table of their own.
        after.members = std::mem::take(&mut image.members);
        after.in_use = image.in_use;
        *image = after;
        ended
    }

    /// Completes the image for its activation, or says why not.
    fn settle(&self, image: &mut Image, stored: &Stored) -> Result<(), Refused> {
        check_size(self.announced, stored.size).map_err(Refused::again)?;
        if let ResponseFault::SaveLater {
            end: SaveEnd::Queued,
            ..
        } = self.response_fault
        {
            return Err(Refused::again(internal()));
        }
        let quota = self.region.spec.limits.user_storage_quota;
        let used = locked(&self.region.images).usage(image.owner.as_deref(), &image.id);
        check_quota(quota, used, Some(stored.size.into())).map_err(Refused::for_good)?;
        let hashes = stored.hashes.clone().or_else(|| {
            self.region
                .hashes_elsewhere(image.name.as_deref(), stored.size)
        });
        image.set_hashes(hashes.unwrap_or_else(|| Hashes::of_nothing(self.region.spec.hashes)));
        // Also after a refusal of the format, which is why such an image can take no other content.
        image.stores = vec![self.store.clone()];
        image.virtual_size = self
            .inspect(image, stored)
            .map_err(|reason| Refused::again(Fail::unsupported(reason)))?;
        image.size = Some(stored.size);
        Ok(())
    }

    fn gone(&self) -> Fail {
        Fail::new(
            StatusCode::GONE,
            format!(
                "Image {} could not be found after upload. The image may have been deleted during \
                 the upload, cleaning up the chunks uploaded.",
                self.before.id
            ),
        )
    }

    fn inspect(&self, image: &Image, stored: &Stored) -> Result<Option<u64>, String> {
        let disk_format = image.disk_format.as_deref().unwrap_or_default();
        if self.response_fault == ResponseFault::WrongFormat {
            return Err(format!(
                "Image disk_format {disk_format} does not match stream data raw"
            ));
        }
        if image.container_format.as_deref() != Some("bare") {
            return Ok(None);
        }
        let verdict = stored.inspector.verdict(disk_format);
        if self.region.spec.inspect_format {
            verdict
        } else {
            Ok(verdict.unwrap_or(None))
        }
    }
}
