//! A condition that does not parse, told in terms of the file: its line, and a caret under the column.

use super::error::{ConfigError, Origin};
use super::layers::Value;
use crate::condition::ConditionSyntaxError;

/// Puts an error within the text of `value` to the place in the file that the text came from.
pub(super) fn describe(key: &str, value: &Value, error: &ConditionSyntaxError) -> ConfigError {
    let offset = value
        .text
        .char_indices()
        .nth(error.column - 1)
        .map_or(value.text.len(), |(offset, _)| offset);
    let piece = value
        .pieces
        .iter()
        .rev()
        .find(|piece| piece.offset <= offset);
    let (origin, source, column) = match (&value.origin, piece) {
        (Origin::File { path, .. }, Some(piece)) => {
            let within = value.text[piece.offset..offset].chars().count();
            let origin = Origin::File {
                path: path.clone(),
                line: piece.line,
            };
            (origin, piece.source.as_str(), piece.column + within)
        }
        _ => (value.origin.clone(), value.text.as_str(), error.column - 1),
    };
    let excerpt = excerpt(source, column);
    let problem = format!("the condition does not parse: {}\n{excerpt}", error.message);
    ConfigError::new(origin, problem).key(&value.section, key)
}

/// The line, or what of it is around the column when it is long, with a caret below.
fn excerpt(source: &str, column: usize) -> String {
    const WIDTH: usize = 96;
    let characters: Vec<char> = source.chars().collect();
    let indent = characters.iter().take_while(|c| c.is_whitespace()).count();
    let first = indent.max(column.saturating_sub(WIDTH / 2)).min(column);
    let shown = characters.iter().skip(first).take(WIDTH);
    // A tab is one column wide here, or the caret would stand beside its place.
    let shown: String = shown.map(|c| if *c == '\t' { ' ' } else { *c }).collect();
    let caret = " ".repeat(column - first);
    format!("    {shown}\n    {caret}^")
}
