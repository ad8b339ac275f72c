//! `bwlimit`: how much may be sent to a region and when. One [`RateLimiter`] is shared by all uploads to
//! the region; an upload without a limit has none and pays nothing.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::ByteSize;

/// Sent at once at most, as a part of a second's bytes: so fine that the line sees a steady flow,
/// and so coarse that waiting costs nothing.
const STEPS_PER_SEC: u64 = 40;

/// What was not used is kept for so many steps, so that a thread that wakes late makes up for it. In
/// any two seconds no more than a twentieth goes out beyond the limit for that.
const STEPS_KEPT: u64 = 4;

/// The bandwidth of one region.
#[derive(Debug)]
pub struct RateLimiter(Mutex<Bucket>);

impl RateLimiter {
    /// So many bytes in a second; none where the limit is 0, which is no limit.
    pub fn new(bytes_per_sec: ByteSize) -> Option<Self> {
        let rate = NonZeroU64::new(bytes_per_sec.0)?;
        Some(Self(Mutex::new(Bucket::new(rate, Instant::now()))))
    }

    /// The bytes that are certain to be let through in that time, which is half of what it grants.
    pub(super) fn bytes_in(&self, time: Duration) -> u64 {
        let rate = self.0.lock().unwrap_or_else(PoisonError::into_inner).rate;
        u64::try_from(u128::from(rate.get()) * time.as_millis() / 2000).unwrap_or(u64::MAX)
    }

    /// How many of the `wanted` bytes may be sent now, at least one; or how long to wait before
    /// asking again. What is granted counts as sent.
    pub(super) fn take(&self, wanted: usize) -> Result<usize, Duration> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(wanted, Instant::now())
    }
}

/// A bucket that fills at a rate. It holds nanobytes, of which one comes in for each byte a second
/// in each nanosecond, so that nothing is ever rounded.
#[derive(Debug)]
struct Bucket {
    rate: NonZeroU64,
    level: u128,
    since: Instant,
}

const NANOS: u128 = 1_000_000_000;

impl Bucket {
    fn new(rate: NonZeroU64, now: Instant) -> Self {
        Self {
            rate,
            level: 0,
            since: now,
        }
    }

    /// The bytes of one step.
    fn step(&self) -> u64 {
        (self.rate.get() / STEPS_PER_SEC).max(1)
    }

    fn capacity(&self) -> u128 {
        u128::from(self.step() * STEPS_KEPT) * NANOS
    }

    fn take(&mut self, wanted: usize, now: Instant) -> Result<usize, Duration> {
        let came_in = now.saturating_duration_since(self.since).as_nanos();
        self.since = now;
        let rate = u128::from(self.rate.get());
        self.level = (self.level + came_in.saturating_mul(rate)).min(self.capacity());
        let wanted = wanted as u128 * NANOS;
        let needed = wanted.min(u128::from(self.step()) * NANOS);
        if self.level < needed {
            let nanos = (needed - self.level).div_ceil(rate);
            return Err(Duration::from_nanos(
                u64::try_from(nanos).unwrap_or(u64::MAX),
            ));
        }
        let bytes = wanted.min(self.level) / NANOS;
        self.level -= bytes * NANOS;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn bucket(rate: u64, now: Instant) -> Bucket {
        Bucket::new(NonZeroU64::new(rate).unwrap(), now)
    }

    /// What is granted when, to one who wakes up to so late, takes pieces of so many bytes, and is
    /// away now and then: for 10 s of made-up time.
    fn grants(rate: u64, piece: usize, late: &[u64], away: &[u64]) -> Vec<(Duration, u64)> {
        let start = Instant::now();
        let mut bucket = bucket(rate, start);
        let (mut now, mut granted) = (Duration::ZERO, Vec::new());
        let mut late = late.iter().cycle();
        let mut away = away.iter().cycle();
        let mut until_away = 50;
        while now < Duration::from_secs(10) {
            match bucket.take(piece, start + now) {
                Ok(bytes) => granted.push((now, bytes as u64)),
                Err(wait) => {
                    now += wait + Duration::from_millis(*late.next().unwrap());
                    until_away -= 1;
                    if until_away == 0 {
                        until_away = 50;
                        now += Duration::from_millis(*away.next().unwrap());
                    }
                }
            }
        }
        granted
    }

    /// The most in any two seconds.
    fn most_in_two_seconds(granted: &[(Duration, u64)]) -> u64 {
        let (mut sum, mut most) = (0, 0);
        let mut window = VecDeque::new();
        for (at, bytes) in granted {
            window.push_back((*at, *bytes));
            sum += bytes;
            while window.front().unwrap().0 + Duration::from_secs(2) < *at {
                sum -= window.pop_front().unwrap().1;
            }
            most = most.max(sum);
        }
        most
    }

    #[test]
    fn a_steady_sender_gets_what_the_limit_says() {
        for rate in [1_000, 50_000, 1 << 20, 125_000_000, 10_000_000_000] {
            for piece in [1 << 12, 1 << 15, 1 << 20, 1 << 30] {
                if rate / piece as u64 > 1_000_000 {
                    continue;
                }
                let granted = grants(rate, piece, &[0, 1, 5], &[0]);
                let sum: u64 = granted.iter().map(|(_, bytes)| bytes).sum();
                let expected = rate * 10;
                assert!(
                    sum.abs_diff(expected) <= expected / 50,
                    "{rate} {piece}: {sum}"
                );
                let most = most_in_two_seconds(&granted);
                assert!(most <= 2 * rate + rate / 5, "{rate} {piece}: {most}");
            }
        }
    }

    #[test]
    fn few_bytes_are_waited_for_one_by_one() {
        let now = Instant::now();
        let mut bucket = bucket(2, now);
        assert_eq!(bucket.take(100, now), Err(Duration::from_millis(500)));
        let later = now + Duration::from_millis(500);
        assert_eq!(bucket.take(100, later), Ok(1));
        assert_eq!(bucket.take(0, later), Ok(0));
    }

    #[test]
    fn no_limit_is_no_pace() {
        assert!(RateLimiter::new(ByteSize(0)).is_none());
        let pace = RateLimiter::new(ByteSize(1 << 40)).unwrap();
        let wait = pace.take(1 << 20).err().unwrap_or_default();
        assert!(wait <= Duration::from_millis(25));
    }

    proptest! {
        #[test]
        fn however_late_a_sender_comes_no_two_seconds_see_a_tenth_too_much(
            rate in 1_000_u64..1 << 32,
            piece in 1_usize << 14..1 << 22,
            late in prop::collection::vec(0_u64..60, 1..8),
            away in prop::collection::vec(0_u64..3_000, 1..4),
        ) {
            let most = most_in_two_seconds(&grants(rate, piece, &late, &away));
            prop_assert!(most <= 2 * rate + rate / 5, "{} of {}", most, rate);
        }
    }
}
