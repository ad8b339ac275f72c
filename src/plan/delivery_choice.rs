//! Which way each content of a plan takes into its region.

use std::collections::BTreeSet;

use super::action::{Action, Upload};
use super::failure::PlannedFailure;
use super::region_plan::Plan;
use crate::model::{Delivery, DeliveryRules, DeliveryWay, ErrorCode, PullFrom, RegionName};

/// The import method by which a region takes what was staged.
const STAGED: &str = "glance-direct";
/// The import method by which a region fetches from another.
const PULLED: &str = "glance-download";

/// What a region says that it offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionOffers {
    /// Its import methods.
    pub import_methods: BTreeSet<String>,
    /// The ids of its stores; empty where it has but one without a name.
    pub stores: BTreeSet<String>,
}

/// The region does not offer what the configuration asks for: the rest of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeliveryUnsupported(String);

/// True where a plan brings content into its region.
pub fn brings_content(plan: &Plan) -> bool {
    plan.actions.iter().any(|it| it.delivery().is_some())
}

/// Chooses the way of every content that is to be delivered. `copy` gives the region that a content may be
/// fetched from; none where no verified copy is within reach: such an image fails alone where a pull is
/// the only way.
///
/// # Errors
///
/// The region does not offer the way or a store that the configuration asks for.
pub fn choose_ways(
    plan: &mut Plan,
    rules: &DeliveryRules,
    offers: &RegionOffers,
    copy: impl Fn(&Upload) -> Option<RegionName>,
) -> Result<(), DeliveryUnsupported> {
    check(rules, offers)?;
    let can_pull = offers.import_methods.contains(PULLED);
    let mut unreachable = Vec::new();
    for action in &mut plan.actions {
        let Action::Upload(upload) = action else {
            continue;
        };
        if upload.is_there() {
            continue;
        }
        (upload.delivery, upload.from) = match rules.delivery {
            Delivery::Upload => (DeliveryWay::Upload, None),
            Delivery::Import => (DeliveryWay::Import, None),
            Delivery::Auto if !can_pull => (DeliveryWay::Upload, None),
            Delivery::Auto | Delivery::Pull => match copy(upload) {
                Some(from) => (DeliveryWay::Pull, Some(from)),
                None if rules.delivery == Delivery::Auto => {
                    upload.may_be_pulled = rules.pull_from == PullFrom::Any;
                    (DeliveryWay::Upload, None)
                }
                None => {
                    unreachable.push(out_of_reach(upload));
                    (DeliveryWay::Pull, None)
                }
            },
        };
    }
    plan.fail(unreachable);
    Ok(())
}

fn check(rules: &DeliveryRules, offers: &RegionOffers) -> Result<(), DeliveryUnsupported> {
    let method = match rules.delivery {
        Delivery::Import => Some(STAGED),
        Delivery::Pull => Some(PULLED),
        Delivery::Upload | Delivery::Auto => None,
    };
    if let Some(method) = method
        && !offers.import_methods.contains(method)
    {
        let offered = list(&offers.import_methods, "no import methods");
        let what = format!(
            "the import method `{method}` is not offered here (the region offers {offered})"
        );
        return Err(DeliveryUnsupported(what));
    }
    for store in &rules.stores {
        if !offers.stores.contains(store) {
            let offered = list(&offers.stores, "none with a name");
            let what = format!("there is no store `{store}` here (the region has {offered})");
            return Err(DeliveryUnsupported(what));
        }
    }
    Ok(())
}

fn list(words: &BTreeSet<String>, none: &str) -> String {
    if words.is_empty() {
        return none.to_owned();
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

fn out_of_reach(upload: &Upload) -> PlannedFailure {
    PlannedFailure {
        image: upload.image.clone(),
        action: upload.kind(),
        code: ErrorCode::PullFailed,
        message: format!(
            "no verified copy of `{}` is within reach: a pull needs a region of the same Keystone that has one",
            upload.image
        ),
        hint: "Run again when another region of this Keystone has the image, or set `delivery = auto`, which uploads instead.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{actions, image, plan};

    fn rules(delivery: Delivery, stores: &[&str]) -> DeliveryRules {
        DeliveryRules {
            delivery,
            stores: stores.iter().map(ToString::to_string).collect(),
            ..DeliveryRules::default()
        }
    }

    fn offers(methods: &[&str], stores: &[&str]) -> RegionOffers {
        let set = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        RegionOffers {
            import_methods: set(methods),
            stores: set(stores),
        }
    }

    fn uploads() -> Plan {
        let kernel = image("k").size(1).build();
        let machine = image("m").property("kernel_id", kernel.id.as_str()).build();
        plan(&[kernel, machine], &[], &crate::model::SyncRules::default())
    }

    fn ways(plan: &Plan) -> Vec<DeliveryWay> {
        let way = |action: &Action| match action {
            Action::Upload(upload) => Some(upload.delivery),
            _ => None,
        };
        plan.actions.iter().filter_map(way).collect()
    }

    #[test]
    fn auto_pulls_where_it_can_and_uploads_elsewhere() {
        let spain = || Some("Spain".parse().unwrap());
        for (delivery, methods, reach, expected) in [
            (Delivery::Upload, &[PULLED][..], true, DeliveryWay::Upload),
            (Delivery::Import, &[STAGED], true, DeliveryWay::Import),
            (Delivery::Pull, &[PULLED], true, DeliveryWay::Pull),
            (Delivery::Auto, &[PULLED], true, DeliveryWay::Pull),
            (Delivery::Auto, &[PULLED], false, DeliveryWay::Upload),
            (Delivery::Auto, &[STAGED], true, DeliveryWay::Upload),
            (Delivery::Auto, &[], true, DeliveryWay::Upload),
        ] {
            let mut plan = uploads();
            let copy = |_: &Upload| if reach { spain() } else { None };
            choose_ways(
                &mut plan,
                &rules(delivery, &[]),
                &offers(methods, &[]),
                copy,
            )
            .unwrap();
            assert_eq!(
                ways(&plan),
                [expected, expected],
                "{delivery:?} {methods:?}"
            );
            assert!(plan.failures.is_empty());
        }
    }

    #[test]
    fn without_a_copy_within_reach_a_pull_fails_alone_with_what_needs_it() {
        let mut plan = uploads();
        let copy = |upload: &Upload| (upload.image != "k").then(|| "Spain".parse().unwrap());
        let offers = offers(&[PULLED], &[]);
        choose_ways(&mut plan, &rules(Delivery::Pull, &[]), &offers, copy).unwrap();
        assert_eq!(actions(&plan), [""; 0]);
        let codes: Vec<ErrorCode> = plan.failures.iter().map(|failure| failure.code).collect();
        assert_eq!(codes, [ErrorCode::PullFailed, ErrorCode::PartFailed]);
    }

    #[test]
    fn what_the_region_does_not_offer_is_told_with_what_it_does() {
        let refused = |rules: &DeliveryRules, offers: &RegionOffers| {
            choose_ways(&mut uploads(), rules, offers, |_| None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(&rules(Delivery::Import, &[]), &offers(&[PULLED], &[])),
            "the import method `glance-direct` is not offered here (the region offers `glance-download`)"
        );
        assert_eq!(
            refused(&rules(Delivery::Pull, &[]), &offers(&[], &[])),
            "the import method `glance-download` is not offered here (the region offers no import methods)"
        );
        assert_eq!(
            refused(
                &rules(Delivery::Upload, &["fast"]),
                &offers(&[], &["a", "b"])
            ),
            "there is no store `fast` here (the region has `a`, `b`)"
        );
    }
}
