//! What a run does right now: before its first region what it waits for, then what every region at work
//! does, and how far the fleet is.
//!
//! The reporter's state feeds it events. On a terminal it asks several times a second for the bars, of which
//! `layout` makes lines; elsewhere now and then for one line, which `stats` makes. Ended regions are lines
//! of their own, written by `lines`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::layout::{self, FleetRow, Row, Sent, Size};
use super::speed::{Speed, time_left};
use super::stats;
use super::transfers::Transfer;
use crate::event::{Event, EventKind, RegionResult};
use crate::model::RegionName;
use crate::report::action_words;
use crate::report::style::Paint;
use crate::report::text::OneLine;

/// All was sent; the server still reads, hashes and answers.
const FINISHING: &str = "finishing";

/// So long a run is silent about what it waits for before its first region.
const SILENCE: Duration = Duration::from_secs(3);

/// What a run does before its first region.
struct Phase {
    doing: String,
    /// How far it is; empty where nobody knows.
    progress: String,
    since: Instant,
    is_told: bool,
}

/// A region at work.
struct Working {
    region: RegionName,
    since: Instant,
    doing: String,
    /// The image that the words above are about.
    image: String,
    /// Known once its plan is.
    bytes_planned: Option<u64>,
    bytes_done: u64,
    /// Sent, and not yet known to have been accepted, by image.
    bytes_settling: BTreeMap<String, u64>,
    /// Sent by what ended, whatever came of it: the speed goes by what flows.
    bytes_flowed: u64,
    speed: Speed,
}

/// What a run does right now.
pub(in crate::report) struct Activity {
    started: Instant,
    phase: Option<Phase>,
    regions_total: usize,
    /// Columns of the longest name, so that nothing moves when a region ends.
    name_width: usize,
    regions_done: usize,
    regions_failed: usize,
    working: Vec<Working>,
    /// Of regions that ended: what they were to send, less what they will not send any more.
    bytes_ended: u64,
    speed: Speed,
}

impl Activity {
    pub(in crate::report) fn new(now: Instant) -> Self {
        Self {
            started: now,
            phase: None,
            regions_total: 0,
            name_width: 0,
            regions_done: 0,
            regions_failed: 0,
            working: Vec::new(),
            bytes_ended: 0,
            speed: Speed::default(),
        }
    }

    pub(in crate::report) fn event(&mut self, event: &Event, now: Instant) {
        match (&event.kind, &event.region) {
            (EventKind::RunStarted { regions, .. }, _) => {
                self.started = now;
                self.phase = None;
                self.regions_total = regions.len();
                let widths = regions.iter().map(|region| {
                    let name = region.to_string();
                    console::measure_text_width(&OneLine(&name).to_string())
                });
                self.name_width = widths.max().unwrap_or(0);
            }
            (EventKind::RegionStarted, Some(region)) => {
                let idle = Working {
                    region: region.clone(),
                    since: now,
                    doing: "listing images".to_owned(),
                    image: String::new(),
                    bytes_planned: None,
                    bytes_done: 0,
                    bytes_settling: BTreeMap::new(),
                    bytes_flowed: 0,
                    speed: Speed::default(),
                };
                self.working.push(idle);
            }
            (EventKind::RegionFinished { result, .. }, Some(region)) => {
                self.regions_done += 1;
                self.regions_failed += usize::from(*result == RegionResult::Failed);
                if let Some(place) = self.place(region) {
                    self.bytes_ended += self.working.remove(place).bytes_done;
                }
            }
            (kind, Some(region)) => {
                if let Some(place) = self.place(region) {
                    self.working[place].event(kind);
                }
            }
            _ => {}
        }
    }

    /// The run does that before its first region, and is so far with it.
    pub(in crate::report) fn phase(&mut self, doing: String, progress: String, now: Instant) {
        match &mut self.phase {
            Some(phase) if phase.doing == doing => phase.progress = progress,
            _ => {
                self.phase = Some(Phase {
                    doing,
                    progress,
                    since: now,
                    is_told: false,
                });
            }
        }
    }

