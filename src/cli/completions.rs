//! `glancesync completions`: what a shell asks for on Tab, from the definitions of the command line.

use clap::CommandFactory;

use super::Cli;
use super::args::CompletionsArgs;
use super::output;
use crate::exit_codes;

pub(super) fn run(args: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "glancesync", &mut script);
    match output::print(|out| std::io::Write::write_all(out, &script)) {
        Ok(()) => exit_codes::OK,
        Err(_) => exit_codes::FAILED,
    }
}
