//! The content of an image as an upload reads it, wherever it comes from.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::SourceError;
use super::digest::difference_of;
use super::source::FoundFile;
use super::spool::{Demand, Item, Reading};
use crate::model::{ContentHash, ContentOrigin};

/// The content of an image that was found. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Content(Kind);

#[derive(Debug, Clone)]
enum Kind {
    File(FoundFile),
    Glance {
        item: Item,
        demand: Arc<Demand>,
        /// Begun before an upload takes it over.
        begun: Arc<Mutex<Option<Reading>>>,
    },
}

/// How long a thread waits before it looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Content that is open for one upload, from its first byte to its last. Everything here blocks.
#[derive(Debug)]
pub(super) enum Opened {
    File { found: FoundFile, file: Arc<File> },
    Glance(Reading),
}

/// Bytes that are there to be read: the file that has them, and where.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// The file. What it has before `position` and after `length` is nobody's business.
    pub(super) file: Arc<File>,
    /// Where in the file they begin.
    pub(super) position: u64,
    /// How many there are; never none.
    pub(super) length: u64,
    /// They are freed once they were read, so they must be copied: of what the kernel sends straight
    /// out of the file, a part that is freed before it has left this machine would go out as zeros.
    pub(super) is_fleeting: bool,
    /// Where in the content they begin.
    offset: u64,
}

impl Ready {
    /// So many bytes from `offset` of the content on, whose first byte is at `base` in the file.
    pub(super) fn new(file: Arc<File>, base: u64, offset: u64, length: u64) -> Self {
        Self {
            file,
            position: base + offset,
            length,
            is_fleeting: false,
            offset,
        }
    }

    /// The same, of bytes that are freed once they were read.
    pub(super) fn fleeting(self, is_fleeting: bool) -> Self {
        Self {
            is_fleeting,
            ..self
        }
    }

    /// Where in the file the byte is that is at `offset` of the content.
    pub(super) fn at(&self, offset: u64) -> u64 {
        self.position + (offset - self.offset)
    }
}

impl From<FoundFile> for Content {
    fn from(file: FoundFile) -> Self {
        Self(Kind::File(file))
    }
}

impl Content {
    /// What the master's Glance gives, for a region with that demand.
    pub(super) fn of_glance(item: Item, demand: &Arc<Demand>) -> Self {
        Self(Kind::Glance {
            item,
            demand: Arc::clone(demand),
            begun: Arc::default(),
        })
    }

    /// Where it comes from.
    pub fn origin(&self) -> ContentOrigin {
        match &self.0 {
            Kind::File(_) => ContentOrigin::Directory,
            Kind::Glance { .. } => ContentOrigin::Glance,
        }
    }

    /// The file, where it is one of the folder.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::File(file) => Some(file.path()),
            Kind::Glance { .. } => None,
        }
    }

    /// Its size, in bytes.
    pub fn size(&self) -> u64 {
        match &self.0 {
            Kind::File(file) => file.size(),
            Kind::Glance { item, .. } => item.size,
        }
    }

    /// Whether it is the content that these checksums of the master stand for, to tell whose fault it
    /// is that a region has another one; nothing where that cannot be told. Blocking.
    pub fn is_right(&self, expected: &ContentHash) -> Result<Option<bool>, SourceError> {
        match &self.0 {
            Kind::File(found) => {
                let file = found.open()?;
                let difference = difference_of(&file, 0, found.size(), expected);
                let difference = difference.map_err(|error| found.failed(&error))?;
                Ok(Some(difference.is_none()))
            }
            Kind::Glance { item, demand, .. } => demand.examine(&item.id),
        }
    }

    /// Opens it, unless it is no longer what was found. Blocking.
    pub(super) fn open(&self) -> Result<Opened, SourceError> {
        match &self.0 {
            Kind::File(found) => Ok(Opened::File {
                file: Arc::new(found.open()?),
                found: found.clone(),
            }),
            Kind::Glance {
                item,
                demand,
                begun,
            } => {
                let begun = begun.lock().unwrap_or_else(PoisonError::into_inner).take();
                begun
                    .map_or_else(|| demand.open(item), Ok)
                    .map(Opened::Glance)
            }
        }
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
        let (item, demand, begun) = match &self.0 {
            Kind::File(found) => return Some(found.open().map(drop)),
            Kind::Glance {
                item,
                demand,
                begun,
            } => (item, demand, begun),
        };
        let mut reading = match demand.open(item) {
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
        *begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        Some(Ok(()))
    }

    /// True where whatever it comes from gives up by itself when nothing comes.
    pub(super) fn ends_by_itself(&self) -> bool {
        matches!(self.0, Kind::Glance { .. })
    }

    pub(super) fn unreadable(&self, what: &str) -> SourceError {
        match &self.0 {
            Kind::File(file) => file.unreadable(what),
            Kind::Glance { .. } => SourceError::Spool {
                what: what.to_owned(),
            },
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(file) => write!(f, "the file {}", file.path().display()),
            Kind::Glance { demand, .. } => {
                let master = demand.spool().reader().region();
                write!(f, "what the Glance of the master region {master} gives")
            }
        }
    }
}

impl Opened {
    /// The size of the content, in bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File { found, .. } => found.size(),
            Self::Glance(reading) => reading.item().size,
        }
    }

    /// What can be read from `offset` on, which is less than the size. Waits for it, but no longer
    /// than `patience`; then there is none, and whoever still wants it asks again. What is before
    /// `offset` is not needed any more.
    ///
    /// The last byte is ready only when the whole content is known to be what it should be: a server
    /// takes an image for complete as soon as it has that byte.
    pub(super) fn ready(
        &mut self,
        offset: u64,
        patience: Duration,
    ) -> Result<Option<Ready>, SourceError> {
        match self {
            Self::File { found, file } => {
                let last = found.size().saturating_sub(1);
                if offset >= last {
                    found.check_open(file)?;
                }
                let length = last.saturating_sub(offset).max(1);
                Ok(Some(Ready::new(Arc::clone(file), 0, offset, length)))
            }
            Self::Glance(reading) => reading.ready(offset, patience),
        }
    }

    /// Fills the buffer with bytes of `ready`, from `offset` of the content on.
    pub(super) fn read(
        &self,
        ready: &Ready,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), SourceError> {
        let position = ready.at(offset);
        ready
            .file
            .read_exact_at(buffer, position)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.ended(),
                _ => self.failed(&error),
            })
    }

    /// Why a file ended before bytes that were ready.
    pub(super) fn ended(&self) -> SourceError {
        match self {
            Self::File { found, file } => {
                found.wrong_size(file.metadata().map_or(0, |metadata| metadata.len()))
            }
            Self::Glance(_) => SourceError::Spool {
                what: "its file was cut".to_owned(),
            },
        }
    }

    fn failed(&self, error: &io::Error) -> SourceError {
        match self {
            Self::File { found, .. } => found.failed(error),
            Self::Glance(_) => SourceError::Spool {
                what: error.to_string(),
            },
        }
    }
}
