//! Bytes of a content that can be read now.

use std::fs::File;
use std::sync::Arc;

/// Bytes that are there to be read: the file that has them, and where.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The file. What it has before `position` and after `length` is nobody's business.
    pub(crate) file: Arc<File>,
    /// Where in the file they begin.
    pub(crate) position: u64,
    /// How many there are; never none.
    pub(crate) length: u64,
    /// They must be copied, since they are hashed, or freed once they were read: of what the kernel
    /// sends straight out of the file, a part that is freed before it has left this machine would go
    /// out as zeros.
    pub(crate) must_copy: bool,
    /// Where in the content they begin.
    offset: u64,
}

impl Ready {
    /// So many bytes from `offset` of the content on, whose first byte is at `base` in the file.
    pub(crate) fn new(file: Arc<File>, base: u64, offset: u64, length: u64) -> Self {
        Self {
            file,
            position: base + offset,
            length,
            must_copy: false,
            offset,
        }
    }

    /// The same, of bytes that have to be copied where that is said.
    pub(crate) fn copied(self, must_copy: bool) -> Self {
        Self { must_copy, ..self }
    }

    /// Where in the file the byte is that is at `offset` of the content.
    pub(crate) fn at(&self, offset: u64) -> u64 {
        self.position + (offset - self.offset)
    }
}
