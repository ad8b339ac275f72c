//! What is wrong with the text of a condition, and where.

/// A condition that is not a Python expression, or too long or too deep for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct ConditionSyntaxError {
    /// What is wrong.
    pub message: String,
    /// The line within the condition, from 1.
    pub line: usize,
    /// The character within that line, from 1.
    pub column: usize,
}
