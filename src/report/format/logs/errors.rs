//! What went wrong in a past run, by its record or by the logs of its regions.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use serde::Serialize;

use crate::report::format::json;
use crate::report::past_log::{LogLevel, LogLine};
use crate::report::style::Style;
use crate::report::text::{OneLine, before};
use crate::state::PastError;

/// Writes what went wrong in a run.
pub fn errors_text<'a, Z: TimeZone>(
    out: &mut impl Write,
    errors: impl IntoIterator<Item = &'a PastError>,
    zone: &Z,
    style: Style,
) -> io::Result<()>
where
    Z::Offset: std::fmt::Display,
{
    for error in errors {
        past_error(out, error, zone, style)?;
    }
    Ok(())
}

/// Writes one document: the name of the run, and what went wrong.
pub fn errors_json(out: &mut impl Write, run: &str, errors: &[PastError]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        run: &'a str,
        errors: &'a [PastError],
    }
    json(out, &Document { run, errors })
}

/// The errors that a region's log tells of, for a run without a record.
#[derive(Debug, Default)]
pub struct LoggedErrors(Vec<PastError>);

impl LoggedErrors {
    /// Looks at a line of a region's log.
    pub fn line(&mut self, region: &str, line: &str) {
        let line = LogLine::read(line);
        match line.level {
            LogLevel::Error => {
                let (message, code) = match line.text.rsplit_once(" [") {
                    Some((message, code)) if code.ends_with(']') => {
                        (message, Some(code.trim_end_matches(']').to_owned()))
                    }
                    _ => (line.text, None),
                };
                self.0.push(PastError {
                    ts: line.time.and_then(|time| time.parse().ok()),
                    region: Some(region.to_owned()),
                    code,
                    message: message.to_owned(),
                    hint: None,
                    image: None,
                    action: None,
                });
            }
            LogLevel::Hint => {
                if let Some(error) = self.0.last_mut() {
                    error.hint = Some(line.text.to_owned());
                }
            }
            LogLevel::Info | LogLevel::Warning => {}
        }
    }

    /// What was found.
    pub fn finish(self) -> Vec<PastError> {
        self.0
    }
}

/// Writes one error, its hint below it.
pub(super) fn past_error<Z: TimeZone>(
    out: &mut impl Write,
    error: &PastError,
    zone: &Z,
    style: Style,
) -> io::Result<()>
where
    Z::Offset: std::fmt::Display,
{
    let paint = style.paint;
    let time = error
        .ts
        .map_or_else(String::new, |ts| format!("{} ", local(ts, zone)));
    let region = error.region.as_deref().map_or_else(String::new, |region| {
        format!("{} ", paint.cyan(before(region)))
    });
    let what = match (&error.action, &error.image) {
        (Some(action), Some(image)) => {
            format!("{} of `{}` failed: ", OneLine(action), OneLine(image))
        }
        _ => String::new(),
    };
    let code = error
        .code
        .as_deref()
        .map_or_else(String::new, |code| format!(" [{}]", OneLine(code)));
    let message = format!("{what}{}{code}", OneLine(&error.message));
    let line = format!("{time}{region}{}", paint.red(message));
    writeln!(out, "{}", style.wrapped(&line, 4))?;
    if let Some(hint) = &error.hint {
        let line = format!("  {} {}", paint.bold("hint:"), OneLine(hint));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
    }
    Ok(())
}

/// The time in that zone, to the second, without the zone that a reader lives in.
pub(super) fn local<Z: TimeZone>(ts: DateTime<Utc>, zone: &Z) -> String
where
    Z::Offset: std::fmt::Display,
{
    let text = ts
        .with_timezone(zone)
        .to_rfc3339_opts(SecondsFormat::Secs, false);
    text.get(..19).unwrap_or(&text).replace('T', " ")
}
