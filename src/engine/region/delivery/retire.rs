//! The old image of a published one: deleted, or kept under another name.

use super::image_delivery::ImageDelivery;
use super::settle::once_known;
use crate::engine::region::failure::StepError;
use crate::model::{ImageId, Visibility, Warning, WarningCode};
use crate::openstack::PatchOp;
use crate::plan::{OLD_SUFFIX, Retirement, Stage};

/// What became of an old image.
pub(in crate::engine::region) enum RetireOutcome {
    Deleted,
    Kept,
}

pub(in crate::engine::region) async fn retire_old_image(
    delivery: &ImageDelivery<'_>,
    retirement: &Retirement,
) -> Result<RetireOutcome, StepError> {
    let old = &retirement.old.image_id;
    let name = &retirement.upload.image;
    let fate = match delivery.writer.show(old).await {
        Err(error) if error.is_gone() => RetireOutcome::Deleted,
        Err(error) => return Err(error.into()),
        // To send content takes its time: whoever gave the old image another name meanwhile
        // keeps it, and whoever protected it too.
        Ok(found) if found.name != *name => RetireOutcome::Kept,
        Ok(found) if found.protected && !retirement.old.is_kept() => {
            warn_kept(
                delivery,
                WarningCode::ProtectedImage,
                "is protected now",
                old,
                name,
            );
            rename_old(delivery, old, name).await?
        }
        Ok(_) if retirement.old.is_kept() => rename_old(delivery, old, name).await?,
        Ok(_) => delete_old(delivery, old, name).await?,
    };
    let leftover = retirement.upload.leftover.as_ref();
    let published = leftover.filter(|leftover| leftover.stage == Stage::Published);
    let tags = published.map_or(&retirement.upload.tags, |it| &it.tags);
    let tags: Vec<String> = tags.iter().cloned().collect();
    let untag = [PatchOp::add("tags", tags)];
    let new = &retirement.new_id;
    once_known(delivery, new, async || {
        delivery.writer.patch(new, &untag).await
    })
    .await?;
    Ok(fate)
}

async fn delete_old(
    delivery: &ImageDelivery<'_>,
    old: &ImageId,
    name: &str,
) -> Result<RetireOutcome, StepError> {
    match delivery.writer.delete(old).await {
        Err(error) if error.is_in_use() => {
            let why = "is in use and cannot be deleted";
            warn_kept(delivery, WarningCode::ImageInUse, why, old, name);
            rename_old(delivery, old, name).await
        }
        Err(error) if !error.is_gone() => Err(error.into()),
        _ => Ok(RetireOutcome::Deleted),
    }
}

async fn rename_old(
    delivery: &ImageDelivery<'_>,
    old: &ImageId,
    name: &str,
) -> Result<RetireOutcome, StepError> {
    let mut ops = vec![
        PatchOp::replace("name", format!("{name}{OLD_SUFFIX}")),
        PatchOp::replace("visibility", Visibility::Private.as_str()),
    ];
    if delivery.job.target.settings.rules.retention.hide_old {
        ops.push(PatchOp::replace("os_hidden", true));
    }
    match delivery.writer.patch(old, &ops).await {
        Err(error) if !error.is_gone() => Err(StepError::from(error).of_rename()),
        _ => Ok(RetireOutcome::Kept),
    }
}

fn warn_kept(
    delivery: &ImageDelivery<'_>,
    code: WarningCode,
    why: &str,
    old: &ImageId,
    name: &str,
) {
    let warning = Warning::new(
        code,
        format!(
            "the old image `{name}` ({old}) of {} {why}: it is kept, private, as `{name}{OLD_SUFFIX}`",
            delivery.region
        ),
    )
    .image(name)
    .image_id(old);
    delivery
        .context
        .events
        .warning(Some(delivery.region), warning);
}
