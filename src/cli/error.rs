//! Why a mode ends before it begins.

use super::output::OutputError;
use crate::config::ConfigErrors;
use crate::engine::StartError;
use crate::event::Failure;
use crate::exit_codes;
use crate::host::TooFewFiles;
use crate::model::ErrorCode;
use crate::report::ReporterLost;
use crate::state::{FolderError, LockError, StateError, state_errors};

/// Why a mode ends before it begins.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The words do not fit together.
    #[error("{0}")]
    Usage(String),
    /// The fleet could not be looked at.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No folder can keep the lock.
    #[error("without a lock nothing is changed: {}", state_errors(.0))]
    State(Vec<StateError>),
    /// Another run is under way.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// No backup can be written.
    #[error("the folder of the backup cannot be made: {0}")]
    Backup(#[from] FolderError),
    /// Standard output is full, or broken.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The reporter is gone, and with it what a run came to.
    #[error(transparent)]
    Reporter(#[from] ReporterLost),
    /// There is no room for a run.
    #[error(transparent)]
    TooFewFiles(#[from] TooFewFiles),
    /// Something of this machine, before anything was begun.
    #[error("{0}")]
    Machine(String),
}

impl CliError {
    pub(super) fn failures(&self) -> Vec<Failure> {
        let failure = Failure::new;
        let config = |errors: &ConfigErrors| {
            errors
                .0
                .iter()
                .map(|error| {
                    let code = ErrorCode::ConfigInvalid;
                    failure(code, error.to_string(), code.hint())
                })
                .collect()
        };
        match self {
            Self::Config(errors) | Self::Start(StartError::Config(errors)) => config(errors),
            Self::Start(error) => {
                let messages = error.messages().into_iter();
                messages
                    .map(|message| failure(error.code(), message, error.hint()))
                    .collect()
            }
            Self::Usage(what) => vec![failure(
                ErrorCode::ConfigInvalid,
                what.clone(),
                "See `glancesync --help`.",
            )],
            Self::Machine(what) => vec![failure(
                ErrorCode::Internal,
                what.clone(),
                "Nothing was changed.",
            )],
            Self::State(_) => self.alone(ErrorCode::StateUnwritable),
            Self::Locked(_) => self.alone(ErrorCode::RunLocked),
            Self::Backup(_) => self.alone(ErrorCode::BackupFailed),
            Self::Output(_) => self.alone(ErrorCode::OutputUnwritable),
            Self::TooFewFiles(_) => self.alone(ErrorCode::LimitTooLow),
            Self::Reporter(_) => self.alone(ErrorCode::Internal),
        }
    }

    fn alone(&self, code: ErrorCode) -> Vec<Failure> {
        vec![Failure::new(code, self.to_string(), code.hint())]
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Locked(_) => exit_codes::LOCKED,
            Self::Start(StartError::Interrupted) => exit_codes::INTERRUPTED,
            Self::Machine(_)
            | Self::Output(_)
            | Self::Reporter(_)
            | Self::Start(StartError::SelectionLost | StartError::CoordinatorLost) => {
                exit_codes::FAILED
            }
            _ => exit_codes::USAGE,
        }
    }
}
