//! `--wait-lock`: how long a run waits for another one to end.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use crate::model::{TimeSpan, TimeSpanError};

/// How long a run waits for another one to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LockWait {
    /// Not at all.
    #[default]
    None,
    /// Up to so long.
    UpTo(TimeSpan),
    /// As long as it takes.
    Unlimited,
}

/// What `--wait-lock` says when nothing follows it.
pub(super) const UNLIMITED: &str = "unlimited";

impl FromStr for LockWait {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == UNLIMITED {
            Ok(Self::Unlimited)
        } else {
            text.parse().map(Self::UpTo)
        }
    }
}

impl LockWait {
    /// True where it was waited for long enough since then.
    pub(super) fn is_over(self, since: Instant) -> bool {
        match self {
            Self::None => true,
            Self::UpTo(span) => since.elapsed() >= span.0,
            Self::Unlimited => false,
        }
    }
}

impl fmt::Display for LockWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpTo(span) => write!(f, "waiting up to {span} for it to end"),
            Self::None | Self::Unlimited => f.write_str("waiting for it to end"),
        }
    }
}
