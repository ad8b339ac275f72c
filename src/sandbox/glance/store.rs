//! Writing content: into the store's file and through the hashes, on threads of their own.
//!
//! `upload` hands over the chunks as they come; what becomes of the image at the end is decided
//! here too, so that it happens whether or not the client is still there to hear of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::thread;

use axum::body::Bytes;
use tokio::sync::mpsc::Receiver;

use super::hashes::{Hasher, Hashes};
use super::inspect::Inspector;
use crate::sandbox::spec::{ContentMode, HashSpec};

/// What an upload sends to the thread that stores it.
#[derive(Debug)]
pub(super) enum Chunk {
    /// The next bytes.
    Data(Bytes),
    /// The content is complete. Without this the upload was broken off.
    End,
}

/// What was stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) size: u64,
    /// None where nothing was hashed.
    pub(super) hashes: Option<Hashes>,
    pub(super) inspector: Inspector,
}

/// Stores what comes until the end; none when the upload was broken off.
///
/// The file at `path` is not there afterwards unless the content is complete.
pub(super) fn receive(
    path: &Path,
    mode: ContentMode,
    hashing: HashSpec,
    chunks: &mut Receiver<Chunk>,
) -> io::Result<Option<Stored>> {
    let mut complete = false;
    let pieces = std::iter::from_fn(|| match chunks.blocking_recv()? {
        Chunk::Data(bytes) => Some(bytes),
        Chunk::End => {
            complete = true;
            None
        }
    });
    let stored = write(path, mode, hashing, pieces);
    if complete && stored.is_ok() {
        return stored.map(Some);
    }
    discard(path);
    stored.map(|_| None)
}

/// Stores those pieces.
pub(super) fn write(
    path: &Path,
    mode: ContentMode,
    hashing: HashSpec,
    pieces: impl Iterator<Item = Bytes>,
) -> io::Result<Stored> {
    let mut file = if mode == ContentMode::Store {
        Some(File::create(path)?)
    } else {
        None
    };
    let mut inspector = Inspector::default();
    let mut size = 0;
    if mode == ContentMode::Discard {
        for piece in pieces {
            size += piece.len() as u64;
            inspector.feed(&piece);
        }
        return Ok(Stored {
            size,
            hashes: None,
            inspector,
        });
    }
    let hashes = thread::scope(|scope| -> io::Result<Hashes> {
        let mut hasher = Hasher::begin(hashing, scope);
        for piece in pieces {
            size += piece.len() as u64;
            inspector.feed(&piece);
            hasher.update(&piece);
            if let Some(file) = &mut file {
                file.write_all(&piece)?;
            }
        }
        hasher
            .finish()
            .ok_or_else(|| io::Error::other("the md5 thread panicked"))
    })?;
    Ok(Stored {
        size,
        hashes: Some(hashes),
        inspector,
    })
}

/// Removes a file of the store, which may be gone already.
pub(super) fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_and_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let pieces = ["ab", "c"].map(|text| Bytes::from_static(text.as_bytes()));
        let stored = write(
            &path,
            ContentMode::Store,
            HashSpec::default(),
            pieces.into_iter(),
        )
        .unwrap();
        assert_eq!(stored.size, 3);
        let hashes = stored.hashes.unwrap();
        assert_eq!(
            hashes.md5.as_deref(),
            Some("900150983cd24fb0d6963f7d28e17f72")
        );
        let (algorithm, sha512) = hashes.multi.unwrap();
        assert_eq!(algorithm, "sha512");
        assert!(sha512.starts_with("ddaf35a193617aba"));
        assert_eq!(fs::read(&path).unwrap(), b"abc");
    }

    #[test]
    fn what_is_broken_off_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
        sender
            .try_send(Chunk::Data(Bytes::from_static(b"abc")))
            .unwrap();
        drop(sender);
        assert!(
            receive(
                &path,
                ContentMode::Store,
                HashSpec::default(),
                &mut receiver
            )
            .unwrap()
            .is_none()
        );
        assert!(!path.exists());
    }
}
