//! Attempts to break the product: faults, kills, two installations at once, hostile input. What is
//! looked at afterwards is the same every time, see `invariants`.
//!
//! The tests here are a sample that is the same on every run. Many more, drawn anew:
//! `GLANCESYNC_CHAOS_NIGHT=500 cargo test --test chaos -- --ignored --nocapture`, and one of them
//! again: `GLANCESYNC_CHAOS_SEED=17 cargo test --test chaos schedules::one_seed -- --ignored`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking; what a night has found is read on the terminal"
)]

#[allow(
    dead_code,
    unused_imports,
    reason = "the suite uses what is not used here"
)]
#[path = "../common/mod.rs"]
mod common;

mod crates;
mod draw;
mod files;
mod fuzz;
mod hostile;
mod installations;
mod invariants;
mod kills;
mod many;
mod rng;
mod schedules;
mod secrets;
mod truth;
mod world;
