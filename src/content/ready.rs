//! Bytes of a content that can be read now.

use std::fs::File;
use std::sync::Arc;

/// Bytes that are there to be read, and where.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The file that has them; none where they are made when they are read.
    file: Option<Arc<File>>,
    /// Where in the file they begin.
    position: u64,
    /// How many there are; never none.
    pub(crate) length: u64,
    /// They must be copied, since they are hashed, or freed once they were read: of what the kernel
    /// sends straight out of the file, a part that is freed before it has left this machine would go
    /// out as zeros.
    must_copy: bool,
    /// Where in the content they begin.
    offset: u64,
}

impl Ready {
    /// So many bytes from `offset` of the content on, whose first byte is at `base` in the file. What
    /// the file has before and after them is nobody's business.
    pub(super) fn new(file: Arc<File>, base: u64, offset: u64, length: u64) -> Self {
        Self {
            file: Some(file),
            position: base + offset,
            length,
            must_copy: false,
            offset,
        }
    }

    /// So many bytes from `offset` of the content on, which no file has as they are.
    pub(super) fn made(offset: u64, length: u64) -> Self {
        Self {
            file: None,
            position: 0,
            length,
            must_copy: true,
            offset,
        }
    }

    /// The same, of bytes that have to be copied where that is said, if they had not to be.
    pub(super) fn copied(self, must_copy: bool) -> Self {
        Self {
            must_copy: self.must_copy || must_copy,
            ..self
        }
    }

    /// The file that has them.
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_deref()
    }

    /// The file that has them, where the kernel may send them straight out of it.
    pub(crate) fn sendable(&self) -> Option<&File> {
        self.file().filter(|_| !self.must_copy)
    }

    /// Where in the file the byte is that is at `offset` of the content.
    pub(crate) fn at(&self, offset: u64) -> u64 {
        self.position + (offset - self.offset)
    }
}
