//! Carries out a region's plan: asks the state for the next step, takes it, tells how it ended.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

use super::context::RunContext;
use super::failure::{StepError, failure_of_image};
use super::sent::Sent;
use super::task::interrupted;
use super::totals::RegionTotals;
use crate::content::RegionLease;
use crate::delivery::UploadLimits;
use crate::engine::shutdown::ActivityGuard;
use crate::event::{ActionFacts, EventKind, Failure};
use crate::model::{ActionKind, ImageId, RegionName, Visibility, Warning, WarningCode};
use crate::openstack::{GlanceWriter, PatchOp};
use crate::plan::{
    Action, MetadataChange, OLD_SUFFIX, PartChange, PlanExecution, PlannedFailure, PublishedBefore,
    Retirement, Stage, Step, Untag, Upload, is_upload,
};

/// A region that gave no answer at all for so many images in a row is not asked for others.
const SILENT_IMAGES: usize = 3;

/// One region's work.
pub(super) struct Executor<'a> {
    pub(super) region: &'a RegionName,
    pub(super) context: &'a Arc<RunContext>,
    pub(super) writer: GlanceWriter,
    pub(super) limits: UploadLimits,
    /// What it needs of the master's Glance.
    pub(super) lease: &'a Arc<RegionLease>,
    pub(super) state: PlanExecution,
    pub(super) totals: &'a mut RegionTotals,
    /// When the images were created that this run created.
    pub(super) born: RefCell<HashMap<ImageId, Instant>>,
    /// What was published when the plan was made.
    pub(super) published_before: PublishedBefore,
    /// The images in a row for which the region gave no answer at all.
    pub(super) silent: BTreeSet<String>,
    /// When the uploads began that wait for their old image to be dealt with, and what was sent.
    pub(super) begun: HashMap<String, (Instant, Sent)>,
}

/// What became of an old image.
enum RetireOutcome {
    Deleted,
    Kept,
}

