//! Why a step of a region failed.

use std::time::Duration;

use super::task::stopped_code;
use crate::content::SourceError;
use crate::delivery::TransferError;
use crate::engine::shutdown::StopCause;
use crate::event::Failure;
use crate::model::{
    ActionKind, ContentHash, DeliveryWay, ErrorCode, ImageId, ImageStatus, RegionName, Warning,
    WarningCode,
};
use crate::openstack::{CallRecord, OpenStackError};
use crate::plan::PlannedFailure;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// A server said no, or nothing.
    #[error("{source}")]
    OpenStack {
        source: OpenStackError,
        /// The public code, where another tells more than that of the error.
        code: Option<ErrorCode>,
    },
    /// The content could not be sent.
    #[error("{0}")]
    Transfer(#[from] TransferError),
    /// The content could not be sent, and no answer says why.
    #[error("{call}: {source}")]
    Upload {
        source: TransferError,
        call: Box<CallRecord>,
    },
    /// The content could not be had.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// What arrived is not what the master has.
    #[error(
        "the region has {found_bytes} bytes with checksum {found}, the master has {expected_bytes} bytes with checksum {expected}; {whose}"
    )]
    Mismatch {
        found: Box<ContentHash>,
        found_bytes: u64,
        expected: Box<ContentHash>,
        expected_bytes: u64,
        /// Whose fault it is.
        whose: String,
        /// The source has the wrong content: nothing is wrong with the region.
        is_source: bool,
    },
    /// The region said that it had stored the content, and then had it not.
    #[error("the region answered that it had stored the content of {0}, and then did not have it")]
    NotStored(ImageId),
    /// The region did not get on with what it has all of.
    #[error(
        "the image {id} was still `{}` {} s after its last byte, and was deleted", status.as_str(), limit.as_secs_f64()
    )]
    SaveTimedOut {
        id: ImageId,
        status: ImageStatus,
        /// The limit that was passed.
        limit: Duration,
    },
    /// The region's own import, or its fetching from another region, failed.
    #[error("the region could not {} the content of the image {id}: {why}", match way { DeliveryWay::Pull => "fetch", _ => "import" })]
    Import {
        id: ImageId,
        way: DeliveryWay,
        /// What the server says, or what was seen.
        why: String,
    },
    /// No other region has a verified copy.
    #[error("no region of the same Keystone has a verified copy of the content")]
    NoCopy,
    /// The start of an import was refused.
    #[error("{source}")]
    ImportRefused {
        source: OpenStackError,
        way: DeliveryWay,
    },
    /// The region gives no hash that what arrived could be compared by.
    #[error(
        "what arrived cannot be compared with the master's image: the region says {found}, the master {expected}, and this program cannot make a hash of the region's kind"
    )]
    NotVerifiable {
        found: Box<ContentHash>,
        expected: Box<ContentHash>,
    },
    /// The image is not what the list said.
    #[error("somebody else changed the image {0} meanwhile, so it is left alone: run again")]
    Changed(ImageId),
    /// The run was told to drop its connections.
    #[error("the run was told to stop at once before this was done")]
    Stopped(StopCause),
    /// A thread that reads files is gone.
    #[error("the thread that reads the content ended unexpectedly")]
    Lost,
}

impl From<OpenStackError> for StepError {
    fn from(source: OpenStackError) -> Self {
        Self::OpenStack { source, code: None }
    }
}

impl StepError {
    /// The same, of a change of metadata that is told by what it was for.
    pub(super) fn of_rename(self) -> Self {
        match self {
            Self::OpenStack { source, .. } if source.code() == ErrorCode::UpdateFailed => {
                Self::OpenStack {
                    source,
                    code: Some(ErrorCode::RenameFailed),
                }
            }
            other => other,
        }
    }

    /// The failure of an upload that the region answered as done, and would not show afterwards.
    pub(super) fn of_look(source: OpenStackError) -> Self {
        let code = (source.code() == ErrorCode::ListFailed).then_some(ErrorCode::UploadFailed);
        Self::OpenStack { source, code }
    }

    /// True where the fault is the content's: such an image fails alone, and the others go on.
    pub(super) fn affects_only_image(&self) -> bool {
        match self {
            Self::Source(_) | Self::Import { .. } | Self::NoCopy => true,
            Self::ImportRefused { source, .. } => !source.is_silence(),
            Self::Mismatch { is_source, .. } => *is_source,
            Self::Transfer(error) => matches!(error, TransferError::Source(_)),
            Self::Upload { .. }
            | Self::OpenStack { .. }
            | Self::NotStored(_)
            | Self::SaveTimedOut { .. }
            | Self::NotVerifiable { .. }
            | Self::Changed(_)
            | Self::Stopped(_)
            | Self::Lost => false,
        }
    }

    /// True where the region said, or showed, that it could not import or fetch a content.
    pub(super) fn is_failed_import(&self) -> bool {
        matches!(
            self,
            Self::Import { .. } | Self::ImportRefused { .. } | Self::NoCopy
        )
    }

