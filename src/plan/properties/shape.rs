//! What every plan looks like: its order, its sums, and that it does nothing twice.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::conduct::{carry_out, conduct};
use super::fleet::fleet;
use super::oracle::Oracle;
use super::stopped::trouble;
use crate::model::Image;
use crate::plan::{Action, Plan, Stage, Upload};

fn uploads(plan: &Plan) -> Vec<&Upload> {
    plan.actions
        .iter()
        .filter_map(|action| match action {
            Action::Upload(upload) => Some(&**upload),
            _ => None,
        })
        .collect()
}

/// The rank of each step of a region, in the order of the contract.
fn stage(action: &Action) -> usize {
    match action {
        Action::DeleteLeftover { .. } => 0,
        Action::MarkObsolete { .. } => 1,
        Action::UpdateMetadata { .. } => 2,
        Action::Upload(_) => 3,
        Action::UpdateAmi { .. } => 4,
        Action::Cleanup(cleanup) if !cleanup.comes_last() => 2,
        Action::Cleanup(_) => 5,
    }
}

/// The same images in another order: those of one name keep theirs.
fn shuffled(images: &[Image], keys: &[u64]) -> Vec<Image> {
    let mut shuffled: Vec<Image> = images.to_vec();
    let key = |image: &Image| {
        let first = images.iter().position(|other| other.name == image.name);
        keys[first.unwrap_or_default() % keys.len()]
    };
    shuffled.sort_by_key(key);
    shuffled
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn nothing_is_uploaded_changed_or_disposed_of_twice(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let plan = fleet.plan();
        let mut objects = BTreeSet::new();
        for action in &plan.actions {
            prop_assert!(objects.insert((stage(action), action.image_id(), action.image())));
        }
        let replaced: Vec<_> = uploads(&plan)
            .into_iter()
            .filter_map(|upload| Some(&upload.replaces.as_ref()?.image_id))
            .collect();
        prop_assert_eq!(replaced.iter().collect::<BTreeSet<_>>().len(), replaced.len());
        for action in &plan.actions {
            prop_assert!(action.image_id().is_none_or(|id| !replaced.contains(&id)));
        }
        let run = carry_out(&plan, &fleet.region, trouble, &conduct);
        let disposed: BTreeSet<_> = run.disposed.iter().collect();
        prop_assert_eq!(disposed.len(), run.disposed.len());
    }

    #[test]
    fn the_order_is_the_contracts(fleet in fleet()) {
        let plan = fleet.plan();
        prop_assert!(plan.actions.is_sorted_by_key(stage));
        let uploads = uploads(&plan);
        let place = |name: &str| uploads.iter().position(|upload| upload.image == name);
        for (index, upload) in uploads.iter().enumerate() {
            for part in &upload.parts {
                if part.image_id.is_none() {
                    prop_assert!(place(&part.part).is_some_and(|place| place < index));
                } else {
                    prop_assert_eq!(place(&part.part), None);
                }
            }
        }
        // A smaller image comes later only where it, or a part of it, has to wait.
        for pair in uploads.windows(2) {
            let is_ordered = (pair[0].size, &pair[0].image) < (pair[1].size, &pair[1].image);
            let waits = pair[1].parts.iter().any(|part| part.part == pair[0].image)
                || pair[1].stage() == Some(Stage::Published);
            prop_assert!(is_ordered || waits, "{} before {}", pair[0].image, pair[1].image);
        }
        prop_assert!(plan.images.is_sorted_by_key(|state| (state.size, state.image.clone())));
    }

    #[test]
    fn sums_are_right(fleet in fleet()) {
        let plan = fleet.plan();
        let selected = Oracle::new(&fleet, &fleet.region).selected();
        prop_assert_eq!(plan.counts().values().sum::<usize>(), selected.len());
        let bytes: u64 = uploads(&plan)
            .iter()
            .filter(|upload| !upload.is_there())
            .map(|upload| {
                let master = selected.iter().find(|master| master.name == upload.image);
                master.and_then(|master| master.size).unwrap_or(0)
            })
            .sum();
        prop_assert_eq!(plan.bytes_pending(), bytes);
    }

    #[test]
    fn the_order_of_the_lists_changes_nothing(
        fleet in fleet(),
        keys in prop::collection::vec(any::<u64>(), 16),
    ) {
        let mut other = fleet.clone();
        other.master = shuffled(&fleet.master, &keys);
        other.region = shuffled(&fleet.region, &keys);
        prop_assert_eq!(fleet.plan(), other.plan());
    }
}
