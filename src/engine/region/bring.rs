//! The content of a new image, sent until it is there: again, where that may help and where the state
//! of the image in the region allows it.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::execute::Executor;
use super::failure::StepError;
use super::send::has_content_of;
use crate::engine::shutdown::Stop;
use crate::model::{Image, ImageId, ImageStatus};
use crate::openstack::{GlanceWriter, RetryPolicy};
use crate::plan::Upload;
use crate::transfer::Content;

/// How often an image that is still `saving` is looked at: a server needs a moment to notice that its
/// client is gone. The pause before each further look is twice as long.
const LOOKS: u32 = 4;
const FIRST_LOOK_PAUSE: Duration = Duration::from_millis(500);

/// For clearing away what was half sent when connections are dropped.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(15);

/// An image without content, on its way.
struct Place {
    id: ImageId,
    /// How often content was sent to it, as far as is known.
    sends: u32,
}

/// What can be done after content was sent in vain.
enum Next {
    /// It was not in vain.
    Arrived(Box<Image>),
    /// Content can be sent to the same image.
    SendAgain(Place),
    /// Another image has to be created.
    Anew,
    /// Nothing: the region does not say what became of it.
    Nothing,
}

/// The tries of one upload.
struct Effort<'a> {
    policy: &'a RetryPolicy,
    started: Instant,
    tries: u32,
}

impl Effort<'_> {
    /// How long to wait before the next try; none where this failure is to be reported.
    fn next(&mut self, error: &StepError) -> Option<Duration> {
        if self.tries > self.policy.retries || !error.may_pass() {
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
    /// Creates an image, or takes one without content, and fills it.
    pub(super) async fn bring(
        &self,
        wanted: &Upload,
        begun: Option<ImageId>,
        content: &Content,
    ) -> Result<Image, StepError> {
        let mut effort = Effort {
            policy: self.writer.retry_policy(),
            started: Instant::now(),
            tries: 1,
        };
        let mut next = begun.map_or(Next::Anew, |id| Next::SendAgain(Place { id, sends: 1 }));
        loop {
            let mut place = match next {
                Next::SendAgain(place) => place,
                _ => Place {
                    id: self.create(wanted).await?,
                    sends: 0,
                },
            };
            place.sends += 1;
            let filled = self.fill(wanted, &place.id, content);
            let error = match self.context.stop.unless_dropped(filled).await {
                Some(Ok(image)) => return Ok(image),
                Some(Err(error)) => error,
                None => StepError::Interrupted,
            };
            let pause = if self.context.stop.is_stopping() {
                None
            } else {
                effort.next(&error)
            };
            let Some(pause) = pause else {
                self.clean_up(&place.id).await;
                return Err(effort.report(error, &self.writer, &place.id));
            };
            self.note(format!(
                "sends the content of `{}` again in {:.1} s, since {error}",
                wanted.image,
                pause.as_secs_f64()
            ));
            let paused = tokio::time::sleep(pause);
            if self.context.stop.unless_dropped(paused).await.is_none() {
                self.clean_up(&place.id).await;
                return Err(StepError::Interrupted);
            }
            let id = place.id.clone();
            next = self.look(wanted, place, &error, content).await?;
            match next {
                Next::Arrived(image) => return Ok(*image),
                Next::Nothing => return Err(effort.report(error, &self.writer, &id)),
                _ => {}
            }
        }
    }

    /// Creates an image. Its id is known before it is there, so that it can be cleared away whenever
    /// the run is told to drop its connections.
    async fn create(&self, wanted: &Upload) -> Result<ImageId, StepError> {
        let id = ImageId::new(&uuid::Uuid::new_v4().to_string());
        let new = self.new_image(wanted);
        let created = self.writer.create(&id, &new);
        if let Some(created) = self.context.stop.unless_overdue(created).await {
            return Ok(created?.id);
        }
        self.clean_up(&id).await;
        Err(StepError::Interrupted)
    }

    /// Looks at what became of an image to which content was sent in vain. What cannot be sent to
    /// any more is deleted.
    async fn look(
        &self,
        wanted: &Upload,
        place: Place,
        error: &StepError,
        content: &Content,
    ) -> Result<Next, StepError> {
        let mut pause = FIRST_LOOK_PAUSE;
        for _ in 0..LOOKS {
            let image = match self.writer.show(&place.id).await {
                Ok(image) => image,
                Err(error) if error.is_gone() => return Ok(Next::Anew),
                Err(error) => {
                    self.note(format!("does not say what became of {}: {error}", place.id));
                    return Ok(Next::Nothing);
                }
            };
            match image.status {
                ImageStatus::Active => {
                    if !has_content_of(&image, wanted) {
                        let wrong = self.verify(wanted, &image, content).await;
                        self.clean_up(&place.id).await;
                        wrong?;
                    }
                    return Ok(Next::Arrived(Box::new(image)));
                }
                // A Glance that kept the file of an earlier try answers like this for ever.
                ImageStatus::Queued if place.sends > 1 && error.is_server_fault() => break,
                ImageStatus::Queued => return Ok(Next::SendAgain(place)),
                ImageStatus::Saving => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                _ => break,
            }
        }
        self.clean_up(&place.id).await;
        Ok(Next::Anew)
    }

    /// Removes what could not be completed. Where that fails too, the next run knows it by its tags.
    pub(super) async fn clean_up(&self, id: &ImageId) {
        let deleted = if self.context.stop.get() == Stop::Now {
            let deleted = timeout(CLEAN_UP_TIMEOUT, self.writer.delete(id)).await;
            deleted.map_err(|_| "its server does not answer".to_owned())
        } else {
            Ok(self.writer.delete(id).await)
        };
        let trouble = match deleted {
            Ok(Err(error)) if !error.is_gone() => error.to_string(),
            Err(trouble) => trouble,
            Ok(_) => return,
        };
        self.note(format!(
            "leaves the incomplete image {id} for the next run: {trouble}"
        ));
    }
}
