//! The content of a new image, sent until it is there: again, where that may help and where the state
//! of the image in the region allows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::create::create;
use super::image_delivery::ImageDelivery;
use super::settle::{
    FIRST_PAUSE, LONGEST_PAUSE, SentImage, Settled, clean_up, leave, may_lag, once_known, settle,
};
use super::verify::verify;
use crate::content::Content;
use crate::delivery::{TransferError, upload};
use crate::engine::region::failure::StepError;
use crate::engine::shutdown::Stop;
use crate::model::{Image, ImageId};
use crate::openstack::{ContentTarget, GlanceWriter};
use crate::plan::Upload;

/// The tries of one upload.
pub(super) struct UploadAttempts<'a> {
    writer: &'a GlanceWriter,
    started: Instant,
    tries: u32,
}

impl<'a> UploadAttempts<'a> {
    /// The first try begins now.
    pub(super) fn begin(delivery: &'a ImageDelivery<'_>) -> Self {
        Self {
            writer: &delivery.writer,
            started: Instant::now(),
            tries: 1,
        }
    }

    /// How long to wait before the next try; none where this failure is to be reported.
    pub(super) fn next(&mut self, error: &StepError) -> Option<Duration> {
        let policy = self.writer.retry_policy();
        if self.tries > policy.retries || !error.is_transient() {
            return None;
        }
        let pause = policy.pause_after(self.tries, error.retry_after())?;
        self.tries += 1;
        Some(pause)
    }

    /// The failure with all that was tried.
    pub(super) fn report(
        &self,
        error: StepError,
        id: &ImageId,
        target: &ContentTarget,
    ) -> StepError {
        let elapsed = self.started.elapsed();
        error.after(self.writer.upload_record(id, target, self.tries, elapsed))
    }
}

/// Creates an image, or takes one without content, fills it, and gives it once its content is known
/// to be the master's.
pub(super) async fn upload_with_retry(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    begun: Option<ImageId>,
    content: &Content,
) -> Result<Image, StepError> {
    let target = store_of(delivery);
    let mut attempts = UploadAttempts::begin(delivery);
    let mut next = begun.map(|id| SentImage {
        id,
        sends: 1,
        last_byte: None,
    });
    loop {
        let mut sent_image = match next {
            Some(sent_image) => sent_image,
            None => create(delivery, wanted).await?,
        };
        let filled = fill(delivery, wanted, &mut sent_image, &target, content).await;
        let failure = filled.err();
        let settled = settle(delivery, &sent_image, failure.as_ref()).await;
        if let Settled::Active(image) = settled {
            return examine(delivery, wanted, *image, content).await;
        }
        let error = match (failure, &settled) {
            (Some(failure), _) => failure,
            (None, Settled::Unknown(why)) => StepError::of_look(why.clone()),
            (None, _) => StepError::NotStored(sent_image.id.clone()),
        };
        if delivery.context.stop.get() == Stop::Now {
            abandon(delivery, &sent_image, &settled).await;
            return Err(delivery.stopped());
        }
        match &settled {
            Settled::Unknown(why) => {
                leave(
                    delivery,
                    &sent_image.id,
                    &format!("what became of it is unknown: {why}"),
                );
                return Err(attempts.report(error, &sent_image.id, &target));
            }
            Settled::Stuck(status)
                if status.is_in_progress()
                    && sent_image.last_byte.is_some()
                    && error.leaves_doubt() =>
            {
                clean_up(delivery, &sent_image.id).await;
                return Err(StepError::SaveTimedOut {
                    id: sent_image.id,
                    status: status.clone(),
                    limit: delivery.limits.save_timeout,
                });
            }
            _ => {}
        }
        // A Glance that kept the file of an earlier try answers like this for ever.
        let is_usable = matches!(settled, Settled::Queued)
            && !(sent_image.sends > 1 && error.is_server_fault());
        let pause = if delivery.context.stop.is_stopping() {
            None
        } else {
            attempts.next(&error)
        };
        let is_sent_to_again = is_usable && pause.is_some();
        if !is_sent_to_again && !matches!(settled, Settled::Gone) {
            clean_up(delivery, &sent_image.id).await;
        }
        let Some(pause) = pause else {
            return Err(attempts.report(error, &sent_image.id, &target));
        };
        delivery.note(format!(
            "sends the content of `{}` again in {:.1} s, since {error}",
            wanted.image,
            pause.as_secs_f64()
        ));
        let paused = tokio::time::sleep(pause);
        if delivery.context.stop.unless_dropped(paused).await.is_none() {
            if is_usable {
                clean_up(delivery, &sent_image.id).await;
            }
            return Err(delivery.stopped());
        }
        next = is_usable.then_some(sent_image);
    }
}

