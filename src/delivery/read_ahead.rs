//! The thread that reads a file ahead of its upload.
//!
//! It talks to the upload's body through a channel of filled buffers; the buffers come back to it
//! through another when the HTTP client has let go of them. It ends when the file does, or when
//! nobody wants the content any more.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::progress::UploadProgress;
use crate::content::Opened;
use crate::content::{Content, SourceError};

/// Large enough that a read costs little beside its bytes. Small enough that all of them stay in the
/// processor's cache on their way from the file to the socket: with four times as much, an upload
/// takes a third more processor time.
const BUFFER_BYTES: usize = 128 << 10;

/// One is read into, one waits, and two are with the HTTP client.
const BUFFERS: usize = 4;

/// How long the thread waits before it looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_secs(1);

/// What comes out of the thread: filled buffers, or why there are no more.
pub(super) type Pieces = mpsc::Receiver<Result<Bytes, SourceError>>;

type Filled = mpsc::Sender<Result<Bytes, SourceError>>;

/// A buffer on its way; when the last who looks at it lets go, it returns to the thread.
struct PooledBuffer {
    buffer: Option<Vec<u8>>,
    home: std_mpsc::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_deref().unwrap_or_default()
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // The thread may have ended before.
            let _ = self.home.send(buffer);
        }
    }
}

/// Begins to read. Returns when the file is open and still what was found; the last piece comes
/// only when the file has ended where it should and has not been written to.
pub(super) async fn start(
    content: Content,
    progress: &Arc<UploadProgress>,
) -> Result<Pieces, SourceError> {
    let (opened, is_open) = oneshot::channel();
    let (filled, pieces) = mpsc::channel(BUFFERS);
    let name = content.clone();
    let progress = Arc::clone(progress);
    thread::Builder::new()
        .name("image-reader".to_owned())
        .spawn(move || match content.open() {
            Ok(content) => {
                if opened.send(Ok(())).is_ok() {
                    read(content, &filled, &progress);
                }
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        })
        .map_err(|error| name.unreadable(&error.to_string()))?;
    is_open
        .await
        .unwrap_or_else(|_| Err(name.unreadable("the reading thread ended")))?;
    Ok(pieces)
}

fn read(mut opened: Opened, filled: &Filled, progress: &UploadProgress) {
    let (home, returned) = std_mpsc::channel::<Vec<u8>>();
    let mut buffers_made = 0;
    let mut offset = 0;
    while offset < opened.size() {
        progress.set_reading(true);
        let ready = opened.ready(offset, LOOK_UP);
        progress.set_reading(false);
        let ready = match ready {
            Ok(Some(ready)) => ready,
            Ok(None) if filled.is_closed() || progress.is_given_up() => return,
            Ok(None) => continue,
            Err(error) => {
                // Where nobody waits for it, nobody is to be told.
                let _ = filled.blocking_send(Err(error));
                return;
            }
        };
        let end = offset + ready.length;
        while offset < end {
            let left = end - offset;
            let length = usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
            let mut buffer = if buffers_made < BUFFERS {
                buffers_made += 1;
                Vec::with_capacity(BUFFER_BYTES)
            } else if let Some(buffer) = next_returned(&returned, filled, progress) {
                buffer
            } else {
                return;
            };
            buffer.resize(length, 0);
            progress.set_reading(true);
            let result = opened.read(&ready, offset, &mut buffer).map(|()| {
                Bytes::from_owner(PooledBuffer {
                    buffer: Some(buffer),
                    home: home.clone(),
                })
            });
            progress.set_reading(false);
            let is_over = result.is_err();
            if filled.blocking_send(result).is_err() || is_over {
                return;
            }
            offset += length as u64;
        }
    }
}

/// Waits for a buffer to come back; none where nobody wants the content any more. A connection that
/// hangs may keep its buffers, so the wait looks up now and then.
fn next_returned(
    returned: &std_mpsc::Receiver<Vec<u8>>,
    filled: &Filled,
    progress: &UploadProgress,
) -> Option<Vec<u8>> {
    loop {
        if let Ok(buffer) = returned.recv_timeout(LOOK_UP) {
            return Some(buffer);
        }
        if filled.is_closed() || progress.is_given_up() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;
    use crate::content::ImagesDir;
    use crate::model::{ErrorCode, ImageId};

    const ID: &str = "3e2b1a9c-0000-4000-8000-000000000001";

    fn images(content: &[u8]) -> (tempfile::TempDir, Content) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ID), content).unwrap();
        let found = ImagesDir::new(folder.path())
            .find(&ImageId::new(ID), content.len() as u64)
            .unwrap();
        (folder, found.into())
    }

    async fn collect(mut pieces: Pieces) -> Result<Vec<u8>, SourceError> {
        let mut all = Vec::new();
        while let Some(piece) = pieces.recv().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn every_byte_comes_out_in_order() {
        for size in [
            0,
            1,
            BUFFER_BYTES - 1,
            BUFFER_BYTES,
            BUFFER_BYTES + 1,
            9 * BUFFER_BYTES + 7,
        ] {
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            let (_folder, content) = images(&bytes);
            let out = collect(start(content, &Arc::default()).await.unwrap())
                .await
                .unwrap();
            assert!(out == bytes, "{size}");
        }
    }

    #[tokio::test]
    async fn a_file_that_grows_or_shrinks_meanwhile_never_ends_well() {
        let size = 12 * BUFFER_BYTES;
        for grows in [true, false] {
            let (_folder, content) = images(&vec![7; size]);
            let path = content.path().unwrap().to_owned();
            let mut pieces = start(content, &Arc::default()).await.unwrap();
            // The thread cannot be further ahead than its buffers.
            let first = pieces.recv().await.unwrap().unwrap();
            let mut file = File::options().append(true).open(path).unwrap();
            if grows {
                file.write_all(b"more").unwrap();
            } else {
                file.set_len(size as u64 - 10).unwrap();
            }
            drop(first);
            let error = collect(pieces).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::SourceSize);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_written_over_meanwhile_is_found_out() {
        let size = 12 * BUFFER_BYTES;
        let (_folder, content) = images(&vec![7; size]);
        let path = content.path().unwrap().to_owned();
        let mut pieces = start(content, &Arc::default()).await.unwrap();
        let first = pieces.recv().await.unwrap().unwrap();
        let file = File::options().write(true).open(path).unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        file.set_modified(later).unwrap();
        drop(first);
        let error = collect(pieces).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::SourceChanged);
    }

    #[tokio::test]
    async fn buffers_are_few_and_used_again() {
        let (_folder, content) = images(&vec![7; 40 * BUFFER_BYTES]);
        let mut pieces = start(content, &Arc::default()).await.unwrap();
        let mut places = std::collections::BTreeSet::new();
        while let Some(piece) = pieces.recv().await {
            places.insert(piece.unwrap().as_ptr() as usize);
        }
        assert!(places.len() <= BUFFERS, "{}", places.len());
    }
}
