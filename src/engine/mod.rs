//! The actors that run a fleet, and what they need to know before they start.
//!
//! `prepare` logs in and chooses the regions (`targets`, `region_selection`) and `run` reads the master; the
//! coordinator starts one region actor after another, as its permits allow; each region lists,
//! decides and carries out on its own, or, for a `backup`, writes down what it listed. All of them
//! report; none of them prints. `availability` asks every region of the configuration whether it answers.

mod availability;
mod backup;
mod contents;
mod coordinator;
mod names;
mod orphan_doubts;
mod outcome;
mod prepare;
mod region;
mod region_selection;
mod restore;
mod run;
mod saved_plan;
mod shutdown;
mod targets;
mod verdict;
mod waves;

pub use availability::{RegionSurvey, TargetSurvey, survey};
pub use backup::backup;
pub use outcome::{FailOn, RegionOutcome, RegionRestore, RegionSync, RegionWorkResult, RunOutcome};
pub use prepare::{Scope, check_credentials, check_targets};
pub use restore::{RestoreOptions, restore};
pub use run::{FleetRegions, RunOptions, regions, run};
pub use saved_plan::SavedPlan;
pub use shutdown::{OVERTIME, Stop, StopSignal, Stopper};
pub use targets::StartError;
