//! The types of the command line. `Cli` is the whole of it; `run_args` has the options of a run, `verb`
//! what it does, `commands` what the other commands take, `shared` what they have in common, and
//! `limited` the options that go with some commands alone, which `goes_with` sees to.

mod commands;
mod examples;
mod goes_with;
mod limited;
mod mistake;
mod run_args;
mod shared;
mod verb;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(super) use commands::{
    CheckConfigArgs, CompletionsArgs, DemoArgs, FleetArgs, InitArgs, LogsArgs, RestoreArgs,
    SandboxArgs,
};
use run_args::ApplyArgs;
pub(super) use run_args::{RunArgs, SavedPlanArgs};
pub(super) use shared::{ConfigArgs, DocumentFormat, Format, MessageArgs};
pub(super) use verb::Verb;

/// Keeps the images of a fleet of OpenStack regions in step with one master region.
#[derive(Debug, Parser)]
#[command(
    name = "glancesync",
    version,
    override_usage = "glancesync [COMMAND] [OPTIONS] [REGION]...",
    after_help = examples::PROGRAM,
    max_term_width = 80
)]
pub struct Cli {
    /// Another command than a run.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// The options of a run, whether a command or a flag chose it.
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// What the program does; without a command a sync, or what a flag chooses.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Run(RunCommand),
    /// Compare a backup with its regions, and restore metadata with --apply
    Restore(RestoreArgs),
    /// List past runs, or print the log of a region
    Logs(LogsArgs),
    /// Write a first configuration
    Init(InitArgs),
    /// Print the effective configuration, secrets hidden, or its errors
    CheckConfig(CheckConfigArgs),
    /// Run against an embedded OpenStack on loopback: no cloud is needed
    #[command(after_help = commands::demo_help())]
    Demo(Box<DemoArgs>),
    /// Keep such an embedded fleet running, to try things against
    #[command(after_help = commands::sandbox_help())]
    Sandbox(SandboxArgs),
    /// Print what a shell needs to complete words on Tab
    Completions(CompletionsArgs),
}

/// A run, by its command.
#[derive(Debug, Subcommand)]
pub(super) enum RunCommand {
    /// Bring the regions in step with the master region
    #[command(after_help = examples::SYNC)]
    Sync(Box<RunArgs>),
    /// Print what a sync would do; changes nothing
    #[command(after_help = examples::PLAN)]
    Plan(Box<RunArgs>),
    /// Carry out a plan that `plan --out FILE` wrote
    #[command(after_help = examples::APPLY)]
    Apply(Box<ApplyArgs>),
    /// Print the status of every image in every region
    #[command(after_help = examples::STATUS)]
    Status(Box<RunArgs>),
    /// Print the regions of every target, one a line
    #[command(after_help = examples::REGIONS)]
    Regions(Box<RunArgs>),
    /// Print every image that is in step, with its id in each region
    #[command(after_help = examples::IMAGES)]
    Images(Box<RunArgs>),
    /// Write every image's metadata into files, of the regions and of the master
    #[command(after_help = examples::BACKUP)]
    Backup(Box<RunArgs>),
}

impl RunCommand {
    fn into_args(self) -> RunArgs {
        match self {
            Self::Sync(args)
            | Self::Plan(args)
            | Self::Status(args)
            | Self::Regions(args)
            | Self::Images(args)
            | Self::Backup(args) => *args,
            Self::Apply(args) => RunArgs {
                saved_plan: Some(args.saved_plan),
                ..args.run
            },
        }
    }
}

impl Cli {
    /// The definition of the command line. A command shows only the options that go with it.
    pub fn definition() -> clap::Command {
        let mut program = Self::command();
        let common = program
            .get_arguments()
            .filter(|argument| argument.is_global_set());
        let common: Vec<_> = common.cloned().collect();
        for command in program.get_subcommands_mut() {
            *command = goes_with::hide(std::mem::take(command), &common);
        }
        program
    }

    /// Reads the command line, or says what is wrong with it and gives the exit code.
    pub(super) fn read() -> Result<Self, u8> {
        let words: Vec<OsString> = std::env::args_os().collect();
        Self::try_read(&words).map_err(|error| mistake::tell(&error, &words))
    }

    /// True where standard output is to hold a document of JSON.
    pub(super) fn wants_document(&self) -> bool {
        let of_run = |args: &RunArgs| args.output.format == Some(Format::Json);
        match &self.command {
            None | Some(Command::Run(_)) => of_run(&self.run),
            Some(Command::Demo(args)) => of_run(&args.run),
            Some(Command::Logs(args)) => args.format == DocumentFormat::Json,
            Some(Command::Restore(args)) => args.format == DocumentFormat::Json,
            Some(Command::CheckConfig(args)) => args.format == DocumentFormat::Json,
            Some(Command::Sandbox(_) | Command::Completions(_) | Command::Init(_)) => false,
        }
    }

