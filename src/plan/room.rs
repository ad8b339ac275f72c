//! What does not fit into a region's quotas fails before anything is sent.

use super::action::{Action, Upload};
use super::failure::PlannedFailure;
use super::region_plan::Plan;
use crate::model::{ByteSize, ErrorCode};

/// What is left of the project's quotas in a region; none where there is no limit, or it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of content.
    pub bytes: Option<ByteSize>,
    /// Images.
    pub images: Option<u64>,
}

/// Takes out what does not fit, in the order of the uploads: such an image fails alone, with those that need
/// it as a part, and a smaller one that comes later may still fit. An old image counts until the end, since
/// it is there beside the new one.
pub fn leave_out_what_does_not_fit(plan: &mut Plan, room: Room) {
    let mut left = room;
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
        let bytes = match self.bytes {
            Some(left) => Some(ByteSize(left.0.checked_sub(upload.stored_size)?)),
            None => None,
        };
        // What an earlier run left is counted by the region already.
        let images = match self.images {
            Some(left) if upload.leftover.is_none() => Some(left.checked_sub(1)?),
            left => left,
        };
        Some(Self { bytes, images })
    }
}

fn too_large(upload: &Upload, left: Room) -> PlannedFailure {
    let name = &upload.image;
    let message = match left.bytes {
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
    use crate::model::SyncRules;
    use crate::plan::fixture::{actions, image, plan};

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
            images: None,
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
            bytes: None,
            images: Some(2),
        });
        assert_eq!(actions(&plan), ["upload a", "upload b"]);
        assert!(plan.failures[0].message.contains("image_count_total"));
    }
}
