//! The lines of a region's log.

use std::io::{self, Write};

use crate::report::past_log::{LogLevel, LogLine};
use crate::report::style::Paint;
use crate::report::text::{OneLine, before, visible_json};

/// Writes a line of a log as it stands, safe for a terminal; before it the region, where several are
/// mixed.
pub fn log_line(
    out: &mut impl Write,
    region: Option<&str>,
    line: &str,
    paint: Paint,
) -> io::Result<()> {
    if let Some(region) = region {
        write!(out, "{} ", paint.cyan(before(region)))?;
    }
    if !paint.enabled {
        return writeln!(out, "{}", OneLine(line));
    }
    let shown = OneLine(line);
    let text = match LogLine::read(line).level {
        LogLevel::Error => paint.red(shown),
        LogLevel::Warning => paint.yellow(shown),
        LogLevel::Info | LogLevel::Hint => shown.to_string(),
    };
    writeln!(out, "{text}")
}

/// Writes the lines of a log as one document, however many there are.
pub struct LogDocument<W: Write> {
    out: W,
    has_line: bool,
}

impl<W: Write> LogDocument<W> {
    /// Begins the document.
    pub fn begin(mut out: W, run: &str, region: &str) -> io::Result<Self> {
        let (run, region) = (serde_json::to_string(run)?, serde_json::to_string(region)?);
        let begun = format!("{{\n  \"run\": {run},\n  \"region\": {region},\n  \"lines\": [");
        out.write_all(visible_json(begun).as_bytes())?;
        let has_line = false;
        Ok(Self { out, has_line })
    }

    /// Adds a line.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        let comma = if self.has_line { "," } else { "" };
        self.has_line = true;
        let line = serde_json::to_string(&LogLine::read(line))?;
        let line = visible_json(line);
        write!(self.out, "{comma}\n    {line}")
    }

    /// Ends the document.
    pub fn end(mut self) -> io::Result<()> {
        let end = if self.has_line { "\n  " } else { "" };
        writeln!(self.out, "{end}]\n}}")
    }
}