    /// True where it may come of content that was staged only in part.
    pub(super) fn may_be_of_cut_content(&self) -> bool {
        match self {
            Self::Import { .. } => true,
            // What the region did not take is not staged.
            Self::ImportRefused { source, .. } => source.status() == Some(409),
            Self::Mismatch { is_source, .. } => !is_source,
            _ => false,
        }
    }

    /// True where it says that a content is not the master's, or can never be compared with it.
    pub(super) fn is_verdict(&self) -> bool {
        match self {
            Self::Mismatch { .. } | Self::NotVerifiable { .. } => true,
            Self::Source(error) => error.code() == ErrorCode::SourceUnsupported,
            _ => false,
        }
    }

    /// True where it may help to send the content again, once it is known what became of the image.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Transfer(TransferError::OpenStack(source)) | Self::OpenStack { source, .. } => {
                // The image is not what it was: it has to be looked at.
                source.is_transient() || matches!(source.status(), Some(404 | 409 | 410))
            }
            Self::Transfer(error) => !matches!(error, TransferError::Source(_)),
            Self::NotStored(_) => true,
            _ => false,
        }
    }

    /// True where the region may have the content, or still get it, in spite of this.
    pub(super) fn leaves_doubt(&self) -> bool {
        match self {
            Self::Transfer(TransferError::OpenStack(source)) => {
                source.is_uncertain()
                    || source.is_silence()
                    || matches!(source.status(), Some(401 | 404 | 409 | 410 | 429))
            }
            Self::Transfer(error) => !matches!(error, TransferError::Source(_)),
            Self::NotStored(_) | Self::Stopped(_) => true,
            _ => false,
        }
    }

    /// True where the region gave no answer at all.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::OpenStack { source, .. } | Self::ImportRefused { source, .. } if source.is_silence())
    }

    /// How long the server asked to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transfer(TransferError::OpenStack(source)) | Self::OpenStack { source, .. } => {
                source.retry_after()
            }
            _ => None,
        }
    }

    /// True where the server says that the fault is its own.
    pub(super) fn is_server_fault(&self) -> bool {
        match self {
            Self::Transfer(TransferError::OpenStack(source)) => source.status() == Some(500),
            _ => false,
        }
    }

    /// The failure of an upload, with all that was tried.
    pub(super) fn after(self, call: CallRecord) -> Self {
        match self {
            Self::Transfer(TransferError::OpenStack(error)) => {
                Self::Transfer(error.after(call.tries, call.elapsed).into())
            }
            Self::Transfer(source) if !matches!(source, TransferError::Source(_)) => Self::Upload {
                source,
                call: Box::new(call),
            },
            other => other,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::OpenStack { source, code } => code.unwrap_or_else(|| source.code()),
            Self::Transfer(error) | Self::Upload { source: error, .. } => error.code(),
            Self::Source(error) => error.code(),
            Self::Mismatch { .. } => ErrorCode::ChecksumMismatch,
            Self::NotStored(_) => ErrorCode::UploadFailed,
            Self::SaveTimedOut { .. } => ErrorCode::SaveTimedOut,
            Self::Import { way, .. } => import_code(*way),
            Self::NoCopy => ErrorCode::PullFailed,
            Self::ImportRefused { source, way } => match source.code() {
                ErrorCode::ImportFailed => import_code(*way),
                other => other,
            },
            Self::NotVerifiable { .. } => ErrorCode::NotVerifiable,
            Self::Changed(_) => ErrorCode::UpdateFailed,
            Self::Stopped(cause) => stopped_code(*cause),
            Self::Lost => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::OpenStack { source, code: None } => source.hint(),
            Self::Transfer(error) | Self::Upload { source: error, .. } => error.hint(),
            Self::Source(error) => error.hint(),
            other => other.code().hint(),
        }
    }

    /// The public error.
    pub(super) fn into_failure(self, image: &str, action: ActionKind) -> Failure {
        Failure {
            image: Some(image.to_owned()),
            action: Some(action),
            ..Failure::new(self.code(), self.to_string(), self.hint())
        }
    }
}

/// The code of an import or a pull that failed.
fn import_code(way: DeliveryWay) -> ErrorCode {
    match way {
        DeliveryWay::Pull => ErrorCode::PullFailed,
        DeliveryWay::Upload | DeliveryWay::Import => ErrorCode::ImportFailed,
    }
}

/// Says that a region has an image of the master's, and is left alone.
pub(super) fn master_by_image(region: &RegionName, image: &ImageId) -> Warning {
    let message = format!(
        "{region} is the master region under another name (both have the image {image}, created at the same time), and is skipped"
    );
    Warning::new(WarningCode::MasterRegionSkipped, message).image_id(image)
}

pub(super) fn failure_of_image(failure: &PlannedFailure) -> Failure {
    Failure {
        image: Some(failure.image.clone()),
        action: Some(failure.action),
        ..Failure::new(failure.code, failure.message.clone(), failure.hint)
    }
}
