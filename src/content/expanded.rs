//! A qcow2 as the raw content that it is expanded to while it is read.

use std::time::Duration;

use super::images_dir::FoundFile;
use super::qcow2::{ExpandError, Expansion, FileRange, Qcow2};
use super::ready::Ready;
use super::source_error::SourceError;
use super::stored::Stored;

/// An expansion that is open, from its first byte to its last. Everything here blocks.
#[derive(Debug)]
pub(super) struct Expanded {
    stored: Stored,
    /// There once all of the qcow2 has come.
    expansion: Option<Expansion<FileRange>>,
    virtual_size: u64,
}

impl Expanded {
    /// The expansion of a qcow2 that was found to have this virtual size, in bytes.
    pub(super) fn new(stored: Stored, virtual_size: u64) -> Self {
        Self {
            stored,
            expansion: None,
            virtual_size,
        }
    }

    /// The virtual size, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.virtual_size
    }

    /// What can be read from `offset` on; see `Opened::ready`. There is nothing before all of the qcow2
    /// is there.
    pub(super) fn ready(
        &mut self,
        offset: u64,
        limit: Duration,
    ) -> Result<Option<Ready>, SourceError> {
        if self.expansion.is_none() {
            let Some(range) = self.stored.whole(limit)? else {
                return Ok(None);
            };
            let image = Qcow2::open(range).map_err(|error| blame(&self.stored, error))?;
            if image.virtual_size() != self.virtual_size {
                let what = "it has another virtual size than before";
                return Err(self.stored.unreadable(what));
            }
            self.expansion = Some(Expansion::new(image));
        }
        let last = self.virtual_size.saturating_sub(1);
        if offset >= last {
            self.stored.check_unchanged()?;
        }
        let length = last.saturating_sub(offset).max(1);
        Ok(Some(Ready::made(offset, length)))
    }

    /// Fills the buffer with the bytes of the expansion from `offset` on, which were ready.
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let Some(expansion) = &mut self.expansion else {
            return Err(self.stored.ended());
        };
        expansion
            .read_exact_at(buffer, offset)
            .map_err(|error| blame(&self.stored, error))
    }

    /// Why it ended before bytes that were ready.
    pub(super) fn ended(&self) -> SourceError {
        self.stored.ended()
    }
}

/// Looks at every table of a qcow2 once all of it is there, and gives its virtual size, in bytes. Fails early where
/// `is_unwanted`, and looks for that every `look_up`. Blocking.
pub(super) fn check(
    stored: &mut Stored,
    is_unwanted: impl Fn() -> bool,
    look_up: Duration,
) -> Result<u64, SourceError> {
    let range = loop {
        match stored.whole(look_up)? {
            Some(range) => break range,
            None if is_unwanted() => return Err(stored.unreadable("nobody waits for it")),
            None => {}
        }
    };
    let check = || {
        let image = Qcow2::open(range)?;
        image.check(&is_unwanted)?;
        Ok(image.virtual_size())
    };
    check().map_err(|error| blame(stored, error))
}

/// The virtual size of a qcow2, in bytes, by its header and its L1 table; nothing else is looked at. Blocking.
pub(super) fn virtual_size(found: &FoundFile) -> Result<u64, SourceError> {
    let mut stored = Stored::file(found)?;
    let range = stored.whole(Duration::ZERO)?;
    let range = range.ok_or_else(|| stored.ended())?;
    match Qcow2::open(range) {
        Ok(image) => Ok(image.virtual_size()),
        Err(error) => Err(blame(&stored, error)),
    }
}

/// A file that somebody writes to meanwhile makes no sense, and is no fault of the image.
fn blame(stored: &Stored, error: ExpandError) -> SourceError {
    match error {
        ExpandError::Io(error) => stored.failed(&error),
        ExpandError::Unsupported(what) => match stored.check_unchanged() {
            Ok(()) => SourceError::Unsupported(what),
            Err(changed) => changed,
        },
    }
}
