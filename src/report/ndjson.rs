//! Events for machines: one JSON object a line on standard error, complete whatever `-v` and `-q`
//! say.

use super::terminal::Terminal;
use super::text::visible_json;
use crate::event::Event;

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
        if let Ok(line) = serde_json::to_string(event) {
            let mut line = visible_json(line);
            line.push('\n');
            self.terminal.write(line);
        }
    }
}
