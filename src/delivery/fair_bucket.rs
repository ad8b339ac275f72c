//! A bucket that fills at a rate and is shared by those who draw from it. A function of the times that
//! it is given: it has no clock.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// Granted at once at most, as a part of a second's bytes: so fine that the line sees a steady flow,
/// and so coarse that waiting costs nothing.
const STEPS_PER_SEC: u64 = 40;

/// What was not used is kept for so many steps for the members, and for so many more for whichever asks
/// first, so that a thread that wakes late makes up for it. In any two seconds no more than a twentieth
/// goes out beyond the limit for that.
const STEPS_KEPT: u64 = 2;

/// Levels are in nanobytes, of which one comes in for each byte a second in each nanosecond, so that
/// nothing is ever rounded.
const NANOS: u128 = 1_000_000_000;

/// Who draws from a bucket.
pub(super) type MemberId = u64;

/// What comes in is divided equally among the members. What a member does not draw is kept for it up
/// to its part of what is kept at all; beyond that it goes to the others.
#[derive(Debug)]
pub(super) struct FairBucket {
    /// Bytes a second; none where nothing is limited.
    rate: Option<NonZeroU64>,
    /// Until when everything that came in was divided.
    since: Instant,
    /// What is nobody's: what came in while all had their part, and what was too little to divide.
    spare: u128,
    levels: BTreeMap<MemberId, u128>,
    next: MemberId,
}

impl FairBucket {
    pub(super) fn new(rate: Option<NonZeroU64>, now: Instant) -> Self {
        Self {
            rate,
            since: now,
            spare: 0,
            levels: BTreeMap::new(),
            next: 0,
        }
    }

    /// One more member, who has nothing yet.
    pub(super) fn join(&mut self, now: Instant) -> MemberId {
        self.fill(now);
        let id = self.next;
        self.next += 1;
        self.levels.insert(id, 0);
        self.spill();
        id
    }

    pub(super) fn leave(&mut self, id: MemberId, now: Instant) {
        self.fill(now);
        self.levels.remove(&id);
    }

    pub(super) fn set_rate(&mut self, rate: Option<NonZeroU64>, now: Instant) {
        self.fill(now);
        self.rate = rate;
        self.spill();
    }

    /// The bytes a second that each member is certain to get; none where nothing is limited.
    pub(super) fn share_per_sec(&self) -> Option<u64> {
        let rate = self.rate?.get();
        Some(rate / self.members())
    }

    /// How many of the `wanted` bytes the member may have now, at least one; or how long to wait
    /// before it asks again. What is granted is gone.
    pub(super) fn take(
        &mut self,
        id: MemberId,
        wanted: usize,
        now: Instant,
    ) -> Result<usize, Duration> {
        let Some(rate) = self.rate else {
            return Ok(wanted);
        };
        self.fill(now);
        let wanted = wanted as u128 * NANOS;
        let needed = wanted.min(u128::from(self.step(rate)) * NANOS);
        let capacity = self.capacity();
        // Those whose part is full do not take from what comes in.
        let open = self.levels.values().filter(|level| **level < capacity);
        let open = open.count().max(1) as u128;
        let level = self.levels.entry(id).or_default();
        let available = *level + self.spare;
        if available < needed {
            let nanos = ((needed - available) * open).div_ceil(u128::from(rate.get()));
            return Err(Duration::from_nanos(
                u64::try_from(nanos).unwrap_or(u64::MAX),
            ));
        }
        let bytes = wanted.min(available) / NANOS;
        let drawn = level.checked_sub(bytes * NANOS);
        if drawn.is_none() {
            self.spare = available - bytes * NANOS;
        }
        *level = drawn.unwrap_or_default();
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    fn members(&self) -> u64 {
        self.levels.len().max(1) as u64
    }

    /// The bytes that a member waits for at most.
    fn step(&self, rate: NonZeroU64) -> u64 {
        (rate.get() / STEPS_PER_SEC / self.members()).max(1)
    }

    /// What is kept for a member at most.
    fn capacity(&self) -> u128 {
        let step = self.rate.map_or(0, |rate| self.step(rate));
        u128::from(step * STEPS_KEPT) * NANOS
    }

    /// Divides what came in since the last time.
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_nanos();
        self.since = self.since.max(now);
        let rate = self.rate.map_or(0, |rate| u128::from(rate.get()));
        let mut income = passed.saturating_mul(rate);
        let capacity = self.capacity();
        loop {
            let open = self.levels.values().filter(|level| **level < capacity);
            let each = income.checked_div(open.count() as u128).unwrap_or_default();
            if each == 0 {
                break;
            }
            for level in self.levels.values_mut() {
                let got = each.min(capacity.saturating_sub(*level));
                *level += got;
                income -= got;
            }
        }
        self.spare = self.spare.saturating_add(income);
        self.spill();
    }

