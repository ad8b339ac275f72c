//! The content of an image as an upload reads it, wherever it comes from.
//!
//! # Regions that hash otherwise
//!
//! `ContentHash::compare` is the one rule of what the same content is. Where the master's hashes and a region's have no
//! kind in common, `plan` says by the region's own images how a copy will be proved: what is sent is hashed on the way by
//! the region's kind and by the master's (`content/image_content`, which then reads the file itself), or read once more where the
//! region had no images yet. A hash that was proved so is kept in the state folder under the master's
//! (`state/found_hashes`), so that the next run compares by it; a host that lacks it reads the content once. Where nothing
//! can be compared, nothing is sent (`not_verifiable`).

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::expanded::{self, Expanded};
use super::hashes::difference_of;
use super::hashing::{Hasher, Hashing};
use super::images_dir::FoundFile;
use super::opened::{Opened, Source};
use super::source_error::SourceError;
use super::spool::{Item, Reading, RegionLease};
use super::stored::Stored;
use crate::host;
use crate::model::{ContentHash, ContentOrigin, MultiHash};

/// The content of an image that was found. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Content {
    kind: Kind,
    /// Set where it is a qcow2 that is expanded to raw, which then has so many bytes.
    virtual_size: Option<u64>,
    /// Set where it is hashed while it is sent.
    hashing: Option<Arc<Hashing>>,
    /// Set where it is expanded, and the qcow2 itself is hashed as well.
    stored_hashing: Option<Arc<Hashing>>,
}

#[derive(Debug, Clone)]
enum Kind {
    File(FoundFile),
    Glance {
        item: Item,
        lease: Arc<RegionLease>,
        /// Begun before an upload takes it over.
        begun: Arc<Mutex<Option<Reading>>>,
    },
}

/// What is hashed at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// How long a thread waits before it looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(200);

impl From<FoundFile> for Content {
    fn from(file: FoundFile) -> Self {
        Self {
            kind: Kind::File(file),
            virtual_size: None,
            hashing: None,
            stored_hashing: None,
        }
    }
}

impl Content {
    /// What the master's Glance gives, for a region with that lease.
    pub(crate) fn of_glance(item: Item, lease: &Arc<RegionLease>) -> Self {
        Self {
            kind: Kind::Glance {
                item,
                lease: Arc::clone(lease),
                begun: Arc::default(),
            },
            virtual_size: None,
            hashing: None,
            stored_hashing: None,
        }
    }

    /// The same, hashed by these algorithms whenever it is sent. It is read by this program then, and
    /// not sent straight out of its file by the kernel.
    #[must_use]
    pub fn hashed_by(&self, algorithms: impl IntoIterator<Item = String>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        Self {
            hashing: Some(Arc::new(Hashing::by(algorithms))),
            ..self.clone()
        }
    }

    /// This qcow2 as the raw content that it expands to, which is read, sent and hashed as any other is;
    /// its size is the virtual size. The hashes that are to be made of the qcow2 itself are made by
    /// [`hash_stored`](Self::hash_stored). What the master's Glance gives is waited for to its end, since a qcow2 is
    /// not read in its own order, and every table is looked at, so that nothing need be created for what
    /// cannot be expanded. Compressed data is looked at when it is read, and then an error breaks the content
    /// off. Dropping the future ends the wait.
    ///
    /// # Errors
    ///
    /// Code `source_unsupported`: it is no qcow2, one that must not be expanded, or a damaged one
    /// ([`Unsupported`](super::Unsupported)); or the spool has no room to keep it whole.
    pub async fn expanded(&self) -> Result<Self, SourceError> {
        if self.virtual_size.is_some() {
            return Ok(self.clone());
        }
        let check = |content: &Self, is_unwanted: &dyn Fn() -> bool| {
            let mut stored = content.open_stored()?;
            let size = expanded::check(&mut stored, is_unwanted, LOOK_UP)?;
            content.keep_open(stored);
            Ok(size)
        };
        Ok(Self {
            virtual_size: Some(self.on_thread("image-checker", check).await?),
            hashing: None,
            stored_hashing: self.hashing.clone(),
            ..self.clone()
        })
    }

    /// This content as it is stored, not expanded.
    #[must_use]
    pub fn as_stored(&self) -> Self {
        if self.virtual_size.is_none() {
            return self.clone();
        }
        Self {
            virtual_size: None,
            hashing: self.stored_hashing.clone(),
            stored_hashing: None,
            ..self.clone()
        }
    }

    /// Makes the hashes that are to be made of the qcow2 of an expansion, where there are any and they are not made yet:
    /// beside the sending, on a thread of its own. Dropping the future ends that.
    ///
    /// # Errors
    ///
    /// The qcow2 cannot be read, or is no longer what was found.
    pub async fn hash_stored(&self) -> Result<(), SourceError> {
        let is_made = |hashing: &Arc<Hashing>| hashing.made().is_some();
        if self.stored_hashing.as_ref().is_none_or(is_made) {
            return Ok(());
        }
        self.as_stored().hash().await.map(drop)
    }

