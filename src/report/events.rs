//! The way to the reporter: the messages, and the handle through which every module sends them.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use actix::{Message, Recipient};

use super::event::{Event, EventKind, Failure};
use crate::model::{ActionKind, RegionName, Warning};
use crate::plan::Plan;

/// What is told to the reporter.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Report {
    /// A public event.
    Event(Event),
    /// The decision for a region. The reporter makes the event `plan` of it and, in a dry run, one
    /// `action_planned` per action; the region's log gets every reason. The plan's warnings and
    /// failures are not reported by this: they are events of their own.
    Planned(Arc<Plan>),
    /// What a region does right now, in a few words: for the screen, its log, and `-v`. No public
    /// event is made of it.
    Note {
        /// The region.
        region: RegionName,
        /// Such as `lists images`.
        message: String,
    },
    /// Content begins to flow; the counter is polled until [`Report::TransferFinished`].
    TransferStarted {
        /// The region that it flows to.
        region: RegionName,
        /// The image's name.
        image: String,
        /// `upload`, `replace` or `rename`.
        action: ActionKind,
        /// Bytes of content in all.
        bytes_total: u64,
        /// Bytes of content sent so far; may fall where an upload begins anew.
        bytes_sent: Arc<AtomicU64>,
    },
    /// No more content flows, whether it all arrived or not.
    TransferFinished {
        /// The region.
        region: RegionName,
        /// The image's name.
        image: String,
    },
}

/// Sends to the reporter; cheap to clone. Sending never blocks and never fails: where the reporter
/// is gone, nobody is left to be told.
#[derive(Debug, Clone)]
pub struct Events {
    receiver: Receiver,
}

#[derive(Debug, Clone)]
enum Receiver {
    Actor(Recipient<Report>),
    Memory(Arc<Mutex<Vec<Report>>>),
}

impl Events {
    /// Sends to that actor.
    pub fn new(recipient: Recipient<Report>) -> Self {
        Self {
            receiver: Receiver::Actor(recipient),
        }
    }

    /// Sends into memory, for the tests of other modules; needs no runtime.
    pub fn collecting() -> (Self, Collected) {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let events = Self {
            receiver: Receiver::Memory(Arc::clone(&reports)),
        };
        (events, Collected { reports })
    }

    /// Sends any report.
    pub fn send(&self, report: Report) {
        match &self.receiver {
            // The mailbox's bound is for commands; events are small facts that must not be lost.
            Receiver::Actor(recipient) => recipient.do_send(report),
            Receiver::Memory(reports) => reports
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(report),
        }
    }

    /// Reports that something happens now, in `region` or in the run as a whole.
    pub fn emit(&self, region: Option<&RegionName>, kind: EventKind) {
        self.send(Report::Event(Event::now(region.cloned(), kind)));
    }

    /// Reports what somebody should look at.
    pub fn warning(&self, region: Option<&RegionName>, warning: Warning) {
        self.emit(region, EventKind::Warning(warning));
    }

    /// Reports what failed.
    pub fn error(&self, region: Option<&RegionName>, failure: Failure) {
        self.emit(region, EventKind::Error(failure));
    }

    /// Reports the decision for a region; see [`Report::Planned`] for what it stands for.
    pub fn planned(&self, plan: Arc<Plan>) {
        self.send(Report::Planned(plan));
    }

    /// Reports what a region does right now, such as `lists images`.
    pub fn note(&self, region: &RegionName, message: impl Into<String>) {
        self.send(Report::Note {
            region: region.clone(),
            message: message.into(),
        });
    }

    /// Reports that content begins to flow. It counts as flowing until the guard is dropped, so
    /// an upload that is cancelled leaves no bar behind.
    #[must_use = "the transfer ends when the guard is dropped"]
    pub fn transfer(
        &self,
        region: &RegionName,
        image: &str,
        action: ActionKind,
        bytes_total: u64,
        bytes_sent: Arc<AtomicU64>,
    ) -> TransferGuard {
        self.send(Report::TransferStarted {
            region: region.clone(),
            image: image.to_owned(),
            action,
            bytes_total,
            bytes_sent,
        });
        TransferGuard {
            events: self.clone(),
            region: region.clone(),
            image: image.to_owned(),
        }
    }
}

/// Content flows while this lives.
#[derive(Debug)]
pub struct TransferGuard {
    events: Events,
    region: RegionName,
    image: String,
}

impl Drop for TransferGuard {
    fn drop(&mut self) {
        self.events.send(Report::TransferFinished {
            region: self.region.clone(),
            image: std::mem::take(&mut self.image),
        });
    }
}

/// What was sent through [`Events::collecting`].
#[derive(Debug, Clone)]
pub struct Collected {
    reports: Arc<Mutex<Vec<Report>>>,
}

impl Collected {
    /// Everything so far, in order.
    pub fn reports(&self) -> Vec<Report> {
        self.reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The public events so far, in order.
    pub fn events(&self) -> Vec<Event> {
        self.reports()
            .into_iter()
            .filter_map(|report| match report {
                Report::Event(event) => Some(event),
                _ => None,
            })
            .collect()
    }

    /// The plans so far, in order.
    pub fn plans(&self) -> Vec<Arc<Plan>> {
        self.reports()
            .into_iter()
            .filter_map(|report| match report {
                Report::Planned(plan) => Some(plan),
                _ => None,
            })
            .collect()
    }

    /// The errors so far, in order.
    pub fn failures(&self) -> Vec<Failure> {
        self.events()
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Error(failure) => Some(failure),
                _ => None,
            })
            .collect()
    }

    /// The warnings so far, in order.
    pub fn warnings(&self) -> Vec<Warning> {
        self.events()
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Warning(warning) => Some(warning),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_guard_ends_its_transfer() {
        let (events, collected) = Events::collecting();
        let region = "Trento".parse().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        drop(events.transfer(&region, "img", ActionKind::Upload, 10, sent));
        events.note(&region, "lists images");
        events.emit(Some(&region), EventKind::RegionStarted);
        assert!(matches!(
            collected.reports().as_slice(),
            [
                Report::TransferStarted { .. },
                Report::TransferFinished { image, .. },
                Report::Note { .. },
                Report::Event(_)
            ] if image == "img"
        ));
        assert_eq!(collected.events().len(), 1);
    }
}
