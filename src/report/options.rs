//! What a reporter is started with.

use std::path::PathBuf;
use std::time::Duration;

use super::terminal::Terminal;
use crate::event::Mode;

/// Which runs leave region logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedRuns {
    /// Syncs and dry runs with `--parallel`.
    Parallel,
    /// Those, and every sync: somebody said where logs are kept.
    EverySync,
}

impl LoggedRuns {
    /// Whether a run of that kind leaves region logs.
    pub fn include(self, mode: Mode, parallel: bool) -> bool {
        match mode {
            Mode::Sync | Mode::Apply => parallel || self == Self::EverySync,
            Mode::DryRun => parallel,
            _ => false,
        }
    }
}

/// Where reports go.
#[derive(Clone)]
pub struct ReportOptions {
    /// Standard error.
    pub terminal: Terminal,
    /// Where the folder of region logs is made. It is made when
    /// [`RunStarted`](crate::event::EventKind::RunStarted) comes.
    pub log_dir: PathBuf,
    /// Which runs leave region logs there.
    pub logged_runs: LoggedRuns,
    /// How often it is said what is under way, where no bars show it; none for never.
    pub stats: Option<Duration>,
}