    fn try_read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut definition = Self::definition();
        let matches = definition.try_get_matches_from_mut(words)?;
        let given = |argument: &&clap::Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            !argument.is_global_set() && source == Some(ValueSource::CommandLine)
        };
        // Before another command only what is common to all is understood; the rest would be lost.
        if let Some(name) = matches.subcommand_name() {
            let lost = definition.get_arguments().find(given);
            if let Some(lost) = lost.map(ToString::to_string) {
                let message =
                    format!("`{lost}` belongs after the command: `glancesync {name} …`\n");
                return Err(definition.error(ErrorKind::ArgumentConflict, message));
            }
        }
        let mut cli = Self::from_arg_matches(&matches)?;
        let (name, words) = match matches.subcommand() {
            Some((name, words)) => (Some(name), words),
            None => (None, &matches),
        };
        cli.command = match cli.command.take() {
            Some(Command::Run(command)) => {
                cli.run = command.into_args();
                None
            }
            other => other,
        };
        let args = match &mut cli.command {
            None => Some(&mut cli.run),
            Some(Command::Demo(args)) => Some(&mut args.run),
            Some(_) => None,
        };
        let verb = args.map(|args| {
            args.verb = Verb::of(name.filter(|name| *name != "demo"), words);
            args.verb
        });
        let of_command = name.and_then(|name| definition.find_subcommand(name));
        let checked = goes_with::check(name, verb, words, of_command.unwrap_or(&definition));
        checked.map_err(|(kind, message)| definition.error(kind, message))?;
        Ok(cli)
    }
}

