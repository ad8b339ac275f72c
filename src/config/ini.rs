//! The INI dialect: from the text of a file to sections with keys.
//!
//! `logical_lines` makes one line of every section and every key, as Python's `configparser` sees them;
//! rust-ini splits those; around it is what it does not know: line numbers, keys without regard to
//! case, sections and keys that occur again. Nothing here knows what a key means; `layers` takes
//! the result.

mod logical_lines;

use std::fmt::Write;

use ini::{Ini, ParseOption};

pub use logical_lines::Piece;
pub(super) use logical_lines::is_space;
use logical_lines::{DialectError, Logical, logical_lines};

/// A file, in its own order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IniFile {
    /// Each section once, in the order of their first headers.
    pub sections: Vec<IniSection>,
}

/// A section, with the keys of all its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IniSection {
    /// The name, as it is written.
    pub name: String,
    /// The line of its first header.
    pub line: usize,
    /// Every entry in the order of the file; keys may repeat.
    pub entries: Vec<IniEntry>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IniEntry {
    /// The key, in lower case.
    pub key: String,
    /// The value, joined to one line; empty where the key is set to nothing.
    pub value: String,
    /// The line of the key.
    pub line: usize,
    /// Which lines of the file the value is joined from.
    pub pieces: Vec<Piece>,
}

/// Why a text is not a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct IniError {
    /// The line that is wrong, from 1.
    pub line: usize,
    /// What is wrong, and what to write.
    pub problem: String,
}

/// Reads the text of a file.
///
/// # Errors
///
/// All lines that are neither comment, section, key nor the rest of a value.
pub fn parse(text: &str) -> Result<IniFile, Vec<IniError>> {
    let (file, errors) = read(text);
    if errors.is_empty() {
        Ok(file)
    } else {
        Err(errors)
    }
}

/// Reads what can be read of the text of a file, and gives all lines that are neither comment, section,
/// key nor the rest of a value.
pub fn read(text: &str) -> (IniFile, Vec<IniError>) {
    let (logical, errors) = logical_lines(text);
    let mut errors: Vec<IniError> = errors
        .into_iter()
        .map(|(line, error): (usize, DialectError)| IniError {
            line,
            problem: error.to_string(),
        })
        .collect();
    let file = split(logical).unwrap_or_else(|error| {
        errors.push(error);
        IniFile::default()
    });
    (file, errors)
}

/// Splits keys from values.
fn split(logical: Vec<Logical>) -> Result<IniFile, IniError> {
    let options = ParseOption {
        enabled_quote: false,
        enabled_escape: false,
        ..ParseOption::default()
    };
    let ini = Ini::load_from_str_opt(&canonical(&logical), options).map_err(|error| IniError {
        line: error.line,
        problem: error.msg.into_owned(),
    })?;
    let mut pieces = logical.into_iter().filter_map(|line| match line {
        Logical::Entry { pieces, .. } => Some(pieces),
        Logical::Section { .. } => None,
    });
    let mut file = IniFile::default();
    for (header, properties) in &ini {
        let Some((line, name)) = header.and_then(read_back) else {
            continue;
        };
        let entries = properties.iter().filter_map(|(key, value)| {
            let (line, key) = read_back(key)?;
            Some(IniEntry {
                key: key.trim_matches(is_space).to_lowercase(),
                value: unescape(value),
                line,
                pieces: pieces.next()?,
            })
        });
        let entries: Vec<IniEntry> = entries.collect();
        match file.sections.iter_mut().find(|known| known.name == name) {
            Some(known) => known.entries.extend(entries),
            None => file.sections.push(IniSection {
                name,
                line,
                entries,
            }),
        }
    }
    Ok(file)
}

/// The same lines in the words that rust-ini reads in one way only: nothing is indented, a
/// backslash and a bracket are written as `%5C` and `%5D`, and the line number stands before the
/// name, because rust-ini keeps none.
fn canonical(logical: &[Logical]) -> String {
    let lines = logical.iter().map(|line| match line {
        Logical::Section { line, name } => {
            format!(
                "[{line}|{}]\n",
                escape(name, |c| c == ']' || c.is_whitespace())
            )
        }
        Logical::Entry { line, text, .. } => format!("{line}|{}\n", escape(text, |_| false)),
    });
    lines.collect()
}

fn escape(text: &str, also: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '\\') || also(c) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{:X};", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let (code, after) = after.split_once(';').unwrap_or((after, ""));
        plain.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
        rest = after;
    }
    plain + rest
}

/// Splits the line number from a name.
fn read_back(name: &str) -> Option<(usize, String)> {
    let (line, name) = name.split_once('|')?;
    Some((line.parse().ok()?, unescape(name)))
}
