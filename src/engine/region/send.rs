//! A new image on its way: created private and tagged, content sent, verified, published. Or one that
//! an earlier run left on its way, from where that run ended.
//!
//! Between any two requests the run may end. Whatever is left then bears the tag
//! `glancesync-incomplete`, is private, and is told by it; the old image of that name is untouched
//! until the new one was published.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::execute::Executor;
use super::failure::StepError;
use crate::model::{ContentOrigin, Image, ImageId, ImageStatus, Properties};
use crate::openstack::{NewImage, PatchOp};
use crate::plan::{Leftover, Stage, Upload, tags};
use crate::transfer::{Content, upload};

/// An image that was published.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its id.
    pub(super) id: ImageId,
    /// The bytes of content that were sent.
    pub(super) bytes: u64,
    /// Where they came from.
    pub(super) source: Option<ContentOrigin>,
}

impl Executor<'_> {
    /// Brings a new image into the region, up to its publishing.
    pub(super) async fn send(&self, wanted: &Upload) -> Result<Sent, StepError> {
        let begun = match &wanted.leftover {
            None => None,
            Some(leftover) if leftover.stage == Stage::Published => {
                return self.look_at_published(wanted, leftover).await;
            }
            Some(leftover) => self.take_up(wanted, leftover).await?,
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
        self.publish(wanted, &image).await?;
        Ok(Sent {
            id: image.id,
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
                bytes: 0,
                source: None,
            })
        } else {
            Err(StepError::Changed(image.id))
        }
    }

    /// The leftover as it is now, if it can still be taken up: the list may be old by now. What
    /// cannot is deleted.
    async fn take_up(
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

    pub(super) async fn fill(
        &self,
        wanted: &Upload,
        id: &ImageId,
        content: &Content,
    ) -> Result<Image, StepError> {
        let bytes_sent = Arc::new(AtomicU64::new(0));
        let transfer = self.context.events.transfer(
            self.region,
            &wanted.image,
            wanted.kind(),
            wanted.size,
            Arc::clone(&bytes_sent),
        );
        upload(&self.writer, id, content, &bytes_sent, &self.limits).await?;
        drop(transfer);
        let arrived = self.writer.show(id).await?;
        self.verify(wanted, &arrived, content).await?;
        Ok(arrived)
    }

    /// One change gives the image to those that may see it. What an earlier run created gets all its
    /// metadata up to date in the same change.
    async fn publish(&self, wanted: &Upload, image: &Image) -> Result<(), StepError> {
        let tags: Vec<String> = replaces_tag(wanted).into_iter().collect();
        let mut ops = vec![
            PatchOp::replace("visibility", wanted.visibility.as_str()),
            PatchOp::replace("protected", wanted.protected),
            PatchOp::add("tags", tags),
        ];
        if wanted.leftover.is_some() {
            ops.extend(update_ops(wanted, image));
        }
        let published = self.writer.patch(&image.id, &ops);
        match self.context.stop.unless_overdue(published).await {
            Some(published) => published.map(drop).map_err(StepError::from),
            None => Err(StepError::Interrupted),
        }
    }
}

/// The user properties that the image gets, kernel and ramdisk among them.
fn properties(wanted: &Upload) -> Properties {
    let parts = wanted.parts.iter().filter_map(|part| {
        let id = part.image_id.as_ref()?;
        Some((part.property.to_owned(), id.to_string()))
    });
    wanted.properties.clone().into_iter().chain(parts).collect()
}

/// What makes an image that was created under other circumstances as it would be created now.
fn update_ops(wanted: &Upload, image: &Image) -> Vec<PatchOp> {
    let properties = properties(wanted);
    let mut ops = Vec::new();
    for (name, from, to) in [
        ("min_disk", image.min_disk, wanted.min_disk),
        ("min_ram", image.min_ram, wanted.min_ram),
    ] {
        if from != to {
            ops.push(PatchOp::replace(name, to));
        }
    }
    for (name, value) in &properties {
        if image.properties.get(name) != Some(value) {
            ops.push(PatchOp::add(name, value.as_str()));
        }
    }
    let surplus = image.properties.keys();
    let surplus = surplus.filter(|name| !properties.contains_key(*name));
    ops.extend(surplus.map(PatchOp::remove));
    ops
}

/// True for content of the master's checksum and size.
pub(super) fn has_content_of(image: &Image, wanted: &Upload) -> bool {
    image.size == Some(wanted.size) && image.content.same_as(&wanted.content)
}

fn replaces_tag(wanted: &Upload) -> Option<String> {
    wanted
        .replaces
        .as_ref()
        .map(|old| tags::replaces(&old.image_id))
}
