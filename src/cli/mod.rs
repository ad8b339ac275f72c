//! The command line: what it takes (`args`), and one function for each mode.

mod admission;
mod args;
mod backup;
mod check_config;
mod demo;
mod metrics;
mod output;
mod regions;
mod run;
mod sandbox;
mod session;
mod signals;

use std::process::ExitCode;

pub use args::Cli;
use args::Command;

/// Runs the program as the command line says, and gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::read();
    let code = match cli.command {
        None => run::run(&cli.run, None),
        Some(Command::Demo(args)) => demo::run(args),
        Some(Command::Sandbox) => sandbox::run(),
        Some(Command::CheckConfig(args)) => check_config::run(&args),
    };
    ExitCode::from(code)
}
