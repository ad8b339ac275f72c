//! The glancesync program.

use std::process::ExitCode;

fn main() -> ExitCode {
    glancesync::cli::main()
}
