//! What the reporter knows and does, without actix: each report goes to every sink in turn.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Local, Utc};

use super::format::{PlanLine, region_lines};
use super::lines::Lines;
use super::messages::{self, Line, Weight};
use super::ndjson::Ndjson;
use super::open_actions::OpenActions;
use super::options::{LoggedRuns, ReportOptions};
use super::progress::{Activity, Transfer};
use super::region_log::{LogError, RegionLogs};
use super::run_record::RunRecord;
use super::summary::RunSummary;
use super::summary_builder::SummaryBuilder;
use super::terminal::{LogFormat, Terminal};
use super::text::OneLine;
use crate::event::Report;
use crate::event::{ActionFacts, Event, EventKind, Mode};
use crate::model::{RegionName, Warning, WarningCode};
use crate::plan::{Plan, Reason};
use crate::state::{FolderError, record_path};

enum Messages {
    Text(Lines),
    Json(Ndjson),
}

impl Messages {
    /// Says what no event says.
    fn write(&self, region: Option<&RegionName>, lines: &[Line]) {
        match self {
            Self::Text(text) => text.write(region, lines),
            Self::Json(json) => json.write(region, lines),
        }
    }
}

/// Fans reports out to its sinks.
pub(super) struct ReporterState {
    terminal: Terminal,
    log_dir: PathBuf,
    logged_runs: LoggedRuns,
    messages: Messages,
    activity: Activity,
    stats: Option<Duration>,
    /// When it was last said what is under way.
    last_stats: Instant,
    logs: Option<RegionLogs>,
    record: Option<RunRecord>,
    /// One warning about logs is enough for a run.
    log_failed: bool,
    summary: SummaryBuilder,
    open_actions: OpenActions,
    /// The wave of each region, where there are any.
    waves: BTreeMap<RegionName, Box<str>>,
    transfers: Vec<Transfer>,
    mode: Mode,
}

impl ReporterState {
    pub(super) fn new(options: ReportOptions, now: Instant) -> Self {
        let terminal = options.terminal;
        Self {
            log_dir: options.log_dir,
            logged_runs: options.logged_runs,
            messages: match terminal.log_format() {
                LogFormat::Text => Messages::Text(Lines::new(terminal.clone())),
                LogFormat::Json => Messages::Json(Ndjson::new(terminal.clone())),
            },
            activity: Activity::new(now),
            stats: options.stats,
            last_stats: now,
            terminal,
            logs: None,
            record: None,
            log_failed: false,
            summary: SummaryBuilder::default(),
            open_actions: OpenActions::default(),
            transfers: Vec::new(),
            mode: Mode::Sync,
            waves: BTreeMap::new(),
        }
    }

    pub(super) fn report(&mut self, report: Report, now: Instant) {
        match report {
            Report::Event(event) => self.event(&event, now),
            Report::Planned { plan, at } => self.planned(&plan, at, now),
            Report::Phase { doing, progress } => self.activity.phase(doing, progress, now),
            Report::Note {
                region: Some(region),
                message,
            } => self.note(&region, &message),
            Report::Note {
                region: None,
                message,
            } => self
                .messages
                .write(None, &[Line::info(Weight::Step, message)]),
            Report::TransferStarted {
                region,
                image,
                action,
                bytes_total,
                bytes_sent,
            } => self.transfers.push(Transfer::new(
                region,
                image,
                action,
                bytes_total,
                bytes_sent,
                now,
            )),
            Report::TransferFinished { region, image } => self.transfer_finished(&region, &image),
        }
    }

