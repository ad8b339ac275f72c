//! From the lines of a file to logical lines, as Python 3's
//! `configparser.ConfigParser(interpolation=None)` sees them.
//!
//! Comments and blank lines are dropped, continued lines are joined, and what cannot be a logical
//! line is reported.

/// A line of the file that holds, or continues, a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where the piece begins within the joined value, in bytes.
    pub offset: usize,
    /// The line of the file, from 1.
    pub line: usize,
    /// Where the piece begins within that line, in characters from 0.
    pub column: usize,
    /// That line of the file, without trailing white space.
    pub source: String,
}

/// What one or several lines of a file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Logical {
    /// `[name]`
    Section { line: usize, name: String },
    /// A key, its delimiter, and its value joined to one line.
    Entry {
        line: usize,
        text: String,
        pieces: Vec<Piece>,
    },
}

/// A line that the dialect does not allow. The line itself is not repeated: it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DialectError {
    #[error("the line is before the first section; put a line such as `[main]` above it")]
    BeforeSections,
    #[error("the line is neither a section nor `key = value` nor the indented rest of a value")]
    WithoutDelimiter,
    #[error("there is no key before the delimiter; write `key = value`")]
    WithoutKey,
}

/// White space as Python's `str.strip` has it.
pub(in crate::config) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// The lines as Python's universal newlines split them; a byte order mark is no part of the first.
fn physical_lines(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .split('\n')
        .map(ToOwned::to_owned)
        .collect()
}

/// An entry whose further lines may still follow.
struct OpenEntry {
    line: usize,
    /// All up to the value, delimiter included.
    head: String,
    parts: Vec<Part>,
}

struct Part {
    line: usize,
    column: usize,
    source: String,
    text: String,
}

impl OpenEntry {
    /// Joins the lines by one space; the backslash of a line that goes on is taken off.
    fn close(self) -> Logical {
        let mut value = String::new();
        let mut pieces = Vec::new();
        let last = self.parts.len().saturating_sub(1);
        for (index, part) in self.parts.into_iter().enumerate() {
            let text = match part.text.strip_suffix('\\') {
                Some(rest) if index < last => rest.trim_end_matches(is_space),
                _ => part.text.as_str(),
            };
            if text.is_empty() {
                continue;
            }
            if !value.is_empty() {
                value.push(' ');
            }
            pieces.push(Piece {
                offset: value.len(),
                line: part.line,
                column: part.column,
                source: part.source,
            });
            value.push_str(text);
        }
        Logical::Entry {
            line: self.line,
            text: self.head + &value,
            pieces,
        }
    }
}

/// The name in a section's header: what stands between `[` and the last `]` of the line.
fn section_name(stripped: &str) -> Option<&str> {
    let name = stripped.strip_prefix('[')?;
    let name = &name[..name.rfind(']')?];
    (!name.is_empty()).then_some(name)
}

/// Cuts `text` into logical lines, and gives all that is wrong with it, with line numbers.
pub(super) fn logical_lines(text: &str) -> (Vec<Logical>, Vec<(usize, DialectError)>) {
    let mut logical = Vec::new();
    let mut errors = Vec::new();
    let mut open: Option<OpenEntry> = None;
    // What is indented below a wrong line is its rest, and not that of the entry before.
    let mut is_below_wrong = false;
    let mut in_section = false;
    let mut indent = 0;
    for (index, source) in physical_lines(text).into_iter().enumerate() {
        let line = index + 1;
        let stripped = source.trim_matches(is_space);
        if stripped.is_empty() || stripped.starts_with(['#', ';']) {
            continue;
        }
        let column = source.chars().take_while(|c| is_space(*c)).count();
        if column > indent
            && let Some(entry) = &mut open
        {
            entry.parts.push(Part {
                line,
                column,
                text: stripped.to_owned(),
                source: source.trim_end_matches(is_space).to_owned(),
            });
            continue;
        }
        if column > indent && is_below_wrong {
            continue;
        }
        is_below_wrong = false;
        indent = column;
        if let Some(name) = section_name(stripped) {
            logical.extend(open.take().map(OpenEntry::close));
            logical.push(Logical::Section {
                line,
                name: name.to_owned(),
            });
            in_section = true;
        } else if !in_section {
            errors.push((line, DialectError::BeforeSections));
            // Every further line would be told the same.
            break;
        } else {
            match open_entry(line, &source, stripped, column) {
                Ok(entry) => logical.extend(open.replace(entry).map(OpenEntry::close)),
                Err(error) => {
                    errors.push((line, error));
                    logical.extend(open.take().map(OpenEntry::close));
                    is_below_wrong = true;
                }
            }
        }
    }
    logical.extend(open.map(OpenEntry::close));
    (logical, errors)
}

fn open_entry(
    line: usize,
    source: &str,
    stripped: &str,
    column: usize,
) -> Result<OpenEntry, DialectError> {
    let delimiter = stripped
        .find(['=', ':'])
        .ok_or(DialectError::WithoutDelimiter)?;
    if delimiter == 0 {
        return Err(DialectError::WithoutKey);
    }
    let (head, rest) = stripped.split_at(delimiter + 1);
    let value = rest.trim_start_matches(is_space);
    let before = head.chars().count() + rest.chars().count() - value.chars().count();
    Ok(OpenEntry {
        line,
        head: head.to_owned(),
        parts: vec![Part {
            line,
            column: column + before,
            text: value.to_owned(),
            source: source.trim_end_matches(is_space).to_owned(),
        }],
    })
}
