//! The glancesync program.

use std::process::ExitCode;

/// Counts what is allocated, which the bound on a condition's memory needs (`condition`).
#[global_allocator]
static ALLOCATOR: monty_alloc::LimitedAllocator = monty_alloc::LimitedAllocator;

fn main() -> ExitCode {
    glancesync::cli::main()
}
