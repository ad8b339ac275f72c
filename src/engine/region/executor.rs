//! Carries out a region's plan: asks the state for the next step, takes it, tells how it ended.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::delivery::{
    Delivered, ImageDelivery, RetireOutcome, deliver, has_content_of, retire_old_image,
};
use super::failure::{StepError, failure_of_image};
use super::task::stopped;
use super::totals::RegionTotals;
use crate::engine::shutdown::ActivityGuard;
use crate::event::{ActionFacts, EventKind, Failure};
use crate::model::{ActionKind, DeliveryWay, Image, ImageId, ImageStatus};
use crate::openstack::PatchOp;
use crate::plan::{
    Action, MetadataChange, PartChange, PlanExecution, PlannedFailure, Retirement, Step, Untag,
    Upload, is_upload,
};

/// A region that gave no answer at all for so many images in a row is not asked for others.
const SILENT_IMAGES: usize = 3;

/// One region's work.
pub(super) struct Executor<'a> {
    pub(super) delivery: ImageDelivery<'a>,
    pub(super) state: PlanExecution,
    pub(super) totals: &'a mut RegionTotals,
    /// The images in a row for which the region gave no answer at all.
    pub(super) silent: BTreeSet<String>,
    /// When the uploads began that wait for their old image to be dealt with, and what was sent.
    pub(super) begun: HashMap<String, (Instant, Delivered)>,
}

