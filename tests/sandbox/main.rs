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
