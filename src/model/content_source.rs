//! Where the content of images may come from, and where it does.

use std::fmt;

use serde::Serialize;

/// Where content may come from: key `source`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContentSource {
    /// The file when it is there with the right size, else the master's Glance.
    #[default]
    Auto,
    /// Files in `images_dir`.
    Directory,
    /// The master's Glance.
    Glance,
}

impl ContentSource {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Directory => "directory",
            Self::Glance => "glance",
        }
    }

    /// The source of that word, in either case.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Auto, Self::Directory, Self::Glance]
            .into_iter()
            .find(|source| source.as_str().eq_ignore_ascii_case(word))
    }
}

/// Where the content of one image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentOrigin {
    /// Its file in `images_dir`.
    Directory,
    /// The master's Glance.
    Glance,
}

impl fmt::Display for ContentOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One spelling for both: serde's.
        self.serialize(f)
    }
}
