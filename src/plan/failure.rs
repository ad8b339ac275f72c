//! Images that fail, and with them the images that need them.

use serde::Serialize;

use super::Action;
use crate::model::{ActionKind, ErrorCode};

/// An action that cannot succeed, as is known before anything is sent for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedFailure {
    /// The image's name.
    pub image: String,
    /// What would have been done.
    pub action: ActionKind,
    /// The public code.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// What to do next, as a whole sentence.
    pub hint: &'static str,
}

/// Takes the actions of an image that failed out of a plan, and those that wait for it as a part:
/// an image whose part failed has failed too. Gives the failures of the latter.
pub(super) fn drop_dependents(actions: &mut Vec<Action>, failed: &str) -> Vec<PlannedFailure> {
    let mut failures = Vec::new();
    let mut open = vec![failed.to_owned()];
    while let Some(part) = open.pop() {
        actions.retain_mut(|action| {
            let depends = match action {
                Action::Upload(upload) => {
                    if upload.image == part {
                        return false;
                    }
                    upload
                        .parts
                        .iter()
                        .any(|reference| reference.part == part && reference.image_id.is_none())
                }
                Action::UpdateAmi { parts, .. } => {
                    let before = parts.len();
                    parts.retain(|change| change.to.part != part || change.to.image_id.is_some());
                    let (kept, lost) = (!parts.is_empty(), before - parts.len());
                    if lost > 0 {
                        failures.push(part_failed(action, &part));
                    }
                    return kept;
                }
                _ => return true,
            };
            if depends {
                failures.push(part_failed(action, &part));
                open.push(action.image().to_owned());
            }
            !depends
        });
    }
    failures
}

fn part_failed(action: &Action, part: &str) -> PlannedFailure {
    PlannedFailure {
        image: action.image().to_owned(),
        action: action.kind(),
        code: ErrorCode::PartFailed,
        message: format!(
            "the image `{}` needs `{part}`, which failed",
            action.image()
        ),
        hint: ErrorCode::PartFailed.hint(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KERNEL_ID, RAMDISK_ID, SyncRules};
    use crate::plan::fixture::{actions, content, image, list, plan};

    #[test]
    fn what_waits_for_a_failed_part_fails_with_it() {
        let kernel = image("k").size(1).build();
        let inner = image("inner")
            .size(2)
            .property(KERNEL_ID, kernel.id.as_str())
            .build();
        let outer = image("outer")
            .size(3)
            .property(RAMDISK_ID, inner.id.as_str())
            .build();
        let bystander = image("bystander").size(4).build();
        let mut plan = plan(
            &[kernel, inner, outer, bystander],
            &[],
            &SyncRules::default(),
        );
        let failures = drop_dependents(&mut plan.actions, "k");
        assert_eq!(actions(&plan), ["upload bystander"]);
        let failed: Vec<_> = failures.iter().map(|f| f.image.as_str()).collect();
        assert_eq!(failed, ["inner", "outer"]);
        assert!(failures.iter().all(|f| f.code == ErrorCode::PartFailed));
    }

    #[test]
    fn an_image_is_still_re_pointed_to_its_other_part() {
        let kernel = image("k").build();
        let ramdisk = image("r").build();
        let machine = image("m")
            .property(KERNEL_ID, kernel.id.as_str())
            .property(RAMDISK_ID, ramdisk.id.as_str())
            .build();
        let region = [
            image("k").content(content("old")).build(),
            image("r").content(content("old")).build(),
            image("m").build(),
        ];
        let rules = SyncRules {
            replace: list(true, &[]),
            ..SyncRules::default()
        };
        let mut plan = plan(&[kernel, ramdisk, machine], &region, &rules);
        let failures = drop_dependents(&mut plan.actions, "k");
        assert_eq!(failures.len(), 1);
        assert_eq!(actions(&plan), ["replace r", "update_ami m"]);
        assert!(drop_dependents(&mut plan.actions, "r").len() == 1);
        assert!(plan.actions.is_empty());
    }
}