    fn planned(&mut self, plan: &Plan, at: DateTime<Utc>, now: Instant) {
        let region = &plan.region;
        let event = |kind| Event {
            ts: at,
            ..Event::now(Some(region.clone()), kind)
        };
        self.summary.planned(plan);
        let kind = EventKind::Plan {
            counts: plan.counts(),
            bytes_pending: plan.bytes_pending(),
            bytes_pulled: plan.bytes_pulled(),
            deletions: plan.deletions(),
            orphans: plan.orphans.len(),
        };
        self.event(&event(kind), now);
        for orphan in &plan.orphans {
            let kind = EventKind::Orphan(orphan.clone());
            self.event(&event(kind), now);
        }
        let lines = plan_log(plan);
        self.log(region, at, &lines, now);
        // A dry run has its plan on standard output, and a status report its states.
        if self.mode.is_sync() {
            self.open_actions.planned(plan);
            if let Messages::Text(messages) = &mut self.messages {
                messages.write(Some(region), &lines);
            }
        }
        if self.mode == Mode::DryRun {
            for action in &plan.actions {
                let kind = EventKind::ActionPlanned {
                    facts: ActionFacts::of(action),
                    wanted_by: plan.wanted_by(action),
                };
                self.event(&event(kind), now);
            }
        }
    }

    fn transfer_finished(&mut self, region: &RegionName, image: &str) {
        let ended = |transfer: &mut Transfer| transfer.region == *region && transfer.image == image;
        for transfer in self.transfers.extract_if(.., ended) {
            self.activity.transfer_finished(&transfer);
        }
    }

    fn note(&mut self, region: &RegionName, message: &str) {
        let message = messages::without_region(message, Some(region));
        let line = Line::info(Weight::Detail, OneLine(message).to_string());
        self.messages
            .write(Some(region), std::slice::from_ref(&line));
        self.activity.note(region, message);
        self.log(region, Utc::now(), &[line], Instant::now());
    }

    fn event(&mut self, event: &Event, now: Instant) {
        let with_wave;
        let wave = event.region.as_ref().and_then(|it| self.waves.get(it));
        let event = match wave {
            Some(wave) => {
                with_wave = Event {
                    wave: Some(wave.clone()),
                    ..event.clone()
                };
                &with_wave
            }
            None => event,
        };
        if let EventKind::RunStarted { waves, .. } = &event.kind {
            for wave in waves {
                let regions = wave.regions.iter();
                self.waves
                    .extend(regions.map(|region| (region.clone(), Box::from(wave.wave.as_str()))));
            }
            self.run_started(event, now);
        }
        self.record(event, now);
        self.summary.event(event);
        self.tell_what_is_left(event, now);
        self.activity.event(event, now);
        match &mut self.messages {
            Messages::Text(lines) => lines.event(event, now),
            Messages::Json(ndjson) => ndjson.event(event),
        }
        // The plan's own lines say more about each action than the events made of it.
        if let Some(region) = &event.region
            && !matches!(event.kind, EventKind::ActionPlanned { .. })
        {
            let mut lines = messages::lines(&event.kind, Some(region), self.mode);
            if let (EventKind::RegionStarted, Some(wave)) = (&event.kind, &event.wave) {
                let text = format!("of the wave `{}`", OneLine(wave));
                lines.push(Line::info(Weight::Detail, text));
            }
            self.log(region, event.ts, &lines, now);
            if let (EventKind::RegionFinished { .. }, Some(logs)) = (&event.kind, &mut self.logs) {
                logs.close(region);
            }
        }
    }

    fn tell_what_is_left(&mut self, event: &Event, now: Instant) {
        if let Some(region) = &event.region
            && let Some(line) = self.open_actions.event(region, &event.kind)
        {
            self.messages
                .write(Some(region), std::slice::from_ref(&line));
            self.log(region, event.ts, &[line], now);
        }
    }

    fn run_started(&mut self, event: &Event, now: Instant) {
        let EventKind::RunStarted {
            master,
            mode,
            parallel,
            ..
        } = &event.kind
        else {
            return;
        };
        self.mode = *mode;
        if !self.logged_runs.include(*mode, *parallel) {
            return;
        }
        let what = match mode {
            Mode::Apply => "apply",
            Mode::DryRun => "dry run",
            _ => "sync",
        };
        let master = master.to_string();
        let title = format!(
            "glancesync {}: {what}, master {}",
            env!("CARGO_PKG_VERSION"),
            OneLine(&master)
        );
        let started = event.ts.with_timezone(&Local).fixed_offset();
        match RegionLogs::create(&self.log_dir, started, title) {
            Ok(logs) => {
                match RunRecord::create(logs.folder(), self.terminal.run_id()) {
                    Ok(record) => self.record = Some(record),
                    Err(error) => self.log_unwritable(&error.into(), now),
                }
                self.logs = Some(logs);
            }
            Err(error) => self.log_unwritable(&error, now),
        }
    }

