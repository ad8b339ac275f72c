//! One image from the decision to its publishing.

use super::content_choice::upload_from_anywhere;
use super::delivered::{Delivered, Filled};
use super::image_delivery::ImageDelivery;
use super::publish::publish;
use super::pull::pull;
use super::resume::{check_published, resume};
use super::settle::clean_up;
use crate::engine::coordinator::LentCopy;
use crate::engine::region::failure::StepError;
use crate::model::{Delivery, DeliveryWay, Image, ImageStatus, Warning, WarningCode};
use crate::plan::{Stage, Upload, other_format};

/// Brings a new image into the region, up to its publishing. What is fetched from another region comes from
/// the copy that was `lent`.
pub(in crate::engine::region) async fn deliver(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    lent: Option<LentCopy>,
) -> Result<Delivered, StepError> {
    let begun = match &wanted.leftover {
        None => None,
        Some(leftover) if leftover.stage == Stage::Published => {
            return check_published(delivery, wanted, leftover).await;
        }
        Some(leftover) => resume(delivery, wanted, leftover).await?,
    };
    let filled = match begun {
        Some(image) if image.status == ImageStatus::Active => Filled::before(image),
        begun => fill_by_its_way(delivery, wanted, begun, lent).await?,
    };
    let bytes = match filled.way {
        None => 0,
        // What was imported or pulled may have been converted by the region.
        Some(DeliveryWay::Upload) => filled.image.bytes(),
        Some(_) => wanted.size,
    };
    let elsewhere = publish(delivery, wanted, &filled.image).await?;
    // A region that imports or fetches may convert where that is not wanted, or not where it is.
    if elsewhere.is_none() && filled.image.disk_format != wanted.disk_format {
        let warning = other_format(&filled.image, delivery.region);
        let events = &delivery.context.events;
        events.warning(Some(delivery.region), warning);
    }
    let id = elsewhere
        .as_ref()
        .map_or(&filled.image.id, |it| &it.image_id)
        .clone();
    let copies = &delivery.context.copies;
    let format = filled.image.disk_format.as_ref();
    copies.add(delivery.place(), &wanted.master_id, &id, format);
    Ok(Delivered {
        id,
        elsewhere,
        bytes,
        way: filled.way,
        source: filled.source,
        from: filled.from,
        disk_format: filled.image.disk_format,
    })
}

/// Fills an image by the way that the plan chose. Where a pull fails and an upload may take its place, the
/// content is uploaded.
async fn fill_by_its_way(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    begun: Option<Image>,
    lent: Option<LentCopy>,
) -> Result<Filled, StepError> {
    let mut begun = begun.map(|image| image.id);
    if wanted.delivery != DeliveryWay::Upload
        && let Some(begun) = begun.take()
    {
        // No image is imported twice, and nobody knows whether that was begun.
        clean_up(delivery, &begun).await;
    }
    if wanted.delivery != DeliveryWay::Pull {
        let (image, source) = upload_from_anywhere(delivery, wanted, begun).await?;
        return Ok(Filled::sent(image, wanted.delivery, source));
    }
    if let Some(pulled) = try_pull(delivery, wanted, lent).await? {
        return Ok(pulled);
    }
    let uploaded = Upload {
        delivery: DeliveryWay::Upload,
        ..wanted.clone()
    };
    let (image, source) = upload_from_anywhere(delivery, &uploaded, None).await?;
    Ok(Filled::sent(image, DeliveryWay::Upload, source))
}

/// Has the content pulled; nothing where an upload is to take the place of that.
async fn try_pull(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    lent: Option<LentCopy>,
) -> Result<Option<Filled>, StepError> {
    if delivery.rules.delivery != Delivery::Auto {
        let (image, from) = pull(delivery, wanted, lent).await?;
        return Ok(Some(Filled::pulled(image, from)));
    }
    if delivery.pulls_no_more() {
        return Ok(None);
    }
    match pull(delivery, wanted, lent).await {
        Ok((image, from)) if image.disk_format == wanted.disk_format => {
            Ok(Some(Filled::pulled(image, from)))
        }
        Ok((image, from)) => {
            let format = image.disk_format.unwrap_or_default();
            delivery.note(format!(
                "uploads `{}`, which came from {from} as {format}",
                wanted.image
            ));
            clean_up(delivery, &image.id).await;
            Ok(None)
        }
        Err(error) if error.is_failed_import() => {
            delivery.failed_pulls.update(|failed| failed + 1);
            warn_failed_pull(delivery, wanted, &error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn warn_failed_pull(delivery: &ImageDelivery<'_>, wanted: &Upload, error: &StepError) {
    let name = &wanted.image;
    let message = format!("`{name}` is uploaded, since it could not be pulled: {error}");
    let warning = Warning::new(WarningCode::PullFailed, message).image(name);
    let events = &delivery.context.events;
    events.warning(Some(delivery.region), warning);
}
