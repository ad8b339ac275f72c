//! The options of a run, by what they are about.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{ConfigArgs, Format, MessageArgs};
use super::verb::Verb;
use crate::cli::known_regions;
use crate::cli::lock_wait::{LockWait, UNLIMITED};
use crate::engine::FailOn;
use crate::event::Mode;
use crate::model::{Bandwidth, RegionSelector, TimeSpan};

/// Everything about a run.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// What is done.
    #[arg(skip)]
    pub(in crate::cli) verb: Verb,

    /// Of `apply`, what is carried out.
    #[arg(skip)]
    pub(in crate::cli) saved_plan: Option<SavedPlanArgs>,

    #[command(flatten)]
    pub(in crate::cli) choice: ChoiceArgs,
    #[command(flatten)]
    pub(in crate::cli) scope: ScopeArgs,
    #[command(flatten)]
    pub(in crate::cli) pace: PaceArgs,
    #[command(flatten)]
    pub(in crate::cli) failure: FailureArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::cli) messages: MessageArgs,
    #[command(flatten)]
    pub(in crate::cli) config: ConfigArgs,
}

/// Which plan is carried out.
#[derive(Debug, Args)]
pub(in crate::cli) struct SavedPlanArgs {
    /// A plan that `glancesync plan --out FILE` wrote
    #[arg(value_name = "FILE")]
    pub(in crate::cli) plan_file: PathBuf,

    /// Refuse a plan that is older, such as 90m or 7d
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub(in crate::cli) max_age: TimeSpan,
}

/// Everything about `apply`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArgs {
    #[command(flatten)]
    pub(super) saved_plan: SavedPlanArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// Which command is meant where none is named.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is done, without a command")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line by itself"
)]
pub(in crate::cli) struct ChoiceArgs {
    /// As `plan`: print what a sync would do, change nothing
    #[arg(short = 'n', long, group = "mode")]
    dry_run: bool,

    /// As `status`
    #[arg(long, group = "mode")]
    show_status: bool,

    /// As `regions`
    #[arg(long, group = "mode")]
    show_regions: bool,

    /// As `backup`
    #[arg(long, group = "mode")]
    make_backup: bool,
}

/// Which regions, and which images.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which regions and images")]
pub(in crate::cli) struct ScopeArgs {
    /// Regions: `Region`, `target:Region`, or `target:` for all of a target
    /// [default: all regions of `master`]
    #[arg(value_name = "REGION", add = known_regions::completer())]
    pub(in crate::cli) regions: Vec<RegionSelector>,

    /// All regions of all targets
    #[arg(long, conflicts_with = "regions")]
    pub(in crate::cli) all: bool,

    /// Not this region, or with `target:` none of a target (may be repeated)
    #[arg(long, value_name = "REGION", add = known_regions::completer())]
    pub(in crate::cli) exclude: Vec<RegionSelector>,

    /// Only the images whose names match GLOB, such as 'base*' or '{a,b}*', and
    /// the kernels and ramdisks that they need (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) image: Vec<String>,

    /// Leave out the images whose names match GLOB (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) exclude_image: Vec<String>,
}

/// How many at once, and how fast.
#[derive(Debug, Args)]
#[command(next_help_heading = "How many, how fast")]
pub(in crate::cli) struct PaceArgs {
    /// End after this wave [default: after the last] [key: `main.waves`]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) until_wave: Option<String>,

    /// Several regions at once, and a log file for each region
    #[arg(long)]
    pub(in crate::cli) parallel: bool,

    /// Regions at once with --parallel [default: 4] [key: `main.max_children`]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) max_children: Option<u16>,

    /// Contents under way in one region at once, at most [default: 1] [key: `transfers`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) transfers: Option<u16>,

    /// Bytes a second to each region at most, such as 20M (MiB), or a timetable such
    /// as '08:00,5M 19:00,off'; 0 for no limit [default: no limit] [key: `bwlimit`]
    #[arg(long, value_name = "RATE")]
    pub(in crate::cli) bwlimit: Option<Bandwidth>,

    /// After this time, such as 90m or 6h, begin nothing more
    /// [default: no limit] [key: `main.max_duration`]
    #[arg(long, value_name = "DURATION")]
    pub(in crate::cli) max_duration: Option<TimeSpan>,
}

