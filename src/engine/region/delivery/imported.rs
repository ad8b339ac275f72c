//! An import that the region carries out by itself, looked at until it is over.
//!
//! `queued` alone says nothing: an import waits in that state for its turn. It has failed when its newest task
//! says so, when the image is `queued` after having left that state, or when `import_timeout` is over.

use tokio::time::Instant;

use super::image_delivery::ImageDelivery;
use super::settle::{
    FAILED_LOOKS, FIRST_PAUSE, LONGEST_PAUSE, clean_up, leave, look_at, may_lag, wait_between_looks,
};
use crate::engine::region::failure::StepError;
use crate::engine::shutdown::Stop;
use crate::model::{DeliveryWay, Image, ImageId, ImageStatus};
use crate::openstack::{
    GlanceImport, ImportMethod, ImportTask, OpenStackError, REPLICA_LAG, TaskStatus,
};

/// An import, and whether it is known to have been started.
pub(super) struct StartedImport<'a> {
    pub(super) id: &'a ImageId,
    pub(super) way: DeliveryWay,
    /// The region said that it was started.
    pub(super) is_accepted: bool,
}

/// Starts the import of an image without content.
pub(super) async fn start_import<'a>(
    delivery: &ImageDelivery<'_>,
    id: &'a ImageId,
    way: DeliveryWay,
    method: &ImportMethod,
) -> Result<StartedImport<'a>, StepError> {
    let import = GlanceImport::of(&delivery.writer);
    let started = import.start(id, method, &delivery.rules.stores);
    let started = delivery.context.stop.unless_dropped(started).await;
    let is_accepted = match started {
        None => {
            clean_up(delivery, id).await;
            return Err(delivery.stopped());
        }
        Some(Ok(())) => true,
        // It may have been started all the same.
        Some(Err(error)) if error.is_uncertain() => false,
        Some(Err(source)) => {
            clean_up(delivery, id).await;
            return Err(StepError::ImportRefused { source, way });
        }
    };
    Ok(StartedImport {
        id,
        way,
        is_accepted,
    })
}

/// Looks at an image until its import is over, and gives it once it is `active`. What failed is deleted: no
/// image is imported twice.
pub(super) async fn until_imported(
    delivery: &ImageDelivery<'_>,
    import: &StartedImport<'_>,
) -> Result<Image, StepError> {
    let ended = watch(delivery, import).await;
    match ended {
        Ok(ImportEnd::Active(image)) => Ok(*image),
        // The region goes on by itself, and may be done before a request to delete it arrives.
        Ok(ImportEnd::Stopped) => {
            leave(delivery, import.id, "the region is still importing it");
            Err(delivery.stopped())
        }
        Ok(ImportEnd::Failed(why)) => {
            clean_up(delivery, import.id).await;
            Err(StepError::Import {
                id: import.id.clone(),
                way: import.way,
                why,
            })
        }
        Err(error) => {
            let why = format!("what became of it is unknown: {error}");
            leave(delivery, import.id, &why);
            Err(error.into())
        }
    }
}

/// How an import ended.
enum ImportEnd {
    Active(Box<Image>),
    Failed(String),
    /// The run was told to drop its connections before that was known.
    Stopped,
}

async fn watch(
    delivery: &ImageDelivery<'_>,
    import: &StartedImport<'_>,
) -> Result<ImportEnd, OpenStackError> {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut failed_looks = 0;
    // What was staged had left `queued` already; a replica may only not have noticed yet.
    let is_staged = import.way == DeliveryWay::Import;
    let mut has_left = false;
    loop {
        let mut seen = None;
        match look_at(delivery, import.id).await {
            Ok(image) if image.status.is_present() => {
                return Ok(ImportEnd::Active(Box::new(image)));
            }
            Ok(image) => {
                failed_looks = 0;
                has_left |= image.status == ImageStatus::Importing;
                seen = Some(image.status);
            }
            Err(error) if error.is_gone() => {
                if !may_lag(delivery, import.id, &error) {
                    return Ok(ImportEnd::Failed("somebody deleted it".to_owned()));
                }
            }
            Err(error) => {
                failed_looks += 1;
                if failed_looks == FAILED_LOOKS {
                    return Err(error);
                }
            }
        }
        if delivery.context.stop.get() == Stop::Now {
            return Ok(ImportEnd::Stopped);
        }
        let task = newest_task(delivery, import.id).await;
        if let Some(why) = why_failed(task.as_ref()) {
            return Ok(ImportEnd::Failed(why));
        }
        let waited = begun.elapsed();
        match seen {
            Some(ImageStatus::Queued) if has_left => {
                return Ok(ImportEnd::Failed("it is `queued` again".to_owned()));
            }
            Some(ImageStatus::Queued) if is_staged && waited >= REPLICA_LAG => {
                return Ok(ImportEnd::Failed("it is `queued` again".to_owned()));
            }
            Some(ImageStatus::Queued | ImageStatus::Uploading)
                if !import.is_accepted && task.is_none() && waited >= REPLICA_LAG =>
            {
                return Ok(ImportEnd::Failed("it was not begun".to_owned()));
            }
            Some(status) if !(status.is_in_progress() || status == ImageStatus::Queued) => {
                return Ok(ImportEnd::Failed(format!("it has the status `{status}`")));
            }
            _ => {}
        }
        let limit = delivery.rules.import_timeout;
        let Some(left) = limit.checked_sub(waited).filter(|left| !left.is_zero()) else {
            let status = seen.map_or_else(|| "not seen".to_owned(), |it| format!("`{it}`"));
            let limit = limit.as_secs_f64();
            let why = format!("it was still {status} after `import_timeout`, {limit} s");
            return Ok(ImportEnd::Failed(why));
        };
        wait_between_looks(delivery, pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The newest task; none where there is none, or the region does not tell: such a region is asked only once.
async fn newest_task(delivery: &ImageDelivery<'_>, id: &ImageId) -> Option<ImportTask> {
    if delivery.hides_tasks.get() {
        return None;
    }
    let import = GlanceImport::of(&delivery.writer);
    let task = delivery.context.stop.unless_dropped(import.newest_task(id));
    match task.await? {
        Ok(task) => task,
        Err(error) => {
            let is_refused = matches!(error.status(), Some(403 | 404));
            if is_refused && !may_lag(delivery, id, &error) {
                delivery.hides_tasks.set(true);
            }
            None
        }
    }
}

fn why_failed(task: Option<&ImportTask>) -> Option<String> {
    let task = task.filter(|task| task.status == TaskStatus::Failure)?;
    Some(match task.message.as_str() {
        "" => "its task failed, without a word".to_owned(),
        message => format!("its task failed: {message}"),
    })
}