/// The store that an upload goes to.
fn store_of(delivery: &ImageDelivery<'_>) -> ContentTarget {
    let store = delivery.rules.stores.first();
    store.map_or(ContentTarget::DefaultStore, |store| {
        ContentTarget::Store(store.clone())
    })
}

/// Sends the content once: again only to a region that does not know the image yet.
pub(super) async fn fill(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    sent_image: &mut SentImage,
    target: &ContentTarget,
    content: &Content,
) -> Result<(), StepError> {
    sent_image.sends += 1;
    let bytes_sent = Arc::new(AtomicU64::new(0));
    let transfer = delivery.context.events.transfer(
        delivery.region,
        &wanted.image,
        wanted.kind(),
        content.size(),
        Arc::clone(&bytes_sent),
    );
    let id = sent_image.id.clone();
    let sent = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match upload(
                &delivery.writer,
                &id,
                target,
                content,
                &bytes_sent,
                &delivery.limits,
            )
            .await
            {
                Err(TransferError::OpenStack(error)) if may_lag(delivery, &id, &error) => {
                    bytes_sent.store(0, Ordering::Relaxed);
                    // What answers a look may still be another replica than takes content.
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    // It is known as soon as it is seen, and nothing is sent too early.
                    let seen = once_known(delivery, &id, async || delivery.writer.show(&id).await);
                    seen.await.map_err(TransferError::from)?;
                }
                result => return result,
            }
        }
    };
    let hashed = Box::pin(hash_stored(delivery, wanted, content));
    // A failure to send ends the hashing.
    let sent = Box::pin(async { tokio::try_join!(sent, hashed.map(Ok)).map(|((), ())| ()) });
    let sent = delivery.context.stop.unless_dropped(sent).await;
    drop(transfer);
    if bytes_sent.load(Ordering::Relaxed) >= content.size() {
        sent_image.last_byte = Some(Instant::now());
    }
    match sent {
        Some(sent) => Ok(sent?),
        None => Err(delivery.stopped()),
    }
}

/// Hashes the qcow2 of an expansion beside the sending, for the proof. One region at a time does that; a failure
/// is the proof's to find, which then reads it again.
async fn hash_stored(delivery: &ImageDelivery<'_>, wanted: &Upload, content: &Content) {
    if let Some(_turn) = delivery.context.proofs.free_turn(&wanted.master_id) {
        let _ = content.hash_stored().await;
    }
}

/// Compares what is stored with the master's content. What is not the same is deleted.
pub(super) async fn examine(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    image: Image,
    content: &Content,
) -> Result<Image, StepError> {
    let verified = verify(delivery, wanted, &image, content).await;
    judge(delivery, image, verified).await
}

/// Gives an image whose content is the master's. One that has other content, or can never be compared, is
/// deleted; one that could not be compared this time is left to the next run.
pub(super) async fn judge(
    delivery: &ImageDelivery<'_>,
    image: Image,
    verified: Result<(), StepError>,
) -> Result<Image, StepError> {
    match verified {
        Err(wrong) if wrong.is_verdict() => {
            clean_up(delivery, &image.id).await;
            return Err(wrong);
        }
        Err(unknown) => {
            let why = format!("its content could not be compared with the master's: {unknown}");
            leave(delivery, &image.id, &why);
            return Err(unknown);
        }
        Ok(()) => {}
    }
    if delivery.context.stop.get() == Stop::Now {
        leave(
            delivery,
            &image.id,
            "it is complete, and only has to be published",
        );
        return Err(delivery.stopped());
    }
    Ok(image)
}

/// Clears away what is half sent. What the region has all of and is still storing is left to the next
/// run, which sees what came of it.
pub(super) async fn abandon(
    delivery: &ImageDelivery<'_>,
    sent_image: &SentImage,
    settled: &Settled,
) {
    match settled {
        Settled::Gone => {}
        Settled::Unknown(why) => leave(delivery, &sent_image.id, &why.to_string()),
        Settled::Stuck(status) if status.is_in_progress() && sent_image.last_byte.is_some() => {
            leave(
                delivery,
                &sent_image.id,
                &format!("it is still `{}`", status.as_str()),
            );
        }
        _ => clean_up(delivery, &sent_image.id).await,
    }
}
