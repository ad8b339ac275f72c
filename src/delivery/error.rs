//! What can go wrong with a transfer.

use std::time::Duration;

use crate::content::SourceError;
use crate::model::{ByteSize, ErrorCode};
use crate::openstack::OpenStackError;

/// Why the content of an image did not get into a region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The content could not be read, or is not what it should be.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The region's Glance refused it, or could not be reached.
    #[error(transparent)]
    OpenStack(#[from] OpenStackError),
    /// The region's Glance took no more of it.
    #[error("it stalled: too little went through in {} s, after {} of {}", limit.as_secs_f64(), ByteSize(*sent), ByteSize(*size))]
    Stalled {
        /// The limit that was passed.
        limit: Duration,
        /// How much had gone through, in bytes.
        sent: u64,
        /// The size of the content, in bytes.
        size: u64,
    },
    /// The region's Glance took all of it, and did not answer.
    #[error("the server took all {} and gave no answer for {} s", ByteSize(*size), limit.as_secs_f64())]
    NoAnswer {
        /// The limit that was passed.
        limit: Duration,
        /// The size of the content, in bytes.
        size: u64,
    },
    /// The region's Glance said that it had all of it when it could not have.
    #[error("the server was content with {} of {}", ByteSize(*sent), ByteSize(*size))]
    CutShort {
        /// How much had gone through, in bytes.
        sent: u64,
        /// The size of the content, in bytes.
        size: u64,
    },
}

impl TransferError {
    /// The public code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Source(error) => error.code(),
            Self::OpenStack(error) => error.code(),
            Self::Stalled { .. } | Self::NoAnswer { .. } => ErrorCode::UploadStalled,
            Self::CutShort { .. } => ErrorCode::UploadFailed,
        }
    }

    /// What to do next, as a whole sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OpenStack(error) => error.hint(),
            _ => self.code().hint(),
        }
    }
}
