//! The embedded OpenStack as its clients meet it: over HTTP, with faults, stopped and killed.

#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do, they panic over"
)]

mod cloud;
mod faults;
mod handling;
mod images;
mod late;
mod uploads;

#[allow(dead_code, reason = "tests of other kinds use it too")]
#[path = "../common/wait.rs"]
mod wait;
