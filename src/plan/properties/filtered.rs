//! `--image` takes actions away and changes no status; what it leaves can be carried out safely.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::conduct::{Conduct, carry_out, conduct};
use super::fleet::{Fleet, fleet};
use super::glance::Trouble;
use super::oracle::{Oracle, PARTS, is_deactivated};
use super::stopped::{check_names, check_references, has_unfinished, trouble};
use crate::plan::{Action, ImageFilter, Plan};

const GLOBS: [&str; 7] = ["k", "r", "m", "a", "?", "n/*", "*_obsolete"];

fn globs() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        3 => select(&GLOBS[..]).prop_map(|glob| vec![glob]),
        1 => subsequence(&GLOBS[..], 1..3),
    ]
}

fn filtered(fleet: &Fleet, globs: &[&str]) -> Plan {
    let filter = ImageFilter::new(globs.iter().copied()).unwrap();
    let mut plan = fleet.plan();
    filter.apply(&mut plan, &fleet.selection());
    plan
}

/// The names that the globs choose, with the parts of their images.
fn chosen(fleet: &Fleet, globs: &[&str]) -> BTreeSet<String> {
    let oracle = Oracle::new(fleet, &fleet.region);
    let selected = oracle.selected();
    let matches = |name: &str| {
        globs
            .iter()
            .any(|glob| glob::Pattern::new(glob).unwrap().matches(name))
    };
    let mut chosen: BTreeSet<String> = selected
        .iter()
        .map(|image| image.name.clone())
        .filter(|name| matches(name))
        .collect();
    for _ in 0..selected.len() {
        for image in &selected {
            if chosen.contains(&image.name) {
                for part in PARTS.into_iter().filter_map(|p| oracle.part(image, p)?) {
                    if oracle.is_selected(part) {
                        chosen.insert(part.name.clone());
                    }
                }
            }
        }
    }
    chosen
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn statuses_are_those_of_the_whole_plan(fleet in fleet(), globs in globs()) {
        let chosen = chosen(&fleet, &globs);
        let mut expected = fleet.plan().images;
        expected.retain(|state| chosen.contains(&state.image));
        prop_assert_eq!(filtered(&fleet, &globs).images, expected);
    }

    #[test]
    fn actions_are_only_taken_away_but_for_re_pointing(fleet in fleet(), globs in globs()) {
        let whole = fleet.plan();
        let chosen = chosen(&fleet, &globs);
        for action in filtered(&fleet, &globs).actions {
            match &action {
                Action::UpdateAmi { image, parts, .. } => for part in parts {
                    prop_assert!(
                        chosen.contains(image) || chosen.contains(&part.to.part),
                        "{image} is pointed at {}", part.to.part
                    );
                },
                _ => prop_assert!(whole.actions.contains(&action)),
            }
        }
    }

    #[test]
    fn every_re_pointing_at_what_is_uploaded_stays(fleet in fleet(), globs in globs()) {
        let chosen = chosen(&fleet, &globs);
        let kept = filtered(&fleet, &globs).actions;
        for action in &fleet.plan().actions {
            let Action::UpdateAmi { image_id, parts, .. } = action else { continue };
            for part in parts.iter().filter(|part| chosen.contains(&part.to.part)) {
                let stays = kept.iter().any(|other| match other {
                    Action::UpdateAmi { image_id: id, parts, .. } => {
                        id == image_id && parts.contains(part)
                    }
                    _ => false,
                });
                prop_assert!(stays || part.to.image_id.is_some());
            }
        }
    }

    /// So that what is printed is what is done.
    #[test]
    fn whatever_refers_to_a_replaced_image_has_an_action(fleet in fleet(), globs in globs()) {
        for plan in [fleet.plan(), filtered(&fleet, &globs)] {
            if !plan.failures.is_empty() {
                continue;
            }
            for action in &plan.actions {
                let Action::Upload(upload) = action else { continue };
                for referrer in upload.replaces.iter().flat_map(|old| &old.referrers) {
                    let has_action = plan.actions.iter().any(|other| match other {
                        Action::Upload(upload) => upload
                            .replaces
                            .as_ref()
                            .is_some_and(|old| old.image_id == referrer.image_id),
                        other => other.image_id() == Some(&referrer.image_id),
                    });
                    prop_assert!(has_action, "{referrer:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_chosen_is_brought_in_step(fleet in fleet(), globs in globs()) {
        let plan = filtered(&fleet, &globs);
        let run = carry_out(&plan, &fleet.region, Trouble::None, &Conduct::one_by_one(false));
        let after = fleet.plan_for(run.glance.images());
        let oracle = Oracle::new(&fleet, run.glance.images());
        for (name, now) in &run.now {
            let state = after.images.iter().find(|state| state.image == *name).unwrap();
            let master = oracle.selected().into_iter().find(|image| image.name == *name);
            prop_assert_eq!(*now, state.status, "{}", name);
            prop_assert!(
                !now.is_pending()
                    || has_unfinished(&plan)
                    || plan.failures.iter().any(|failure| failure.image == *name)
                    || oracle.matched(master.unwrap()).is_some_and(is_deactivated)
            );
        }
    }

    #[test]
    fn nothing_is_missed_at_any_moment(
        fleet in fleet(),
        globs in globs(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let run = carry_out(&filtered(&fleet, &globs), &fleet.region, trouble, &conduct);
        check_references(&run)?;
        check_names(&fleet, &run)?;
    }
}
