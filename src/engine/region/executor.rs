//! Carries out a region's plan: asks the state for the next step, takes it, tells how it ended.

use std::collections::{BTreeSet, HashMap};

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::context::RunContext;
use super::delivery::{Delivered, ImageDelivery, RetireOutcome};
use super::failure::{StepError, failure_of_image};
use super::task::stopped;
use super::totals::RegionTotals;
use super::work::{ChangeOutcome, Ended, Work, carry_out};
use crate::engine::coordinator::Lending;
use crate::engine::shutdown::ActivityGuard;
use crate::event::{ActionFacts, EventKind, Failure};
use crate::model::{ActionKind, DeliveryWay};
use crate::openstack::PatchOp;
use crate::plan::{
    Action, Next, PlanExecution, PlannedFailure, Retirement, Step, Untag, Upload, is_upload,
};

/// A region that gave no answer at all for so many images in a row is not asked for others.
const SILENT_IMAGES: usize = 3;

/// One region's work.
pub(super) struct Executor<'a> {
    pub(super) delivery: &'a ImageDelivery<'a>,
    pub(super) state: PlanExecution,
    pub(super) totals: &'a mut RegionTotals,
    /// The images in a row for which the region gave no answer at all.
    pub(super) silent: BTreeSet<String>,
    /// When the uploads began that wait for their old image to be dealt with, and what was sent.
    pub(super) begun: HashMap<String, (Instant, Delivered)>,
}

/// What is under way, and when it began.
type WorkUnderWay<'a> = LocalBoxFuture<'a, (Instant, Ended)>;

/// What came of asking for the next step.
enum Begun<'a> {
    Work(WorkUnderWay<'a>),
    /// Something has to end before, or a copy to be returned.
    Nothing,
    /// Nothing is left to do.
    All,
}

impl<'a> Executor<'a> {
    /// Carries the plan out, until everything is done that can be.
    pub(super) async fn run(&mut self) {
        let RunContext { stop, copies, .. } = &**self.delivery.context;
        let mut under_way = FuturesUnordered::new();
        loop {
            if stop.is_stopping() && self.state.interrupt() {
                let (cause, region) = (stop.cause(), self.delivery.region);
                self.error(stopped(cause, region, "before everything was done"));
            }
            let copies_changed = copies.changed();
            match self.begin() {
                Begun::Work(work) => {
                    under_way.push(work);
                    continue;
                }
                Begun::Nothing => {}
                Begun::All => break,
            }
            tokio::select! {
                biased;
                Some((started, ended)) = under_way.next() => self.ended(started, ended),
                () = copies_changed => {}
                () = stop.stopping(), if !stop.is_stopping() => {}
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

    /// What comes next, begun where it can be.
    fn begin(&mut self) -> Begun<'a> {
        let delivery = self.delivery;
        let (mut lent, mut claim) = (None, None);
        let next = self.state.next(|upload| {
            match delivery.lend_copy(upload) {
                Lending::AllBusy => return false,
                Lending::Nobody => {}
                Lending::Copy(copy) => lent = Some(copy),
                Lending::Claimed(claimed) => claim = Some(claimed),
            }
            true
        });
        let step = match next {
            Next::Step(step) => step,
            Next::Wait => return Begun::Nothing,
            Next::End => return Begun::All,
        };
        let (work, busy) = match step {
            Step::Apply(Action::Upload(mut upload)) => {
                if let Some(lent) = &lent {
                    upload.delivery = DeliveryWay::Pull;
                    upload.from = Some(lent.copy.region.clone());
                }
                let busy = self.started(&ActionFacts::of_upload(&upload));
                (Work::Deliver(upload, lent), busy)
            }
            Step::Apply(action) => {
                let busy = self.started(&ActionFacts::of(&action));
                let wanted = match &action {
                    Action::DeleteLeftover { image, .. } => {
                        self.state.upload_without_leftover(image).cloned()
                    }
                    _ => None,
                };
                (Work::Change(action, wanted.map(Box::new)), busy)
            }
            Step::RetireOld(retirement) => {
                let upload = &retirement.upload;
                let busy = self.busy(upload.kind(), &upload.image);
                (Work::Retire(retirement), busy)
            }
        };
        let started = Instant::now();
        Begun::Work(Box::pin(async move {
            let ended = carry_out(delivery, work).await;
            drop((busy, claim));
            (started, ended)
        }))
    }

    fn ended(&mut self, started: Instant, ended: Ended) {
        match ended {
            Ended::Delivered(upload, result) => self.delivered(&upload, started, result),
            Ended::Changed(action, result) => self.changed(&action, started, result),
            Ended::Retired(retirement, result) => self.retired(&retirement, result),
        }
    }

    fn delivered(
        &mut self,
        upload: &Upload,
        started: Instant,
        result: Result<Delivered, StepError>,
    ) {
        match result {
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

    fn retired(&mut self, retirement: &Retirement, result: Result<RetireOutcome, StepError>) {
        let upload = &retirement.upload;
        if let Ok(RetireOutcome::Deleted) = result {
            self.state.deleted(&retirement.old.image_id);
        }
        match result {
            Ok(_) => {
                self.state.retired(&upload.image);
                if let Some((started, sent)) = self.begun.remove(&upload.image) {
                    self.upload_finished(upload, sent, started);
                }
            }
            Err(error) => self.failed(&upload.image, upload.kind(), error),
        }
    }

    fn changed(
        &mut self,
        action: &Action,
        started: Instant,
        result: Result<ChangeOutcome, StepError>,
    ) {
        let facts = ActionFacts::of(action);
        match result {
            Ok(outcome) => {
                if let ChangeOutcome::Resumable(id) = &outcome {
                    self.state.resume(action.image(), id);
                }
                self.state.updated(action);
                if !matches!(outcome, ChangeOutcome::Kept) {
                    self.finished(facts, started);
                }
            }
            Err(error) => self.failed(&facts.image, facts.action, error),
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
            image_id: Some(sent.id),
            bytes: sent.bytes,
            delivery: sent.way,
            source: sent.source,
            from: sent.from,
            disk_format: sent.disk_format,
            ..ActionFacts::of_metadata(upload.kind(), &upload.image, None)
        };
        self.finished(facts, started);
    }

    fn finished(&mut self, facts: ActionFacts, started: Instant) {
        self.silent.clear();
        self.totals.actions += 1;
        if is_upload(facts.action) && facts.delivery == Some(DeliveryWay::Pull) {
            self.totals.pulled_images += 1;
            self.totals.pulled_bytes += facts.bytes;
        } else if is_upload(facts.action) {
            self.totals.uploaded_images += 1;
            self.totals.uploaded_bytes += facts.bytes;
        } else if facts.action == ActionKind::HideOrphan {
            self.totals.hidden_images += 1;
        } else if facts.action.is_deletion() {
            self.totals.deleted_images += 1;
        } else {
            self.totals.updated_images += 1;
        }
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
        let dependents = if action.is_about_unwanted() {
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
