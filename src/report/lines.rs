//! Events as lines for people on standard error: alone, or above the bars.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::action_words;
use super::messages::{self, Label, Line, Weight};
use super::style::Style;
use super::terminal::{Terminal, Verbosity};
use super::text::{OneLine, before};
use super::warnings::WarningGroups;
use crate::event::{Event, EventKind, Mode, RegionResult};
use crate::model::{ByteSize, RegionName};

/// Between two lines about one upload, where no bar shows how far it is and `-v` asks for it.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// Writes the lines of events to a terminal.
pub(super) struct Lines {
    terminal: Terminal,
    mode: Mode,
    /// While a run is under way, the warnings that were not said yet.
    warnings: Option<WarningGroups>,
    told: HashMap<(Option<RegionName>, String), Instant>,
}

impl Lines {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            mode: Mode::Sync,
            warnings: None,
            told: HashMap::new(),
        }
    }

    pub(super) fn event(&mut self, event: &Event, now: Instant) {
        if let EventKind::RunStarted { mode, .. } = &event.kind {
            self.mode = *mode;
            self.warnings = (self.terminal.verbosity() < Verbosity::Verbose).then(Default::default);
        }
        match (&event.kind, &mut self.warnings) {
            (EventKind::Warning(warning), Some(warnings)) => {
                warnings.add(event.region.as_ref(), warning);
                return;
            }
            // How many of a region's warnings others share is known at the end.
            (EventKind::RegionStarted, Some(warnings)) if warnings.are_of_the_run() => self.warn(),
            (EventKind::RunFinished { .. }, _) => self.warn(),
            _ => {}
        }
        if let Some(line) = self.progress(event, now) {
            self.write(event.region.as_ref(), &[line]);
        }
        let lines = messages::lines(&event.kind, event.region.as_ref(), self.mode);
        self.write(event.region.as_ref(), &lines);
    }

    /// Says the warnings that were not said yet, once for each cause.
    pub(super) fn warn(&mut self) {
        let lines = self.warnings.as_mut().map(WarningGroups::take);
        for (region, line) in lines.unwrap_or_default() {
            self.write(region.as_ref(), &[line]);
        }
    }

    /// How far an upload is, now and then.
    fn progress(&mut self, event: &Event, now: Instant) -> Option<Line> {
        let EventKind::Progress {
            image,
            action,
            bytes_sent,
            bytes_total,
        } = &event.kind
        else {
            return None;
        };
        if self.terminal.has_bars() {
            return None;
        }
        let key = (event.region.clone(), image.clone());
        let told = *self.told.entry(key.clone()).or_insert(now);
        if now.duration_since(told) < PROGRESS_INTERVAL {
            return None;
        }
        self.told.insert(key, now);
        let text = format!(
            "{} `{}`: {} of {}",
            action_words::doing(*action),
            OneLine(image),
            ByteSize(*bytes_sent),
            ByteSize(*bytes_total)
        );
        Some(Line::info(Weight::Detail, text))
    }

    /// Writes those lines that are loud enough.
    pub(super) fn write(&self, region: Option<&RegionName>, lines: &[Line]) {
        let mut text = String::new();
        let style = self.terminal.style();
        for line in lines.iter().filter(|line| is_shown(line, &self.terminal)) {
            text += &format(region, line, style);
            text.push('\n');
        }
        if !text.is_empty() {
            self.terminal.write(text);
        }
    }
}

/// True where a line is loud enough for a terminal.
pub(super) fn is_shown(line: &Line, terminal: &Terminal) -> bool {
    match terminal.verbosity() {
        Verbosity::Quiet => line.weight == Weight::Essential,
        // The summary says it for all regions at once.
        Verbosity::Normal if line.label == Label::Hint => !terminal.has_bars(),
        Verbosity::Normal => match line.weight {
            Weight::Essential | Weight::Normal => true,
            Weight::Step => !terminal.has_bars(),
            Weight::Detail => false,
        },
        Verbosity::Verbose | Verbosity::Requests | Verbosity::Debug => true,
    }
}

/// The line with its region and its label before it, broken where it does not fit.
fn format(region: Option<&RegionName>, line: &Line, style: Style) -> String {
    let paint = style.paint;
    let region = region.map_or_else(String::new, |region| {
        let name = region.to_string();
        format!("{} ", paint.cyan(before(&name)))
    });
    let word = line.label.as_str();
    let text = match line.label {
        Label::Ended(RegionResult::Failed) => paint.red(&line.text),
        Label::Ended(_) => paint.green(&line.text),
        _ => line.text.clone(),
    };
    let label = match line.label {
        Label::None | Label::Ended(_) => String::new(),
        Label::Warning => format!("{} ", paint.yellow(word)),
        Label::Error => format!("{} ", paint.red(word)),
        Label::Hint => format!("{} ", paint.bold(word)),
    };
    style.wrapped(&format!("{region}{label}{text}"), 4)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, failure, region, region_finished, run_finished, run_started};
    use super::super::looks::looks;
    use super::*;
    use crate::model::{Warning, WarningCode};

    #[test]
    fn messages_as_they_look() {
        let warning = Warning::new(
            WarningCode::ForeignOwner,
            "another project owns an image of this name in the region: it is ignored",
        );
        let events = [
            run_started(Mode::Sync, true, &["Trento", "Lannion"]),
            at(
                Some("Trento"),
                1,
                EventKind::Warning(warning.image("debian")),
            ),
            at(Some("Lannion"), 2, EventKind::Error(failure())),
            region_finished("Trento", RegionResult::Changed, 3),
            region_finished("Lannion", RegionResult::Failed, 0),
            run_finished(1),
        ];
        assert_eq!(events[1].region, Some(region("Trento")));
        insta::assert_snapshot!(looks(|style| {
            let mut text = String::new();
            for event in &events {
                let region = event.region.as_ref();
                for line in messages::lines(&event.kind, region, Mode::Sync) {
                    text += &format(region, &line, style);
                    text.push('\n');
                }
            }
            text
        }));
    }
}
