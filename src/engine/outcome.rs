//! What a run and its regions came to.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::event::RegionResult;
use crate::model::{ImageId, RegionName, Status};
use crate::plan::{MasterInventory, Plan, RestorePlan};
use crate::state::BackupFile;

/// How one region ended.
#[derive(Debug, Clone)]
pub struct RegionOutcome {
    /// The region.
    pub region: RegionName,
    /// How it ended.
    pub result: RegionResult,
    /// What its work gave; none where it failed before there was anything.
    pub work: Option<RegionWorkResult>,
}

/// What the work in a region gave, by the kind of the run.
#[derive(Debug, Clone)]
pub enum RegionWorkResult {
    /// Of a sync, a dry run or a status.
    Sync(RegionSync),
    /// The file that was written.
    Backup(BackupFile),
    /// What differs from the backup, and what was put back.
    Restore(RegionRestore),
}

/// What a region needed, and what it is at the end.
#[derive(Debug, Clone)]
pub struct RegionSync {
    /// The decision.
    pub plan: Arc<Plan>,
    /// What every image of the plan is at the end.
    pub statuses: Vec<(String, Status)>,
    /// Bytes of content that were sent and published.
    pub uploaded_bytes: u64,
    /// Bytes of content that were fetched from other regions and published.
    pub pulled_bytes: u64,
}

/// What came of a region's restore.
#[derive(Debug, Clone, Serialize)]
pub struct RegionRestore {
    /// What differs.
    #[serde(flatten)]
    pub plan: RestorePlan,
    /// The images whose metadata was put back.
    pub restored: BTreeSet<ImageId>,
}

impl RegionRestore {
    /// Nothing was put back yet.
    pub fn new(plan: RestorePlan) -> Self {
        let restored = BTreeSet::new();
        Self { plan, restored }
    }
}

impl RegionOutcome {
    /// A region that failed before its work gave anything.
    pub fn failed(region: RegionName) -> Self {
        Self {
            region,
            result: RegionResult::Failed,
            work: None,
        }
    }

    /// True where something failed.
    pub fn is_failed(&self) -> bool {
        self.result == RegionResult::Failed
    }

    /// What a sync, a dry run or a status gave.
    pub fn sync(&self) -> Option<&RegionSync> {
        match &self.work {
            Some(RegionWorkResult::Sync(sync)) => Some(sync),
            _ => None,
        }
    }

    /// The file that a backup wrote.
    pub fn backup(&self) -> Option<&BackupFile> {
        match &self.work {
            Some(RegionWorkResult::Backup(file)) => Some(file),
            _ => None,
        }
    }

    /// What a restore found and did.
    pub fn restore(&self) -> Option<&RegionRestore> {
        match &self.work {
            Some(RegionWorkResult::Restore(restore)) => Some(restore),
            _ => None,
        }
    }
}

/// What `--fail-on` looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Any `error_*` and any `pending_*`.
    Pending,
    /// Any `error_*`.
    Error,
}

impl FailOn {
    /// True for a status that it looks for.
    pub fn finds(self, status: Status) -> bool {
        status.is_error() || (self == Self::Pending && status.is_pending())
    }
}

/// How the whole run ended.
#[derive(Debug)]
pub struct RunOutcome {
    /// The regions that ran, in run order. One that was not begun before an interrupt is missing.
    pub regions: Vec<RegionOutcome>,
    /// Of a run that compares, the master region and its images that counted.
    pub masters: Option<(RegionName, Arc<MasterInventory>)>,
    /// The exit code of the program.
    pub exit_code: u8,
}
