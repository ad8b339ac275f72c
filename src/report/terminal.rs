//! Standard error, shared by everything that writes there: lines, bars, NDJSON and tracing.
//!
//! One handle, cloned into the reporter and into the writer of tracing. Where bars are drawn a line is
//! written above them, so that nothing is written into a bar.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::color_choice::ColorChoice;
use super::log_record::LogRecord;
use super::progress::Bars;
use super::run_id::RunId;
use super::style::{Paint, Style};
use crate::host::locked;
use crate::model::{RegionName, redact_urls};

/// What messages and events look like on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people, and bars on a terminal.
    #[default]
    Text,
    /// One event object a line, and nothing else.
    Json,
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors alone.
    Quiet,
    /// What changes, warnings and errors.
    #[default]
    Normal,
    /// Every step.
    Verbose,
    /// Every step, and every request.
    Requests,
    /// Everything, what is inside the HTTP client included.
    Debug,
}

impl Verbosity {
    /// Of the number of `-v`, and `-q`, which wins.
    pub fn from_flags(verbose: u8, quiet: bool) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (false, 0) => Self::Normal,
            (false, 1) => Self::Verbose,
            (false, 2) => Self::Requests,
            (false, _) => Self::Debug,
        }
    }
}

/// Columns for what is laid out on standard output: those of its terminal, else of `COLUMNS`, else of
/// the terminal that messages go to (what is piped is mostly looked at there, as in `| less`), else 80.
pub fn stdout_width() -> usize {
    let columns = |terminal: &console::Term| Some(usize::from(terminal.size_checked()?.1));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    columns(&console::Term::stdout())
        .or_else(said)
        .or_else(|| columns(&console::Term::stderr()))
        .unwrap_or(80)
}

/// What the command line says about standard error.
#[derive(Debug, Clone, Copy, Default)]
pub struct TerminalOptions {
    /// `--log-format`.
    pub log_format: LogFormat,
    /// `--color`.
    pub color: ColorChoice,
    /// `-v`, `-q`.
    pub verbosity: Verbosity,
    /// `--no-progress`.
    pub no_progress: bool,
}

/// Standard error; clones share it.
#[derive(Clone)]
pub struct Terminal {
    inner: Arc<Inner>,
}

struct Inner {
    run_id: RunId,
    log_format: LogFormat,
    verbosity: Verbosity,
    paint: Paint,
    is_terminal: bool,
    screen: console::Term,
    bars: Option<ProgressBar>,
    out: Arc<Mutex<Out>>,
}

struct Out {
    writer: Box<dyn Write + Send>,
    bars: Bars,
}

