//! Images that nobody wants any more: hidden or deleted, unless somebody changed them since they were
//! listed.

use std::collections::BTreeSet;

use super::delivery::ImageDelivery;
use super::failure::StepError;
use crate::model::{Image, Warning, WarningCode};
use crate::openstack::PatchOp;
use crate::plan::{Cleanup, CleanupStep, Shown, tags};

/// What became of the image.
pub(super) enum CleanupOutcome {
    /// It is hidden, or gone.
    Done,
    /// It stays as it is.
    Kept,
}

/// Looks at the image once more, and does to it what was planned where it is still what it was.
pub(super) async fn clean_up(
    delivery: &ImageDelivery<'_>,
    cleanup: &Cleanup,
) -> Result<CleanupOutcome, StepError> {
    let image = match delivery.writer.show(&cleanup.image_id).await {
        Err(error) if error.is_gone() => return Ok(CleanupOutcome::Done),
        image => image?,
    };
    if let Some(why) = why_kept(&image, cleanup) {
        delivery.note(format!(
            "leaves `{}` ({}) as it is: {why}",
            image.name, image.id
        ));
        return Ok(CleanupOutcome::Kept);
    }
    match cleanup.step {
        CleanupStep::HideOrphan(day) => {
            let tags = tags::with_orphan(&image.tags, day);
            change(delivery, &image, tags, Some(true)).await
        }
        CleanupStep::ShowAgain(shown) => {
            let hidden = (shown == Shown::Always).then_some(false);
            let tags = tags::without_orphan(&image.tags);
            change(delivery, &image, tags, hidden).await
        }
        CleanupStep::DeleteOld | CleanupStep::DeleteOrphan => delete(delivery, &image).await,
    }
}

/// What somebody else has done to the image since it was listed.
fn why_kept(image: &Image, cleanup: &Cleanup) -> Option<&'static str> {
    let was_shown =
        cleanup.step == CleanupStep::DeleteOrphan && !(image.os_hidden && tags::says_orphan(image));
    if image.name != cleanup.image {
        Some("somebody renamed it meanwhile")
    } else if image.protected && cleanup.comes_last() {
        Some("somebody protected it meanwhile")
    } else if was_shown {
        Some("somebody shows it again")
    } else {
        None
    }
}

async fn change(
    delivery: &ImageDelivery<'_>,
    image: &Image,
    tags: BTreeSet<String>,
    hidden: Option<bool>,
) -> Result<CleanupOutcome, StepError> {
    let tags: Vec<String> = tags.into_iter().collect();
    let hidden = hidden.map(|hidden| PatchOp::replace("os_hidden", hidden));
    let ops: Vec<PatchOp> = [PatchOp::add("tags", tags)]
        .into_iter()
        .chain(hidden)
        .collect();
    match delivery.writer.patch(&image.id, &ops).await {
        Err(error) if !error.is_gone() => Err(error.into()),
        _ => Ok(CleanupOutcome::Done),
    }
}

async fn delete(delivery: &ImageDelivery<'_>, image: &Image) -> Result<CleanupOutcome, StepError> {
    match delivery.writer.delete(&image.id).await {
        Err(error) if error.is_in_use() => {
            warn_in_use(delivery, image);
            Ok(CleanupOutcome::Kept)
        }
        Err(error) if !error.is_gone() => Err(error.into()),
        _ => Ok(CleanupOutcome::Done),
    }
}

fn warn_in_use(delivery: &ImageDelivery<'_>, image: &Image) {
    let message = format!(
        "the image `{}` ({}) of {} is in use and cannot be deleted: it stays, and a later run tries again",
        image.name, image.id, delivery.region
    );
    let warning = Warning::new(WarningCode::ImageInUse, message);
    let warning = warning.image(&image.name).image_id(&image.id);
    let events = &delivery.context.events;
    events.warning(Some(delivery.region), warning);
}
