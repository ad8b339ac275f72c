//! The actors that run a fleet, and what they need to know before they start.
//!
//! `run` logs in, reads the master and chooses the regions (`fleet`, `choose`); the coordinator
//! starts one region actor after another, as its permits allow; each region lists, decides and
//! carries out on its own. All of them report; none of them prints.

mod choose;
mod coordinator;
mod fleet;
mod outcome;
mod region;
mod run;
mod shutdown;

pub use fleet::StartError;
pub use outcome::{
    EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, FailOn, RegionOutcome, RunOutcome,
};
pub use run::{FleetRegions, RunOptions, regions, run};
pub use shutdown::{Stop, StopSignal, Stopper};
