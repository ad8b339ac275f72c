//! What became of an image in the region: an answer, or none, is not its state.
//!
//! Glance may say 204 and go on storing; what stands before it may say 502, 503, 504 or nothing although
//! Glance has it all; and a region whose database has replicas may not know an image that it just
//! created. So the image is looked at.
//!
//! Whether a request had its effect is not known where its answer was lost, is a
//! 5xx, or makes no sense: then the image is looked at, after the last try too, and with `retries = 0`. After the
//! last byte of an upload, whatever the answer, it is looked at until it is `active`, `queued` or gone, for
//! `save_timeout` (`region/settle`); what is still neither is deleted. What is `active` is never deleted before its
//! checksum was compared. A region that says 404 of an image that it has just created may have a replica that
//! lags: the same request is made again for up to 30 s. Just before an image is published the region is asked
//! for its name once more (`region/publish`): of two installations that bring the same image, the later one
//! deletes its own.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::image_delivery::ImageDelivery;
use crate::engine::region::failure::StepError;
use crate::engine::shutdown::Stop;
use crate::model::{Image, ImageId, ImageStatus};
use crate::openstack::{OpenStackError, REPLICA_LAG};

/// Each pause between two looks is twice as long as the one before it, up to the longest.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(250);

pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A server needs a moment to notice that its client is gone, and a replica to notice anything.
const NOTICED: Duration = Duration::from_secs(8);

/// For looks at what was half sent when connections are dropped, and for clearing it away.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(15);

const LAST_LOOKS: Duration = Duration::from_secs(5);

/// So many looks in a row may come to nothing.
pub(super) const FAILED_LOOKS: u32 = 3;

/// An image that content is sent to.
pub(super) struct SentImage {
    pub(super) id: ImageId,
    /// How often content was sent to it, as far as is known.
    pub(super) sends: u32,
    /// When its last byte was sent, if that was ever reached.
    pub(super) last_byte: Option<Instant>,
}

/// What an image came to.
pub(super) enum Settled {
    /// All content is stored.
    Active(Box<Image>),
    /// Content can be sent to it.
    Queued,
    /// It is not there any more.
    Gone,
    /// It is none of these, and takes no content any more.
    Stuck(ImageStatus),
    /// The region does not say.
    Unknown(OpenStackError),
}

/// Looks at an image to which content was sent, until it is `active`, `queued` or gone: after the
/// last byte for `save_timeout`, and otherwise for as long as it may take the server to notice the
/// end. `failure` is what the sending came to; none where the server said that it has it all.
pub(super) async fn settle(
    delivery: &ImageDelivery<'_>,
    sent_image: &SentImage,
    failure: Option<&StepError>,
) -> Settled {
    let begun = Instant::now();
    let mut end = match (failure, sent_image.last_byte) {
        (Some(failure), _) if !failure.leaves_doubt() => begun,
        (_, Some(last_byte)) => last_byte + delivery.limits.save_timeout,
        _ => begun + NOTICED,
    };
    let mut pause = FIRST_PAUSE;
    let mut failed_looks = 0;
    let mut is_hurried = false;
    loop {
        if !is_hurried && delivery.context.stop.get() == Stop::Now {
            is_hurried = true;
            end = end.min(Instant::now() + LAST_LOOKS);
        }
        // What a server has just accepted it is not without, whatever a replica says.
        let is_doubted = failure.is_none() && begun.elapsed() < NOTICED;
        let mut seen = Settled::Gone;
        match look_at(delivery, &sent_image.id).await {
            Ok(image) => {
                failed_looks = 0;
                match image.status {
                    ImageStatus::Active | ImageStatus::Deactivated => {
                        return Settled::Active(Box::new(image));
                    }
                    ImageStatus::Queued if is_doubted => seen = Settled::Queued,
                    ImageStatus::Queued => return Settled::Queued,
                    status if status.is_in_progress() => seen = Settled::Stuck(status),
                    status => return Settled::Stuck(status),
                }
            }
            Err(error) if error.is_gone() => {
                if !(is_doubted || may_lag(delivery, &sent_image.id, &error)) {
                    return Settled::Gone;
                }
            }
            Err(error) => {
                failed_looks += 1;
                if failed_looks == FAILED_LOOKS {
                    return Settled::Unknown(error);
                }
                seen = Settled::Unknown(error);
            }
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return seen;
        }
        wait_between_looks(delivery, pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A pause that ends early where connections are to be dropped meanwhile.
pub(super) async fn wait_between_looks(delivery: &ImageDelivery<'_>, pause: Duration) {
    let stop = &delivery.context.stop;
    if stop.get() == Stop::Now {
        sleep(pause.min(LAST_LOOKS / 5)).await;
    } else {
        stop.unless_dropped(sleep(pause)).await;
    }
}

/// One look, which has no more time than is left once connections are to be dropped.
pub(super) async fn look_at(
    delivery: &ImageDelivery<'_>,
    id: &ImageId,
) -> Result<Image, OpenStackError> {
    let shown = delivery.writer.show(id);
    if let Some(seen) = delivery.context.stop.unless_dropped(shown).await {
        return seen;
    }
    let shown = delivery.writer.show(id);
    let last = timeout(LAST_LOOKS, shown).await;
    last.unwrap_or_else(|_| Err(delivery.writer.no_answer(id, LAST_LOOKS)))
}

/// True where a region says that an image is not there, and may only not have noticed yet that it
/// created it.
pub(super) fn may_lag(delivery: &ImageDelivery<'_>, id: &ImageId, error: &OpenStackError) -> bool {
    let born = delivery.born.borrow().get(id).copied();
    error.status() == Some(404) && born.is_some_and(|born| born.elapsed() < REPLICA_LAG)
}

/// Has a call repeated for as long as a region may not know the image that it just created.
pub(super) async fn once_known<T>(
    delivery: &ImageDelivery<'_>,
    id: &ImageId,
    call: impl AsyncFn() -> Result<T, OpenStackError>,
) -> Result<T, OpenStackError> {
    let mut pause = FIRST_PAUSE;
    loop {
        match call().await {
            Err(error) if may_lag(delivery, id, &error) => {}
            result => return result,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Removes what could not be completed. Where that fails too, the next run knows it by its tags.
pub(super) async fn clean_up(delivery: &ImageDelivery<'_>, id: &ImageId) {
    let delete = once_known(delivery, id, async || delivery.writer.delete(id).await);
    let deleted = if delivery.context.stop.get() == Stop::Now {
        let deleted = timeout(CLEAN_UP_TIMEOUT, delete).await;
        deleted.map_err(|_| "its server does not answer".to_owned())
    } else {
        Ok(delete.await)
    };
    let trouble = match deleted {
        Ok(Err(error)) if !error.is_gone() => error.to_string(),
        Err(trouble) => trouble,
        Ok(_) => return,
    };
    leave(delivery, id, &trouble);
}

/// Says that an incomplete image stays where it is.
pub(super) fn leave(delivery: &ImageDelivery<'_>, id: &ImageId, why: &str) {
    delivery.note(format!(
        "leaves the incomplete image {id} for the next run: {why}"
    ));
}
