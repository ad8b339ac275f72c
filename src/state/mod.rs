//! What outlives a run on this machine: the lock that admits one run at a time and who this
//! installation is (both in a folder of the user's state, one for each master), the folders that
//! runs leave and what is known of past runs, and backups. Knows names of regions, and nothing of how a run works.

mod backup;
mod folder;
mod installation;
mod last_time;
mod lines;
mod lock;
mod runs;
mod whole;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use backup::{BackupFile, BackupFolder, BackupReadError, backup_files, read_backup};
pub use folder::{FolderError, make_folder};
pub use installation::{installation, known_installation};
pub use last_time::{LastTime, last_times};
pub use lines::LogLines;
pub use lock::{Holder, LockError, RunLock, lock_holder};
pub use runs::{
    PastError, PastRegion, PastRun, RegionEnd, RunFolder, RunState, check_records, prepare_records,
    record_path, run_folders,
};
pub use whole::write_whole;

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
}

/// Where the state of a user lies: `$XDG_STATE_HOME/glancesync`, `~/.local/state/glancesync`, or
/// `/run/glancesync` for a user without a home. The environment is given as a look-up.
pub fn state_folder(environment: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let absolute = |name| environment(name).filter(|path: &PathBuf| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("/run"))
        .join("glancesync")
}

/// Makes a folder of the state, and those above it that are not there, for this user alone.
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The folder of one master within the state folder: told by its Keystone, project and region.
pub fn master_folder(state: &Path, keystone: &str, project: &str, region: &str) -> PathBuf {
    let mut hash = Sha256::new();
    for part in [keystone, project, region] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut name = [0; 8];
    name.copy_from_slice(&hash.finalize()[..8]);
    state.join(format!("{:016x}", u64::from_be_bytes(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_follows_the_environment() {
        let of = |home: Option<&str>, xdg: Option<&str>| {
            state_folder(|name| {
                let value = if name == "HOME" { home } else { xdg };
                value.map(PathBuf::from)
            })
        };
        assert_eq!(of(Some("/h"), Some("/x")), Path::new("/x/glancesync"));
        assert_eq!(
            of(Some("/h"), Some("relative")),
            Path::new("/h/.local/state/glancesync")
        );
        assert_eq!(of(None, None), Path::new("/run/glancesync"));
    }

    #[test]
    fn masters_have_folders_of_their_own() {
        let of = |parts: [&str; 3]| master_folder(Path::new("/s"), parts[0], parts[1], parts[2]);
        assert_eq!(of(["k", "p", "r"]), of(["k", "p", "r"]));
        assert_ne!(of(["k", "p", "r"]), of(["k", "p", "s"]));
        assert_ne!(of(["k", "pr", ""]), of(["k", "p", "r"]));
    }
}
