//! Reads the logs of past regions back, which `region_log` wrote: which file is whose, and what a
//! line says. The files may be damaged, half written, or written on right now.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::text::OneLine;
use crate::host::{Links, open_regular};
use crate::state::{LogLines, PastRun};

/// The log file of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRegion {
    /// The region, as it is printed.
    pub region: String,
    /// Its file.
    pub path: PathBuf,
}

/// What a line of a region's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What happened.
    Info,
    /// What somebody should look at.
    Warning,
    /// What failed.
    Error,
    /// What to do about the error before it.
    Hint,
}

/// A line of a region's log, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LogLine<'a> {
    /// RFC 3339; none where the line is damaged.
    pub time: Option<&'a str>,
    /// What it is.
    pub level: LogLevel,
    /// What it says.
    pub text: &'a str,
}

impl<'a> LogLine<'a> {
    /// Takes a line apart. What has no time in front is a text without one.
    pub fn read(line: &'a str) -> Self {
        let (time, rest) = match line.split_once(' ') {
            Some((time, rest)) if chrono::DateTime::parse_from_rfc3339(time).is_ok() => {
                (Some(time), rest)
            }
            _ => (None, line),
        };
        let labels = [
            ("warning: ", LogLevel::Warning),
            ("error: ", LogLevel::Error),
            ("hint: ", LogLevel::Hint),
        ];
        let labelled = labels
            .into_iter()
            .find_map(|(label, level)| Some((level, rest.strip_prefix(label)?)))
            .filter(|_| time.is_some());
        let (level, text) = labelled.unwrap_or((LogLevel::Info, rest));
        Self { time, level, text }
    }
}

impl LoggedRegion {
    /// Whose log that file is, by its first line, else by its name.
    pub fn read(path: PathBuf, run: &PastRun) -> Self {
        let first = open_log(&path)
            .and_then(|mut lines| Ok(lines.next_line()?.or_else(|| lines.half_line())))
            .unwrap_or_default();
        let title = first
            .as_deref()
            .and_then(|line| line.split_once(", region "))
            .map(|(before, region)| (before, region.to_owned()));
        let stem = || {
            let stem = path.file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        };
        // A name may look like the words around it; the record has it as it is.
        let recorded = first.as_deref().and_then(|line| {
            let ends = |region: &&str| line.ends_with(&format!(", region {}", OneLine(region)));
            let regions = run.regions.iter().map(|past| past.region.as_str());
            regions.filter(ends).max_by_key(|region| region.len())
        });
        let region = match (recorded, title) {
            (Some(region), _) => region.to_owned(),
            (None, Some((_, region))) => region,
            (None, None) => stem(),
        };
        Self { region, path }
    }
}

/// The lines of a log file.
pub type LogReader = LogLines<BufReader<std::fs::File>>;

/// Opens a log file; a link or a pipe is refused.
///
/// # Errors
///
/// It is not there, or cannot be read.
pub fn open_log(path: &Path) -> io::Result<LogReader> {
    let file = open_regular(path, Links::Refuse)?;
    Ok(LogReader::new(BufReader::with_capacity(1 << 16, file)))
}

/// The log files in the folder of a run; what else is in there is passed over.
///
/// # Errors
///
/// The folder cannot be read.
pub fn log_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let is_log = path.extension().is_some_and(|ending| ending == "txt");
        if is_log && entry.file_type()?.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Every region of a run that has a log: in run order as far as the record knows it, then by name.
///
/// # Errors
///
/// The folder cannot be read.
pub fn logged_regions(run: &PastRun) -> io::Result<Vec<LoggedRegion>> {
    let files = log_files(&run.folder)?.into_iter();
    let mut logged: Vec<_> = files.map(|path| LoggedRegion::read(path, run)).collect();
    let place = |logged: &LoggedRegion| {
        let mut regions = run.regions.iter();
        regions
            .position(|past| past.region == logged.region)
            .unwrap_or(usize::MAX)
    };
    logged.sort_by_cached_key(|logged| (place(logged), logged.region.clone()));
    Ok(logged)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::state::run_folders;

    #[test]
    fn a_line_is_taken_apart() {
        const TIME: &str = "2026-11-24T02:48:10+01:00";
        for (rest, level, text) in [
            (
                "error: it failed [internal]",
                LogLevel::Error,
                "it failed [internal]",
            ),
            ("hint: Run again.", LogLevel::Hint, "Run again."),
            ("warning: look", LogLevel::Warning, "look"),
            ("started", LogLevel::Info, "started"),
        ] {
            let line = format!("{TIME} {rest}");
            let time = Some(TIME);
            assert_eq!(LogLine::read(&line), LogLine { time, level, text });
        }
        for text in ["", "error: forged", "2026-11-2", "\u{fffd}\u{0} error: x"] {
            let (time, level) = (None, LogLevel::Info);
            assert_eq!(LogLine::read(text), LogLine { time, level, text });
        }
    }

    #[test]
    fn files_are_told_by_their_first_line_and_by_their_name_where_that_is_damaged() {
        let log_dir = tempfile::tempdir().unwrap();
        let folder = log_dir.path().join("sync_20261124_0315");
        std::fs::create_dir(&folder).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let title = "2026-11-24T02:48:10+01:00 glancesync 1: sync, master a, region b, region";
        write("a_b.txt", &format!("{title} a/b\nmore\n"));
        write("a_b_2.txt", &format!("{title} a_b"));
        write("Broken.txt", "\u{0}\u{0}");
        write("Empty.txt", "");
        write("notes.md", "");
        std::fs::create_dir(folder.join("folder.txt")).unwrap();
        symlink("/etc/passwd", folder.join("passwd.txt")).unwrap();
        let record = r#"{"ts":"2026-11-24T02:15:00Z","event":"run_started","master":"a, region b","regions":["a_b","a/b"],"mode":"sync"}"#;
        crate::state::prepare_records(&folder).unwrap();
        std::fs::write(crate::state::record_path(&folder), format!("{record}\n")).unwrap();
        let run = run_folders(log_dir.path()).unwrap()[0].read_run();
        let found = logged_regions(&run).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|logged| {
                let file = logged.path.file_name().unwrap().to_str().unwrap();
                (logged.region.as_str(), file)
            })
            .collect();
        assert_eq!(
            names,
            [
                ("a_b", "a_b_2.txt"),
                ("a/b", "a_b.txt"),
                ("Broken", "Broken.txt"),
                ("Empty", "Empty.txt"),
            ]
        );
    }
}
