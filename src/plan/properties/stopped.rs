//! Whatever goes wrong and whenever: nothing that was there is missed at any moment, and the next
//! run does the rest.

use proptest::prelude::*;

use super::conduct::{Conduct, Run, carry_out, conduct};
use super::fleet::{Fleet, fleet};
use super::glance::Trouble;
use super::oracle::{Oracle, is_deactivated, refers};
use crate::model::{ImageStatus, Status, SyncRules, Visibility};
use crate::plan::fixture::{INSTALLATION, image};
use crate::plan::{Action, Plan, Stage, tags};

pub(super) fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => Just(Trouble::None),
        1 => Just(Trouble::InUse),
        4 => (0..24usize).prop_map(Trouble::Refused),
        2 => (0..24usize).prop_map(Trouble::WrongContent),
        4 => (0..24usize).prop_map(Trouble::Killed),
        3 => (0..12usize).prop_map(Trouble::Interrupted),
    ]
}

/// True where the plan does only the rest for some image.
pub(super) fn has_unfinished(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| {
        matches!(action, Action::Upload(upload) if upload.stage() == Some(Stage::Published))
    })
}

/// At no moment does an image refer to a kernel or ramdisk that this run deleted.
pub(super) fn check_references(run: &Run) -> Result<(), TestCaseError> {
    for moment in &run.glance.moments {
        for part in &run.glance.deleted {
            // What is on its way has never been anybody's part.
            let before = run.glance.moments[0].iter().find(|it| it.id == *part);
            if before.is_some_and(tags::is_incomplete) {
                continue;
            }
            if moment.iter().any(|image| image.id == *part) {
                continue;
            }
            for image in moment {
                prop_assert!(
                    !refers(image, part),
                    "{} ({}) refers to {part}, which is gone",
                    image.name,
                    image.id
                );
            }
        }
    }
    Ok(())
}

/// At no moment is a selected name missing that was there before.
pub(super) fn check_names(fleet: &Fleet, run: &Run) -> Result<(), TestCaseError> {
    let before = Oracle::new(fleet, &fleet.region);
    for master in before.selected() {
        if before.present(&master.name).is_empty() {
            continue;
        }
        for moment in &run.glance.moments {
            prop_assert!(
                !Oracle::new(fleet, moment).present(&master.name).is_empty(),
                "{} is missing",
                master.name
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn no_image_ever_refers_to_what_was_deleted(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        check_references(&carry_out(&fleet.plan(), &fleet.region, trouble, &conduct))?;
    }

    #[test]
    fn a_name_that_was_there_is_always_there(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let run = carry_out(&fleet.plan(), &fleet.region, trouble, &conduct);
        check_names(&fleet, &run)?;
    }

    /// Nothing that a run left on its way is there after the next one; and what had a tag before the
    /// first one takes a run more.
    #[test]
    fn the_next_run_does_the_rest(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let first = carry_out(&fleet.plan(), &fleet.region, trouble, &conduct);
        let mut images = first.glance.images().to_vec();
        if has_unfinished(&fleet.plan()) {
            images = carry_out(&fleet.plan_for(&images), &images, Trouble::None, &Conduct::one_by_one(true))
                .glance
                .images()
                .to_vec();
        }
        let plan = fleet.plan_for(&images);
        let second = carry_out(&plan, &images, Trouble::None, &conduct);
        let oracle = Oracle::new(&fleet, second.glance.images());
        let after = fleet.plan_for(second.glance.images());
        let is_failing = |name: &str| plan.failures.iter().any(|failure| failure.image == name);
        for (master, state) in oracle.selected().into_iter().zip(&after.images) {
            prop_assert!(
                !state.status.is_pending()
                    || is_failing(&state.image)
                    || oracle.matched(master).is_some_and(is_deactivated),
                "{} is still {}", state.image, state.status
            );
        }
        prop_assert!(after.actions.iter().all(|action| is_failing(action.image())));
        for image in second.glance.images() {
            let is_new = fleet.region.iter().all(|before| before.id != image.id);
            prop_assert!(!is_new || !image.tags.iter().any(|tag| tags::is_ours(tag)) || is_failing(&image.name));
        }
    }

    /// Where Glance refuses nothing, the old images of what was published are dealt with, however
    /// the run ends.
    #[test]
    fn what_was_published_is_finished(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        if !matches!(trouble, Trouble::Refused(_) | Trouble::Killed(_)) {
            let run = carry_out(&fleet.plan(), &fleet.region, trouble, &conduct);
            for image in run.glance.images() {
                let is_new = fleet.region.iter().all(|before| before.id != image.id);
                prop_assert!(
                    !is_new || !image.tags.iter().any(|tag| tag.contains("replaces")),
                    "the old image of {} is still there", image.name
                );
            }
        }
    }

    /// An image that is said to be in step is so, even where others failed.
    #[test]
    fn who_is_said_to_be_in_step_is_in_step(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let run = carry_out(&fleet.plan(), &fleet.region, trouble, &conduct);
        let after = fleet.plan_for(run.glance.images());
        for ((name, now), found) in run.now.iter().zip(&after.images) {
            prop_assert!(
                *now != Status::Ok || found.status == Status::Ok,
                "{name} is {}", found.status
            );
        }
    }

    #[test]
    fn whatever_is_not_done_is_said(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let plan = fleet.plan();
        // Of a published image whose old one is left, all else is the next run's.
        prop_assume!(!has_unfinished(&plan));
        let run = carry_out(&fleet.plan(), &fleet.region, trouble, &conduct);
        if !run.failed && trouble != Trouble::InUse {
            let after = fleet.plan_for(run.glance.images());
            prop_assert!(after.actions.is_empty(), "{:?}", after.actions);
        }
    }
}

/// The content of a leftover that somebody has protected proves wrong, or is not taken: Glance deletes
/// it no more than the plan does.
#[test]
fn a_protected_leftover_that_cannot_be_completed_stays_and_the_next_run_needs_it_not() {
    for (trouble, status) in [
        (Trouble::WrongContent(0), ImageStatus::Active),
        (Trouble::Refused(0), ImageStatus::Queued),
    ] {
        let leftover = image("a")
            .status("queued")
            .visibility(Visibility::Private)
            .protected()
            .tag(tags::INCOMPLETE)
            .tag(&tags::installation(INSTALLATION))
            .build();
        let id = leftover.id.clone();
        let fleet = Fleet {
            master: vec![image("a").build()],
            region: vec![leftover],
            rules: SyncRules::default(),
        };
        let run = carry_out(
            &fleet.plan(),
            &fleet.region,
            trouble,
            &Conduct::one_by_one(false),
        );
        assert!(run.failed, "{trouble:?}");
        assert_eq!(run.glance.image(&id).status, status);
        assert!(tags::is_incomplete(run.glance.image(&id)));
        let region = run.glance.images();
        let next = carry_out(
            &fleet.plan_for(region),
            region,
            Trouble::None,
            &Conduct::one_by_one(false),
        );
        assert!(!next.failed, "{trouble:?}");
        assert_eq!(next.now, [("a".to_owned(), Status::Ok)]);
        assert_eq!(next.glance.deleted, []);
    }
}
