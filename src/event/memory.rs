//! A sink in memory, for the tests of other modules; it needs no runtime.

use std::sync::{Arc, Mutex};

use super::schema::{Event, EventKind, Failure};
use super::sink::{EventSink, Events, Report};

use crate::host;

/// Events that are kept, and what was kept so far.
pub(crate) fn collected() -> (Events, Collected) {
    let collected = Collected::default();
    (Events::new(collected.clone()), collected)
}

impl EventSink for Collected {
    fn send(&self, report: Report) {
        let mut reports = host::locked(&self.reports);
        reports.push(report);
    }
}

/// Keeps what it is sent, in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collected {
    reports: Arc<Mutex<Vec<Report>>>,
}

impl Collected {
    /// Everything so far, in order.
    pub(crate) fn reports(&self) -> Vec<Report> {
        host::locked(&self.reports).clone()
    }

    /// The public events so far, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.reports()
            .into_iter()
            .filter_map(|report| match report {
                Report::Event(event) => Some(event),
                _ => None,
            })
            .collect()
    }

    /// The errors so far, in order.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        self.events()
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Error(failure) => Some(failure),
                _ => None,
            })
            .collect()
    }
}
