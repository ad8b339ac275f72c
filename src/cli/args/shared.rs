//! What several commands share: where the configuration comes from, what is said on standard error, and
//! the formats of standard output.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::report::{ColorChoice, LogFormat, TerminalOptions, Verbosity};

/// Where the configuration comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where from")]
pub(in crate::cli) struct ConfigArgs {
    /// Override configuration values: `section.key=value`; all words up to
    /// the next option or `--` (may be repeated)
    #[arg(
        long = "config",
        value_name = "KEY=VALUE",
        num_args = 1..,
        action = ArgAction::Append,
        global = true
    )]
    overrides: Vec<String>,

    /// The configuration file
    /// [default: `$GLANCESYNC_CONFIG`, then `/etc/glancesync.conf`]
    #[arg(long = "config-file", value_name = "FILE", global = true)]
    pub(in crate::cli) file: Option<PathBuf>,

    /// The cloud of clouds.yaml that holds the master region
    /// [default: `$OS_CLOUD`] [key: `master.cloud`]
    #[arg(long, value_name = "NAME", global = true)]
    pub(in crate::cli) os_cloud: Option<String>,

    /// The master region
    /// [default: `$OS_REGION_NAME`] [key: `main.master_region`]
    #[arg(long, value_name = "NAME", global = true)]
    pub(in crate::cli) os_region_name: Option<String>,
}

impl ConfigArgs {
    /// The overrides of the configuration: the words of `--config`, then the options with a key.
    pub(in crate::cli) fn overrides(&self) -> Vec<String> {
        let cloud = self
            .os_cloud
            .iter()
            .map(|name| format!("master.cloud={name}"));
        let region = self
            .os_region_name
            .iter()
            .map(|name| format!("main.master_region={name}"));
        self.overrides
            .iter()
            .cloned()
            .chain(cloud)
            .chain(region)
            .collect()
    }
}

/// What is said on standard error.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is printed")]
pub(in crate::cli) struct MessageArgs {
    /// Format of messages and events on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    log_format: LogFormatArg,

    /// No progress bars
    #[arg(long, global = true)]
    no_progress: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub(in crate::cli) color: ColorArg,

    /// Say more: every step; -vv every request, -vvv what a developer needs
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,

    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose", global = true)]
    quiet: bool,
}

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
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
pub(in crate::cli) enum DocumentFormat {
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
pub(in crate::cli) enum ColorArg {
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

impl MessageArgs {
    pub(in crate::cli) fn terminal_options(&self) -> TerminalOptions {
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

impl Format {
    pub(super) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}
