//! Pieces of text for people: names and messages on one line, numbers, durations, rates.
//!
//! Every sink and every format of this module builds its lines from these; they know no other module.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::model::{ByteSize, is_hidden, redact_urls};

/// Shows foreign text (names, a server's message) on one line that cannot pass for another.
///
/// Line breaks, control characters and characters that reorder or hide text are written as
/// `\n`, `\t` or `\u{202e}`; users and passwords in URLs are hidden; everything else, emoji included,
/// stays.
#[derive(Debug, Clone, Copy)]
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = redact_urls(self.0);
        // Most names are plain: written at once.
        if !text.contains(is_hidden) {
            return f.write_str(&text);
        }
        for c in text.chars() {
            if is_hidden(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// A document of JSON as it may be shown: users and passwords in the URLs of its strings are hidden,
/// and hidden characters are written as `\\u202e`, which JSON reads as the same; those of an
/// indented document's own line breaks stay.
pub(super) fn visible_json(json: String) -> String {
    let json = redact_json(json);
    let is_hidden = |c: char| c != '\n' && is_hidden(c);
    if !json.contains(is_hidden) {
        return json;
    }
    let mut visible = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string never fails.
                let _ = write!(visible, "\\u{unit:04x}");
            }
        } else {
            visible.push(c);
        }
    }
    visible
}

/// Hides users and passwords in the URLs of a document's strings.
fn redact_json(json: String) -> String {
    if !json.contains("://") {
        return json;
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some((before, string, after)) = next_string(rest) {
        clean.push_str(before);
        let read = string.contains("://").then(|| serde_json::from_str(string));
        match read {
            Some(Ok(text)) => {
                let text: String = text;
                clean += &serde_json::Value::from(redact_urls(&text)).to_string();
            }
            _ => clean.push_str(string),
        }
        rest = after;
    }
    clean + rest
}

/// What is before the next string of a document, the string with its quotes, and what is after it.
fn next_string(json: &str) -> Option<(&str, &str, &str)> {
    let start = json.find('"')?;
    let mut end = start + 1;
    loop {
        end += json.get(end..)?.find(['"', '\\'])?;
        if json.as_bytes()[end] == b'"' {
            break;
        }
        // What is escaped is no end; both characters are ASCII.
        end += 2;
    }
    let (before, rest) = json.split_at(start);
    let (string, after) = rest.split_at(end + 1 - start);
    Some((before, string, after))
}

/// Lines of text, each as [`OneLine`] shows it.
pub(super) fn visible_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| OneLine(line).to_string())
        .collect();
    lines.join("\n")
}

/// The name of a region, as it begins a line that is about it. That of a target as a whole ends in its
/// colon already.
pub(super) fn before(region: &str) -> String {
    let colon = if region.ends_with(':') { "" } else { ":" };
    format!("{}{colon}", OneLine(region))
}

/// `1 image`, `1,984 images`.
pub(super) fn count(number: usize, singular: &str) -> String {
    if number == 1 {
        format!("1 {singular}")
    } else {
        format!("{} {singular}s", thousands(number))
    }
}

/// `1,984`: a number that is read at a glance.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `a, b, c and 1,980 more`: as many of the names as `most`, and how many more there are.
pub(super) fn listed(
    names: impl ExactSizeIterator<Item = impl fmt::Display>,
    most: usize,
) -> String {
    let more = names.len().saturating_sub(most);
    let shown: Vec<String> = names.take(most).map(|name| name.to_string()).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), thousands(more)),
    }
}

/// A time that has passed: `0.42 s`, `12.3 s`, `3 min 5 s`, `2 h 4 min`.
pub(super) fn seconds(seconds: f64) -> String {
    let seconds = if seconds.is_finite() {
        seconds.max(0.0)
    } else {
        0.0
    };
    if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = Duration::try_from_secs_f64(seconds.round())
            .unwrap_or(Duration::MAX)
            .as_secs();
        if whole < 3600 {
            format!("{} min {} s", whole / 60, whole % 60)
        } else {
            format!("{} h {} min", whole / 3600, whole % 3600 / 60)
        }
    }
}

/// Bytes a second, as a size: `41.2 MiB/s`; nothing where the time is too short to tell.
pub(super) fn rate(bytes: u64, seconds: f64) -> Option<String> {
    (seconds >= 0.001 && bytes > 0).then(|| {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for people, printed with one decimal; the cast saturates"
        )]
        let per_second = (bytes as f64 / seconds) as u64;
        format!("{}/s", ByteSize(per_second))
    })
}

