//! What every mode needs: an actix system, a reporter, the checked configuration.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use super::args::{ConfigArgs, MessageArgs};
use super::signals::Signals;
use crate::config::{ConfigErrors, Settings, Sources};
use crate::engine::{
    EXIT_FAILED, EXIT_INTERRUPTED, EXIT_LOCKED, EXIT_USAGE, StartError, StopSignal,
};
use crate::model::{ContentSource, ErrorCode};
use crate::report::event::Failure;
use crate::report::{
    Events, ReportOptions, Reporter, ReporterHandle, RunSummary, Terminal, init_tracing,
};
use crate::state::{FolderError, LockError};

/// A mode at work.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) events: Events,
    pub(super) terminal: Terminal,
    signals: Signals,
    reporter: ReporterHandle,
}

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
    /// Another run is under way.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// No backup can be written.
    #[error("the folder of the backup cannot be made: {0}")]
    Backup(#[from] FolderError),
    /// Something of this machine.
    #[error("{0}")]
    Machine(String),
}

impl CliError {
    pub(super) fn failures(&self) -> Vec<Failure> {
        let failure = |code: ErrorCode, message: String, hint: &str| Failure {
            code,
            message,
            hint: hint.to_owned(),
            image: None,
            action: None,
        };
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
            Self::Start(error) => vec![failure(error.code(), error.to_string(), error.hint())],
            Self::Usage(what) => vec![failure(
                ErrorCode::ConfigInvalid,
                what.clone(),
                "See `glancesync --help`.",
            )],
            Self::Locked(_) => {
                let code = ErrorCode::RunLocked;
                vec![failure(code, self.to_string(), code.hint())]
            }
            Self::Backup(_) => {
                let code = ErrorCode::BackupFailed;
                vec![failure(code, self.to_string(), code.hint())]
            }
            Self::Machine(what) => vec![failure(
                ErrorCode::Internal,
                what.clone(),
                "Nothing was changed.",
            )],
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Locked(_) => EXIT_LOCKED,
            Self::Start(StartError::Interrupted) => EXIT_INTERRUPTED,
            Self::Machine(_)
            | Self::Start(StartError::SelectionLost | StartError::CoordinatorLost) => EXIT_FAILED,
            _ => EXIT_USAGE,
        }
    }
}

/// Starts the system, reads the configuration, and hands both to a mode, whose exit code counts.
pub(super) fn run<F>(
    messages: &MessageArgs,
    sources: &Sources,
    mode: impl FnOnce(Session) -> F,
) -> u8
where
    F: Future<Output = Result<u8, CliError>>,
{
    let terminal = Terminal::stderr(messages.terminal_options());
    // Fails only where tracing is set up already, by whoever embeds this.
    let _ = init_tracing(&terminal);
    report_panics();
    let system = actix::System::new();
    let code = system.block_on(async {
        let signals = Signals::listen(terminal.clone())
            .map_err(|error| CliError::Machine(format!("signals cannot be taken: {error}")));
        let loaded = signals.and_then(|signals| Ok((signals, Settings::load(sources)?)));
        let result = match loaded {
            Ok((signals, settings)) => {
                let reporter = Reporter::start(ReportOptions {
                    terminal: terminal.clone(),
                    log_dir: settings.log_dir.clone(),
                });
                let session = Session {
                    events: reporter.events(),
                    terminal: terminal.clone(),
                    signals,
                    reporter,
                    settings,
                };
                session.warn();
                mode(session).await
            }
            Err(error) => Err(error),
        };
        result.unwrap_or_else(|error| {
            terminal.errors(error.failures());
            error.exit_code()
        })
    });
    terminal.clear();
    code
}

/// Says that what the run came to could not be written for the monitoring system.
pub(super) fn metrics_lost(terminal: &Terminal, error: &std::io::Error) {
    terminal.errors(vec![Failure {
        code: ErrorCode::Internal,
        message: format!("the file of --metrics-file could not be written: {error}"),
        hint: "The run itself is over; make room on the disk, or the folder writable.".to_owned(),
        image: None,
        action: None,
    }]);
}

/// What the command line and the environment say about the configuration.
pub(super) fn sources(config: &ConfigArgs, overrides: Vec<String>) -> Sources {
    // A variable that is no text is none that the configuration knows.
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Sources {
        config_file: config.file.clone(),
        overrides,
        environment,
        working_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        ..Sources::default()
    }
}

impl Session {
    /// From now on signals stop the run step by step.
    pub(super) fn stop_signal(&self) -> StopSignal {
        self.signals.orderly()
    }

    /// Waits until everything that was reported is written.
    pub(super) async fn finish(self) -> Result<RunSummary, CliError> {
        self.reporter
            .finish()
            .await
            .map_err(|error| CliError::Machine(error.to_string()))
    }

    /// Refuses a source that is not there before anything is changed.
    pub(super) fn check_source(&self) -> Result<(), CliError> {
        let folder = &self.settings.images_dir;
        if self.settings.source == ContentSource::Directory && !folder.is_dir() {
            return Err(CliError::Usage(format!(
                "`source` is `directory`, and the folder {} of `images_dir` is not there; with `source=glance` content comes from the master's Glance",
                folder.display()
            )));
        }
        Ok(())
    }

    fn warn(&self) {
        for warning in &self.settings.warnings {
            self.events.warning(None, warning.clone());
        }
    }
}

/// A panic is told like any other message; the region that it happened in has failed.
fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        tracing::error!("{info}");
    }));
}
