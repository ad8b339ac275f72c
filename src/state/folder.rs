//! Folders that a run leaves in `log_dir`: one for the region logs (`report`), one for a backup.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A folder or a file in it could not be made.
#[derive(Debug, thiserror::Error)]
#[error("`{}` could not be written: {source}", path.display())]
pub struct FolderError {
    /// What could not be made.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl FolderError {
    /// Puts the path to an error.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Makes the folder `name` in `log_dir`, or the first of `name_2`, `name_3` … that is free, and gives
/// its absolute path. `log_dir` is made where it is not there. Others may not look into either.
pub fn make_folder(log_dir: &Path, name: &str) -> Result<PathBuf, FolderError> {
    // What is printed must mean something to a reader who stands elsewhere.
    let log_dir = std::path::absolute(log_dir).map_err(FolderError::at(log_dir))?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(&log_dir)
        .map_err(FolderError::at(&log_dir))?;
    let mut folder = log_dir.join(name);
    let mut number = 1;
    // Creating it is the only test whether it is free: two runs may start at once.
    while let Err(error) = DirBuilder::new().mode(0o750).create(&folder) {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(FolderError::at(&folder)(error));
        }
        number += 1;
        folder = log_dir.join(format!("{name}_{number}"));
    }
    Ok(folder)
}
