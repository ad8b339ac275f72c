//! How a run is stopped: in three steps, one for each signal.

use tokio::sync::watch;

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
pub struct Stopper(watch::Sender<Stop>);

/// The side that asks whether it is to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<Stop>);

impl Stopper {
    /// A stopper and its signal.
    pub fn new() -> (Self, StopSignal) {
        let (sender, receiver) = watch::channel(Stop::No);
        (Self(sender), StopSignal(receiver))
    }

    /// One step further. Gives the step, or `None` where there is none left: then the process is to
    /// end at once.
    pub fn step(&self) -> Option<Stop> {
        let next = match *self.0.borrow() {
            Stop::No => Stop::AfterAction,
            Stop::AfterAction => Stop::Now,
            Stop::Now => return None,
        };
        self.0.send_replace(next);
        Some(next)
    }
}

impl StopSignal {
    /// How far the run has been told to stop.
    pub fn get(&self) -> Stop {
        *self.0.borrow()
    }

    /// True where no new action may start.
    pub fn is_stopping(&self) -> bool {
        self.get() > Stop::No
    }

    /// Ends when connections are to be dropped; otherwise never.
    pub async fn now(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|stop| *stop == Stop::Now).await.is_err() {
            // The stopper is gone, so nobody will ever stop this run.
            std::future::pending::<()>().await;
        }
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
}
