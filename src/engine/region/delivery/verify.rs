//! What arrived, compared with the master's content.

use super::image_delivery::ImageDelivery;
use crate::content::Content;
use crate::engine::region::content_lookup::item_of;
use crate::engine::region::failure::StepError;
use crate::engine::region::known_hashes::keep_hash;
use crate::model::{ContentHash, Image, MultiHash, RegionName};
use crate::plan::Upload;

/// Compares what arrived with the master's checksums and size.
pub(super) async fn verify(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    arrived: &Image,
    content: &Content,
) -> Result<(), StepError> {
    if arrived.size == Some(wanted.size) {
        let expected = delivery.context.hashes.complete(&wanted.content);
        match arrived.content.compare(&expected) {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => return verify_by_hashing(delivery, wanted, arrived, content).await,
        }
    }
    let (source, expected) = (content.clone(), wanted.content.clone());
    let examined = tokio::task::spawn_blocking(move || source.is_right(&expected)).await;
    let is_right = examined.map_err(|_| StepError::Lost)??;
    let whose = match is_right {
        Some(true) => "it was damaged on the way or in the region's store".to_owned(),
        Some(false) => format!("{content} is not the content of the master's image"),
        None => format!(
            "either {content} is not the content of the master's image, or it was damaged on the way to the region or in its store"
        ),
    };
    Err(mismatch(wanted, arrived, whose, is_right == Some(false)))
}

/// Compares what arrived in a region whose hashes are of another kind than the master's: what was
/// sent has the master's hash, and the region's. The latter is kept, so that the content need not
/// be hashed again.
pub(super) async fn verify_by_hashing(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    arrived: &Image,
    content: &Content,
) -> Result<(), StepError> {
    let kind = |content: &ContentHash| content.hashes().find(MultiHash::is_computable);
    let (Some(master), Some(region)) = (kind(&wanted.content), kind(&arrived.content)) else {
        return Err(StepError::NotVerifiable {
            found: Box::new(arrived.content.clone()),
            expected: Box::new(wanted.content.clone()),
        });
    };
    let algorithms = [master.algorithm.clone(), region.algorithm.clone()];
    let hashes = content.hashes(algorithms).await?;
    if !hashes.contains(&master) {
        let whose = format!("{content} is not the content of the master's image");
        return Err(mismatch(wanted, arrived, whose, true));
    }
    if !hashes.contains(&region) {
        let whose = "it was damaged on the way or in the region's store".to_owned();
        return Err(mismatch(wanted, arrived, whose, false));
    }
    keep_hash(delivery.context, delivery.region, &wanted.content, region).await;
    Ok(())
}

/// Compares what the region fetched from another with the master's checksums and size. The content is read
/// here only where the region's hashes are of another kind than the master's.
pub(super) async fn verify_pulled(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    arrived: &Image,
    from: &RegionName,
) -> Result<(), StepError> {
    let expected = delivery.context.hashes.complete(&wanted.content);
    let compared = arrived.content.compare(&expected);
    if arrived.size == Some(wanted.size) {
        match compared {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => {
                let contents = &delivery.context.contents;
                let content = contents.find(&item_of(wanted), delivery.lease).await?;
                return verify_by_hashing(delivery, wanted, arrived, &content).await;
            }
        }
    }
    let whose =
        format!("it was fetched from {from} and changed there, on the way or by the region");
    Err(mismatch(wanted, arrived, whose, false))
}

fn mismatch(wanted: &Upload, arrived: &Image, whose: String, is_source: bool) -> StepError {
    StepError::Mismatch {
        found: Box::new(arrived.content.clone()),
        found_bytes: arrived.size.unwrap_or_default(),
        expected: Box::new(wanted.content.clone()),
        expected_bytes: wanted.size,
        whose,
        is_source,
    }
}

/// True for content of the master's checksum and size.
pub(in crate::engine::region) fn has_content_of(image: &Image, wanted: &Upload) -> bool {
    image.size == Some(wanted.size) && image.content.is_same_content(&wanted.content)
}
