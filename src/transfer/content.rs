//! The content of an image as an upload reads it, wherever it comes from.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::SourceError;
use super::source::FoundFile;
use crate::model::Checksum;

/// The content of an image that was found. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(FoundFile);

/// Content that is open for one upload, from its first byte to its last. Everything here blocks.
#[derive(Debug)]
pub(super) struct Opened {
    found: FoundFile,
    file: Arc<File>,
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
    /// Where in the content they begin.
    offset: u64,
}

impl Ready {
    /// Where in the file the byte is that is at `offset` of the content.
    pub(super) fn at(&self, offset: u64) -> u64 {
        self.position + (offset - self.offset)
    }
}

impl From<FoundFile> for Content {
    fn from(file: FoundFile) -> Self {
        Self(file)
    }
}

impl Content {
    /// The file, where it is one of the folder.
    pub fn path(&self) -> Option<&Path> {
        Some(self.0.path())
    }

    /// Its size, in bytes.
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// The md5 of all of it, to tell whose fault it is that a region has another one. Blocking.
    pub fn md5(&self) -> Result<Checksum, SourceError> {
        self.0.md5()
    }

    /// Opens it, unless it is no longer what was found. Blocking.
    pub(super) fn open(&self) -> Result<Opened, SourceError> {
        let file = self.0.open()?;
        Ok(Opened {
            found: self.0.clone(),
            file: Arc::new(file),
        })
    }

    pub(super) fn unreadable(&self, what: &str) -> SourceError {
        self.0.unreadable(what)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {}", self.0.path().display())
    }
}

impl Opened {
    /// The size of the content, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.found.size()
    }

    /// True where no byte of the file is freed or written over while the upload lasts. Else the kernel
    /// must not be asked to send from it: what waits in a connection is still the file's own page,
    /// and would go out as what it has become.
    #[allow(clippy::unused_self, reason = "it is a question to this content")]
    pub(super) fn stays(&self) -> bool {
        true
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
        _patience: Duration,
    ) -> Result<Option<Ready>, SourceError> {
        let last = self.size().saturating_sub(1);
        if offset >= last {
            self.found.check_open(&self.file)?;
        }
        Ok(Some(Ready {
            file: Arc::clone(&self.file),
            position: offset,
            length: last.saturating_sub(offset).max(1),
            offset,
        }))
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
                _ => self.found.failed(&error),
            })
    }

    /// Why a file ended before bytes that were ready.
    pub(super) fn ended(&self) -> SourceError {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        self.found.wrong_size(length)
    }
}
