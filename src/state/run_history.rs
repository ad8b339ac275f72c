//! Past runs: the folders `sync_<date>_<time>` in `log_dir`, which hold the logs of regions and nothing
//! else, and the record that each run keeps beside them. Runs without `--parallel` make no folder, so
//! nothing is known of them.
//!
//! **The record**, at [`record_path`], is a selection of the public events (`docs/events.md`), one JSON
//! object a line, appended as they happen: `run_started`, `region_finished`, `error`, each `warning`
//! that is about no region, and `run_finished`. So it tells how long each region took the last
//! time, and what is there after a run that was killed is true as well. The run that writes it
//! holds a lock on it: a record that nobody locks and that has no `run_finished` is of a run that
//! was cut off.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Local, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FolderError, LogLines};
use crate::host::{Links, open_regular};

/// Where in `log_dir` the records are: out of the way of those who look through the logs.
const RECORDS: &str = ".glancesync";
const RECORD_SUFFIX: &str = ".ndjson";
/// What comes after so much of a record is not read.
const RECORD_BYTES_MAX: u64 = 256 << 20;

/// Where the record of a run is whose logs are in `folder`.
pub fn record_path(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(RECORD_SUFFIX);
    folder.with_file_name(RECORDS).join(name)
}

/// Makes the folder of records beside the `folder` of a run, and lets go of those whose run's folder
/// is no longer there.
///
/// # Errors
///
/// The folder of records cannot be made.
pub fn prepare_records(folder: &Path) -> Result<(), FolderError> {
    let records = folder.with_file_name(RECORDS);
    if let Err(error) = DirBuilder::new().mode(0o750).create(&records) {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(FolderError::at(&records)(error));
        }
        check_folder(&records)?;
    }
    for entry in std::fs::read_dir(&records).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let run = name
            .to_str()
            .and_then(|name| name.strip_suffix(RECORD_SUFFIX));
        if let Some(run) = run.and_then(|run| RunFolder::read(folder.parent()?, run))
            && !run.path.exists()
        {
            // One that cannot be removed does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Says before a run whether the folder of records in `log_dir` could be used: it is not there, or a
/// folder.
///
/// # Errors
///
/// It is something else: a link could lead anywhere.
pub fn check_records(log_dir: &Path) -> Result<(), FolderError> {
    check_folder(&log_dir.join(RECORDS))
}

fn check_folder(path: &Path) -> Result<(), FolderError> {
    let what = match std::fs::symlink_metadata(path) {
        Ok(facts) if facts.is_dir() => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FolderError::at(path)(error)),
        Ok(facts) if facts.is_symlink() => "it is a symbolic link, which is not followed here",
        Ok(_) => "it is not a folder",
    };
    let error = io::Error::new(io::ErrorKind::NotADirectory, what);
    Err(FolderError::at(path)(error))
}

/// The folder of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunFolder {
    /// `<YYYYMMDD>_<HHMM>`, the local time at which it began.
    date: String,
    /// Which of that minute; the first is 1.
    number: u32,
    /// `sync_20261124_0315`
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is at work.
    UnderWay,
    /// It came to its end.
    Finished,
    /// It ended without saying so: it was killed, or the machine went down.
    CutOff,
    /// It left no record that can be read.
    Unknown,
}

/// What is known of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastRun {
    /// The name of its folder.
    pub run: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its id, as its events have it; none where its record has none, as that of an older version.
    pub run_id: Option<String>,
    /// When it began: by its record, else by the name of its folder.
    pub started: Option<DateTime<Utc>>,
    /// How far it has come.
    pub state: RunState,
    /// `sync`, `apply` or `dry_run`.
    pub mode: Option<String>,
    /// The master region.
    pub master: Option<String>,
    /// How long it took; none unless it is finished.
    pub seconds: Option<f64>,
    /// Its exit code; none unless it is finished.
    pub exit_code: Option<u8>,
    /// Why that is not 0; none where it is, or where an older version wrote the record.
    pub reason: Option<String>,
    /// The globs of `--image`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Every region, in run order.
    pub regions: Vec<PastRegion>,
    /// What went wrong, in order.
    pub errors: Vec<PastError>,
    /// Warnings that were about no region.
    pub warnings: Vec<PastError>,
    /// Lines of the record that cannot be read.
    pub damaged_lines: usize,
}

