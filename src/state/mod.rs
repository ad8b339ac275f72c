//! What outlives a run on this machine: the lock that admits one run at a time and who this
//! installation is (both in a folder of the user's state, one for each master), the folders that
//! runs leave and what is known of past runs, and backups. Knows names of regions, and nothing of how a run works.

mod atomic_file;
mod backup;
mod errors;
mod failed_proofs;
mod file_stem;
mod folder;
mod found_hashes;
mod installation;
mod last_duration;
mod last_regions;
mod lines;
mod lock;
mod run_history;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use sha2::{Digest, Sha256};

pub use atomic_file::write_atomic;
pub use backup::{BackupFile, BackupFolder, BackupReadError, backup_files, read_backup};
pub use errors::state_errors;
pub use failed_proofs::{FAILED_PROOFS, FailedProofs};
pub use file_stem::file_stem;
pub use folder::{FolderError, make_folder};
pub use found_hashes::{FoundHashes, HASHES, Keeps};
pub use installation::{installation, known_installation};
pub use last_duration::{LastTime, last_times};
pub use last_regions::{keep_last_regions, last_regions};
pub use lines::LogLines;
pub use lock::{LockError, LockOwner, RunLock, lock_owner};
pub use run_history::{
    PastError, PastRegion, PastRun, RegionEnd, RunFolder, RunState, check_records, prepare_records,
    record_path, run_folders,
};

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state in {} cannot be used: {source}", path.display())]
pub struct StateError {
    path: PathBuf,
    source: io::Error,
}

impl StateError {
    fn new(path: &Path, source: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            source,
        }
    }

    /// True where the folder is not there or not to be written to, so that another one may do. What
    /// is there and is not what it should be is for somebody to look at.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::NotFound
                | io::ErrorKind::NotADirectory
        )
    }
}

/// Where the state of a user may be kept, best first: `$XDG_STATE_HOME/glancesync` or, without that
/// variable, `~/.local/state/glancesync`; then `/run/user/<uid>/glancesync`. The environment is given
/// as a look-up.
pub fn state_folders(environment: impl Fn(&str) -> Option<PathBuf>, uid: u32) -> Vec<PathBuf> {
    let absolute = |name| environment(name).filter(|path: &PathBuf| path.is_absolute());
    let of_user = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    let of_session = Path::new("/run/user").join(uid.to_string());
    // That folder is the system's to make.
    let of_session = Some(of_session).filter(|folder| folder.is_dir());
    let folders = of_user.into_iter().chain(of_session);
    folders.map(|folder| folder.join("glancesync")).collect()
}

/// Whether a folder can be written to or, where it is not there, be made. Changes nothing.
///
/// # Errors
///
/// It cannot.
pub fn check_writable(folder: &Path) -> Result<(), StateError> {
    let there = folder.ancestors().find(|path| path.exists());
    let there = there.unwrap_or(Path::new("/"));
    let check = || {
        if !there.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(access(there, Access::WRITE_OK | Access::EXEC_OK)?)
    };
    check().map_err(|source| StateError::new(folder, source))
}

/// Makes a folder of the state, and those above it that are not there, for this user alone.
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// What the lock is for: a master, told by its Keystone, project and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterKey(u64);

impl MasterKey {
    /// Takes what tells one master from another.
    pub fn new(keystone: &str, project: &str, region: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [keystone, project, region] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut key = [0; 8];
        key.copy_from_slice(&hash.finalize()[..8]);
        Self(u64::from_be_bytes(key))
    }

    /// The folder of this master within the state folder.
    pub fn folder(self, state: &Path) -> PathBuf {
        state.join(format!("{:016x}", self.0))
    }

    /// Who an installation is where it works for this master: its id, and eight hexadecimal digits.
    /// One that works for two masters is two.
    pub fn installation(self, id: &str) -> String {
        format!("{id}-{:08x}", self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_follows_the_environment() {
        let of = |home: Option<&str>, xdg: Option<&str>| {
            // A user who has no session.
            state_folders(
                |name| {
                    let value = if name == "HOME" { home } else { xdg };
                    value.map(PathBuf::from)
                },
                u32::MAX - 1,
            )
        };
        assert_eq!(of(Some("/h"), Some("/x")), [Path::new("/x/glancesync")]);
        assert_eq!(
            of(Some("/h"), Some("relative")),
            [Path::new("/h/.local/state/glancesync")]
        );
        assert!(of(None, None).is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_known_without_making_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        check_writable(&path).unwrap();
        assert!(!folder.path().join("a").exists());
        std::fs::write(folder.path().join("a"), "").unwrap();
        let error = check_writable(&path).unwrap_err().to_string();
        assert!(error.contains("a/b"), "{error}");
    }

    #[test]
    fn masters_have_folders_and_ids_of_their_own() {
        let of = |parts: [&str; 3]| MasterKey::new(parts[0], parts[1], parts[2]);
        assert_eq!(of(["k", "p", "r"]), of(["k", "p", "r"]));
        assert_ne!(of(["k", "p", "r"]), of(["k", "p", "s"]));
        assert_ne!(of(["k", "pr", ""]), of(["k", "p", "r"]));
        let key = of(["k", "p", "r"]);
        let name = key.folder(Path::new("/s"));
        let name = name.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(name.len(), 16);
        assert_eq!(key.installation("me"), format!("me-{}", &name[..8]));
    }
}
