//! One reading of a content from the master's Glance: on where it broke off, as often as may help.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::content::SourceError;
use crate::model::ImageId;
use crate::openstack::{GlanceReader, RetryPolicy};

/// A reading that broke off has got on, and has all its tries again, when this much came.
const PROGRESS_BYTES: u64 = 1 << 20;

/// What comes out of a reading: the content in order, or why there is no more.
pub(super) type Chunks = mpsc::Sender<Result<Bytes, SourceError>>;

/// A content to fetch, and how patiently.
#[derive(Debug, Clone)]
pub(super) struct DownloadRequest {
    pub(super) reader: GlanceReader,
    pub(super) id: ImageId,
    pub(super) size: u64,
    /// The first byte to fetch.
    pub(super) from: u64,
    pub(super) retry: RetryPolicy,
    /// Without a byte, after which a reading has broken off.
    pub(super) stall_timeout: Duration,
}

/// Fetches, and ends when all was handed over, or nobody takes it any more.
pub(super) async fn fetch(order: DownloadRequest, chunks: Chunks) {
    if let Err(error) = fetch_all(&order, &chunks).await {
        // Where nobody takes it, nobody is to be told.
        let _ = chunks.send(Err(error)).await;
    }
}

async fn fetch_all(order: &DownloadRequest, chunks: &Chunks) -> Result<(), SourceError> {
    let mut at = order.from;
    let mut failures = 0;
    loop {
        let begun_at = at;
        let Err(broken) = fetch_once(order, &mut at, chunks).await? else {
            return Ok(());
        };
        if at - begun_at >= PROGRESS_BYTES {
            failures = 0;
        }
        if failures >= order.retry.retries {
            return Err(broken);
        }
        tracing::debug!(id = %order.id, at, %broken, "a download goes on where it broke off");
        failures += 1;
        if let Some(pause) = order.retry.pause_after(failures, None) {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Fetches from `at` on, and moves it. The inner error is one that another try may mend.
async fn fetch_once(
    order: &DownloadRequest,
    at: &mut u64,
    chunks: &Chunks,
) -> Result<Result<(), SourceError>, SourceError> {
    let size = order.size;
    let mut download = order.reader.download(&order.id, *at).await?;
    if let Some(actual) = download.size().filter(|actual| *actual != size) {
        return Err(SourceError::GlanceSize {
            expected: size,
            actual,
        });
    }
    // A server that gives no parts begins anew.
    let mut known = *at - download.start();
    loop {
        match download.chunk(order.stall_timeout).await {
            Ok(Some(mut chunk)) => {
                let skipped =
                    usize::try_from(known).map_or(chunk.len(), |known| known.min(chunk.len()));
                known -= skipped as u64;
                let chunk = chunk.split_off(skipped);
                if chunk.len() as u64 > size - *at {
                    return Err(SourceError::GlanceSize {
                        expected: size,
                        actual: *at + chunk.len() as u64,
                    });
                }
                *at += chunk.len() as u64;
                if !chunk.is_empty() && chunks.send(Ok(chunk)).await.is_err() {
                    return Ok(Ok(()));
                }
            }
            // What becomes of the connection after the last byte is no matter.
            Ok(None) | Err(_) if *at == size => return Ok(Ok(())),
            Ok(None) => {
                return Ok(Err(SourceError::GlanceSize {
                    expected: size,
                    actual: *at,
                }));
            }
            Err(error) => return Ok(Err(SourceError::Glance(error))),
        }
    }
}
