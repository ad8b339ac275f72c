//! What does not fit into a region's quotas fails before anything is sent.

use super::action::{Action, Upload};
use super::failure::PlannedFailure;
use super::region_plan::Plan;
use crate::model::{ByteSize, DeliveryWay, ErrorCode};

/// What is left of the project's quotas in a region; none where there is no limit, or it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of content.
    pub bytes: Option<ByteSize>,
    /// Images.
    pub images: Option<u64>,
    /// Bytes of content in the staging area, through which each import goes.
    pub staged: Option<ByteSize>,
}

/// Takes out what does not fit, in the order of the uploads: such an image fails alone, with those that need
/// it as a part, and a smaller one that comes later may still fit. An old image counts until the end, since
/// it is there beside the new one. What is staged counts for itself alone, since an import frees it; a pull is
/// not measured by it, since Glance stages what it fetches whatever its size.
pub fn leave_out_what_does_not_fit(plan: &mut Plan, room: Room) {
    let mut left = room;
    // What an earlier run staged is freed before anything else is.
    let is_staged = |action: &Action| match action {
        Action::DeleteLeftover { .. } => true,
        Action::Upload(upload) => upload.leftover.is_some(),
        _ => false,
    };
    if plan.actions.iter().any(is_staged) {
        left.staged = None;
    }
    let mut failures = Vec::new();
    for action in &plan.actions {
        let Action::Upload(upload) = action else {
            continue;
        };
        if upload.is_there() {
            continue;
        }
        match left.without(upload) {
            Some(rest) => left = rest,
            None => failures.push(too_large(upload, left)),
        }
    }
    plan.fail(failures);
}

impl Room {
    /// What is left beside an upload; none where it does not fit.
    fn without(self, upload: &Upload) -> Option<Self> {
        if self.is_too_large_to_stage(upload) {
            return None;
        }
        let bytes = match self.bytes {
            Some(left) => Some(ByteSize(left.0.checked_sub(upload.stored_size)?)),
            None => None,
        };
        // What an earlier run left is counted by the region already.
        let images = match self.images {
            Some(left) if upload.leftover.is_none() => Some(left.checked_sub(1)?),
            left => left,
        };
        Some(Self {
            bytes,
            images,
            ..self
        })
    }

    /// Glance counts whole MiB.
    fn is_too_large_to_stage(self, upload: &Upload) -> bool {
        let is_larger = |left: ByteSize| upload.size >> 20 > left.0 >> 20;
        upload.delivery == DeliveryWay::Import && self.staged.is_some_and(is_larger)
    }
}

fn too_large(upload: &Upload, left: Room) -> PlannedFailure {
    let name = &upload.image;
    let message = match left.bytes {
        _ if left.is_too_large_to_stage(upload) => format!(
            "`{name}` does not fit into the quota: it has {}, and {} are left in the staging area (`image_stage_total`), through which it is imported",
            ByteSize(upload.size),
            left.staged.unwrap_or_default()
        ),
        Some(bytes) if bytes.0 < upload.stored_size => format!(
            "`{name}` does not fit into the quota: it has {}, and {bytes} are left of the project's (`image_size_total`)",
            ByteSize(upload.stored_size)
        ),
        _ => format!(
            "`{name}` does not fit into the quota: the project may have no more images there (`image_count_total`)"
        ),
    };
    PlannedFailure {
        image: name.clone(),
        action: upload.kind(),
        code: ErrorCode::QuotaExceeded,
        message,
        hint: ErrorCode::QuotaExceeded.hint(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Image, SyncRules};
    use crate::plan::fixture::{INSTALLATION, actions, image, plan};

    fn fitted(room: Room) -> Plan {
        let kernel = image("k").size(50).build();
        let machine = image("m")
            .size(20)
            .property("kernel_id", kernel.id.as_str());
        let master = [
            image("a").size(30).build(),
            image("b").size(40).build(),
            kernel,
            machine.build(),
            image("z").size(60).build(),
        ];
        let mut plan = plan(&master, &[], &SyncRules::default());
        leave_out_what_does_not_fit(&mut plan, room);
        plan
    }

    fn failed(plan: &Plan) -> Vec<(&str, ErrorCode)> {
        let failures = plan.failures.iter();
        failures.map(|it| (it.image.as_str(), it.code)).collect()
    }

    #[test]
    fn what_does_not_fit_fails_alone_and_the_rest_goes_on() {
        let all = ["upload a", "upload b", "upload k", "upload m", "upload z"];
        assert_eq!(actions(&fitted(Room::default())), all);
        let room = |bytes| Room {
            bytes: Some(ByteSize(bytes)),
            ..Room::default()
        };
        assert_eq!(actions(&fitted(room(200))), all);
        let plan = fitted(room(150));
        assert_eq!(actions(&plan), all[..4]);
        assert_eq!(failed(&plan), [("z", ErrorCode::QuotaExceeded)]);
        let plan = fitted(room(90));
        assert_eq!(actions(&plan), ["upload a", "upload b"]);
        let expected = [
            ("k", ErrorCode::QuotaExceeded),
            ("m", ErrorCode::PartFailed),
            ("z", ErrorCode::QuotaExceeded),
        ];
        assert_eq!(failed(&plan), expected);
    }

    #[test]
    fn images_are_counted_too() {
        let plan = fitted(Room {
            images: Some(2),
            ..Room::default()
        });
        assert_eq!(actions(&plan), ["upload a", "upload b"]);
        assert!(plan.failures[0].message.contains("image_count_total"));
    }

    #[test]
    fn what_is_imported_goes_through_the_staging_area_one_after_another() {
        let room = Room {
            staged: Some(ByteSize(2 << 20)),
            ..Room::default()
        };
        let fitted = |way, region: &[Image]| {
            let master = [("a", 2), ("b", 2), ("c", 3)].map(|(name, mib)| {
                let image = image(name).size((mib << 20) + 1);
                image.build()
            });
            let mut plan = plan(&master, region, &SyncRules::default());
            for action in &mut plan.actions {
                if let Action::Upload(upload) = action {
                    upload.delivery = way;
                }
            }
            leave_out_what_does_not_fit(&mut plan, room);
            plan
        };
        let plan = fitted(DeliveryWay::Import, &[]);
        assert_eq!(actions(&plan), ["upload a", "upload b"]);
        assert_eq!(failed(&plan), [("c", ErrorCode::QuotaExceeded)]);
        assert!(plan.failures[0].message.contains("image_stage_total"));
        for way in [DeliveryWay::Upload, DeliveryWay::Pull] {
            assert_eq!(failed(&fitted(way, &[])), []);
        }
        // What may be staged by an earlier run is freed by this one.
        let left = image("c").status("importing").incomplete(INSTALLATION);
        let plan = fitted(DeliveryWay::Import, &[left.build()]);
        assert_eq!(failed(&plan), []);
    }
}
