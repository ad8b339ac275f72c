//! Carrying a plan out brings every image to its place, and there is nothing left to do.

use proptest::prelude::*;

use super::conduct::{Conduct, carry_out, conduct};
use super::fleet::fleet;
use super::glance::Trouble;
use super::oracle::{Oracle, is_deactivated};
use super::stopped::has_unfinished;
use crate::model::Status;

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn every_status_is_the_contracts(fleet in fleet()) {
        let oracle = Oracle::new(&fleet, &fleet.region);
        let expected: Vec<_> = oracle
            .selected()
            .into_iter()
            .map(|image| (image.name.clone(), oracle.status(image)))
            .collect();
        let found: Vec<_> = fleet
            .plan()
            .images
            .into_iter()
            .map(|state| (state.image, state.status))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_plan_that_is_carried_out_leaves_nothing_to_do(fleet in fleet()) {
        let plan = fleet.plan();
        let run = carry_out(&plan, &fleet.region, Trouble::None, &Conduct::one_by_one(false));
        prop_assert_eq!(run.failed, !plan.failures.is_empty());
        let mut images = run.glance.images().to_vec();
        // Of a published image whose old one was left, only the rest was done.
        if has_unfinished(&plan) {
            let rest = fleet.plan_for(&images);
            images = carry_out(&rest, &images, Trouble::None, &Conduct::one_by_one(true)).glance.images().to_vec();
        }
        let after = fleet.plan_for(&images);
        let is_failing = |name: &str| plan.failures.iter().any(|failure| failure.image == name);
        let oracle = Oracle::new(&fleet, &images);
        for master in oracle.selected() {
            let state = after.images.iter().find(|state| state.image == master.name).unwrap();
            let is_left_alone = is_failing(&state.image)
                || oracle.matched(master).is_some_and(is_deactivated);
            prop_assert!(
                is_left_alone || !state.status.is_pending(),
                "{} is still {}", state.image, state.status
            );
        }
        let undone: Vec<_> = after
            .actions
            .iter()
            .filter(|action| !is_failing(action.image()))
            .collect();
        prop_assert!(undone.is_empty(), "{undone:?}");
    }

    #[test]
    fn what_the_state_says_in_the_end_is_what_the_next_plan_finds(
        fleet in fleet(),
        conduct in conduct(),
    ) {
        let run = carry_out(&fleet.plan(), &fleet.region, Trouble::None, &conduct);
        let found: Vec<(String, Status)> = fleet
            .plan_for(run.glance.images())
            .images
            .into_iter()
            .map(|state| (state.image, state.status))
            .collect();
        prop_assert_eq!(run.now, found);
    }
}
