//! The threads that serve: each drives one single-threaded runtime with a share of the services.

use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How long a thread waits for files that are being written when it is to end.
const GRACE: Duration = Duration::from_secs(2);

/// A few threads with a runtime each; dropping them ends everything that runs on them.
#[derive(Debug)]
pub(super) struct Threads {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts at most that many threads, and no more than there are processors.
    pub(super) fn start(wanted: usize) -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers = (0..wanted.clamp(1, processors))
            .map(|_| Worker::start())
            .collect::<io::Result<_>>()?;
        Ok(Self { workers })
    }

    /// The runtime of the `nth` service.
    pub(super) fn runtime(&self, nth: usize) -> &Handle {
        &self.workers[nth % self.workers.len()].handle
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || {
                // Ends when the sender is dropped, too.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_timeout(GRACE);
            })?;
        Ok(Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            drop(worker.stop.take());
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// Spawns on a runtime from outside of it.
pub(super) fn spawn<F>(runtime: &Handle, future: F) -> tokio::task::AbortHandle
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime.spawn(future).abort_handle()
}
