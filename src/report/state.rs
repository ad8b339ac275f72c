//! What the reporter knows and does, without actix: each report goes to every sink in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::actor::ReportOptions;
use super::event::{ActionFacts, Event, EventKind, Mode};
use super::events::Report;
use super::lines::Lines;
use super::ndjson::Ndjson;
use super::summary::{RunSummary, SummaryBuilder};
use super::terminal::{LogFormat, Terminal};
use crate::model::{ActionKind, RegionName};
use crate::plan::Plan;

/// Between two `progress` events of one upload.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Content on its way.
pub(super) struct Transfer {
    pub(super) region: RegionName,
    pub(super) image: String,
    pub(super) action: ActionKind,
    pub(super) bytes_total: u64,
    bytes_sent: Arc<AtomicU64>,
    told: Instant,
}

impl Transfer {
    /// Never more than there is, whatever the counter says.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.bytes_sent
            .load(Ordering::Relaxed)
            .min(self.bytes_total)
    }
}

enum Messages {
    Text(Lines),
    Json(Ndjson),
}

/// Fans reports out to its sinks.
pub(super) struct ReporterState {
    terminal: Terminal,
    messages: Messages,
    summary: SummaryBuilder,
    transfers: Vec<Transfer>,
    mode: Mode,
}

impl ReporterState {
    pub(super) fn new(options: ReportOptions) -> Self {
        let terminal = options.terminal;
        Self {
            messages: match terminal.log_format() {
                LogFormat::Text => Messages::Text(Lines::new(terminal.clone())),
                LogFormat::Json => Messages::Json(Ndjson::new(terminal.clone())),
            },
            terminal,
            summary: SummaryBuilder::default(),
            transfers: Vec::new(),
            mode: Mode::Sync,
        }
    }

    pub(super) fn report(&mut self, report: Report, now: Instant) {
        match report {
            Report::Event(event) => self.event(&event, now),
            Report::Planned(plan) => self.planned(&plan, now),
            Report::Note { region, message } => {
                if let Messages::Text(lines) = &mut self.messages {
                    lines.note(&region, &message);
                }
            }
            Report::TransferStarted {
                region,
                image,
                action,
                bytes_total,
                bytes_sent,
            } => self.transfers.push(Transfer {
                region,
                image,
                action,
                bytes_total,
                bytes_sent,
                told: now,
            }),
            Report::TransferFinished { region, image } => self
                .transfers
                .retain(|transfer| transfer.region != region || transfer.image != image),
        }
    }

    fn planned(&mut self, plan: &Plan, now: Instant) {
        self.summary.planned(&plan.region, plan.actions.len());
        let kind = EventKind::Plan {
            counts: plan.counts(),
            bytes_pending: plan.bytes_pending(),
        };
        self.event(&Event::now(Some(plan.region.clone()), kind), now);
        if self.mode == Mode::DryRun {
            for action in &plan.actions {
                let kind = EventKind::ActionPlanned(ActionFacts {
                    action: action.kind(),
                    image: action.image().to_owned(),
                    image_id: action.image_id().cloned(),
                    bytes: action.bytes(),
                });
                self.event(&Event::now(Some(plan.region.clone()), kind), now);
            }
        }
    }

    fn event(&mut self, event: &Event, now: Instant) {
        if let EventKind::RunStarted { mode, .. } = &event.kind {
            self.mode = *mode;
        }
        self.summary.event(event);
        match &mut self.messages {
            Messages::Text(lines) => lines.event(event, now),
            Messages::Json(ndjson) => ndjson.event(event),
        }
    }

    /// Looks at the counters of uploads; called several times a second.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut events = Vec::new();
        for transfer in &mut self.transfers {
            if now.duration_since(transfer.told) >= PROGRESS_INTERVAL {
                transfer.told = now;
                let kind = EventKind::Progress {
                    image: transfer.image.clone(),
                    action: transfer.action,
                    bytes_sent: transfer.bytes_sent(),
                    bytes_total: transfer.bytes_total,
                };
                events.push(Event::now(Some(transfer.region.clone()), kind));
            }
        }
        for event in events {
            self.event(&event, now);
        }
    }

    pub(super) fn finish(&mut self) -> RunSummary {
        self.terminal.clear();
        self.summary.finish(None)
    }
}
