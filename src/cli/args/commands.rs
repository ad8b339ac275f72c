//! What each command takes besides a run.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::RunArgs;
use super::shared::{ConfigArgs, DocumentFormat, MessageArgs};
use super::verb::Verb;
use crate::cli::known_regions;
use crate::cli::lock_wait::{LockWait, UNLIMITED};
use crate::model::RegionName;
use crate::sandbox::demo::{NAMED_FAULTS, RegionFault};

const DEMO_EXAMPLES: &str = "\
Examples:
  glancesync demo --parallel               everything that a run does
  glancesync demo --dry-run                what it would do, and why
  glancesync demo --show-status --format table
  glancesync demo --fault quota=East       what it says when something fails
  glancesync demo --regions 60 --images 200 --dry-run";

const SANDBOX_EXAMPLES: &str = "\
Examples:
  glancesync sandbox                       prints the variables to set
  glancesync sandbox --env-file fleet.env &
                                           then, once it is there: . ./fleet.env
  glancesync sandbox --regions 20 --fault late=West --fault conflict=East";

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
  glancesync logs Trento                   Trento's log of the newest run with it
  glancesync logs --errors                 what went wrong in the newest run
  glancesync logs --follow                 all regions of a run under way
  glancesync logs sync_20261124_0315       what that run came to
  glancesync logs sync_20261124_0315 other:Berlin --errors

A lone word that names no run is a region. Runs with --parallel leave logs, and
so does every sync where `log_dir` is set.
Exit codes: 0 printed, 2 no such run or region.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  glancesync restore backup_glance_20261124_031500
  glancesync restore backup_glance_20261124_031500 Trento --apply
  glancesync restore DIR --format json |
      jq '.regions[] | {region} + .images[]'

Images are matched by id. Only metadata is restored: no content is changed, and
no image is created or deleted. What cannot be restored is listed, with the
reason. The master region is never changed.
Exit codes: 0 compared or restored, 1 a region or an image failed, 2 wrong
command line, configuration or backup, 3 another run is under way.";

const INIT_EXAMPLES: &str = "\
Examples:
  . openrc.sh && glancesync init           from the environment
  glancesync init new.conf --os-cloud production
                                           from an entry of clouds.yaml
  glancesync init fleet.conf               into a file of that name

No password is written: it stays where it is. A file that is there is left
as it is.
Exit codes: 0 written, 2 the file is there or cannot be written, or nothing
says where the cloud is.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  glancesync completions bash > /etc/bash_completion.d/glancesync
  glancesync completions zsh > ~/.zfunc/_glancesync
  glancesync completions fish > ~/.config/fish/completions/glancesync.fish

It completes commands, options, and the regions of the last run.";

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
    #[arg(value_name = "RUN", add = known_regions::completer())]
    pub(in crate::cli) run: Option<String>,

    /// Print the log of this region [default: what the run came to]
    #[arg(value_name = "REGION", add = known_regions::completer())]
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
    /// The folder of a backup; if it is in `log_dir`, its name is enough
    #[arg(value_name = "FOLDER")]
    pub(in crate::cli) folder: PathBuf,

    /// Only this region [default: all regions of the backup]
    #[arg(value_name = "REGION", add = known_regions::completer())]
    pub(in crate::cli) region: Option<RegionName>,

    /// Restore the metadata [default: print what would be restored]
    #[arg(long)]
    pub(in crate::cli) apply: bool,

    /// With --apply: if another run is under way, wait for its end, at most
    /// DURATION, such as 90s or 10m; without DURATION, as long as it takes
    /// [default: exit with 3]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = UNLIMITED, requires = "apply")]
    pub(in crate::cli) wait_lock: Option<LockWait>,

    #[command(flatten)]
    pub(in crate::cli) config: ConfigArgs,

    /// Format of standard output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: DocumentFormat,

    #[command(flatten)]
    pub(in crate::cli) messages: MessageArgs,
}

/// What an embedded fleet consists of.
#[derive(Debug, Args)]
pub(in crate::cli) struct FleetArgs {
    /// Regions of the fleet besides the master region
    #[arg(long = "regions", value_name = "N", default_value_t = 6,
        value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(in crate::cli) fleet_regions: u16,

    /// Images of the master region
    #[arg(long = "images", value_name = "N", default_value_t = 12,
        value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub(in crate::cli) fleet_images: u16,

    /// Have something go wrong in a region: NAME is one of those below (may be
    /// repeated)
    #[arg(long = "fault", value_name = "NAME=REGION")]
    pub(in crate::cli) faults: Vec<RegionFault>,
}

/// Everything about `demo`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DemoArgs {
    #[command(flatten)]
    pub(in crate::cli) fleet: FleetArgs,

    /// Keep configuration and logs when the demo ends, and say where they are
    #[arg(long)]
    pub(in crate::cli) keep: bool,

    #[command(flatten)]
    pub(in crate::cli) run: RunArgs,
}

impl DemoArgs {
    /// An error where a backup would be gone with the demo.
    pub(in crate::cli) fn check(&self) -> Result<(), String> {
        if self.run.verb == Verb::Backup && !self.keep {
            let problem = "`--make-backup` has no effect on `demo`, whose files are removed at its end: add `--keep`";
            return Err(problem.to_owned());
        }
        Ok(())
    }
}

/// Everything about `sandbox`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SandboxArgs {
    #[command(flatten)]
    pub(in crate::cli) fleet: FleetArgs,

    /// Write the variables into FILE, whole, once the fleet answers, and remove
    /// it at the end [default: printed]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) env_file: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) messages: MessageArgs,
}

/// The help of `demo`, below its options.
pub(super) fn demo_help() -> String {
    format!(
        "{}\n{DEMO_EXAMPLES}\n\n\
         The fleet is gone when the demo ends, and its files with it, unless they are\n\
         to be kept.",
        faults_help()
    )
}

/// The help of `sandbox`, below its options.
pub(super) fn sandbox_help() -> String {
    format!(
        "{}\n{SANDBOX_EXAMPLES}\n\nThe fleet lives until Ctrl-C, and its files as long.",
        faults_help()
    )
}

fn faults_help() -> String {
    let mut text = "Faults, for --fault NAME=REGION, such as `--fault down=West`:\n".to_owned();
    for fault in NAMED_FAULTS {
        // Writing into a text does not fail.
        let _ = writeln!(text, "  {:<10}{}", fault.name, fault.what);
    }
    text + "The regions are North, South, East and West, Harbour and Summit of the target\n\
            `partner`, and from the seventh on Region007 and so on.\n"
}

/// Everything about `init`.
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub(in crate::cli) struct InitArgs {
    /// The file to write [default: glancesync.conf]
    #[arg(id = "new_file", value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) config: ConfigArgs,
    #[command(flatten)]
    pub(in crate::cli) messages: MessageArgs,
}

/// Everything about `completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(in crate::cli) shell: Shell,
}

/// A shell that completes words.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    /// Its name.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }
}
