//! Who sees what: after each request of a region no project sees an image that it sees neither before the
//! run nor after it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::conduct::{carry_out, conduct};
use super::fleet::fleet;
use super::glance::Trouble;
use super::stopped::trouble;
use crate::model::{Image, ImageId, Visibility};
use crate::plan::tags;

/// A project, by what the images are to it.
#[derive(Debug, Clone, Copy)]
enum Project {
    /// It owns them.
    Owner,
    /// It is a member of all that are shared.
    Member,
    /// It has nothing to do with them.
    Other,
}

/// How a project finds an image (Image API v2, "Image visibility").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// By its id.
    Shown,
    /// In its default list.
    Listed,
}

fn is_seen(image: &Image, project: Project, sight: Sight) -> bool {
    let is_shown = match (image.visibility, project) {
        (Visibility::Public | Visibility::Community, _)
        | (_, Project::Owner)
        | (Visibility::Shared, Project::Member) => true,
        (Visibility::Shared | Visibility::Private, _) => false,
    };
    match sight {
        Sight::Shown => is_shown,
        Sight::Listed => {
            let is_apart =
                image.visibility == Visibility::Community && !matches!(project, Project::Owner);
            is_shown && !image.os_hidden && !is_apart
        }
    }
}

fn seen(images: &[Image], project: Project, sight: Sight) -> BTreeSet<&ImageId> {
    let seen = images.iter().filter(|it| is_seen(it, project, sight));
    seen.map(|image| &image.id).collect()
}

proptest! {
    #![proptest_config(super::config())]

    /// The owner sees what is on its way, as it must to know it again; nobody else does.
    #[test]
    fn nobody_sees_in_between_what_is_seen_neither_before_nor_after(
        fleet in fleet(),
        conduct in conduct(),
    ) {
        let run = carry_out(&fleet.plan(), &fleet.region, Trouble::None, &conduct);
        for project in [Project::Owner, Project::Member, Project::Other] {
            for sight in [Sight::Shown, Sight::Listed] {
                let before = seen(&fleet.region, project, sight);
                let after = seen(run.glance.images(), project, sight);
                for moment in &run.glance.moments {
                    let is_new = |id: &ImageId| fleet.region.iter().all(|it| it.id != *id);
                    for id in seen(moment, project, sight) {
                        prop_assert!(
                            before.contains(id)
                                || after.contains(id)
                                || (matches!(project, Project::Owner) && is_new(id)),
                            "{project:?} {sight:?} {id}"
                        );
                    }
                }
            }
        }
    }

    /// However the run ends, and whoever looks: what is on its way is seen by its owner alone.
    #[test]
    fn nobody_else_ever_sees_what_is_on_its_way(
        fleet in fleet(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let run = carry_out(&fleet.plan(), &fleet.region, trouble, &conduct);
        for project in [Project::Member, Project::Other] {
            let before = seen(&fleet.region, project, Sight::Shown);
            for moment in &run.glance.moments {
                let shown = seen(moment, project, Sight::Shown);
                for image in moment.iter().filter(|it| tags::is_incomplete(it)) {
                    let is_seen = shown.contains(&image.id);
                    prop_assert!(!is_seen || before.contains(&image.id), "{project:?} {}", image.id);
                }
            }
        }
    }
}
