//! Hashes that are made of a content while it is read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use super::hashes::Digests;
use crate::host;
use crate::model::MultiHash;

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

/// Hashes what is read, in order.
#[derive(Debug)]
pub(super) struct Hasher {
    digests: Digests,
    /// How much was hashed.
    hashed: u64,
    hashing: Arc<Hashing>,
}

impl Hasher {
    pub(super) fn new(hashing: &Arc<Hashing>, size: u64) -> Self {
        let algorithms = hashing.algorithms.iter().map(String::as_str);
        let mut hasher = Self {
            digests: Digests::by(algorithms),
            hashed: 0,
            hashing: Arc::clone(hashing),
        };
        hasher.update(0, &[], size);
        hasher
    }

    /// Takes the bytes that begin at `offset` of a content of `size` bytes.
    pub(super) fn update(&mut self, offset: u64, bytes: &[u8], size: u64) {
        // What is read out of order is not the content.
        if offset != self.hashed {
            return;
        }
        self.digests.update(bytes);
        self.hashed += bytes.len() as u64;
        if self.hashed == size {
            let digests = std::mem::replace(&mut self.digests, Digests::by([]));
            *self.hashing.made() = Some(digests.finish());
        }
    }
}
