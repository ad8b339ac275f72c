//! What one change of an image's metadata sends: only what differs, each with its value before.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{SyncAttribute, Visibility};

/// A value before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// What the region has.
    pub from: T,
    /// What it gets.
    pub to: T,
}

/// What one change of an image's metadata sends. It is one request, which Glance does as a whole or not at
/// all: at no moment does anybody see the image who sees it neither before nor after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MetadataChange {
    /// The image gets another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Change<String>>,
    /// What every image has, less its name.
    #[serde(flatten)]
    pub attributes: Box<AttributeChange>,
    /// Properties by name; no value stands for an absent property.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Change<Option<String>>>,
}

/// The attributes that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AttributeChange {
    /// The image is seen by others than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Change<Visibility>>,
    /// GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_disk: Option<Change<u64>>,
    /// MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ram: Option<Change<u64>>,
    /// Glance comes to refuse its deletion, or not to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected: Option<Change<bool>>,
    /// It leaves the default list, or comes back to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_hidden: Option<Change<bool>>,
    /// All its tags, those of this program among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Change<BTreeSet<String>>>,
}

impl MetadataChange {
    /// True where there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.attributes.is_empty() && self.properties.is_empty()
    }
}

impl AttributeChange {
    /// True where none differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Which differ, in the order in which they are shown.
    pub fn names(&self) -> Vec<SyncAttribute> {
        let differs = |attribute: &SyncAttribute| match attribute {
            SyncAttribute::Visibility => self.visibility.is_some(),
            SyncAttribute::MinDisk => self.min_disk.is_some(),
            SyncAttribute::MinRam => self.min_ram.is_some(),
            SyncAttribute::Protected => self.protected.is_some(),
            SyncAttribute::OsHidden => self.os_hidden.is_some(),
            SyncAttribute::Tags => self.tags.is_some(),
        };
        SyncAttribute::ALL.into_iter().filter(differs).collect()
    }
}
