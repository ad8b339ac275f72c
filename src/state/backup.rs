//! Backups: a folder for each, in it one file for each region with the metadata of every image.
//!
//! The command line makes the folder before anything else happens; the actor of each region writes
//! its file into it.

use std::fs::Permissions;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset};
use serde::Serialize;
use serde_json::{Map, Value};

use super::folder::{FolderError, make_folder};
use crate::host::{Links, open_regular};
use crate::model::{ImageId, RegionName, remove_url_users};

/// The longest file of a backup that is read: more than a list of a region may have.
const BACKUP_BYTES_MAX: u64 = 1 << 30;

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupFile {
    /// The region whose images are in it.
    pub region: RegionName,
    /// Where it is; absolute.
    pub path: PathBuf,
    /// How many images are in it.
    pub images: usize,
}

/// The folder of one backup.
#[derive(Debug)]
pub struct BackupFolder(PathBuf);

impl BackupFolder {
    /// Makes `backup_glance_<YYYYMMDD>_<HHMMSS>` in `log_dir`, or the first of `_2`, `_3` … that is
    /// free. The time is the local one.
    ///
    /// # Errors
    ///
    /// `log_dir` cannot be written to.
    pub fn create(log_dir: &Path, now: DateTime<FixedOffset>) -> Result<Self, FolderError> {
        let name = now.format("backup_glance_%Y%m%d_%H%M%S").to_string();
        make_folder(log_dir, &name).map(Self)
    }

    /// Where it is; absolute.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes `<stem>.json`, or the first of `<stem>_2.json` … that is free: these images as Glance
    /// gave them, less user names and passwords in URLs. Blocking.
    ///
    /// The file appears under its name once it is whole and on the disk; what a cut off run leaves
    /// has another ending.
    ///
    /// # Errors
    ///
    /// The disk is full, or the folder is gone.
    pub fn write(&self, stem: &str, mut images: Vec<Value>) -> Result<PathBuf, FolderError> {
        images.iter_mut().for_each(remove_url_users);
        let mut path = self.0.join(format!("{stem}.json"));
        let mut file = self.write_aside(&images).map_err(FolderError::at(&path))?;
        let mut number = 1;
        // Two names that look alike to the file system get two files.
        while let Err(error) = file.persist_noclobber(&path) {
            if error.error.kind() != io::ErrorKind::AlreadyExists {
                return Err(FolderError::at(&path)(error.error));
            }
            file = error.file;
            number += 1;
            path = self.0.join(format!("{stem}_{number}.json"));
        }
        Ok(path)
    }

    fn write_aside(&self, images: &[Value]) -> io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::Builder::new()
            .prefix(".")
            .suffix(".partial")
            .permissions(Permissions::from_mode(0o640))
            .tempfile_in(&self.0)?;
        let mut out = BufWriter::new(&mut file);
        serde_json::to_writer_pretty(&mut out, images)?;
        out.write_all(b"\n")?;
        out.flush()?;
        drop(out);
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// Takes the folder away where no file was written: an empty one is not a backup.
    pub fn remove_if_empty(&self) {
        // It fails where there is a file in it, and that is the question.
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// The file of a backup is none, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the backup `{}` cannot be used: {what}", path.display())]
pub struct BackupReadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// The files in the folder of a backup, by the part of their names before `.json`, sorted: also what
/// only looks like one, such as a link, which [`read_backup`] refuses. Folders and what else is in
/// there are passed over.
///
/// # Errors
///
/// The folder cannot be read.
pub fn backup_files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
        if let Some(stem) = stem.filter(|stem| !stem.is_empty() && !stem.starts_with('.'))
            && !entry.file_type()?.is_dir()
        {
            files.push((stem.to_owned(), entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the file of a region: every image with all its attributes. Blocking.
///
/// # Errors
///
/// It cannot be read, or is not a backup as a whole: half a backup is none.
pub fn read_backup(path: &Path) -> Result<Vec<Map<String, Value>>, BackupReadError> {
    let wrong = |what: String| BackupReadError {
        path: path.to_owned(),
        what,
    };
    let file = open_regular(path, Links::Refuse).map_err(|error| wrong(error.to_string()))?;
    let length = file.metadata().map_or(u64::MAX, |facts| facts.len());
    if length > BACKUP_BYTES_MAX {
        return Err(wrong(format!(
            "it has more than {} MiB",
            BACKUP_BYTES_MAX >> 20
        )));
    }
    let file = BufReader::new(file.take(BACKUP_BYTES_MAX));
    let images: Vec<Map<String, Value>> = serde_json::from_reader(file)
        .map_err(|error| wrong(format!("it is not a list of images ({error})")))?;
    let has_id = |image: &Map<String, Value>| {
        let id = image.get("id").and_then(Value::as_str);
        id.is_some_and(|id| id.parse::<ImageId>().is_ok())
    };
    match images.iter().position(|image| !has_id(image)) {
        Some(place) => Err(wrong(format!("image {} in it has no valid id", place + 1))),
        None => Ok(images),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339("2026-11-24T02:48:10+01:00").unwrap()
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_backup_has_a_folder_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let log_dir = parent.path().join("not/there/yet");
        for _ in 0..3 {
            let folder = BackupFolder::create(&log_dir, now()).unwrap();
            assert_eq!(mode(folder.path()) & !0o750, 0);
        }
        assert_eq!(
            names(&log_dir),
            [
                "backup_glance_20261124_024810",
                "backup_glance_20261124_024810_2",
                "backup_glance_20261124_024810_3"
            ]
        );
    }

    #[test]
    fn a_file_is_whole_clean_and_private_and_never_written_over() {
        let parent = tempfile::tempdir().unwrap();
        let folder = BackupFolder::create(parent.path(), now()).unwrap();
        let image = json!({"id": "1", "direct_url": "http://u:p@h/1", "size": null});
        let path = folder.write("Trento", vec![image]).unwrap();
        assert_eq!(mode(&path) & !0o640, 0);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!([{"id": "1", "direct_url": "http://h/1", "size": null}])
        );
        folder.write("Trento", Vec::new()).unwrap();
        assert_eq!(names(folder.path()), ["Trento.json", "Trento_2.json"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        folder.remove_if_empty();
        assert!(path.exists());
    }

    #[test]
    fn what_cannot_be_written_leaves_no_file() {
        let parent = tempfile::tempdir().unwrap();
        let folder = BackupFolder::create(parent.path(), now()).unwrap();
        let error = folder.write("no/such/folder", Vec::new()).unwrap_err();
        assert!(error.to_string().contains("no/such/folder.json"), "{error}");
        assert!(names(folder.path()).is_empty());
        folder.remove_if_empty();
        assert!(names(parent.path()).is_empty());
    }

    #[test]
    fn a_log_dir_that_is_a_file_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = BackupFolder::create(&file, now()).unwrap_err();
        assert!(error.to_string().contains("/file"), "{error}");
    }
}
