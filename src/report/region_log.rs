//! Region logs: with `--parallel`, one file per region that tells that region's whole story.
//!
//! The reporter's state feeds them lines; they are in a folder of their own, made once a run. Foreign
//! text comes in escaped, so that one message is one line and no line can be forged.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

use super::messages::Line;
use super::text::OneLine;
use crate::host::append_regular;
use crate::model::RegionName;
use crate::state::{FolderError, file_stem, make_folder};

/// A log could not be written.
#[derive(Debug, thiserror::Error)]
#[error("`{}` could not be written: {source}", OneLine(&path.to_string_lossy()))]
pub(super) struct LogError {
    path: PathBuf,
    source: io::Error,
}

impl LogError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

impl From<FolderError> for LogError {
    fn from(FolderError { path, source }: FolderError) -> Self {
        Self { path, source }
    }
}

enum LogFile {
    Open(File, PathBuf),
    /// Its region is done; opened again if it is mentioned once more.
    Closed(PathBuf),
    /// It could not be written, which was reported.
    Broken,
}

/// The folder of one run, and its files.
pub(super) struct RegionLogs {
    folder: PathBuf,
    title: String,
    offset: FixedOffset,
    files: HashMap<RegionName, LogFile>,
}

impl RegionLogs {
    /// Makes `sync_<YYYYMMDD>_<HHMM>` in `log_dir`, or the first of `_2`, `_3` … that is free. The
    /// time is the local one, and so is that of each line. `title` begins every file.
    pub(super) fn create(
        log_dir: &Path,
        started: DateTime<FixedOffset>,
        title: String,
    ) -> Result<Self, LogError> {
        let name = started.format("sync_%Y%m%d_%H%M").to_string();
        let folder = make_folder(log_dir, &name)?;
        Ok(Self {
            folder,
            title,
            offset: *started.offset(),
            files: HashMap::new(),
        })
    }

    /// Where the files are; absolute.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends lines to the file of `region`. After an error that file is given up.
    pub(super) fn write(
        &mut self,
        region: &RegionName,
        time: DateTime<Utc>,
        lines: &[Line],
    ) -> Result<(), LogError> {
        if lines.is_empty() {
            return Ok(());
        }
        let stamp = time
            .with_timezone(&self.offset)
            .to_rfc3339_opts(SecondsFormat::Secs, false);
        let result = self.open(region, &stamp).and_then(|entry| {
            let Some((file, path)) = entry else {
                return Ok(());
            };
            let mut text = String::new();
            for line in lines {
                let label = line.label.as_str();
                let space = if label.is_empty() { "" } else { " " };
                for piece in [&stamp, " ", label, space, &line.text, "\n"] {
                    text.push_str(piece);
                }
            }
            // One write, unbuffered: whoever follows the file sees whole lines at once.
            file.write_all(text.as_bytes()).map_err(LogError::at(path))
        });
        if result.is_err() {
            self.files.insert(region.clone(), LogFile::Broken);
        }
        result
    }

    /// Closes the file of a region that is done: a fleet may have more regions than a process may
    /// have files.
    pub(super) fn close(&mut self, region: &RegionName) {
        if let Some(entry) = self.files.get_mut(region)
            && let LogFile::Open(_, path) = entry
        {
            *entry = LogFile::Closed(std::mem::take(path));
        }
    }

    fn open(
        &mut self,
        region: &RegionName,
        stamp: &str,
    ) -> Result<Option<(&mut File, &Path)>, LogError> {
        match self.files.get(region) {
            Some(LogFile::Open(..) | LogFile::Broken) => {}
            Some(LogFile::Closed(path)) => {
                let path = path.clone();
                let file = append_regular(&path).map_err(LogError::at(&path))?;
                self.files.insert(region.clone(), LogFile::Open(file, path));
            }
            None => {
                let (mut file, path) = self.create_file(region)?;
                let name = region.to_string();
                writeln!(file, "{stamp} {}, region {}", self.title, OneLine(&name))
                    .map_err(LogError::at(&path))?;
                self.files.insert(region.clone(), LogFile::Open(file, path));
            }
        }
        Ok(match self.files.get_mut(region) {
            Some(LogFile::Open(file, path)) => Some((file, path)),
            _ => None,
        })
    }

