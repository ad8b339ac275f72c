//! One image from the decision to its publishing.

use super::content_choice::upload_from_anywhere;
use super::delivered::Delivered;
use super::image_delivery::ImageDelivery;
use super::publish::publish;
use super::resume::{check_published, resume};
use crate::engine::region::failure::StepError;
use crate::model::ImageStatus;
use crate::plan::{Stage, Upload};

/// Brings a new image into the region, up to its publishing.
pub(in crate::engine::region) async fn deliver(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
) -> Result<Delivered, StepError> {
    let begun = match &wanted.leftover {
        None => None,
        Some(leftover) if leftover.stage == Stage::Published => {
            return check_published(delivery, wanted, leftover).await;
        }
        Some(leftover) => resume(delivery, wanted, leftover).await?,
    };
    let is_there = matches!(&begun, Some(image) if image.status == ImageStatus::Active);
    let (image, source) = match begun {
        Some(image) if is_there => (image, None),
        begun => {
            let begun = begun.map(|image| image.id);
            let (image, source) = upload_from_anywhere(delivery, wanted, begun).await?;
            (image, Some(source))
        }
    };
    let elsewhere = publish(delivery, wanted, &image).await?;
    let id = elsewhere
        .as_ref()
        .map_or(image.id, |it| it.image_id.clone());
    Ok(Delivered {
        id,
        elsewhere,
        bytes: if is_there { 0 } else { wanted.size },
        source,
    })
}
