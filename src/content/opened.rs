//! Content that is open for one upload.

use std::time::Duration;

use super::expanded::Expanded;
use super::hashing::Hasher;
use super::ready::Ready;
use super::source_error::SourceError;
use super::stored::Stored;

/// Content that is open for one upload, from its first byte to its last. Everything here blocks.
#[derive(Debug)]
pub(crate) struct Opened {
    source: Source,
    hasher: Option<Hasher>,
}

/// Where its bytes come from.
#[derive(Debug)]
pub(super) enum Source {
    Stored(Stored),
    Expanded(Box<Expanded>),
}

impl Opened {
    pub(super) fn new(source: Source, hasher: Option<Hasher>) -> Self {
        Self { source, hasher }
    }

    /// The size of the content, in bytes.
    pub(crate) fn size(&self) -> u64 {
        match &self.source {
            Source::Stored(stored) => stored.size(),
            Source::Expanded(expanded) => expanded.size(),
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
            Source::Stored(stored) => stored.ready(offset, limit)?,
            Source::Expanded(expanded) => expanded.ready(offset, limit)?,
        };
        Ok(ready.map(|ready| ready.copied(self.hasher.is_some())))
    }

    /// Fills the buffer with bytes of `ready`, from `offset` of the content on.
    pub(crate) fn read(
        &mut self,
        ready: &Ready,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), SourceError> {
        match &mut self.source {
            Source::Stored(stored) => stored.read(ready, offset, buffer)?,
            Source::Expanded(expanded) => expanded.read(offset, buffer)?,
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(offset, buffer);
        }
        Ok(())
    }

    /// Why a file ended before bytes that were ready.
    pub(crate) fn ended(&self) -> SourceError {
        match &self.source {
            Source::Stored(stored) => stored.ended(),
            Source::Expanded(expanded) => expanded.ended(),
        }
    }
}
