//! What is said where no run begins: why it does not, and what should be looked at.

use super::messages::warning_text;
use super::ndjson::Ndjson;
use super::style::Style;
use super::terminal::{LogFormat, Terminal, Verbosity};
use super::text::visible_lines;
use crate::event::{Event, EventKind, Failure};
use crate::model::Warning;

/// Says on standard error why a run does not begin: everything that is wrong at once, each in as many
/// lines as it needs, or one event each.
pub fn tell_errors(terminal: &Terminal, failures: &[Failure]) {
    match terminal.log_format() {
        LogFormat::Json => {
            let mut ndjson = Ndjson::new(terminal.clone());
            for failure in failures {
                ndjson.event(&Event::now(None, EventKind::Error(failure.clone())));
            }
        }
        LogFormat::Text => terminal.write(error_text(failures, terminal.style())),
    }
}

/// Says on standard error what should be looked at although no run begins.
pub fn tell_warnings(terminal: &Terminal, warnings: &[Warning]) {
    match terminal.log_format() {
        LogFormat::Json => {
            let mut ndjson = Ndjson::new(terminal.clone());
            for warning in warnings {
                ndjson.event(&Event::now(None, EventKind::Warning(warning.clone())));
            }
        }
        LogFormat::Text if terminal.verbosity() == Verbosity::Quiet => {}
        LogFormat::Text => {
            let label = terminal.paint().yellow("warning:");
            for warning in warnings {
                let line = format!("{label} {}\n", warning_text(warning));
                terminal.write(terminal.style().wrapped(&line, 4));
            }
        }
    }
}

fn error_text(failures: &[Failure], style: Style) -> String {
    let paint = style.paint;
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
    style.wrapped(&lines.concat(), 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ErrorCode;
    use crate::report::looks::looks;

    fn failure(message: &str) -> Failure {
        Failure {
            code: ErrorCode::ConfigInvalid,
            message: message.to_owned(),
            hint: "Correct it.".to_owned(),
            image: None,
            action: None,
            differs: Vec::new(),
        }
    }

    #[test]
    fn several_errors_share_their_hint() {
        let failures = [
            failure("one\ntwo lines"),
            failure("another, which is so long that it does not fit a narrow screen"),
        ];
        insta::assert_snapshot!(looks(|style| error_text(&failures, style)));
    }
}