/// The commands, for one who wrote a word that is none.
pub(super) fn command_names() -> Vec<String> {
    let mut program = Cli::definition();
    program.build();
    let commands = program.get_subcommands();
    commands
        .map(|command| command.get_name().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_read(["glancesync"].iter().chain(words))
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::definition().debug_assert();
    }

    #[test]
    fn help_fits_80_columns() {
        let help = Cli::definition().render_long_help().to_string();
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{help}");
        insta::assert_snapshot!(Cli::definition().render_help().to_string());
    }

    #[test]
    fn the_help_of_every_command_fits_80_columns() {
        let mut program = Cli::definition();
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
        let mut program = Cli::definition();
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
        assert_eq!(cli.run.config.overrides(), ["a=1", "b.c=x=y"]);
        assert_eq!(cli.run.scope.regions.len(), 1);
        let cli = parse(&["--config", "a=1", "--", "Trento"]).unwrap();
        assert_eq!(cli.run.config.overrides(), ["a=1"]);
        assert_eq!(cli.run.scope.regions[0].to_string(), "Trento");
    }

    #[test]
    fn a_region_called_like_a_command_is_written_with_its_target() {
        assert!(matches!(
            parse(&["demo"]).unwrap().command,
            Some(Command::Demo(_))
        ));
        let cli = parse(&["master:demo"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.run.scope.regions[0].to_string(), "demo");
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
        assert_eq!(args.config.overrides(), ["a=1"]);
        let error = parse(&["--parallel", "demo"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("`--parallel` belongs after"),
            "{error}"
        );
        assert!(parse(&["demo", "--parallel"]).is_ok());
    }

    #[test]
    fn a_command_has_its_own_formats() {
        let format = |words: &[&str]| parse(words).unwrap().run.output_format();
        assert_eq!(format(&["--show-status"]), Ok(Format::Csv));
        assert_eq!(format(&[]), Ok(Format::Text));
        assert!(format(&["--format", "csv"]).is_err());
        assert!(format(&["--show-status", "--format", "text"]).is_err());
    }

    /// What is done, and the regions, by these words.
    fn done(words: &[&str]) -> (Verb, Vec<String>) {
        let mut cli = parse(words).unwrap();
        let args = match &mut cli.command {
            None => &mut cli.run,
            Some(Command::Demo(args)) => &mut args.run,
            Some(_) => panic!(),
        };
        let regions = args.scope.regions.iter().map(ToString::to_string);
        (args.verb, regions.collect())
    }

    #[test]
    fn a_command_and_its_flag_do_the_same() {
        for (command, flag, verb) in [
            ("plan", "--dry-run", Verb::Plan),
            ("status", "--show-status", Verb::Status),
            ("regions", "--show-regions", Verb::Regions),
            ("backup", "--make-backup", Verb::Backup),
        ] {
            let wanted = (verb, vec!["Trento".to_owned()]);
            assert_eq!(done(&[command, "Trento"]), wanted);
            assert_eq!(done(&[flag, "Trento"]), wanted);
            assert_eq!(done(&["demo", flag, "Trento"]), wanted);
        }
        assert_eq!(done(&["sync"]).0, Verb::Sync);
        assert_eq!(done(&[]).0, Verb::Sync);
        assert_eq!(done(&["sync", "-n"]).0, Verb::Plan);
        assert_eq!(done(&["images"]).0, Verb::Images);
    }

    #[test]
    fn an_option_that_has_no_effect_is_refused() {
        for (words, message) in [
            (
                &["status", "--keep-going"][..],
                "`--keep-going` does not go with `status`; it belongs to sync, plan, apply, demo",
            ),
            (
                &["--show-status", "--bwlimit", "5M"],
                "`--bwlimit` does not go with `--show-status`; it belongs to sync, plan, apply, demo",
            ),
            (
                &["demo", "--show-regions", "--image", "a"],
                "`--image` does not go with `--show-regions`; it belongs to sync, plan, status, images, demo",
            ),
            (
                &["plan", "--show-status"],
                "`--show-status` does not go with `plan`",
            ),
            (
                &["images", "--fail-on", "error"],
                "`--fail-on` does not go with `images`; it belongs to sync, plan, apply, status, demo",
            ),
        ] {
            let error = parse(words).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let said = error.to_string();
            assert_eq!(said.lines().next().unwrap(), format!("error: {message}"));
        }
        for words in [
            &["plan", "--keep-going", "--bwlimit", "5M", "--wait-lock"][..],
            &["backup", "-j", "4", "--parallel"],
            &["status", "--fail-on", "error", "--exclude-image", "a"],
        ] {
            assert!(parse(words).is_ok(), "{words:?}");
        }
    }

    /// A command with what it cannot do without.
    fn words_of(command: &str) -> Vec<&str> {
        match command {
            "restore" => vec![command, "folder", "--apply"],
            "completions" => vec![command, "bash"],
            "apply" => vec![command, "plan.json"],
            _ => vec![command],
        }
    }

    fn value_of(option: &str) -> &'static str {
        match option {
            "exclude" => "West",
            "max-children" | "transfers" | "regions" | "images" => "2",
            "bwlimit" => "5M",
            "max-duration" | "max-age" | "wait-lock" | "stats" => "10m",
            "fail-on" => "error",
            "format" | "log-format" => "json",
            "color" => "never",
            "fault" => "down=West",
            _ => "a=b",
        }
    }

    #[test]
    fn every_option_goes_with_a_command_or_is_refused_by_it() {
        let mut program = Cli::definition();
        program.build();
        let commands: Vec<_> = program
            .get_subcommands()
            .filter(|command| command.get_name() != "help")
            .collect();
        let options: std::collections::BTreeMap<_, _> = commands
            .iter()
            .flat_map(|command| command.get_arguments())
            .filter_map(|option| Some((option.get_long()?, option.get_action().takes_values())))
            .filter(|(option, _)| !["help", "version"].contains(option))
            .collect();
        let mut table = Vec::new();
        for (option, takes_value) in options {
            let typed = format!("--{option}");
            let mut accepted = Vec::new();
            for command in &commands {
                let name = command.get_name();
                let mut words = words_of(name);
                words.retain(|word| *word != typed);
                words.push(&typed);
                words.extend(takes_value.then(|| value_of(option)));
                let is_shown = command
                    .get_arguments()
                    .any(|own| own.get_long() == Some(option) && !own.is_hide_set());
                match parse(&words) {
                    Ok(_) => accepted.push(name),
                    Err(error) => {
                        assert_eq!(error.exit_code(), 2);
                        let said = error.to_string();
                        assert!(said.contains(&typed) && said.contains(name), "{said}");
                        assert!(!is_shown, "{said}");
                    }
                }
                // Those that choose a run are shown where no command does.
                let is_choice = typed == "--dry-run" || name == "demo";
                assert!(
                    is_shown || is_choice || !accepted.contains(&name),
                    "{words:?}"
                );
            }
            table.push(format!("{typed}: {}", accepted.join(" ")));
        }
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn a_cloud_and_a_region_are_values_of_the_configuration() {
        let cli = parse(&["--os-cloud", "prod", "--os-region-name", "Central"]).unwrap();
        let wanted = ["master.cloud=prod", "main.master_region=Central"];
        assert_eq!(cli.run.overrides(), wanted);
    }
}