impl Executor<'_> {
    pub(super) async fn run(&mut self) {
        loop {
            if self.context.stop.is_stopping() && self.state.interrupt() {
                self.error(interrupted(self.region, "before everything was done"));
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
            let untagged = self.writer.patch(&untag.image_id, &ops);
            let untagged = self.context.stop.unless_stopping(untagged).await;
            if let Some(Err(error)) = untagged {
                let id = &untag.image_id;
                let what = format!("leaves a tag of `{}` ({id}) for the next run", untag.image);
                self.note(format!("{what}: {error}"));
            }
        }
    }

    async fn upload(&mut self, upload: &Upload) {
        let started = Instant::now();
        let leftover = upload.leftover.as_ref();
        let _busy = self.started(&ActionFacts {
            action: upload.kind(),
            image: upload.image.clone(),
            image_id: leftover.map(|leftover| leftover.image_id.clone()),
            bytes: upload.bytes,
            source: upload.source,
        });
        match self.send(upload).await {
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
        self.lease.done(&upload.master_id);
    }

    async fn retire_old(&mut self, retirement: &Retirement) {
        let upload = &retirement.upload;
        let _busy = self.busy(upload.kind(), &upload.image);
        let dealt_with = self.retire_old_image(retirement);
        let result = self.context.stop.unless_overdue(dealt_with).await;
        let result = result.unwrap_or(Err(StepError::Interrupted));
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

    async fn retire_old_image(&self, retirement: &Retirement) -> Result<RetireOutcome, StepError> {
        let old = &retirement.old.image_id;
        let name = &retirement.upload.image;
        let fate = match self.writer.show(old).await {
            Err(error) if error.is_gone() => RetireOutcome::Deleted,
            Err(error) => return Err(error.into()),
            // To send content takes its time: whoever gave the old image another name meanwhile
            // keeps it, and whoever protected it too.
            Ok(found) if found.name != *name => RetireOutcome::Kept,
            Ok(found) if found.protected && !retirement.old.is_kept() => {
                self.warn_kept(WarningCode::ProtectedImage, "is protected now", old, name);
                self.rename_old(old, name).await?
            }
            Ok(_) if retirement.old.is_kept() => self.rename_old(old, name).await?,
            Ok(_) => self.delete_old(old, name).await?,
        };
        let leftover = retirement.upload.leftover.as_ref();
        let published = leftover.filter(|leftover| leftover.stage == Stage::Published);
        let tags = published.map_or_else(Vec::new, |it| it.tags.iter().cloned().collect());
        let untag = [PatchOp::add("tags", tags)];
        let new = &retirement.new_id;
        self.once_known(new, async || self.writer.patch(new, &untag).await)
            .await?;
        Ok(fate)
    }

    async fn delete_old(&self, old: &ImageId, name: &str) -> Result<RetireOutcome, StepError> {
        match self.writer.delete(old).await {
            Err(error) if error.is_in_use() => {
                let why = "is in use and cannot be deleted";
                self.warn_kept(WarningCode::ImageInUse, why, old, name);
                self.rename_old(old, name).await
            }
            Err(error) if !error.is_gone() => Err(error.into()),
            _ => Ok(RetireOutcome::Deleted),
        }
    }

    async fn rename_old(&self, old: &ImageId, name: &str) -> Result<RetireOutcome, StepError> {
        let ops = [
            PatchOp::replace("name", format!("{name}{OLD_SUFFIX}")),
            PatchOp::replace("visibility", Visibility::Private.as_str()),
        ];
        match self.writer.patch(old, &ops).await {
            Err(error) if !error.is_gone() => Err(StepError::from(error).of_rename()),
            _ => Ok(RetireOutcome::Kept),
        }
    }

    fn warn_kept(&self, code: WarningCode, why: &str, old: &ImageId, name: &str) {
        let warning = Warning::new(
            code,
            format!(
                "the old image `{name}` ({old}) of {} {why}: it is kept, private, as `{name}{OLD_SUFFIX}`",
                self.region
            ),
        )
        .image(name)
        .image_id(old);
        self.context.events.warning(Some(self.region), warning);
    }

    async fn update(&mut self, action: &Action) {
        let started = Instant::now();
        let Some(id) = action.image_id().cloned() else {
            return;
        };
        let facts = ActionFacts {
            action: action.kind(),
            image: action.image().to_owned(),
            image_id: Some(id.clone()),
            bytes: 0,
            source: None,
        };
        let _busy = self.started(&facts);
        let stop = self.context.stop.clone();
        let changed = stop.unless_overdue(self.change(action, &id)).await;
        match changed {
            Some(Ok(())) => {
                self.state.updated(action);
                self.finished(&facts, id, started);
            }
            Some(Err(error)) => self.failed(&facts.image, facts.action, error),
            None => self.failed(&facts.image, facts.action, StepError::Interrupted),
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
        self.writer.patch(id, &ops).await?;
        Ok(())
    }

    fn started(&self, facts: &ActionFacts) -> ActivityGuard {
        self.context
            .events
            .emit(Some(self.region), EventKind::ActionStarted(facts.clone()));
        self.busy(facts.action, &facts.image)
    }

    /// Says what is waited for should the run be stopped now.
    fn busy(&self, action: ActionKind, image: &str) -> ActivityGuard {
        let what = format!("{action} `{image}` in {}", self.region);
        self.context.stop.busy(what)
    }

    pub(super) fn note(&self, message: String) {
        self.context.events.note(self.region, message);
    }

    fn upload_finished(&mut self, upload: &Upload, sent: Sent, started: Instant) {
        let facts = ActionFacts {
            action: upload.kind(),
            image: upload.image.clone(),
            image_id: None,
            bytes: sent.bytes,
            source: sent.source,
        };
        self.finished(&facts, sent.id, started);
    }

    fn finished(&mut self, facts: &ActionFacts, id: ImageId, started: Instant) {
        self.silent.clear();
        self.totals.actions += 1;
        if is_upload(facts.action) {
            self.totals.uploaded_images += 1;
            self.totals.uploaded_bytes += facts.bytes;
        } else if facts.action != ActionKind::DeleteLeftover {
            self.totals.updated_images += 1;
        }
        let facts = ActionFacts {
            image_id: Some(id),
            ..facts.clone()
        };
        self.context.events.emit(
            Some(self.region),
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
        } else if error.is_alone() {
            self.state.image_failed(image)
        } else {
            self.state.action_failed(image)
        };
        self.error(error.into_failure(image, action));
        self.dependents_failed(&dependents);
        if self.silent.len() == SILENT_IMAGES && self.state.stop() {
            self.note(format!(
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
        self.context.events.error(Some(self.region), failure);
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
