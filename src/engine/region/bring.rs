//! The content of a new image, sent until it is there: again, where that may help and where the state
//! of the image in the region allows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::executor::Executor;
use super::failure::StepError;
use super::send::has_content_of;
use super::settle::{FIRST_PAUSE, LONGEST_PAUSE, Place, Settled};
use crate::content::Content;
use crate::delivery::{TransferError, upload};
use crate::engine::shutdown::Stop;
use crate::model::{Image, ImageId, ImageStatus};
use crate::openstack::{GlanceWriter, RetryPolicy};
use crate::plan::Upload;

/// The tries of one upload.
struct UploadAttempts<'a> {
    policy: &'a RetryPolicy,
    started: Instant,
    tries: u32,
}

impl UploadAttempts<'_> {
    /// How long to wait before the next try; none where this failure is to be reported.
    fn next(&mut self, error: &StepError) -> Option<Duration> {
        if self.tries > self.policy.retries || !error.is_transient() {
            return None;
        }
        let pause = self.policy.pause_after(self.tries, error.retry_after())?;
        self.tries += 1;
        Some(pause)
    }

    /// The failure with all that was tried.
    fn report(&self, error: StepError, writer: &GlanceWriter, id: &ImageId) -> StepError {
        error.after(writer.upload_record(id, self.tries, self.started.elapsed()))
    }
}

