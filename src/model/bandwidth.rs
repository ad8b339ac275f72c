//! How many bytes a second may be sent: one rate for all day, or another by the time of day.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use chrono::NaiveTime;

use super::{ByteSize, ByteSizeError};

/// A limit on bandwidth. Reads a rate (`20M`; `off` or `0` for no limit), or a timetable of entries
/// with a time of day each: `08:00,5M 19:00,off`. Prints the same, with rates in bytes a second.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bandwidth {
    /// What counts from each time on, in the order of the day; empty for no limit.
    entries: Vec<(NaiveTime, Option<NonZeroU64>)>,
}

/// The text is neither a rate nor a timetable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BandwidthError {
    /// It is a single word. Who shows this names it.
    #[error(
        "is neither a rate nor a timetable; write bytes a second, `off`, or both by the time of day: `20M`, `20MiB`, `off` or `08:00,5M 19:00,off`"
    )]
    Neither,
    /// An entry of a timetable has no comma.
    #[error("the entry `{0}` of the timetable is not a time and a rate (such as `08:00,5M`)")]
    Entry(String),
    /// An entry does not begin at a time of day.
    #[error("the entry `{0}` of the timetable does not begin with a time from 00:00 to 23:59")]
    Time(String),
    /// An entry has no rate.
    #[error("the entry `{0}` of the timetable does not end with a rate (such as `5M` or `off`)")]
    Rate(String),
    /// Two entries begin at the same time.
    #[error("the entry `{0}` of the timetable begins at the same time as another")]
    Twice(String),
}

impl Bandwidth {
    /// The bytes that may be sent in a second at that time of day: those of the last entry that has
    /// begun by then, or of the day before. None where there is no limit.
    pub fn rate_at(&self, time: NaiveTime) -> Option<NonZeroU64> {
        let begun = self.entries.partition_point(|(from, _)| *from <= time);
        let entry = match begun.checked_sub(1) {
            Some(last) => self.entries.get(last),
            None => self.entries.last(),
        };
        entry.and_then(|(_, rate)| *rate)
    }

    /// True where the rate is the same all day.
    pub fn is_constant(&self) -> bool {
        self.entries
            .windows(2)
            .all(|entries| entries[0].1 == entries[1].1)
    }

    /// True where nothing is limited at any time.
    pub fn is_unlimited(&self) -> bool {
        self.entries.iter().all(|(_, rate)| rate.is_none())
    }
}

/// A rate, of which none is no limit.
fn rate(text: &str) -> Result<Option<NonZeroU64>, ByteSizeError> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    text.parse::<ByteSize>().map(|rate| NonZeroU64::new(rate.0))
}

fn time(text: &str) -> Option<NaiveTime> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == ':');
    NaiveTime::parse_from_str(text, "%H:%M")
        .ok()
        .filter(|_| is_plain)
}

