//! The record of a run beside the folder of its logs, for `glancesync logs` and for a later run that
//! wants to know how long it took: a selection of the public events, appended as they happen. How it
//! is read, and what is in it, is said in `state`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::ndjson::event_line;
use super::run_id::RunId;
use crate::event::{Event, EventKind};
use crate::state::{FolderError, prepare_records, record_path};

/// The record that is being written, locked for as long as this lives.
pub(super) struct RunRecord {
    file: File,
    run_id: RunId,
}

impl RunRecord {
    /// Makes it for that run, whose logs are in that folder.
    pub(super) fn create(folder: &Path, run_id: RunId) -> Result<Self, FolderError> {
        prepare_records(folder)?;
        let path = record_path(folder);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o640)
            .open(&path)
            .map_err(FolderError::at(&path))?;
        // It tells a run at work from one that was killed. Where there are no locks, that is not
        // available, and the run goes on without.
        let _ = file.lock();
        Ok(Self { file, run_id })
    }

    /// Writes an event down, if it is one that the record holds: whole lines at once.
    pub(super) fn event(&mut self, event: &Event) -> io::Result<()> {
        let is_held = match event.kind {
            EventKind::RunStarted { .. }
            | EventKind::RegionFinished { .. }
            | EventKind::Error(_)
            | EventKind::RunFinished { .. } => true,
            EventKind::Warning(_) => event.region.is_none(),
            _ => false,
        };
        if !is_held {
            return Ok(());
        }
        let line = event_line(event, self.run_id)?;
        self.file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::fixtures;
    use super::*;
    use crate::event::{Mode, RegionResult};
    use crate::model::{Warning, WarningCode};
    use crate::state::{RunState, run_folders};

    #[test]
    fn what_is_written_is_read_again() {
        let log_dir = tempfile::tempdir().unwrap();
        let folder = log_dir.path().join("sync_20261124_0248");
        std::fs::create_dir(&folder).unwrap();
        let mut record = RunRecord::create(&folder, RunId::of_tests()).unwrap();
        let warning = Warning::new(WarningCode::ConditionFailed, "it raised");
        for event in [
            fixtures::run_started(Mode::Sync, true, &["Trento", "other:Prague"]),
            fixtures::at(None, 1, EventKind::Warning(warning.clone())),
            fixtures::at(Some("Trento"), 1, EventKind::Warning(warning)),
            fixtures::at(Some("Trento"), 1, EventKind::RegionStarted),
            fixtures::at(Some("Trento"), 2, EventKind::Error(fixtures::failure())),
            fixtures::region_finished("Trento", RegionResult::Failed, 2),
        ] {
            record.event(&event).unwrap();
        }
        let found = &run_folders(log_dir.path()).unwrap()[0];
        assert_eq!(found.read_run().state, RunState::UnderWay);
        record.event(&fixtures::run_finished(1)).unwrap();
        drop(record);
        let run = found.read_run();
        assert_eq!(run.state, RunState::Finished);
        assert_eq!(
            run.started.unwrap().to_rfc3339(),
            "2026-11-24T02:48:00+00:00"
        );
        assert_eq!(
            run.run_id.as_deref(),
            Some("00000000-0000-0000-0000-00005e1fc0de")
        );
        assert_eq!(run.mode.as_deref(), Some("sync"));
        assert_eq!(run.master.as_deref(), Some("Spain"));
        assert_eq!(run.failed_regions().collect::<Vec<_>>(), ["Trento"]);
        assert_eq!(run.regions[0].end.as_ref().unwrap().uploaded_images, 2);
        assert_eq!(run.regions[1].end, None);
        assert_eq!(run.warnings.len(), 1);
        let error = &run.errors[0];
        assert_eq!(error.region.as_deref(), Some("Trento"));
        assert_eq!(error.code.as_deref(), Some("quota_exceeded"));
        assert_eq!(error.image.as_deref(), Some(fixtures::NASTY));
        assert_eq!(run.damaged_lines, 0);
        let mode = std::fs::metadata(record_path(&folder)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o137, 0);
    }
}