impl Executor<'_> {
    /// Creates an image, or takes one without content, fills it, and gives it once its content is known
    /// to be the master's.
    pub(super) async fn bring(
        &self,
        wanted: &Upload,
        begun: Option<ImageId>,
        content: &Content,
    ) -> Result<Image, StepError> {
        let mut effort = UploadAttempts {
            policy: self.writer.retry_policy(),
            started: Instant::now(),
            tries: 1,
        };
        let mut next = begun.map(|id| Place {
            id,
            sends: 1,
            last_byte: None,
        });
        loop {
            let mut place = match next {
                Some(place) => place,
                None => self.create(wanted).await?,
            };
            let failure = self.fill(wanted, &mut place, content).await.err();
            let settled = self.settle(&place, failure.as_ref()).await;
            if let Settled::Active(image) = settled {
                return self.examine(wanted, *image, content).await;
            }
            let error = failure.unwrap_or_else(|| StepError::NotStored(place.id.clone()));
            if self.context.stop.get() == Stop::Now {
                self.abandon(&place, &settled).await;
                return Err(StepError::Interrupted);
            }
            match &settled {
                Settled::Unknown(why) => {
                    self.leave(&place.id, &format!("what became of it is unknown: {why}"));
                    return Err(effort.report(error, &self.writer, &place.id));
                }
                Settled::Stuck(status)
                    if status.is_in_progress()
                        && place.last_byte.is_some()
                        && error.leaves_doubt() =>
                {
                    self.clean_up(&place.id).await;
                    return Err(StepError::SaveTimedOut {
                        id: place.id,
                        status: status.clone(),
                        limit: self.limits.save_timeout,
                    });
                }
                _ => {}
            }
            // A Glance that kept the file of an earlier try answers like this for ever.
            let is_usable =
                matches!(settled, Settled::Queued) && !(place.sends > 1 && error.is_server_fault());
            let pause = if self.context.stop.is_stopping() {
                None
            } else {
                effort.next(&error)
            };
            let is_sent_to_again = is_usable && pause.is_some();
            if !is_sent_to_again && !matches!(settled, Settled::Gone) {
                self.clean_up(&place.id).await;
            }
            let Some(pause) = pause else {
                return Err(effort.report(error, &self.writer, &place.id));
            };
            self.note(format!(
                "sends the content of `{}` again in {:.1} s, since {error}",
                wanted.image,
                pause.as_secs_f64()
            ));
            let paused = tokio::time::sleep(pause);
            if self.context.stop.unless_dropped(paused).await.is_none() {
                if is_usable {
                    self.clean_up(&place.id).await;
                }
                return Err(StepError::Interrupted);
            }
            next = is_usable.then_some(place);
        }
    }

    /// Creates an image. Its id is known before it is there, so that it can be cleared away whenever
    /// the run is told to drop its connections.
    async fn create(&self, wanted: &Upload) -> Result<Place, StepError> {
        let id = ImageId::new(&uuid::Uuid::new_v4().to_string());
        let new = self.new_image(wanted);
        let created = self.writer.create(&id, &new);
        let Some(created) = self.context.stop.unless_overdue(created).await else {
            self.clean_up(&id).await;
            return Err(StepError::Interrupted);
        };
        let id = created?.id;
        self.born.borrow_mut().insert(id.clone(), Instant::now());
        Ok(Place {
            id,
            sends: 0,
            last_byte: None,
        })
    }

    /// Sends the content once: again only to a region that does not know the image yet.
    async fn fill(
        &self,
        wanted: &Upload,
        place: &mut Place,
        content: &Content,
    ) -> Result<(), StepError> {
        place.sends += 1;
        let bytes_sent = Arc::new(AtomicU64::new(0));
        let transfer = self.context.events.transfer(
            self.region,
            &wanted.image,
            wanted.kind(),
            wanted.size,
            Arc::clone(&bytes_sent),
        );
        let id = place.id.clone();
        let sent = async {
            let mut pause = FIRST_PAUSE;
            loop {
                match upload(&self.writer, &id, content, &bytes_sent, &self.limits).await {
                    Err(TransferError::OpenStack(error)) if self.may_lag(&id, &error) => {
                        bytes_sent.store(0, Ordering::Relaxed);
                        // What answers a look may still be another replica than takes content.
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        // It is known as soon as it is seen, and nothing is sent too early.
                        let seen = self.once_known(&id, async || self.writer.show(&id).await);
                        seen.await.map_err(TransferError::from)?;
                    }
                    result => return result,
                }
            }
        };
        let sent = self.context.stop.unless_dropped(sent).await;
        drop(transfer);
        if bytes_sent.load(Ordering::Relaxed) >= wanted.size {
            place.last_byte = Some(Instant::now());
        }
        match sent {
            Some(sent) => Ok(sent?),
            None => Err(StepError::Interrupted),
        }
    }

    /// Compares what is stored with the master's content. What is not the same is deleted.
    async fn examine(
        &self,
        wanted: &Upload,
        image: Image,
        content: &Content,
    ) -> Result<Image, StepError> {
        let verified = self.verify(wanted, &image, content).await;
        if let Err(wrong) = verified {
            self.clean_up(&image.id).await;
            return Err(wrong);
        }
        if self.context.stop.get() == Stop::Now {
            self.leave(&image.id, "it is complete, and only has to be published");
            return Err(StepError::Interrupted);
        }
        Ok(image)
    }

    /// Clears away what is half sent. What the region has all of and is still storing is left to the next
    /// run, which sees what came of it.
    async fn abandon(&self, place: &Place, settled: &Settled) {
        match settled {
            Settled::Gone => {}
            Settled::Unknown(why) => self.leave(&place.id, &why.to_string()),
            Settled::Stuck(status) if status.is_in_progress() && place.last_byte.is_some() => {
                self.leave(&place.id, &format!("it is still `{}`", status.as_str()));
            }
            _ => self.clean_up(&place.id).await,
        }
    }

    /// Deletes a leftover, unless it has become complete since it was listed and an upload can do with
    /// it.
    pub(super) async fn delete_leftover(
        &mut self,
        image: &str,
        id: &ImageId,
    ) -> Result<(), StepError> {
        if let Some(wanted) = self.state.upload_without_leftover(image) {
            match self.writer.show(id).await {
                Err(error) if error.is_gone() => return Ok(()),
                Ok(found) if is_complete(&found, wanted) => {
                    self.state.resume(image, id);
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match self.writer.delete(id).await {
            Err(error) if !error.is_gone() => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// True for an image that only has to be published to be the wanted one.
fn is_complete(image: &Image, wanted: &Upload) -> bool {
    image.status == ImageStatus::Active
        && has_content_of(image, wanted)
        && image.disk_format == wanted.disk_format
        && image.container_format == wanted.container_format
}
