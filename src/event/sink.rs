//! How events are sent: the trait of whoever receives them, and the handle through which every module
//! sends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{DateTime, Utc};

use super::schema::{Event, EventKind, Failure};
use crate::model::{ActionKind, RegionName, Warning};
use crate::plan::Plan;

/// What a sink is told.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all reports are events")]
pub enum Report {
    /// A public event.
    Event(Event),
    /// The decision for a region. The reporter makes the event `plan` of it and, in a dry run, one
    /// `action_planned` per action; the region's log gets every reason. The plan's warnings and
    /// failures are not reported by this: they are events of their own.
    Planned {
        /// The decision.
        plan: Arc<Plan>,
        /// When it was made.
        at: DateTime<Utc>,
    },
    /// What a region does right now, in a few words: for the screen, its log, and `-v`. No public
    /// event is made of it.
    Note {
        /// The region; none where it is about the run.
        region: Option<RegionName>,
        /// Such as `lists images`.
        message: String,
    },
    /// What the run does before its first region: for the screen, where it takes long. No public event
    /// is made of it.
    Phase {
        /// Such as `listing the images of Spain`.
        doing: String,
        /// How far it is, such as `120 of 500 images`; empty where nobody knows.
        progress: String,
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

/// Receives all that is reported, and may be called from any thread. It neither blocks nor fails: where
/// nobody receives any more, nobody is left to be told.
pub trait EventSink: fmt::Debug + Send + Sync {
    /// Takes one report.
    fn send(&self, report: Report);
}

/// Sends to a sink; cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    sink: Arc<dyn EventSink>,
}

impl Events {
    /// Sends to that sink.
    pub fn new(sink: impl EventSink + 'static) -> Self {
        Self {
            sink: Arc::new(sink),
        }
    }

    /// Sends any report.
    pub fn send(&self, report: Report) {
        self.sink.send(report);
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
        let at = Utc::now();
        self.send(Report::Planned { plan, at });
    }

    /// Reports what the run does before its first region, and how far it is.
    pub fn phase(&self, doing: impl Into<String>, progress: impl Into<String>) {
        self.send(Report::Phase {
            doing: doing.into(),
            progress: progress.into(),
        });
    }

    /// Reports what a region does right now, such as `lists images`.
    pub fn note(&self, region: &RegionName, message: impl Into<String>) {
        self.send(Report::Note {
            region: Some(region.clone()),
            message: message.into(),
        });
    }

    /// Reports what the run does between its regions, such as `waits 10 min`.
    pub fn note_of_run(&self, message: impl Into<String>) {
        self.send(Report::Note {
            region: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::collected;

    #[test]
    fn a_dropped_guard_ends_its_transfer() {
        let (events, collected) = collected();
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