/// What is a failure, and what follows from one.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is a failure")]
pub(in crate::cli) struct FailureArgs {
    /// After an image failed, go on with the other images of that region
    /// [default: stop there; other regions always go on] [key: `main.keep_going`]
    #[arg(long)]
    pub(in crate::cli) keep_going: bool,

    /// Exit with 1 when an image has such a status [default: never for a status]
    #[arg(long, value_name = "STATUS")]
    pub(in crate::cli) fail_on: Option<FailOnArg>,

    /// If another run is under way, wait for its end, at most DURATION, such as
    /// 90s or 10m; without DURATION, as long as it takes [default: exit with 3]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = UNLIMITED)]
    pub(in crate::cli) wait_lock: Option<LockWait>,
}

/// What is printed, and where to.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is printed")]
pub(in crate::cli) struct OutputArgs {
    /// Format of standard output: csv, table, json or html of a status; csv, table
    /// or json of images; otherwise text or json [default: csv, otherwise text]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    pub(in crate::cli) format: Option<Format>,

    /// Also write the plan into FILE, for `glancesync apply` [default: only printed]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,

    /// Print the plan that is in FILE, as text, table, html or json; no cloud is
    /// asked [default: a new plan is made]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) read: Option<PathBuf>,

    /// Also the images that no rule selects any more, as csv or table; json and html
    /// always have them
    #[arg(long)]
    pub(in crate::cli) orphans: bool,

    /// How often to say what is under way, where no bars show it, such as 30s or
    /// 5m; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub(in crate::cli) stats: TimeSpan,

    /// Write the results into FILE, in Prometheus' text format
    /// [default: not written]
    #[arg(long, value_name = "FILE", conflicts_with = "show_regions")]
    pub(in crate::cli) metrics_file: Option<PathBuf>,
}

/// `--fail-on`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum FailOnArg {
    /// Any `error_*` or `pending_*`; after a sync, one that is still there
    Pending,
    /// Any `error_*`
    Error,
}

impl From<FailOnArg> for FailOn {
    fn from(choice: FailOnArg) -> Self {
        match choice {
            FailOnArg::Pending => Self::Pending,
            FailOnArg::Error => Self::Error,
        }
    }
}

impl RunArgs {
    /// What the events call what is done.
    pub(in crate::cli) fn mode(&self) -> Mode {
        match self.verb {
            Verb::Apply if self.choice.dry_run => Mode::DryRun,
            verb => verb.mode(),
        }
    }

    /// `--format`, or what its verb prints by default; an error where the verb has no such format.
    pub(in crate::cli) fn output_format(&self) -> Result<Format, String> {
        let formats: &[Format] = match self.verb {
            Verb::Status => &[Format::Csv, Format::Table, Format::Json, Format::Html],
            Verb::Images => &[Format::Csv, Format::Table, Format::Json],
            Verb::Plan if self.output.read.is_some() => {
                &[Format::Text, Format::Table, Format::Html, Format::Json]
            }
            _ => &[Format::Text, Format::Json],
        };
        let wanted = self.output.format.unwrap_or(formats[0]);
        if formats.contains(&wanted) {
            return Ok(wanted);
        }
        let names: Vec<String> = formats.iter().map(|format| format.name()).collect();
        Err(format!(
            "`{}` has no `--format {}`; it has {}",
            self.verb.command(),
            wanted.name(),
            names.join(", ")
        ))
    }

    /// The overrides of the configuration, those of options with a key of their own among them.
    pub(in crate::cli) fn overrides(&self) -> Vec<String> {
        let max_children = self
            .pace
            .max_children
            .map(|number| format!("main.max_children={number}"));
        let transfers = self.pace.transfers.iter();
        let transfers = transfers.map(|number| format!("transfers={number}"));
        let bwlimit = self
            .pace
            .bwlimit
            .iter()
            .map(|rate| format!("bwlimit={rate}"));
        let max_duration = self.pace.max_duration.iter();
        let max_duration = max_duration.map(|span| format!("main.max_duration={span}"));
        let overrides = self.config.overrides().into_iter();
        overrides
            .chain(max_children)
            .chain(transfers)
            .chain(bwlimit)
            .chain(max_duration)
            .collect()
    }
}