/// How a region of a past run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastRegion {
    /// The region, as it is printed.
    pub region: String,
    /// None where the run ended, or was cut off, before the region did.
    pub end: Option<RegionEnd>,
}

/// What a region of a past run came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionEnd {
    /// `synchronised`, `changed` or `failed`.
    pub result: String,
    /// Bytes of content that were sent and published.
    pub uploaded_bytes: u64,
    /// Images that were uploaded.
    pub uploaded_images: usize,
    /// Images whose metadata was changed.
    pub updated_images: usize,
    /// How many images were `pending_*` or `error_*` at the end, by status.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, usize>,
    /// How long it took.
    pub seconds: f64,
}

/// What went wrong in a past run, or should have been looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastError {
    /// When.
    pub ts: Option<DateTime<Utc>>,
    /// Where; none where it was about the run as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The public code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The image's name, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The action that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// A line of a record.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum RecordLine {
    RunStarted {
        ts: DateTime<Utc>,
        master: String,
        regions: Vec<String>,
        mode: String,
        #[serde(default)]
        run_id: Option<String>,
        #[serde(default)]
        images: Vec<String>,
    },
    RegionFinished {
        region: String,
        #[serde(flatten)]
        end: RegionEnd,
    },
    Error(PastError),
    Warning(PastError),
    RunFinished {
        seconds: f64,
        exit_code: u8,
        #[serde(default)]
        reason: Option<String>,
    },
    #[serde(other)]
    Other,
}

impl RunFolder {
    /// Reads the name of a folder; none where it is not that of a run.
    fn read(log_dir: &Path, name: &str) -> Option<Self> {
        let rest = name.strip_prefix("sync_")?;
        let mut parts = rest.split('_');
        let (day, minute) = (parts.next()?, parts.next()?);
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // FIWARE GlanceSync's folders have year and month only.
        if !matches!(day.len(), 6 | 8) || minute.len() != 4 || !is_number(day) || !is_number(minute)
        {
            return None;
        }
        let number = match parts.next() {
            None => 1,
            Some(number) if is_number(number) => number.parse().ok()?,
            Some(_) => return None,
        };
        parts.next().is_none().then(|| Self {
            // An unknown day is before all days of its month.
            date: format!("{day:0<8}_{minute}"),
            number,
            name: name.to_owned(),
            path: log_dir.join(name),
        })
    }

    fn started(&self) -> Option<DateTime<Utc>> {
        let text = format!("{}00", self.date);
        let local = NaiveDateTime::parse_from_str(&text, "%Y%m%d_%H%M%S").ok()?;
        Some(local.and_local_timezone(Local).earliest()?.to_utc())
    }

    /// Reads what is known of the run. A record that is damaged or half written gives what can be
    /// read of it.
    pub fn read_run(&self) -> PastRun {
        let mut run = PastRun {
            run: self.name.clone(),
            folder: self.path.clone(),
            run_id: None,
            started: self.started(),
            state: RunState::Unknown,
            mode: None,
            master: None,
            seconds: None,
            exit_code: None,
            reason: None,
            images: Vec::new(),
            regions: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            damaged_lines: 0,
        };
        if let Ok(file) = open_regular(&record_path(&self.path), Links::Refuse) {
            // Asked before reading: a run that ends meanwhile has written its last line by then.
            let is_locked = is_locked(&file);
            let mut lines = LogLines::new(BufReader::new(file.take(RECORD_BYTES_MAX)));
            while let Ok(Some(line)) = lines.next_line() {
                run.take(&line);
            }
            run.state = match (run.exit_code, is_locked) {
                (Some(_), _) => RunState::Finished,
                (None, true) => RunState::UnderWay,
                (None, false) if run.mode.is_some() => RunState::CutOff,
                (None, false) => RunState::Unknown,
            };
        }
        run
    }

    /// True while the run is at work.
    pub fn is_under_way(&self) -> bool {
        open_regular(&record_path(&self.path), Links::Refuse).is_ok_and(|file| is_locked(&file))
    }
}

