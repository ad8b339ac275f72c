//! What every mode needs: an actix system, a reporter, the checked configuration.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use super::args::{ConfigArgs, MessageArgs};
use super::error::CliError;
use super::findings::Findings;
use super::output::{self, OutputError};
use super::signals::Signals;
use crate::config::{Draft, Environment, Settings, Sources};
use crate::engine::{StartError, StopSignal};
use crate::event::{Events, Failure};
use crate::exit_codes;
use crate::host::{file_limit, raise_file_limit, regions_at_once};
use crate::model::{ContentSource, ErrorCode, TargetName, TimeSpan};
use crate::report::{
    LogFormat, LoggedRuns, OneLine, ReportOptions, Reporter, ReporterHandle, RunSummary, Terminal,
    Verbosity, format, init_tracing, tell_errors, tell_warnings,
};

/// So long the configuration may be read without a word.
const SILENCE: Duration = Duration::from_secs(3);

/// How often it is said what is under way, unless the command line says it.
pub(super) const STATS: TimeSpan = TimeSpan::from_secs(60);

/// A mode at work.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) events: Events,
    pub(super) terminal: Terminal,
    signals: Signals,
    reporter: ReporterHandle,
}

/// Starts the system, reads the configuration, has the mode `check` what else may be wrong, and hands
/// all to the mode, whose exit code counts. What is wrong is said at once.
pub(super) fn run<F>(
    messages: &MessageArgs,
    stats: TimeSpan,
    sources: &Sources,
    check: impl FnOnce(&Draft, &mut Findings),
    mode: impl FnOnce(Session) -> F,
) -> u8
where
    F: Future<Output = Result<u8, CliError>>,
{
    let terminal = Terminal::stderr(messages.terminal_options());
    // Fails only where tracing is set up already, by whoever embeds this.
    let _ = init_tracing(&terminal);
    report_panics();
    if let Err(error) = raise_file_limit() {
        let error = CliError::from(error);
        return output::end_with(&terminal, &error.failures(), error.exit_code());
    }
    let system = actix::System::new();
    let code = system.block_on(async {
        let signals = Signals::listen(terminal.clone())
            .map_err(|error| CliError::Machine(format!("signals cannot be taken: {error}")));
        let loaded = match signals {
            Ok(signals) => load(sources, &terminal).await.map(|draft| (signals, draft)),
            Err(error) => Err(error),
        };
        let result = match loaded {
            Ok((signals, draft)) => {
                let settings = match Findings::of(draft, check) {
                    Ok(settings) => settings,
                    Err(found) => return found.tell(&terminal),
                };
                let reporter = Reporter::start(ReportOptions {
                    terminal: terminal.clone(),
                    log_dir: settings.log_dir.clone(),
                    logged_runs: logged_runs(&settings),
                    stats: Some(stats.0).filter(|interval| !interval.is_zero()),
                });
                let session = Session {
                    events: reporter.events(),
                    terminal: terminal.clone(),
                    signals,
                    reporter,
                    settings,
                };
                session.warn();
                let master = session.settings.target(&TargetName::master());
                let doubts = master.map_or_else(Vec::new, |master| master.doubts.clone());
                mode(session).await.map_err(|error| (error, doubts))
            }
            Err(error) => Err((error, Vec::new())),
        };
        result.unwrap_or_else(|(error, doubts)| {
            if let CliError::Config(errors) | CliError::Start(StartError::Config(errors)) = &error {
                tell_warnings(&terminal, &errors.1);
            }
            let mut failures = error.failures();
            if matches!(error, CliError::Start(StartError::Master(_))) {
                for failure in &mut failures {
                    failure.add_doubts(&doubts);
                }
            }
            output::end_with(&terminal, &failures, error.exit_code())
        })
    });
    terminal.clear();
    code
}

