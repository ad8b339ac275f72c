//! One region of a run, from its list to its last action.
//!
//! `actor` is told by the coordinator to start on a `task` and answers with the outcome. Its work is
//! one of three: `sync` lists and decides, `PlanExecution` says what comes next, `executor` begins it and tells how it ended, `work` does it, and
//! `delivery` brings one image into the region; `backup` lists and writes a file; `restore` lists, compares with a file, and puts metadata back.

mod actor;
mod backup;
mod cleanup;
mod content_lookup;
mod context;
mod delivery;
mod executor;
mod failure;
mod known_hashes;
mod restore;
mod sync;
mod task;
mod totals;
mod work;

pub(super) use actor::{RegionActor, RegionWork, RunRegion};
pub(super) use backup::Backup;
pub(super) use context::RunContext;
pub(super) use restore::Restore;
pub(super) use sync::Pipeline;
pub(super) use task::{RegionJob, RegionTask, failure, failure_of, stopped, unknown_region};
