//! Whether bytes are the content that the master's checksums stand for.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::source_error::SourceError;
use crate::model::{ContentHash, MultiHash, hexadecimal};

const BUFFER_BYTES: usize = 256 << 10;

/// Hashes a content while it comes, or afterwards.
pub(super) struct Digests(Vec<(String, Box<dyn DynDigest + Send>)>);

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms = self.0.iter().map(|(algorithm, _)| algorithm);
        f.debug_tuple("Digests")
            .field(&algorithms.collect::<Vec<_>>())
            .finish()
    }
}

/// The checksums of a content that has other ones than the master's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) found: String,
    pub(super) expected: String,
}

impl From<Difference> for SourceError {
    fn from(difference: Difference) -> Self {
        Self::Damaged {
            found: difference.found,
            expected: difference.expected,
        }
    }
}

/// A hasher of that algorithm, where [`MultiHash::is_computable`] is true of it.
fn hasher(algorithm: &str) -> Option<Box<dyn DynDigest + Send>> {
    Some(match algorithm {
        "md5" => Box::new(Md5::new()),
        "sha1" => Box::new(Sha1::new()),
        "sha224" => Box::new(Sha224::new()),
        "sha256" => Box::new(Sha256::new()),
        "sha384" => Box::new(Sha384::new()),
        "sha512" => Box::new(Sha512::new()),
        _ => return None,
    })
}

impl Digests {
    /// For comparing with all checksums that the master has, as far as their algorithm is known.
    pub(super) fn of(expected: &ContentHash) -> Self {
        let hashes: Vec<MultiHash> = expected.hashes().collect();
        Self::by(hashes.iter().map(|hash| hash.algorithm.as_str()))
    }

    /// By these algorithms, as far as they are known.
    pub(super) fn by<'a>(algorithms: impl IntoIterator<Item = &'a str>) -> Self {
        let hasher = |algorithm: &str| Some((algorithm.to_owned(), hasher(algorithm)?));
        Self(algorithms.into_iter().filter_map(hasher).collect())
    }

    /// Takes the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for (_, hasher) in &mut self.0 {
            hasher.update(bytes);
        }
    }

    /// The hashes of all bytes.
    pub(super) fn finish(self) -> BTreeSet<MultiHash> {
        let hash = |(algorithm, hasher): (String, Box<dyn DynDigest + Send>)| MultiHash {
            algorithm,
            value: hexadecimal(&hasher.finalize()),
        };
        self.0.into_iter().map(hash).collect()
    }

    /// Compares; nothing where all is as it should be, or cannot be told.
    pub(super) fn difference(self, expected: &ContentHash) -> Option<Difference> {
        let found = self.finish();
        let differs = |expected: &MultiHash| {
            let mut found = found.iter();
            let found = found.find(|found| found.algorithm == expected.algorithm)?;
            (found.value != expected.value).then(|| Difference {
                found: words(found),
                expected: words(expected),
            })
        };
        let hashes: Vec<MultiHash> = expected.hashes().collect();
        // The md5, which people know an image by, goes first.
        hashes.iter().rev().find_map(differs)
    }
}

/// A hash as the lists of the configuration take it.
fn words(hash: &MultiHash) -> String {
    match hash.algorithm.as_str() {
        "md5" => hash.value.clone(),
        _ => hash.to_string(),
    }
}

/// Compares the content of `size` bytes that begins in a file at `position`. Blocking.
pub(super) fn difference_of(
    file: &File,
    position: u64,
    size: u64,
    expected: &ContentHash,
) -> io::Result<Option<Difference>> {
    let mut digests = Digests::of(expected);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut offset = 0;
    while offset < size {
        let left = usize::try_from(size - offset).unwrap_or(BUFFER_BYTES);
        let part = &mut buffer[..left.min(BUFFER_BYTES)];
        file.read_exact_at(part, position + offset)?;
        digests.update(part);
        offset += part.len() as u64;
    }
    Ok(digests.difference(expected))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn expected(md5: Option<&str>, sha256: Option<&str>) -> ContentHash {
        ContentHash {
            md5: md5.map(|digits| digits.parse().unwrap()),
            multihash: sha256.map(|value| MultiHash {
                algorithm: "sha256".to_owned(),
                value: value.to_owned(),
            }),
            ..ContentHash::default()
        }
    }

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn every_checksum_that_the_master_has_is_compared() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"..abc..").unwrap();
        let wrong = SHA256.replace('b', "c");
        for (expected, is_right) in [
            (expected(Some(MD5), Some(SHA256)), true),
            (expected(None, Some(SHA256)), true),
            (expected(None, None), true),
            (expected(Some(MD5), Some(&wrong)), false),
            (
                expected(Some("d41d8cd98f00b204e9800998ecf8427e"), None),
                false,
            ),
        ] {
            let difference = difference_of(&file, 2, 3, &expected).unwrap();
            assert_eq!(
                difference.is_none(),
                is_right,
                "{expected:?}: {difference:?}"
            );
        }
        assert!(difference_of(&file, 6, 3, &expected(None, None)).is_err());
    }

    #[test]
    fn every_algorithm_that_is_said_to_be_known_is() {
        let of = |algorithm: &str| {
            let mut digests = Digests::by([algorithm]);
            digests.update(b"abc");
            digests.finish().pop_first()
        };
        for (algorithm, digits) in [
            ("md5", 32),
            ("sha1", 40),
            ("sha224", 56),
            ("sha256", 64),
            ("sha384", 96),
            ("sha512", 128),
        ] {
            let hash = of(algorithm).unwrap();
            assert!(hash.is_computable() && hash.value.len() == digits, "{hash}");
        }
        assert_eq!(of("sha256").unwrap().value, SHA256);
        assert_eq!(
            of("sha1").unwrap().value,
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(of("blake2b"), None);
        assert!(!MultiHash::new("blake2b", "00").unwrap().is_computable());
    }
}
