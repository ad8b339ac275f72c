//! `bwlimit` and `bwlimit_total`: how much may be sent and when. A [`RateLimiter`] is shared by the
//! uploads that it limits, fairly; an upload that nothing limits has none and pays nothing.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use chrono::{Local, NaiveTime};

use super::fair_bucket::{FairBucket, MemberId};
use crate::host;
use crate::model::Bandwidth;

/// How often a timetable is looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Nobody waits for longer without asking again: by then the rate may be another, or fewer share it.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// A bandwidth that all uploads to a region share, or all uploads of a run.
#[derive(Debug)]
pub struct RateLimiter(Mutex<State>);

#[derive(Debug)]
struct State {
    bandwidth: Bandwidth,
    bucket: FairBucket,
    /// When the time of day decides again; none where the rate is the same all day.
    look_at: Option<Instant>,
}

impl State {
    fn new(bandwidth: &Bandwidth, now: Instant, time: NaiveTime) -> Self {
        Self {
            bandwidth: bandwidth.clone(),
            bucket: FairBucket::new(bandwidth.rate_at(time), now),
            look_at: (!bandwidth.is_constant()).then(|| now + LOOK),
        }
    }

    fn take(
        &mut self,
        id: MemberId,
        wanted: usize,
        now: Instant,
        time: impl FnOnce() -> NaiveTime,
    ) -> Result<usize, Duration> {
        if self.look_at.is_some_and(|due| due <= now) {
            self.bucket.set_rate(self.bandwidth.rate_at(time()), now);
            self.look_at = Some(now + LOOK);
        }
        self.bucket
            .take(id, wanted, now)
            .map_err(|wait| wait.min(LONGEST_WAIT))
    }
}

fn time_of_day() -> NaiveTime {
    Local::now().time()
}

impl RateLimiter {
    /// A limiter to that bandwidth; none where it never limits anything.
    pub fn new(bandwidth: &Bandwidth) -> Option<Arc<Self>> {
        let is_limited = !bandwidth.is_unlimited();
        is_limited.then(|| {
            let state = State::new(bandwidth, Instant::now(), time_of_day());
            Arc::new(Self(Mutex::new(state)))
        })
    }

    /// The bytes that each upload is certain to be let through in that time, which is half of its
    /// share; none where nothing is limited now.
    pub(super) fn bytes_in(&self, time: Duration) -> Option<u64> {
        let share = self.state().bucket.share_per_sec()?;
        let bytes = u128::from(share) * time.as_millis() / 2000;
        Some(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        host::locked(&self.0)
    }
}

/// What one upload may send under every limit that holds for it. Its share is the others' again when it
/// is dropped.
#[derive(Debug)]
pub(super) struct UploadRate(Vec<Share>);

impl UploadRate {
    /// A share of each of these; none where there are none.
    pub(super) fn join(limiters: &[Arc<RateLimiter>]) -> Option<Self> {
        let shares: Vec<Share> = limiters.iter().map(Share::new).collect();
        (!shares.is_empty()).then_some(Self(shares))
    }

    /// How many of the `wanted` bytes may be sent now, at least one; or how long to wait before
    /// asking again. What is granted counts as sent.
    pub(super) fn take(&mut self, wanted: usize) -> Result<usize, Duration> {
        let mut granted = wanted;
        for share in &mut self.0 {
            granted = share.grant(granted)?;
        }
        for share in &mut self.0 {
            share.granted -= granted;
        }
        Ok(granted)
    }
}

#[derive(Debug)]
struct Share {
    limiter: Arc<RateLimiter>,
    id: MemberId,
    /// Granted by this limit and not sent yet, since another one granted less.
    granted: usize,
}

impl Share {
    fn new(limiter: &Arc<RateLimiter>) -> Self {
        Self {
            id: limiter.state().bucket.join(Instant::now()),
            limiter: Arc::clone(limiter),
            granted: 0,
        }
    }

