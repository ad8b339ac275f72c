//! Checksums of image content, and when two contents are the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An md5 checksum as Glance's `checksum` attribute has it: 32 hexadecimal digits, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum(String);

/// The text is no md5 checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no md5 checksum (32 hexadecimal digits)")]
pub struct ChecksumError(pub String);

impl Checksum {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Checksum {
    /// The checksum of that digest.
    pub fn from_digest(digest: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(digest)))
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ChecksumError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Checksum {
    type Error = ChecksumError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> Self {
        checksum.0
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Glance's `os_hash_algo` and `os_hash_value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MultiHash {
    /// `sha512` unless an operator chose another.
    pub algorithm: String,
    /// Hexadecimal digits, in lower case.
    pub value: String,
}

/// What is known of an image's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentHash {
    /// Glance's `checksum`.
    pub md5: Option<Checksum>,
    /// Glance's `os_hash_*`.
    pub multihash: Option<MultiHash>,
}

impl ContentHash {
    /// True where Glance gave neither checksum: such content can be compared with nothing.
    pub fn is_unknown(&self) -> bool {
        self.md5.is_none() && self.multihash.is_none()
    }

    /// Same checksum: equal md5; where one side has none, equal algorithm and value of `os_hash_*`.
    pub fn same_as(&self, other: &Self) -> bool {
        match (&self.md5, &other.md5) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.multihash.is_some() && self.multihash == other.multihash,
        }
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.md5, &self.multihash) {
            (Some(md5), _) => md5.fmt(f),
            (None, Some(hash)) => write!(f, "{}:{}", hash.algorithm, hash.value),
            (None, None) => f.write_str("no checksum"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(md5: Option<&str>, sha: Option<&str>) -> ContentHash {
        ContentHash {
            md5: md5.map(|digits| digits.parse().unwrap()),
            multihash: sha.map(|value| MultiHash {
                algorithm: "sha512".to_owned(),
                value: value.to_owned(),
            }),
        }
    }

    const ONE: &str = "9046fd22131a96502cb0d85b4a406a5a";
    const TWO: &str = "d41d8cd98f00b204e9800998ecf8427e";

    #[test]
    fn case_of_a_checksum_does_not_count() {
        assert_eq!(
            ONE.to_ascii_uppercase().parse::<Checksum>().unwrap(),
            ONE.parse().unwrap()
        );
        assert!("9046".parse::<Checksum>().is_err());
        assert!("any".parse::<Checksum>().is_err());
    }

    #[test]
    fn md5_decides_where_both_have_it_and_os_hash_otherwise() {
        assert!(hash(Some(ONE), Some("aa")).same_as(&hash(Some(ONE), Some("bb"))));
        assert!(!hash(Some(ONE), Some("aa")).same_as(&hash(Some(TWO), Some("aa"))));
        assert!(hash(None, Some("aa")).same_as(&hash(Some(TWO), Some("aa"))));
        assert!(!hash(None, Some("aa")).same_as(&hash(None, Some("bb"))));
        assert!(!hash(None, None).same_as(&hash(None, None)));
        assert!(!hash(Some(ONE), None).same_as(&hash(None, Some("aa"))));
    }
}
