//! One upload from its file to the server's answer, under a watch for stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::body::{ContentBody, SilentBody, Tally};
use super::{Content, TransferError, feed};
use crate::model::ImageId;
use crate::openstack::{GlanceWriter, OpenStackError};

/// How long an upload may stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// Without a byte of progress, while there is content to send.
    pub stall_timeout: Duration,
}

/// The slowest that a store is given time for to hash and put away what it has received.
const SLOWEST_STORE_BYTES_PER_SEC: u64 = 25 << 20;

impl UploadLimits {
    /// How long the server may take to answer after the last byte: it may only then pass the
    /// content on to its store, or hash it once more. Five times the limit on stalls, and what a
    /// slow store needs for `size` bytes.
    pub fn answer_timeout(&self, size: u64) -> Duration {
        self.start_timeout() + Duration::from_secs(size / SLOWEST_STORE_BYTES_PER_SEC)
    }

    /// How long it may take until the first byte can be sent: a log-in may come before it, and the
    /// making of a connection, which have limits of their own.
    fn start_timeout(&self) -> Duration {
        self.stall_timeout * 5
    }
}

/// Sends the content of an image that was created without (Image API v2, "Upload binary image
/// data"), and returns when the server has it all.
///
/// `bytes_sent` counts what the connection took, for whoever shows progress; it starts at 0 again
/// where the server refused the token and all is sent again with a new one.
///
/// Dropping the future breaks the transfer off and ends the reading thread. The connection closes
/// when the server has read what the HTTP client had already written, which is less than a MiB; one
/// that never reads it keeps its end of the connection until this process ends.
///
/// # Errors
///
/// Where the source is at fault, its own error and not the connection's; where the server answered
/// before it had all, its answer.
pub async fn upload(
    writer: &GlanceWriter,
    id: &ImageId,
    content: &Content,
    bytes_sent: &Arc<AtomicU64>,
    limits: UploadLimits,
) -> Result<(), TransferError> {
    match upload_once(writer, id, content, bytes_sent, limits).await {
        // The writer has a new token already.
        Err(TransferError::OpenStack(error)) if error.is_unauthorised() => {
            upload_once(writer, id, content, bytes_sent, limits).await
        }
        result => result,
    }
}

async fn upload_once(
    writer: &GlanceWriter,
    id: &ImageId,
    content: &Content,
    bytes_sent: &Arc<AtomicU64>,
    limits: UploadLimits,
) -> Result<(), TransferError> {
    bytes_sent.store(0, Ordering::Relaxed);
    let size = content.size();
    let tally = Arc::new(Tally::new(Arc::clone(bytes_sent)));
    let pieces = feed::start(content.clone(), &tally).await?;
    // The connection may live on after the answer; its body must not.
    let _give_up = GiveUp(Arc::clone(&tally));
    let body = ContentBody::new(content.clone(), pieces, Arc::clone(&tally));
    let result = tokio::select! {
        biased;
        result = writer.put_content(id, body, size) => result,
        error = watch(&tally, content, limits) => return Err(error),
    };
    match result {
        Ok(()) if tally.sent() < size => Err(TransferError::CutShort {
            sent: tally.sent(),
            size,
        }),
        Ok(()) => Ok(()),
        Err(error) => {
            // The HTTP client only knows that its body broke off.
            if let Some(failure) = tally.take_failure() {
                return Err(failure.into());
            }
            if error.is_broken_upload() && size > 0 {
                return Err(lost_answer(writer, id, size).await.unwrap_or(error).into());
            }
            Err(error.into())
        }
    }
}

/// How long a server is given to refuse an upload by its head.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that refuses an upload early closes the connection with content unread, and its answer
/// is lost where the client was just writing. So it is asked again, without content this time.
async fn lost_answer(writer: &GlanceWriter, id: &ImageId, size: u64) -> Option<OpenStackError> {
    let asked = writer.put_content(id, SilentBody { size }, size);
    let error = timeout(REFUSAL_TIMEOUT, asked).await.ok()?.err()?;
    // 409: the server is still busy with what it has of the first.
    (error.status().is_some() && error.status() != Some(409)).then_some(error)
}

struct GiveUp(Arc<Tally>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// Returns when the upload has stood still for too long.
async fn watch(tally: &Tally, content: &Content, limits: UploadLimits) -> TransferError {
    let size = content.size();
    let look = (limits.stall_timeout / 8).clamp(Duration::from_millis(10), Duration::from_secs(1));
    let mut ticks = interval(look);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = (false, 0);
    let mut since = Instant::now();
    loop {
        ticks.tick().await;
        let now = (tally.has_begun(), tally.sent());
        if now != last {
            last = now;
            since = Instant::now();
            continue;
        }
        let (has_begun, sent) = now;
        let is_sending = has_begun && sent < size;
        let limit = if is_sending {
            limits.stall_timeout
        } else if sent < size {
            limits.start_timeout()
        } else {
            limits.answer_timeout(size)
        };
        if since.elapsed() < limit {
            continue;
        }
        return if is_sending && tally.waits_for_source() {
            let what = format!("no byte came for {} s", limit.as_secs_f64());
            content.unreadable(&what).into()
        } else if sent == size {
            TransferError::NoAnswer { limit, size }
        } else {
            TransferError::Stalled { limit, sent, size }
        };
    }
}