    fn grant(&mut self, wanted: usize) -> Result<usize, Duration> {
        if self.granted == 0 {
            let mut state = self.limiter.state();
            self.granted = state.take(self.id, wanted, Instant::now(), time_of_day)?;
        }
        Ok(self.granted.min(wanted))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.bucket.leave(self.id, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::wait_until;

    fn time(hour: u32, minute: u32, second: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, second).unwrap()
    }

    fn limiter(bandwidth: &str) -> Option<Arc<RateLimiter>> {
        RateLimiter::new(&bandwidth.parse().unwrap())
    }

    #[test]
    fn what_never_limits_is_no_limiter() {
        assert!(limiter("0").is_none() && limiter("08:00,off 19:00,0").is_none());
        assert!(UploadRate::join(&[]).is_none());
        let mut rate = UploadRate::join(&[limiter("1T").unwrap()]).unwrap();
        let wait = rate.take(1 << 20).err().unwrap_or_default();
        assert!(wait <= Duration::from_millis(25));
    }

    #[test]
    fn a_timetable_counts_while_an_upload_is_under_way() {
        let start = Instant::now();
        let bandwidth = "08:00,4000 19:00,off".parse().unwrap();
        let mut state = State::new(&bandwidth, start, time(18, 59, 58));
        let id = state.bucket.join(start);
        let mut take = |secs, time| {
            let now = start + Duration::from_secs(secs);
            state.take(id, 1 << 20, now, || time)
        };
        assert_eq!(take(0, time(18, 59, 58)), Err(Duration::from_millis(25)));
        assert_eq!(take(1, time(18, 59, 59)), Ok(400));
        assert_eq!(take(2, time(19, 0, 0)), Ok(1 << 20));
        assert_eq!(take(3, time(7, 59, 59)), Ok(1 << 20));
        assert_eq!(take(4, time(8, 0, 0)), Err(Duration::from_millis(25)));
    }

    #[test]
    fn the_time_of_day_is_asked_for_once_a_second_and_never_for_a_rate() {
        let start = Instant::now();
        for (bandwidth, looks) in [("08:00,1M 19:00,2M", 9), ("1M", 0)] {
            let mut state = State::new(&bandwidth.parse().unwrap(), start, time(9, 0, 0));
            let id = state.bucket.join(start);
            let mut asked = 0;
            for millis in 0..10_000 {
                let now = start + Duration::from_millis(millis);
                let _ = state.take(id, 1 << 10, now, || {
                    asked += 1;
                    time(9, 0, 0)
                });
            }
            assert_eq!(asked, looks, "{bandwidth}");
        }
    }

    #[test]
    fn a_wait_is_short_for_the_rate_may_change_meanwhile() {
        let mut rate = UploadRate::join(&[limiter("1").unwrap()]).unwrap();
        assert_eq!(rate.take(1 << 20), Err(LONGEST_WAIT));
    }

    #[test]
    fn of_two_limits_the_lower_one_counts_and_the_other_loses_nothing() {
        let limiters = [limiter("100G").unwrap(), limiter("1M").unwrap()];
        let mut rate = UploadRate::join(&limiters).unwrap();
        let (start, mut sent) = (Instant::now(), 0);
        wait_until("200 KiB", || {
            sent += rate.take(1 << 20).unwrap_or_default();
            sent >= 200 << 10
        });
        assert!(start.elapsed() >= Duration::from_millis(90), "{sent}");
        let [first, second] = &rate.0[..] else {
            panic!()
        };
        assert_eq!(second.granted, 0);
        assert!(first.granted <= 1 << 20);
    }

    #[test]
    fn a_share_is_given_back() {
        let limiter = limiter("4000").unwrap();
        let limiters = [Arc::clone(&limiter)];
        let first = UploadRate::join(&limiters);
        let second = UploadRate::join(&limiters);
        assert_eq!(limiter.bytes_in(Duration::from_secs(1)), Some(1000));
        drop(second);
        assert_eq!(limiter.bytes_in(Duration::from_secs(1)), Some(2000));
        drop(first);
    }
}
