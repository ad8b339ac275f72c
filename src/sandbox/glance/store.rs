//! Writing content: into the store's file and through the hashes, on threads of their own.
//!
//! `upload` hands over the chunks as they come; what becomes of the image at the end is decided
//! here too, so that it happens whether or not the client is still there to hear of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use axum::body::Bytes;
use md5::{Digest, Md5};
use sha2::Sha512;
use tokio::sync::mpsc::Receiver;

use super::inspect::Inspector;
use crate::sandbox::hex::hexadecimal;
use crate::sandbox::spec::ContentMode;

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
    /// md5 and sha512, unless nothing was hashed.
    pub(super) hashes: Option<(String, String)>,
    pub(super) inspector: Inspector,
}

/// Stores what comes until the end; none when the upload was broken off.
///
/// The file at `path` is not there afterwards unless the content is complete.
pub(super) fn receive(
    path: &Path,
    mode: ContentMode,
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
    let stored = write(path, mode, pieces);
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
    let mut sha512 = Sha512::new();
    let md5 = thread::scope(|scope| -> io::Result<String> {
        // The two hashes take about as long as each other, so each has a thread.
        let (sender, receiver) = sync_channel::<Bytes>(8);
        let hasher = scope.spawn(move || {
            let mut md5 = Md5::new();
            for piece in receiver {
                md5.update(&piece);
            }
            hexadecimal(&md5.finalize())
        });
        for piece in pieces {
            size += piece.len() as u64;
            inspector.feed(&piece);
            // The receiver lives until the sender is dropped.
            let _ = sender.send(piece.clone());
            if let Some(file) = &mut file {
                file.write_all(&piece)?;
            }
            sha512.update(&piece);
        }
        drop(sender);
        hasher
            .join()
            .map_err(|_| io::Error::other("the md5 thread panicked"))
    })?;
    Ok(Stored {
        size,
        hashes: Some((md5, hexadecimal(&sha512.finalize()))),
        inspector,
    })
}

/// Removes a file of the store, which may be gone already.
pub(super) fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}

/// md5 and sha512 of no bytes at all.
pub(super) fn hashes_of_nothing() -> (String, String) {
    (
        hexadecimal(&Md5::digest(b"")),
        hexadecimal(&Sha512::digest(b"")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_and_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let pieces = ["ab", "c"].map(|text| Bytes::from_static(text.as_bytes()));
        let stored = write(&path, ContentMode::Store, pieces.into_iter()).unwrap();
        assert_eq!(stored.size, 3);
        let (md5, sha512) = stored.hashes.unwrap();
        assert_eq!(md5, "900150983cd24fb0d6963f7d28e17f72");
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
            receive(&path, ContentMode::Store, &mut receiver)
                .unwrap()
                .is_none()
        );
        assert!(!path.exists());
    }
}
