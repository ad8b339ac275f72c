//! Images that are put into a region directly, without HTTP.
//!
//! The seed is data, as the rest of the specification; `glance::seeding` turns it into an image
//! of a region's store.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// An image as it is to appear in a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSeed {
    /// UUID; a random one when absent.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// The id of the project that owns it. Absent means the first project of the region's
    /// Keystone; an empty string means no owner.
    pub owner: Option<String>,
    /// `public`, `private`, `shared` or `community`.
    pub visibility: String,
    /// `active`, or any other status that Glance knows.
    pub status: String,
    /// Disk format.
    pub disk_format: Option<String>,
    /// Container format.
    pub container_format: Option<String>,
    /// Disk space needed to boot it, in GB.
    pub min_disk: u64,
    /// Memory needed to boot it, in MB.
    pub min_ram: u64,
    /// Whether it cannot be deleted.
    pub protected: bool,
    /// Whether lists leave it out unless asked.
    pub os_hidden: bool,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Custom properties. They go past the schema, so that anything an old database may hold can
    /// be put here; a null is listed as null.
    pub properties: BTreeMap<String, Option<String>>,
    /// Projects that it is shared with, by id, and that accepted it.
    pub members: BTreeSet<String>,
    /// Whether the store refuses to delete it because it is in use (409).
    pub in_use: bool,
    /// Creation and last change, RFC 3339; now when absent.
    pub created_at: Option<String>,
    /// Its content; an image without one has neither file nor checksum nor size.
    pub content: Content,
    /// The md5 to claim instead of the content's own; an empty string means none at all.
    pub checksum: Option<String>,
    /// The `os_hash_value` to claim instead of the content's own; an empty string means none at
    /// all.
    pub os_hash_value: Option<String>,
    /// The `os_hash_algo` to claim instead of the region's own.
    pub os_hash_algo: Option<String>,
}

impl Default for ImageSeed {
    fn default() -> Self {
        Self {
            id: None,
            name: None,
            owner: None,
            visibility: "public".to_owned(),
            status: "active".to_owned(),
            disk_format: Some("raw".to_owned()),
            container_format: Some("bare".to_owned()),
            min_disk: 0,
            min_ram: 0,
            protected: false,
            os_hidden: false,
            tags: BTreeSet::new(),
            properties: BTreeMap::new(),
            members: BTreeSet::new(),
            in_use: false,
            created_at: None,
            content: Content::Bytes { bytes: Vec::new() },
            checksum: None,
            os_hash_value: None,
            os_hash_algo: None,
        }
    }
}

impl ImageSeed {
    /// A public, active raw image of that name and content.
    pub fn new(name: impl Into<String>, content: impl Into<Content>) -> Self {
        Self {
            name: Some(name.into()),
            content: content.into(),
            ..Self::default()
        }
    }

    /// Sets the UUID.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the owner's project id.
    #[must_use]
    pub fn owner(mut self, project_id: impl Into<String>) -> Self {
        self.owner = Some(project_id.into());
        self
    }

    /// Sets the visibility.
    #[must_use]
    pub fn visibility(mut self, visibility: &str) -> Self {
        visibility.clone_into(&mut self.visibility);
        self
    }

    /// Sets the disk and container format.
    #[must_use]
    pub fn formats(mut self, disk_format: &str, container_format: &str) -> Self {
        self.disk_format = Some(disk_format.to_owned());
        self.container_format = Some(container_format.to_owned());
        self
    }

    /// Sets a custom property.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties
            .insert(name.to_owned(), Some(value.to_owned()));
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.insert(tag.to_owned());
        self
    }
}

/// Content of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Content {
    /// None: nothing was ever uploaded.
    None,
    /// These bytes.
    Bytes {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// This text.
    Text {
        /// The text.
        text: String,
    },
    /// So many bytes, of which none are kept: the image is active and has no data, and its hashes
    /// are those that the seed claims.
    Claimed {
        /// Length in bytes.
        size: u64,
    },
    /// Bytes that look random and depend on the two numbers alone, but for a beginning that makes
    /// them an image of its `disk_format` to whoever inspects it, given 40 KiB to write it in.
    Generated {
        /// Length in bytes.
        size: u64,
        /// Other seeds give other bytes.
        seed: u64,
    },
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text {
            text: text.to_owned(),
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes { bytes }
    }
}

/// The bytes of [`Content::Generated`], block by block.
#[derive(Debug, Clone)]
pub(super) struct Generated {
    left: u64,
    state: u64,
}

impl Generated {
    /// Length of every block but the last, in bytes.
    pub(super) const BLOCK: usize = 1 << 20;

    /// The content of that size (bytes) and seed, from its beginning.
    pub(super) fn new(size: u64, seed: u64) -> Self {
        Self {
            left: size,
            state: seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }
}

impl Iterator for Generated {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.left == 0 {
            return None;
        }
        let length = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(Self::BLOCK);
        let mut block = Vec::with_capacity(length + 8);
        while block.len() < length {
            self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut word = self.state;
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            block.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        block.truncate(length);
        self.left -= length as u64;
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_content_has_its_size_and_repeats() {
        let size = 2 * Generated::BLOCK as u64 + 13;
        let once: Vec<u8> = Generated::new(size, 7).flatten().collect();
        let again: Vec<u8> = Generated::new(size, 7).flatten().collect();
        let other: Vec<u8> = Generated::new(size, 8).flatten().collect();
        assert_eq!(once.len() as u64, size);
        assert_eq!(once, again);
        assert_ne!(once, other);
        assert_eq!(Generated::new(0, 1).count(), 0);
    }
}
