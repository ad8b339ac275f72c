//! The id of this installation: random, made once, kept beside the lock. Images on their
//! way bear it in a tag, so that a later run knows its own from those of another installation.

use std::io::{self, Write};
use std::path::Path;

use uuid::Uuid;

use super::StateError;
use crate::host::{FILE_BYTES_MAX, Links, read_regular};

const FILE_NAME: &str = "installation";

/// The id of this installation. Made at the first call, and the same ever after.
pub fn installation(folder: &Path) -> Result<String, StateError> {
    read_or_make(folder).map_err(|source| StateError::new(&folder.join(FILE_NAME), source))
}

/// The id of this installation; none where it has none yet. Changes nothing.
pub fn known_installation(folder: &Path) -> Option<String> {
    read(&folder.join(FILE_NAME)).ok().flatten()
}

fn read_or_make(folder: &Path) -> io::Result<String> {
    let path = folder.join(FILE_NAME);
    if let Some(id) = read(&path)? {
        return Ok(id);
    }
    super::make_private(folder)?;
    let id = Uuid::new_v4().to_string();
    // Written aside and put in place at once: nobody ever reads half an id, and of two runs that
    // start together the first one's stays.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{id}")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(id),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            match read(&path)? {
                Some(other) => Ok(other),
                // What is there is no id: a disk was full once.
                None => error.file.persist(&path).map(|_| id).map_err(|e| e.error),
            }
        }
        Err(error) => Err(error.error),
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match read_regular(path, Links::Refuse, FILE_BYTES_MAX) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Ok(Uuid::parse_str(text.trim()).ok().map(|id| id.to_string()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state/glancesync");
        let id = installation(&state).unwrap();
        assert!(Uuid::parse_str(&id).is_ok());
        assert_eq!(installation(&state).unwrap(), id);
    }

    #[test]
    fn what_is_no_id_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "half an i").unwrap();
        let id = installation(folder.path()).unwrap();
        assert_eq!(installation(folder.path()).unwrap(), id);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = installation(&file.join("state")).unwrap_err().to_string();
        assert!(error.contains("file/state"), "{error}");
    }
}
