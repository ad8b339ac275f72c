//! The sandboxed Python expression that selects images.
//!
//! `config` parses a condition at the start of a run; `plan` evaluates it, once per image and
//! target.

/// A condition that is no Python expression.
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

/// A compiled condition.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
}

impl Condition {
    /// Compiles a condition.
    pub fn parse(text: &str) -> Result<Self, ConditionSyntaxError> {
        Ok(Self {
            text: text.to_owned(),
        })
    }

    /// The text, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }
}
