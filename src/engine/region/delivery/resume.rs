//! What an earlier run left, as it is now.

use super::create::{own_tag, replaces_tag, tags};
use super::delivered::Delivered;
use super::image_delivery::ImageDelivery;
use super::imported::{StartedImport, until_imported};
use super::settle::clean_up;
use super::verify::has_content_of;
use crate::engine::region::failure::StepError;
use crate::model::{Image, ImageStatus};
use crate::openstack::PatchOp;
use crate::plan::{Leftover, Upload, tags as image_tags};

/// Makes sure that nobody has touched a published image before its old one is dealt with.
pub(super) async fn check_published(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    leftover: &Leftover,
) -> Result<Delivered, StepError> {
    let image = delivery.writer.show(&leftover.image_id).await?;
    let is_as_listed = image.status == ImageStatus::Active
        && image.name == wanted.image
        && !image_tags::is_incomplete(&image)
        && replaces_tag(wanted).is_some_and(|tag| image.tags.contains(&tag));
    if is_as_listed {
        Ok(Delivered {
            id: image.id,
            elsewhere: None,
            bytes: 0,
            way: None,
            source: None,
            from: None,
            disk_format: image.disk_format,
        })
    } else {
        Err(StepError::Changed(image.id))
    }
}

/// The leftover as it is now, if it can still be taken up: the list may be old by now. What
/// cannot is deleted.
pub(super) async fn resume(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    leftover: &Leftover,
) -> Result<Option<Image>, StepError> {
    let id = &leftover.image_id;
    let image = match delivery.writer.show(id).await {
        Err(error) if error.is_gone() => return Ok(None),
        image => image?,
    };
    if !image_tags::is_incomplete(&image) {
        return Err(StepError::Changed(image.id));
    }
    let is_own = image.tags.contains(&own_tag(delivery));
    let image = if is_own && image.status == ImageStatus::Importing {
        let import = StartedImport {
            id,
            way: wanted.delivery,
            is_accepted: true,
        };
        match until_imported(delivery, &import).await {
            Err(error) if error.is_failed_import() => {
                delivery.note(format!("begins `{}` anew: {error}", wanted.image));
                return Ok(None);
            }
            imported => imported?,
        }
    } else {
        image
    };
    let is_usable = match image.status {
        // What is sent must be what the image says that it is.
        ImageStatus::Queued => image.disk_format.as_ref() == wanted.created_format(),
        ImageStatus::Active => has_content_of(&image, wanted),
        _ => false,
    };
    if !is_usable {
        clean_up(delivery, id).await;
        return Ok(None);
    }
    if image.status == ImageStatus::Active || image.tags.contains(&own_tag(delivery)) {
        return Ok(Some(image));
    }
    // Another installation gave it up. From now on it is told by its tags that this one has it.
    let tags: Vec<String> = tags(delivery, wanted).into_iter().collect();
    let claimed = delivery
        .writer
        .patch(id, &[PatchOp::add("tags", tags)])
        .await?;
    // Should its owner send to it at this moment, it stays the owner's.
    Ok((claimed.status == ImageStatus::Queued).then_some(claimed))
}
