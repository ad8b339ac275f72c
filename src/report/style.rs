//! How text for people is laid out: colours, and where lines are broken.

use std::fmt;

/// Colours for a terminal, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// False: text stays as it is.
    pub enabled: bool,
}

impl Paint {
    /// No colours.
    pub const OFF: Self = Self { enabled: false };

    fn wrap(self, code: &str, text: impl fmt::Display) -> String {
        if self.enabled {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    /// For failures.
    pub fn red(self, text: impl fmt::Display) -> String {
        self.wrap("31", text)
    }

    /// For what is well.
    pub fn green(self, text: impl fmt::Display) -> String {
        self.wrap("32", text)
    }

    /// For warnings and what is pending.
    pub fn yellow(self, text: impl fmt::Display) -> String {
        self.wrap("33", text)
    }

    /// For names of regions.
    pub fn cyan(self, text: impl fmt::Display) -> String {
        self.wrap("36", text)
    }

    /// For what matters most.
    pub fn bold(self, text: impl fmt::Display) -> String {
        self.wrap("1", text)
    }

    /// For what matters least.
    pub fn dim(self, text: impl fmt::Display) -> String {
        self.wrap("2", text)
    }
}

/// How text for people is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Its colours.
    pub paint: Paint,
    /// Columns in which a line has to fit; none where lines stay whole, as in a file or a pipe.
    pub width: Option<usize>,
}

impl Style {
    /// The lines of `text`, broken between words where they do not fit; what a line is continued with
    /// begins `indent` columns further right than the line itself. A word that does not fit stays whole.
    pub fn wrapped(self, text: &str, indent: usize) -> String {
        let Some(width) = self.width else {
            return text.to_owned();
        };
        let lines: Vec<String> = text
            .split('\n')
            .map(|line| broken(line, width, indent))
            .collect();
        lines.join("\n")
    }
}

fn broken(line: &str, width: usize, indent: usize) -> String {
    if console::measure_text_width(line) <= width {
        return line.to_owned();
    }
    let begin = line.len() - line.trim_start_matches(' ').len();
    // On a narrow screen the words need the room.
    let next = " ".repeat((begin + indent).min(width / 2));
    let (mut text, rest) = (line[..begin].to_owned(), &line[begin..]);
    let mut used = begin;
    let mut has_word = false;
    // Spaces within a line, as between columns, go with the word behind them.
    let mut spaces = 0;
    for word in rest.split(' ') {
        if word.is_empty() {
            spaces += 1;
            continue;
        }
        let columns = console::measure_text_width(word);
        if has_word && used + 1 + spaces + columns > width {
            text.push('\n');
            text += &next;
            used = next.len();
        } else if has_word {
            text += &" ".repeat(1 + spaces);
            used += 1 + spaces;
        }
        text += word;
        used += columns;
        (has_word, spaces) = (true, 0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, width: usize, indent: usize) -> String {
        let style = Style {
            paint: Paint::OFF,
            width: Some(width),
        };
        style.wrapped(text, indent)
    }

    #[test]
    fn colours_are_only_there_when_asked_for() {
        assert_eq!(Paint::OFF.red("x"), "x");
        assert_eq!(Paint { enabled: true }.red("x"), "\u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("  one two three", 9, 2), "  one two\n    three");
        assert_eq!(wrapped("  a    b  c", 80, 2), "  a    b  c");
        assert_eq!(wrapped("a    b  c", 6, 0), "a    b\nc");
        assert_eq!(wrapped("one\ntwo three", 5, 1), "one\ntwo\n three");
        assert_eq!(wrapped("a verylongword b", 4, 0), "a\nverylongword\nb");
        let red = Paint { enabled: true }.red("two");
        assert_eq!(
            wrapped(&format!("one {red} x"), 7, 0),
            format!("one {red}\nx")
        );
    }
}
