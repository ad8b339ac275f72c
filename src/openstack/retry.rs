//! What is asked again when it failed, how often, and after which pauses.
//!
//! | call | again |
//! | --- | --- |
//! | log-in, list, `GET`, `DELETE` | always; a `DELETE` that then finds nothing has been done |
//! | `POST /v2/images` | always: the id is chosen here, so that 409 on a further try says that an earlier one has made it, which is then looked at |
//! | `PATCH` | after a look at the image, and only where that is not yet as the change makes it |
//! | `PUT …/file` | after it has settled (below): `queued` is sent to again; `active` with the right content is done; all else is deleted and created anew, as is an image that has answered 500 twice. Not after 413, 415, a wrong checksum or `save_timeout` |
//!
//! At most `retries` times, after pauses that grow and are drawn at random, or as long as `Retry-After`
//! says, up to two minutes. A 401 leads to one log-in. Each failed try is in the region's log; the last
//! error has method, URL, tries and seconds.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::AttemptError;

/// How often a call is repeated and how long the pauses are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries after the first.
    pub retries: u32,
    /// The pause before the second try; each further pause is twice as long, and each is drawn
    /// between a half and the whole of that, so that many regions do not come back at once.
    pub first_pause: Duration,
    /// No pause is longer than this, unless the server asks for it (`Retry-After`).
    pub longest_pause: Duration,
}

/// Is told of each failed try that is followed by another, in a few words without secrets. By default
/// nobody is.
#[derive(Clone, Default)]
pub struct RetryObserver(Option<Arc<dyn Fn(String) + Send + Sync>>);

impl RetryObserver {
    /// Notifies that function.
    pub fn new(observer: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    pub(super) fn notify(&self, note: impl FnOnce() -> String) {
        if let Some(observer) = &self.0 {
            observer(note());
        }
    }
}

impl fmt::Debug for RetryObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetryObserver")
    }
}

/// The longest `Retry-After` that is waited for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(2);

impl RetryPolicy {
    /// So many tries after the first, with pauses from half a second to 15 s.
    pub fn new(retries: u32) -> Self {
        Self {
            retries,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(15),
        }
    }

    /// How long to wait after that many tries have failed; none where the server wants to be left
    /// alone (`Retry-After`) for longer than is waited.
    pub fn pause_after(&self, tries: u32, retry_after: Option<Duration>) -> Option<Duration> {
        match retry_after {
            Some(pause) if pause > LONGEST_RETRY_AFTER => None,
            Some(pause) => Some(pause),
            None => Some(self.pause(tries.saturating_sub(1))),
        }
    }

    fn pause(&self, retry: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << retry.min(16));
        let whole = doubled.min(self.longest_pause);
        // A hasher with fresh random keys is all the randomness that a pause needs.
        let random = RandomState::new().hash_one(retry) % 1024;
        whole / 2 + whole.mul_f64(f64::from(u32::try_from(random).unwrap_or(0)) / 2048.0)
    }
}

/// Whether a call may be repeated when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Twice does the same as once.
    Freely,
    /// Only where the server cannot have acted upon it.
    IfNotReceived,
}

/// The tries of one call.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    policy: &'a RetryPolicy,
    repeat: Repeat,
    deadline: Option<Instant>,
    started: Instant,
    count: u32,
}

impl<'a> Tries<'a> {
    /// The first try begins now; none begins after `deadline`.
    pub(super) fn new(policy: &'a RetryPolicy, repeat: Repeat, deadline: Option<Instant>) -> Self {
        Self {
            policy,
            repeat,
            deadline,
            started: Instant::now(),
            count: 1,
        }
    }

    /// The number of the present try.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The time since the first try began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long to wait before the next try; none where this failure is to be reported.
    pub(super) fn next(&mut self, failure: &AttemptError) -> Option<Duration> {
        let may_repeat =
            failure.is_transient() && (self.repeat == Repeat::Freely || failure.is_before_acting());
        if !may_repeat || self.count > self.policy.retries {
            return None;
        }
        let pause = self.policy.pause_after(self.count, failure.retry_after())?;
        // Better the server's own word now than a timeout after a pause.
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() + pause >= deadline)
        {
            return None;
        }
        self.count += 1;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CauseKind, TransportCause};
    use super::*;

    fn status(status: u16, retry_after: Option<Duration>) -> AttemptError {
        AttemptError::status_for_test(status, retry_after)
    }

    fn transport(kind: CauseKind) -> AttemptError {
        AttemptError::Transport(TransportCause {
            kind,
            text: String::new(),
        })
    }

    fn repeats(repeat: Repeat, failure: &AttemptError) -> bool {
        Tries::new(&RetryPolicy::new(3), repeat, None)
            .next(failure)
            .is_some()
    }

    #[test]
    fn what_may_help_is_repeated_and_nothing_else() {
        for code in [429, 500, 502, 503, 504] {
            assert!(repeats(Repeat::Freely, &status(code, None)), "{code}");
        }
        for code in [300, 400, 401, 403, 404, 409, 413, 415, 501] {
            assert!(!repeats(Repeat::Freely, &status(code, None)), "{code}");
        }
        assert!(repeats(Repeat::Freely, &transport(CauseKind::Lost)));
        assert!(!repeats(Repeat::Freely, &transport(CauseKind::Tls)));
    }

    #[test]
    fn what_might_have_been_done_is_not_done_again() {
        assert!(repeats(Repeat::IfNotReceived, &status(429, None)));
        assert!(!repeats(Repeat::IfNotReceived, &status(503, None)));
        assert!(repeats(
            Repeat::IfNotReceived,
            &transport(CauseKind::Refused)
        ));
        assert!(!repeats(Repeat::IfNotReceived, &transport(CauseKind::Lost)));
        assert!(!repeats(
            Repeat::IfNotReceived,
            &AttemptError::TimedOut(Duration::ZERO)
        ));
    }

    #[test]
    fn tries_and_pauses_are_bounded() {
        let policy = RetryPolicy::new(3);
        let mut tries = Tries::new(&policy, Repeat::Freely, None);
        let mut pauses = Vec::new();
        while let Some(pause) = tries.next(&status(503, None)) {
            pauses.push(pause.as_millis());
        }
        assert_eq!(tries.count(), 4);
        assert!((250..=500).contains(&pauses[0]), "{pauses:?}");
        assert!((1000..=2000).contains(&pauses[2]), "{pauses:?}");
        assert!(policy.pause(40) <= policy.longest_pause);
    }

    #[test]
    fn the_server_says_when_to_come_back_and_the_deadline_bounds_it() {
        let policy = RetryPolicy::new(3);
        let deadline = Some(Instant::now() + Duration::from_secs(30));
        let mut tries = Tries::new(&policy, Repeat::Freely, deadline);
        let seconds = Duration::from_secs;
        assert_eq!(tries.next(&status(503, Some(seconds(7)))), Some(seconds(7)));
        assert_eq!(tries.next(&status(503, Some(seconds(60)))), None);
        let mut tries = Tries::new(&policy, Repeat::Freely, None);
        assert_eq!(tries.next(&status(503, Some(seconds(3600)))), None);
    }
}
