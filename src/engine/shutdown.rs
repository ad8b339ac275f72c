//! How a run is stopped: in three steps, one for each signal. Where its time is over, the first two are
//! taken without one.
//!
//! Signals are SIGINT, SIGTERM, and SIGHUP unless it was ignored from the start. After the first, no new action and no list
//! starts, the action under way is finished (an upload that fails is not tried again), and every region
//! that is not done has an error `interrupted`. The second: content that flows is dropped and what was
//! half sent is deleted (what the region has all of is left to the next run); a request that publishes, re-points or deletes has 15 seconds left. The third:
//! the process ends. After the first two, images whose part was published are still re-pointed, and old
//! images nobody refers to any more are dealt with. Actions say what they do to an `ActivityGuard`, so
//! that a person is told what is waited for. Where no run has begun yet, the first signal ends the process.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::host;

/// How long what is more than an upload may go on after connections are to be dropped: a request that
/// publishes, re-points or deletes is over in less, unless its server hangs.
const GRACE: Duration = Duration::from_secs(15);

/// How long what is under way may go on when the run's time is over.
pub const OVERTIME: Duration = Duration::from_mins(15);

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

/// Why a run is told to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StopCause {
    /// Somebody sent a signal, whether its time was over or not.
    #[default]
    Signal,
    /// The time of `max_duration` is over.
    OutOfTime,
}

/// The side that stops a run.
#[derive(Debug)]
pub struct Stopper {
    shared: Arc<Shared>,
}

/// The side that asks whether it is to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopSignal {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: watch::Sender<(Stop, StopCause)>,
    state: Mutex<State>,
}

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
        host::locked(&self.state)
    }

    fn raise(&self, step: Stop, cause: StopCause) {
        if step == Stop::Now {
            self.state().dropped = Some(Instant::now());
        }
        self.stop.send_replace((step, cause));
    }

    async fn reached(&self, is_it: impl FnMut(&(Stop, StopCause)) -> bool) {
        // The sender is here, so it never fails.
        let _ = self.stop.subscribe().wait_for(is_it).await;
    }
}

impl Stopper {
    /// A stopper and its signal.
    pub fn new() -> (Self, StopSignal) {
        let shared = Arc::<Shared>::default();
        let stopper = Self {
            shared: Arc::clone(&shared),
        };
        (stopper, StopSignal { shared })
    }

    /// A signal came: one step further. Gives the step, or `None` where there is none left: then the
    /// process is to end at once.
    pub fn step(&self) -> Option<Stop> {
        let next = match self.shared.stop.borrow().0 {
            Stop::No => Stop::AfterAction,
            Stop::AfterAction => Stop::Now,
            Stop::Now => return None,
        };
        self.shared.raise(next, StopCause::Signal);
        Some(next)
    }
}

impl StopSignal {
    /// How far the run has been told to stop.
    pub fn get(&self) -> Stop {
        self.shared.stop.borrow().0
    }

    /// Why it has.
    pub fn cause(&self) -> StopCause {
        self.shared.stop.borrow().1
    }

    /// True where no new action may start.
    pub fn is_stopping(&self) -> bool {
        self.get() > Stop::No
    }

    /// Ends when no new action may start; otherwise never.
    pub async fn stopping(&self) {
        self.shared.reached(|(step, _)| *step > Stop::No).await;
    }

    /// Ends when connections are to be dropped; otherwise never.
    pub async fn now(&self) {
        self.shared.reached(|(step, _)| *step == Stop::Now).await;
    }

    /// Ends when a run whose time is over has got to that step; never where a signal came first.
    pub async fn out_of_time(&self, wanted: Stop) {
        let by_time = |(step, cause): &_| *step >= wanted && *cause == StopCause::OutOfTime;
        self.shared.reached(by_time).await;
    }

    /// Stops the run when `left` is over: no new action starts from then on, and after `overtime` more
    /// connections are dropped. What a signal has reached already stays. Never ends, for it is to go on
    /// beside the work.
    pub async fn limit(&self, left: Duration, overtime: Duration) -> Infallible {
        for (pause, wanted) in [(left, Stop::AfterAction), (overtime, Stop::Now)] {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let (step, cause) = *self.shared.stop.borrow();
            if step == Stop::No {
                self.shared.raise(wanted, StopCause::OutOfTime);
            } else if step < wanted {
                self.shared.raise(wanted, cause);
            }
        }
        std::future::pending().await
    }

    /// What is under way, in the order of its beginning: that is waited for.
    pub fn waits_for(&self) -> Vec<String> {
        self.shared.state().busy.values().cloned().collect()
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
        let (_stopper, signal) = Stopper::new();
        let first = signal.busy("b".to_owned());
        let second = signal.clone().busy("a".to_owned());
        assert_eq!(signal.waits_for(), ["b", "a"]);
        drop(first);
        assert_eq!(signal.waits_for(), ["a"]);
        drop(second);
        assert!(signal.waits_for().is_empty());
    }

    #[tokio::test]
    async fn a_run_whose_time_is_over_takes_two_steps_without_a_signal() {
        const LEFT: Duration = Duration::from_millis(30);
        const LONG: Duration = Duration::from_hours(1);
        let limited = async |signal: &StopSignal, overtime, until: Stop| {
            tokio::select! {
                _ = signal.limit(LEFT, overtime) => {}
                () = signal.out_of_time(until) => {}
            }
        };
        let (stopper, signal) = Stopper::new();
        let started = Instant::now();
        limited(&signal, LONG, Stop::AfterAction).await;
        assert!(started.elapsed() >= LEFT);
        assert_eq!(signal.get(), Stop::AfterAction);
        assert_eq!(signal.cause(), StopCause::OutOfTime);
        // A signal goes on from there, and it is what ended the run.
        assert_eq!(stopper.step(), Some(Stop::Now));
        assert_eq!(signal.cause(), StopCause::Signal);

        let (_stopper, signal) = Stopper::new();
        let started = Instant::now();
        limited(&signal, LEFT, Stop::Now).await;
        assert!(started.elapsed() >= LEFT * 2);
        assert_eq!(signal.get(), Stop::Now);
        assert_eq!(signal.unless_overdue(async { 1 }).await, Some(1));

        let (stopper, signal) = Stopper::new();
        stopper.step();
        tokio::select! {
            _ = signal.limit(LEFT, LEFT) => {}
            () = signal.now() => {}
        }
        assert_eq!(signal.cause(), StopCause::Signal);
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
