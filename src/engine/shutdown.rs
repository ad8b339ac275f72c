//! How a run is stopped: in three steps, one for each signal.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::host;

/// How long what is more than an upload may go on after connections are to be dropped: a request that
/// publishes, re-points or deletes is over in less, unless its server hangs.
const GRACE: Duration = Duration::from_secs(15);

/// How far a run has been told to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Not at all.
    #[default]
    No,
    /// No new action starts; the one under way is finished.
    AfterAction,
    /// Connections are dropped, and what was left half done is cleaned up.
    Now,
}

/// The side that stops a run.
#[derive(Debug)]
pub struct Stopper {
    sender: watch::Sender<Stop>,
    shared: Arc<Shared>,
}

/// The side that asks whether it is to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopSignal {
    receiver: watch::Receiver<Stop>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When connections were to be dropped.
    dropped: Option<Instant>,
    /// What is under way, in the order of its beginning.
    busy: BTreeMap<u64, String>,
    next: u64,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        host::locked(&self.0)
    }
}

impl Stopper {
    /// A stopper and its signal.
    pub fn new() -> (Self, StopSignal) {
        let (sender, receiver) = watch::channel(Stop::No);
        let shared = Arc::<Shared>::default();
        let stopper = Self {
            sender,
            shared: Arc::clone(&shared),
        };
        (stopper, StopSignal { receiver, shared })
    }

    /// One step further. Gives the step, or `None` where there is none left: then the process is to
    /// end at once.
    pub fn step(&self) -> Option<Stop> {
        let next = match *self.sender.borrow() {
            Stop::No => Stop::AfterAction,
            Stop::AfterAction => Stop::Now,
            Stop::Now => return None,
        };
        if next == Stop::Now {
            self.shared.state().dropped = Some(Instant::now());
        }
        self.sender.send_replace(next);
        Some(next)
    }

    /// What is under way, in the order of its beginning: that is waited for.
    pub fn waits_for(&self) -> Vec<String> {
        self.shared.state().busy.values().cloned().collect()
    }
}

impl StopSignal {
    /// How far the run has been told to stop.
    pub fn get(&self) -> Stop {
        *self.receiver.borrow()
    }

    /// True where no new action may start.
    pub fn is_stopping(&self) -> bool {
        self.get() > Stop::No
    }

    /// Ends when no new action may start; otherwise never.
    pub async fn stopping(&self) {
        self.reached(Stop::AfterAction).await;
    }

    /// Ends when connections are to be dropped; otherwise never.
    pub async fn now(&self) {
        self.reached(Stop::Now).await;
    }

    async fn reached(&self, step: Stop) {
        let mut receiver = self.receiver.clone();
        if receiver.wait_for(|stop| *stop >= step).await.is_err() {
            // The stopper is gone, so nobody will ever stop this run.
            std::future::pending::<()>().await;
        }
    }

    /// What comes of the work; none where no new action may start before it is done.
    pub async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.stopping() => None,
        }
    }

    /// What comes of the work; none where connections are to be dropped before it is done.
    pub async fn unless_dropped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.now() => None,
        }
    }

    /// The same, but once connections are to be dropped the work has a little time left: for what is
    /// better done than undone.
    pub async fn unless_overdue<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.overdue() => None,
        }
    }

    async fn overdue(&self) {
        self.now().await;
        let dropped = self.shared.state().dropped;
        sleep_until(dropped.unwrap_or_else(Instant::now) + GRACE).await;
    }

    /// Says that this is under way, until the guard is dropped.
    pub fn busy(&self, what: String) -> ActivityGuard {
        let mut state = self.shared.state();
        let number = state.next;
        state.next += 1;
        state.busy.insert(number, what);
        drop(state);
        ActivityGuard {
            shared: Arc::clone(&self.shared),
            number,
        }
    }
}

/// Something is under way while this lives.
#[derive(Debug)]
pub struct ActivityGuard {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        self.shared.state().busy.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_step_is_no_step() {
        let (stopper, signal) = Stopper::new();
        assert!(!signal.is_stopping());
        assert_eq!(stopper.step(), Some(Stop::AfterAction));
        assert!(signal.is_stopping());
        assert_eq!(stopper.step(), Some(Stop::Now));
        assert_eq!(stopper.step(), None);
    }

    #[test]
    fn what_is_under_way_is_known_in_the_order_of_its_beginning() {
        let (stopper, signal) = Stopper::new();
        let first = signal.busy("b".to_owned());
        let second = signal.clone().busy("a".to_owned());
        assert_eq!(stopper.waits_for(), ["b", "a"]);
        drop(first);
        assert_eq!(stopper.waits_for(), ["a"]);
        drop(second);
        assert!(stopper.waits_for().is_empty());
    }

    #[tokio::test]
    async fn each_step_ends_other_work() {
        let (stopper, signal) = Stopper::new();
        let never = std::future::pending::<()>;
        stopper.step();
        assert_eq!(signal.unless_stopping(never()).await, None);
        assert_eq!(signal.unless_stopping(async { 1 }).await, Some(1));
        stopper.step();
        assert_eq!(signal.unless_dropped(never()).await, None);
        let brief = tokio::task::yield_now();
        assert_eq!(signal.unless_overdue(brief).await, Some(()));
    }
}
