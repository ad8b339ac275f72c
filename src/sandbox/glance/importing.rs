//! What Glance does after the 202 of an import: its task, the image's states, and every way back.
//!
//! `import` begins one; `import_content` brings the content in.

use super::hashes::Hashes;
use super::image::Status;
use super::import_content::bring_in;
use super::import_job::{ImportJob, Method, Stop, unlock};
use super::project_limits::{self, Resource};
use super::store;
use super::task::{INTERNAL_ERROR, Task, TaskStatus};
use crate::sandbox::effect::ImportStage;
use crate::sandbox::http::locked;
use crate::sandbox::spec::Conversion;

/// Goes all the way, or back.
pub(super) async fn run(job: ImportJob) {
    match go(&job).await {
        Ok(message) => {
            job.end_task(TaskStatus::Success, &message);
            let _ = job.change(unlock);
        }
        Err(Stop::Killed) => {}
        Err(Stop::Deleted) => {
            store::discard(&job.region.staged(&job.image));
            job.end_task(TaskStatus::Failure, INTERNAL_ERROR);
        }
        Err(stop) => revert(&job, &stop),
    }
}

async fn go(job: &ImportJob) -> Result<String, Stop> {
    pause(job, ImportStage::Pending).await;
    job.change(|_| ())?;
    job.with_task(Task::begin);
    pause(job, ImportStage::Processing).await;
    job.change(|image| {
        image.status = Status::Importing;
        job.announce(image);
    })?;
    check_limits(job)?;
    pause(job, ImportStage::Importing).await;
    job.change(|_| ())?;
    let bytes = bring_in(job).await?;
    pause(job, ImportStage::Active).await;
    job.change(|_| ())?;
    Ok(match bytes {
        0 => String::new(),
        bytes => format!("Copied {} MiB", bytes >> 20),
    })
}

/// Waits where a fault has it wait.
async fn pause(job: &ImportJob, stage: ImportStage) {
    match job.wait_at(stage) {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

fn check_limits(job: &ImportJob) -> Result<(), Stop> {
    let limits = job.region.spec.limits.project;
    let images = locked(&job.region.images);
    let size = images.get(&job.image).and_then(|image| image.size);
    let mebibytes = i64::try_from(size.unwrap_or_default() >> 20).unwrap_or(i64::MAX);
    let checks: &[_] = match job.method {
        Method::Direct => &[(Resource::Stored, mebibytes)],
        Method::Download { .. } => &[(Resource::Staged, mebibytes), (Resource::Uploading, 0)],
    };
    for (resource, delta) in checks {
        project_limits::check(limits, &images, job.owner.as_deref(), *resource, *delta)
            .map_err(|fail| Stop::Limit(fail.explanation))?;
    }
    Ok(())
}

/// Goes back as Glance's own task does, which leaves the image where its parts put it.
fn revert(job: &ImportJob, stop: &Stop) {
    let is_pulled = matches!(job.method, Method::Download { .. });
    let converts = job.region.spec.imports.conversion != Conversion::None;
    let reverted = job.change(|image| {
        match stop {
            Stop::Limit(_) => job.renounce(image),
            Stop::Download | Stop::Plugin => job.fail_all(image),
            Stop::Store(place) => job.fail_at(image, *place),
            _ => {}
        }
        if job.all_must_succeed && !image.stores.is_empty() {
            job.region.discard(image);
            image.stores.clear();
            image.set_hashes(Hashes::default());
            image.size = None;
        }
        // Nothing takes an image back that was staged, and only stored.
        let stays = matches!(stop, Stop::Store(_)) && !is_pulled && !converts;
        if !stays {
            image.status = Status::Queued;
            image.size = None;
            image.virtual_size = None;
            store::discard(&job.region.staged(&job.image));
        }
        // Glance breaks over its own way back once a pull has copied properties, and the
        // lock stays.
        if !is_pulled || matches!(stop, Stop::Metadata | Stop::Limit(_)) {
            unlock(image);
        }
    });
    if reverted != Err(Stop::Killed) {
        let message = match stop {
            Stop::Limit(words) => words,
            _ => INTERNAL_ERROR,
        };
        job.end_task(TaskStatus::Failure, message);
    }
}
