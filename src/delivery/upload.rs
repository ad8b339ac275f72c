//! One upload from its file to the server's answer, under a watch for stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::body::ContentBody;
use super::error::TransferError;
use super::progress::UploadProgress;
use super::rate_limit::{RateLimiter, UploadRate};
use super::read_ahead;
use super::sendfile::SendfileUpload;
use crate::content::Opened;
use crate::content::{Content, SourceError};
use crate::model::ImageId;
use crate::openstack::{ContentSocket, ContentTarget, GlanceWriter, StallTimer};

/// How long an upload may stand still, and how fast it may be.
#[derive(Debug, Clone)]
pub struct UploadLimits {
    /// In which [`LEAST_BYTES`](crate::openstack::LEAST_BYTES) must get through, while there is content
    /// to send.
    pub stall_timeout: Duration,
    /// For the region to have it all stored, from the last byte on.
    pub save_timeout: Duration,
    /// The limits on bandwidth, which it shares with other uploads; none where there are none.
    pub bandwidth: Vec<Arc<RateLimiter>>,
}

/// The slowest that a store is given time for to hash and put away what it has received.
const SLOWEST_STORE_BYTES_PER_SEC: u64 = 25 << 20;

impl UploadLimits {
    /// How long the server may take to answer after the last byte: it may only then pass the
    /// content on to its store, or hash it once more. Five times the limit on stalls, and what a
    /// slow store needs for `size` bytes; but no longer than it may take to store them.
    pub fn answer_timeout(&self, size: u64) -> Duration {
        let hashing = Duration::from_secs(size / SLOWEST_STORE_BYTES_PER_SEC);
        (self.start_timeout() + hashing).min(self.save_timeout)
    }

    /// The bytes that the limits on bandwidth are certain to let through until it has stalled.
    fn bytes_in_stall_timeout(&self) -> Option<u64> {
        let limiters = self.bandwidth.iter();
        limiters
            .filter_map(|limiter| limiter.bytes_in(self.stall_timeout))
            .min()
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
/// Dropping the future breaks the transfer off and ends the reading thread. A connection in the clear
/// is closed with it; one that goes through TLS or a proxy closes when the server has read what had
/// been written, which is less than a MiB.
///
/// # Errors
///
/// Where the source is at fault, its own error and not the connection's; where the server answered
/// before it had all, its answer.
pub async fn upload(
    writer: &GlanceWriter,
    id: &ImageId,
    target: &ContentTarget,
    content: &Content,
    bytes_sent: &Arc<AtomicU64>,
    limits: &UploadLimits,
) -> Result<(), TransferError> {
    match upload_once(writer, id, target, content, bytes_sent, limits).await {
        // The writer has a new token already.
        Err(TransferError::OpenStack(error)) if error.is_unauthorised() => {
            upload_once(writer, id, target, content, bytes_sent, limits).await
        }
        result => result,
    }
}

async fn upload_once(
    writer: &GlanceWriter,
    id: &ImageId,
    target: &ContentTarget,
    content: &Content,
    bytes_sent: &Arc<AtomicU64>,
    limits: &UploadLimits,
) -> Result<(), TransferError> {
    bytes_sent.store(0, Ordering::Relaxed);
    let size = content.size();
    let progress = Arc::new(UploadProgress::new(Arc::clone(bytes_sent)));
    // The connection may live on after the answer; whoever sends into it must not.
    let _give_up = GiveUp(Arc::clone(&progress));
    let rate = UploadRate::join(&limits.bandwidth);
    let sent = async {
        if writer.takes_files() {
            let opened = open(content).await?;
            let (at_work, has_ended) = oneshot::channel();
            let start_sending = |socket: ContentSocket| {
                let sender =
                    SendfileUpload::new(opened, socket.clone(), Arc::clone(&progress), rate);
                if let Err(error) = sender.start(at_work) {
                    progress.fail(content.unreadable(&error.to_string()));
                    socket.close();
                }
            };
            writer.put_file(id, target, size, start_sending).await?;
            // The answer may be here before the thread has counted the last bytes.
            let _ = has_ended.await;
        } else {
            let pieces = read_ahead::start(content.clone(), &progress).await?;
            let body = ContentBody::new(content.clone(), pieces, Arc::clone(&progress), rate);
            writer.put_content(id, target, body, size).await?;
        }
        Ok(())
    };
    let result: Result<(), TransferError> = tokio::select! {
        biased;
        result = sent => result,
        error = watch(&progress, content, limits) => return Err(error),
    };
    match result {
        Ok(()) if progress.sent() < size => Err(TransferError::CutShort {
            sent: progress.sent(),
            size,
        }),
        Ok(()) => Ok(()),
        // The HTTP client only knows that its body broke off.
        Err(error) => Err(progress.take_failure().map_or(error, Into::into)),
    }
}

async fn open(content: &Content) -> Result<Opened, SourceError> {
    let content = content.clone();
    let lost = content.unreadable("the thread that opens it ended");
    let opened = tokio::task::spawn_blocking(move || content.open()).await;
    opened.unwrap_or(Err(lost))
}

struct GiveUp(Arc<UploadProgress>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// Returns when the upload has stood still for too long.
async fn watch(
    progress: &UploadProgress,
    content: &Content,
    limits: &UploadLimits,
) -> TransferError {
    let size = content.size();
    let period =
        (limits.stall_timeout / 8).clamp(Duration::from_millis(10), Duration::from_secs(1));
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stall = StallTimer::default();
    let (mut phase, mut known) = (Phase::Starting, 0);
    let mut since = Instant::now();
    loop {
        ticks.tick().await;
        let waited = since.elapsed();
        since = Instant::now();
        let sent = progress.sent();
        let now = Phase::of(progress.has_begun(), sent, size);
        let is_patient = progress.waits_for_source() && content.ends_by_itself();
        stall.allow(limits.bytes_in_stall_timeout());
        // Counting begins anew where all is sent again with a new token, and where the region has taken
        // all that the limit on bandwidth let through.
        if now != phase || sent < known || progress.has_waited_for_rate() {
            stall.restart();
        } else if is_patient {
            // Who waits for the content does not stand still.
            stall.pass(Duration::ZERO, sent - known);
        } else {
            stall.pass(waited, sent - known);
        }
        (phase, known) = (now, sent);
        let limit = match phase {
            Phase::Starting => limits.start_timeout(),
            Phase::Sending => limits.stall_timeout,
            Phase::Sent => limits.answer_timeout(size),
        };
        if stall.left_of(limit) > Duration::ZERO {
            continue;
        }
        return match phase {
            Phase::Sending if progress.waits_for_source() => {
                let what = format!("no byte came for {} s", limit.as_secs_f64());
                content.unreadable(&what).into()
            }
            Phase::Sent => TransferError::NoAnswer { limit, size },
            _ => TransferError::Stalled { limit, sent, size },
        };
    }
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The connection is being made.
    Starting,
    /// There is content to send.
    Sending,
    /// All of it is with the server.
    Sent,
}

impl Phase {
    fn of(has_begun: bool, sent: u64, size: u64) -> Self {
        match (has_begun, sent < size) {
            (_, false) => Self::Sent,
            (true, true) => Self::Sending,
            (false, true) => Self::Starting,
        }
    }
}
