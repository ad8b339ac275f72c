//! The id of this installation: random, made once, kept in the user's state folder. Images on their
//! way bear it in a tag, so that a later run knows its own from those of another installation.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

const FILE_NAME: &str = "installation";

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state folder {} cannot be used: {source}", path.display())]
pub struct StateError {
    path: PathBuf,
    source: io::Error,
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

/// The id of this installation. Made at the first call, and the same ever after.
pub fn installation(folder: &Path) -> Result<String, StateError> {
    read_or_make(folder).map_err(|source| StateError {
        path: folder.to_owned(),
        source,
    })
}

fn read_or_make(folder: &Path) -> io::Result<String> {
    let path = folder.join(FILE_NAME);
    if let Some(id) = read(&path)? {
        return Ok(id);
    }
    fs::create_dir_all(folder)?;
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
    match fs::read_to_string(path) {
        Ok(text) => Ok(Uuid::parse_str(text.trim()).ok().map(|id| id.to_string())),
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
        fs::write(folder.path().join(FILE_NAME), "half an i").unwrap();
        let id = installation(folder.path()).unwrap();
        assert_eq!(installation(folder.path()).unwrap(), id);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = installation(&file.join("state")).unwrap_err().to_string();
        assert!(error.contains("file/state"), "{error}");
    }

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
}
