//! Many seeds at once: a run mostly waits, so that several fit beside each other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many of the runs are under way at once.
const AT_ONCE: usize = 8;

/// Takes that many seeds from the first on; fails with all that any of them found.
pub(crate) fn many(what: &str, first: u64, count: u64, run: impl Fn(u64) -> Duration + Sync) {
    many_at_once(AT_ONCE, what, first, count, run);
}

/// The same, so many of them at once.
pub(crate) fn many_at_once(
    at_once: usize,
    what: &str,
    first: u64,
    count: u64,
    run: impl Fn(u64) -> Duration + Sync,
) {
    let next = AtomicU64::new(first);
    let found = Mutex::new(Vec::new());
    let longest = Mutex::new((Duration::ZERO, 0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    match catch_unwind(AssertUnwindSafe(|| run(seed))) {
                        Ok(took) => {
                            let mut longest = longest.lock().unwrap();
                            *longest = (*longest).max((took, seed));
                        }
                        Err(panic) => found.lock().unwrap().push((seed, words_of(&*panic))),
                    }
                }
            });
        }
    });
    let (took, seed) = longest.into_inner().unwrap();
    let mut found = found.into_inner().unwrap();
    found.sort();
    println!(
        "{what}: {count} in {:.0} s, {} failed; the longest run took {:.1} s (seed {seed})",
        started.elapsed().as_secs_f64(),
        found.len(),
        took.as_secs_f64(),
    );
    for (seed, words) in &found {
        println!("--- seed {seed}\n{words}");
    }
    assert!(
        found.is_empty(),
        "{what}: seeds {:?}",
        found.iter().map(|(seed, _)| seed).collect::<Vec<_>>()
    );
}

/// The number in an environment variable.
pub(crate) fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