    /// Two names that look alike to the file system get two files, since only a new file will do.
    fn create_file(&self, region: &RegionName) -> Result<(File, PathBuf), LogError> {
        let stem = file_stem(region);
        let mut path = self.folder.join(format!("{stem}.txt"));
        let mut number = 1;
        loop {
            let opened = OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o640)
                .open(&path);
            match opened {
                Ok(file) => return Ok((file, path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    path = self.folder.join(format!("{stem}_{number}.txt"));
                }
                Err(source) => return Err(LogError { path, source }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::report::messages::{Label, Weight};

    fn start() -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339("2026-11-24T02:48:10+01:00").unwrap()
    }

    fn logs(folder: &Path) -> RegionLogs {
        RegionLogs::create(folder, start(), "glancesync: sync with Spain".to_owned()).unwrap()
    }

    fn region(name: &str) -> RegionName {
        RegionName::new(crate::model::TargetName::master(), name)
    }

    fn line(label: Label, text: &str) -> Line {
        Line {
            label,
            weight: Weight::Normal,
            text: text.to_owned(),
        }
    }

    #[test]
    fn every_line_has_its_time_and_a_closed_file_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = logs(folder.path());
        let trento = region("Trento");
        let time = start().to_utc();
        logs.write(&trento, time, &[line(Label::None, "started")])
            .unwrap();
        logs.close(&trento);
        let failure = [
            line(Label::Error, "it failed [internal]"),
            line(Label::Hint, "Run again."),
        ];
        logs.write(&trento, time, &failure).unwrap();
        let text = std::fs::read_to_string(logs.folder().join("Trento.txt")).unwrap();
        insta::assert_snapshot!(text, @r"
        2026-11-24T02:48:10+01:00 glancesync: sync with Spain, region Trento
        2026-11-24T02:48:10+01:00 started
        2026-11-24T02:48:10+01:00 error: it failed [internal]
        2026-11-24T02:48:10+01:00 hint: Run again.
        ");
    }

    #[test]
    fn a_folder_that_is_there_is_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| logs(folder.path()).folder().file_name().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "sync_20261124_0248",
                "sync_20261124_0248_2",
                "sync_20261124_0248_3"
            ]
        );
    }

    #[test]
    fn folders_made_at_the_same_moment_differ() {
        let folder = tempfile::tempdir().unwrap();
        let made: std::collections::BTreeSet<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| logs(folder.path()).folder().to_owned()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(made.len(), 8);
    }

    #[test]
    fn others_may_not_read_and_the_group_may_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = logs(&folder.path().join("not/there/yet"));
        logs.write(&region("a"), Utc::now(), &[line(Label::None, "x")])
            .unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(logs.folder()) & !0o750, 0);
        assert_eq!(mode(&logs.folder().join("a.txt")) & !0o640, 0);
    }

    #[test]
    fn two_regions_never_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = logs(folder.path());
        for name in ["a/b", "a_b", "a\nb"] {
            logs.write(&region(name), Utc::now(), &[line(Label::None, name)])
                .unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(logs.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["a_b.txt", "a_b_2.txt", "a_b_3.txt"]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_reported_once_and_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = logs(folder.path());
        std::fs::remove_dir(logs.folder()).unwrap();
        let lines = [line(Label::None, "x")];
        let error = logs
            .write(&region("a"), Utc::now(), &lines)
            .unwrap_err()
            .to_string();
        assert!(error.contains("a.txt` could not be written"), "{error}");
        logs.write(&region("a"), Utc::now(), &lines).unwrap();
    }
}
