//! How fast something goes: a rate over the last few seconds, and the time that is left.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of this long: long enough to be steady, short enough to show a stall.
const WINDOW: Duration = Duration::from_secs(5);
/// Before that much time has passed nothing is said.
const LEAST: Duration = Duration::from_millis(600);

/// Samples of a number of bytes that grows.
#[derive(Debug, Default)]
pub(super) struct Speed {
    samples: VecDeque<(Instant, u64)>,
}

impl Speed {
    /// Takes the number of bytes at `now`. A smaller number than before begins anew: an upload was
    /// tried again.
    pub(super) fn sample(&mut self, now: Instant, bytes: u64) {
        if self.samples.back().is_some_and(|(_, last)| *last > bytes) {
            self.samples.clear();
        }
        self.samples.push_back((now, bytes));
        while self.samples.len() > 2
            && self
                .samples
                .front()
                .is_some_and(|(time, _)| now.duration_since(*time) > WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// Bytes a second, once there is enough to tell.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people; the cast saturates"
    )]
    pub(super) fn rate(&self) -> Option<u64> {
        let (first_time, first) = self.samples.front()?;
        let (last_time, last) = self.samples.back()?;
        let time = last_time.duration_since(*first_time);
        (time >= LEAST).then(|| ((last - first) as f64 / time.as_secs_f64()) as u64)
    }
}

/// How long `bytes` take at `rate` bytes a second; none where nothing moves.
pub(super) fn time_left(bytes: u64, rate: Option<u64>) -> Option<Duration> {
    rate.filter(|rate| *rate > 0)
        .map(|rate| Duration::from_secs(bytes.div_ceil(rate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut speed = Speed::default();
        assert_eq!(speed.rate(), None);
        speed.sample(at(0), 0);
        assert_eq!(speed.rate(), None);
        for second in 1..=10 {
            speed.sample(at(second), second * 100);
        }
        assert_eq!(speed.rate(), Some(100));
        for second in 11..=20 {
            speed.sample(at(second), 1000);
        }
        assert_eq!(speed.rate(), Some(0));
        assert_eq!(time_left(100, speed.rate()), None);
    }

    #[test]
    fn an_upload_that_begins_anew_has_no_negative_rate() {
        let start = Instant::now();
        let mut speed = Speed::default();
        speed.sample(start, 500);
        speed.sample(start + Duration::from_secs(1), 10);
        assert_eq!(speed.rate(), None);
        speed.sample(start + Duration::from_secs(2), 110);
        assert_eq!(speed.rate(), Some(100));
        assert_eq!(time_left(150, speed.rate()), Some(Duration::from_secs(2)));
    }
}
