//! Where the content of one image is read from, and from where else when that turns out to be wrong.

use super::attempt::upload_with_retry;
use super::image_delivery::ImageDelivery;
use super::import::import_with_retry;
use crate::content::Content;
use crate::engine::region::content_lookup::item_of;
use crate::engine::region::failure::StepError;
use crate::model::{ContentOrigin, DeliveryWay, Image, ImageId, MultiHash, Warning, WarningCode};
use crate::plan::Upload;

/// Fills an image from where its content is. Where that is a file which turns out to be wrong, and
/// Glance may be asked, it is filled anew from there.
pub(super) async fn upload_from_anywhere(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    begun: Option<ImageId>,
) -> Result<(Image, ContentOrigin), StepError> {
    let contents = &delivery.context.contents;
    let item = item_of(wanted);
    let content = contents.find(&item, delivery.lease).await?;
    let content = as_it_is_sent(delivery, wanted, content).await?;
    match upload_from(delivery, wanted, begun, &content).await {
        Err(error) if is_of_content(&error, wanted, &content).await => {
            let Some(other) = contents.instead_of(&content, &item, delivery.lease) else {
                return Err(error);
            };
            warn_wrong_file(delivery, wanted, &error);
            let other = as_it_is_sent(delivery, wanted, other).await?;
            // What had been begun was deleted with the wrong content.
            let image = upload_from(delivery, wanted, None, &other).await?;
            Ok((image, other.origin()))
        }
        brought => Ok((brought?, content.origin())),
    }
}

/// True where a failure comes of the content that was sent. A region that could not import it may be at fault
/// itself: then the content is compared with the master's checksum.
async fn is_of_content(error: &StepError, wanted: &Upload, content: &Content) -> bool {
    if !error.is_failed_import() {
        return error.affects_only_image();
    }
    let (content, expected) = (content.clone(), wanted.content.clone());
    let examined = tokio::task::spawn_blocking(move || content.is_right(&expected)).await;
    matches!(examined, Ok(Ok(Some(false)) | Err(_)))
}

pub(super) async fn upload_from(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    begun: Option<ImageId>,
    content: &Content,
) -> Result<Image, StepError> {
    // Nothing is created for a content that does not come.
    match delivery.context.stop.unless_dropped(content.begin()).await {
        Some(has_begun) => has_begun?,
        None => return Err(delivery.stopped()),
    }
    match wanted.delivery {
        DeliveryWay::Import => import_with_retry(delivery, wanted, content).await,
        DeliveryWay::Upload | DeliveryWay::Pull => {
            upload_with_retry(delivery, wanted, begun, content).await
        }
    }
}

/// The content in the form that goes out: expanded where that is wanted, and hashed on the way where
/// that will be needed.
async fn as_it_is_sent(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    content: Content,
) -> Result<Content, StepError> {
    if !wanted.is_expanded_here() {
        return Ok(hashed_as_the_region_does(delivery, wanted, content));
    }
    let known = delivery.context.hashes.complete(&wanted.content).expansion;
    let master = wanted.content.hashes().find(MultiHash::is_computable);
    let master = master.map(|hash| hash.algorithm);
    let algorithm = wanted.region_algorithm.clone().or(master.clone());
    let unknown = algorithm.filter(|it| !known.is_some_and(|expansion| expansion.is_hashed_by(it)));
    // The proof needs both: that this is the master's qcow2, and what it expands to.
    let content = match (&unknown, master) {
        (Some(_), Some(master)) => content.hashed_by([master]),
        _ => content,
    };
    let expanded = content.expanded();
    let Some(expanded) = delivery.context.stop.unless_dropped(expanded).await else {
        return Err(delivery.stopped());
    };
    let expanded = expanded?;
    Ok(unknown.map_or_else(|| expanded.clone(), |it| expanded.hashed_by([it])))
}

/// Where the region's hashes are of another kind than the master's, what is sent is hashed on the
/// way by both kinds.
pub(super) fn hashed_as_the_region_does(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    content: Content,
) -> Content {
    let Some(region) = &wanted.hashed_as else {
        return content;
    };
    let expected = delivery.context.hashes.complete(&wanted.content);
    let is_known = expected.found.iter().any(|hash| hash.algorithm == *region);
    let master = expected.hashes().find(MultiHash::is_computable);
    match master {
        Some(master) if !is_known => content.hashed_by([master.algorithm, region.clone()]),
        _ => content,
    }
}

pub(super) fn warn_wrong_file(delivery: &ImageDelivery<'_>, wanted: &Upload, error: &StepError) {
    let name = &wanted.image;
    let message = format!(
        "the file of `{name}` in `images_dir` cannot be used, so its content is downloaded from the master's Glance: {error}"
    );
    let warning = Warning::new(WarningCode::WrongFile, message).image(name);
    delivery
        .context
        .events
        .warning(Some(delivery.region), warning);
}
