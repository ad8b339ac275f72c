//! An image as Glance describes it, less what no rule looks at.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ContentHash, ImageId, Properties, Provenance};

/// Who sees an image (Image API v2, "Image visibility").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody, and it is in everybody's list.
    Public,
    /// Its owner alone.
    Private,
    /// Its owner and the projects that are its members.
    Shared,
    /// Everybody, but it is in nobody's default list.
    Community,
}

impl Visibility {
    /// What the contract calls `is_public`.
    pub fn is_public(self) -> bool {
        self == Self::Public
    }

    /// Glance's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Community => "community",
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where an image is in its life (Image API v2, "Image status").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ImageStatus {
    /// Complete and usable.
    Active,
    /// Complete, and an administrator stopped its use.
    Deactivated,
    /// Created, without content.
    Queued,
    /// Its content is coming in.
    Saving,
    /// Its content is being staged, for an import.
    Uploading,
    /// The region imports its content.
    Importing,
    /// `killed`, `pending_delete`, and whatever a release may add.
    Other(String),
}

impl ImageStatus {
    /// Glance's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Queued => "queued",
            Self::Saving => "saving",
            Self::Uploading => "uploading",
            Self::Importing => "importing",
            Self::Other(word) => word,
        }
    }

    /// True where its content is coming in, or what is done with it on the server goes on.
    pub fn is_in_progress(&self) -> bool {
        matches!(self, Self::Saving | Self::Uploading | Self::Importing)
    }

    /// True where an image of this status counts as being in its region.
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Active | Self::Deactivated)
    }
}

impl From<String> for ImageStatus {
    fn from(word: String) -> Self {
        match word.as_str() {
            "active" => Self::Active,
            "deactivated" => Self::Deactivated,
            "queued" => Self::Queued,
            "saving" => Self::Saving,
            "uploading" => Self::Uploading,
            "importing" => Self::Importing,
            _ => Self::Other(word),
        }
    }
}

impl From<ImageStatus> for String {
    fn from(status: ImageStatus) -> Self {
        status.as_str().to_owned()
    }
}

impl fmt::Display for ImageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An image of one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its id there.
    pub id: ImageId,
    /// Glance allows an image without a name; it is empty then.
    pub name: String,
    /// Where it is in its life.
    pub status: ImageStatus,
    /// Who sees it.
    pub visibility: Visibility,
    /// The id of the project that owns it; an image may have none.
    pub owner: Option<String>,
    /// Its checksums.
    pub content: ContentHash,
    /// Bytes; none before the content came in.
    pub size: Option<u64>,
    /// `qcow2`, `raw`, `ami` …
    pub disk_format: Option<String>,
    /// `bare`, `ami`, `aki` …
    pub container_format: Option<String>,
    /// Smallest disk that it boots on, in GiB.
    pub min_disk: u64,
    /// Least memory that it boots with, in MiB.
    pub min_ram: u64,
    /// Glance refuses to delete it.
    pub protected: bool,
    /// It is left out of the default list.
    pub os_hidden: bool,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// When it was created, by the region's clock; none where Glance's word was no time.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last changed, by the region's clock; none where Glance's word was no time.
    pub updated_at: Option<DateTime<Utc>>,
    /// Where it says that it comes from; none where any of those properties is missing.
    pub provenance: Option<Box<Provenance>>,
    /// Its user properties, with `kernel_id` and `ramdisk_id` where they are neither empty nor null.
    pub properties: Properties,
}

impl Image {
    /// Own images are those of the credential's project, and those without an owner.
    pub fn is_own(&self, project_id: &str) -> bool {
        self.owner
            .as_deref()
            .is_none_or(|owner| owner == project_id)
    }

    /// Its size as reports and uploads count it: 0 where Glance gave none.
    pub fn bytes(&self) -> u64 {
        self.size.unwrap_or_default()
    }
}
