//! The folder of image files.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use uuid::Uuid;

use super::source_error::SourceError;
use crate::host::{Links, describe, open_regular};
use crate::model::ImageId;

/// A folder with the content of the master's images, each in a file named by the image's UUID, as
/// in the store of a Glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagesDir(PathBuf);

/// A file that was there with the right size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    path: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
}

impl ImagesDir {
    /// Takes the folder; it is not looked at before [`ImagesDir::find`].
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The content of a master image of `expected_size` bytes. Opens the file to see that it can be
    /// read, and closes it again. Blocking.
    pub fn find(&self, id: &ImageId, expected_size: u64) -> Result<FoundFile, SourceError> {
        // The id comes from a server and must not lead out of the folder.
        if Uuid::parse_str(id.as_str()).is_err() {
            return Err(SourceError::NoUuid { id: id.to_string() });
        }
        let path = self.0.join(id.as_str());
        // A link is followed: operators have images on other disks.
        let metadata = open_regular(&path, Links::Follow)
            .and_then(|file| file.metadata())
            .map_err(|error| failed(&path, &error))?;
        let file = FoundFile {
            path,
            size: expected_size,
            modified: metadata.modified().ok(),
        };
        file.check(&metadata)?;
        Ok(file)
    }
}

impl FoundFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Opens the file again, unless it has changed. Blocking.
    pub(super) fn open(&self) -> Result<File, SourceError> {
        let file = open_regular(&self.path, Links::Follow).map_err(|error| self.failed(&error))?;
        self.check_open(&file)?;
        Ok(file)
    }

    /// Fails where the open file is not what was found.
    pub(super) fn check_open(&self, file: &File) -> Result<(), SourceError> {
        let metadata = file.metadata().map_err(|error| self.failed(&error))?;
        self.check(&metadata)
    }

    pub(super) fn failed(&self, error: &io::Error) -> SourceError {
        failed(&self.path, error)
    }

    pub(super) fn unreadable(&self, what: &str) -> SourceError {
        SourceError::Unreadable {
            path: self.path.clone(),
            what: what.to_owned(),
        }
    }

    pub(super) fn wrong_size(&self, actual: u64) -> SourceError {
        SourceError::Size {
            path: self.path.clone(),
            expected: self.size,
            actual,
        }
    }

    fn check(&self, metadata: &Metadata) -> Result<(), SourceError> {
        if metadata.len() != self.size {
            return Err(self.wrong_size(metadata.len()));
        }
        if metadata.modified().ok() != self.modified {
            return Err(SourceError::Changed {
                path: self.path.clone(),
            });
        }
        Ok(())
    }
}

fn failed(path: &Path, error: &io::Error) -> SourceError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SourceError::Missing { path },
        _ => SourceError::Unreadable {
            path,
            what: describe(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ErrorCode;

    const ID: &str = "3e2b1a9c-0000-4000-8000-000000000001";

    #[test]
    fn a_file_of_the_right_size_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ID), "content").unwrap();
        let images = ImagesDir::new(folder.path());
        let content = images.find(&ImageId::new(ID), 7).unwrap();
        assert_eq!(content.size(), 7);
        assert!(content.open().is_ok());

        let error = images.find(&ImageId::new(ID), 8).unwrap_err();
        assert_eq!(error.code(), ErrorCode::SourceSize);
        let text = error.to_string();
        assert!(
            text.contains(ID) && text.contains("7 bytes") && text.contains('8'),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_file_of_that_name_is_missing_or_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let images = ImagesDir::new(folder.path());
        let id = ImageId::new(ID);
        assert_eq!(
            images.find(&id, 7).unwrap_err().code(),
            ErrorCode::SourceMissing
        );
        let nowhere = ImagesDir::new(folder.path().join("none"));
        assert_eq!(
            nowhere.find(&id, 7).unwrap_err().code(),
            ErrorCode::SourceMissing
        );
        std::fs::create_dir(folder.path().join(ID)).unwrap();
        assert_eq!(
            images.find(&id, 7).unwrap_err().code(),
            ErrorCode::SourceUnreadable
        );
    }

    #[test]
    fn an_id_never_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outside"), "content").unwrap();
        let images = ImagesDir::new(folder.path().join("images"));
        for id in ["../outside", "/etc/passwd", "..", ""] {
            let error = images.find(&ImageId::new(id), 7).unwrap_err();
            assert_eq!(error.code(), ErrorCode::SourceMissing, "{id}");
        }
    }

    #[test]
    fn a_file_that_was_written_to_since_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ID);
        std::fs::write(&path, "content").unwrap();
        let content = ImagesDir::new(folder.path())
            .find(&ImageId::new(ID), 7)
            .unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(content.open().unwrap_err().code(), ErrorCode::SourceChanged);
    }
}
