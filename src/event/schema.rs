//! The public events of a run: what every module reports, and what `--log-format json` prints.
//!
//! Names of events, fields and codes are public; a change to one is a breaking change.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::model::{
    ActionKind, ContentOrigin, DeliveryWay, ErrorCode, ImageId, RegionName, RunWave, Status,
    Warning,
};
use crate::plan::{Action, Orphan, PassedOver, SelectedBy, Upload};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What happens.
    Info,
    /// What somebody should look at.
    Warning,
    /// What failed.
    Error,
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Brings the regions in step.
    Sync,
    /// Carries out a saved plan, as far as it is still what is needed.
    Apply,
    /// Prints the plan.
    DryRun,
    /// Prints the status report.
    Status,
    /// Prints the id of every image that is in step.
    Images,
    /// Writes every image's metadata into files.
    Backup,
    /// Compares a backup with its regions, and may put metadata back.
    Restore,
}

impl Mode {
    /// True where the run may change something in a region.
    pub fn may_change_regions(self) -> bool {
        self.is_sync() || self == Self::Restore
    }

    /// True where regions are brought in step, by today's plan or a saved one.
    pub fn is_sync(self) -> bool {
        matches!(self, Self::Sync | Self::Apply)
    }

    /// True where a region's images are compared with the master's and nothing more.
    pub fn only_compares(self) -> bool {
        matches!(self, Self::Status | Self::Images)
    }

    /// The word of the events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Apply => "apply",
            Self::DryRun => "dry_run",
            Self::Status => "status",
            Self::Images => "images",
            Self::Backup => "backup",
            Self::Restore => "restore",
        }
    }
}

/// How a region ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionResult {
    /// Nothing had to be done.
    Synchronised,
    /// Something was done, and nothing failed.
    Changed,
    /// Something failed.
    Failed,
}

impl RegionResult {
    /// The word of the events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synchronised => "synchronised",
            Self::Changed => "changed",
            Self::Failed => "failed",
        }
    }
}

/// Why the run did not get to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A signal ended the run.
    Interrupted,
    /// The time of `max_duration` was over.
    OutOfTime,
    /// An earlier wave halted the run.
    WaveHalted,
    /// `--until-wave` named an earlier wave.
    UntilWave,
}

/// How a wave ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaveResult {
    /// The run may go on.
    Done,
    /// No later wave is begun.
    Halted,
}

/// What is done to which image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionFacts {
    /// What.
    pub action: ActionKind,
    /// To the image of that name.
    pub image: String,
    /// Its id in the region; none before a new image was made.
    pub image_id: Option<ImageId>,
    /// Bytes of content that are brought into the region.
    pub bytes: u64,
    /// How they get there; none where none do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryWay>,
    /// Where this host reads them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ContentOrigin>,
    /// The region that they are fetched from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<RegionName>,
    /// The disk format of a new image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_format: Option<String>,
}

impl ActionFacts {
    /// What an action of a plan is about.
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Upload(upload) => Self::of_upload(upload),
            _ => Self::of_metadata(action.kind(), action.image(), action.image_id().cloned()),
        }
    }

    /// What a new image is about.
    pub fn of_upload(upload: &Upload) -> Self {
        let id = upload.leftover.as_ref().map(|it| it.image_id.clone());
        Self {
            bytes: upload.bytes,
            delivery: upload.way(),
            source: upload.source,
            from: upload.from.clone(),
            disk_format: upload.disk_format.clone(),
            ..Self::of_metadata(upload.kind(), &upload.image, id)
        }
    }

    /// What is done to an image without content of it.
    pub fn of_metadata(action: ActionKind, image: &str, image_id: Option<ImageId>) -> Self {
        Self {
            action,
            image: image.to_owned(),
            image_id,
            bytes: 0,
            delivery: None,
            source: None,
            from: None,
            disk_format: None,
        }
    }
}

/// An error: its code, a sentence for a person, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The public code.
    pub code: ErrorCode,
    /// What happened, with method, URL and the server's message where a server was asked.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// The image, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The action that failed, where one was under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionKind>,
    /// Of a saved plan that is outdated, what differs, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
}

impl Failure {
    /// An error that is about no image.
    pub fn new(code: ErrorCode, message: String, hint: &str) -> Self {
        Self {
            code,
            message,
            hint: hint.to_owned(),
            image: None,
            action: None,
            differs: Vec::new(),
        }
    }

