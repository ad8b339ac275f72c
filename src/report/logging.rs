//! tracing on standard error: through the reporter's terminal, so that a line never lands in a bar,
//! and as NDJSON where that was asked for.

use std::fmt;
use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::TryInitError;

use super::log_record::LogRecord;
use super::run_id::RunId;
use super::terminal::{LogFormat, Terminal, Verbosity};
use crate::model::redact_urls;

/// Sends tracing to `terminal`, in its format. Shown are: with `-q` errors, by default warnings,
/// with `-v` also this program's debug messages, with `-vv` a line for each request, with `-vvv` its
/// traces and what is inside the HTTP client.
///
/// # Errors
///
/// Tracing was set up before.
pub fn init_tracing(terminal: &Terminal) -> Result<(), TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives(terminal.verbosity())))
        .with_writer(TerminalWriter(terminal.clone()))
        .with_ansi(terminal.paint().enabled);
    match terminal.log_format() {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder
            .event_format(JsonLine(terminal.run_id()))
            .finish()
            .try_init(),
    }
}

fn directives(verbosity: Verbosity) -> &'static str {
    match verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "warn",
        Verbosity::Verbose => "warn,glancesync=debug,glancesync::http=warn",
        Verbosity::Requests => "warn,glancesync=debug",
        Verbosity::Debug => "warn,glancesync=trace,hyper=debug,hyper_util=trace,reqwest=debug",
    }
}

/// Writes to a [`Terminal`] what comes in one piece, as one message of tracing does.
#[derive(Clone)]
struct TerminalWriter(Terminal);

impl MakeWriter<'_> for TerminalWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for TerminalWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .write(redact_urls(&String::from_utf8_lossy(bytes)).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A message of tracing as one object a line, beside the public events.
struct JsonLine(RunId);

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = level(*event.metadata().level());
        let target = event.metadata().target();
        let record = LogRecord::traced(self.0, level, &fields.message, target, fields.others);
        writer.write_str(&record.line())
    }
}

/// The words of the public events, and two for what they do not have.
fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.insert(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.insert(field, value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terminal::TerminalOptions;
    use crate::report::terminal::tests::Kept;

    #[test]
    fn a_message_of_tracing_is_one_object_on_one_line() {
        let kept = Kept::default();
        let terminal = kept.terminal(TerminalOptions {
            log_format: LogFormat::Json,
            ..TerminalOptions::default()
        });
        let subscriber = tracing_subscriber::fmt()
            .with_writer(TerminalWriter(terminal))
            .event_format(JsonLine(RunId::of_tests()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(tries = 3, url = "http://x/", "it was\nslow");
        });
        let text = kept.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value["ts"] = "now".into();
        insta::assert_snapshot!(value, @r#"{"event":"log","fields":{"tries":3,"url":"http://x/"},"level":"warning","message":"it was\nslow","run_id":"00000000-0000-0000-0000-00005e1fc0de","target":"glancesync::report::logging::tests","ts":"now"}"#);
    }
}