    /// What the run waits for before its first region; once, when that takes long.
    pub(in crate::report) fn slow_phase(&mut self, now: Instant) -> Option<String> {
        let phase = self.phase.as_mut()?;
        if phase.is_told || now.duration_since(phase.since) < SILENCE {
            return None;
        }
        phase.is_told = true;
        Some(phase.text())
    }

    /// What is under way, on one line; none where nothing is.
    pub(in crate::report) fn under_way(
        &mut self,
        transfers: &[Transfer],
        now: Instant,
    ) -> Option<String> {
        if let Some(phase) = &self.phase {
            return Some(phase.text());
        }
        if self.working.is_empty() {
            return None;
        }
        let (rows, fleet) = self.rows(transfers, now);
        Some(stats::under_way(&rows, &fleet))
    }

    pub(in crate::report) fn note(&mut self, region: &RegionName, message: &str) {
        if let Some(place) = self.place(region) {
            self.working[place].doing(message, "");
        }
    }

    /// No more content flows. Its bytes count on until the action is over, or the fleet's line would
    /// jump back and forth.
    pub(in crate::report) fn transfer_finished(&mut self, transfer: &Transfer) {
        if let Some(place) = self.place(&transfer.region) {
            let working = &mut self.working[place];
            let sent = transfer.bytes_sent();
            working.bytes_flowed += sent;
            working.bytes_settling.insert(transfer.image.clone(), sent);
            working.doing(FINISHING, &transfer.image);
        }
    }

    fn place(&self, region: &RegionName) -> Option<usize> {
        self.working
            .iter()
            .position(|working| working.region == *region)
    }

    /// The lines of the bars, for a screen of so many columns and rows; none before the first region.
    pub(in crate::report) fn bars(
        &mut self,
        transfers: &[Transfer],
        now: Instant,
        (width, height): (usize, usize),
        paint: Paint,
    ) -> Option<Vec<String>> {
        if self.working.is_empty() && self.regions_done == 0 {
            return None;
        }
        let (rows, fleet) = self.rows(transfers, now);
        let size = Size {
            width,
            height,
            name_width: self.name_width,
        };
        Some(layout::lines(&rows, &fleet, size, paint))
    }

    fn rows(&mut self, transfers: &[Transfer], now: Instant) -> (Vec<Row>, FleetRow) {
        let mut sent_now = 0;
        let rows: Vec<Row> = self
            .working
            .iter_mut()
            .map(|working| {
                let transfers: Vec<&Transfer> = transfers
                    .iter()
                    .filter(|transfer| transfer.region == working.region)
                    .collect();
                let sent: u64 = transfers.iter().map(|it| it.bytes_sent()).sum();
                sent_now += sent;
                working.row(&transfers, sent, now)
            })
            .collect();
        let fleet = self.fleet(sent_now, now);
        (rows, fleet)
    }

    fn fleet(&mut self, sent_now: u64, now: Instant) -> FleetRow {
        let done: u64 = self
            .working
            .iter()
            .map(|working| working.bytes_done + working.bytes_settling.values().sum::<u64>())
            .sum();
        let planned: u64 = self
            .working
            .iter()
            .filter_map(|working| working.bytes_planned)
            .sum();
        let sent = self.bytes_ended + done + sent_now;
        let total = (self.bytes_ended + planned).max(sent);
        self.speed.sample(now, sent);
        let rate = self.speed.rate();
        FleetRow {
            regions_done: self.regions_done,
            regions_total: self.regions_total.max(self.regions_done),
            regions_failed: self.regions_failed,
            sent: Sent {
                bytes: sent,
                total,
                rate,
                left: time_left(total - sent, rate),
            },
            // Regions whose plan is not known yet may have more to send.
            at_least: self.regions_done
                + self
                    .working
                    .iter()
                    .filter(|working| working.bytes_planned.is_some())
                    .count()
                < self.regions_total,
            elapsed: now.duration_since(self.started),
        }
    }
}

impl Phase {
    fn text(&self) -> String {
        let text = format!("still {}", OneLine(&self.doing));
        if self.progress.is_empty() {
            text
        } else {
            format!("{text}: {}", self.progress)
        }
    }
}

