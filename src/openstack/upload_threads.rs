//! Threads for uploads that have to be encrypted. Each drives the connection of one upload at a time, so that
//! as many are encrypted at once as are under way, whichever thread waits for them.
//!
//! A thread is made when all others are busy. It is kept for later uploads, with its connections, until the
//! [`HttpClient`](super::HttpClient) goes that it belongs to, or an upload is broken off: then its connection is closed
//! with it.

use std::future::Future;
use std::io;
use std::sync::Mutex;
use std::thread;

use futures_util::future::LocalBoxFuture;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};

use crate::host;

/// What a thread is to drive.
type Work = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// The threads of a client.
#[derive(Debug, Default)]
pub(super) struct UploadThreads {
    idle: Mutex<Vec<UploadThread>>,
}

/// A thread that waits for work, and ends when this is dropped.
struct UploadThread(mpsc::UnboundedSender<Work>);

impl std::fmt::Debug for UploadThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UploadThread")
    }
}

impl UploadThreads {
    /// Drives the work on a thread of its own, and gives what comes of it. Dropping the future drops the work,
    /// and everything that the thread had connected to.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub(super) async fn run<T, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> io::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let idle = host::locked(&self.idle).pop();
        let thread = match idle {
            Some(thread) => thread,
            None => UploadThread::start()?,
        };
        let (mut result, comes) = oneshot::channel();
        let work = move || -> LocalBoxFuture<'static, ()> {
            Box::pin(async move {
                let done = tokio::select! {
                    () = result.closed() => return,
                    done = work() => done,
                };
                // Where nobody waits for it, nobody is to be told.
                let _ = result.send(done);
            })
        };
        let lost = || io::Error::other("the thread of an upload ended unexpectedly");
        thread.0.send(Box::new(work)).map_err(|_| lost())?;
        let done = comes.await.map_err(|_| lost())?;
        host::locked(&self.idle).push(thread);
        Ok(done)
    }
}

impl UploadThread {
    fn start() -> io::Result<Self> {
        let (sender, mut works) = mpsc::unbounded_channel::<Work>();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("image-uploader".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    while let Some(work) = works.recv().await {
                        work().await;
                    }
                });
            })?;
        Ok(Self(sender))
    }
}

#[cfg(test)]
mod tests {
    use std::thread::ThreadId;

    use super::*;

    async fn who() -> ThreadId {
        thread::current().id()
    }

    #[tokio::test]
    async fn works_at_once_have_a_thread_each_and_a_thread_is_used_again() {
        let threads = UploadThreads::default();
        let (go, gone) = oneshot::channel::<()>();
        let first = threads.run(move || async {
            gone.await.ok();
            who().await
        });
        let second = async {
            let id = threads.run(who).await.unwrap();
            go.send(()).ok();
            id
        };
        let (first, second) = tokio::join!(first, second);
        let first = first.unwrap();
        assert_ne!(first, second);
        assert!([first, second].contains(&threads.run(who).await.unwrap()));
        assert_ne!(threads.run(who).await.unwrap(), thread::current().id());
        assert_eq!(host::locked(&threads.idle).len(), 2);
    }

    #[tokio::test]
    async fn a_work_that_is_dropped_ends_with_its_thread() {
        struct TellsItsEnd(Option<oneshot::Sender<()>>);
        impl Drop for TellsItsEnd {
            fn drop(&mut self) {
                self.0.take().map(|end| end.send(()));
            }
        }
        let threads = UploadThreads::default();
        let (begin, has_begun) = oneshot::channel();
        let (end, has_ended) = oneshot::channel();
        let end = TellsItsEnd(Some(end));
        let work = threads.run(move || async move {
            // What a connection is driven by.
            tokio::spawn(async move {
                let _end = end;
                begin.send(()).ok();
                std::future::pending::<()>().await;
            });
            std::future::pending::<()>().await;
        });
        tokio::select! {
            _ = work => panic!("it never ends by itself"),
            seen = has_begun => seen.unwrap(),
        }
        has_ended.await.unwrap();
        assert!(host::locked(&threads.idle).is_empty());
    }
}
