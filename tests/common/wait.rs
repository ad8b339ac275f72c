//! Waiting for what a test is about to look at: the one place in which tests let time pass.

use std::time::{Duration, Instant};

/// What is not there by then never comes.
const LIMIT: Duration = Duration::from_mins(2);

/// From one question to the next.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer; none when the time is up.
pub(crate) fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() >= deadline {
            return answer;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Asks again and again until there is an answer, and fails the test where none comes.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    let answer = poll(LIMIT, ask);
    answer.unwrap_or_else(|| panic!("after {LIMIT:?} there is not: {what}"))
}

/// Waits until that is so, and fails the test where it never is.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// [`wait_until`] for what runs beside other work on the same thread, or has to ask a server.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so().await {
        assert!(
            Instant::now() < deadline,
            "after {LIMIT:?} there is not: {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Lets a drawn time pass, so that what follows happens at any moment of a run. Not for waiting until
/// something has happened.
pub(crate) fn at_a_drawn_moment(after: Duration) {
    std::thread::sleep(after);
}
