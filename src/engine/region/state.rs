//! What is left to do in a region, step by step. Knows nothing of actix, time or servers: the
//! executor asks for the next step, takes it, and tells how it ended.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::model::{ActionKind, ErrorCode, ImageId, Status};
use crate::plan::{
    Action, ImageState, PartReference, Plan, PlannedFailure, Replaced, Upload, drop_dependents,
};

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// An action of the plan. Every reference to a part has its id.
    Act(Action),
    /// The old image of a published one is deleted or renamed, and the tag that says so taken off.
    Dispose(Box<Disposal>),
}

/// An image that was published, and whose old one is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disposal {
    /// What was uploaded.
    pub upload: Upload,
    /// The new image.
    pub new_id: ImageId,
    /// The old one.
    pub old: Replaced,
    /// Images that refer to the old one, and have to be dealt with first.
    waiting_for: BTreeSet<String>,
}

/// The work of one region.
#[derive(Debug, Default)]
pub(super) struct RegionState {
    actions: VecDeque<Action>,
    disposals: Vec<Disposal>,
    uploaded: HashMap<String, ImageId>,
    /// How many actions of each image are not finished.
    open: BTreeMap<String, usize>,
    failed: BTreeSet<String>,
    keep_going: bool,
    stopped: bool,
}

impl RegionState {
    /// Takes the actions of a plan. With `keep_going` a failed image does not stop the region.
    pub(super) fn new(plan: &Plan, keep_going: bool) -> Self {
        let mut state = Self {
            actions: plan.actions.iter().cloned().collect(),
            failed: plan
                .failures
                .iter()
                .map(|failure| failure.image.clone())
                .collect(),
            keep_going,
            ..Self::default()
        };
        for action in &plan.actions {
            *state.open.entry(action.image().to_owned()).or_default() += 1;
        }
        state
    }

    /// The next step; none where everything is done that can be.
    ///
    /// After a stop, only images whose part was published are re-pointed, and old images nobody
    /// refers to any more are dealt with: that belongs to actions that were begun.
    pub(super) fn next(&mut self) -> Option<Step> {
        if let Some(due) = self
            .disposals
            .iter()
            .position(|disposal| disposal.waiting_for.is_empty())
        {
            return Some(Step::Dispose(Box::new(self.disposals.remove(due))));
        }
        while let Some(mut action) = self.actions.pop_front() {
            match &mut action {
                Action::UpdateAmi { parts, .. } => {
                    let published = parts
                        .iter()
                        .any(|part| self.uploaded.contains_key(&part.to.part));
                    if self.stopped && !published {
                        continue;
                    }
                    parts.retain_mut(|part| self.resolve(&mut part.to));
                    if parts.is_empty() {
                        continue;
                    }
                }
                _ if self.stopped => continue,
                Action::Upload(upload) => {
                    let mut parts = std::mem::take(&mut upload.parts);
                    parts.retain_mut(|part| self.resolve(part));
                    upload.parts = parts;
                }
                _ => {}
            }
            return Some(Step::Act(action));
        }
        None
    }

    fn resolve(&self, part: &mut PartReference) -> bool {
        if part.image_id.is_none() {
            part.image_id = self.uploaded.get(&part.part).cloned();
        }
        part.image_id.is_some()
    }

    /// An upload was published under that id. Gives true where the action is over: where an old
    /// image is left, it is over with its disposal.
    pub(super) fn published(&mut self, upload: &Upload, new_id: &ImageId) -> bool {
        self.uploaded.insert(upload.image.clone(), new_id.clone());
        if let Some(old) = &upload.replaces {
            self.disposals.push(Disposal {
                upload: upload.clone(),
                new_id: new_id.clone(),
                old: old.clone(),
                waiting_for: self.referring_to(&upload.image),
            });
            return false;
        }
        self.finished(&upload.image);
        true
    }

    /// Images of the region that this plan points away from the old image of that part.
    fn referring_to(&self, part: &str) -> BTreeSet<String> {
        self.actions
            .iter()
            .filter(|action| match action {
                Action::UpdateAmi { parts, .. } => parts.iter().any(|to| to.to.part == part),
                Action::Upload(upload) => {
                    upload.replaces.is_some() && upload.parts.iter().any(|to| to.part == part)
                }
                _ => false,
            })
            .map(|action| action.image().to_owned())
            .collect()
    }

    /// An action of that image succeeded, its disposal included.
    pub(super) fn finished(&mut self, image: &str) {
        if let Some(open) = self.open.get_mut(image) {
            *open -= 1;
        }
    }

    /// An image no longer refers to the old image of any part that was uploaded.
    pub(super) fn pointed_away(&mut self, image: &str) {
        for disposal in &mut self.disposals {
            disposal.waiting_for.remove(image);
        }
    }

    /// An action failed. Gives the images that fail with it.
    pub(super) fn action_failed(&mut self, image: &str) -> Vec<PlannedFailure> {
        self.failed.insert(image.to_owned());
        if !self.keep_going {
            self.stopped = true;
            return Vec::new();
        }
        self.image_failed(image)
    }

    /// An image fails alone, whatever else goes on: its actions go, and those of images that need
    /// it as a part. Gives the failures of the latter.
    pub(super) fn image_failed(&mut self, image: &str) -> Vec<PlannedFailure> {
        self.failed.insert(image.to_owned());
        let mut actions: Vec<Action> = self.actions.drain(..).collect();
        let dependents = drop_dependents(&mut actions, image);
        self.actions = actions.into();
        self.failed
            .extend(dependents.iter().map(|failure| failure.image.clone()));
        dependents
    }

    /// No further action starts. Gives true where that leaves something undone.
    pub(super) fn interrupt(&mut self) -> bool {
        let undone = !self.stopped && !self.actions.is_empty();
        self.stopped = true;
        undone
    }

