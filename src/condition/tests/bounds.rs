//! No condition takes the process down, or keeps it for long.

use std::time::{Duration, Instant};

use super::outcome;

/// Far above the bounds: a debug build is slow, and what passes a bound of memory is tried twice.
const LIMIT: Duration = Duration::from_secs(10);

fn stopped(text: &str, exception: &str) {
    let begun = Instant::now();
    let words = outcome(text);
    let took = begun.elapsed();
    assert!(words.starts_with(exception), "{text}: {words}");
    assert!(took < LIMIT, "{text}: {took:?}");
}

#[test]
fn one_operation_that_would_take_much_memory() {
    for text in [
        "[0] * 10**9",
        "'x' * 10**10",
        "(0,) * 2**40",
        "10**10**9",
        "2 ** 2**40",
        "1 << 2**40",
        "pow(3, 10**9)",
        "bytes(10**11)",
        "'x'.center(10**10)",
        "'x'.replace('', 'y' * 10**6) * 10**6",
        "list(range(10**12))",
    ] {
        stopped(text, "MemoryError: memory limit exceeded");
    }
}

#[test]
fn many_operations_that_take_more_and_more_memory() {
    for text in [
        "[[0] * 1000 for x in range(10**12)]",
        "'abc'.join('x' * 1000 for x in range(10**12))",
        "list(map(lambda x: [x] * 1000, range(10**12)))",
        "(s := 'x', [s := s + s for x in range(10**9)])",
        "{x: 'x' * 10000 + str(x) for x in range(10**12)}",
    ] {
        stopped(text, "MemoryError: memory limit exceeded");
    }
}

#[test]
fn what_takes_no_memory_and_has_no_end() {
    stopped("sum(range(10**15))", "TimeoutError: time limit exceeded");
}

#[test]
fn deep_recursion_and_deep_values() {
    for text in [
        "(lambda f: f(f))(lambda f: f(f))",
        "(lambda f: f(f, 0))(lambda f, n: [f(f, n + 1)])",
        "(lambda f: f(f, []))(lambda f, n: f(f, [n]))",
        "(n := (), [n := (n,) for x in range(10**4)], hash(n))",
        "(n := [], m := [], [(n := [n], m := [m]) for x in range(10**4)], n == m)",
    ] {
        stopped(text, "RecursionError");
    }
    // Nothing but the destructor walks the first, and no further than need be the second.
    stopped("(n := [], [n := [n] for x in range(10**4)])[2:]", "False");
    stopped(
        "(n := [], [n := [n] for x in range(10**4)], str(n))",
        "True",
    );
}

#[test]
fn a_bound_of_memory_is_for_one_evaluation() {
    let fits = "len('x' * (40 * 1024 * 1024)) > 0";
    for _ in 0..5 {
        assert_eq!(outcome(fits), "True");
    }
    stopped("len('x' * (70 * 1024 * 1024)) > 0", "MemoryError");
    assert_eq!(outcome(fits), "True");
}

#[test]
fn several_threads_evaluate_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(
                        outcome("image.is_public and len('x' * 10**7) == 10**7"),
                        "True"
                    );
                }
            });
        }
    });
}
