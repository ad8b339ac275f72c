//! What is left to do in a region, step by step. Knows nothing of actix, time or servers: the
//! executor asks for the next step, takes it, and tells how it ended.
//!
//! Several contents may be under way at once (`under_way`), of everything else one thing at a time.

mod under_way;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::num::NonZeroUsize;

use self::under_way::UnderWay;

use super::OLD_SUFFIX;
use super::action::{
    Action, Leftover, PartChange, PartReference, Referrer, Replaced, Stage, Upload,
};
use super::cleanup::{Cleanup, CleanupStep};
use super::failure::{PlannedFailure, drop_dependents};
use super::not_retried::is_something_not_retried;
use super::region_plan::{ImageState, Plan};
use crate::model::{ActionKind, ErrorCode, ImageId, KERNEL_ID, RAMDISK_ID, Status};

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// This is to be begun now.
    Step(Step),
    /// Nothing may begin before something that is under way has ended, or before an upload that could not
    /// begin can.
    Wait,
    /// Everything is done that can be.
    End,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// An action of the plan. Every reference to a part has its id.
    Apply(Action),
    /// The old image of a published one is deleted or renamed, and the tag that says so taken off.
    RetireOld(Box<Retirement>),
}

/// An image that was published, and whose old one is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retirement {
    /// What was uploaded.
    pub upload: Upload,
    /// The new image.
    pub new_id: ImageId,
    /// The old one.
    pub old: Replaced,
    /// References to the old one, which have to go first.
    waiting_for: Vec<Referrer>,
}

/// The work of one region.
#[derive(Debug, Default)]
pub(crate) struct PlanExecution {
    actions: VecDeque<Action>,
    /// What comes after everything else, and only where nothing failed.
    cleanups: VecDeque<Cleanup>,
    /// Something failed, or is known to be undone: there are no cleanups then.
    has_failed: bool,
    /// What the images of the plan were.
    planned: Vec<ImageState>,
    retirements: Vec<Retirement>,
    uploaded: HashMap<String, ImageId>,
    /// How many actions of each image are not finished.
    open: BTreeMap<String, usize>,
    /// Images that failed, or of which something stays undone.
    failed: BTreeSet<String>,
    /// References that an action has changed, or that went with their image.
    changed: BTreeSet<ReferenceKey>,
    /// References that an action was to change.
    tried: BTreeSet<ReferenceKey>,
    /// The parts at which images are to be pointed.
    parts: HashMap<String, BTreeSet<String>>,
    /// What images are in the end whose upload brings them no further than that.
    then: HashMap<String, Status>,
    under_way: UnderWay,
    keep_going: bool,
    stopped: bool,
}

/// A reference of an image: its id, and `kernel_id` or `ramdisk_id`.
type ReferenceKey = (ImageId, String);

impl PlanExecution {
    /// Takes the actions of a plan, of which no more than `transfers` contents are under way at once. With
    /// `keep_going` a failed image does not stop the region.
    pub(crate) fn new(plan: &Plan, transfers: NonZeroUsize, keep_going: bool) -> Self {
        let (cleanups, actions): (Vec<Action>, Vec<Action>) =
            plan.actions.iter().cloned().partition(comes_last);
        let cleanups = cleanups.into_iter().filter_map(|action| match action {
            Action::Cleanup(cleanup) => Some(cleanup),
            _ => None,
        });
        let mut state = Self {
            actions: actions.into(),
            cleanups: cleanups.collect(),
            has_failed: !plan.failures.is_empty() || is_something_not_retried(plan),
            planned: plan.images.clone(),
            failed: plan
                .failures
                .iter()
                .map(|failure| failure.image.clone())
                .collect(),
            under_way: UnderWay::new(transfers),
            keep_going,
            ..Self::default()
        };
        for action in &plan.actions {
            if let Action::Upload(upload) = action
                && let Some(leftover) = &upload.leftover
                && leftover.stage == Stage::Published
            {
                state.then.insert(upload.image.clone(), leftover.then);
            }
            let parts: Vec<&PartReference> = match action {
                Action::Upload(upload) => upload.parts.iter().collect(),
                Action::UpdateAmi { parts, .. } => parts.iter().map(|part| &part.to).collect(),
                _ => Vec::new(),
            };
            let pending = parts.iter().filter(|part| part.image_id.is_none());
            let pending = pending.map(|part| part.part.clone());
            let image = action.image().to_owned();
            state.parts.entry(image).or_default().extend(pending);
            // A leftover of that name is another image, and what nobody wants has no state.
            if !matches!(action, Action::DeleteLeftover { .. }) && !comes_last(action) {
                *state.open.entry(action.image().to_owned()).or_default() += 1;
            }
        }
        state
    }

