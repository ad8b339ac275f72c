//! Which images of a region refer to which others as kernel or ramdisk. No image that stays may
//! lose its kernel or ramdisk to the deletion of an old image.

use std::collections::HashMap;

use super::region_images::RegionImages;
use super::tags;
use crate::model::{Image, ImageId, KERNEL_ID, RAMDISK_ID};

/// The references of a region's images, by what they refer to.
#[derive(Default)]
pub(super) struct References<'a>(HashMap<ImageId, Vec<(&'a Image, &'static str)>>);

impl<'a> References<'a> {
    /// Those of all listed images, whoever owns them, less what is on its way or gone.
    pub(super) fn of(region: &RegionImages<'a>) -> Self {
        let mut references: HashMap<ImageId, Vec<_>> = HashMap::new();
        for image in region.listed.iter().chain(region.hidden) {
            if !image.status.is_present() || tags::is_incomplete(image) {
                continue;
            }
            for property in [KERNEL_ID, RAMDISK_ID] {
                if let Some(value) = image.properties.get(property) {
                    let part = ImageId::new(value);
                    references.entry(part).or_default().push((image, property));
                }
            }
        }
        for referring in references.values_mut() {
            referring.sort_by(|(a, _), (b, _)| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        }
        Self(references)
    }

    /// Other images that refer to that one, by name.
    pub(super) fn to(
        &self,
        part: &ImageId,
    ) -> impl Iterator<Item = (&'a Image, &'static str)> + use<'a, '_> {
        let part = part.clone();
        self.0
            .get(&part)
            .into_iter()
            .flatten()
            .copied()
            .filter(move |(image, _)| image.id != part)
    }
}
