//! What the deliveries into one region share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::content::RegionLease;
use crate::delivery::UploadLimits;
use crate::engine::coordinator::{CopyPlace, CopyRequest, Lending};
use crate::engine::region::context::RunContext;
use crate::engine::region::failure::StepError;
use crate::engine::region::task::RegionJob;
use crate::model::{Delivery, DeliveryRules, DeliveryWay, ImageId, Interface, RegionName};
use crate::openstack::GlanceWriter;
use crate::plan::{PublishedBefore, Upload};

/// After so many failed pulls a region fetches nothing more, where an upload is the way out.
const FAILED_PULLS: u32 = 2;

/// The deliveries into one region: where to, under which limits, and what is known meanwhile.
pub(in crate::engine::region) struct ImageDelivery<'a> {
    pub(in crate::engine::region) region: &'a RegionName,
    pub(in crate::engine::region) context: &'a Arc<RunContext>,
    pub(in crate::engine::region) writer: GlanceWriter,
    pub(in crate::engine::region) limits: UploadLimits,
    /// What the region needs of the master's Glance.
    pub(in crate::engine::region) lease: &'a Arc<RegionLease>,
    /// When the images were created that this run created.
    pub(in crate::engine::region) born: RefCell<HashMap<ImageId, Instant>>,
    /// How content gets into the region.
    pub(in crate::engine::region) rules: &'a DeliveryRules,
    /// How it is reached.
    pub(in crate::engine::region) job: &'a RegionJob,
    /// How many pulls have failed, where an upload is the way out.
    pub(in crate::engine::region) failed_pulls: Cell<u32>,
    /// The region does not show the tasks of an image: it is not asked for them any more.
    pub(in crate::engine::region) hides_tasks: Cell<bool>,
    /// Published images say what they are a copy of.
    pub(in crate::engine::region) provenance: bool,
    /// What was published when the plan was made.
    pub(in crate::engine::region) published_before: PublishedBefore,
}

impl ImageDelivery<'_> {
    /// The region as one that has verified copies, or wants one.
    pub(in crate::engine::region) fn place(&self) -> CopyPlace<'_> {
        self.job.place(self.region)
    }

    /// What is asked for of the copies of a content.
    pub(in crate::engine::region) fn copy_request<'b>(
        &'b self,
        wanted: &'b Upload,
    ) -> CopyRequest<'b> {
        self.job.copy_request(self.region, wanted)
    }

    /// A copy for an upload that is to be fetched from another region, or that may be where another region brings
    /// the content meanwhile; none is asked for where it needs none, or where the region fetches nothing any more.
    pub(in crate::engine::region) fn lend_copy(&self, wanted: &Upload) -> Lending {
        if wanted.is_there() || self.pulls_no_more() {
            return Lending::Nobody;
        }
        let (copies, fanout) = (&self.context.copies, self.rules.pull_fanout.get());
        match wanted.delivery {
            DeliveryWay::Pull => copies.lend(&self.copy_request(wanted), fanout),
            DeliveryWay::Upload if wanted.may_be_pulled => {
                copies.lend_or_claim(&self.copy_request(wanted), fanout)
            }
            DeliveryWay::Upload | DeliveryWay::Import => Lending::Nobody,
        }
    }

    /// True after too many failed pulls, where an upload is the way out.
    pub(super) fn pulls_no_more(&self) -> bool {
        self.rules.delivery == Delivery::Auto && self.failed_pulls.get() >= FAILED_PULLS
    }

    /// By which endpoint another region of the same Keystone is fetched from.
    pub(in crate::engine::region) fn interface_of(&self, other: &RegionName) -> Interface {
        self.job.target.interface(&other.region)
    }

    /// Says what the region does right now.
    pub(in crate::engine::region) fn note(&self, message: String) {
        self.context.events.note(self.region, message);
    }

    /// The error of what was under way when the run was told to drop its connections.
    pub(in crate::engine::region) fn stopped(&self) -> StepError {
        StepError::Stopped(self.context.stop.cause())
    }
}