    /// What comes next. An upload for which `can_begin` says no is passed over for now: the first for
    /// which it says yes is begun.
    ///
    /// After a stop, only images whose part was published are re-pointed, and old images nobody
    /// refers to any more are dealt with: that belongs to actions that were begun.
    pub(crate) fn next(&mut self, can_begin: impl FnMut(&Upload) -> bool) -> Next {
        if self.under_way.is_changing() {
            return Next::Wait;
        }
        if let Some(due) = self
            .retirements
            .iter()
            .position(|retirement| retirement.waiting_for.is_empty())
        {
            let due = self.retirements.remove(due);
            return self.change(Step::RetireOld(Box::new(due)));
        }
        if self.stopped {
            self.actions
                .retain(|action| matches!(action, Action::UpdateAmi { .. }));
        }
        if let Some(Action::Upload(_)) = self.actions.front() {
            return self.begin_upload(can_begin);
        }
        // Everything else has its place before or after all uploads.
        if self.under_way.has_contents() {
            return Next::Wait;
        }
        while let Some(mut action) = self.actions.pop_front() {
            if let Action::UpdateAmi {
                image,
                image_id,
                parts,
            } = &mut action
            {
                let published = parts
                    .iter()
                    .any(|part| self.uploaded.contains_key(&part.to.part));
                if self.stopped && !published {
                    continue;
                }
                let wanted = parts.len();
                parts.retain_mut(|part| self.resolve(&mut part.to));
                if parts.len() < wanted {
                    self.has_failed = true;
                    self.failed.insert(image.clone());
                }
                if parts.is_empty() {
                    continue;
                }
                self.tried.extend(reference_keys(image_id, parts));
            }
            return self.change(Step::Apply(action));
        }
        if let Some(action) = self.repoint_references() {
            return self.change(Step::Apply(action));
        }
        match self.next_cleanup() {
            Some(cleanup) => self.change(Step::Apply(Action::Cleanup(cleanup))),
            None => Next::End,
        }
    }

    /// The next image to hide or delete because nobody wants it any more: where nothing failed, nothing is
    /// left undone and, of an old image, the one that took its name is in step.
    fn next_cleanup(&mut self) -> Option<Cleanup> {
        if self.stopped || self.has_failed || !self.retirements.is_empty() {
            self.cleanups.clear();
        }
        while let Some(cleanup) = self.cleanups.pop_front() {
            let name = cleanup.image.strip_suffix(OLD_SUFFIX);
            let is_due = cleanup.step != CleanupStep::DeleteOld
                || name.is_some_and(|name| self.is_in_step(name));
            if is_due {
                return Some(cleanup);
            }
        }
        None
    }

    fn is_in_step(&self, image: &str) -> bool {
        let state = self.planned.iter().find(|state| state.image == image);
        let now = state.map(|state| self.now(std::slice::from_ref(state)));
        now.is_some_and(|now| now.iter().all(|(_, status)| *status == Status::Ok))
    }

    fn change(&mut self, step: Step) -> Next {
        self.under_way.begin_change();
        Next::Step(step)
    }

    /// The first upload that can begin: there is room beside those under way, its parts are there, and
    /// nothing else is missing.
    fn begin_upload(&mut self, mut can_begin: impl FnMut(&Upload) -> bool) -> Next {
        if !self.under_way.has_room() {
            return Next::Wait;
        }
        let uploads = self.actions.iter().map_while(|action| match action {
            Action::Upload(upload) => Some(upload),
            _ => None,
        });
        let found = uploads.clone().position(|upload| {
            let is_awaited = |part: &PartReference| {
                part.image_id.is_none()
                    && (self.under_way.holds(&part.part)
                        || uploads.clone().any(|other| other.image == part.part))
            };
            !upload.parts.iter().any(is_awaited) && can_begin(upload)
        });
        let Some(Action::Upload(mut upload)) = found.and_then(|place| self.actions.remove(place))
        else {
            return Next::Wait;
        };
        let mut parts = std::mem::take(&mut upload.parts);
        parts.retain_mut(|part| self.resolve(part));
        upload.parts = parts;
        self.under_way.begin_content(&upload.image);
        Next::Step(Step::Apply(Action::Upload(upload)))
    }

    fn resolve(&self, part: &mut PartReference) -> bool {
        if part.image_id.is_none() {
            part.image_id = self.uploaded.get(&part.part).cloned();
        }
        part.image_id.is_some()
    }

