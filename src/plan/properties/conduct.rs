//! Carries a plan out as the executor does: step by step through the region's state, request by
//! request at the region's Glance.

use std::num::NonZeroUsize;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::{Image, ImageId, Status, Visibility};
use std::fmt::Debug;

use crate::plan::{
    Action, Change, Cleanup, CleanupStep, MetadataChange, OLD_SUFFIX, PartChange, Plan, Shown,
    Stage, Upload, tags,
};
use crate::plan::{Next, PlanExecution, Retirement, Step};

use super::glance::{Glance, Refusal, Trouble};
use crate::plan::fixture::INSTALLATION;

/// How a region's run ended.
pub(super) struct Run {
    pub(super) glance: Glance,
    /// What the state says of every image in the end.
    pub(super) now: Vec<(String, Status)>,
    /// Something failed, or was not done.
    pub(super) failed: bool,
    /// The images whose old one was an object of a step, and the names that were uploaded.
    pub(super) disposed: Vec<ImageId>,
}

/// How a region is run.
#[derive(Debug, Clone)]
pub(super) struct Conduct {
    keep_going: bool,
    transfers: NonZeroUsize,
    /// Which of those under way ends next, and which upload may begin: one number after another, from the
    /// first again after the last.
    choices: Vec<usize>,
}

impl Conduct {
    /// One step after another.
    pub(super) fn one_by_one(keep_going: bool) -> Self {
        Self {
            keep_going,
            transfers: NonZeroUsize::MIN,
            choices: vec![0],
        }
    }
}

prop_compose! {
    pub(super) fn conduct()(
        keep_going in any::<bool>(),
        transfers in 1..5_usize,
        choices in vec(0..5_usize, 1..8),
    ) -> Conduct {
        let transfers = NonZeroUsize::new(transfers).expect("1 or more");
        Conduct { keep_going, transfers, choices }
    }
}

pub(super) fn carry_out(plan: &Plan, region: &[Image], trouble: Trouble, conduct: &Conduct) -> Run {
    let mut conductor = Conductor {
        state: PlanExecution::new(plan, conduct.transfers, conduct.keep_going),
        glance: Glance::new(region, trouble),
        failed: !plan.failures.is_empty(),
        disposed: Vec::new(),
    };
    for untag in &plan.untags {
        // Where it fails, nobody is told.
        let _ = conductor.glance.patch(&untag.image_id, |image| {
            image.tags.clone_from(&untag.tags);
        });
    }
    let mut choices = conduct.choices.iter().copied().cycle();
    let mut choose = || choices.next().unwrap_or_default();
    let mut under_way: Vec<Step> = Vec::new();
    let mut steps = 0;
    let end = loop {
        if let Trouble::Interrupted(from) = trouble
            && steps >= from
        {
            conductor.failed |= conductor.state.interrupt();
        }
        let is_idle = under_way.is_empty();
        match conductor.state.next(|_| is_idle || choose() % 2 == 0) {
            Next::Step(step) => {
                steps += 1;
                assert!(steps < 1000, "a region's run ends");
                under_way.push(step);
                let contents = under_way.iter().filter(|step| is_content(step)).count();
                assert!(contents <= conduct.transfers.get());
                assert!(under_way.len() <= contents + 1);
            }
            Next::Wait => {
                assert!(!is_idle, "somebody is waited for who is not there");
                let done = conductor.take(under_way.remove(choose() % under_way.len()));
                if done.is_err() {
                    break done;
                }
            }
            Next::End => {
                assert!(is_idle, "the end comes after everything else");
                break Ok(());
            }
        }
    };
    conductor.failed |= end.is_err() || !conductor.state.withheld_actions().is_empty();
    Run {
        now: conductor.state.now(&plan.images),
        glance: conductor.glance,
        failed: conductor.failed,
        disposed: conductor.disposed,
    }
}

fn is_content(step: &Step) -> bool {
    matches!(step, Step::Apply(Action::Upload(_)))
}