impl PastRun {
    fn take(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(RecordLine::RunStarted {
                ts,
                master,
                regions,
                mode,
                run_id,
                images,
            }) => {
                self.run_id = run_id;
                self.images = images;
                self.started = Some(ts);
                self.master = Some(master);
                self.mode = Some(mode);
                let regions = regions.into_iter();
                self.regions = regions
                    .map(|region| PastRegion { region, end: None })
                    .collect();
            }
            Ok(RecordLine::RegionFinished { region, end }) => {
                let known = self.regions.iter_mut().find(|past| past.region == region);
                match known {
                    Some(past) => past.end = Some(end),
                    None => self.regions.push(PastRegion {
                        region,
                        end: Some(end),
                    }),
                }
            }
            Ok(RecordLine::Error(error)) => self.errors.push(error),
            Ok(RecordLine::Warning(warning)) => self.warnings.push(warning),
            Ok(RecordLine::RunFinished {
                seconds,
                exit_code,
                reason,
            }) => {
                self.reason = reason;
                self.seconds = Some(seconds);
                self.exit_code = Some(exit_code);
            }
            Ok(RecordLine::Other) => {}
            Err(_) => self.damaged_lines += 1,
        }
    }

    /// The regions that failed.
    pub fn failed_regions(&self) -> impl Iterator<Item = &str> {
        self.regions
            .iter()
            .filter(|past| past.end.as_ref().is_some_and(|end| end.result == "failed"))
            .map(|past| past.region.as_str())
    }
}

/// The folders of all runs in `log_dir`, newest first. What else is in there is passed over, links
/// too; a `log_dir` that is not there has none.
///
/// # Errors
///
/// `log_dir` cannot be read.
pub fn run_folders(log_dir: &Path) -> io::Result<Vec<RunFolder>> {
    let entries = match std::fs::read_dir(log_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let folder = name
            .to_str()
            .and_then(|name| RunFolder::read(log_dir, name));
        if let Some(folder) = folder
            && entry.file_type()?.is_dir()
        {
            folders.push(folder);
        }
    }
    folders.sort_by(|one, other| other.cmp(one));
    Ok(folders)
}

