//! The words for what an image is and what is done to it, as status reports and events print them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an image of the master is in one region, as the status report prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Same checksum, same metadata, right kernel and ramdisk.
    Ok,
    /// Another checksum, which `dontupdate` holds.
    OkStalledChecksum,
    /// Absent.
    PendingUpload,
    /// Same checksum, other metadata.
    PendingMetadata,
    /// Another checksum: to be replaced, the old image kept as `<name>.old`.
    PendingRename,
    /// Another checksum: to be replaced, the old image deleted.
    PendingReplace,
    /// Same checksum, and a kernel or ramdisk is itself still to be uploaded.
    PendingAmi,
    /// Another checksum, and nothing says what to do.
    ErrorChecksum,
    /// A kernel or ramdisk that is unavailable.
    ErrorAmi,
}

impl Status {
    /// Every status, in the order in which reports count them.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::OkStalledChecksum,
        Self::PendingUpload,
        Self::PendingMetadata,
        Self::PendingRename,
        Self::PendingReplace,
        Self::PendingAmi,
        Self::ErrorChecksum,
        Self::ErrorAmi,
    ];

    /// The word of the status report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::OkStalledChecksum => "ok_stalled_checksum",
            Self::PendingUpload => "pending_upload",
            Self::PendingMetadata => "pending_metadata",
            Self::PendingRename => "pending_rename",
            Self::PendingReplace => "pending_replace",
            Self::PendingAmi => "pending_ami",
            Self::ErrorChecksum => "error_checksum",
            Self::ErrorAmi => "error_ami",
        }
    }

    /// True for every `pending_*`.
    pub fn is_pending(self) -> bool {
        self.as_str().starts_with("pending_")
    }

    /// True for every `error_*`.
    pub fn is_error(self) -> bool {
        self.as_str().starts_with("error_")
    }

    /// True where the region has the master's content under that name.
    pub fn is_same_content(self) -> bool {
        matches!(self, Self::Ok | Self::PendingMetadata | Self::PendingAmi)
    }

    /// True where content has still to be sent: the image itself is missing or is to be replaced.
    pub fn needs_content(self) -> bool {
        matches!(
            self,
            Self::PendingUpload | Self::PendingRename | Self::PendingReplace
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is done to an image of a region, as events name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// A new image is created and its content sent.
    Upload,
    /// The same, and the old image of that name is deleted.
    Replace,
    /// The same, and the old image of that name is kept as `<name>.old`.
    Rename,
    /// Visibility or properties are changed.
    UpdateMetadata,
    /// An image is renamed to `<name>_obsolete`, or one of that name brought up to date.
    MarkObsolete,
    /// Kernel and ramdisk are pointed at images uploaded in this run.
    UpdateAmi,
    /// What an interrupted run left is removed.
    DeleteLeftover,
    /// An image called `<name>.old` is deleted, of which newer ones are kept.
    DeleteOld,
    /// An image that no rule wants any more is hidden.
    HideOrphan,
    /// One that was hidden long enough is deleted.
    DeleteOrphan,
}

impl ActionKind {
    /// The word of the events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Replace => "replace",
            Self::Rename => "rename",
            Self::UpdateMetadata => "update_metadata",
            Self::MarkObsolete => "mark_obsolete",
            Self::UpdateAmi => "update_ami",
            Self::DeleteLeftover => "delete_leftover",
            Self::DeleteOld => "delete_old",
            Self::HideOrphan => "hide_orphan",
            Self::DeleteOrphan => "delete_orphan",
        }
    }

    /// True where an image is deleted by the action of its own.
    pub fn is_deletion(self) -> bool {
        matches!(
            self,
            Self::DeleteLeftover | Self::DeleteOld | Self::DeleteOrphan
        )
    }

    /// True where it is about an image that no rule wants: nothing else depends on it.
    pub fn is_about_unwanted(self) -> bool {
        self.is_deletion() || self == Self::HideOrphan
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