/// The process is gone.
struct Dead;

struct Conductor {
    state: PlanExecution,
    glance: Glance,
    failed: bool,
    disposed: Vec<ImageId>,
}

impl Conductor {
    fn take(&mut self, step: Step) -> Result<(), Dead> {
        match step {
            Step::Apply(Action::Upload(upload)) => self.upload(&upload),
            Step::Apply(action) => self.update(&action),
            Step::RetireOld(retirement) => self.dispose(&retirement),
        }
    }

    fn upload(&mut self, upload: &Upload) -> Result<(), Dead> {
        match self.send(upload) {
            Ok(Some(new_id)) => {
                self.state.published(upload, &new_id);
                Ok(())
            }
            Ok(None) => {
                self.failed = true;
                self.state.image_failed(&upload.image);
                Ok(())
            }
            Err(refusal) => self.refused(&upload.image, refusal),
        }
    }

    fn send(&mut self, upload: &Upload) -> Result<Option<ImageId>, Refusal> {
        let leftover = upload.leftover.as_ref();
        let id = match leftover {
            Some(leftover) => leftover.image_id.clone(),
            None => self.glance.create(|image| {
                image.name.clone_from(&upload.image);
                image.tags.insert(tags::INCOMPLETE.to_owned());
                image.tags.insert(tags::installation(INSTALLATION));
            })?,
        };
        match leftover.map(|leftover| leftover.stage) {
            Some(Stage::Published) => return Ok(Some(id)),
            Some(Stage::Complete) => {
                assert!(
                    self.glance
                        .image(&id)
                        .content
                        .is_same_content(&upload.content)
                );
                assert_eq!(upload.bytes, 0);
                self.publish(upload, &id)?;
                return Ok(Some(id));
            }
            Some(Stage::Queued | Stage::Importing) | None => {}
        }
        match self.glance.fill(&id, upload) {
            Ok(true) => {}
            Ok(false) => {
                self.glance.clean_up(&id)?;
                return Ok(None);
            }
            Err(refusal) => {
                self.glance.clean_up(&id)?;
                return Err(refusal);
            }
        }
        self.publish(upload, &id)?;
        Ok(Some(id))
    }

    fn publish(&mut self, upload: &Upload, id: &ImageId) -> Result<(), Refusal> {
        let mut properties = upload.properties.clone();
        for part in &upload.parts {
            let id = part.image_id.as_ref().expect("every part has its id");
            properties.insert(part.property.to_owned(), id.to_string());
        }
        self.glance.patch(id, |image| {
            assert_eq!(image.name, upload.image);
            image.visibility = upload.visibility;
            image.protected = upload.protected;
            image.os_hidden = upload.os_hidden;
            image.min_disk = upload.min_disk;
            image.min_ram = upload.min_ram;
            image.properties = properties;
            image.tags.clone_from(&upload.tags);
            if let Some(old) = &upload.replaces {
                image.tags.insert(tags::replaces(&old.image_id));
            }
        })
    }

    fn dispose(&mut self, retirement: &Retirement) -> Result<(), Dead> {
        self.disposed.push(retirement.old.image_id.clone());
        match self.retire_old_image(retirement) {
            Ok(()) => {
                self.state.retired(&retirement.upload.image);
                Ok(())
            }
            Err(refusal) => self.refused(&retirement.upload.image, refusal),
        }
    }

    fn retire_old_image(&mut self, retirement: &Retirement) -> Result<(), Refusal> {
        let old = &retirement.old.image_id;
        let rename = |glance: &mut Glance| {
            glance.patch(old, |image| {
                image.name = format!("{}{OLD_SUFFIX}", retirement.upload.image);
                image.visibility = Visibility::Private;
            })
        };
        if retirement.old.is_kept() {
            rename(&mut self.glance)?;
        } else {
            match self.glance.delete(old) {
                Err(Refusal::InUse) => {
                    rename(&mut self.glance)?;
                }
                Err(refusal) => return Err(refusal),
                Ok(()) => self.state.deleted(old),
            }
        }
        let leftover = retirement.upload.leftover.as_ref();
        let leftover = leftover.filter(|leftover| leftover.stage == Stage::Published);
        let kept = leftover.map(|leftover| leftover.tags.clone());
        self.glance.patch(&retirement.new_id, |image| {
            image.tags = kept.unwrap_or(retirement.upload.tags.clone());
        })
    }

