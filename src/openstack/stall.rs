//! When a transfer stands still: one that trickles stands still too, however regularly a byte comes.

use std::time::Duration;

/// So much must get through within the limit.
pub const LEAST_BYTES: u64 = 64 << 10;

/// Measures how long a transfer has waited since enough of it got through.
#[derive(Debug, Clone, Copy)]
pub struct StallTimer {
    least: u64,
    bytes: u64,
    waited: Duration,
}

impl StallTimer {
    /// The transfer may have no more than `most` bytes within the limit; none where it may have as many
    /// as it can.
    pub fn allow(&mut self, most: Option<u64>) {
        self.least = most.map_or(LEAST_BYTES, |most| most.clamp(1, LEAST_BYTES));
    }

    /// So much got through after so long a wait.
    pub fn pass(&mut self, waited: Duration, bytes: u64) {
        self.waited += waited;
        self.bytes += bytes;
        if self.bytes >= self.least {
            self.restart();
        }
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        self.bytes = 0;
        self.waited = Duration::ZERO;
    }

    /// The rest of a limit.
    pub fn left_of(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.waited)
    }
}

impl Default for StallTimer {
    fn default() -> Self {
        Self {
            least: LEAST_BYTES,
            bytes: 0,
            waited: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_a_stall() {
        let (second, limit) = (Duration::from_secs(1), Duration::from_mins(1));
        let mut timer = StallTimer::default();
        for _ in 0..59 {
            timer.pass(second, 1000);
        }
        assert_eq!(timer.left_of(limit), second);
        timer.pass(second, LEAST_BYTES);
        assert_eq!(timer.left_of(limit), limit);
    }

    #[test]
    fn who_may_not_be_faster_need_not_be() {
        let (second, limit) = (Duration::from_secs(1), Duration::from_mins(1));
        let mut timer = StallTimer::default();
        timer.allow(Some(600));
        for _ in 0..1000 {
            timer.pass(second, 10);
            assert!(timer.left_of(limit) > Duration::ZERO);
        }
    }
}
