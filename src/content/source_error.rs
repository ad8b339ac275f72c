//! Why the content of an image is unavailable.

use std::path::PathBuf;

use super::qcow2::Unsupported;
use crate::model::ErrorCode;
use crate::openstack::OpenStackError;

/// Why an image's content is unavailable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The id of the master's image is not a UUID, so no file is named by it.
    #[error("its id at the master, `{id}`, is not a UUID, so there is no file for it")]
    NoUuid {
        /// The id.
        id: String,
    },
    /// The file is there and cannot be read.
    #[error("the file {} cannot be read: {what}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        what: String,
    },
    /// The file has another size than the image.
    #[error("the file {} has {actual} bytes, but the master's image has {expected}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// The size of the master's image, in bytes.
        expected: u64,
        /// The size of the file, in bytes.
        actual: u64,
    },
    /// The file was written to after it had been found.
    #[error("the file {} was changed during the run", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The master's Glance does not give it.
    #[error("the download from the master's Glance failed: {0}")]
    Glance(#[from] OpenStackError),
    /// The master's Glance gives more or less than the image has.
    #[error("the master's Glance sent {actual} bytes, but the image has {expected}")]
    GlanceSize {
        /// The size of the master's image, in bytes.
        expected: u64,
        /// How many came, in bytes.
        actual: u64,
    },
    /// What the master's Glance gives has not the checksum of the image.
    #[error(
        "the content from the master's Glance has the checksum {found}, but the image has {expected}: it was damaged in the master's store or on its way here"
    )]
    Damaged {
        /// The checksum of what came.
        found: String,
        /// The master's.
        expected: String,
    },
    /// It cannot be expanded to raw.
    #[error("it cannot be expanded to raw: {0}")]
    Unsupported(#[from] Unsupported),
    /// It cannot be expanded to raw, since the spool does not keep all of it.
    #[error(
        "it cannot be expanded to raw, since it is read back and forth for that and the spool has no room for its {size} bytes"
    )]
    NotKept {
        /// The size of the master's image, in bytes.
        size: u64,
    },
    /// It came, and could not be kept or read again.
    #[error("the content from the master's Glance cannot be kept in `spool_dir`: {what}")]
    Spool {
        /// What the system says.
        what: String,
    },
}

impl SourceError {
    /// The public code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } | Self::NoUuid { .. } => ErrorCode::SourceMissing,
            Self::Unreadable { .. } | Self::Spool { .. } => ErrorCode::SourceUnreadable,
            Self::Size { .. } | Self::GlanceSize { .. } => ErrorCode::SourceSize,
            Self::Changed { .. } => ErrorCode::SourceChanged,
            Self::Damaged { .. } => ErrorCode::ChecksumMismatch,
            Self::Unsupported(_) | Self::NotKept { .. } => ErrorCode::SourceUnsupported,
            Self::Glance(error) => match error.status() {
                Some(404 | 410) => ErrorCode::SourceMissing,
                Some(403) => ErrorCode::SourceUnreadable,
                _ => error.code(),
            },
        }
    }

    /// What to do next, as a whole sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Glance(error) if error.code() == self.code() => error.hint(),
            Self::NotKept { .. } => {
                "Raise `spool_limit`, make room where `spool_dir` is, or put the file into `images_dir`, then run again."
            }
            _ => self.code().hint(),
        }
    }
}
