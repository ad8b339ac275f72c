//! The id of an image, which is part of URLs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of an image within one Glance. It is opaque: kept and sent as Glance gave it, and compared
/// exactly. Mostly it is a UUID, in whichever case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(String);

/// The longest id that is taken, in bytes; Glance's own have 36.
const MAX_ID_BYTES: usize = 255;

/// The text cannot be part of the URL of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid id of an image")]
pub struct ImageIdError(pub String);

impl ImageId {
    /// Takes the id as it is, unchecked: for what is only compared with other ids.
    pub fn new(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the same UUID in whichever spelling, and for the same text.
    pub fn is_same_uuid(&self, other: &Self) -> bool {
        self == other
            || matches!(
                (Uuid::try_parse(&self.0), Uuid::try_parse(&other.0)),
                (Ok(mine), Ok(theirs)) if mine == theirs
            )
    }
}

/// Checks an id that a server gave. A path loses segments that are empty, `.` or `..` (also where
/// they are percent-encoded), and characters that no URL has.
impl FromStr for ImageId {
    type Err = ImageIdError;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        let decoded = id.replace("%2e", ".").replace("%2E", ".");
        let is_usable = !matches!(&*decoded, "" | "." | "..")
            && id.len() <= MAX_ID_BYTES
            && !id.chars().any(char::is_control);
        if is_usable {
            Ok(Self(id.to_owned()))
        } else {
            Err(ImageIdError(id.chars().take(MAX_ID_BYTES).collect()))
        }
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_and_compared_as_they_are() {
        assert_eq!("6E240DD4".parse(), Ok(ImageId::new("6E240DD4")));
        assert_ne!(ImageId::new("6E240DD4"), ImageId::new("6e240dd4"));
        let [upper, lower, other] = ["C", "c", "d"]
            .map(|last| ImageId::new(&format!("3e2b1a9c-0000-4000-8000-00000000000{last}")));
        assert!(upper.is_same_uuid(&lower) && !upper.is_same_uuid(&other));
        assert!(!ImageId::new("a").is_same_uuid(&ImageId::new("A")));
    }

    #[test]
    fn what_a_path_would_lose_is_not_an_id() {
        for odd in [
            "",
            ".",
            "..",
            "%2e",
            "%2E.",
            ".%2e",
            "a\tb",
            "\n",
            &"x".repeat(256),
        ] {
            assert!(odd.parse::<ImageId>().is_err(), "{odd:?}");
        }
        for odd in ["...", "a/b", "a b", "%2f", "ä", "%2e%2ex"] {
            assert!(odd.parse::<ImageId>().is_ok(), "{odd:?}");
        }
    }
}
