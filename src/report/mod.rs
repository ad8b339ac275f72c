//! Events, and the reporter actor that fans them out: to the screen, region logs, NDJSON and the
//! summary. Nothing else writes to a terminal or a log file.
//!
//! Every module sends through [`Events`](crate::event::Events); the [`Reporter`] receives, and hands each report to its
//! sinks. What goes to standard output is written by the functions of [`mod@format`], which the command
//! line calls once the run is over.

mod action_words;
mod actor;
mod color_choice;
#[cfg(test)]
mod events_page;
#[cfg(test)]
mod fixtures;
pub mod format;
mod lines;
mod log_record;
mod logging;
#[cfg(test)]
mod looks;
mod messages;
mod ndjson;
mod open_actions;
mod options;
mod past_log;
mod progress;
mod region_log;
mod reporter;
mod run_id;
mod run_record;
mod startup_errors;
mod style;
mod summary;
mod summary_builder;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod warnings;

pub use actor::{Finish, Reporter, ReporterHandle, ReporterLost};
pub use color_choice::ColorChoice;
pub use logging::init_tracing;
#[cfg(test)]
pub(crate) use looks::looks;
pub use options::{LoggedRuns, ReportOptions};
pub use past_log::{
    LogLevel, LogLine, LogReader, LoggedRegion, log_files, logged_regions, open_log,
};
pub use run_id::RunId;
pub use startup_errors::{tell_errors, tell_warnings};
pub use style::{Paint, Style};
pub use summary::{RegionSummary, RunSummary, SlowestRegion, Standing};
pub use terminal::{LogFormat, Terminal, TerminalOptions, Verbosity, stdout_width};
pub use text::OneLine;
