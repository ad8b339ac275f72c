//! The attributes of an image that a target may have kept equal, beside public or not and properties.

use std::fmt;

use serde::Serialize;

/// An attribute that `sync_attributes` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncAttribute {
    /// All four values, and not only public or not.
    Visibility,
    /// The smallest disk that it boots on.
    MinDisk,
    /// The least memory that it boots with.
    MinRam,
    /// Glance refuses to delete it.
    Protected,
    /// It is left out of the default list.
    OsHidden,
    /// Its tags, less those of this program.
    Tags,
}

impl SyncAttribute {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Visibility,
        Self::MinDisk,
        Self::MinRam,
        Self::Protected,
        Self::OsHidden,
        Self::Tags,
    ];

    /// Glance's name, which is that of the configuration too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visibility => "visibility",
            Self::MinDisk => "min_disk",
            Self::MinRam => "min_ram",
            Self::Protected => "protected",
            Self::OsHidden => "os_hidden",
            Self::Tags => "tags",
        }
    }

    /// The attribute of that name, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|attribute| attribute.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for SyncAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