    /// Does something that blocks on a thread of its own. The second argument of `work` tells that nobody waits for it
    /// any more: the future was dropped.
    async fn on_thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Self, &dyn Fn() -> bool) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (done, is_done) = oneshot::channel();
        let content = self.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let result = work(&content, &|| done.is_closed());
                // Where nobody waits for it, nobody is to be told.
                let _ = done.send(result);
            })
            .map_err(|error| self.unreadable(&error.to_string()))?;
        is_done
            .await
            .unwrap_or_else(|_| Err(self.unreadable("the thread that reads it ended unexpectedly")))
    }

    /// The hashes by these algorithms of the whole content: those that were made while it was sent,
    /// else of reading it once more. Dropping the future ends that.
    pub async fn hashes(
        &self,
        algorithms: impl IntoIterator<Item = String>,
    ) -> Result<BTreeSet<MultiHash>, SourceError> {
        let content = self.hashed_by(algorithms);
        let (Some(sent), Some(wanted)) = (&self.hashing, &content.hashing) else {
            return content.hash().await;
        };
        match &*sent.made() {
            Some(made) if sent.algorithms.is_superset(&wanted.algorithms) => {
                return Ok(made.clone());
            }
            _ => {}
        }
        content.hash().await
    }

    async fn hash(self) -> Result<BTreeSet<MultiHash>, SourceError> {
        self.on_thread("image-hasher", |content, is_unwanted| {
            content.read_to_end(is_unwanted)
        })
        .await?;
        let hashing = self.hashing.as_ref();
        hashing
            .and_then(|hashing| hashing.made().clone())
            .ok_or_else(|| self.unreadable("it was not read to its end"))
    }

    fn read_to_end(&self, is_unwanted: &dyn Fn() -> bool) -> Result<(), SourceError> {
        let mut opened = self.open()?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut offset = 0;
        while offset < self.size() && !is_unwanted() {
            let Some(ready) = opened.ready(offset, LOOK_UP)? else {
                continue;
            };
            let length = usize::try_from(ready.length).unwrap_or(BUFFER_BYTES);
            let piece = &mut buffer[..length.min(BUFFER_BYTES)];
            opened.read(&ready, offset, piece)?;
            offset += piece.len() as u64;
        }
        Ok(())
    }

    /// Where it comes from.
    pub fn origin(&self) -> ContentOrigin {
        match &self.kind {
            Kind::File(_) => ContentOrigin::Directory,
            Kind::Glance { .. } => ContentOrigin::Glance,
        }
    }

    /// The file, where it is one of the folder.
    pub fn path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::File(file) => Some(file.path()),
            Kind::Glance { .. } => None,
        }
    }

    /// Its size, in bytes: what is read and sent.
    pub fn size(&self) -> u64 {
        self.virtual_size.unwrap_or(match &self.kind {
            Kind::File(file) => file.size(),
            Kind::Glance { item, .. } => item.size,
        })
    }

    /// Whether it (of an expansion: the qcow2) is the content that these checksums of the master stand for, to tell whose fault it
    /// is that a region has another one; nothing where that cannot be told. Blocking.
    pub fn is_right(&self, expected: &ContentHash) -> Result<Option<bool>, SourceError> {
        match &self.kind {
            Kind::File(found) => {
                let file = found.open()?;
                let difference = difference_of(&file, 0, found.size(), expected);
                let difference = difference.map_err(|error| found.failed(&error))?;
                Ok(Some(difference.is_none()))
            }
            Kind::Glance { item, lease, .. } => lease.examine(&item.id),
        }
    }

    /// Opens it, unless it is no longer what was found. Blocking.
    pub(crate) fn open(&self) -> Result<Opened, SourceError> {
        let stored = self.open_stored()?;
        let source = match self.virtual_size {
            Some(size) => Source::Expanded(Box::new(Expanded::new(stored, size))),
            None => Source::Stored(stored),
        };
        let hashing = self.hashing.as_ref();
        let hasher = hashing.map(|hashing| Hasher::begin(hashing, self.size()));
        let hasher = hasher.transpose();
        let hasher = hasher.map_err(|error| self.unreadable(&error.to_string()))?;
        Ok(Opened::new(source, hasher))
    }

    /// As it is stored.
    fn open_stored(&self) -> Result<Stored, SourceError> {
        match &self.kind {
            Kind::File(found) => Stored::file(found),
            Kind::Glance { item, lease, begun } => {
                let begun = host::locked(begun).take();
                Ok(Stored::Glance(begun.map_or_else(|| lease.open(item), Ok)?))
            }
        }
    }

    /// Leaves what was begun for the upload.
    fn keep_open(&self, stored: Stored) {
        if let (Kind::Glance { begun, .. }, Stored::Glance(reading)) = (&self.kind, stored) {
            *host::locked(begun) = Some(reading);
        }
    }

    /// Returns when the first byte is there, so that nothing need be created for a content that does
    /// not come. Dropping the future ends the wait.
    pub async fn begin(&self) -> Result<(), SourceError> {
        self.on_thread("image-opener", |content, is_unwanted| {
            let mut stored = content.open_stored()?;
            let mut has_come = content.size() == 0;
            while !has_come && !is_unwanted() {
                has_come = if content.virtual_size.is_some() {
                    stored.whole(LOOK_UP)?.is_some()
                } else {
                    stored.ready(0, LOOK_UP)?.is_some()
                };
            }
            content.keep_open(stored);
            Ok(())
        })
        .await
    }

    /// True where whatever it comes from gives up by itself when nothing comes.
    pub(crate) fn ends_by_itself(&self) -> bool {
        matches!(self.kind, Kind::Glance { .. })
    }

    pub(crate) fn unreadable(&self, what: &str) -> SourceError {
        match &self.kind {
            Kind::File(file) => file.unreadable(what),
            Kind::Glance { .. } => SourceError::Spool {
                what: what.to_owned(),
            },
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.virtual_size.is_some() {
            f.write_str("the raw expansion of ")?;
        }
        match &self.kind {
            Kind::File(file) => write!(f, "the file {}", file.path().display()),
            Kind::Glance { lease, .. } => {
                let master = lease.spool().reader().region();
                write!(f, "what the Glance of the master region {master} gives")
            }
        }
    }
}
