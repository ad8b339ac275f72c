//! Events for machines: one JSON object a line on standard error, complete whatever `-v` and `-q`
//! say.

use serde::Serialize;

use super::lines::is_shown;
use super::messages::Line;
use super::run_id::RunId;
use super::terminal::Terminal;
use super::text::visible_json;
use crate::event::Event;
use crate::model::RegionName;

/// Writes events as NDJSON to a terminal.
pub(super) struct Ndjson {
    terminal: Terminal,
}

impl Ndjson {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self { terminal }
    }

    pub(super) fn event(&mut self, event: &Event) {
        // An event has string keys and finite numbers only; there is nothing that could not be
        // written, and a run must not end for its log.
        if let Ok(line) = event_line(event, self.terminal.run_id()) {
            self.terminal.write(line);
        }
    }

    /// The lines that no event says, where they are asked for.
    pub(super) fn write(&self, region: Option<&RegionName>, lines: &[Line]) {
        for line in lines.iter().filter(|line| is_shown(line, &self.terminal)) {
            self.terminal.say_of(region, &line.text);
        }
    }
}

/// An event of that run as one line, with its end.
pub(super) fn event_line(event: &Event, run_id: RunId) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(flatten)]
        event: &'a Event,
        run_id: RunId,
    }
    let mut line = visible_json(serde_json::to_string(&Line { event, run_id })?);
    line.push('\n');
    Ok(line)
}
