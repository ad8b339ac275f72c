//! What is wrong before a mode begins: the configuration, and what the mode finds wrong besides. All of it
//! is said at once.

use super::error::CliError;
use super::output;
use crate::config::{ConfigErrors, Draft, Settings};
use crate::engine::{self, Scope, StartError};
use crate::event::Failure;
use crate::exit_codes;
use crate::model::Warning;
use crate::report::{Terminal, tell_warnings};

/// What was found wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    failures: Vec<Failure>,
    warnings: Vec<Warning>,
    /// About targets that a run does not use.
    unused: Vec<Warning>,
}

impl Findings {
    /// The settings, where neither they nor what `check` looks at is wrong; otherwise all that is.
    pub(super) fn of(
        draft: Draft,
        check: impl FnOnce(&Draft, &mut Self),
    ) -> Result<Settings, Self> {
        let mut findings = Self::default();
        if !draft.errors.is_empty() {
            findings.error(ConfigErrors(draft.errors.clone(), Vec::new()));
        }
        findings.warnings.clone_from(&draft.settings.warnings);
        check(&draft, &mut findings);
        if findings.failures.is_empty() {
            Ok(draft.settings)
        } else {
            Err(findings)
        }
    }

    /// Takes something that is wrong.
    pub(super) fn error(&mut self, error: impl Into<CliError>) {
        let error = error.into();
        let failures = error.failures().into_iter();
        let new = failures.filter(|failure| !self.failures.contains(failure));
        self.failures.extend(new.collect::<Vec<_>>());
        if let CliError::Config(errors) | CliError::Start(StartError::Config(errors)) = error {
            self.warnings.extend(errors.1);
        }
    }

    /// Takes what is wrong in the words of the command line, where something is.
    pub(super) fn usage<T>(&mut self, checked: Result<T, String>) {
        if let Err(problem) = checked {
            self.error(CliError::Usage(problem));
        }
    }

    /// Takes what is wrong with the targets of a run, as far as the configuration alone tells.
    pub(super) fn targets(&mut self, draft: &Draft, scope: &Scope) {
        // What is missing may be in what cannot be read.
        if draft.is_partial {
            return;
        }
        match engine::check_credentials(&draft.settings, scope) {
            Ok(warnings) => self.unused = warnings,
            Err(error) => self.error(error),
        }
        // Alone they are told after the log-in, together with the names that a catalogue lacks.
        if !self.failures.is_empty()
            && let Err(error) = engine::check_targets(&draft.settings, scope)
        {
            self.error(error);
        }
    }

    /// Says all of it, and gives the exit code.
    pub(super) fn tell(self, terminal: &Terminal) -> u8 {
        tell_warnings(terminal, &self.warnings);
        tell_warnings(terminal, &self.unused);
        output::end_with(terminal, &self.failures, exit_codes::USAGE)
    }
}
