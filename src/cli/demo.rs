//! `glancesync demo`: the same engine against an embedded OpenStack on loopback.

use std::io;
use std::path::{Path, PathBuf};

use super::args::RunArgs;
use super::output;
use super::run::{self, Embedded};
use crate::event::Failure;
use crate::exit_codes;
use crate::model::{ErrorCode, RegionSelector, TargetName};
use crate::report::{Terminal, TerminalOptions};
use crate::sandbox::SandboxError;
use crate::sandbox::demo::DemoFleet;

/// The demo fleet cannot be brought up.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    /// Its servers.
    #[error("the embedded OpenStack does not start: {0}")]
    Sandbox(#[from] SandboxError),
    /// Its files.
    #[error("the folder of the demo cannot be written: {0}")]
    Folder(#[from] io::Error),
}

/// A demo fleet with its configuration in a folder that stays.
pub(super) struct Demo {
    pub(super) fleet: DemoFleet,
    pub(super) folder: PathBuf,
    pub(super) config_file: PathBuf,
}

impl Demo {
    pub(super) fn start() -> Result<Self, DemoError> {
        let fleet = DemoFleet::start()?;
        let folder = tempfile::Builder::new()
            .prefix("glancesync-demo-")
            .tempdir()?
            .keep();
        let config_file = folder.join("glancesync.conf");
        write_private(&config_file, &fleet.configuration(&folder)?)?;
        Ok(Self {
            fleet,
            folder,
            config_file,
        })
    }
}

/// Writes a file that only the user can read: it holds passwords, if only those of a demo.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// Runs the engine on the demo fleet: all regions of both targets, unless some are named.
pub(super) fn run(mut args: Box<RunArgs>) -> u8 {
    let terminal = Terminal::stderr(TerminalOptions {
        no_progress: true,
        ..args.messages.terminal_options()
    });
    let demo = match Demo::start() {
        Ok(demo) => demo,
        Err(error) => {
            let code = ErrorCode::Internal;
            let hint = "Nothing was begun: make room in the temporary folder, or set TMPDIR.";
            let failure = Failure::new(code, error.to_string(), hint);
            return output::end_with(&terminal, &[failure], exit_codes::FAILED);
        }
    };
    terminal.say(
        "A fleet of two Keystones, the master region Central and six more regions runs on loopback.",
    );
    args.config.file = Some(demo.config_file.clone());
    let targets = [TargetName::master(), TargetName::new("partner")];
    let embedded = Embedded {
        regions: targets.map(RegionSelector::WholeTarget).to_vec(),
        state: demo.folder.join("state"),
    };
    let code = run::run(&args, Some(&embedded));
    terminal.say(&format!(
        "\nConfiguration and logs of this demo: {}\n\
         Next: `glancesync demo --dry-run` shows such a plan, `glancesync demo --show-status --format table`\n\
         the state of every image; `glancesync sandbox` keeps a fleet running to try things against.",
        demo.folder.display()
    ));
    drop(demo.fleet);
    code
}