/// Reads the configuration, which may come out of a pipe: signals are heard meanwhile, and a person is
/// told what is waited for.
async fn load(sources: &Sources, terminal: &Terminal) -> Result<Draft, CliError> {
    let wanted = sources.clone();
    let mut loading = tokio::task::spawn_blocking(move || Draft::read(&wanted));
    let loaded = tokio::select! {
        loaded = &mut loading => loaded,
        () = tokio::time::sleep(SILENCE) => {
            let file = sources.config_file.as_ref();
            let file = file.map_or_else(String::new, |file| format!(" ({})", file.display()));
            terminal.say(&format!("still waiting for the configuration{file}"));
            loading.await
        }
    };
    let lost = |error: tokio::task::JoinError| CliError::Machine(error.to_string());
    loaded.map_err(lost)
}

/// Says that what a finished run came to could not be printed, and gives the exit code.
pub(super) fn output_lost(
    terminal: &Terminal,
    summary: &RunSummary,
    error: OutputError,
    exit_code: u8,
) -> u8 {
    tell_errors(terminal, &CliError::from(error).failures());
    say_summary(terminal, summary);
    exit_code.max(exit_codes::FAILED)
}

/// Puts the summary on standard error, where standard output does not hold it. Events have it in
/// `run_finished`.
pub(super) fn say_summary(terminal: &Terminal, summary: &RunSummary) {
    if terminal.log_format() == LogFormat::Json {
        return;
    }
    let mut text = Vec::new();
    // Writing into memory does not fail.
    let _ = format::summary_text(&mut text, summary, terminal.style());
    terminal.say(&String::from_utf8_lossy(&text));
    // What makes the exit code another than 0 is no summary, and is said however quiet one is.
    if terminal.verbosity() == Verbosity::Quiet
        && let Some(reason) = &summary.reason
    {
        let label = terminal.paint().red("error:");
        terminal.write(format!(
            "{label} exit code {}: {}\n",
            summary.exit_code,
            OneLine(reason)
        ));
    }
}

/// Says that a file of what the run came to could not be written: `what` says which, and why.
pub(super) fn file_lost(terminal: &Terminal, what: String) {
    let hint =
        "The rest of the run is as it was said; make room on the disk, or the folder writable.";
    tell_errors(
        terminal,
        &[Failure::new(ErrorCode::OutputUnwritable, what, hint)],
    );
}

/// Refuses a source that is not there before anything is changed.
pub(super) fn check_source(settings: &Settings) -> Result<(), String> {
    let folder = &settings.images_dir;
    if settings.source == ContentSource::Directory && !folder.is_dir() {
        return Err(format!(
            "`source` is `directory`, and the folder {} of `images_dir` is not there; with `source=glance` content comes from the master's Glance",
            folder.display()
        ));
    }
    Ok(())
}

/// What the command line and the environment say about the configuration.
pub(super) fn sources(config: &ConfigArgs, overrides: Vec<String>) -> Sources {
    Sources {
        config_file: config.file.clone(),
        overrides,
        environment: environment(),
        working_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        ..Sources::default()
    }
}

/// The variables of the environment. One that is not text is none that the configuration knows.
pub(super) fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

impl Session {
    /// From now on signals stop the run step by step.
    pub(super) fn stop_signal(&self) -> StopSignal {
        self.signals.orderly()
    }

    /// Waits until everything that was reported is written.
    pub(super) async fn finish(self) -> Result<RunSummary, CliError> {
        Ok(self.reporter.finish().await?)
    }

    /// Says so where the system has room for fewer regions at once than are wanted.
    pub(super) fn say_how_many_at_once(&self) {
        let (wanted, possible) = (self.settings.max_children, regions_at_once());
        if wanted > possible {
            self.terminal.say(&format!(
                "at most {possible} regions at once, and not {wanted}: this process may have only {} files open (`ulimit -n`)",
                file_limit()
            ));
        }
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
/// Which runs leave region logs, by whether somebody said where.
pub(super) fn logged_runs(settings: &Settings) -> LoggedRuns {
    if settings.log_dir_is_set {
        LoggedRuns::EverySync
    } else {
        LoggedRuns::Parallel
    }
}
