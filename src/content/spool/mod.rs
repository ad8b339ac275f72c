//! Content from the master's Glance: fetched once, read by every region that needs it.
//!
//! A region's [`RegionLease`] says what it may need. The first that opens a content has it fetched: a task
//! on the spool's own runtime (`downloader`) hands it to a thread that writes it (`cached_content`) to a place in
//! the spool's file (`disk`, `spool_file`). Every reader follows at its own pace (`read_window`). A content for
//! which there is room is kept until no region can need it any more; any other goes through a window,
//! and whoever is too slow for that, or comes too late, has a reading of its own.
//!
//! # How long a content stays
//!
//! `content/spool` fetches each content once, on a runtime of its own, and a thread writes it into one
//! file without a name, of which nothing is left when the process ends. Every region reads it at its own
//! pace while it comes; the last byte is given out only when all has come. A content for which
//! `spool_limit` has room is kept until no region can need it any more. Any other goes through a window:
//! what everybody has read is freed, a region that holds the others up for 2 s is let go and reads on by
//! a reading of its own. What goes through a window is hashed while it comes; what is kept whole is
//! hashed only when a region's checksum turns out to be another, to tell whose fault that is: nothing is
//! published before the region's own checksum is the master's. Parts of a window are freed while the
//! kernel may still be sending, so they are copied and never sent straight out of the file.

mod cached_content;
mod disk;
mod downloader;
mod item;
mod lease;
mod read_window;
mod registry;
mod spool_file;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::cached_content::Entry;
use self::disk::Disk;
use self::downloader::{DownloadRequest, fetch};
use self::item::spool_error;
use self::read_window::Key;
use self::registry::ContentRegistry;
use self::spool_file::{Extent, MEMORY_WINDOW_BYTES};
use super::SourceError;
use crate::host;
use crate::model::{ByteSize, ImageId};
use crate::openstack::{GlanceReader, RetryPolicy};

pub use self::disk::WarningSink;
pub use self::item::Item;
pub(super) use self::lease::Reading;
pub use self::lease::RegionLease;
pub use self::spool_file::SpoolError;

/// Fetched pieces that wait to be written.
const CHUNKS: usize = 4;

/// Where a spool is kept, and how patiently its contents are fetched.
pub struct SpoolOptions {
    /// The master region, as it is read.
    pub reader: GlanceReader,
    /// How often a reading that broke off is taken up again without getting on.
    pub retry: RetryPolicy,
    /// Without a byte, after which a reading has broken off.
    pub stall_timeout: Duration,
    /// The folder; none for memory alone.
    pub folder: Option<PathBuf>,
    /// The most bytes on disk; none for the smaller of 20 GiB and 80 % of what is free.
    pub limit: Option<ByteSize>,
    /// How many regions may come to need each image.
    pub regions: HashMap<ImageId, usize>,
    /// Takes what somebody should look at.
    pub warn: WarningSink,
}

/// What the master's Glance gives, for all regions of a run. Dropping the last of it ends all
/// readings.
pub struct Spool {
    reader: GlanceReader,
    retry: RetryPolicy,
    stall_timeout: Duration,
    limit: u64,
    disk: Arc<Disk>,
    runtime: OnceLock<Result<Runtime, String>>,
    registry: Mutex<ContentRegistry>,
    next_key: AtomicU64,
}

/// The thread on which everything is fetched, so that no arbiter has to do with it.
struct Runtime {
    handle: tokio::runtime::Handle,
    /// Dropping it ends the thread.
    _end: oneshot::Sender<()>,
}

/// Sees whether a spool could be kept in that folder, without making anything that stays. Blocking.
pub fn check_spool_folder(folder: &Path) -> Result<(), SpoolError> {
    spool_file::check(folder)
}

