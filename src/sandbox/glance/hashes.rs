//! The hashes of an image's content: md5 as its `checksum`, and one more of the region's choice.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use axum::body::Bytes;
use md5::Md5;
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha384, Sha512};

use crate::sandbox::hex::hexadecimal;
use crate::sandbox::spec::{HashAlgorithm, HashSpec};

/// The hashes that an image has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hashes {
    pub(super) md5: Option<String>,
    /// `os_hash_algo` and `os_hash_value`.
    pub(super) multi: Option<(String, String)>,
}

impl Hashes {
    /// Those of no bytes at all.
    pub(super) fn of_nothing(spec: HashSpec) -> Self {
        Self {
            md5: spec
                .md5
                .then(|| hexadecimal(&Box::new(Md5::default()).finalize())),
            multi: spec.algorithm.map(|algorithm| {
                let value = hexadecimal(&hasher(algorithm).finalize());
                (algorithm.as_str().to_owned(), value)
            }),
        }
    }
}

fn hasher(algorithm: HashAlgorithm) -> Box<dyn DynDigest> {
    match algorithm {
        HashAlgorithm::Sha256 => Box::new(Sha256::default()),
        HashAlgorithm::Sha384 => Box::new(Sha384::default()),
        HashAlgorithm::Sha512 => Box::new(Sha512::default()),
    }
}

/// Hashes under way.
pub(super) struct Hasher<'scope> {
    md5: Option<(SyncSender<Bytes>, ScopedJoinHandle<'scope, String>)>,
    multi: Option<(HashAlgorithm, Box<dyn DynDigest>)>,
}

impl<'scope> Hasher<'scope> {
    /// Begins to hash. The two take about as long as each other, so md5 has a thread of its own.
    pub(super) fn begin(spec: HashSpec, scope: &'scope Scope<'scope, '_>) -> Self {
        Self {
            md5: spec.md5.then(|| {
                let (sender, receiver) = sync_channel::<Bytes>(8);
                let thread = scope.spawn(move || {
                    let mut md5: Box<dyn DynDigest> = Box::new(Md5::default());
                    for piece in receiver {
                        md5.update(&piece);
                    }
                    hexadecimal(&md5.finalize())
                });
                (sender, thread)
            }),
            multi: spec
                .algorithm
                .map(|algorithm| (algorithm, hasher(algorithm))),
        }
    }

    pub(super) fn update(&mut self, piece: &Bytes) {
        if let Some((sender, _)) = &self.md5 {
            // The receiver lives until the sender is dropped.
            let _ = sender.send(piece.clone());
        }
        if let Some((_, hasher)) = &mut self.multi {
            hasher.update(piece);
        }
    }

    /// The hashes of all that came; none where a thread panicked.
    pub(super) fn finish(self) -> Option<Hashes> {
        let multi = self
            .multi
            .map(|(algorithm, hasher)| (algorithm.as_str(), hexadecimal(&hasher.finalize())))
            .map(|(name, value)| (name.to_owned(), value));
        let md5 = match self.md5 {
            None => None,
            Some((sender, thread)) => {
                drop(sender);
                Some(thread.join().ok()?)
            }
        };
        Some(Hashes { md5, multi })
    }
}
