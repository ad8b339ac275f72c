//! What a reporter is started with.

use std::path::PathBuf;

use super::terminal::Terminal;

/// Where reports go.
#[derive(Clone)]
pub struct ReportOptions {
    /// Standard error.
    pub terminal: Terminal,
    /// Where the folder of region logs is made, for a parallel sync or dry run. It is made when
    /// [`RunStarted`](super::event::EventKind::RunStarted) comes.
    pub log_dir: PathBuf,
}