    /// Takes what may not be kept any more.
    fn spill(&mut self) {
        let capacity = self.capacity();
        for level in self.levels.values_mut() {
            *level = capacity.min(*level);
        }
        self.spare = self.spare.min(capacity * u128::from(self.members()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const RUN: Duration = Duration::from_secs(10);

    fn bucket(rate: u64, now: Instant) -> FairBucket {
        FairBucket::new(NonZeroU64::new(rate), now)
    }

    /// One who draws.
    #[derive(Debug, Clone)]
    struct Sender {
        /// Bytes that it asks for at once.
        piece: usize,
        /// Bytes a second that its line takes; none for any number.
        line: Option<u64>,
        /// How late it wakes, in turn.
        late: Vec<u64>,
        /// How long it is away after 50 waits, in turn.
        away: Vec<u64>,
    }

    fn greedy(piece: usize) -> Sender {
        Sender {
            piece,
            line: None,
            late: vec![0, 1, 5],
            away: vec![0],
        }
    }

    fn slow(line: u64) -> Sender {
        Sender {
            line: Some(line),
            ..greedy(1 << 20)
        }
    }

    /// What was granted when and to whom, in 10 s of made-up time.
    fn grants(rate: u64, senders: &[Sender]) -> Vec<(Duration, usize, u64)> {
        let start = Instant::now();
        let mut bucket = bucket(rate, start);
        let ids: Vec<_> = senders.iter().map(|_| bucket.join(start)).collect();
        let mut next = vec![Duration::ZERO; senders.len()];
        let mut waits = vec![0; senders.len()];
        let mut granted = Vec::new();
        loop {
            let (who, now) = next
                .iter()
                .copied()
                .enumerate()
                .min_by_key(|it| it.1)
                .unwrap();
            if now >= RUN {
                return granted;
            }
            let sender = &senders[who];
            match bucket.take(ids[who], sender.piece, start + now) {
                Ok(bytes) => {
                    granted.push((now, who, bytes as u64));
                    next[who] += sender.line.map_or(Duration::from_nanos(1), |line| {
                        Duration::from_nanos(bytes as u64 * 1_000_000_000 / line)
                    });
                }
                Err(wait) => {
                    assert!(wait > Duration::ZERO);
                    let count: usize = waits[who];
                    waits[who] += 1;
                    next[who] +=
                        wait + Duration::from_millis(sender.late[count % sender.late.len()]);
                    if count % 50 == 49 {
                        let away = sender.away[count / 50 % sender.away.len()];
                        next[who] += Duration::from_millis(away);
                    }
                }
            }
        }
    }

    fn sum_of(granted: &[(Duration, usize, u64)], who: usize) -> u64 {
        let of_it = granted.iter().filter(|grant| grant.1 == who);
        of_it.map(|grant| grant.2).sum()
    }

    /// The most in any two seconds.
    fn most_in_two_seconds(granted: &[(Duration, usize, u64)]) -> u64 {
        let (mut sum, mut most) = (0, 0);
        let mut window = VecDeque::new();
        for (at, _, bytes) in granted {
            window.push_back((*at, *bytes));
            sum += bytes;
            while window.front().unwrap().0 + Duration::from_secs(2) < *at {
                sum -= window.pop_front().unwrap().1;
            }
            most = most.max(sum);
        }
        most
    }

    #[track_caller]
    fn assert_about(found: u64, expected: u64) {
        assert!(
            found.abs_diff(expected) <= expected / 25,
            "{found} and not about {expected}"
        );
    }

    #[test]
    fn a_steady_sender_gets_what_the_limit_says() {
        for rate in [1_000, 50_000, 1 << 20, 125_000_000, 10_000_000_000] {
            for piece in [1 << 12, 1 << 15, 1 << 20, 1 << 30] {
                if rate / piece as u64 > 1_000_000 {
                    continue;
                }
                let granted = grants(rate, &[greedy(piece)]);
                assert_about(sum_of(&granted, 0), rate * 10);
                let most = most_in_two_seconds(&granted);
                assert!(most <= 2 * rate + rate / 5, "{rate} {piece}: {most}");
            }
        }
    }

    #[test]
    fn who_asks_for_much_at_once_gets_no_more_than_who_asks_for_little() {
        let senders = [greedy(1 << 20), greedy(1 << 15), greedy(1 << 12)];
        let granted = grants(3 << 20, &senders);
        for who in 0..3 {
            assert_about(sum_of(&granted, who), 10 << 20);
        }
    }

    #[test]
    fn what_slow_lines_leave_goes_to_the_others() {
        // Of 12 MB/s four have 3 MB/s each; two take less, and one takes nothing after its first bytes.
        let senders = [greedy(1 << 20), greedy(1 << 15), slow(1_000_000), slow(1)];
        let granted = grants(12_000_000, &senders);
        assert_about(sum_of(&granted, 2), 10_000_000);
        assert_about(sum_of(&granted, 0), 55_000_000);
        assert_about(sum_of(&granted, 1), 55_000_000);
    }

    #[test]
    fn one_sender_among_many_that_stand_still_gets_nearly_all() {
        let mut senders = vec![slow(1); 30];
        senders.push(greedy(1 << 20));
        assert_about(sum_of(&grants(1 << 20, &senders), 30), 10 << 20);
    }

    #[test]
    fn few_bytes_are_waited_for_one_by_one() {
        let now = Instant::now();
        let mut bucket = bucket(2, now);
        let id = bucket.join(now);
        assert_eq!(bucket.take(id, 100, now), Err(Duration::from_millis(500)));
        let later = now + Duration::from_millis(500);
        assert_eq!(bucket.take(id, 100, later), Ok(1));
        assert_eq!(bucket.take(id, 0, later), Ok(0));
    }

    #[test]
    fn who_comes_or_goes_changes_what_the_others_get() {
        let now = Instant::now();
        let mut bucket = bucket(4000, now);
        let first = bucket.join(now);
        assert_eq!(bucket.share_per_sec(), Some(4000));
        let second = bucket.join(now);
        assert_eq!(bucket.share_per_sec(), Some(2000));
        let later = now + Duration::from_millis(20);
        assert_eq!(
            bucket.take(first, 1000, later),
            Err(Duration::from_millis(5))
        );
        bucket.leave(second, later);
        assert_eq!(
            bucket.take(first, 1000, later),
            Err(Duration::from_millis(15))
        );
    }

    #[test]
    fn a_rate_may_change_and_be_lifted_while_a_sender_waits() {
        let now = Instant::now();
        let mut bucket = bucket(1, now);
        let id = bucket.join(now);
        assert_eq!(bucket.take(id, 1 << 20, now), Err(Duration::from_secs(1)));
        bucket.set_rate(None, now);
        assert_eq!(bucket.take(id, 1 << 20, now), Ok(1 << 20));
        assert_eq!(bucket.share_per_sec(), None);
        let later = now + Duration::from_hours(1);
        bucket.set_rate(NonZeroU64::new(4000), later);
        // What came in while nothing was limited is not made up for.
        assert_eq!(
            bucket.take(id, 1 << 20, later),
            Err(Duration::from_millis(25))
        );
    }

    fn sender() -> impl Strategy<Value = Sender> {
        (
            1_usize << 14..1 << 22,
            prop::option::of(1_000_u64..1 << 30),
            prop::collection::vec(0_u64..60, 1..8),
            prop::collection::vec(0_u64..3_000, 1..4),
        )
            .prop_map(|(piece, line, late, away)| Sender {
                piece,
                line,
                late,
                away,
            })
    }

    proptest! {
        #[test]
        fn however_late_senders_come_no_two_seconds_see_a_tenth_too_much(
            rate in 1_000_u64..1 << 27,
            senders in prop::collection::vec(sender(), 1..6),
        ) {
            let most = most_in_two_seconds(&grants(rate, &senders));
            prop_assert!(most <= 2 * rate + rate / 5, "{} of {}", most, rate);
        }

        #[test]
        fn each_gets_what_its_line_takes_or_as_much_as_any_other(
            lines in prop::collection::vec(prop::option::of(10_000_u64..4_000_000), 1..8),
        ) {
            const RATE: u64 = 4_000_000;
            let senders: Vec<Sender> = lines
                .iter()
                .map(|line| Sender { line: *line, late: vec![0], ..greedy(1 << 16) })
                .collect();
            let granted = grants(RATE, &senders);
            // Fair shares, from the slowest line up.
            let mut sorted: Vec<u64> = lines.iter().map(|line| line.unwrap_or(RATE)).collect();
            sorted.sort_unstable();
            let (mut left, mut fair) = (RATE, 0);
            for (place, line) in sorted.iter().enumerate() {
                fair = left / (sorted.len() - place) as u64;
                if *line > fair {
                    break;
                }
                left -= line;
            }
            for (who, line) in lines.iter().enumerate() {
                let expected = 10 * line.unwrap_or(RATE).min(fair.max(RATE / lines.len() as u64));
                let got = sum_of(&granted, who);
                prop_assert!(got * 100 >= expected * 90, "{who}: {got} of {expected} in {lines:?}");
            }
        }
    }
}