impl FromStr for Bandwidth {
    type Err = BandwidthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if !text.contains([',', ':']) {
            let rate = rate(text).map_err(|_| BandwidthError::Neither)?;
            let entry = rate.map(|rate| (NaiveTime::MIN, Some(rate)));
            return Ok(Self {
                entries: entry.into_iter().collect(),
            });
        }
        let mut entries: Vec<(NaiveTime, Option<NonZeroU64>)> = Vec::new();
        for entry in text.split_whitespace() {
            let wrong = |problem: fn(String) -> BandwidthError| problem(entry.to_owned());
            let (from, limit) = entry
                .split_once(',')
                .ok_or_else(|| wrong(BandwidthError::Entry))?;
            let from = time(from).ok_or_else(|| wrong(BandwidthError::Time))?;
            let limit = rate(limit).map_err(|_| wrong(BandwidthError::Rate))?;
            match entries.binary_search_by_key(&from, |(known, _)| *known) {
                Ok(_) => return Err(wrong(BandwidthError::Twice)),
                Err(place) => entries.insert(place, (from, limit)),
            }
        }
        Ok(Self { entries })
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (from, rate)) in self.entries.iter().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            if self.entries.len() > 1 {
                write!(f, "{},", from.format("%H:%M"))?;
            }
            match rate {
                Some(rate) => write!(f, "{rate}")?,
                None => f.write_str("off")?,
            }
        }
        if self.entries.is_empty() {
            f.write_str("off")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Bandwidth {
        text.parse().unwrap()
    }

    fn rate_at(text: &str, time: &str) -> Option<u64> {
        let time = NaiveTime::parse_from_str(time, "%H:%M:%S").unwrap();
        read(text).rate_at(time).map(NonZeroU64::get)
    }

    #[test]
    fn a_rate_counts_all_day() {
        for (text, rate) in [
            ("20M", Some(20 << 20)),
            ("10 KiB", Some(10 << 10)),
            (" 3 ", Some(3)),
            ("0", None),
            ("Off", None),
        ] {
            for time in ["00:00:00", "12:00:00", "23:59:59"] {
                assert_eq!(rate_at(text, time), rate, "{text}");
            }
            assert!(read(text).is_constant());
            assert_eq!(read(text).is_unlimited(), rate.is_none());
        }
        assert!(Bandwidth::default().is_unlimited());
    }

    #[test]
    fn a_timetable_wraps_around_midnight_in_whatever_order_it_is_written() {
        for text in [
            "08:00,5M 12:30,1K 19:00,off",
            "19:00,OFF  8:00,5MiB 12:30,1024",
        ] {
            for (time, rate) in [
                ("00:00:00", None),
                ("07:59:59", None),
                ("08:00:00", Some(5 << 20)),
                ("12:29:59", Some(5 << 20)),
                ("12:30:00", Some(1 << 10)),
                ("18:59:59", Some(1 << 10)),
                ("19:00:00", None),
                ("23:59:59", None),
            ] {
                assert_eq!(rate_at(text, time), rate, "{text} at {time}");
            }
            assert!(!read(text).is_constant() && !read(text).is_unlimited());
        }
        assert_eq!(rate_at("12:00,7", "00:00:00"), Some(7));
        assert!(read("08:00,off 19:00,0").is_unlimited());
    }

    #[test]
    fn an_error_names_the_wrong_entry() {
        for (text, problem) in [
            (
                "fast",
                "is neither a rate nor a timetable; write bytes a second, `off`, or both by the time of day: `20M`, `20MiB`, `off` or `08:00,5M 19:00,off`",
            ),
            (
                "",
                "is neither a rate nor a timetable; write bytes a second, `off`, or both by the time of day: `20M`, `20MiB`, `off` or `08:00,5M 19:00,off`",
            ),
            (
                "08:00,5M 10M",
                "the entry `10M` of the timetable is not a time and a rate (such as `08:00,5M`)",
            ),
            (
                "08:00",
                "the entry `08:00` of the timetable is not a time and a rate (such as `08:00,5M`)",
            ),
            (
                "08:00,5M 24:00,off",
                "the entry `24:00,off` of the timetable does not begin with a time from 00:00 to 23:59",
            ),
            (
                "+8:00,5M",
                "the entry `+8:00,5M` of the timetable does not begin with a time from 00:00 to 23:59",
            ),
            (
                "08:00,5M 19:00,",
                "the entry `19:00,` of the timetable does not end with a rate (such as `5M` or `off`)",
            ),
            (
                "08:00,5M,19:00,off",
                "the entry `08:00,5M,19:00,off` of the timetable does not end with a rate (such as `5M` or `off`)",
            ),
            (
                "08:00,5M 8:00,6M",
                "the entry `8:00,6M` of the timetable begins at the same time as another",
            ),
        ] {
            let error = text.parse::<Bandwidth>().unwrap_err();
            assert_eq!(error.to_string(), problem);
        }
    }

    fn minutes() -> impl Strategy<Value = NaiveTime> {
        (0..24_u32, 0..60_u32).prop_map(|(h, m)| NaiveTime::from_hms_opt(h, m, 0).unwrap())
    }

    proptest! {
        #[test]
        fn the_rate_is_that_of_the_entry_that_began_last(
            entries in prop::collection::btree_map(minutes(), 0..5_u64, 1..6),
            time in minutes(),
            seconds in 0..60_i64,
        ) {
            let text: Vec<String> = entries
                .iter()
                .rev()
                .map(|(from, rate)| format!("{},{rate}", from.format("%H:%M")))
                .collect();
            let bandwidth = read(&text.join(" "));
            let now = time + chrono::TimeDelta::seconds(seconds);
            // Looked for minute by minute, back over midnight.
            let rate = (0..24 * 60_i64)
                .find_map(|minutes| entries.get(&(time - chrono::TimeDelta::minutes(minutes))))
                .copied();
            prop_assert_eq!(bandwidth.rate_at(now), rate.and_then(NonZeroU64::new));
            let rates: std::collections::BTreeSet<_> = entries.values().collect();
            prop_assert_eq!(bandwidth.is_constant(), rates.len() == 1);
            let again = read(&bandwidth.to_string());
            prop_assert_eq!(again.rate_at(now), bandwidth.rate_at(now));
        }

        #[test]
        fn whatever_is_written_is_read_or_refused(text in "[0-9:,KMoff ]{0,24}") {
            if let Ok(bandwidth) = text.parse::<Bandwidth>() {
                let printed = bandwidth.to_string();
                prop_assert_eq!(read(&printed).to_string(), printed);
            }
        }
    }
}