fn is_locked(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = file.unlock();
            false
        }
        Err(TryLockError::WouldBlock) => true,
        // Where a file system has no locks, nothing says that the run is still at work.
        Err(TryLockError::Error(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const STARTED: &str = r#"{"ts":"2026-11-24T02:15:00.000Z","level":"info","event":"run_started","master":"Spain","regions":["Trento","other:Berlin"],"mode":"sync","parallel":true,"max_children":2}"#;
    const TRENTO: &str = r#"{"ts":"2026-11-24T02:16:00.000Z","level":"info","region":"Trento","event":"region_finished","result":"failed","uploaded_bytes":7,"uploaded_images":1,"updated_images":0,"seconds":60.5}"#;
    const ERROR: &str = r#"{"ts":"2026-11-24T02:15:59.000Z","level":"error","region":"Trento","event":"error","code":"list_failed","message":"no","hint":"Do."}"#;
    const FINISHED: &str = r#"{"ts":"2026-11-24T02:17:00.000Z","level":"info","event":"run_finished","regions_ok":1,"regions_failed":1,"uploaded_bytes":7,"seconds":120.0,"exit_code":1}"#;

    fn run(lines: &str) -> PastRun {
        let log_dir = tempfile::tempdir().unwrap();
        let folder = log_dir.path().join("sync_20261124_0315");
        std::fs::create_dir(&folder).unwrap();
        prepare_records(&folder).unwrap();
        std::fs::write(record_path(&folder), lines).unwrap();
        run_folders(log_dir.path()).unwrap()[0].read_run()
    }

    #[test]
    fn folders_of_runs_are_told_from_all_else_and_the_newest_is_first() {
        let log_dir = tempfile::tempdir().unwrap();
        let path = |name: &str| log_dir.path().join(name);
        for name in [
            "sync_20261124_0315",
            "sync_20261124_0315_2",
            "sync_20261124_0315_10",
            "sync_20261123_2300",
            "sync_202611_2300",
            "sync_20261124_0315_x",
            "sync_20261124_0315_2_3",
            "sync_20261124",
            "sync_2026112x_0315",
            "backup_glance_20261124_031500",
            "other",
        ] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::fs::write(path("sync_20261124_0400"), "a file").unwrap();
        symlink("/etc", path("sync_20261124_0500")).unwrap();
        let names: Vec<String> = run_folders(log_dir.path())
            .unwrap()
            .into_iter()
            .map(|folder| folder.name)
            .collect();
        assert_eq!(
            names,
            [
                "sync_20261124_0315_10",
                "sync_20261124_0315_2",
                "sync_20261124_0315",
                "sync_20261123_2300",
                "sync_202611_2300",
            ]
        );
        assert!(run_folders(&path("not there")).unwrap().is_empty());
        assert!(run_folders(&path("sync_20261124_0400")).is_err());
    }

    #[test]
    fn a_finished_run_is_read_as_it_was() {
        let run = run(&[STARTED, ERROR, TRENTO, FINISHED, ""].join("\n"));
        assert_eq!(run.state, RunState::Finished);
        assert_eq!((run.exit_code, run.seconds), (Some(1), Some(120.0)));
        assert_eq!(run.run_id, None, "an older version wrote it");
        assert_eq!(run.failed_regions().collect::<Vec<_>>(), ["Trento"]);
        assert_eq!(run.regions[1].end, None);
        assert_eq!(run.errors[0].code.as_deref(), Some("list_failed"));
        assert_eq!(run.damaged_lines, 0);
    }

    #[test]
    fn a_record_without_its_end_is_of_a_run_that_was_cut_off() {
        let half = format!("{STARTED}\n{TRENTO}\n{{\"ts\":\"2026-1");
        let run = run(&half);
        assert_eq!(run.state, RunState::CutOff);
        assert!(run.regions[0].end.is_some());
        // Half a line is no damage: the writer was cut off in it.
        assert_eq!(run.damaged_lines, 0);
    }

    #[test]
    fn damage_costs_the_damaged_lines_alone() {
        let run = run(&format!(
            "{STARTED}\n\u{0}\u{0}junk\n{{\"event\":\"new_one\"}}\n{FINISHED}\n"
        ));
        assert_eq!(run.state, RunState::Finished);
        assert_eq!(run.damaged_lines, 1);
        assert_eq!(super::tests::run("junk\n").state, RunState::Unknown);
    }

    #[test]
    fn without_a_record_the_folders_name_tells_when() {
        let log_dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(log_dir.path().join("sync_20261124_0315")).unwrap();
        std::fs::create_dir(log_dir.path().join("sync_202611_0315")).unwrap();
        let folders = run_folders(log_dir.path()).unwrap();
        let run = folders[0].read_run();
        assert_eq!(run.state, RunState::Unknown);
        assert!(run.started.is_some());
        assert!(folders[1].read_run().started.is_none());
    }

    #[test]
    fn a_record_goes_when_its_run_is_gone_and_nothing_else_does() {
        let log_dir = tempfile::tempdir().unwrap();
        let path = |name: &str| log_dir.path().join(name);
        let records = path(RECORDS);
        std::fs::create_dir(path("sync_20261124_0315")).unwrap();
        std::fs::create_dir(&records).unwrap();
        for name in [
            "sync_20261124_0315.ndjson",
            "sync_20261123_0315.ndjson",
            "notes.ndjson",
        ] {
            std::fs::write(records.join(name), "").unwrap();
        }
        prepare_records(&path("sync_20261124_0315")).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&records)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["notes.ndjson", "sync_20261124_0315.ndjson"]);
    }

    #[test]
    fn a_run_at_work_holds_its_record() {
        let log_dir = tempfile::tempdir().unwrap();
        let folder = log_dir.path().join("sync_20261124_0315");
        std::fs::create_dir(&folder).unwrap();
        prepare_records(&folder).unwrap();
        let path = record_path(&folder);
        std::fs::write(&path, format!("{STARTED}\n")).unwrap();
        let found = &run_folders(log_dir.path()).unwrap()[0];
        let writer = File::options().append(true).open(&path).unwrap();
        writer.lock().unwrap();
        assert!(found.is_under_way());
        assert_eq!(found.read_run().state, RunState::UnderWay);
        drop(writer);
        assert!(!found.is_under_way());
        assert_eq!(found.read_run().state, RunState::CutOff);
    }
}
