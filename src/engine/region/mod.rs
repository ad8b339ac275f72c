//! One region of a run, from its list to its last action.
//!
//! `actor` is told by the coordinator to start and answers with the outcome; `pipeline` lists and
//! decides; `state` says what comes next; `execute` and `send` do it.

mod actor;
mod execute;
mod failure;
mod pipeline;
mod send;
mod state;

pub(super) use actor::{RegionActor, RegionWork, SyncRegion};
pub(super) use pipeline::{Pipeline, RegionJob, RegionTask, RunContext, failure_of};
