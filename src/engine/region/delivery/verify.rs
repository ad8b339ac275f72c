//! What arrived, compared with the master's content.

use super::image_delivery::ImageDelivery;
use crate::content::Content;
use crate::engine::region::content_lookup::item_of;
use crate::engine::region::failure::StepError;
use crate::engine::region::known_hashes::{keep_expansion, keep_hash};
use crate::model::{ContentHash, Image, MultiHash, RegionName, may_be_expansion};
use crate::plan::Upload;

/// Compares what arrived with the master's checksums and size.
pub(super) async fn verify(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    arrived: &Image,
    content: &Content,
) -> Result<(), StepError> {
    if is_expanded(wanted, arrived) {
        return verify_expansion(delivery, wanted, arrived, content).await;
    }
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
    let contents = &delivery.context.contents;
    let expected = delivery.context.hashes.complete(&wanted.content);
    if is_expanded(wanted, arrived) {
        if is_known_expansion(delivery, wanted, arrived) {
            return Ok(());
        }
        let content = contents.find(&item_of(wanted), delivery.lease).await?;
        return verify_expansion(delivery, wanted, arrived, &content).await;
    }
    let compared = arrived.content.compare(&expected);
    if arrived.size == Some(wanted.size) {
        match compared {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => {
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

/// True where what arrived can only be the master's content expanded to raw.
fn is_expanded(wanted: &Upload, arrived: &Image) -> bool {
    may_be_expansion(
        wanted.master_format.as_deref(),
        arrived.disk_format.as_deref(),
    )
}

/// True where what arrived is what the master's content was found to expand to.
fn is_known_expansion(delivery: &ImageDelivery<'_>, wanted: &Upload, arrived: &Image) -> bool {
    let known = delivery.context.hashes.complete(&wanted.content).expansion;
    known.is_some_and(|it| it.compare(arrived.size, &arrived.content) == Some(true))
}

/// Compares what arrived as raw with what the master's qcow2 expands to. Where that is not known yet, the content
/// is expanded and hashed here, once, unless it was while it was sent; and it must be the master's.
async fn verify_expansion(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    arrived: &Image,
    content: &Content,
) -> Result<(), StepError> {
    if is_known_expansion(delivery, wanted, arrived) {
        return Ok(());
    }
    // Several regions may wait for the same: only the first computes it.
    let _turn = delivery.context.proofs.turn(&wanted.master_id).await;
    if is_known_expansion(delivery, wanted, arrived) {
        return Ok(());
    }
    let computable = |content: &ContentHash| content.hashes().find(MultiHash::is_computable);
    let (Some(master), Some(region)) = (computable(&wanted.content), computable(&arrived.content))
    else {
        return Err(StepError::NotVerifiable {
            found: Box::new(arrived.content.clone()),
            expected: Box::new(wanted.content.clone()),
        });
    };
    let stored = content.as_stored();
    let hashes = stored.hashes([master.algorithm.clone()]).await?;
    if !hashes.contains(&master) {
        let whose = format!("{content} is not the content of the master's image");
        return Err(mismatch(wanted, arrived, whose, true));
    }
    let expanded = content.expanded().await?;
    let made = expanded.hashes([region.algorithm.clone()]).await?;
    let made = made
        .into_iter()
        .find(|hash| hash.algorithm == region.algorithm);
    let Some(made) = made else {
        return Err(StepError::Lost);
    };
    let is_right = made == region && arrived.size == Some(expanded.size());
    keep_expansion(
        delivery.context,
        delivery.region,
        &wanted.content,
        expanded.size(),
        made,
    )
    .await;
    if is_right {
        return Ok(());
    }
    let whose = format!(
        "as raw the master's content has {} bytes and another hash: it was changed on the way, or converted wrongly by the region",
        expanded.size()
    );
    Err(mismatch(wanted, arrived, whose, false))
}

/// True for content of the master's checksum and size, or what it is known to expand to.
pub(in crate::engine::region) fn has_content_of(image: &Image, wanted: &Upload) -> bool {
    let is_same = image.size == Some(wanted.size) && image.content.is_same_content(&wanted.content);
    let expansion = wanted.content.expansion.as_ref();
    is_same
        || is_expanded(wanted, image)
            && expansion.is_some_and(|it| it.compare(image.size, &image.content) == Some(true))
}