impl Terminal {
    /// Standard error of this process. Bars are drawn on a terminal that can move its cursor,
    /// unless they were turned off, or are drowned by `-q`, or would spoil NDJSON.
    pub fn stderr(options: TerminalOptions) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let with_bars = is_terminal
            && !is_dumb
            && !options.no_progress
            && options.log_format == LogFormat::Text
            && options.verbosity != Verbosity::Quiet;
        let run_id = RunId::of_this_process();
        Self::new(
            options,
            run_id,
            is_terminal,
            with_bars,
            Box::new(io::stderr()),
        )
    }

    #[cfg(test)]
    /// Another writer in place of standard error, without bars: for tests and embedders.
    pub(crate) fn to_writer(options: TerminalOptions, out: Box<dyn Write + Send>) -> Self {
        Self::new(options, RunId::of_tests(), false, false, out)
    }

    fn new(
        options: TerminalOptions,
        run_id: RunId,
        is_terminal: bool,
        has_bars: bool,
        writer: Box<dyn Write + Send>,
    ) -> Self {
        let out = Arc::new(Mutex::new(Out {
            writer,
            bars: Bars::default(),
        }));
        let foot = || StatusArea {
            screen: console::Term::stderr(),
            lines: Mutex::default(),
            out: Arc::clone(&out),
        };
        let bars = has_bars.then(|| {
            let target = ProgressDrawTarget::term_like(Box::new(foot()));
            ProgressBar::with_draw_target(None, target)
                // The template is constant, and a wrong one would only cost the bars.
                .with_style(
                    ProgressStyle::with_template("{msg}")
                        .unwrap_or_else(|_| ProgressStyle::default_bar()),
                )
        });
        Self {
            inner: Arc::new(Inner {
                run_id,
                log_format: options.log_format,
                verbosity: options.verbosity,
                paint: options
                    .color
                    .resolve(is_terminal, |name| std::env::var_os(name)),
                is_terminal,
                screen: console::Term::stderr(),
                bars,
                out,
            }),
        }
    }

    /// The run whose messages are written here.
    pub(super) fn run_id(&self) -> RunId {
        self.inner.run_id
    }

    /// Text or NDJSON.
    pub fn log_format(&self) -> LogFormat {
        self.inner.log_format
    }

    /// How much is said.
    pub fn verbosity(&self) -> Verbosity {
        self.inner.verbosity
    }

    /// Its colours.
    pub fn paint(&self) -> Paint {
        self.inner.paint
    }

    /// Its colours, and its width where it is a terminal.
    pub fn style(&self) -> Style {
        Style {
            paint: self.paint(),
            width: self.inner.is_terminal.then(|| self.size().0),
        }
    }

    /// True where bars are drawn.
    pub fn has_bars(&self) -> bool {
        self.inner.bars.is_some()
    }

    /// Writes whole lines at once, above the bars. An error is swallowed: where standard error is
    /// closed there is nobody left to tell.
    pub fn write(&self, text: impl AsRef<[u8]>) {
        let width = if self.has_bars() { self.size().0 } else { 0 };
        let mut out = locked(&self.inner.out);
        let bytes = out.bars.above(text.as_ref(), width);
        out.put(&bytes);
    }

    /// Says something to whoever looks at the program, as a `log` event where that is a program too;
    /// nothing with `-q`.
    pub fn say(&self, text: &str) {
        self.say_of(None, text);
    }

    /// The same, about a region.
    pub(super) fn say_of(&self, region: Option<&RegionName>, text: &str) {
        if self.verbosity() == Verbosity::Quiet {
            return;
        }
        let text = redact_urls(text.trim_end_matches('\n'));
        match self.log_format() {
            LogFormat::Text => self.write(format!("{text}\n")),
            LogFormat::Json => self.write(LogRecord::said(self.run_id(), &text, region).line()),
        }
    }

    /// Replaces the bars by these lines, each of which must fit the width.
    pub(super) fn draw(&self, lines: &[String]) {
        if let Some(bars) = &self.inner.bars {
            bars.set_message(lines.join("\n"));
        }
    }

    /// Columns and rows of the screen as it is now; 80 and 24 where nothing tells.
    pub(super) fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.inner.screen.size();
        (usize::from(columns), usize::from(rows))
    }

    /// Takes the bars off the screen for good. Whoever ends the process without the reporter's
    /// `Finish` calls this first.
    pub fn clear(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        if let Some(bars) = &self.bars {
            bars.finish_and_clear();
            let mut out = locked(&self.out);
            let text = out.bars.close(usize::from(self.screen.size().1));
            out.put(text.as_bytes());
        }
    }
}

impl Out {
    fn put(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let _ = self
                .writer
                .write_all(bytes)
                .and_then(|()| self.writer.flush());
        }
    }
}

/// What indicatif draws on: it takes the lines, and leaves their place to [`Bars`].
struct StatusArea {
    screen: console::Term,
    lines: Mutex<Vec<String>>,
    out: Arc<Mutex<Out>>,
}

impl fmt::Debug for StatusArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusArea").finish_non_exhaustive()
    }
}

impl TermLike for StatusArea {
    fn width(&self) -> u16 {
        self.screen.size().1
    }

    fn height(&self) -> u16 {
        self.screen.size().0
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(line)
    }

    /// A line, or what indicatif fills its row up with.
    fn write_str(&self, line: &str) -> io::Result<()> {
        if !line.trim().is_empty() {
            locked(&self.lines).push(line.to_owned());
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let lines = std::mem::take(&mut *locked(&self.lines));
        let mut out = locked(&self.out);
        let text = out.bars.draw(&lines, self.width().into());
        out.put(text.as_bytes());
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    pub(in crate::report) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(in crate::report) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        pub(in crate::report) fn terminal(&self, options: TerminalOptions) -> Terminal {
            Terminal::to_writer(options, Box::new(self.clone()))
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn quiet_wins() {
        assert_eq!(Verbosity::from_flags(3, true), Verbosity::Quiet);
        assert_eq!(Verbosity::from_flags(0, false), Verbosity::Normal);
        assert_eq!(Verbosity::from_flags(1, false), Verbosity::Verbose);
        assert_eq!(Verbosity::from_flags(2, false), Verbosity::Requests);
        assert_eq!(Verbosity::from_flags(9, false), Verbosity::Debug);
    }
}
