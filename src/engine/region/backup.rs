//! One region of a backup: lists every image that the credential sees, and has them written into a
//! file. Told by the region's actor; the file is the business of `state`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::LocalBoxFuture;

use super::actor::RegionWork;
use super::task::{RegionJob, RegionTask, failure, failure_of, stopped};
use super::totals::RegionTotals;
use crate::engine::outcome::{RegionOutcome, RegionWorkResult};
use crate::engine::shutdown::StopSignal;
use crate::event::{EventKind, Events, Failure, RegionResult};
use crate::model::{ErrorCode, RegionName};
use crate::openstack::Listing;
use crate::state::{BackupFile, BackupFolder, file_stem};

/// Writes the metadata of a region's images; what all regions of a backup have in common.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    /// Where the files go.
    pub folder: Arc<BackupFolder>,
    /// Where everything is reported.
    pub events: Events,
    /// Whether connections are to be dropped.
    pub stop: StopSignal,
}

impl RegionWork for Backup {
    fn run(&self, task: RegionTask) -> LocalBoxFuture<'static, RegionOutcome> {
        Box::pin(run(task, self.clone()))
    }
}

/// Backs one region up and reports everything about it, its end included.
async fn run(RegionTask { region, job }: RegionTask, context: Backup) -> RegionOutcome {
    let started = Instant::now();
    let events = &context.events;
    events.emit(Some(&region), EventKind::RegionStarted);
    let written = match job {
        Ok(job) => context.back_up(&region, &job).await,
        Err(failure) => Err(failure),
    };
    let result = if written.is_ok() {
        RegionResult::Synchronised
    } else {
        RegionResult::Failed
    };
    let backup = written
        .map_err(|failure| events.error(Some(&region), failure))
        .ok();
    events.emit(
        Some(&region),
        RegionTotals::default().finished(result, BTreeMap::new(), started),
    );
    RegionOutcome {
        region,
        result,
        work: backup.map(RegionWorkResult::Backup),
    }
}

impl Backup {
    async fn back_up(&self, region: &RegionName, job: &RegionJob) -> Result<BackupFile, Failure> {
        self.events.note(region, "lists its images");
        let reader = job
            .target
            .reader(&region.region)
            .map_err(|error| failure_of(&error))?;
        let listed = tokio::select! {
            listed = reader.list_raw(&Listing::All) => listed.map_err(|error| failure_of(&error))?,
            () = self.stop.stopping() => {
                let cause = self.stop.cause();
                return Err(stopped(cause, region, "before its images were listed"));
            }
        };
        let images = listed.len();
        let folder = Arc::clone(&self.folder);
        let stem = file_stem(region);
        let written = tokio::task::spawn_blocking(move || folder.write(&stem, listed)).await;
        let path = match written {
            Ok(Ok(path)) => path,
            Ok(Err(error)) => {
                let code = ErrorCode::BackupFailed;
                return Err(failure(code, format!("{region}: {error}"), code.hint()));
            }
            Err(_) => {
                let code = ErrorCode::Internal;
                let message =
                    format!("{region}: the thread that writes its file ended unexpectedly");
                return Err(failure(code, message, code.hint()));
            }
        };
        let note = format!("{images} images written to {}", path.display());
        self.events.note(region, note);
        Ok(BackupFile {
            region: region.clone(),
            path,
            images,
        })
    }
}
