//! What each command takes besides a run.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::{ConfigArgs, DocumentFormat, MessageArgs};
use crate::cli::lock_wait::{LockWait, UNLIMITED};
use crate::model::RegionName;

const CHECK_CONFIG_EXAMPLES: &str = "\
Examples:
  glancesync check-config                  what counts, and where it is set
  glancesync check-config --online         whether every region answers
  glancesync check-config --format json | jq '.values[]'

Exit codes: 0 in order, 1 a target or region does not answer, 2 the
configuration is wrong.";

const LOGS_EXAMPLES: &str = "\
Examples:
  glancesync logs                          the past runs, newest first
  glancesync logs Trento                   Trento's log of the newest run
  glancesync logs --errors                 what went wrong in the newest run
  glancesync logs --follow                 all regions of a run under way
  glancesync logs sync_20261124_0315       what that run came to
  glancesync logs sync_20261124_0315 other:Berlin --errors

A lone word that names no run is a region. Only runs with --parallel leave
logs: one after another, regions tell everything on standard error.
Exit codes: 0 printed, 2 no such run or region.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  glancesync restore backup_glance_20261124_031500
  glancesync restore backup_glance_20261124_031500 Trento --apply
  glancesync restore DIR --format json |
      jq '.regions[] | {region} + .images[]'

Images are matched by their id. No content is touched, and no image is created
or deleted: what is gone, or fixed by Glance, is named and left as it is. The
master region is never written to.
Exit codes: 0 compared or put back, 1 a region or an image failed, 2 wrong
command line, configuration or backup, 3 another run is under way.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  glancesync completions bash > /etc/bash_completion.d/glancesync
  glancesync completions zsh > ~/.zfunc/_glancesync
  glancesync completions fish > ~/.config/fish/completions/glancesync.fish";

/// Everything about `check-config`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_CONFIG_EXAMPLES)]
pub(in crate::cli) struct CheckConfigArgs {
    /// Log in to every target, and say of each region whether it answers;
    /// changes nothing [default: no cloud is asked]
    #[arg(long)]
    pub(in crate::cli) online: bool,

    #[command(flatten)]
    pub(in crate::cli) config: ConfigArgs,

    /// Format of standard output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: DocumentFormat,

    #[command(flatten)]
    pub(in crate::cli) messages: MessageArgs,
}

/// Everything about `logs`.
#[derive(Debug, Args)]
#[command(after_help = LOGS_EXAMPLES)]
pub(in crate::cli) struct LogsArgs {
    /// A run, as `glancesync logs` lists it [default: the newest]
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: Option<String>,

    /// Print the log of this region [default: what the run came to]
    #[arg(value_name = "REGION")]
    pub(in crate::cli) region: Option<String>,

    /// Only what went wrong, and what to do about it, over all regions
    /// [default: everything]
    #[arg(long)]
    pub(in crate::cli) errors: bool,

    /// Go on printing until the run is over [default: what is there]
    #[arg(long)]
    pub(in crate::cli) follow: bool,

    #[command(flatten)]
    pub(in crate::cli) config: ConfigArgs,

    /// Format of standard output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: DocumentFormat,

    #[command(flatten)]
    pub(in crate::cli) messages: MessageArgs,
}

/// Everything about `restore`.
#[derive(Debug, Args)]
#[command(after_help = RESTORE_EXAMPLES)]
pub(in crate::cli) struct RestoreArgs {
    /// The folder that `--make-backup` wrote; its name will do where it lies in
    /// `log_dir`
    #[arg(value_name = "FOLDER")]
    pub(in crate::cli) folder: PathBuf,

    /// Only this region [default: all that the backup holds]
    #[arg(value_name = "REGION")]
    pub(in crate::cli) region: Option<RegionName>,

    /// Put the metadata back [default: print what would be put back]
    #[arg(long)]
    pub(in crate::cli) apply: bool,

    /// Wait for another run to end, with --apply: that long, such as 90s or
    /// 10m; without DURATION as long as it takes [default: not at all]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = UNLIMITED)]
    pub(in crate::cli) wait_lock: Option<LockWait>,

    #[command(flatten)]
    pub(in crate::cli) config: ConfigArgs,

    /// Format of standard output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: DocumentFormat,

    #[command(flatten)]
    pub(in crate::cli) messages: MessageArgs,
}

/// Everything about `sandbox`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SandboxArgs {
    /// Write the variables into FILE, whole, once the fleet answers
    /// [default: printed]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) env_file: Option<PathBuf>,
}

/// Everything about `completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(in crate::cli) shell: Shell,
}
