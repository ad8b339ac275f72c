//! `glancesync completions`: what a shell needs to complete words. The shell then asks this program on
//! every Tab, so that it knows the commands, the options, and the regions of the last run.

use std::io;

use clap_complete::CompleteEnv;
use clap_complete::env::Shells;

use super::Cli;
use super::args::CompletionsArgs;
use super::output;
use crate::exit_codes;

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "GLANCESYNC_COMPLETE";
const PROGRAM: &str = "glancesync";

/// Answers a shell that asks for completions, and ends the program; does nothing otherwise.
pub(super) fn answer_if_asked() {
    CompleteEnv::with_factory(Cli::definition)
        .var(VARIABLE)
        .bin(PROGRAM)
        .complete();
}

pub(super) fn run(args: &CompletionsArgs) -> u8 {
    match output::print(|out| write_completions(args.shell.name(), out)) {
        Ok(()) => exit_codes::OK,
        Err(_) => exit_codes::FAILED,
    }
}

/// Writes what that shell (`bash`, `zsh`, `fish`) reads at its start.
///
/// # Errors
///
/// The shell is unknown, or the writer fails.
pub fn write_completions(shell: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(shell)
        .ok_or_else(|| io::Error::other("the shell is unknown"))?;
    shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, out)
}