    /// Where an image was to be pointed elsewhere or replaced itself, and was not, it is pointed at
    /// the new image of the part to whose old one it refers. Each is tried once.
    fn repoint_references(&mut self) -> Option<Action> {
        let (retirement, first) = self.retirements.iter().find_map(|retirement| {
            let untried = |referrer: &&Referrer| !self.tried.contains(&reference_key(referrer));
            Some((retirement, retirement.waiting_for.iter().find(untried)?))
        })?;
        let image_id = first.image_id.clone();
        let image = first.image.clone();
        let parts: Vec<PartChange> = retirement
            .waiting_for
            .iter()
            .filter(|referrer| referrer.image_id == image_id)
            .map(|referrer| PartChange {
                from: Some(retirement.old.image_id.to_string()),
                to: PartReference {
                    property: referrer.property,
                    part: retirement.upload.image.clone(),
                    image_id: Some(retirement.new_id.clone()),
                },
            })
            .collect();
        self.tried.extend(reference_keys(&image_id, &parts));
        *self.open.entry(image.clone()).or_default() += 1;
        Some(Action::UpdateAmi {
            image,
            image_id,
            parts,
        })
    }

    /// An upload was published under that id. Gives true where the action is over: where an old
    /// image is left, it is over with its retirement.
    pub(crate) fn published(&mut self, upload: &Upload, new_id: &ImageId) -> bool {
        self.under_way.published(upload);
        self.uploaded.insert(upload.image.clone(), new_id.clone());
        if let Some(old) = &upload.replaces {
            self.retirements.push(Retirement {
                upload: upload.clone(),
                new_id: new_id.clone(),
                old: old.clone(),
                waiting_for: old
                    .referrers
                    .iter()
                    .filter(|referrer| !self.changed.contains(&reference_key(referrer)))
                    .cloned()
                    .collect(),
            });
            return false;
        }
        self.finished(&upload.image);
        true
    }

    /// An old image was deleted, and with it its references.
    pub(crate) fn deleted(&mut self, old: &ImageId) {
        self.changed
            .extend([KERNEL_ID, RAMDISK_ID].map(|name| (old.clone(), name.to_owned())));
        self.stop_waiting();
    }

    fn stop_waiting(&mut self) {
        for retirement in &mut self.retirements {
            retirement
                .waiting_for
                .retain(|referrer| !self.changed.contains(&reference_key(referrer)));
        }
    }

    /// An action that changes an image of the region succeeded.
    pub(crate) fn updated(&mut self, action: &Action) {
        self.under_way.change_ended();
        match action {
            Action::UpdateMetadata {
                image_id, change, ..
            } => {
                let properties = change.properties.keys();
                self.changed
                    .extend(properties.map(|name| (image_id.clone(), name.clone())));
            }
            Action::UpdateAmi {
                image_id, parts, ..
            } => self.changed.extend(reference_keys(image_id, parts)),
            Action::DeleteLeftover { .. } => return,
            Action::Cleanup(cleanup) if cleanup.comes_last() => return,
            _ => {}
        }
        self.stop_waiting();
        self.finished(action.image());
    }

    /// The old image of a published one was dealt with.
    pub(crate) fn retired(&mut self, image: &str) {
        self.under_way.change_ended();
        self.finished(image);
    }

    /// An action of that image succeeded, its retirement included.
    fn finished(&mut self, image: &str) {
        if let Some(open) = self.open.get_mut(image) {
            *open -= 1;
        }
    }

    /// The upload of that name that is still to come, where it takes up nothing of an earlier run.
    pub(crate) fn upload_without_leftover(&self, image: &str) -> Option<&Upload> {
        self.actions.iter().find_map(|action| match action {
            Action::Upload(upload) if upload.image == image && upload.leftover.is_none() => {
                Some(&**upload)
            }
            _ => None,
        })
    }

    /// The upload of that name takes up an image whose content is complete by now.
    pub(crate) fn resume(&mut self, image: &str, id: &ImageId) {
        for action in &mut self.actions {
            if let Action::Upload(upload) = action
                && upload.image == image
            {
                upload.bytes = 0;
                upload.leftover = Some(Leftover {
                    image_id: id.clone(),
                    stage: Stage::Complete,
                    tags: BTreeSet::new(),
                    then: Status::Ok,
                });
            }
        }
    }

    /// No further action starts, for whatever reason. Gives true where one was to.
    pub(crate) fn stop(&mut self) -> bool {
        let is_done = self.actions.is_empty() && self.cleanups.is_empty();
        let stops = !self.stopped && !is_done;
        self.stopped = true;
        stops
    }

