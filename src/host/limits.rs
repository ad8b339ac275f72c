//! How many files this process may have open at once. A connection is one too.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a run has open whatever it does: the runtimes of its threads, logs, the lock, the spool, the
/// connections of the master.
const FILES_OF_A_RUN: u64 = 48;
/// What each region under way has open on top.
const FILES_OF_A_REGION: u64 = 8;
/// With fewer no connection is kept open for later.
const FILES_FOR_IDLE_CONNECTIONS: u64 = 2048;

/// This process may have too few files open for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this process may have {limit} files open at once, and a run needs {}", FILES_OF_A_RUN + FILES_OF_A_REGION
)]
pub struct TooFewFiles {
    /// The limit.
    pub limit: u64,
}

/// Raises the limit as far as it goes, and says whether that is enough for a run.
///
/// # Errors
///
/// It is not.
pub fn raise_file_limit() -> Result<(), TooFewFiles> {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        ..limits
    };
    // Where it is refused, what was there holds.
    let _ = setrlimit(Resource::Nofile, raised);
    let limit = file_limit();
    if regions_within(limit) == 0 {
        return Err(TooFewFiles { limit });
    }
    Ok(())
}

/// How many files this process may have open at once.
pub fn file_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many regions may be under way at once; at least one.
pub fn regions_at_once() -> usize {
    regions_within(file_limit()).max(1)
}

/// True where a connection may stay open without work.
pub fn keeps_connections() -> bool {
    file_limit() >= FILES_FOR_IDLE_CONNECTIONS
}

/// An error in words that name the cause where it is a limit on open files.
pub fn describe(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => format!(
            "too many open files: this process may have {} at once (raise that with `ulimit -n`, or LimitNOFILE= of a systemd unit)",
            file_limit()
        ),
        Some(Errno::NFILE) => "too many open files on this whole machine (fs.file-max)".to_owned(),
        _ => error.to_string(),
    }
}

fn regions_within(limit: u64) -> usize {
    usize::try_from(limit.saturating_sub(FILES_OF_A_RUN) / FILES_OF_A_REGION).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_fit_into_the_limit() {
        for (limit, regions) in [(24, 0), (55, 0), (56, 1), (64, 2), (1024, 122)] {
            assert_eq!(regions_within(limit), regions, "{limit}");
        }
        assert!(regions_within(u64::MAX) > 1_000_000);
    }

    #[test]
    fn a_limit_is_named() {
        let words = |error: Errno| describe(&error.into());
        assert!(words(Errno::MFILE).contains("ulimit -n"));
        assert!(words(Errno::NFILE).contains("fs.file-max"));
        assert!(words(Errno::NOENT).contains("No such file"));
    }
}
