//! Whether bytes are the content that the master's checksums stand for.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use md5::{Digest, Md5};
use sha2::{Sha256, Sha512};

use super::SourceError;
use crate::model::{Checksum, ContentHash};

const BUFFER_BYTES: usize = 256 << 10;

/// Hashes a content while it comes, or afterwards.
#[derive(Debug)]
pub(super) struct Digests {
    md5: Option<Md5>,
    multihash: Option<Multi>,
}

#[derive(Debug)]
enum Multi {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
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

impl Digests {
    /// For comparing with all checksums that the master has, as far as their algorithm is known.
    pub(super) fn of(expected: &ContentHash) -> Self {
        let algorithm = expected
            .multihash
            .as_ref()
            .map(|hash| hash.algorithm.as_str());
        Self {
            md5: expected.md5.as_ref().map(|_| Md5::new()),
            multihash: match algorithm {
                Some("sha512") => Some(Multi::Sha512(Box::default())),
                Some("sha256") => Some(Multi::Sha256(Sha256::new())),
                _ => None,
            },
        }
    }

    /// Takes the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        match &mut self.multihash {
            Some(Multi::Sha256(hash)) => hash.update(bytes),
            Some(Multi::Sha512(hash)) => hash.update(bytes),
            None => {}
        }
    }

    /// Compares; nothing where all is as it should be, or cannot be told.
    pub(super) fn difference(self, expected: &ContentHash) -> Option<Difference> {
        let found = self
            .md5
            .map(|md5| Checksum::from_digest(md5.finalize().into()));
        if let (Some(found), Some(expected)) = (&found, &expected.md5)
            && found != expected
        {
            return Some(Difference {
                found: found.to_string(),
                expected: expected.to_string(),
            });
        }
        let found = match self.multihash? {
            Multi::Sha256(hash) => hexadecimal(&hash.finalize()),
            Multi::Sha512(hash) => hexadecimal(&hash.finalize()),
        };
        let expected = expected.multihash.as_ref()?;
        (found != expected.value).then(|| Difference {
            found: format!("{}:{found}", expected.algorithm),
            expected: format!("{}:{}", expected.algorithm, expected.value),
        })
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

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::model::MultiHash;

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
}