    /// A leftover could not be deleted, or what nobody wants not hidden or deleted: no other image fails with it.
    pub(crate) fn leftover_failed(&mut self) {
        self.has_failed = true;
        self.under_way.change_ended();
        self.stopped |= !self.keep_going;
    }

    /// An action failed. Gives the images that fail with it.
    pub(crate) fn action_failed(&mut self, image: &str) -> Vec<PlannedFailure> {
        if self.keep_going {
            return self.image_failed(image);
        }
        self.has_failed = true;
        self.under_way.failed(image);
        self.failed.insert(image.to_owned());
        self.stopped = true;
        Vec::new()
    }

    /// An image fails alone, whatever else goes on: its actions go, and those of images that need
    /// it as a part. Gives the failures of the latter. One that was published is there, whatever
    /// became of its old image: nobody fails with it.
    pub(crate) fn image_failed(&mut self, image: &str) -> Vec<PlannedFailure> {
        self.has_failed = true;
        self.under_way.failed(image);
        self.failed.insert(image.to_owned());
        if self.uploaded.contains_key(image) {
            return Vec::new();
        }
        let mut actions: Vec<Action> = self.actions.drain(..).collect();
        let dependents = drop_dependents(&mut actions, image);
        self.actions = actions.into();
        self.failed
            .extend(dependents.iter().map(|failure| failure.image.clone()));
        dependents
    }

    /// No further action starts. Gives true where that leaves something undone.
    pub(crate) fn interrupt(&mut self) -> bool {
        let goes_on = |action: &Action| match action {
            Action::UpdateAmi { parts, .. } => parts.iter().all(|part| {
                let name = &part.to.part;
                part.to.image_id.is_some()
                    || self.uploaded.contains_key(name)
                    || self.under_way.holds(name)
            }),
            _ => false,
        };
        let is_done = self.actions.iter().all(goes_on) && self.cleanups.is_empty();
        let undone = !self.stopped && !is_done;
        self.stopped = true;
        undone
    }

    /// Published images whose old one has to stay, because an image that refers to it failed.
    pub(crate) fn withheld_actions(&mut self) -> Vec<PlannedFailure> {
        self.retirements
            .drain(..)
            .map(|retirement| {
                let waiting: BTreeSet<&str> = retirement
                    .waiting_for
                    .iter()
                    .map(|referrer| referrer.image.as_str())
                    .collect();
                let waiting: Vec<_> = waiting.into_iter().collect();
                PlannedFailure {
                    message: format!(
                        "the old image `{}` ({}) stays, because `{}` still refers to it",
                        retirement.upload.image,
                        retirement.old.image_id,
                        waiting.join("`, `")
                    ),
                    action: retirement.upload.kind(),
                    image: retirement.upload.image,
                    code: ErrorCode::PartFailed,
                    hint: ErrorCode::PartFailed.hint(),
                }
            })
            .collect()
    }

    /// What every image of the plan is now.
    pub(crate) fn now(&self, planned: &[ImageState]) -> Vec<(String, Status)> {
        let is_done =
            |image: &String| self.open.get(image) == Some(&0) && !self.failed.contains(image);
        planned
            .iter()
            .map(|state| {
                // As long as a part is to be replaced, what needs it is not finished.
                let is_settled = |part: &String| {
                    is_done(part) && !self.then.get(part).is_some_and(|it| it.needs_content())
                };
                let mut parts = self.parts.get(&state.image).into_iter().flatten();
                let status = if !state.status.is_pending() || !is_done(&state.image) {
                    state.status
                } else if let Some(then) = self.then.get(&state.image) {
                    *then
                } else if parts.all(is_settled) {
                    Status::Ok
                } else {
                    Status::PendingAmi
                };
                (state.image.clone(), status)
            })
            .collect()
    }
}

fn comes_last(action: &Action) -> bool {
    matches!(action, Action::Cleanup(cleanup) if cleanup.comes_last())
}

fn reference_key(referrer: &Referrer) -> ReferenceKey {
    (referrer.image_id.clone(), referrer.property.to_owned())
}

fn reference_keys(image_id: &ImageId, parts: &[PartChange]) -> Vec<ReferenceKey> {
    parts
        .iter()
        .map(|part| (image_id.clone(), part.to.property.to_owned()))
        .collect()
}

/// Counts an action in a region's totals.
pub(crate) fn is_upload(kind: ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::Upload | ActionKind::Replace | ActionKind::Rename
    )
}

#[cfg(test)]
mod tests;
