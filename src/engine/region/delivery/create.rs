//! A new image: private, unprotected, tagged, and without content.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::image_delivery::ImageDelivery;
use super::settle::{SentImage, clean_up};
use crate::engine::region::failure::StepError;
use crate::model::{ImageId, Properties};
use crate::openstack::NewImage;
use crate::plan::{Upload, tags as image_tags};

/// Creates an image. Its id is known before it is there, so that it can be cleared away whenever
/// the run is told to drop its connections.
pub(super) async fn create(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
) -> Result<SentImage, StepError> {
    let id = ImageId::new(&uuid::Uuid::new_v4().to_string());
    let new = new_image(delivery, wanted);
    let created = delivery.writer.create(&id, &new);
    let Some(created) = delivery.context.stop.unless_overdue(created).await else {
        clean_up(delivery, &id).await;
        return Err(delivery.stopped());
    };
    let id = created?.id;
    delivery
        .born
        .borrow_mut()
        .insert(id.clone(), Instant::now());
    Ok(SentImage {
        id,
        sends: 0,
        last_byte: None,
    })
}

pub(super) fn new_image(delivery: &ImageDelivery<'_>, wanted: &Upload) -> NewImage {
    NewImage {
        name: wanted.image.clone(),
        disk_format: wanted.created_format().cloned(),
        container_format: wanted.container_format.clone(),
        min_disk: wanted.min_disk,
        min_ram: wanted.min_ram,
        tags: tags(delivery, wanted),
        properties: properties(wanted),
    }
}

/// The tags of an image on its way.
pub(super) fn tags(delivery: &ImageDelivery<'_>, wanted: &Upload) -> BTreeSet<String> {
    let mut all = BTreeSet::from([image_tags::INCOMPLETE.to_owned(), own_tag(delivery)]);
    all.extend(replaces_tag(wanted));
    all
}

pub(super) fn own_tag(delivery: &ImageDelivery<'_>) -> String {
    image_tags::installation(&delivery.context.installation)
}

/// The user properties that the image gets, kernel and ramdisk among them.
pub(super) fn properties(wanted: &Upload) -> Properties {
    let parts = wanted.parts.iter().filter_map(|part| {
        let id = part.image_id.as_ref()?;
        Some((part.property.to_owned(), id.to_string()))
    });
    wanted.properties.clone().into_iter().chain(parts).collect()
}

pub(super) fn replaces_tag(wanted: &Upload) -> Option<String> {
    wanted
        .replaces
        .as_ref()
        .map(|old| image_tags::replaces(&old.image_id))
}
