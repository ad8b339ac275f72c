//! Amounts of bytes, read and printed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes. Reads `4096`, `10K`, `10 KiB`, `1.5G`; units are powers of 1024. Prints `1.5 GiB`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// The text is not an amount of bytes. Who shows this names the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not an amount of bytes; write a number of bytes, or one with a unit: `4096`, `512K`, `20M`, `20MiB` or `1.5G`"
)]
pub struct ByteSizeError;

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product is checked to be within u64 before it is cut to whole bytes"
    )]
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            "t" | "tb" | "tib" => 1 << 40,
            _ => return Err(ByteSizeError),
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self).ok_or(ByteSizeError);
        }
        let bytes = number.parse::<f64>().map_err(|_| ByteSizeError)? * factor as f64;
        if bytes.is_finite() && bytes < u64::MAX as f64 {
            Ok(Self(bytes as u64))
        } else {
            Err(ByteSizeError)
        }
    }
}

impl fmt::Display for ByteSize {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a size is printed with one decimal"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        let mut unit = 0;
        // 1023.95 would print as 1024.0.
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        if unit == 0 {
            f.pad(&format!("{} B", self.0))
        } else {
            f.pad(&format!("{value:.1} {}", UNITS[unit]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("10K", 10 << 10),
            ("10 KiB", 10 << 10),
            ("20m", 20 << 20),
            ("5M", 5 << 20),
            ("5MB", 5 << 20),
            ("5MiB", 5 << 20),
            (" 1.5 G ", 3 << 29),
            ("1.5GiB", 3 << 29),
            ("1T", 1 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap().0, bytes, "{text}");
        }
        for text in [
            "",
            " ",
            "K",
            "-1",
            "-5M",
            "+1",
            "1 0",
            "1X",
            "1P",
            "1.2.3",
            "99999999999T",
            "18446744073709551616",
            "1e3",
            "10 bytes",
            "5M/s",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_printed_with_one_decimal() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (3 << 29, "1.5 GiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }
}
