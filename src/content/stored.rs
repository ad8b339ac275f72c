//! Content as it is stored: a file of the images folder, or what the spool has of the master's.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::images_dir::FoundFile;
use super::qcow2::FileRange;
use super::ready::Ready;
use super::source_error::SourceError;
use super::spool::Reading;

/// A content that is open, from its first byte to its last. Everything here blocks.
#[derive(Debug)]
pub(super) enum Stored {
    File { found: FoundFile, file: Arc<File> },
    Glance(Reading),
}

impl Stored {
    /// Opens a file, unless it is no longer what was found.
    pub(super) fn file(found: &FoundFile) -> Result<Self, SourceError> {
        Ok(Self::File {
            file: Arc::new(found.open()?),
            found: found.clone(),
        })
    }

    /// Its size, in bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File { found, .. } => found.size(),
            Self::Glance(reading) => reading.item().size,
        }
    }

    /// What can be read from `offset` on; see `Opened::ready`.
    pub(super) fn ready(
        &mut self,
        offset: u64,
        limit: Duration,
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
            Self::Glance(reading) => reading.ready(offset, limit),
        }
    }

    /// All of it, to be read at any place, once all has come. Waits for no longer than `limit`.
    pub(super) fn whole(&mut self, limit: Duration) -> Result<Option<FileRange>, SourceError> {
        match self {
            Self::File { found, file } => {
                Ok(Some(FileRange::new(Arc::clone(file), 0, found.size())))
            }
            Self::Glance(reading) => reading.whole(limit),
        }
    }

    /// Fails where it is not what was found any more.
    pub(super) fn check_unchanged(&self) -> Result<(), SourceError> {
        match self {
            Self::File { found, file } => found.check_open(file),
            Self::Glance(_) => Ok(()),
        }
    }

    /// Fills the buffer with bytes of `ready`, from `offset` of the content on.
    pub(super) fn read(
        &self,
        ready: &Ready,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), SourceError> {
        let file = ready.file().ok_or_else(|| self.ended())?;
        file.read_exact_at(buffer, ready.at(offset))
            .map_err(|error| self.failed(&error))
    }

    /// Why it ended before bytes that were ready.
    pub(super) fn ended(&self) -> SourceError {
        match self {
            Self::File { found, file } => {
                found.wrong_size(file.metadata().map_or(0, |metadata| metadata.len()))
            }
            Self::Glance(_) => self.unreadable("its file was cut"),
        }
    }

    /// Why it cannot be read.
    pub(super) fn failed(&self, error: &io::Error) -> SourceError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return self.ended();
        }
        match self {
            Self::File { found, .. } => found.failed(error),
            Self::Glance(_) => self.unreadable(&error.to_string()),
        }
    }

    /// It cannot be read for that reason.
    pub(super) fn unreadable(&self, what: &str) -> SourceError {
        match self {
            Self::File { found, .. } => found.unreadable(what),
            Self::Glance(_) => SourceError::Spool {
                what: what.to_owned(),
            },
        }
    }
}
