//! What a run and its regions came to.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::event::RegionResult;
use crate::model::{ImageId, RegionName, Status};
use crate::plan::{Plan, RestorePlan};
use crate::state::BackupFile;

/// How one region ended.
#[derive(Debug, Clone)]
pub struct RegionOutcome {
    /// The region.
    pub region: RegionName,
    /// How it ended.
    pub result: RegionResult,
    /// The decision; none where it failed before.
    pub plan: Option<Arc<Plan>>,
    /// What every image of the plan is at the end.
    pub statuses: Vec<(String, Status)>,
    /// Bytes of content that were sent and published.
    pub uploaded_bytes: u64,
    /// The file that was written of it; none unless that was asked for and succeeded.
    pub backup: Option<BackupFile>,
    /// What differs from its backup, and what was put back; none unless that was asked for and it
    /// was compared.
    pub restore: Option<RegionRestore>,
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
    /// A region that failed before there was a decision.
    pub fn failed(region: RegionName) -> Self {
        Self {
            region,
            result: RegionResult::Failed,
            plan: None,
            statuses: Vec::new(),
            uploaded_bytes: 0,
            backup: None,
            restore: None,
        }
    }

    /// True where something failed.
    pub fn is_failed(&self) -> bool {
        self.result == RegionResult::Failed
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
    /// The exit code of the program.
    pub exit_code: u8,
}

/// Every region was processed and nothing failed.
pub const EXIT_OK: u8 = 0;
/// At least one region, image or condition failed, or `--fail-on` found what it looks for.
pub const EXIT_FAILED: u8 = 1;
/// The command line or the configuration is wrong, or the master region cannot be read.
pub const EXIT_USAGE: u8 = 2;
/// Another run for the same master holds the lock.
pub const EXIT_LOCKED: u8 = 3;
/// The run was interrupted.
pub const EXIT_INTERRUPTED: u8 = 130;
