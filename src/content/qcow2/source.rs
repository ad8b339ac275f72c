//! What a qcow2 is read from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that can be read at any place.
pub(in crate::content) trait ReadAt {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills the buffer with the bytes from `offset` on. Blocking.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] where there are fewer.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// A part of a file, such as a content in the file of the spool. What the file has before and after it
/// is out of reach.
#[derive(Debug, Clone)]
pub(in crate::content) struct FileRange {
    file: Arc<File>,
    base: u64,
    size: u64,
}

impl FileRange {
    /// The `size` bytes of the file from `base` on.
    pub(in crate::content) fn new(file: Arc<File>, base: u64, size: u64) -> Self {
        Self { file, base, size }
    }
}

impl ReadAt for FileRange {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(buffer, self.base + offset)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn nothing_is_read_outside_the_part() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"..content..").unwrap();
        let part = FileRange::new(Arc::new(file), 2, 7);
        let mut buffer = [0; 7];
        part.read_exact_at(&mut buffer, 0).unwrap();
        assert_eq!(&buffer, b"content");
        for offset in [1, 7, u64::MAX] {
            let error = part.read_exact_at(&mut buffer, offset).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{offset}");
        }
    }
}
