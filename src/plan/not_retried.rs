//! A content that could not be verified in a region is not sent there again for some days, as long as
//! everything about it is the same.

use chrono::{DateTime, Utc};

use super::action::{Action, Upload};
use super::region_plan::Plan;
use crate::model::{DeliveryRules, DeliveryTried, FailedProof, RegionName, Warning, WarningCode};

/// What an upload tries; none where the master's image has no hash.
pub fn delivery_tried(
    region: &RegionName,
    upload: &Upload,
    rules: &DeliveryRules,
) -> Option<DeliveryTried> {
    Some(DeliveryTried {
        region: region.to_string(),
        image: upload.image.clone(),
        master_id: upload.master_id.clone(),
        content: upload.content.hashes().next()?,
        delivery: rules.delivery,
        disk_format: upload.disk_format.clone(),
        stores: rules.stores.clone(),
    })
}

/// Takes out what was tried a short time ago and could not be verified: such an image is not tried again
/// (warning `not_retried`), and those that need it as a part fail with it.
pub fn leave_out_not_retried(
    plan: &mut Plan,
    rules: &DeliveryRules,
    failed: &[FailedProof],
    now: DateTime<Utc>,
) {
    if failed.is_empty() {
        return;
    }
    let mut left_out = Vec::new();
    for action in &plan.actions {
        let Action::Upload(upload) = action else {
            continue;
        };
        let tried = delivery_tried(&plan.region, upload, rules);
        let known = failed
            .iter()
            .find(|known| Some(&known.tried) == tried.as_ref());
        let until = known.and_then(|known| known.until(now));
        if let Some(until) = until.filter(|_| !upload.is_there()) {
            left_out.push((upload.image.clone(), until));
        }
    }
    for (image, until) in left_out {
        plan.warnings.push(not_retried(&image, &plan.region, until));
        plan.leave_out(&image);
    }
}

/// True for a plan of which something is not tried again: its region is not as it should be.
pub fn is_something_not_retried(plan: &Plan) -> bool {
    let mut warnings = plan.warnings.iter();
    warnings.any(|warning| warning.code == WarningCode::NotRetried)
}

fn not_retried(image: &str, region: &RegionName, until: DateTime<Utc>) -> Warning {
    let message = format!(
        "`{image}` is not brought into {region} again before {} UTC: what arrived there could not be compared with the master's image; to try at once, change `delivery`, `disk_format` or `stores` of [{}], or delete the file `failed_proofs` in the state folder",
        until.format("%Y-%m-%d %H:%M"),
        region.target
    );
    Warning::new(WarningCode::NotRetried, message).image(image)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::model::{Delivery, ErrorCode, KERNEL_ID, NOT_RETRIED_FOR, SyncRules};
    use crate::plan::fixture::{content, image, plan};

    fn planned() -> Plan {
        let kernel = image("k").size(1).build();
        let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
        let other = image("z").content(content("z")).build();
        plan(&[kernel, machine, other], &[], &SyncRules::default())
    }

    fn uploads(plan: &Plan) -> Vec<&str> {
        plan.actions.iter().map(Action::image).collect()
    }

    fn failed(plan: &Plan, image: &str, at: DateTime<Utc>) -> FailedProof {
        let found = plan.actions.iter().find(|action| action.image() == image);
        let Some(Action::Upload(upload)) = found else {
            panic!("{plan:?}");
        };
        let tried = delivery_tried(&plan.region, upload, &DeliveryRules::default()).unwrap();
        FailedProof { tried, at }
    }

    #[test]
    fn what_could_not_be_verified_is_not_tried_again_for_a_week() {
        let rules = DeliveryRules::default();
        let at = Utc::now();
        let planned = planned();
        let proof = failed(&planned, "k", at);
        let after = |passed: TimeDelta| {
            let mut plan = planned.clone();
            leave_out_not_retried(&mut plan, &rules, std::slice::from_ref(&proof), at + passed);
            plan
        };
        for passed in [TimeDelta::zero(), NOT_RETRIED_FOR - TimeDelta::seconds(1)] {
            let plan = after(passed);
            assert_eq!(uploads(&plan), ["z"]);
            assert!(is_something_not_retried(&plan));
            let codes: Vec<_> = plan.failures.iter().map(|it| it.code).collect();
            assert_eq!(codes, [ErrorCode::PartFailed]);
            assert_eq!(plan.warnings[0].image.as_deref(), Some("k"));
        }
        // Also where the clock was wrong that day.
        for passed in [NOT_RETRIED_FOR, TimeDelta::seconds(-1)] {
            let plan = after(passed);
            assert_eq!(uploads(&plan), ["k", "m", "z"]);
            assert!(!is_something_not_retried(&plan));
        }
    }

    #[test]
    fn whatever_is_different_is_tried() {
        let at = Utc::now();
        let planned = planned();
        let proof = failed(&planned, "z", at);
        let mut others = vec![proof.clone(); 5];
        others[0].tried.region = "Other".to_owned();
        others[1].tried.master_id = crate::model::ImageId::new("other");
        others[2].tried.content = content("other").hashes().next().unwrap();
        others[3].tried.disk_format = Some("raw".to_owned());
        others[4].tried.image = "m".to_owned();
        let mut plan = planned.clone();
        leave_out_not_retried(&mut plan, &DeliveryRules::default(), &others, at);
        assert_eq!(plan, planned);
        let by_import = DeliveryRules {
            delivery: Delivery::Import,
            ..DeliveryRules::default()
        };
        let elsewhere = DeliveryRules {
            stores: vec!["fast".to_owned()],
            ..DeliveryRules::default()
        };
        for rules in [by_import, elsewhere] {
            leave_out_not_retried(&mut plan, &rules, std::slice::from_ref(&proof), at);
            assert_eq!(plan, planned);
        }
    }
}
