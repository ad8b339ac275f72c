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
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::hashes::{Digests, difference_of};
use super::images_dir::FoundFile;
use super::ready::Ready;
use super::source_error::SourceError;
use super::spool::{Item, Reading, RegionLease};
use crate::host;
use crate::model::{ContentHash, ContentOrigin, MultiHash};

/// The content of an image that was found. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Content {
    kind: Kind,
    /// Set where it is hashed while it is sent.
    hashing: Option<Arc<Hashing>>,
}

/// Hashes that are made of a content while it is read.
#[derive(Debug)]
struct Hashing {
    algorithms: BTreeSet<String>,
    /// The hashes of the whole content, once it was read to its end.
    made: Mutex<Option<BTreeSet<MultiHash>>>,
}

impl Hashing {
    fn by(algorithms: BTreeSet<String>) -> Self {
        Self {
            algorithms,
            made: Mutex::default(),
        }
    }

    fn made(&self) -> MutexGuard<'_, Option<BTreeSet<MultiHash>>> {
        host::locked(&self.made)
    }
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

/// Content that is open for one upload, from its first byte to its last. Everything here blocks.
#[derive(Debug)]
pub(crate) struct Opened {
    source: Source,
    hasher: Option<Hasher>,
}

#[derive(Debug)]
enum Source {
    File { found: FoundFile, file: Arc<File> },
    Glance(Reading),
}

/// Hashes what is read, in order.
#[derive(Debug)]
struct Hasher {
    digests: Digests,
    /// How much was hashed.
    hashed: u64,
    hashing: Arc<Hashing>,
}

impl From<FoundFile> for Content {
    fn from(file: FoundFile) -> Self {
        Self {
            kind: Kind::File(file),
            hashing: None,
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
            hashing: None,
        }
    }

    /// The same, hashed by these algorithms whenever it is sent. It is read by this program then, and
    /// not sent straight out of its file by the kernel.
    #[must_use]
    pub fn hashed_by(&self, algorithms: impl IntoIterator<Item = String>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        Self {
            kind: self.kind.clone(),
            hashing: Some(Arc::new(Hashing::by(algorithms))),
        }
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
        let unreadable = |what: &str| self.unreadable(what);
        let (done, is_done) = oneshot::channel();
        let content = self.clone();
        let thread = thread::Builder::new().name("image-hasher".to_owned());
        thread
            .spawn(move || {
                let result = content.read_to_end(|| done.is_closed());
                // Where nobody waits for it, nobody is to be told.
                let _ = done.send(result);
            })
            .map_err(|error| unreadable(&error.to_string()))?;
        is_done
            .await
            .unwrap_or_else(|_| Err(unreadable("the thread that hashes it ended")))?;
        let hashing = self.hashing.as_ref();
        hashing
            .and_then(|hashing| hashing.made().clone())
            .ok_or_else(|| unreadable("it was not read to its end"))
    }

    fn read_to_end(&self, is_unwanted: impl Fn() -> bool) -> Result<(), SourceError> {
        let mut opened = self.open()?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut offset = 0;
        while offset < opened.size() && !is_unwanted() {
            let Some(ready) = opened.ready(offset, LOOK_UP)? else {
                continue;
            };
            let length = usize::try_from(ready.length).unwrap_or(BUFFER_BYTES);
            let part = &mut buffer[..length.min(BUFFER_BYTES)];
            opened.read(&ready, offset, part)?;
            offset += part.len() as u64;
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

    /// Its size, in bytes.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(file) => file.size(),
            Kind::Glance { item, .. } => item.size,
        }
    }

