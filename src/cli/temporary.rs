//! A folder for as long as the program runs: it goes however the program ends, an interrupt included.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::host;

/// What is to be removed. A signal may end the program where nobody is left to drop anything.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How often the removal of a folder is tried in which somebody is still writing.
const TRIES: u32 = 50;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// A new folder, removed when this is dropped.
#[derive(Debug)]
pub(super) struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    /// Makes it in the folder for temporary files.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub(super) fn new() -> io::Result<Self> {
        let mut folders = host::locked(&FOLDERS);
        let folder = tempfile::Builder::new()
            .prefix("glancesync-demo-")
            .tempdir()?;
        let path = folder.keep();
        folders.push(path.clone());
        Ok(Self { path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on it stays for good.
    pub(super) fn keep(&self) {
        let mut folders = host::locked(&FOLDERS);
        folders.retain(|folder| *folder != self.path);
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let mut folders = host::locked(&FOLDERS);
        let before = folders.len();
        folders.retain(|folder| *folder != self.path);
        if folders.len() < before {
            remove(&self.path);
        }
    }
}

/// Removes all of them. As long as the guard is kept, whoever drops a folder waits: what fails for want
/// of its folder is not told before the program has ended.
pub(super) fn remove_all() -> impl Drop {
    let mut folders = host::locked(&FOLDERS);
    for folder in folders.drain(..) {
        remove(&folder);
    }
    folders
}

/// What cannot be removed stays: there is nothing that whoever ends could do about it.
fn remove(folder: &Path) {
    for _ in 0..TRIES {
        match fs::remove_dir_all(folder) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_unless_it_is_kept() {
        let folder = TemporaryFolder::new().unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join("file"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
        let folder = TemporaryFolder::new().unwrap();
        folder.keep();
        let path = folder.path().to_owned();
        drop(folder);
        assert!(path.exists());
        remove(&path);
        assert!(!path.exists());
    }
}
