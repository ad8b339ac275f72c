//! One region of a restore: lists every image that the credential sees, compares the list with the
//! region's backup, and, where that is asked for, puts metadata back image by image. Told by the
//! region's actor; what is restored is decided in `plan`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::actor::RegionWork;
use super::failure::master_by_image;
use super::task::{RegionJob, RegionTask, failure, failure_of, stopped};
use super::totals::RegionTotals;
use crate::engine::outcome::{RegionOutcome, RegionRestore, RegionWorkResult};
use crate::engine::shutdown::StopSignal;
use crate::event::{ActionFacts, EventKind, Events, Failure, RegionResult};
use crate::model::{ActionKind, ErrorCode, ImageId, RegionName, remove_url_users};
use crate::openstack::{GlanceWriter, Listing, MasterEndpoints, OpenStackError, PatchOp};
use crate::plan::{Attributes, ImageRestore, MasterInventory, RestorePlan, is_attribute};
use crate::state;

/// When it was stopped.
const NOT_DONE: &str = "before everything was restored";

/// Puts the metadata of a region's images back; what all regions of a restore have in common.
#[derive(Debug, Clone)]
pub(crate) struct Restore {
    /// The backup of each region.
    pub files: BTreeMap<RegionName, PathBuf>,
    /// The region was named, so that it is an error where it must not be written to.
    pub is_named: bool,
    /// Whether anything is written; otherwise it is only compared.
    pub apply: bool,
    /// Every endpoint that leads to the master.
    pub master: MasterEndpoints,
    /// The master's images; none where it does not list them.
    pub inventory: Arc<MasterInventory>,
    /// Where everything is reported.
    pub events: Events,
    /// Whether the run is to stop.
    pub stop: StopSignal,
}

impl RegionWork for Restore {
    fn run(&self, task: RegionTask) -> LocalBoxFuture<'static, RegionOutcome> {
        Box::pin(run(task, self.clone()))
    }
}

/// Restores one region and reports everything about it, its end included.
async fn run(RegionTask { region, job }: RegionTask, context: Restore) -> RegionOutcome {
    let started = Instant::now();
    let events = &context.events;
    events.emit(Some(&region), EventKind::RegionStarted);
    let compared = match job {
        Ok(job) => context.compare(&region, &job).await.map(|plan| (job, plan)),
        Err(failure) => Err(failure),
    };
    let (restore, is_failed) = match compared {
        Ok((_, None)) => (None, false),
        Ok((job, Some(plan))) => {
            let mut done = RegionRestore::new(plan);
            let is_right = context.carry_out(&job, &mut done).await;
            (Some(done), !is_right)
        }
        Err(failure) => {
            events.error(Some(&region), failure);
            (None, true)
        }
    };
    let wanted = restore
        .as_ref()
        .map_or(0, |done| done.plan.wanted().count());
    let result = match (is_failed, wanted) {
        (true, _) => RegionResult::Failed,
        (false, 0) => RegionResult::Synchronised,
        (false, _) => RegionResult::Changed,
    };
    let totals = RegionTotals {
        updated_images: restore.as_ref().map_or(0, |done| done.restored.len()),
        ..RegionTotals::default()
    };
    events.emit(
        Some(&region),
        totals.finished(result, BTreeMap::new(), started),
    );
    RegionOutcome {
        region,
        result,
        work: restore.map(RegionWorkResult::Restore),
    }
}

impl Restore {
    /// What differs; none where the region turns out to be the master and was not named.
    async fn compare(
        &self,
        region: &RegionName,
        job: &RegionJob,
    ) -> Result<Option<RestorePlan>, Failure> {
        let saved = self.read(region).await?;
        self.events.note(region, "lists its images");
        let reader = job
            .target
            .reader(&region.region)
            .map_err(|error| failure_of(&error))?;
        let mut listed = tokio::select! {
            listed = reader.list_raw(&Listing::All) => listed.map_err(|error| failure_of(&error))?,
            () = self.stop.now() => return Err(stopped(self.stop.cause(), region, NOT_DONE)),
        };
        if self.is_master(region, &listed)? {
            return Ok(None);
        }
        // A backup has no user names and passwords in its URLs: what differs in them alone is as it
        // was, and none is shown.
        listed.iter_mut().for_each(remove_url_users);
        let present: Vec<Attributes> = listed.into_iter().filter_map(into_object).collect();
        Ok(Some(RestorePlan::compare(
            region,
            &saved,
            &present,
            job.target.session.project_id(),
            job.target.settings.rules.only_tenant_images,
        )))
    }

