//! Where a value comes from, and what is said when it is wrong.

use std::fmt;
use std::path::PathBuf;

use super::slips::slip;
use crate::model::Warning;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A line of the configuration file, from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line; 0 stands for the file as a whole.
        line: usize,
    },
    /// `--config section.key=value`
    CommandLine,
    /// An environment variable.
    Environment(String),
    /// An entry of a `clouds.yaml`.
    Cloud {
        /// The file.
        path: PathBuf,
        /// The entry.
        cloud: String,
    },
    /// Nothing sets it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::CommandLine => f.write_str("--config"),
            Self::Environment(variable) => write!(f, "${variable}"),
            Self::Cloud { path, cloud } => write!(f, "{} (cloud `{cloud}`)", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something wrong in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct ConfigError {
    /// Where it stands.
    pub origin: Origin,
    /// The section, where it is known.
    pub section: Option<String>,
    /// The key, where it is about one.
    pub key: Option<String>,
    /// The value that was found; never one that may hold a secret.
    pub found: Option<String>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl ConfigError {
    /// An error about no key in particular.
    pub fn new(origin: Origin, problem: impl Into<String>) -> Self {
        Self {
            origin,
            section: None,
            key: None,
            found: None,
            problem: problem.into(),
        }
    }

    /// The same, about that key of that section.
    #[must_use]
    pub fn key(mut self, section: &str, key: &str) -> Self {
        self.section = Some(section.to_owned());
        self.key = Some(key.to_owned());
        self
    }

    /// The same, about that section.
    #[must_use]
    pub fn section(mut self, section: &str) -> Self {
        self.section = Some(section.to_owned());
        self
    }

    /// The same, with the value that was found.
    #[must_use]
    pub fn found(mut self, value: &str) -> Self {
        self.found = Some(value.to_owned());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (&self.section, &self.key) {
            (Some(section), Some(key)) => format!("[{section}] {key}"),
            (Some(section), None) => format!("[{section}]"),
            _ => String::new(),
        };
        let origin = match &self.origin {
            Origin::Default => String::new(),
            origin => origin.to_string(),
        };
        let between = if place.is_empty() || origin.is_empty() {
            ""
        } else {
            ": "
        };
        write!(f, "{origin}{between}{place}")?;
        if let Some(found) = &self.found {
            write!(f, " = {}", shortened(found))?;
        }
        if !(origin.is_empty() && place.is_empty()) {
            f.write_str(": ")?;
        }
        f.write_str(&self.problem)?;
        match self.found.as_deref().and_then(slip) {
            Some(slip) => write!(f, " ({slip})"),
            None => Ok(()),
        }
    }
}

/// A value as a message shows it: not longer than a line of a terminal.
pub(super) fn shortened(value: &str) -> String {
    const LONGEST: usize = 60;
    if value.chars().count() <= LONGEST {
        value.to_owned()
    } else {
        value.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}

/// All that is wrong in a configuration, in the order of the files; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(
    pub Vec<ConfigError>,
    /// What else should be looked at: so that all is found in one pass.
    pub Vec<Warning>,
);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error], Vec::new())
    }
}
