//! The exit codes of the program. They are public: cron jobs and scripts depend on them.

/// Every region was processed and nothing failed.
pub const OK: u8 = 0;
/// At least one region, image or condition failed, or `--fail-on` found what it looks for.
pub const FAILED: u8 = 1;
/// The command line or the configuration is wrong, or the master region cannot be read.
pub const USAGE: u8 = 2;
/// Another run for the same master holds the lock.
pub const LOCKED: u8 = 3;
/// The run was interrupted.
pub const INTERRUPTED: u8 = 130;