    /// Whether it is the content that these checksums of the master stand for, to tell whose fault it
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
        let source = match &self.kind {
            Kind::File(found) => Source::File {
                file: Arc::new(found.open()?),
                found: found.clone(),
            },
            Kind::Glance { item, lease, begun } => {
                let begun = host::locked(begun).take();
                Source::Glance(begun.map_or_else(|| lease.open(item), Ok)?)
            }
        };
        Ok(Opened {
            source,
            hasher: self
                .hashing
                .as_ref()
                .map(|hashing| Hasher::new(hashing, self.size())),
        })
    }

    /// Returns when the first byte is there, so that nothing need be created for a content that does
    /// not come. Dropping the future ends the wait.
    pub async fn begin(&self) -> Result<(), SourceError> {
        let (done, is_done) = oneshot::channel();
        let content = self.clone();
        thread::Builder::new()
            .name("image-opener".to_owned())
            .spawn(move || {
                if let Some(result) = content.wait_for_first(|| done.is_closed()) {
                    // Where nobody waits for it, nobody is to be told.
                    let _ = done.send(result);
                }
            })
            .map_err(|error| self.unreadable(&error.to_string()))?;
        is_done
            .await
            .unwrap_or_else(|_| Err(self.unreadable("the opening thread ended")))
    }

    fn wait_for_first(&self, is_unwanted: impl Fn() -> bool) -> Option<Result<(), SourceError>> {
        let (item, lease, begun) = match &self.kind {
            Kind::File(found) => return Some(found.open().map(drop)),
            Kind::Glance { item, lease, begun } => (item, lease, begun),
        };
        let mut reading = match lease.open(item) {
            Ok(reading) => reading,
            Err(error) => return Some(Err(error)),
        };
        let mut has_come = item.size == 0;
        while !has_come {
            match reading.ready(0, LOOK_UP) {
                Ok(None) if is_unwanted() => return None,
                Ok(ready) => has_come = ready.is_some(),
                Err(error) => return Some(Err(error)),
            }
        }
        *host::locked(begun) = Some(reading);
        Some(Ok(()))
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
        match &self.kind {
            Kind::File(file) => write!(f, "the file {}", file.path().display()),
            Kind::Glance { lease, .. } => {
                let master = lease.spool().reader().region();
                write!(f, "what the Glance of the master region {master} gives")
            }
        }
    }
}

impl Opened {
    /// The size of the content, in bytes.
    pub(crate) fn size(&self) -> u64 {
        match &self.source {
            Source::File { found, .. } => found.size(),
            Source::Glance(reading) => reading.item().size,
        }
    }

    /// What can be read from `offset` on, which is less than the size. Waits for it, but no longer
    /// than `limit`; then there is none, and whoever still wants it asks again. What is before
    /// `offset` is not needed any more.
    ///
    /// The last byte is ready only when the whole content is known to be what it should be: a server
    /// takes an image for complete as soon as it has that byte.
    pub(crate) fn ready(
        &mut self,
        offset: u64,
        limit: Duration,
    ) -> Result<Option<Ready>, SourceError> {
        let ready = match &mut self.source {
            Source::File { found, file } => {
                let last = found.size().saturating_sub(1);
                if offset >= last {
                    found.check_open(file)?;
                }
                let length = last.saturating_sub(offset).max(1);
                Some(Ready::new(Arc::clone(file), 0, offset, length))
            }
            Source::Glance(reading) => reading.ready(offset, limit)?,
        };
        Ok(ready.map(|ready| {
            let must_copy = ready.must_copy || self.hasher.is_some();
            ready.copied(must_copy)
        }))
    }

    /// Fills the buffer with bytes of `ready`, from `offset` of the content on.
    pub(crate) fn read(
        &mut self,
        ready: &Ready,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), SourceError> {
        let position = ready.at(offset);
        let size = self.size();
        ready
            .file
            .read_exact_at(buffer, position)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.ended(),
                _ => self.failed(&error),
            })?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(offset, buffer, size);
        }
        Ok(())
    }

    /// Why a file ended before bytes that were ready.
    pub(crate) fn ended(&self) -> SourceError {
        match &self.source {
            Source::File { found, file } => {
                found.wrong_size(file.metadata().map_or(0, |metadata| metadata.len()))
            }
            Source::Glance(_) => SourceError::Spool {
                what: "its file was cut".to_owned(),
            },
        }
    }

    fn failed(&self, error: &io::Error) -> SourceError {
        match &self.source {
            Source::File { found, .. } => found.failed(error),
            Source::Glance(_) => SourceError::Spool {
                what: error.to_string(),
            },
        }
    }
}

impl Hasher {
    fn new(hashing: &Arc<Hashing>, size: u64) -> Self {
        let algorithms = hashing.algorithms.iter().map(String::as_str);
        let mut hasher = Self {
            digests: Digests::by(algorithms),
            hashed: 0,
            hashing: Arc::clone(hashing),
        };
        hasher.update(0, &[], size);
        hasher
    }

    /// Takes the bytes that begin at `offset` of a content of `size` bytes.
    fn update(&mut self, offset: u64, bytes: &[u8], size: u64) {
        // What is read out of order is not the content.
        if offset != self.hashed {
            return;
        }
        self.digests.update(bytes);
        self.hashed += bytes.len() as u64;
        if self.hashed == size {
            let digests = std::mem::replace(&mut self.digests, Digests::by([]));
            *self.hashing.made() = Some(digests.finish());
        }
    }
}
