//! Lines at the foot of a terminal that are drawn again and again, in place. Pure: gives what has to be
//! written; the terminal writes it at once.
//!
//! The cursor always stands at the start of the row below them. There a `^C` that the terminal echoes
//! moves nothing; at the end of a full row, where indicatif leaves it, it would be a row further down,
//! and what is drawn next would leave a line behind.

use std::fmt::Write as _;

/// Terminals that know it show everything between the two at once; the others pass it over.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// What stands on the screen.
#[derive(Debug, Default)]
pub(in crate::report) struct Bars {
    lines: Vec<String>,
    /// Nothing is drawn any more.
    closed: bool,
}

impl Bars {
    /// Replaces the lines by others, on a screen of so many columns.
    pub(in crate::report) fn draw(&mut self, lines: &[String], width: usize) -> String {
        if self.closed {
            return String::new();
        }
        let mut text = String::from(BEGIN);
        self.up(&mut text, width);
        self.lines = lines
            .iter()
            .map(|line| line.trim_end().to_owned())
            .collect();
        self.print(&mut text);
        text + END
    }

    /// Writes whole lines above them.
    pub(in crate::report) fn above(&self, written: &[u8], width: usize) -> Vec<u8> {
        if self.lines.is_empty() {
            return written.to_vec();
        }
        let mut before = String::from(BEGIN);
        self.up(&mut before, width);
        before.push_str("\x1b[J");
        let mut after = String::new();
        self.print(&mut after);
        after.push_str(END);
        [before.as_bytes(), written, after.as_bytes()].concat()
    }

    /// Takes them off the screen for good.
    pub(in crate::report) fn close(&mut self, width: usize) -> String {
        self.closed = true;
        if self.lines.is_empty() {
            return String::new();
        }
        let mut text = String::new();
        self.up(&mut text, width);
        self.lines.clear();
        text + "\x1b[J"
    }

    /// Moves to the start of the first of them. On a screen that was made narrower each may take
    /// several rows by now.
    fn up(&self, text: &mut String, width: usize) {
        let rows: usize = self
            .lines
            .iter()
            .map(|line| {
                console::measure_text_width(line)
                    .div_ceil(width.max(1))
                    .max(1)
            })
            .sum();
        text.push('\r');
        if rows > 0 {
            // Writing to a string never fails.
            let _ = write!(text, "\x1b[{rows}A");
        }
    }

    fn print(&self, text: &mut String) {
        for line in &self.lines {
            // To the end of the row, so that nothing of a longer line stays.
            let _ = writeln!(text, "{line}\x1b[K");
        }
        text.push_str("\x1b[J");
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::*;

    const WIDTH: u16 = 40;

    fn rows(number: u16) -> NonZero<u16> {
        NonZero::new(number).unwrap()
    }

    struct Screen {
        parser: vt100::Parser,
        bars: Bars,
    }

    impl Screen {
        fn new() -> Self {
            Self {
                parser: vt100::Parser::new(rows(10), rows(WIDTH), 100),
                bars: Bars::default(),
            }
        }

        /// As a terminal does it: a line feed is a new line.
        fn show(&mut self, bytes: &[u8]) {
            let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
            self.parser.process(text.as_bytes());
        }

        fn draw(&mut self, lines: &[&str]) {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let text = self.bars.draw(&lines, WIDTH.into());
            self.show(text.as_bytes());
        }

        fn write(&mut self, text: &str) {
            let bytes = self.bars.above(text.as_bytes(), WIDTH.into());
            self.show(&bytes);
        }

        fn close(&mut self) {
            let text = self.bars.close(WIDTH.into());
            self.show(text.as_bytes());
        }

        fn rows(&self) -> Vec<String> {
            let rows = self.parser.screen().rows(0, WIDTH);
            let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
            while rows.last().is_some_and(String::is_empty) {
                rows.pop();
            }
            rows
        }
    }

    #[test]
    fn lines_are_replaced_and_what_is_written_stands_above_them() {
        let mut screen = Screen::new();
        screen.write("before\n");
        screen.draw(&["a long first line", "second"]);
        screen.write("between\n");
        assert_eq!(
            screen.rows(),
            ["before", "between", "a long first line", "second"]
        );
        screen.draw(&["first"]);
        assert_eq!(screen.rows(), ["before", "between", "first"]);
        screen.close();
        screen.write("after\n");
        screen.draw(&["never"]);
        assert_eq!(screen.rows(), ["before", "between", "after"]);
    }

    #[test]
    fn at_the_foot_of_the_screen_nothing_is_lost_and_nothing_stays() {
        let mut screen = Screen::new();
        for number in 0..30 {
            screen.write(&format!("line {number}\n"));
            screen.draw(&["one", "two", "three"]);
        }
        let rows = screen.rows();
        assert_eq!(
            rows[5..],
            ["line 29", "one", "two", "three"][..],
            "{rows:?}"
        );
        screen.close();
        assert_eq!(screen.rows().last().unwrap(), "line 29");
        assert!(!screen.rows().contains(&"one".to_owned()));
    }

    #[test]
    fn an_echoed_interrupt_leaves_no_scraps() {
        let full = "x".repeat(usize::from(WIDTH) - 1);
        let mut screen = Screen::new();
        screen.draw(&["first", &full]);
        screen.show(b"^C");
        screen.write("stopping\n");
        assert_eq!(screen.rows(), ["stopping", "first", &full]);
        screen.show(b"^C");
        screen.close();
        assert_eq!(screen.rows(), ["stopping"]);
    }

    #[test]
    fn a_narrower_screen_is_reckoned_with() {
        let mut bars = Bars::default();
        bars.draw(&["x".repeat(39), "y".repeat(10)], 40);
        assert!(bars.draw(&[], 20).contains("\x1b[3A"));
    }
}
