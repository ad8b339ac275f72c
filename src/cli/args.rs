//! The types of the command line: those of a run, and what commands share; the commands' own are in
//! `commands`.

mod commands;
mod mistake;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(super) use commands::{
    CheckConfigArgs, CompletionsArgs, DemoArgs, FleetArgs, LogsArgs, RestoreArgs, SandboxArgs,
};

use super::lock_wait::{LockWait, UNLIMITED};
use crate::engine::FailOn;
use crate::event::Mode;
use crate::model::{ByteSize, RegionSelector, TimeSpan};
use crate::report::{ColorChoice, LogFormat, TerminalOptions, Verbosity};

const EXAMPLES: &str = "\
Examples:
  glancesync demo --parallel               see it work, without any cloud
  glancesync --show-status                 every image in every region, as CSV
  glancesync --dry-run Trento              what a run would do in one region
  glancesync --parallel                    bring all regions of `master` in step
  glancesync --parallel master: other:     the regions of two targets
  glancesync --config main.max_children=8 --parallel --image 'base_*'
  glancesync check-config --online         whether every region answers
  glancesync logs --errors                 what went wrong in the newest run

A region that is called like a command is written `master:demo`.
Exit codes: 0 in order, 1 something failed, 2 wrong command line or
configuration or no master region, 3 another run is under way, 130 interrupted.";

/// Keeps the images of a fleet of OpenStack regions in step with one master region.
#[derive(Debug, Parser)]
#[command(
    version,
    override_usage = "glancesync [OPTIONS] [REGION]...\n       glancesync <COMMAND> [OPTIONS]",
    after_help = EXAMPLES,
    max_term_width = 80
)]
pub struct Cli {
    /// Another command than a run.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// What the program does besides running a fleet.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run against an embedded OpenStack on loopback: no cloud is needed
    #[command(after_help = commands::demo_help(), mut_args = commands::hide(&DemoArgs::WITHOUT_EFFECT))]
    Demo(Box<DemoArgs>),
    /// Keep such an embedded fleet running, to try things against
    #[command(after_help = commands::sandbox_help(), mut_args = commands::hide(&SandboxArgs::WITHOUT_EFFECT))]
    Sandbox(SandboxArgs),
    /// List past runs, or print the log of a region
    Logs(LogsArgs),
    /// Compare a backup with its regions, and put its metadata back
    Restore(RestoreArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the effective configuration, secrets hidden, or its errors
    CheckConfig(CheckConfigArgs),
}

/// Everything about a run.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line by itself"
)]
pub(super) struct RunArgs {
    /// Regions: `Region`, `target:Region`, or `target:` for all of a target
    /// [default: all regions of `master`]
    #[arg(value_name = "REGION")]
    pub(super) regions: Vec<RegionSelector>,

    /// All regions of all targets
    #[arg(long, conflicts_with = "regions")]
    pub(super) all: bool,

    /// Run several regions at once, with one log file per region
    /// [key: `main.max_children`]
    #[arg(long)]
    pub(super) parallel: bool,

    /// Print the plan, change nothing
    #[arg(short = 'n', long, group = "mode")]
    pub(super) dry_run: bool,

    /// Print the status of every image, change nothing
    #[arg(long, group = "mode")]
    pub(super) show_status: bool,

    /// Print the regions of every target, one per line
    #[arg(long, group = "mode")]
    pub(super) show_regions: bool,

    /// Write every image's metadata into files, of the regions chosen and of
    /// the master region
    #[arg(long, group = "mode")]
    pub(super) make_backup: bool,

    #[command(flatten)]
    pub(super) config: ConfigArgs,

    /// Only images whose name matches (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(super) image: Vec<String>,

    /// Not this region, or with `target:` none of a target (may be repeated)
    #[arg(long, value_name = "REGION")]
    pub(super) exclude: Vec<RegionSelector>,

    /// Regions at once under --parallel [default: 4]
    /// [key: `main.max_children`]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) max_children: Option<u16>,

    /// Bytes a second to each region at most, such as 20M; 0 for no limit
    /// [default: no limit] [key: `bwlimit`]
    #[arg(long, value_name = "RATE")]
    pub(super) bwlimit: Option<ByteSize>,

    /// A failed image does not stop its region
    #[arg(long)]
    pub(super) keep_going: bool,

    /// Wait for another run to end: that long, such as 90s or 10m; without DURATION
    /// as long as it takes [default: not at all]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = UNLIMITED)]
    pub(super) wait_lock: Option<LockWait>,

    /// Exit with 1 when an image has such a status [default: never for a status]
    #[arg(long, value_name = "STATUS")]
    pub(super) fail_on: Option<FailOnArg>,

    /// Write what the run came to into FILE, in Prometheus' text format
    /// [default: not written]
    #[arg(long, value_name = "FILE", conflicts_with = "show_regions")]
    pub(super) metrics_file: Option<PathBuf>,

