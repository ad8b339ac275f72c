//! One service that is up: its port, and the task that accepts its connections.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::error::SandboxError;
use super::http::{AcceptGate, Service, locked, serve};
use super::threads::{Threads, spawn};

/// How long a stop waits for its port to be closed.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How long a restart tries to get its port back.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);

/// A service with its port and the task that accepts its connections.
#[derive(Debug)]
pub(super) struct Running<S> {
    pub(super) keystone: String,
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) url: String,
    pub(super) place: usize,
    pub(super) service: Arc<S>,
    pub(super) accepting: Mutex<Option<AbortHandle>>,
}

impl<S: Service> Running<S> {
    pub(super) fn accept(
        &self,
        threads: &Threads,
        listener: TcpListener,
    ) -> Result<(), SandboxError> {
        let runtime = threads.runtime(self.place);
        let board = Arc::clone(&self.service.front().board);
        let gate = {
            let _inside = runtime.enter();
            AcceptGate::new(listener, board)
        };
        let gate = gate.map_err(|source| SandboxError::Listen {
            service: self.name.clone(),
            port: self.port,
            source,
        })?;
        let task = spawn(runtime, serve(gate, Arc::clone(&self.service)));
        *locked(&self.accepting) = Some(task);
        Ok(())
    }

    pub(super) fn refuse(&self) {
        if let Some(task) = locked(&self.accepting).take() {
            task.abort();
            // The port is open until the task is gone, on a thread of its own.
            let asked = Instant::now();
            while !task.is_finished() && asked.elapsed() < STOP_PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.service.front().board.cut_all();
    }

    pub(super) fn restart(&self, threads: &Threads) -> Result<(), SandboxError> {
        if locked(&self.accepting).is_some() {
            return Ok(());
        }
        let started = Instant::now();
        loop {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)) {
                Ok(listener) => return self.accept(threads, listener),
                // The aborted task may not have let go of the port yet.
                Err(_) if started.elapsed() < RESTART_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(source) => {
                    return Err(SandboxError::Listen {
                        service: self.name.clone(),
                        port: self.port,
                        source,
                    });
                }
            }
        }
    }
}
