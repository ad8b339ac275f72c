//! What a run came to: values that `summary_builder` gathers, and that the command line prints with the
//! functions of `format`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::run_id::RunId;
use super::text::OneLine;
use crate::event::{Failure, Mode, RegionResult, WaveResult};
use crate::model::{ListedHash, RegionName, RunWave, Status, TargetName};
use crate::plan::Reason;

/// What one region came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegionSummary {
    /// The region.
    pub region: RegionName,
    /// How it ended; none where the run ended before it did.
    pub result: Option<RegionResult>,
    /// How many images had each status before anything was done.
    pub counts: BTreeMap<Status, usize>,
    /// How many images are `pending_*` or `error_*` at the end, by status.
    pub left: BTreeMap<Status, usize>,
    /// Actions that its plan held.
    pub planned_actions: usize,
    /// Bytes of content that its plan would send.
    pub bytes_pending: u64,
    /// Bytes of content that its plan would have fetched from other regions.
    pub bytes_pulled: u64,
    /// Images that its plan would delete by an action of their own.
    pub deletions: usize,
    /// Images of the region that no rule wants any more.
    pub orphans: usize,
    /// Bytes of content that were sent and published.
    pub uploaded_bytes: u64,
    /// Images that were uploaded.
    pub uploaded_images: usize,
    /// Bytes of content that were fetched from other regions and published.
    pub pulled_bytes: u64,
    /// Images whose content was fetched from other regions.
    pub pulled_images: usize,
    /// Images whose metadata was changed.
    pub updated_images: usize,
    /// Images that were deleted by an action of their own: leftovers, old images and orphans.
    pub deleted_images: usize,
    /// Orphans that were hidden.
    pub hidden_images: usize,
    /// How long it took.
    pub seconds: f64,
    /// How many warnings it had.
    pub warnings: usize,
    /// What failed, in order.
    pub errors: Vec<Failure>,
    /// The images that nothing happens to until somebody decides, and what is asked.
    #[serde(skip)]
    pub(super) questions: Vec<(String, Question)>,
}

/// What has to be decided about an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// It has another checksum, which no list holds.
    Checksum(Option<ListedHash>),
    /// That kernel or ramdisk is unavailable.
    Part(String),
}

impl Question {
    /// What is to be decided about an image of that reason; none where nothing is.
    pub(super) fn of(reason: &Reason) -> Option<Self> {
        match reason {
            Reason::Unlisted { checksum } => Some(Self::Checksum(checksum.clone())),
            Reason::PartUnavailable { part, .. } => Some(Self::Part(part.clone())),
            _ => None,
        }
    }

    /// The status of an image that it is asked of.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Checksum(_) => Status::ErrorChecksum,
            Self::Part(_) => Status::ErrorAmi,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum(Some(checksum)) => checksum.fmt(f),
            Self::Checksum(None) => f.write_str("`any`, since there is no checksum"),
            Self::Part(part) => write!(f, "`{}`, which is needed by", OneLine(part)),
        }
    }
}

/// What one wave came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaveSummary {
    /// The wave, and its regions.
    #[serde(flatten)]
    pub wave: RunWave,
    /// How it ended; none where it was not begun, or the run ended before it did.
    pub result: Option<WaveResult>,
    /// How many of its regions failed.
    pub regions_failed: usize,
    /// How its gate ended; none where it had none, or that did not end by itself.
    pub gate_exit_code: Option<i32>,
}

impl WaveSummary {
    /// It has not begun.
    pub(super) fn new(wave: RunWave) -> Self {
        Self {
            wave,
            result: None,
            regions_failed: 0,
            gate_exit_code: None,
        }
    }
}

impl RegionSummary {
    /// Nothing is known of it yet.
    pub(super) fn new(region: RegionName) -> Self {
        Self {
            region,
            result: None,
            counts: BTreeMap::new(),
            left: BTreeMap::new(),
            planned_actions: 0,
            bytes_pending: 0,
            bytes_pulled: 0,
            deletions: 0,
            orphans: 0,
            uploaded_bytes: 0,
            uploaded_images: 0,
            pulled_bytes: 0,
            pulled_images: 0,
            updated_images: 0,
            deleted_images: 0,
            hidden_images: 0,
            seconds: 0.0,
            warnings: 0,
            errors: Vec::new(),
            questions: Vec::new(),
        }
    }

    /// What is said of the region: that it is in step only where nothing is left to do or to decide.
    pub fn standing(&self, mode: Mode) -> Standing {
        match self.result {
            None => Standing::NotBegun,
            Some(RegionResult::Failed) => Standing::Failed,
            Some(_) if self.left.keys().any(|status| status.is_error()) => Standing::NeedsDecision,
            Some(RegionResult::Changed) if mode.is_sync() => Standing::Changed,
            Some(_) if mode == Mode::DryRun && self.planned_actions > 0 => Standing::WouldChange,
            Some(_) if !self.left.is_empty() => Standing::NotInStep,
            Some(_) => Standing::InStep,
        }
    }
}

/// What is said of a region that was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Every image is what it should be.
    InStep,
    /// Something was done, and nothing is left.
    Changed,
    /// A sync would do something.
    WouldChange,
    /// Images are pending.
    NotInStep,
    /// Images are `error_*`: nothing happens to them until somebody decides.
    NeedsDecision,
    /// Something failed.
    Failed,
    /// The run did not get to it.
    NotBegun,
}

/// The region that took longest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowestRegion {
    /// The region.
    pub region: RegionName,
    /// How long it took.
    pub seconds: f64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The run, as its events name it.
    pub run_id: RunId,
    /// What the run did.
    pub mode: Mode,
    /// The master region; none where the run ended before it was known.
    pub master: Option<RegionName>,
    /// The exit code of the program.
    pub exit_code: u8,
    /// Why that is not 0; none where it is.
    pub reason: Option<String>,
    /// The globs of `--image`; what is said is said of the images that they chose alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// The sync that was under way for the same master when this run began, as it names itself; what it
    /// had in progress is no part of this plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_under_way: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Regions that ended without a failure.
    pub regions_ok: usize,
    /// Regions that failed.
    pub regions_failed: usize,
    /// Regions that the run did not get to, or did not finish.
    pub regions_unfinished: usize,
    /// Bytes of content that were sent and published.
    pub uploaded_bytes: u64,
    /// Images that were uploaded.
    pub uploaded_images: usize,
    /// Bytes of content that were fetched from other regions and published.
    pub pulled_bytes: u64,
    /// Images whose content was fetched from other regions.
    pub pulled_images: usize,
    /// Images whose metadata was changed.
    pub updated_images: usize,
    /// Images that were deleted by an action of their own: leftovers, old images and orphans.
    pub deleted_images: usize,
    /// Orphans that were hidden.
    pub hidden_images: usize,
    /// Images of the regions that no rule wants any more.
    pub orphans: usize,
    /// How many warnings there were, of regions and of the run.
    pub warnings: usize,
    /// How many images had each status before anything was done, over all regions.
    pub counts: BTreeMap<Status, usize>,
    /// The region that took longest; none where no region ended.
    pub slowest: Option<SlowestRegion>,
    /// The folder of the region logs, where there are any.
    pub log_folder: Option<PathBuf>,
    /// Targets for which no image is selected.
    pub empty_selections: Vec<TargetName>,
    /// The master region was chosen as a destination, and skipped.
    #[serde(skip)]
    pub master_skipped: bool,
    /// The waves of the run, in order; empty where it had none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<WaveSummary>,
    /// What failed outside every region.
    pub errors: Vec<Failure>,
    /// The regions, in run order.
    pub regions: Vec<RegionSummary>,
}