    /// How often to say what is under way, where no bars show it, such as 30s or 5m;
    /// 0 for never
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub(super) stats: TimeSpan,

    /// Format of standard output: csv, table, json or html for --show-status,
    /// text or json otherwise [default: csv, text]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,

    #[command(flatten)]
    pub(super) messages: MessageArgs,
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Override configuration values: `section.key=value`; all words up to
    /// the next option or `--` (may be repeated)
    #[arg(
        long = "config",
        value_name = "KEY=VALUE",
        num_args = 1..,
        action = ArgAction::Append,
        global = true
    )]
    pub(super) overrides: Vec<String>,

    /// The configuration file
    /// [default: `$GLANCESYNC_CONFIG`, then `/etc/glancesync.conf`]
    #[arg(long = "config-file", value_name = "FILE", global = true)]
    pub(super) file: Option<PathBuf>,
}

/// What is said on standard error.
#[derive(Debug, Args)]
pub(super) struct MessageArgs {
    /// Format of messages and events on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    log_format: LogFormatArg,

    /// No progress bars
    #[arg(long, global = true)]
    no_progress: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub(super) color: ColorArg,

    /// Say more: every step; -vv every request, -vvv what a developer needs
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,

    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose", global = true)]
    quiet: bool,
}

/// `--fail-on`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FailOnArg {
    /// Any `error_*` or `pending_*`; after a sync, one that is still there
    Pending,
    /// Any `error_*`
    Error,
}

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// `status,region,image`
    Csv,
    /// Images by regions, one sign each
    Table,
    /// One document
    Json,
    /// A page for a browser
    Html,
}

/// `--format`, of what is either for people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DocumentFormat {
    /// For people
    Text,
    /// One document
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormatArg {
    Text,
    Json,
}

/// `--color`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ColorArg {
    Auto,
    Always,
    Never,
}

impl From<ColorArg> for ColorChoice {
    fn from(choice: ColorArg) -> Self {
        match choice {
            ColorArg::Auto => Self::Auto,
            ColorArg::Always => Self::Always,
            ColorArg::Never => Self::Never,
        }
    }
}

impl From<FailOnArg> for FailOn {
    fn from(choice: FailOnArg) -> Self {
        match choice {
            FailOnArg::Pending => Self::Pending,
            FailOnArg::Error => Self::Error,
        }
    }
}

impl MessageArgs {
    /// True where something is asked for that only a run has.
    fn is_about_a_run(&self) -> bool {
        matches!(self.log_format, LogFormatArg::Json) || self.no_progress || self.verbose > 0
    }

    pub(super) fn terminal_options(&self) -> TerminalOptions {
        TerminalOptions {
            log_format: match self.log_format {
                LogFormatArg::Text => LogFormat::Text,
                LogFormatArg::Json => LogFormat::Json,
            },
            color: self.color.into(),
            verbosity: Verbosity::from_flags(self.verbose, self.quiet),
            no_progress: self.no_progress,
        }
    }
}

impl Cli {
    /// Reads the command line, or says what is wrong with it and gives the exit code.
    pub(super) fn read() -> Result<Self, u8> {
        let words: Vec<OsString> = std::env::args_os().collect();
        Self::try_read(&words).map_err(|error| mistake::tell(&error, &words))
    }

    /// True where standard output is to hold a document of JSON.
    pub(super) fn wants_document(&self) -> bool {
        match &self.command {
            None => self.run.format == Some(Format::Json),
            Some(Command::Demo(args)) => args.run.format == Some(Format::Json),
            Some(Command::Logs(args)) => args.format == DocumentFormat::Json,
            Some(Command::Restore(args)) => args.format == DocumentFormat::Json,
            Some(Command::CheckConfig(args)) => args.format == DocumentFormat::Json,
            Some(Command::Sandbox(_) | Command::Completions(_)) => false,
        }
    }

    fn try_read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let given = |argument: &&clap::Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            !argument.is_global_set() && source == Some(ValueSource::CommandLine)
        };
        // Before another command only what is common to all is understood; the rest would be lost.
        if let Some(name) = matches.subcommand_name() {
            let lost = command.get_arguments().find(given).map(ToString::to_string);
            if let Some(lost) = lost {
                let message =
                    format!("`{lost}` belongs after the command: `glancesync {name} …`\n");
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
        Self::from_arg_matches(&matches)
    }
}

/// The commands, for one who wrote a word that is none.
pub(super) fn command_names() -> Vec<String> {
    let mut program = Cli::command();
    program.build();
    let commands = program.get_subcommands();
    commands
        .map(|command| command.get_name().to_owned())
        .collect()
}

impl RunArgs {
    /// The mode of a run; `--show-regions` is none.
    pub(super) fn mode(&self) -> Mode {
        if self.dry_run {
            Mode::DryRun
        } else if self.show_status {
            Mode::Status
        } else if self.make_backup {
            Mode::Backup
        } else {
            Mode::Sync
        }
    }

