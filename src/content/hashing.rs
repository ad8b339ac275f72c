//! Hashes that are made of a content while it is read.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::{Builder, JoinHandle};

use super::hashes::Digests;
use crate::host;
use crate::model::MultiHash;

/// How many pieces may wait to be hashed.
const PIECES: usize = 4;

/// Hashes that are made of a content while it is read.
#[derive(Debug)]
pub(super) struct Hashing {
    pub(super) algorithms: BTreeSet<String>,
    /// The hashes of the whole content, once it was read to its end.
    made: Mutex<Option<BTreeSet<MultiHash>>>,
}

impl Hashing {
    pub(super) fn by(algorithms: BTreeSet<String>) -> Self {
        Self {
            algorithms,
            made: Mutex::default(),
        }
    }

    pub(super) fn made(&self) -> MutexGuard<'_, Option<BTreeSet<MultiHash>>> {
        host::locked(&self.made)
    }
}

/// Hashes what is read, in order, on a thread of its own: to hash an expansion costs as much as to make and send it.
/// The thread has ended when the last byte was taken, and when this is dropped.
#[derive(Debug)]
pub(super) struct Hasher {
    size: u64,
    /// How much was taken.
    taken: u64,
    pieces: Option<mpsc::SyncSender<Vec<u8>>>,
    /// Pieces that were hashed, to be filled again.
    returned: mpsc::Receiver<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl Hasher {
    /// For a content of `size` bytes. It fails where there can be no thread.
    pub(super) fn begin(hashing: &Arc<Hashing>, size: u64) -> io::Result<Self> {
        let (pieces, filled) = mpsc::sync_channel(PIECES);
        let (home, returned) = mpsc::channel();
        let hashing = Arc::clone(hashing);
        let digest = move || hash(&hashing, size, filled, &home);
        let thread = Builder::new().name("image-digest".to_owned());
        let mut hasher = Self {
            size,
            taken: 0,
            pieces: Some(pieces),
            returned,
            thread: Some(thread.spawn(digest)?),
        };
        hasher.update(0, &[]);
        Ok(hasher)
    }

    /// Takes the bytes that begin at `offset` of the content. The hashes are made when it has taken the last.
    pub(super) fn update(&mut self, offset: u64, bytes: &[u8]) {
        // What is read out of order is not the content.
        if offset != self.taken {
            return;
        }
        if let Some(pieces) = &self.pieces {
            let mut piece = self.returned.try_recv().unwrap_or_default();
            piece.clear();
            piece.extend_from_slice(bytes);
            // Where the thread has ended too early, no hash is made.
            let _ = pieces.send(piece);
        }
        self.taken += bytes.len() as u64;
        if self.taken == self.size {
            self.end();
        }
    }

    fn end(&mut self) {
        self.pieces = None;
        if let Some(thread) = self.thread.take() {
            // Where it panicked, no hash is made.
            let _ = thread.join();
        }
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.end();
    }
}

/// Hashes the pieces of a content of `size` bytes, and keeps the hashes if there were all of them.
fn hash(
    hashing: &Hashing,
    size: u64,
    pieces: mpsc::Receiver<Vec<u8>>,
    home: &mpsc::Sender<Vec<u8>>,
) {
    let mut digests = Digests::by(hashing.algorithms.iter().map(String::as_str));
    let mut hashed = 0;
    for piece in pieces {
        digests.update(&piece);
        hashed += piece.len() as u64;
        // Nothing more may be read.
        let _ = home.send(piece);
    }
    if hashed == size {
        *hashing.made() = Some(digests.finish());
    }
}
