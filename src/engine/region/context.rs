//! What all regions of a run have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::ContentResolver;
use crate::delivery::RateLimiter;
use crate::engine::coordinator::{ProofTurns, VerifiedCopies};
use crate::engine::orphan_doubts::OrphanDoubts;
use crate::engine::saved_plan::SavedPlan;
use crate::engine::shutdown::StopSignal;
use crate::event::Events;
use crate::event::Mode;
use crate::model::TargetName;
use crate::openstack::MasterEndpoints;
use crate::plan::{ImageFilter, MasterInventory, OwnIncomplete, Selection};
use crate::state::{FailedProofs, FoundHashes};

/// What all regions of a run have in common.
#[derive(Debug)]
pub(crate) struct RunContext {
    /// What the run does.
    pub mode: Mode,
    /// `--image`.
    pub filter: ImageFilter,
    /// The saved plan that is carried out, where one is.
    pub saved_plan: Option<Arc<SavedPlan>>,
    /// `--keep-going`.
    pub keep_going: bool,
    /// What each target wants of the master inventory.
    pub selections: BTreeMap<TargetName, Arc<Selection>>,
    /// Where content comes from.
    pub contents: ContentResolver,
    /// Every endpoint that leads to the master.
    pub master: MasterEndpoints,
    /// The master's images.
    pub inventory: Arc<MasterInventory>,
    /// What has to be known before an image counts as an orphan.
    pub orphan_doubts: OrphanDoubts,
    /// Whose images those on their way are.
    pub installation: String,
    /// What those of this installation are.
    pub own_incomplete: OwnIncomplete,
    /// The hashes of other kinds that contents of the master were found to have.
    pub hashes: Arc<FoundHashes>,
    /// Deliveries that could not be verified, and are not tried again yet.
    pub failed_proofs: Arc<FailedProofs>,
    /// Which region computes what is to be known of a content.
    pub proofs: ProofTurns,
    /// Which regions have a verified copy of which content.
    pub copies: Arc<VerifiedCopies>,
    /// The limit on what is sent to all regions together, if there is one.
    pub bandwidth: Option<Arc<RateLimiter>>,
    /// Where everything is reported.
    pub events: Events,
    /// Whether the run is to stop.
    pub stop: StopSignal,
}