    fn record(&mut self, event: &Event, now: Instant) {
        if let Some(mut record) = self.record.take() {
            match record.event(event) {
                // Given back at the end: a run that is over is no run at work.
                Ok(()) if matches!(event.kind, EventKind::RunFinished { .. }) => {}
                Ok(()) => self.record = Some(record),
                Err(error) => {
                    let folder = self.logs.as_ref().map(RegionLogs::folder);
                    let path = record_path(folder.unwrap_or(&self.log_dir));
                    let error = FolderError::at(&path)(error);
                    self.log_unwritable(&error.into(), now);
                }
            }
        }
    }

    fn log(&mut self, region: &RegionName, time: DateTime<Utc>, lines: &[Line], now: Instant) {
        if let Some(logs) = &mut self.logs
            && let Err(error) = logs.write(region, time, lines)
        {
            self.log_unwritable(&error, now);
        }
    }

    fn log_unwritable(&mut self, error: &LogError, now: Instant) {
        if std::mem::replace(&mut self.log_failed, true) {
            return;
        }
        let warning = Warning::new(
            WarningCode::LogUnwritable,
            format!("A region log is incomplete: {error}. The run goes on; check `log_dir`."),
        );
        self.event(&Event::now(None, EventKind::Warning(warning)), now);
    }

    /// Looks at the counters of uploads; called several times a second.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut events = Vec::new();
        for transfer in &mut self.transfers {
            if transfer.is_due(now) {
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
        self.show_activity(now);
    }

    /// Draws the bars; where there are none, says now and then what is under way.
    fn show_activity(&mut self, now: Instant) {
        if let Some(text) = self.activity.slow_phase(now) {
            self.messages
                .write(None, &[Line::info(Weight::Normal, text)]);
        }
        if self.terminal.has_bars() {
            let (size, paint) = (self.terminal.size(), self.terminal.paint());
            let bars = self.activity.bars(&self.transfers, now, size, paint);
            if let Some(bars) = bars {
                self.terminal.draw(&bars);
            }
        }
        let Some(interval) = self.stats.filter(|_| !self.terminal.has_bars()) else {
            return;
        };
        if now.duration_since(self.last_stats) >= interval {
            self.last_stats = now;
            if let Some(text) = self.activity.under_way(&self.transfers, now) {
                self.messages
                    .write(None, &[Line::info(Weight::Normal, text)]);
            }
        }
    }

    /// Takes the bars away and sums up. Lines and logs are written as they come, so nothing else
    /// waits to be flushed.
    pub(super) fn finish(&mut self) -> RunSummary {
        if let Messages::Text(lines) = &mut self.messages {
            lines.warn();
        }
        self.terminal.clear();
        let folder = self.logs.as_ref().map(|logs| logs.folder().to_owned());
        self.summary.finish(self.terminal.run_id(), folder)
    }
}

/// What a region's log says about the decision. Warnings and failures come as events of their own.
fn plan_log(plan: &Plan) -> Vec<Line> {
    let in_step: Vec<String> = plan
        .images
        .iter()
        .filter(|state| state.reason == Reason::InStep)
        .map(|state| format!("`{}`", OneLine(&state.image)))
        .collect();
    let in_step = (!in_step.is_empty()).then(|| PlanLine::InStep(in_step.join(", ")));
    in_step
        .into_iter()
        .chain(region_lines(plan))
        .filter_map(|line| match line {
            PlanLine::InStep(text) => Some(format!("in step: {text}")),
            PlanLine::Action(text) => Some(format!("planned: {text}")),
            PlanLine::Detail(text) => Some(format!("    {text}")),
            PlanLine::InProgress(text) => Some(format!("in progress: {text}")),
            PlanLine::Left(text) => Some(format!("left as it is: {text}")),
            PlanLine::Failure(_) | PlanLine::Warning(_) => None,
        })
        .map(|text| Line::info(Weight::Detail, text))
        .collect()
}
