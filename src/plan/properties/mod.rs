//! Properties of plans that hold for every fleet and every configuration.
//!
//! `fleet` makes small fleets in which names, contents and references collide often; `oracle` says
//! in the plainest way what the contract says of an image; `glance` is a region whose images change
//! as Glance would change them; `conduct` carries a plan out there, request by request, through the
//! state that the executor asks, with or without trouble on the way.

mod conduct;
mod fleet;
mod glance;
mod oracle;

mod filtered;
mod outcome;
mod pace;
mod saved;
mod seen;
mod shape;
mod stopped;
mod untouched;
mod unwanted;
mod warnings;

use proptest::test_runner::Config;

/// Enough to meet every rule many times; a found counterexample becomes a unit test of its own.
fn config() -> Config {
    Config {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}
