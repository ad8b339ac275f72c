//! One region from its list to its last action: lists, decides, looks for content, carries out.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use futures_util::future::LocalBoxFuture;

use super::actor::RegionWork;
use super::content_lookup::ContentLookup;
use super::context::RunContext;
use super::delivery::ImageDelivery;
use super::executor::Executor;
use super::failure::{failure_of_image, master_by_image};
use super::task::{RegionJob, RegionTask, failure_of, stopped, unknown_region};
use super::totals::RegionTotals;
use crate::content::RegionLease;
use crate::delivery::{RateLimiter, UploadLimits};
use crate::engine::outcome::{RegionOutcome, RegionSync, RegionWorkResult};
use crate::event::{EventKind, Failure, Mode, RegionResult};
use crate::model::{
    ContentHash, Delivery, ErrorCode, Image, ImageStatus, KeepOld, RegionName, Status, Warning,
};
use crate::openstack::{
    GlanceInfo, GlanceReader, GlanceWriter, Listing, OpenStackError, RetryObserver,
};
use crate::plan::{
    self, OLD_SUFFIX, Plan, PlanExecution, PublishedBefore, RegionImages, RegionOffers, Room,
    Selection, TooManyDeletions, Upload,
};

/// Brings a region in step, or says how far it is from it; with all that regions have in common.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline(pub Arc<RunContext>);

impl RegionWork for Pipeline {
    fn run(&self, task: RegionTask) -> LocalBoxFuture<'static, RegionOutcome> {
        Box::pin(run(task, Arc::clone(&self.0)))
    }
}

/// Runs one region and reports everything about it, its end included.
async fn run(task: RegionTask, context: Arc<RunContext>) -> RegionOutcome {
    let started = Instant::now();
    let region = &task.region;
    context.events.emit(Some(region), EventKind::RegionStarted);
    let selection = context.selections.get(&region.target);
    let may_need = selection.into_iter().flat_map(|it| it.master_ids());
    let mut run = RegionRun {
        region,
        context: &context,
        lease: context.contents.lease(may_need),
        totals: RegionTotals::default(),
        plan: None,
        statuses: Vec::new(),
    };
    match &task.job {
        Ok(job) => run.process(job).await,
        Err(failure) => run.fail(failure.clone()),
    }
    run.finish(started)
}

pub(super) struct RegionRun<'a> {
    pub(super) region: &'a RegionName,
    pub(super) context: &'a Arc<RunContext>,
    /// What it needs of the master's Glance.
    pub(super) lease: Arc<RegionLease>,
    totals: RegionTotals,
    plan: Option<Arc<Plan>>,
    statuses: Vec<(String, Status)>,
}

