//! An image as Glance describes it, less what no rule looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ContentHash;

/// The property that refers to an AMI image's kernel.
pub const KERNEL_ID: &str = "kernel_id";
/// The property that refers to an AMI image's ramdisk.
pub const RAMDISK_ID: &str = "ramdisk_id";

/// Name and value of custom properties.
pub type Properties = BTreeMap<String, String>;

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
    /// `importing`, `uploading`, `killed`, `pending_delete`, and whatever a release may add.
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
            Self::Other(word) => word,
        }
    }

    /// True where its content is coming in, or what is done with it on the server goes on.
    pub fn is_in_progress(&self) -> bool {
        match self {
            Self::Saving => true,
            Self::Other(word) => matches!(word.as_str(), "uploading" | "importing"),
            _ => false,
        }
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

/// True for the attributes that Glance gives every image, whoever it belongs to.
fn is_base_attribute(name: &str) -> bool {
    matches!(
        name,
        "id" | "name"
            | "status"
            | "visibility"
            | "owner"
            | "size"
            | "virtual_size"
            | "checksum"
            | "disk_format"
            | "container_format"
            | "min_disk"
            | "min_ram"
            | "protected"
            | "created_at"
            | "updated_at"
            | "deleted_at"
            | "deleted"
            | "os_hidden"
            | "stores"
            | "locations"
            | "location"
            | "direct_url"
            | "file"
            | "schema"
            | "self"
            | "tags"
    )
}

const RESERVED_PREFIXES: [&str; 4] = [
    "os_glance_",
    "os_hash_",
    "img_signature",
    "cinder_encryption_key",
];

/// True for the custom properties that are carried between regions: all but base attributes, what
/// Glance keeps for itself, and what refers to secrets of one region.
pub fn is_user_property(name: &str) -> bool {
    !is_base_attribute(name)
        && !RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_properties_are_what_is_left() {
        for name in ["nid", "kernel_id", "is_public", "hw_disk_bus", "os_type"] {
            assert!(is_user_property(name), "{name}");
        }
        for name in [
            "checksum",
            "os_hash_value",
            "os_glance_importing_to_stores",
            "stores",
            "img_signature_key_type",
            "cinder_encryption_key_id",
            "tags",
        ] {
            assert!(!is_user_property(name), "{name}");
        }
    }

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