    /// Tells a region that has an image of the master's: an error where it was named.
    fn is_master(&self, region: &RegionName, listed: &[Value]) -> Result<bool, Failure> {
        let images: Vec<(ImageId, Option<DateTime<Utc>>)> = listed
            .iter()
            .filter_map(|image| {
                // Some releases leave the time zone out; it is always UTC.
                let time = image["created_at"].as_str()?;
                let created_at = time.parse().or_else(|_| format!("{time}Z").parse());
                Some((image["id"].as_str()?.parse().ok()?, created_at.ok()))
            })
            .collect();
        let ids = images.iter().map(|(id, created_at)| (id, *created_at));
        let Some(image) = self.inventory.find_own(ids) else {
            return Ok(false);
        };
        if !self.is_named {
            let warning = master_by_image(region, image);
            self.events.warning(Some(region), warning);
            return Ok(true);
        }
        let code = ErrorCode::MasterRefused;
        let message = format!(
            "{region}: this is the master region under another name (both have the image {image}, created at the same time), and the master region is never changed"
        );
        Err(failure(code, message, code.hint()))
    }

    async fn read(&self, region: &RegionName) -> Result<Vec<Attributes>, Failure> {
        let code = ErrorCode::BackupUnreadable;
        let Some(path) = self.files.get(region).cloned() else {
            let message = format!("{region}: the backup does not have this region");
            return Err(failure(code, message, code.hint()));
        };
        let read = tokio::task::spawn_blocking(move || state::read_backup(&path)).await;
        match read {
            Ok(Ok(images)) => Ok(images),
            Ok(Err(error)) => Err(failure(code, format!("{region}: {error}"), code.hint())),
            Err(_) => {
                let code = ErrorCode::Internal;
                let message = format!("{region}: reading its backup ended unexpectedly");
                Err(failure(code, message, code.hint()))
            }
        }
    }

    /// Puts back what the plan says, or says what it would put back. An image that is refused does
    /// not keep the others from theirs. False where something failed.
    async fn carry_out(&self, job: &RegionJob, done: &mut RegionRestore) -> bool {
        let region = done.plan.region.clone();
        if !self.apply {
            for image in done.plan.wanted() {
                let facts = EventKind::ActionPlanned {
                    facts: facts(image),
                    wanted_by: None,
                };
                self.events.emit(Some(&region), facts);
            }
            return true;
        }
        let writer = GlanceWriter::new(
            &job.target.session,
            &region.region,
            job.target.interface(&region.region),
            job.target.glance_options(),
            &self.master,
        );
        let writer = match writer {
            Ok(writer) => writer,
            Err(error) => {
                self.events.error(Some(&region), failure_of(&error));
                return false;
            }
        };
        let mut is_right = true;
        let wanted: Vec<ImageRestore> = done.plan.wanted().cloned().collect();
        for image in wanted {
            if self.stop.is_stopping() {
                let failure = stopped(self.stop.cause(), &region, NOT_DONE);
                self.events.error(Some(&region), failure);
                return false;
            }
            match self.put_back(&region, &writer, &image).await {
                Ok(()) => drop(done.restored.insert(image.image_id)),
                Err(error) => {
                    is_right = false;
                    let failure = Failure {
                        image: Some(image.image),
                        action: Some(ActionKind::UpdateMetadata),
                        ..failure_of(&error)
                    };
                    self.events.error(Some(&region), failure);
                    // Where the region does not answer, it will not for the next image either.
                    if error.status().is_none() || error.is_unauthorised() {
                        return false;
                    }
                }
            }
        }
        is_right
    }

    async fn put_back(
        &self,
        region: &RegionName,
        writer: &GlanceWriter,
        image: &ImageRestore,
    ) -> Result<(), OpenStackError> {
        let started = Instant::now();
        let facts = facts(image);
        let begun = EventKind::ActionStarted(facts.clone());
        self.events.emit(Some(region), begun);
        writer.patch(&image.image_id, &ops(image)).await?;
        let seconds = started.elapsed().as_secs_f64();
        let ended = EventKind::ActionFinished { facts, seconds };
        self.events.emit(Some(region), ended);
        Ok(())
    }
}

fn facts(image: &ImageRestore) -> ActionFacts {
    let id = Some(image.image_id.clone());
    ActionFacts::of_metadata(ActionKind::UpdateMetadata, &image.image, id)
}

fn ops(image: &ImageRestore) -> Vec<PatchOp> {
    let op = |(name, to): (&String, &Option<Value>)| match to {
        Some(value) if is_attribute(name) => PatchOp::replace(name, value.clone()),
        Some(value) => PatchOp::add(name, value.clone()),
        None => PatchOp::remove(name),
    };
    let changes = image.changes.iter();
    changes
        .map(|(name, change)| op((name, &change.to)))
        .collect()
}

fn into_object(value: Value) -> Option<Attributes> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}