impl RegionRun<'_> {
    async fn process(&mut self, job: &RegionJob) {
        if let Err(error) = self.try_process(job).await {
            self.fail(failure_of(&error));
        }
    }

    async fn try_process(&mut self, job: &RegionJob) -> Result<(), OpenStackError> {
        let reader = job
            .target
            .reader(&self.region.region)?
            .observed_by(self.observer());
        let Some(selection) = self.context.selections.get(&self.region.target) else {
            self.fail(unknown_region(self.region));
            return Ok(());
        };
        let decided = Box::pin(self.decide(job, selection, &reader));
        let Some(decided) = self.context.stop.unless_stopping(decided).await else {
            let cause = self.context.stop.cause();
            self.fail(stopped(cause, self.region, "before its images were listed"));
            return Ok(());
        };
        let Some((mut plan, published_before)) = decided? else {
            return Ok(());
        };
        if !self.context.mode.only_compares() {
            if let Err(failure) = self.choose_ways(job, &reader, &mut plan).await? {
                self.fail(failure);
                return Ok(());
            }
            let failed_proofs = self.context.failed_proofs.all();
            let rules = &job.target.settings.delivery;
            plan::leave_out_not_retried(&mut plan, rules, &failed_proofs, Utc::now());
            self.count_lost_members(&reader, &mut plan).await;
            self.lookup().find_virtual_sizes(&mut plan).await;
            self.make_room(&reader, &mut plan).await;
            self.lookup().look_for_content(&mut plan).await;
        }
        let outdated = self.check_saved_plan(&mut plan);
        let plan = Arc::new(plan);
        self.plan = Some(Arc::clone(&plan));
        self.statuses = plan
            .images
            .iter()
            .map(|state| (state.image.clone(), state.status))
            .collect();
        for warning in &plan.warnings {
            self.warn(warning.clone());
        }
        self.context.events.planned(Arc::clone(&plan));
        if self.context.mode.only_compares() {
            return Ok(());
        }
        if let Some(failure) = outdated {
            self.fail(failure);
            return Ok(());
        }
        if let Some(failure) = too_many_replaced(&plan, job) {
            self.fail(failure);
            return Ok(());
        }
        if let Some(too_many) = &plan.too_many_deletions {
            self.fail(too_many_deleted(&plan, too_many));
        }
        self.totals.failed |= plan::is_something_not_retried(&plan);
        for failure in &plan.failures {
            self.fail(failure_of_image(failure));
        }
        self.offer_copies(job, &plan);
        match self.context.mode {
            mode if mode.is_sync() && !(plan.actions.is_empty() && plan.untags.is_empty()) => {
                self.execute(job, &plan, published_before).await
            }
            Mode::DryRun => {
                self.totals.actions = plan.actions.len();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The plan; none where the region turns out to be the master.
    async fn decide(
        &self,
        job: &RegionJob,
        selection: &Selection,
        reader: &GlanceReader,
    ) -> Result<Option<(Plan, PublishedBefore)>, OpenStackError> {
        let rules = &job.target.settings.rules;
        let project_id = job.target.session.project_id();
        self.context.events.note(self.region, "lists its images");
        let inventory = &self.context.inventory;
        let kinds = RefCell::new(HashSet::new());
        let keep = |image: &Image| {
            selection.looks_at(image)
                || (image.provenance.is_some() && image.is_own(project_id))
                || (image.status == ImageStatus::Active
                    && image.is_own(project_id)
                    && is_new_kind(&kinds, &image.content))
                || inventory
                    .find_own([(&image.id, image.created_at)])
                    .is_some()
        };
        let (listed, now) = reader.list_dated(&Listing::Visible, keep).await?;
        let ids = listed.iter().map(|image| (&image.id, image.created_at));
        if let Some(image) = inventory.find_own(ids) {
            self.warn(master_by_image(self.region, image));
            return Ok(None);
        }
        let hidden: Vec<Image>;
        let mut images = RegionImages {
            region: self.region,
            project_id,
            master: &inventory.fingerprint,
            listed: &listed,
            hidden: &[],
            installation: &self.context.installation,
            own_incomplete: self.context.own_incomplete,
            now: Some(now),
        };
        if plan::needs_hidden_images(selection, rules, &images) {
            (hidden, _) = reader.list_dated(&Listing::Hidden, keep).await?;
            images.hidden = &hidden;
        }
        let lookup = self.lookup();
        lookup.find_hashes(selection, &images).await;
        lookup.find_expansions(selection, rules, &images).await;
        let hashes = &self.context.hashes;
        let completed = if hashes.is_empty() {
            None
        } else {
            selection.with_hashes(|master| hashes.complete(master))
        };
        let selection = completed.map_or(Cow::Borrowed(selection), Cow::Owned);
        let mut plan = plan::build(&selection, rules, &images);
        self.find_unwanted(job, &selection, &images, &mut plan)
            .await;
        self.context.filter.apply(&mut plan, &selection);
        let published_before = PublishedBefore::new(&plan, &images);
        Ok(Some((plan, published_before)))
    }

    /// Looks for images that nobody wants any more, and plans what is done with them. Where it is not known
    /// whether somebody does, none counts as one.
    async fn find_unwanted(
        &self,
        job: &RegionJob,
        selection: &Selection,
        images: &RegionImages<'_>,
        plan: &mut Plan,
    ) {
        let RunContext {
            inventory,
            orphan_doubts,
            events,
            ..
        } = &**self.context;
        let rules = &job.target.settings.rules;
        let mut orphans = plan::find_orphans(selection, rules, images, inventory);
        let keeps_all = rules.retention.keep_old == KeepOld::All;
        if orphans.is_empty() && keeps_all {
            return;
        }
        let wants_one = |other: &Selection| {
            let old = images.listed.iter().chain(images.hidden);
            let mut old = old.filter(|image| image.name.ends_with(OLD_SUFFIX));
            orphans.iter().any(|orphan| other.may_want(&orphan.image))
                || (!keeps_all && old.any(|image| other.may_want(&image.name)))
        };
        let others = orphan_doubts.wanted_by_others(job, inventory, events, wants_one);
        let others = match others.await {
            Ok(others) => others,
            Err(error) => return events.note(self.region, error.to_string()),
        };
        let is_wanted = |name: &str| others.iter().any(|other| other.may_want(name));
        orphans.retain(|orphan| !is_wanted(&orphan.image));
        if !orphans.is_empty() {
            orphans = match orphan_doubts.hidden_names().await {
                Ok(names) => plan::without_named(orphans, names),
                Err(error) => {
                    let what = "which images nobody wants any more is unknown";
                    events.note(self.region, format!("{what}: {error}"));
                    Vec::new()
                }
            };
        }
        plan::clean_up(plan, orphans, selection, rules, images, is_wanted);
    }

    /// Where a saved plan is carried out: a failure where this region needs something else than that has. Then
    /// nothing of today's plan is left.
    fn check_saved_plan(&self, plan: &mut Plan) -> Option<Failure> {
        let saved = self.context.saved_plan.as_ref()?;
        let differs = match saved.file.region(self.region) {
            Some(region) => {
                let compared = plan::compare_with_saved(region, plan);
                for image in compared.left_for_later {
                    let what = format!(
                        "`{image}` is one too many only since this plan renamed another: the next sync deletes it"
                    );
                    self.context.events.note(self.region, what);
                }
                compared.differs
            }
            None => vec!["the plan does not have this region".to_owned()],
        };
        if differs.is_empty() {
            return None;
        }
        plan.actions.clear();
        plan.untags.clear();
        plan.too_many_deletions = None;
        Some(outdated(self.region, differs))
    }

    /// Which way each content takes, by what the region offers; a failure where it does not offer what the
    /// configuration asks for.
    async fn choose_ways(
        &self,
        job: &RegionJob,
        reader: &GlanceReader,
        plan: &mut Plan,
    ) -> Result<Result<(), Failure>, OpenStackError> {
        let rules = &job.target.settings.delivery;
        if !plan::brings_content(plan) {
            return Ok(Ok(()));
        }
        let info = GlanceInfo::of(reader);
        let mut offers = RegionOffers::default();
        if rules.delivery != Delivery::Upload {
            offers.import_methods = info.import_methods().await?;
        }
        if !rules.stores.is_empty() {
            offers.stores = info.stores().await?;
        }
        let copies = &self.context.copies;
        let copy = |upload: &Upload| copies.nearest(&job.copy_request(self.region, upload));
        Ok(
            plan::choose_ways(plan, rules, &offers, copy).map_err(|what| {
                let code = ErrorCode::DeliveryUnsupported;
                let message = format!("{}: {what}: nothing was done", self.region);
                Failure::new(code, message, code.hint())
            }),
        )
    }

    /// Leaves out what does not fit into the region's quotas, where it tells them.
    async fn make_room(&self, reader: &GlanceReader, plan: &mut Plan) {
        if !plan::brings_content(plan) {
            return;
        }
        match GlanceInfo::of(reader).usage().await {
            Ok(usage) => {
                let room = Room {
                    bytes: usage.bytes_left,
                    images: usage.images_left,
                    staged: usage.staged_left,
                };
                plan::leave_out_what_does_not_fit(plan, room);
            }
            Err(error) => {
                let what = format!("what its quotas leave is unknown: {error}");
                self.context.events.note(self.region, what);
            }
        }
    }

    /// Says of each shared image that is replaced how many members lose it.
    async fn count_lost_members(&self, reader: &GlanceReader, plan: &mut Plan) {
        let mut warnings = Vec::new();
        for (upload, old) in plan::shared_old_images(plan) {
            match reader.members(old).await {
                Ok(members) => warnings.extend(plan::members_lost(upload, old, members, plan)),
                Err(error) => {
                    let what = format!(
                        "the members of `{}` ({old}) are unknown: {error}",
                        upload.image
                    );
                    self.context.events.note(self.region, what);
                }
            }
        }
        plan.warnings.extend(warnings);
    }

    /// Tells which of the region's images are verified copies.
    fn offer_copies(&self, job: &RegionJob, plan: &Plan) {
        let (copies, place) = (&self.context.copies, job.place(self.region));
        for state in plan.images.iter().filter(|it| it.status == Status::Ok) {
            if let Some(id) = &state.image_id {
                copies.add(place, &state.master_id, id, state.disk_format.as_ref());
            }
        }
    }

    fn lookup(&self) -> ContentLookup<'_> {
        ContentLookup {
            region: self.region,
            context: self.context,
            lease: &self.lease,
        }
    }

    async fn execute(
        &mut self,
        job: &RegionJob,
        plan: &Plan,
        published_before: PublishedBefore,
    ) -> Result<(), OpenStackError> {
        let writer = GlanceWriter::new(
            &job.target.session,
            &self.region.region,
            job.target.interface(&self.region.region),
            job.target.glance_options(),
            &self.context.master,
        )?
        .observed_by(self.observer());
        let delivery = ImageDelivery {
            region: self.region,
            context: self.context,
            writer,
            limits: UploadLimits {
                stall_timeout: job.target.settings.upload_stall_timeout,
                save_timeout: job.target.settings.save_timeout,
                bandwidth: RateLimiter::new(&job.target.settings.bwlimit)
                    .into_iter()
                    .chain(self.context.bandwidth.clone())
                    .collect(),
            },
            lease: &self.lease,
            rules: &job.target.settings.delivery,
            job,
            failed_pulls: std::cell::Cell::default(),
            hides_tasks: std::cell::Cell::default(),
            born: std::cell::RefCell::default(),
            provenance: job.target.settings.provenance,
            published_before,
        };
        let transfers = delivery.rules.transfers;
        let mut executor = Executor {
            delivery: &delivery,
            state: PlanExecution::new(plan, transfers, self.context.keep_going),
            totals: &mut self.totals,
            silent: std::collections::BTreeSet::new(),
            begun: std::collections::HashMap::new(),
        };
        executor.untag(&plan.untags).await;
        executor.run().await;
        self.statuses = executor.state.now(&plan.images);
        Ok(())
    }

    /// Has each failed try that is followed by another written into the region's log.
    fn observer(&self) -> RetryObserver {
        let (events, region) = (self.context.events.clone(), self.region.clone());
        RetryObserver::new(move |note| events.note(&region, note))
    }

    fn fail(&mut self, failure: Failure) {
        self.totals.failed = true;
        self.context.events.error(Some(self.region), failure);
    }

    fn warn(&self, warning: Warning) {
        self.context.events.warning(Some(self.region), warning);
    }

    fn finish(self, started: Instant) -> RegionOutcome {
        let result = if self.totals.failed {
            RegionResult::Failed
        } else if self.totals.actions > 0 {
            RegionResult::Changed
        } else {
            RegionResult::Synchronised
        };
        self.context.events.emit(
            Some(self.region),
            self.totals.finished(result, left(&self.statuses), started),
        );
        RegionOutcome {
            region: self.region.clone(),
            result,
            work: self.plan.map(|plan| {
                RegionWorkResult::Sync(RegionSync {
                    plan,
                    statuses: self.statuses,
                    uploaded_bytes: self.totals.uploaded_bytes,
                    pulled_bytes: self.totals.pulled_bytes,
                })
            }),
        }
    }
}

/// True for the first content of each set of kinds of hashes: how a region hashes is seen by them.
fn is_new_kind(seen: &RefCell<HashSet<(bool, Option<String>)>>, content: &ContentHash) -> bool {
    let (has_md5, algorithm) = content.kinds();
    let kinds = (has_md5, algorithm.map(ToOwned::to_owned));
    seen.borrow_mut().insert(kinds)
}

/// How many images are not as they should be, by status.
fn left(statuses: &[(String, Status)]) -> BTreeMap<Status, usize> {
    let mut left = BTreeMap::new();
    for (_, status) in statuses {
        if status.is_pending() || status.is_error() {
            *left.entry(*status).or_default() += 1;
        }
    }
    left
}

fn too_many_deleted(plan: &Plan, too_many: &TooManyDeletions) -> Failure {
    /// So many are named.
    const NAMED: usize = 5;
    let planned = &too_many.planned;
    let first = planned.iter().take(NAMED);
    let mut named: Vec<String> = first
        .map(|it| format!("{} `{}`", it.action, it.image))
        .collect();
    if let more @ 1.. = planned.len().saturating_sub(NAMED) {
        named.push(format!("{more} more"));
    }
    let (code, region) = (ErrorCode::MaxDeleteExceeded, &plan.region);
    let message = format!(
        "{region}: {} old images and orphans would be hidden or deleted ({}), and `max_delete` of [{}] is {}: none of them is touched",
        planned.len(),
        named.join(", "),
        region.target,
        too_many.max_delete
    );
    Failure::new(code, message, code.hint())
}

fn outdated(region: &RegionName, differs: Vec<String>) -> Failure {
    /// So many differences are in the message; all are beside it.
    const SHOWN: usize = 3;
    let code = ErrorCode::PlanOutdated;
    let shown = differs.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    let more = match differs.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let message = format!(
        "{region}: the saved plan is outdated, and nothing was done: {}{more}",
        shown.join("; ")
    );
    Failure {
        differs,
        ..Failure::new(code, message, code.hint())
    }
}

fn too_many_replaced(plan: &Plan, job: &RegionJob) -> Option<Failure> {
    let most = job.target.settings.rules.max_replace?;
    let planned = plan
        .images
        .iter()
        .filter(|state| matches!(state.status, Status::PendingReplace | Status::PendingRename))
        .count();
    (planned > most).then(|| {
        let code = ErrorCode::MaxReplaceExceeded;
        let message = format!(
            "{}: {planned} images would be replaced or renamed, and `max_replace` of [{}] is {most}: nothing is done",
            plan.region, plan.region.target
        );
        Failure::new(code, message, code.hint())
    })
}