/// The text, or as much of its two ends as fits `width` columns, with `…` between them: names of
/// images differ at either end.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if console::measure_text_width(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let end_width = room / 2;
    let start: String = fitting(text.chars(), room - end_width);
    let end: String = fitting(text.chars().rev(), end_width);
    let end: String = end.chars().rev().collect();
    format!("{start}…{end}")
}

fn fitting(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    let mut buffer = [0; 4];
    chars
        .take_while(|c| {
            used += console::measure_text_width(c.encode_utf8(&mut buffer));
            used <= width
        })
        .collect()
}

/// The text with spaces behind it up to `width` columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(console::measure_text_width(text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_its_line() {
        for (text, shown) in [
            ("plain \u{1f600} \u{e9}", "plain \u{1f600} \u{e9}"),
            ("a\nb\r\t\0", r"a\nb\r\t\u{0}"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("\u{202e}gpj.exe", r"\u{202e}gpj.exe"),
            ("\u{9b}1m\u{85}\u{2028}", r"\u{9b}1m\u{85}\u{2028}"),
            ("zero\u{200b}width\u{feff}", r"zero\u{200b}width\u{feff}"),
        ] {
            assert_eq!(OneLine(text).to_string(), shown);
        }
    }

    #[test]
    fn json_hides_nothing_and_says_the_same() {
        let text = "a\u{202e}b\u{e0041}c\u{7f}\u{85}\n\u{1f600}";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let visible = visible_json(json);
        assert_eq!(
            visible,
            "[\n  \"a\\u202eb\\udb40\\udc41c\\u007f\\u0085\\n\u{1f600}\"\n]"
        );
        assert_eq!(
            serde_json::from_str::<[String; 1]>(&visible).unwrap(),
            [text]
        );
    }

    #[test]
    fn nothing_that_is_shown_has_a_password_of_a_url() {
        let value = "http://u:p\"w\\@h/x and http://1:2\u{202e}3@h";
        assert_eq!(
            OneLine("http://u:s3cret@h/x\n").to_string(),
            "http://***@h/x\\n"
        );
        assert_eq!(visible_lines("a://u:p@h\nb\x1b"), "a://***@h\nb\\u{1b}");
        let document = serde_json::json!({ value: [value, "plain", "c://d"], "\\": "\"://@" });
        let shown = visible_json(serde_json::to_string_pretty(&document).unwrap());
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let clean = "http://***@h/x and http://***@h";
        assert_eq!(
            shown,
            serde_json::json!({ clean: [clean, "plain", "c://d"], "\\": "\"://***@" })
        );
    }

    #[test]
    fn durations_read_well_at_every_length() {
        for (value, text) in [
            (0.0, "0.00 s"),
            (0.4249, "0.42 s"),
            (9.999, "10.0 s"),
            (59.94, "59.9 s"),
            (59.96, "1 min 0 s"),
            (185.2, "3 min 5 s"),
            (7440.0, "2 h 4 min"),
            (f64::NAN, "0.00 s"),
            (-1.0, "0.00 s"),
        ] {
            assert_eq!(seconds(value), text, "{value}");
        }
    }

    #[test]
    fn numbers_and_lists_read_at_a_glance() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1984, "1,984"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(listed(["a", "b"].iter(), 2), "a, b");
        assert_eq!(listed(["a", "b", "c"].iter(), 2), "a, b and 1 more");
    }

    #[test]
    fn a_long_text_keeps_its_ends() {
        assert_eq!(shorten("ubuntu-24.04-server", 30), "ubuntu-24.04-server");
        assert_eq!(shorten("ubuntu-24.04-server", 9), "ubun…rver");
        assert_eq!(shorten("ubuntu", 1), "…");
        assert_eq!(shorten("ubuntu", 0), "");
        let wide = "\u{65e5}\u{672c}\u{8a9e}".repeat(10);
        for width in 0..30 {
            assert!(console::measure_text_width(&shorten(&wide, width)) <= width);
        }
        assert_eq!(pad("\u{65e5}", 4), "\u{65e5}  ");
    }

    #[test]
    fn a_rate_needs_bytes_and_time() {
        assert_eq!(rate(1 << 21, 2.0).as_deref(), Some("1.0 MiB/s"));
        assert_eq!(rate(1 << 21, 0.0), None);
        assert_eq!(rate(0, 2.0), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_one_visible_line_of_json_that_reads_the_same(text in "\\PC{0,8}(.|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{ad}\u{200b}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{e0001}]){0,12}") {
            let json = visible_json(serde_json::json!({ "x": text }).to_string());
            proptest::prop_assert!(!json.contains(is_hidden), "{json:?}");
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            proptest::prop_assert_eq!(read["x"].as_str(), Some(text.as_str()));
        }
    }
}
