//! Lengths of time, read and printed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time. Reads a number of seconds (`90`, `0.5`) or one with a unit: `90s`, `10m`, `2h`,
/// `14d`. Prints whole seconds, minutes, hours or days, whichever is the largest that fits: `90s`, `10m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan(pub Duration);

/// The text is not a length of time. Who shows this names the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a duration; write a number of seconds, or one number with a unit: `90`, `90s`, `10m`, `1.5h` or `14d`"
)]
pub struct TimeSpanError;

const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)];

/// No longer than this: what is later than the clock can say would overflow where it is added to now.
const LONGEST: Duration = Duration::from_hours(1000 * 365 * 24);

impl TimeSpan {
    /// A number of seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

impl FromStr for TimeSpan {
    type Err = TimeSpanError;

    #[allow(
        clippy::cast_precision_loss,
        reason = "a factor has five digits at most"
    )]
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = if unit.is_empty() {
            1
        } else {
            let known = UNITS.iter().find(|(name, _)| *name == unit);
            known.ok_or(TimeSpanError)?.1
        };
        let number: f64 = number.parse().map_err(|_| TimeSpanError)?;
        Duration::try_from_secs_f64(number * factor as f64)
            .ok()
            .filter(|span| *span <= LONGEST)
            .map(Self)
            .ok_or(TimeSpanError)
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanos() > 0 {
            return write!(f, "{}s", self.0.as_secs_f64());
        }
        let secs = self.0.as_secs();
        let fits = |(_, factor): &&(&str, u64)| secs >= *factor && secs.is_multiple_of(*factor);
        match UNITS.iter().rev().find(fits) {
            Some((unit, factor)) => write!(f, "{}{unit}", secs / factor),
            None => write!(f, "{secs}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_and_without_units() {
        for (text, millis) in [
            ("0", 0),
            ("90", 90_000),
            ("90s", 90_000),
            ("0.5", 500),
            (" 10 m ", 600_000),
            ("0 s", 0),
            ("2H", 7_200_000),
            ("1.5h", 5_400_000),
            ("14d", 1_209_600_000),
        ] {
            let span = text.parse::<TimeSpan>().unwrap();
            assert_eq!(span.0, Duration::from_millis(millis), "{text}");
        }
        for text in [
            "",
            " ",
            "s",
            "-1",
            "-10m",
            "+1",
            "1 0",
            "1h30m",
            "10min",
            "1w",
            "1.2.3",
            "1e3",
            "inf",
            "nan",
            "10mm",
            "9999999999d",
            "5ms",
        ] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_printed_as_they_are_read() {
        for text in ["0s", "1s", "90s", "10m", "2h", "14d", "0.5s"] {
            assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), text);
        }
    }
}