    /// `--format`, or what its mode prints by default; an error where the mode has no such format.
    pub(super) fn output_format(&self) -> Result<Format, String> {
        let formats: &[Format] = if self.show_status {
            &[Format::Csv, Format::Table, Format::Json, Format::Html]
        } else {
            &[Format::Text, Format::Json]
        };
        let wanted = self.format.unwrap_or(formats[0]);
        if formats.contains(&wanted) {
            return Ok(wanted);
        }
        let names: Vec<String> = formats.iter().map(|format| format.name()).collect();
        Err(format!(
            "`--format {}` is none of this mode, which has {}",
            wanted.name(),
            names.join(", ")
        ))
    }

    /// The overrides of the configuration, and the options that are short for one.
    pub(super) fn overrides(&self) -> Vec<String> {
        let max_children = self
            .max_children
            .map(|number| format!("main.max_children={number}"));
        let bwlimit = self.bwlimit.map(|rate| format!("bwlimit={}", rate.0));
        let overrides = self.config.overrides.iter().cloned();
        overrides.chain(max_children).chain(bwlimit).collect()
    }
}

impl Format {
    fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_read(["glancesync"].iter().chain(words))
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_fits_80_columns() {
        let help = Cli::command().render_long_help().to_string();
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{help}");
        insta::assert_snapshot!(Cli::command().render_help().to_string());
    }

    #[test]
    fn the_help_of_every_command_fits_80_columns() {
        let mut program = Cli::command();
        program.build();
        for command in program.get_subcommands_mut() {
            let name = command.get_name().to_owned();
            let help = command.render_help().to_string();
            let long = command.render_long_help().to_string();
            for text in [&help, &long] {
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(80), "{text}");
            }
            if name == "help" {
                continue;
            }
            assert!(help.contains("Examples:"), "{help}");
            // Its options are those of a run, which has its own.
            if name != "demo" {
                insta::assert_snapshot!(format!("help_{name}"), help);
            }
        }
    }

    #[test]
    fn every_option_says_its_default_or_what_it_does_without_one() {
        let mut program = Cli::command();
        program.build();
        let commands = program.get_subcommands().chain([&program]);
        for command in commands {
            for argument in command.get_arguments() {
                let help = argument.get_help().unwrap_or_default().to_string();
                assert!(!help.is_empty(), "{argument}");
                let is_flag = !argument.get_action().takes_values();
                let says = help.contains("[default") || !argument.get_default_values().is_empty();
                let is_repeated = help.contains("may be repeated");
                assert!(
                    is_flag || says || is_repeated || argument.is_required_set(),
                    "{argument}: {help}"
                );
            }
        }
    }

    #[test]
    fn modes_exclude_each_other() {
        for pair in [
            ["--dry-run", "--show-status"],
            ["--show-status", "--show-regions"],
            ["--dry-run", "--show-regions"],
            ["--make-backup", "--show-status"],
        ] {
            let error = parse(&pair).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{error}");
        }
    }

    #[test]
    fn config_takes_all_words_up_to_the_next_option() {
        let cli = parse(&["--config", "a=1", "b.c=x=y", "--parallel", "Trento"]).unwrap();
        assert_eq!(cli.run.config.overrides, ["a=1", "b.c=x=y"]);
        assert_eq!(cli.run.regions.len(), 1);
        let cli = parse(&["--config", "a=1", "--", "Trento"]).unwrap();
        assert_eq!(cli.run.config.overrides, ["a=1"]);
        assert_eq!(cli.run.regions[0].to_string(), "Trento");
    }

    #[test]
    fn a_region_called_like_a_command_is_written_with_its_target() {
        assert!(matches!(
            parse(&["demo"]).unwrap().command,
            Some(Command::Demo(_))
        ));
        let cli = parse(&["master:demo"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.run.regions[0].to_string(), "demo");
    }

    #[test]
    fn what_all_commands_share_may_stand_before_them() {
        let cli = parse(&[
            "--config-file",
            "f",
            "-v",
            "check-config",
            "--config",
            "a=1",
        ])
        .unwrap();
        let Some(Command::CheckConfig(args)) = cli.command else {
            panic!()
        };
        assert_eq!(args.config.file.as_deref(), Some("f".as_ref()));
        assert_eq!(args.config.overrides, ["a=1"]);
        let error = parse(&["--parallel", "demo"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("`--parallel` belongs after"),
            "{error}"
        );
        assert!(parse(&["demo", "--parallel"]).is_ok());
    }

    #[test]
    fn a_mode_has_its_own_formats() {
        let format = |words: &[&str]| parse(words).unwrap().run.output_format();
        assert_eq!(format(&["--show-status"]), Ok(Format::Csv));
        assert_eq!(format(&[]), Ok(Format::Text));
        assert!(format(&["--format", "csv"]).is_err());
        assert!(format(&["--show-status", "--format", "text"]).is_err());
    }
}
