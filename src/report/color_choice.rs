//! When colours are used: by the command line, else by the environment and what the stream is.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use super::style::{Paint, Style};

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// Decides for one stream. `Auto` obeys, in this order, `NO_COLOR`, `CLICOLOR_FORCE`,
    /// `CLICOLOR=0` and `TERM=dumb`, then whether the stream is a terminal.
    pub fn resolve(
        self,
        is_terminal: bool,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Paint {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let enabled = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                if set("NO_COLOR").is_some() {
                    false
                } else if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
                    true
                } else {
                    is_terminal
                        && set("CLICOLOR").is_none_or(|value| value != "0")
                        && set("TERM").is_none_or(|value| value != "dumb")
                }
            }
        };
        Paint { enabled }
    }

    /// Decides for standard output of this process, and breaks its lines where it is a terminal.
    pub fn style_of_stdout(self) -> Style {
        let screen = console::Term::stdout();
        Style {
            paint: self.for_stdout(),
            width: screen.size_checked().map(|(_, columns)| columns.into()),
        }
    }

    /// Decides for standard output of this process.
    pub fn for_stdout(self) -> Paint {
        self.resolve(io::stdout().is_terminal(), |name| std::env::var_os(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled(choice: ColorChoice, is_terminal: bool, environment: &[(&str, &str)]) -> bool {
        choice
            .resolve(is_terminal, |wanted| {
                environment
                    .iter()
                    .find(|(name, _)| *name == wanted)
                    .map(|(_, value)| OsString::from(value))
            })
            .enabled
    }

    #[test]
    fn the_environment_decides_about_colours_unless_the_command_line_does() {
        use ColorChoice::{Always, Auto, Never};
        assert!(enabled(Auto, true, &[]));
        assert!(!enabled(Auto, false, &[]));
        assert!(!enabled(Auto, true, &[("NO_COLOR", "1")]));
        assert!(enabled(Auto, true, &[("NO_COLOR", "")]));
        assert!(enabled(Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!enabled(Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!enabled(
            Auto,
            false,
            &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
        ));
        assert!(!enabled(Auto, true, &[("CLICOLOR", "0")]));
        assert!(!enabled(Auto, true, &[("TERM", "dumb")]));
        assert!(enabled(Always, false, &[("NO_COLOR", "1")]));
        assert!(!enabled(Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}
