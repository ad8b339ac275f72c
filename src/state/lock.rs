//! One run at a time for each user and master. The kernel frees the lock when the process ends,
//! however it ends.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use chrono::{Local, SecondsFormat};

use super::StateError;
use crate::host::{self, Links};

const FILE_NAME: &str = "lock";
/// The words of a owner have fewer.
const OWNER_BYTES_MAX: u64 = 256;
/// Longer than one needs to look who holds the lock.
const A_LOOK: Duration = Duration::from_millis(20);

/// The lock, for as long as this lives.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "held for its lock")] File);

/// The run that holds the lock, as it describes itself: its process id and when it began. Empty where it
/// has not written them yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockOwner(String);

impl fmt::Display for LockOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("which has just begun")
        } else {
            f.write_str(&self.0)
        }
    }
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("another run for this master is under way: {0}")]
    Held(LockOwner),
    /// The folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

impl RunLock {
    /// Takes the lock in that folder, or says who has it. Does not wait.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::State(StateError::new(folder, source));
        super::make_private(folder).map_err(failed)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let path = folder.join(FILE_NAME);
        // What a link leads to would be emptied.
        let mut file = host::open(options.mode(0o640), &path, Links::Refuse)
            .map_err(|source| LockError::State(StateError::new(&path, source)))?;
        let mut locked = file.try_lock();
        if matches!(locked, Err(TryLockError::WouldBlock)) {
            // Somebody may only have looked who holds it.
            std::thread::sleep(A_LOOK);
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Who it is helps; that it is there is what counts.
                let _ = (&file).take(OWNER_BYTES_MAX).read_to_string(&mut owner);
                return Err(LockError::Held(LockOwner(owner.trim().to_owned())));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let started = Local::now().to_rfc3339_opts(SecondsFormat::Secs, false);
        // On a full disk the lock still holds; only its words are missing.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}, since {started}", std::process::id()));
        Ok(Self(file))
    }
}

/// The run that holds the lock in that folder right now; none where nobody does, or where that cannot be
/// told. Changes nothing.
pub fn lock_owner(folder: &Path) -> Option<LockOwner> {
    let file = host::open_regular(&folder.join(FILE_NAME), Links::Refuse).ok()?;
    // Shared, and given back at once: two looks do not meet each other.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = (&file).take(OWNER_BYTES_MAX).read_to_string(&mut owner);
            Some(LockOwner(owner.trim().to_owned()))
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_told_who_has_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let first = RunLock::take(&folder).unwrap();
        let error = RunLock::take(&folder).unwrap_err();
        assert!(matches!(error, LockError::Held(_)));
        let said = error.to_string();
        let own = format!("process {}, since 20", std::process::id());
        assert!(said.contains(&own), "{said}");
        assert!(
            lock_owner(&folder)
                .unwrap()
                .to_string()
                .starts_with("process ")
        );
        drop(first);
        assert_eq!(lock_owner(&folder), None);
        assert_eq!(lock_owner(&folder.join("nowhere")), None);
        assert!(RunLock::take(&folder).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = RunLock::take(&file.join("state")).unwrap_err();
        assert!(error.to_string().contains("file/state"), "{error}");
    }
}