    /// Published images whose old one has to stay, because an image that refers to it failed.
    pub(super) fn kept_back(&mut self) -> Vec<PlannedFailure> {
        self.disposals
            .drain(..)
            .map(|disposal| {
                let waiting: Vec<_> = disposal.waiting_for.into_iter().collect();
                PlannedFailure {
                    message: format!(
                        "the old image `{}` ({}) stays, because `{}` still refers to it",
                        disposal.upload.image,
                        disposal.old.image_id,
                        waiting.join("`, `")
                    ),
                    action: disposal.upload.kind(),
                    image: disposal.upload.image,
                    code: ErrorCode::PartFailed,
                }
            })
            .collect()
    }

    /// What every image of the plan is now.
    pub(super) fn now(&self, planned: &[ImageState]) -> Vec<(String, Status)> {
        planned
            .iter()
            .map(|state| {
                let done =
                    self.open.get(&state.image) == Some(&0) && !self.failed.contains(&state.image);
                let status = if state.status.is_pending() && done {
                    Status::Ok
                } else {
                    state.status
                };
                (state.image.clone(), status)
            })
            .collect()
    }
}

/// Counts an action in a region's sums.
pub(super) fn is_upload(kind: ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::Upload | ActionKind::Replace | ActionKind::Rename
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KERNEL_ID, SyncRules};
    use crate::plan::fixture::{content, image, list, plan};

    fn id(text: &str) -> ImageId {
        ImageId::new(text)
    }

    /// `k` is to be replaced, `m` refers to it and is there, `z` is absent and larger.
    fn replaced_kernel() -> Plan {
        let kernel = image("k").size(1).build();
        let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
        let last = image("z").size(2000).build();
        let region = [
            image("k").content(content("old")).build(),
            image("m").build(),
        ];
        let rules = SyncRules {
            replace: list(true, &[]),
            ..SyncRules::default()
        };
        plan(&[kernel, machine, last], &region, &rules)
    }

    fn upload(step: Option<Step>) -> Upload {
        match step {
            Some(Step::Act(Action::Upload(upload))) => *upload,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_old_kernel_goes_only_after_the_machine_was_re_pointed() {
        let plan = replaced_kernel();
        let mut state = RegionState::new(&plan, false);
        let kernel = upload(state.next());
        assert!(!state.published(&kernel, &id("new")));
        let last = upload(state.next());
        assert_eq!(last.image, "z");
        assert!(state.published(&last, &id("zz")));
        let Some(Step::Act(Action::UpdateAmi { image, parts, .. })) = state.next() else {
            panic!()
        };
        assert_eq!(
            (image.as_str(), &parts[0].to.image_id),
            ("m", &Some(id("new")))
        );
        state.finished("m");
        state.pointed_away("m");
        let Some(Step::Dispose(disposal)) = state.next() else {
            panic!()
        };
        assert_eq!(disposal.upload.image, "k");
        state.finished("k");
        assert_eq!(state.next(), None);
        assert!(state.kept_back().is_empty());
        assert!(
            state
                .now(&plan.images)
                .iter()
                .all(|(_, status)| *status == Status::Ok)
        );
    }

    #[test]
    fn a_stopped_region_still_re_points_what_needs_a_published_part() {
        let plan = replaced_kernel();
        let mut state = RegionState::new(&plan, false);
        let kernel = upload(state.next());
        state.published(&kernel, &id("new"));
        assert_eq!(upload(state.next()).image, "z");
        assert!(state.action_failed("z").is_empty());
        assert!(matches!(
            state.next(),
            Some(Step::Act(Action::UpdateAmi { .. }))
        ));
        state.pointed_away("m");
        assert!(matches!(state.next(), Some(Step::Dispose(_))));
        assert_eq!(state.next(), None);
    }

    #[test]
    fn a_stopped_region_starts_nothing_else() {
        let mut state = RegionState::new(&replaced_kernel(), false);
        assert_eq!(upload(state.next()).image, "k");
        state.action_failed("k");
        assert_eq!(state.next(), None);
        assert!(!state.interrupt());
    }

    #[test]
    fn the_old_kernel_stays_where_the_machine_was_not_re_pointed() {
        let mut state = RegionState::new(&replaced_kernel(), true);
        let kernel = upload(state.next());
        state.published(&kernel, &id("new"));
        let last = upload(state.next());
        state.published(&last, &id("zz"));
        assert!(matches!(
            state.next(),
            Some(Step::Act(Action::UpdateAmi { .. }))
        ));
        state.action_failed("m");
        assert_eq!(state.next(), None);
        let kept = state.kept_back();
        assert_eq!(kept.len(), 1);
        assert!(
            kept[0].message.contains("`m` still refers"),
            "{}",
            kept[0].message
        );
    }

    #[test]
    fn keep_going_passes_over_what_needs_the_failed_image_only() {
        let plan = replaced_kernel();
        let mut state = RegionState::new(&plan, true);
        upload(state.next());
        let dependents = state.action_failed("k");
        assert_eq!(dependents[0].image, "m");
        let last = upload(state.next());
        assert_eq!(last.image, "z");
        state.published(&last, &id("zz"));
        assert_eq!(state.next(), None);
        let now: Vec<_> = state
            .now(&plan.images)
            .into_iter()
            .map(|(_, s)| s)
            .collect();
        assert_eq!(
            now,
            [Status::PendingReplace, Status::PendingAmi, Status::Ok]
        );
    }

    #[test]
    fn an_interrupt_says_whether_it_left_something_undone() {
        let mut state = RegionState::new(&replaced_kernel(), true);
        assert!(state.interrupt());
        assert_eq!(state.next(), None);
        let mut idle = RegionState::default();
        assert!(!idle.interrupt());
    }
}