impl Working {
    fn event(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Plan { bytes_pending, .. } => {
                self.bytes_planned = Some(*bytes_pending);
                self.doing("planned", "");
            }
            EventKind::ActionStarted(facts) => {
                self.bytes_settling.remove(&facts.image);
                self.doing(action_words::doing(facts.action), &facts.image);
            }
            EventKind::ActionFinished { facts, .. } => {
                self.bytes_settling.remove(&facts.image);
                self.bytes_done += facts.bytes;
            }
            EventKind::Error(failure) => match &failure.image {
                Some(image) => {
                    self.bytes_settling.remove(image);
                }
                None => self.bytes_settling.clear(),
            },
            _ => {}
        }
    }

    fn doing(&mut self, doing: &str, image: &str) {
        self.doing = OneLine(doing).to_string();
        self.image = OneLine(image).to_string();
    }

    /// The line of the region, with its contents that flow and how much of them was sent.
    fn row(&mut self, transfers: &[&Transfer], bytes: u64, now: Instant) -> Row {
        let name = self.region.to_string();
        let is_sent = |transfer: &&&Transfer| transfer.bytes_sent() == transfer.bytes_total;
        let sent = if transfers.is_empty() {
            self.speed = Speed::default();
            None
        } else {
            let total = transfers.iter().map(|it| it.bytes_total).sum();
            self.speed.sample(now, self.bytes_flowed + bytes);
            let rate = self.speed.rate().filter(|_| bytes < total);
            Some(Sent {
                bytes,
                total,
                rate,
                left: time_left(total - bytes, rate),
            })
        };
        let flowing = transfers.iter().find(|it| !is_sent(it));
        let images: Vec<&str> = transfers.iter().map(|it| it.image.as_str()).collect();
        let (doing, image) = match flowing {
            _ if transfers.is_empty() => (self.doing.as_str(), self.image.clone()),
            None => (FINISHING, images.join(", ")),
            Some(transfer) => (action_words::doing(transfer.action), images.join(", ")),
        };
        Row {
            region: OneLine(&name).to_string(),
            doing: doing.to_owned(),
            image: OneLine(&image).to_string(),
            sent,
            elapsed: now.duration_since(self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::event::ActionFacts;
    use crate::model::ActionKind;

    const MIB: u64 = 1 << 20;

    fn upload(image: &str) -> ActionFacts {
        ActionFacts {
            bytes: 4 * MIB,
            ..ActionFacts::of_metadata(ActionKind::Upload, image, None)
        }
    }

    #[test]
    fn several_contents_of_a_region_are_one_line() {
        let start = Instant::now();
        let region: RegionName = "Trento".parse().unwrap();
        let mut activity = Activity::new(start);
        let tell = |activity: &mut Activity, kind| {
            let event = Event::now(Some(region.clone()), kind);
            activity.event(&event, start);
        };
        tell(&mut activity, EventKind::RegionStarted);
        let transfers: Vec<Transfer> = [("ubuntu", 4), ("debian", 1)]
            .map(|(image, sent)| {
                tell(&mut activity, EventKind::ActionStarted(upload(image)));
                let sent = Arc::new(AtomicU64::new(sent * MIB));
                let kind = ActionKind::Upload;
                Transfer::new(region.clone(), image.to_owned(), kind, 4 * MIB, sent, start)
            })
            .into();
        let now = start + Duration::from_secs(1);
        insta::assert_snapshot!(
            activity.under_way(&transfers, now).unwrap(),
            @"under way: 0 of 0 regions done; 5.0 MiB of 5.0 MiB sent; Trento: uploading ubuntu, debian, 62% of 8.0 MiB"
        );
        activity.transfer_finished(&transfers[0]);
        insta::assert_snapshot!(
            activity.under_way(&transfers[1..], now).unwrap(),
            @"under way: 0 of 0 regions done; 5.0 MiB of 5.0 MiB sent; Trento: uploading debian, 25% of 4.0 MiB"
        );
        let finished = EventKind::ActionFinished {
            facts: upload("ubuntu"),
            seconds: 1.0,
        };
        tell(&mut activity, finished);
        let (_, fleet) = activity.rows(&transfers[1..], now);
        assert_eq!(fleet.sent.bytes, 5 * MIB);
    }
}
