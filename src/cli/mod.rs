//! The command line: what it takes (`args`), and one function for each mode.

mod args;
mod backup;
mod check_config;
mod completions;
mod demo;
mod error;
mod findings;
mod init;
mod known_regions;
mod lock_wait;
mod logs;
mod metrics;
mod output;
mod plan_file;
mod regions;
mod restore;
mod run;
mod run_lock;
mod sandbox;
mod session;
mod signals;
mod temporary;
mod written_file;

use std::process::ExitCode;

pub use args::Cli;
use args::Command;
pub use completions::write_completions;
use run::Traces;

use crate::condition;

/// Runs the program as the command line says, and gives its exit code.
pub fn main() -> ExitCode {
    if let Some(code) = condition::serve_if_worker() {
        return code;
    }
    completions::answer_if_asked();
    // The program that runs, whatever became of its file.
    condition::evaluate_apart("/proc/self/exe");
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(exit_code) => return ExitCode::from(exit_code),
    };
    if cli.wants_document() {
        output::promise_document();
    }
    let code = match cli.command {
        None | Some(Command::Run(_)) => run::run(&cli.run, Traces::Kept),
        Some(Command::Init(args)) => init::run(&args),
        Some(Command::Demo(args)) => demo::run(args),
        Some(Command::Sandbox(args)) => sandbox::run(&args),
        Some(Command::Logs(args)) => logs::run(&args),
        Some(Command::Restore(args)) => restore::run(&args),
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::CheckConfig(args)) => check_config::run(&args),
    };
    ExitCode::from(code)
}