impl Spool {
    /// A spool that makes its folder and file when they are needed first; where they cannot be made,
    /// contents go through memory, with a warning.
    pub fn new(options: SpoolOptions) -> Self {
        let limit = options
            .folder
            .as_deref()
            .map_or(0, |folder| spool_file::limit_of(folder, options.limit));
        Self {
            reader: options.reader,
            retry: options.retry,
            stall_timeout: options.stall_timeout,
            limit,
            disk: Arc::new(Disk::new(
                options.folder,
                limit,
                options.limit.is_none(),
                options.warn,
            )),
            runtime: OnceLock::new(),
            registry: Mutex::new(ContentRegistry::new(options.regions)),
            next_key: AtomicU64::new(0),
        }
    }

    /// Makes folder and file now. Blocking.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or written to, or its file system cannot free parts of a file.
    pub fn open_folder(&self) -> Result<(), SpoolError> {
        self.disk.open()
    }

    /// True where a content of that size is larger than the spool may become.
    pub fn is_too_small_for(&self, size: u64) -> bool {
        size > self.limit
    }

    /// The master region, as it is read.
    pub(super) fn reader(&self) -> &GlanceReader {
        &self.reader
    }

    /// The first `count` bytes of a content, or all of a shorter one. The rest is not fetched.
    pub(super) async fn first_bytes(
        &self,
        item: &Item,
        count: usize,
    ) -> Result<Vec<u8>, SourceError> {
        let mut first = Vec::new();
        if item.size > 0 {
            let mut download = self.reader.download(&item.id, 0).await?;
            while first.len() < count
                && let Some(chunk) = download.chunk(self.stall_timeout).await?
            {
                first.extend_from_slice(&chunk);
            }
        }
        first.truncate(count);
        Ok(first)
    }

    fn registry(&self) -> MutexGuard<'_, ContentRegistry> {
        host::locked(&self.registry)
    }

    fn new_key(&self) -> Key {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }

    /// Begins to fetch a content, which somebody reads already, from byte `from` on.
    fn fetch(&self, entry: &Arc<Entry>, from: u64) -> Result<(), SourceError> {
        let item = entry.item();
        let order = DownloadRequest {
            reader: self.reader.clone(),
            id: item.id.clone(),
            size: item.size,
            from,
            retry: self.retry.clone(),
            stall_timeout: self.stall_timeout,
        };
        let (sender, chunks) = mpsc::channel(CHUNKS);
        let handle = self.runtime()?;
        let (entry, disk) = (Arc::clone(entry), Arc::clone(&self.disk));
        thread::Builder::new()
            .name("spool-writer".to_owned())
            .spawn(move || entry.write(chunks, &disk))
            .map_err(|error| spool_error(&error))?;
        if order.size > 0 {
            handle.spawn(fetch(order, sender));
        }
        Ok(())
    }

    /// A place in memory for one reader alone, which begins at `from`.
    fn begin_alone(&self, item: &Item, from: u64, key: Key) -> Result<Arc<Entry>, SourceError> {
        let extent = Extent::in_memory(item.size).map_err(|error| spool_error(&error))?;
        let entry = Entry::new(item.clone(), from, extent, Some(MEMORY_WINDOW_BYTES));
        let entry = Arc::new(entry);
        entry.join(key);
        self.fetch(&entry, from)?;
        Ok(entry)
    }

    fn runtime(&self) -> Result<&tokio::runtime::Handle, SourceError> {
        let runtime = self
            .runtime
            .get_or_init(|| Runtime::start().map_err(|error| error.to_string()));
        match runtime {
            Ok(runtime) => Ok(&runtime.handle),
            Err(what) => Err(SourceError::Spool { what: what.clone() }),
        }
    }
}

impl Runtime {
    fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::Builder::new()
            .name("spool-fetcher".to_owned())
            .spawn(move || {
                // Ends when the other half is dropped.
                let _: Result<(), _> = runtime.block_on(ended);
            })?;
        Ok(Self { handle, _end: end })
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("master", self.reader.region())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