    fn update(&mut self, action: &Action) -> Result<(), Dead> {
        let id = action.image_id().expect("an update has its object");
        let result = match action {
            Action::MarkObsolete { change, .. } | Action::UpdateMetadata { change, .. } => {
                self.glance.patch(id, |image| apply(change, image))
            }
            Action::UpdateAmi { parts, .. } => self.glance.patch(id, |image| point(parts, image)),
            Action::DeleteLeftover { .. } => self.glance.delete(id),
            Action::Cleanup(cleanup) => self.clean_up(cleanup),
            Action::Upload(_) => unreachable!("uploads are sent"),
        };
        match result {
            Ok(()) => {
                self.state.updated(action);
                Ok(())
            }
            Err(refusal) => {
                if action.kind().is_about_unwanted() && refusal != Refusal::Dead {
                    self.failed = true;
                    self.state.leftover_failed();
                    return Ok(());
                }
                self.refused(action.image(), refusal)
            }
        }
    }

    fn clean_up(&mut self, cleanup: &Cleanup) -> Result<(), Refusal> {
        match cleanup.step {
            CleanupStep::HideOrphan(day) => self.glance.patch(&cleanup.image_id, |image| {
                image.tags = tags::with_orphan(&image.tags, day);
                image.os_hidden = true;
            }),
            CleanupStep::ShowAgain(shown) => self.glance.patch(&cleanup.image_id, |image| {
                image.tags = tags::without_orphan(&image.tags);
                image.os_hidden &= shown == Shown::AsTheMasters;
            }),
            CleanupStep::DeleteOld | CleanupStep::DeleteOrphan => {
                match self.glance.delete(&cleanup.image_id) {
                    // It stays, with a warning.
                    Err(Refusal::InUse) => Ok(()),
                    deleted => deleted,
                }
            }
        }
    }

    fn refused(&mut self, image: &str, refusal: Refusal) -> Result<(), Dead> {
        self.failed = true;
        if refusal == Refusal::Dead {
            return Err(Dead);
        }
        self.state.action_failed(image);
        Ok(())
    }
}

fn set<T: Clone + PartialEq + Debug>(change: Option<&Change<T>>, value: &mut T) {
    if let Some(change) = change {
        assert_eq!(*value, change.from);
        value.clone_from(&change.to);
    }
}

fn apply(change: &MetadataChange, image: &mut Image) {
    if let Some(name) = &change.name {
        assert_eq!(image.name, name.from);
        image.name.clone_from(&name.to);
    }
    let attributes = &change.attributes;
    set(attributes.visibility.as_ref(), &mut image.visibility);
    set(attributes.min_disk.as_ref(), &mut image.min_disk);
    set(attributes.min_ram.as_ref(), &mut image.min_ram);
    set(attributes.protected.as_ref(), &mut image.protected);
    set(attributes.os_hidden.as_ref(), &mut image.os_hidden);
    if let Some(tags) = &attributes.tags {
        image.tags.clone_from(&tags.to);
    }
    for (name, value) in &change.properties {
        assert_eq!(image.properties.get(name), value.from.as_ref(), "{name}");
        match &value.to {
            Some(to) => image.properties.insert(name.clone(), to.clone()),
            None => image.properties.remove(name),
        };
    }
}

fn point(parts: &[PartChange], image: &mut Image) {
    for part in parts {
        let id = part.to.image_id.as_ref().expect("every part has its id");
        image
            .properties
            .insert(part.to.property.to_owned(), id.to_string());
    }
}