impl Executor<'_> {
    pub(super) async fn run(&mut self) {
        loop {
            let stop = &self.delivery.context.stop;
            if stop.is_stopping() && self.state.interrupt() {
                let (cause, region) = (stop.cause(), self.delivery.region);
                self.error(stopped(cause, region, "before everything was done"));
            }
            match self.state.next() {
                Some(Step::Apply(Action::Upload(upload))) => self.upload(&upload).await,
                Some(Step::Apply(action)) => self.update(&action).await,
                Some(Step::RetireOld(retirement)) => self.retire_old(&retirement).await,
                None => break,
            }
        }
        for failure in self.state.withheld_actions() {
            self.error(failure_of_image(&failure));
        }
    }

    /// Takes tags off that say nothing any more. Nobody is told, and where it fails the next run
    /// does it.
    pub(super) async fn untag(&self, untags: &[Untag]) {
        for untag in untags {
            let tags: Vec<String> = untag.tags.iter().cloned().collect();
            let ops = [PatchOp::add("tags", tags)];
            let untagged = self.delivery.writer.patch(&untag.image_id, &ops);
            let untagged = self.delivery.context.stop.unless_stopping(untagged).await;
            if let Some(Err(error)) = untagged {
                let id = &untag.image_id;
                let what = format!("leaves a tag of `{}` ({id}) for the next run", untag.image);
                self.delivery.note(format!("{what}: {error}"));
            }
        }
    }

    async fn upload(&mut self, upload: &Upload) {
        let started = Instant::now();
        let _busy = self.started(&ActionFacts::of_upload(upload));
        match Box::pin(deliver(&self.delivery, upload)).await {
            Ok(sent) => {
                let mut done = upload.clone();
                if sent.elsewhere.is_some() {
                    done.leftover.clone_from(&sent.elsewhere);
                }
                if self.state.published(&done, &sent.id) {
                    self.upload_finished(upload, sent, started);
                } else {
                    self.begun.insert(upload.image.clone(), (started, sent));
                }
            }
            Err(error) => self.failed(&upload.image, upload.kind(), error),
        }
        self.delivery.lease.done(&upload.master_id);
    }

    async fn retire_old(&mut self, retirement: &Retirement) {
        let upload = &retirement.upload;
        let _busy = self.busy(upload.kind(), &upload.image);
        let dealt_with = retire_old_image(&self.delivery, retirement);
        let result = self.delivery.context.stop.unless_overdue(dealt_with).await;
        let result = result.unwrap_or_else(|| Err(self.delivery.stopped()));
        if let Ok(RetireOutcome::Deleted) = result {
            self.state.deleted(&retirement.old.image_id);
        }
        match result {
            Ok(_) => {
                self.state.finished(&upload.image);
                if let Some((started, sent)) = self.begun.remove(&upload.image) {
                    self.upload_finished(upload, sent, started);
                }
            }
            Err(error) => self.failed(&upload.image, upload.kind(), error),
        }
    }

    async fn update(&mut self, action: &Action) {
        let started = Instant::now();
        let Some(id) = action.image_id().cloned() else {
            return;
        };
        let facts = ActionFacts::of(action);
        let _busy = self.started(&facts);
        let stop = self.delivery.context.stop.clone();
        let changed = stop.unless_overdue(self.change(action, &id)).await;
        match changed {
            Some(Ok(())) => {
                self.state.updated(action);
                self.finished(&facts, id, started);
            }
            Some(Err(error)) => self.failed(&facts.image, facts.action, error),
            None => {
                let error = self.delivery.stopped();
                self.failed(&facts.image, facts.action, error);
            }
        }
    }

    async fn change(&mut self, action: &Action, id: &ImageId) -> Result<(), StepError> {
        let ops = match action {
            Action::DeleteLeftover { image, .. } => return self.delete_leftover(image, id).await,
            Action::MarkObsolete { change, .. } | Action::UpdateMetadata { change, .. } => {
                change_ops(change)
            }
            Action::UpdateAmi { parts, .. } => part_ops(parts),
            Action::Upload(_) => Vec::new(),
        };
        // An earlier run got as far as this.
        if ops.is_empty() {
            return Ok(());
        }
        self.delivery.writer.patch(id, &ops).await?;
        Ok(())
    }

    /// Deletes a leftover, unless it has become complete since it was listed and an upload can do with
    /// it.
    async fn delete_leftover(&mut self, image: &str, id: &ImageId) -> Result<(), StepError> {
        if let Some(wanted) = self.state.upload_without_leftover(image) {
            match self.delivery.writer.show(id).await {
                Err(error) if error.is_gone() => return Ok(()),
                Ok(found) if is_complete(&found, wanted) => {
                    self.state.resume(image, id);
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match self.delivery.writer.delete(id).await {
            Err(error) if !error.is_gone() => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn started(&self, facts: &ActionFacts) -> ActivityGuard {
        self.delivery.context.events.emit(
            Some(self.delivery.region),
            EventKind::ActionStarted(facts.clone()),
        );
        self.busy(facts.action, &facts.image)
    }

    /// Says what is waited for should the run be stopped now.
    fn busy(&self, action: ActionKind, image: &str) -> ActivityGuard {
        let what = format!("{action} `{image}` in {}", self.delivery.region);
        self.delivery.context.stop.busy(what)
    }

    fn upload_finished(&mut self, upload: &Upload, sent: Delivered, started: Instant) {
        let facts = ActionFacts {
            bytes: sent.bytes,
            delivery: sent.way,
            source: sent.source,
            from: sent.from,
            disk_format: sent.disk_format,
            ..ActionFacts::of_metadata(upload.kind(), &upload.image, None)
        };
        self.finished(&facts, sent.id, started);
    }

    fn finished(&mut self, facts: &ActionFacts, id: ImageId, started: Instant) {
        self.silent.clear();
        self.totals.actions += 1;
        if is_upload(facts.action) && facts.delivery == Some(DeliveryWay::Pull) {
            self.totals.pulled_images += 1;
            self.totals.pulled_bytes += facts.bytes;
        } else if is_upload(facts.action) {
            self.totals.uploaded_images += 1;
            self.totals.uploaded_bytes += facts.bytes;
        } else if facts.action != ActionKind::DeleteLeftover {
            self.totals.updated_images += 1;
        }
        let facts = ActionFacts {
            image_id: Some(id),
            ..facts.clone()
        };
        self.delivery.context.events.emit(
            Some(self.delivery.region),
            EventKind::ActionFinished {
                facts,
                seconds: started.elapsed().as_secs_f64(),
            },
        );
    }

    /// Reports the failure of an action, and of what fails with it.
    fn failed(&mut self, image: &str, action: ActionKind, error: StepError) {
        if error.is_silence() {
            self.silent.insert(image.to_owned());
        } else {
            self.silent.clear();
        }
        let dependents = if action == ActionKind::DeleteLeftover {
            self.state.leftover_failed();
            Vec::new()
        } else if error.affects_only_image() {
            self.state.image_failed(image)
        } else {
            self.state.action_failed(image)
        };
        self.error(error.into_failure(image, action));
        self.dependents_failed(&dependents);
        if self.silent.len() == SILENT_IMAGES && self.state.stop() {
            self.delivery.note(format!(
                "begins nothing more, for it gave no answer for {SILENT_IMAGES} images in a row"
            ));
        }
    }

    fn dependents_failed(&mut self, dependents: &[PlannedFailure]) {
        for failure in dependents {
            self.error(failure_of_image(failure));
        }
    }

    fn error(&mut self, failure: Failure) {
        self.totals.failed = true;
        self.delivery
            .context
            .events
            .error(Some(self.delivery.region), failure);
    }
}

fn change_ops(change: &MetadataChange) -> Vec<PatchOp> {
    let mut ops = Vec::new();
    if let Some(name) = &change.name {
        ops.push(PatchOp::replace("name", name.to.as_str()));
    }
    if let Some(visibility) = &change.visibility {
        ops.push(PatchOp::replace("visibility", visibility.to.as_str()));
    }
    for (name, value) in &change.properties {
        ops.push(match &value.to {
            Some(value) => PatchOp::add(name, value.as_str()),
            None => PatchOp::remove(name),
        });
    }
    ops
}

fn part_ops(parts: &[PartChange]) -> Vec<PatchOp> {
    parts
        .iter()
        .filter_map(|part| {
            let id = part.to.image_id.as_ref()?;
            let is_right = part
                .from
                .as_ref()
                .is_some_and(|from| ImageId::new(from) == *id);
            (!is_right).then(|| PatchOp::add(part.to.property, id.as_str()))
        })
        .collect()
}

/// True for an image that only has to be published to be the wanted one.
fn is_complete(image: &Image, wanted: &Upload) -> bool {
    let formats = [&wanted.disk_format, &wanted.master_format];
    image.status == ImageStatus::Active
        && has_content_of(image, wanted)
        && formats.contains(&&image.disk_format)
        && image.container_format == wanted.container_format
}
