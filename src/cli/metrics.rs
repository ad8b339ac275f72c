//! `--metrics-file`: what a run came to, for a monitoring system, however early the run ends.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::Utc;

use super::written_file;
use crate::engine::RunOutcome;
use crate::event::Mode;
use crate::host::{FILE_BYTES_MAX, Links, read_regular};
use crate::model::{RegionName, Status};
use crate::report::RunSummary;
use crate::report::format::{self, RunMetrics};
use crate::state::write_atomic;

/// Others read it: `node_exporter` has a user of its own.
const PERMISSIONS: u32 = 0o644;

/// The file, and what is known so far of the run that it is about.
pub(super) struct MetricsFile {
    path: PathBuf,
    mode: Mode,
    started: Instant,
    master: OnceCell<String>,
    ended: OnceCell<Ended>,
    /// It could not be written, which was said before the run.
    is_refused: Cell<bool>,
}

struct Ended {
    summary: RunSummary,
    images: BTreeMap<RegionName, BTreeMap<Status, usize>>,
}

impl MetricsFile {
    pub(super) fn new(path: &Path, mode: Mode) -> Self {
        Self {
            path: path.to_owned(),
            mode,
            started: Instant::now(),
            master: OnceCell::new(),
            ended: OnceCell::new(),
            is_refused: Cell::new(false),
        }
    }

    /// Says before the run whether the file could be written: nobody would miss its numbers later.
    pub(super) fn check(&self) -> Result<(), String> {
        let checked = self.try_check();
        self.is_refused.set(checked.is_err());
        checked
    }

    fn try_check(&self) -> Result<(), String> {
        written_file::check("--metrics-file", &self.path)?;
        let path = self.path.display();
        // What is that long was never written here.
        if std::fs::metadata(&self.path).is_ok_and(|facts| facts.len() > FILE_BYTES_MAX) {
            return Err(format!(
                "--metrics-file {path} would be replaced, and it has more than {} MiB: it is not a file of metrics",
                FILE_BYTES_MAX >> 20
            ));
        }
        Ok(())
    }

    /// The configuration was read: the bare name of its master region.
    pub(super) fn master(&self, name: &str) {
        let _ = self.master.set(name.to_owned());
    }

    /// The run came to its end.
    pub(super) fn ended(&self, summary: &RunSummary, outcome: &RunOutcome) {
        let counted = |statuses: &[(String, Status)]| {
            let mut counts = BTreeMap::new();
            for (_, status) in statuses {
                *counts.entry(*status).or_insert(0) += 1;
            }
            counts
        };
        let _ = self.ended.set(Ended {
            summary: summary.clone(),
            images: outcome
                .regions
                .iter()
                .filter_map(|region| {
                    Some((region.region.clone(), counted(&region.sync()?.statuses)))
                })
                .collect(),
        });
    }

    /// Writes the file; keeps from the old one when a run last succeeded.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to: the old file stays.
    pub(super) fn write(&self, exit_code: u8) -> io::Result<()> {
        if self.is_refused.get() {
            return Ok(());
        }
        let old = read_regular(&self.path, Links::Refuse, FILE_BYTES_MAX).unwrap_or_default();
        let master = self.master.get().map(String::as_str);
        let ended = self.ended.get();
        let run = RunMetrics {
            mode: self.mode,
            master,
            finished: Utc::now(),
            seconds: self.started.elapsed().as_secs_f64(),
            exit_code,
            earlier: format::EarlierRuns::read(&String::from_utf8_lossy(&old)),
            summary: ended.map(|ended| &ended.summary),
            images: ended.map_or_else(BTreeMap::new, |ended| ended.images.clone()),
        };
        let mut text = Vec::new();
        format::metrics(&mut text, &run)?;
        write_atomic(&self.path, &text, PERMISSIONS)
    }
}
