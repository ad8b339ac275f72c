//! `glancesync demo`: the same engine against an embedded OpenStack on loopback.

use std::io;
use std::path::PathBuf;

use super::args::{DemoArgs, FleetArgs};
use super::output;
use super::run::{self, Traces};
use super::signals::FirstSignal;
use super::temporary::TemporaryFolder;
use crate::event::Failure;
use crate::exit_codes;
use crate::model::ErrorCode;
use crate::report::{Terminal, TerminalOptions};
use crate::sandbox::demo::{self, DemoFleet, DemoSpec, MASTER_REGION};
use crate::state::write_atomic;

/// The configuration has passwords, if only those of a demo.
const PERMISSIONS: u32 = 0o600;

/// The demo fleet cannot be brought up.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    /// Its servers, or what is to go wrong with them.
    #[error(transparent)]
    Fleet(#[from] demo::DemoError),
    /// Its files.
    #[error("the folder of the demo cannot be written: {0}")]
    Folder(#[from] io::Error),
    /// Options that have no effect here.
    #[error("{0}")]
    WithoutEffect(String),
}

impl DemoError {
    /// What is said, with what to do.
    pub(super) fn failure(&self) -> Failure {
        let (code, hint) = match self {
            Self::WithoutEffect(_)
            | Self::Fleet(demo::DemoError::UnknownRegion { .. } | demo::DemoError::Master(_)) => (
                ErrorCode::ConfigInvalid,
                "Nothing was begun: mend the command line.",
            ),
            _ => (
                ErrorCode::Internal,
                "Nothing was begun: make room in the temporary folder, or set TMPDIR.",
            ),
        };
        Failure::new(code, self.to_string(), hint)
    }

    /// The program's exit code.
    pub(super) fn exit_code(&self) -> u8 {
        match self.failure().code {
            ErrorCode::ConfigInvalid => exit_codes::USAGE,
            _ => exit_codes::FAILED,
        }
    }
}

/// A demo fleet with its configuration in a folder that goes with it.
pub(super) struct Demo {
    // The servers end before their folder goes.
    pub(super) fleet: DemoFleet,
    pub(super) folder: TemporaryFolder,
    pub(super) config_file: PathBuf,
}

impl Demo {
    pub(super) fn start(args: &FleetArgs) -> Result<Self, DemoError> {
        let spec = DemoSpec {
            regions: args.fleet_regions,
            images: args.fleet_images,
            faults: args.faults.clone(),
        };
        let folder = TemporaryFolder::new()?;
        let fleet = DemoFleet::start(&spec, folder.path())?;
        let configuration = fleet
            .configuration(folder.path())
            .map_err(demo::DemoError::from)?;
        let config_file = folder.path().join("glancesync.conf");
        write_atomic(&config_file, configuration.as_bytes(), PERMISSIONS)?;
        Ok(Self {
            fleet,
            folder,
            config_file,
        })
    }
}

/// Runs the engine on the demo fleet: all regions of all targets, unless some are named.
pub(super) fn run(mut args: Box<DemoArgs>) -> u8 {
    let terminal = Terminal::stderr(TerminalOptions {
        no_progress: true,
        ..args.run.messages.terminal_options()
    });
    let demo = match begin(&args, &terminal) {
        Ok(demo) => demo,
        Err(error) => return output::end_with(&terminal, &[error.failure()], error.exit_code()),
    };
    args.run.config.file = Some(demo.config_file.clone());
    args.run.scope.all |= args.run.scope.regions.is_empty();
    let traces = if args.keep {
        Traces::Kept
    } else {
        Traces::Removed
    };
    let code = run::run(&args.run, traces);
    if args.keep {
        demo.folder.keep();
        let folder = demo.folder.path().display();
        terminal.say(&format!("Configuration and logs of this demo: {folder}"));
    }
    if code == exit_codes::OK {
        terminal
            .say("Next: `glancesync sandbox` keeps such a fleet running, to try things against.");
    }
    code
}

fn begin(args: &DemoArgs, terminal: &Terminal) -> Result<Demo, DemoError> {
    args.check().map_err(DemoError::WithoutEffect)?;
    let regions = args.fleet.fleet_regions;
    terminal.say(&format!(
        "An embedded OpenStack on loopback: the master region {MASTER_REGION} and {regions} {}.",
        if regions == 1 { "region" } else { "regions" }
    ));
    // Until the run listens itself.
    let _ = FirstSignal::listen(terminal.clone())?;
    Demo::start(&args.fleet)
}
