//! Which images of a region were published when its plan was made. What is published beside them later
//! is the work of another installation.

use std::collections::{BTreeSet, HashSet};

use super::{Action, Plan, RegionImages, Upload, tags};
use crate::model::{Image, ImageId, ImageStatus};

/// The images that were published before, of the names that a plan uploads.
#[derive(Debug, Default)]
pub struct PublishedBefore(HashSet<ImageId>);

impl PublishedBefore {
    /// Those of the lists that the plan was made from.
    pub fn new(plan: &Plan, region: &RegionImages<'_>) -> Self {
        let uploaded = |action: &Action| match action {
            Action::Upload(upload) => Some(upload.image.clone()),
            _ => None,
        };
        let names: BTreeSet<String> = plan.actions.iter().filter_map(uploaded).collect();
        let listed = region.listed.iter().chain(region.hidden);
        let published = listed.filter(|it| names.contains(&it.name) && is_published(it));
        Self(published.map(|image| image.id.clone()).collect())
    }

    /// The image of that name which another installation has published since then, with the content
    /// and in the format that are wanted. `found` are the images that the region has of it now, `ours`
    /// is the one that is about to be published, whose content was verified.
    pub fn winner<'a>(
        &self,
        wanted: &Upload,
        ours: &Image,
        found: &'a [Image],
        project_id: &str,
    ) -> Option<&'a Image> {
        let is_replaced =
            |image: &Image| matches!(&wanted.replaces, Some(old) if old.image_id == image.id);
        found.iter().find(|image| {
            image.name == wanted.image
                && image.id != ours.id
                && image.is_own(project_id)
                && is_published(image)
                && !self.0.contains(&image.id)
                && !is_replaced(image)
                && image.size == ours.size
                && (image.content.is_same_content(&wanted.content)
                    || image.content.is_same_content(&ours.content))
                && image.disk_format == wanted.disk_format
                && image.container_format == wanted.container_format
        })
    }
}

fn is_published(image: &Image) -> bool {
    image.status == ImageStatus::Active && !tags::is_incomplete(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SyncRules;
    use crate::plan::fixture::{PROJECT, content, image, list, plan, region_images, region_name};

    fn upload(plan: &Plan) -> &Upload {
        match &plan.actions[..] {
            [Action::Upload(upload)] => upload,
            actions => panic!("{actions:?}"),
        }
    }

    #[test]
    fn what_was_published_meanwhile_wins_and_nothing_else() {
        let master = image("a").build();
        let old = image("a").content(content("old")).build();
        let rules = SyncRules {
            replace: list(true, &[]),
            ..SyncRules::default()
        };
        let listed = [old.clone()];
        let plan = plan(std::slice::from_ref(&master), &listed, &rules);
        let before = PublishedBefore::new(&plan, &region_images(&region_name(), &listed, &[]));
        let ours = image("a")
            .content(master.content.clone())
            .tag(tags::INCOMPLETE)
            .build();
        let theirs = image("a").content(master.content.clone()).build();
        let winner = |found: &[Image]| {
            let winner = before.winner(upload(&plan), &ours, found, PROJECT);
            winner.map(|image| image.id.clone())
        };
        assert_eq!(winner(&[ours.clone(), old.clone()]), None);
        assert_eq!(
            winner(&[old, ours.clone(), theirs.clone()]),
            Some(theirs.id.clone())
        );
        let foreign = image("a")
            .content(master.content.clone())
            .owner(Some("others"))
            .build();
        let incomplete = image("a")
            .content(master.content.clone())
            .tag(tags::INCOMPLETE)
            .build();
        let damaged = image("a").content(content("damaged")).build();
        let named_alike = image("A").content(master.content).build();
        for other in [foreign, incomplete, damaged, named_alike] {
            assert_eq!(winner(&[other]), None);
        }
        let before = PublishedBefore::new(
            &plan,
            &region_images(&region_name(), std::slice::from_ref(&theirs), &[]),
        );
        let found = [theirs];
        assert!(
            before
                .winner(upload(&plan), &ours, &found, PROJECT)
                .is_none()
        );
    }
}
