//! A new image on its way: created private and tagged, content sent, verified, published. Or one that
//! an earlier run left on its way, from where that run ended.
//!
//! Between any two requests the run may end. Whatever is left then has the tag
//! `glancesync-incomplete`, is private, and is told by it; the old image of that name is untouched
//! until the new one was published.

use std::collections::BTreeSet;

use super::executor::Executor;
use super::failure::StepError;
use super::sent::Sent;
use crate::model::{Image, ImageStatus, Properties};
use crate::openstack::{NewImage, PatchOp};
use crate::plan::{Leftover, Stage, Upload, tags};

impl Executor<'_> {
    /// Brings a new image into the region, up to its publishing.
    pub(super) async fn send(&self, wanted: &Upload) -> Result<Sent, StepError> {
        let begun = match &wanted.leftover {
            None => None,
            Some(leftover) if leftover.stage == Stage::Published => {
                return self.look_at_published(wanted, leftover).await;
            }
            Some(leftover) => self.resume(wanted, leftover).await?,
        };
        let is_there = matches!(&begun, Some(image) if image.status == ImageStatus::Active);
        let (image, source) = match begun {
            Some(image) if is_there => (image, None),
            begun => {
                let begun = begun.map(|image| image.id);
                let (image, source) = self.bring_from_anywhere(wanted, begun).await?;
                (image, Some(source))
            }
        };
        let elsewhere = self.publish(wanted, &image).await?;
        let id = elsewhere
            .as_ref()
            .map_or(image.id, |it| it.image_id.clone());
        Ok(Sent {
            id,
            elsewhere,
            bytes: if is_there { 0 } else { wanted.size },
            source,
        })
    }

    /// Makes sure that nobody has touched a published image before its old one is dealt with.
    async fn look_at_published(
        &self,
        wanted: &Upload,
        leftover: &Leftover,
    ) -> Result<Sent, StepError> {
        let image = self.writer.show(&leftover.image_id).await?;
        let is_as_listed = image.status == ImageStatus::Active
            && image.name == wanted.image
            && !tags::is_incomplete(&image)
            && replaces_tag(wanted).is_some_and(|tag| image.tags.contains(&tag));
        if is_as_listed {
            Ok(Sent {
                id: image.id,
                elsewhere: None,
                bytes: 0,
                source: None,
            })
        } else {
            Err(StepError::Changed(image.id))
        }
    }

    /// The leftover as it is now, if it can still be taken up: the list may be old by now. What
    /// cannot is deleted.
    async fn resume(
        &self,
        wanted: &Upload,
        leftover: &Leftover,
    ) -> Result<Option<Image>, StepError> {
        let id = &leftover.image_id;
        let image = match self.writer.show(id).await {
            Err(error) if error.is_gone() => return Ok(None),
            image => image?,
        };
        if !tags::is_incomplete(&image) {
            return Err(StepError::Changed(image.id));
        }
        let is_usable = match image.status {
            ImageStatus::Queued => true,
            ImageStatus::Active => has_content_of(&image, wanted),
            _ => false,
        };
        if !is_usable {
            self.clean_up(id).await;
            return Ok(None);
        }
        if image.status == ImageStatus::Active || image.tags.contains(&self.own_tag()) {
            return Ok(Some(image));
        }
        // Another installation gave it up. From now on it is told by its tags that this one has it.
        let tags: Vec<String> = self.tags(wanted).into_iter().collect();
        let claimed = self.writer.patch(id, &[PatchOp::add("tags", tags)]).await?;
        // Should its owner send to it at this moment, it stays the owner's.
        Ok((claimed.status == ImageStatus::Queued).then_some(claimed))
    }

    fn own_tag(&self) -> String {
        tags::installation(&self.context.installation)
    }

    /// The tags of an image on its way.
    fn tags(&self, wanted: &Upload) -> BTreeSet<String> {
        let mut tags = BTreeSet::from([tags::INCOMPLETE.to_owned(), self.own_tag()]);
        tags.extend(replaces_tag(wanted));
        tags
    }

    pub(super) fn new_image(&self, wanted: &Upload) -> NewImage {
        NewImage {
            name: wanted.image.clone(),
            disk_format: wanted.disk_format.clone(),
            container_format: wanted.container_format.clone(),
            min_disk: wanted.min_disk,
            min_ram: wanted.min_ram,
            tags: self.tags(wanted),
            properties: properties(wanted),
        }
    }
}

/// The user properties that the image gets, kernel and ramdisk among them.
pub(super) fn properties(wanted: &Upload) -> Properties {
    let parts = wanted.parts.iter().filter_map(|part| {
        let id = part.image_id.as_ref()?;
        Some((part.property.to_owned(), id.to_string()))
    });
    wanted.properties.clone().into_iter().chain(parts).collect()
}

/// True for content of the master's checksum and size.
pub(super) fn has_content_of(image: &Image, wanted: &Upload) -> bool {
    image.size == Some(wanted.size) && image.content.is_same_content(&wanted.content)
}

pub(super) fn replaces_tag(wanted: &Upload) -> Option<String> {
    wanted
        .replaces
        .as_ref()
        .map(|old| tags::replaces(&old.image_id))
}
