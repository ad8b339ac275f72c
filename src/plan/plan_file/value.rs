//! Values in a saved plan: as they are, but for what may hold a secret.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{hexadecimal, redact_urls};

/// A value that an attribute or a property gets. Text with a user in a URL is there as its SHA-256 alone:
/// enough to see whether another is the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SavedValue {
    /// It is taken off.
    Absent,
    /// Yes or no.
    Flag(bool),
    /// A number, in the unit of its attribute.
    Number(u64),
    /// As it is.
    Text(String),
    /// What it is, for whoever knows it.
    Hidden {
        /// Hexadecimal.
        sha256: String,
    },
    /// Several, in order.
    Many(BTreeSet<SavedValue>),
}

impl SavedValue {
    /// Takes text from a server or a configuration.
    pub fn text(text: &str) -> Self {
        if redact_urls(text) == text {
            Self::Text(text.to_owned())
        } else {
            Self::Hidden {
                sha256: sha256_hex(text.as_bytes()),
            }
        }
    }

    /// Takes a property's value, which may be absent.
    pub fn of_property(value: Option<&str>) -> Self {
        value.map_or(Self::Absent, Self::text)
    }
}

/// The SHA-256 of some bytes, hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

impl fmt::Display for SavedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "`{text}`"),
            Self::Hidden { sha256 } => write!(f, "hidden, with the SHA-256 {sha256}"),
            Self::Many(values) if values.is_empty() => f.write_str("none"),
            Self::Many(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                f.write_str(&values.join(", "))
            }
        }
    }
}