    /// Of a log-in that was refused: what in its values was hardly meant.
    pub fn add_doubts(&mut self, doubts: &[String]) {
        use ErrorCode::{AuthFailed, KeystoneFailed, KeystoneUnreachable};
        if matches!(self.code, AuthFailed | KeystoneFailed | KeystoneUnreachable) {
            for doubt in doubts {
                self.hint = format!("{} {doubt}.", self.hint);
            }
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The configuration was read, the master inventory built, the regions chosen.
    RunStarted {
        /// The master region.
        master: RegionName,
        /// The regions, in run order.
        regions: Vec<RegionName>,
        /// What the run does.
        mode: Mode,
        /// Several regions at once.
        parallel: bool,
        /// How many.
        max_children: usize,
        /// The globs of `--image`; without any, every image is meant.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        images: Vec<String>,
        /// The globs of `--exclude-image`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        excluded_images: Vec<String>,
        /// The saved plan that is carried out, or that a dry run writes.
        #[serde(skip_serializing_if = "Option::is_none")]
        plan_file: Option<String>,
        /// The waves, in order, each with its regions; empty where there are none.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        waves: Vec<RunWave>,
        /// How many images of the master do not count, by why; empty where all count.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        passed_over: BTreeMap<PassedOver, usize>,
    },
    /// The regions of a wave begin.
    WaveStarted(RunWave),
    /// The regions of a wave have ended, and its gate, where it had one, has decided.
    WaveFinished {
        /// The wave.
        #[serde(flatten)]
        wave: RunWave,
        /// Whether the run may go on.
        result: WaveResult,
        /// How many of its regions failed.
        regions_failed: usize,
        /// How the gate ended; none where there was none, or it did not end by itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        gate_exit_code: Option<i32>,
        /// How long all of it took.
        #[serde(serialize_with = "millis")]
        seconds: f64,
    },
    /// A region got its permit.
    RegionStarted,
    /// The run ends before a region's turn has come.
    RegionSkipped {
        /// Why.
        reason: SkipReason,
    },
    /// The decision for a region.
    Plan {
        /// How many images have each status.
        counts: BTreeMap<Status, usize>,
        /// Bytes of content to send.
        bytes_pending: u64,
        /// Bytes of content to fetch from other regions.
        bytes_pulled: u64,
        /// Images to delete by an action of their own: leftovers, old images and orphans.
        deletions: usize,
        /// Images that no rule wants any more.
        orphans: usize,
    },
    /// An image of the region that no rule wants any more.
    Orphan(Orphan),
    /// An action begins.
    ActionStarted(ActionFacts),
    /// An action succeeded.
    ActionFinished {
        /// Which.
        #[serde(flatten)]
        facts: ActionFacts,
        /// How long it took.
        #[serde(serialize_with = "millis")]
        seconds: f64,
    },
    /// What would be done.
    ActionPlanned {
        /// What.
        #[serde(flatten)]
        facts: ActionFacts,
        /// The rule by which the image is wanted; none where no rule wants it.
        #[serde(skip_serializing_if = "Option::is_none")]
        wanted_by: Option<SelectedBy>,
    },
    /// How far an upload is: at most one a second and image.
    Progress {
        /// The image.
        image: String,
        /// `upload`, `replace` or `rename`.
        action: ActionKind,
        /// Bytes of content sent.
        bytes_sent: u64,
        /// Bytes of content in all.
        bytes_total: u64,
    },
    /// Somebody should look at something.
    Warning(Warning),
    /// Something failed.
    Error(Failure),
    /// A region is done.
    RegionFinished {
        /// How it ended.
        result: RegionResult,
        /// Bytes of content that were sent and published.
        uploaded_bytes: u64,
        /// Images that were uploaded.
        uploaded_images: usize,
        /// Bytes of content that were fetched from other regions and published.
        pulled_bytes: u64,
        /// Images whose content was fetched from other regions.
        pulled_images: usize,
        /// Images whose metadata was changed.
        updated_images: usize,
        /// Images that were deleted by an action of their own: leftovers, old images and orphans.
        deleted_images: usize,
        /// Orphans that were hidden.
        hidden_images: usize,
        /// How many images are `pending_*` or `error_*` at the end, by status; nothing of a region
        /// that was not compared.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        left: BTreeMap<Status, usize>,
        /// How long it took.
        #[serde(serialize_with = "millis")]
        seconds: f64,
    },
    /// The run is over.
    RunFinished {
        /// Regions that did not fail.
        regions_ok: usize,
        /// Regions that failed.
        regions_failed: usize,
        /// Regions that the run did not get to.
        regions_not_begun: usize,
        /// Bytes of content that were sent and published.
        uploaded_bytes: u64,
        /// Bytes of content that were fetched from other regions and published.
        pulled_bytes: u64,
        /// How long it took.
        #[serde(serialize_with = "millis")]
        seconds: f64,
        /// The wave that halted the run; none where none did.
        #[serde(skip_serializing_if = "Option::is_none")]
        halted_by: Option<String>,
        /// The exit code of the program.
        exit_code: u8,
        /// Why that is not 0; none where it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// An event, with its time and its region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub ts: DateTime<Utc>,
    /// How much it matters.
    pub level: Level,
    /// The region that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionName>,
    /// The wave that the region is in, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<Box<str>>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// An event that happens now.
    pub fn now(region: Option<RegionName>, kind: EventKind) -> Self {
        Self {
            ts: Utc::now(),
            level: kind.level(),
            region,
            wave: None,
            kind,
        }
    }
}

impl EventKind {
    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::Warning(_) => Level::Warning,
            Self::Error(_) => Level::Error,
            _ => Level::Info,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn millis<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1000.0).round() / 1000.0)
}

fn rfc3339<S: Serializer>(ts: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&ts.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}
