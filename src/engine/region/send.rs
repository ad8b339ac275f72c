//! A new image on its way: created private and tagged, content sent, verified, published.
//!
//! Between any two requests the run may end. Whatever is left then bears the tag
//! `glancesync-incomplete`, is private, and is told by it; the old image of that name is untouched
//! until the new one was published.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::execute::Executor;
use super::failure::StepError;
use crate::model::{Image, ImageId};
use crate::openstack::{NewImage, PatchOp};
use crate::plan::{Upload, tags};
use crate::transfer::{Content, upload};

impl Executor<'_> {
    /// Brings a new image into the region, up to its publishing. Gives its id.
    pub(super) async fn send(&self, wanted: &Upload) -> Result<ImageId, StepError> {
        let content = self.content(wanted).await?;
        let created = self.writer.create(&self.new_image(wanted)).await?;
        let filled = tokio::select! {
            filled = self.fill(wanted, &created.id, &content) => filled,
            () = self.context.stop.now() => Err(StepError::Interrupted),
        };
        if let Err(error) = filled {
            self.clean_up(&created.id).await;
            return Err(error);
        }
        self.publish(wanted, &created.id).await?;
        Ok(created.id)
    }

    async fn content(&self, wanted: &Upload) -> Result<Content, StepError> {
        let images = self.context.images.clone();
        let (id, bytes) = (wanted.master_id.clone(), wanted.bytes);
        let found = tokio::task::spawn_blocking(move || images.find(&id, bytes)).await;
        Ok(found.map_err(|_| StepError::Lost)??)
    }

    fn new_image(&self, wanted: &Upload) -> NewImage {
        let mut properties = wanted.properties.clone();
        for part in &wanted.parts {
            if let Some(id) = &part.image_id {
                properties.insert(part.property.to_owned(), id.to_string());
            }
        }
        let mut tags = BTreeSet::from([
            tags::INCOMPLETE.to_owned(),
            tags::installation(&self.context.installation),
        ]);
        tags.extend(replaces_tag(wanted));
        NewImage {
            name: wanted.image.clone(),
            disk_format: wanted.disk_format.clone(),
            container_format: wanted.container_format.clone(),
            min_disk: wanted.min_disk,
            min_ram: wanted.min_ram,
            tags,
            properties,
        }
    }

    async fn fill(
        &self,
        wanted: &Upload,
        id: &ImageId,
        content: &Content,
    ) -> Result<(), StepError> {
        let bytes_sent = Arc::new(AtomicU64::new(0));
        let transfer = self.context.events.transfer(
            self.region,
            &wanted.image,
            wanted.kind(),
            wanted.bytes,
            Arc::clone(&bytes_sent),
        );
        upload(&self.writer, id, content, &bytes_sent, &self.limits).await?;
        drop(transfer);
        let arrived = self.writer.show(id).await?;
        self.verify(wanted, &arrived, content).await
    }

    /// Compares what arrived with the master's checksum and size.
    async fn verify(
        &self,
        wanted: &Upload,
        arrived: &Image,
        content: &Content,
    ) -> Result<(), StepError> {
        if arrived.size == Some(wanted.bytes) && arrived.content.same_as(&wanted.content) {
            return Ok(());
        }
        let is_source = match &wanted.content.md5 {
            None => false,
            Some(expected) => {
                let (content, expected) = (content.clone(), expected.clone());
                let hashed = tokio::task::spawn_blocking(move || content.md5()).await;
                hashed.map_err(|_| StepError::Lost)?? != expected
            }
        };
        let whose = if is_source {
            format!("{content} does not have the content of the master's image")
        } else {
            "it was damaged on the way or in the region's store".to_owned()
        };
        Err(StepError::Mismatch {
            found: Box::new(arrived.content.clone()),
            found_bytes: arrived.size.unwrap_or_default(),
            expected: Box::new(wanted.content.clone()),
            expected_bytes: wanted.bytes,
            whose,
            is_source,
        })
    }

    /// One change gives the image to those that may see it.
    async fn publish(&self, wanted: &Upload, id: &ImageId) -> Result<(), StepError> {
        let tags: Vec<String> = replaces_tag(wanted).into_iter().collect();
        let ops = [
            PatchOp::replace("visibility", wanted.visibility.as_str()),
            PatchOp::replace("protected", wanted.protected),
            PatchOp::add("tags", tags),
        ];
        self.writer.patch(id, &ops).await?;
        Ok(())
    }

    /// Removes what could not be completed. Where that fails too, the next run knows it by its tags.
    async fn clean_up(&self, id: &ImageId) {
        if let Err(error) = self.writer.delete(id).await
            && !error.is_gone()
        {
            self.context.events.note(
                self.region,
                format!("leaves the incomplete image {id} behind: {error}"),
            );
        }
    }
}

fn replaces_tag(wanted: &Upload) -> Option<String> {
    wanted
        .replaces
        .as_ref()
        .map(|old| tags::replaces(&old.image_id))
}
