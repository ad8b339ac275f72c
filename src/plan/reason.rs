//! Why an image has its status in a region.

use std::fmt;

use serde::Serialize;

use crate::model::{ImageId, ListedHash, SyncAttribute};

/// Why a kernel or ramdisk is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartProblem {
    /// No image of the master inventory has that id.
    NotInInventory,
    /// The target's rules do not select it.
    NotSelected,
    /// Its own kernel or ramdisk is unavailable.
    ErrorAmi,
    /// The references run in a circle.
    Circle,
}

/// The rule that decided an image's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Reason {
    /// Nothing differs.
    InStep,
    /// The region has no image of that name that counts.
    Absent,
    /// An administrator of the region deactivated it: it is left as it is.
    Deactivated,
    /// Another checksum, and a list of the configuration says what is done.
    Listed {
        /// `dontupdate`, `rename` or `replace`.
        key: &'static str,
        /// The entry that matched: `any` or the region's checksum.
        entry: String,
        /// The region's checksum.
        checksum: Option<ListedHash>,
        /// `replace` applies, but a protected image is kept.
        protected: bool,
        /// `replace` applies, but an image that stays as it is refers to the old one as its kernel
        /// or ramdisk.
        #[serde(skip_serializing_if = "Option::is_none")]
        needed_by: Option<String>,
    },
    /// An earlier run published the image and did not get to its old one.
    Unfinished {
        /// The old image.
        old: ImageId,
        /// It would be deleted, but is protected, so it is kept.
        protected: bool,
        /// It would be deleted, but an image that stays as it is refers to it as its kernel or
        /// ramdisk.
        #[serde(skip_serializing_if = "Option::is_none")]
        needed_by: Option<String>,
    },
    /// A sync that is under way has it in progress.
    InProgress {
        /// The image that it has made there.
        image_id: ImageId,
    },
    /// Another checksum, and no list says what is done.
    Unlisted {
        /// The region's checksum.
        checksum: Option<ListedHash>,
    },
    /// Attributes, properties, or references to parts differ.
    MetadataDiffers {
        /// Others see it than the master's.
        visibility: bool,
        /// The attributes that differ, visibility among them.
        attributes: Vec<SyncAttribute>,
        /// Names of the properties, `kernel_id` and `ramdisk_id` among them.
        properties: Vec<String>,
    },
    /// It was hidden when no rule wanted it.
    WantedAgain,
    /// A kernel or ramdisk has still to be uploaded.
    PartPending {
        /// Its name.
        part: String,
    },
    /// A kernel or ramdisk is unavailable.
    PartUnavailable {
        /// Its name or, where it has none, its id at the master.
        part: String,
        /// Why.
        problem: PartProblem,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = |checksum: &Option<ListedHash>| {
            checksum
                .as_ref()
                .map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        match self {
            Self::InStep => f.write_str("in step"),
            Self::Absent => f.write_str("not in the region"),
            Self::Deactivated => f.write_str("deactivated in the region, not changed"),
            Self::Listed {
                key,
                entry,
                checksum,
                protected,
                needed_by,
            } => {
                write!(
                    f,
                    "the region's checksum is {}, and `{key}` holds `{entry}`",
                    found(checksum)
                )?;
                write_kept(f, *protected, needed_by.as_deref())
            }
            Self::Unfinished {
                old,
                protected,
                needed_by,
            } => {
                write!(
                    f,
                    "an earlier run published it, and its old image {old} still has the name"
                )?;
                write_kept(f, *protected, needed_by.as_deref())
            }
            Self::InProgress { image_id } => {
                write!(
                    f,
                    "the sync that is under way has it in progress ({image_id})"
                )
            }
            Self::Unlisted { checksum } => write!(
                f,
                "the region's checksum is {}, and none of `dontupdate`, `rename`, `replace` holds it",
                found(checksum)
            ),
            Self::MetadataDiffers {
                visibility: _,
                attributes,
                properties,
            } => {
                let attributes = attributes.iter().map(|attribute| attribute.as_str());
                let properties = properties.iter().map(String::as_str);
                let differing: Vec<&str> = attributes.chain(properties).collect();
                write!(f, "differs in {}", differing.join(", "))
            }
            Self::WantedAgain => f.write_str("was hidden as an orphan, and is selected again"),
            Self::PartPending { part } => write!(f, "its part `{part}` has still to be uploaded"),
            Self::PartUnavailable { part, problem } => {
                let why = match problem {
                    PartProblem::NotInInventory => "is not an image of the master region",
                    PartProblem::NotSelected => "is not selected",
                    PartProblem::ErrorAmi => "lacks a part itself",
                    PartProblem::Circle => "refers back to it",
                };
                write!(f, "its part `{part}` {why}")
            }
        }
    }
}

/// Why an old image is kept that would be deleted.
fn write_kept(f: &mut fmt::Formatter<'_>, protected: bool, needed_by: Option<&str>) -> fmt::Result {
    if protected {
        f.write_str("; the old image is protected, so it is kept")
    } else if let Some(image) = needed_by {
        write!(
            f,
            "; `{image}` stays as it is and refers to the old image, so that is kept"
        )
    } else {
        Ok(())
    }
}

impl Reason {
    /// The image that keeps the old one from being deleted, where the old one may be.
    pub(super) fn needed_by(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Listed { needed_by, .. } | Self::Unfinished { needed_by, .. } => Some(needed_by),
            _ => None,
        }
    }

    /// True where the old image would be deleted, but for its protection.
    pub(super) fn is_protected(&self) -> bool {
        matches!(
            self,
            Self::Listed {
                protected: true,
                ..
            } | Self::Unfinished {
                protected: true,
                ..
            }
        )
    }
}
