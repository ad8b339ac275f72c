//! What is said outside a run's events: why it does not begin, and what a signal does to it.

use super::messages::warning_text;
use super::ndjson::Ndjson;
use super::terminal::{LogFormat, Terminal, Verbosity};
use super::text::visible_lines;
use crate::event::{Event, EventKind, Failure};
use crate::model::{Warning, redact_urls};

impl Terminal {
    /// Says something to the person at the terminal; nothing where the messages are for machines.
    pub fn say(&self, text: &str) {
        if self.log_format() == LogFormat::Text && self.verbosity() > Verbosity::Quiet {
            self.write(format!("{}\n", redact_urls(text.trim_end_matches('\n'))));
        }
    }

    /// Says why a run does not begin: everything that is wrong at once, each in as many lines as it
    /// needs, or one event each.
    pub fn errors(&self, failures: &[Failure]) {
        match self.log_format() {
            LogFormat::Json => {
                let mut ndjson = Ndjson::new(self.clone());
                for failure in failures {
                    ndjson.event(&Event::now(None, EventKind::Error(failure.clone())));
                }
            }
            LogFormat::Text => self.write(self.error_text(failures)),
        }
    }

    /// Says what should be looked at although no run begins.
    pub fn warnings(&self, warnings: &[Warning]) {
        match self.log_format() {
            LogFormat::Json => {
                let mut ndjson = Ndjson::new(self.clone());
                for warning in warnings {
                    ndjson.event(&Event::now(None, EventKind::Warning(warning.clone())));
                }
            }
            LogFormat::Text if self.verbosity() == Verbosity::Quiet => {}
            LogFormat::Text => {
                let label = self.paint().yellow("warning:");
                for warning in warnings {
                    self.write(format!("{label} {}\n", warning_text(warning)));
                }
            }
        }
    }

    fn error_text(&self, failures: &[Failure]) -> String {
        let paint = self.paint();
        let mut lines = Vec::new();
        let mut failures = failures.iter().peekable();
        while let Some(failure) = failures.next() {
            let message = visible_lines(&failure.message).replace('\n', "\n  ");
            lines.push(format!("{} {message}\n", paint.red("error:")));
            // What several errors have in common is said once.
            let next_hint = failures.peek().map(|next| &next.hint);
            if !failure.hint.is_empty() && next_hint != Some(&failure.hint) {
                lines.push(format!(
                    "{} {}\n",
                    paint.dim("hint:"),
                    visible_lines(&failure.hint)
                ));
            }
        }
        lines.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ErrorCode;
    use crate::report::TerminalOptions;

    fn failure(message: &str) -> Failure {
        Failure {
            code: ErrorCode::ConfigInvalid,
            message: message.to_owned(),
            hint: "Correct it.".to_owned(),
            image: None,
            action: None,
        }
    }

    #[test]
    fn several_errors_share_their_hint() {
        let terminal = Terminal::to_writer(TerminalOptions::default(), Box::new(Vec::new()));
        let text = terminal.error_text(&[failure("one\ntwo lines"), failure("another")]);
        insta::assert_snapshot!(text, @r"
        error: one
          two lines
        error: another
        hint: Correct it.
        ");
    }
}
