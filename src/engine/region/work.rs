//! The work of each step: what is asked of the region, and what came of it. It knows nothing of the
//! plan's other steps, so that several may go on at once.

use serde_json::Value;

use super::cleanup::{CleanupOutcome, clean_up};
use super::delivery::{
    Delivered, ImageDelivery, RetireOutcome, deliver, has_content_of, retire_old_image,
};
use super::failure::StepError;
use super::known_hashes::keep_failed_proof;
use crate::engine::coordinator::LentCopy;
use crate::model::{Image, ImageId, ImageStatus};
use crate::openstack::PatchOp;
use crate::plan::{Action, AttributeChange, MetadataChange, PartChange, Retirement, Upload};

/// A step with all that it needs.
pub(super) enum Work {
    /// Brings a content, from the lent copy where it is fetched from another region.
    Deliver(Box<Upload>, Option<LentCopy>),
    /// Changes or deletes one image. A leftover stays where it turns out to be what that upload is for.
    Change(Action, Option<Box<Upload>>),
    /// Deals with the old image of a published one.
    Retire(Box<Retirement>),
}

/// A step that ended, and how.
pub(super) enum Ended {
    Delivered(Box<Upload>, Result<Delivered, StepError>),
    Changed(Action, Result<ChangeOutcome, StepError>),
    Retired(Box<Retirement>, Result<RetireOutcome, StepError>),
}

/// What came of a change.
pub(super) enum ChangeOutcome {
    Done,
    /// The leftover that was to be deleted is complete: it only has to be published.
    Resumable(ImageId),
    /// What nobody wants any more stays all the same.
    Kept,
}

/// Does the work.
pub(super) async fn carry_out(delivery: &ImageDelivery<'_>, work: Work) -> Ended {
    let stop = &delivery.context.stop;
    match work {
        Work::Deliver(upload, lent) => {
            let delivered = Box::pin(deliver(delivery, &upload, lent)).await;
            if let Err(StepError::NotVerifiable { .. }) = delivered {
                let (context, region) = (delivery.context, delivery.region);
                keep_failed_proof(context, region, &upload, delivery.rules).await;
            }
            Ended::Delivered(upload, delivered)
        }
        Work::Change(action, wanted) => {
            let changed = change(delivery, &action, wanted.as_deref());
            let changed = stop.unless_overdue(changed).await;
            let changed = changed.unwrap_or_else(|| Err(delivery.stopped()));
            Ended::Changed(action, changed)
        }
        Work::Retire(retirement) => {
            let retired = retire_old_image(delivery, &retirement);
            let retired = stop.unless_overdue(retired).await;
            let retired = retired.unwrap_or_else(|| Err(delivery.stopped()));
            Ended::Retired(retirement, retired)
        }
    }
}

async fn change(
    delivery: &ImageDelivery<'_>,
    action: &Action,
    wanted: Option<&Upload>,
) -> Result<ChangeOutcome, StepError> {
    let (id, ops) = match action {
        Action::DeleteLeftover { image_id, .. } => {
            return delete_leftover(delivery, image_id, wanted).await;
        }
        Action::MarkObsolete {
            image_id, change, ..
        }
        | Action::UpdateMetadata {
            image_id, change, ..
        } => (image_id, change_ops(change)),
        Action::UpdateAmi {
            image_id, parts, ..
        } => (image_id, part_ops(parts)),
        Action::Cleanup(cleanup) => {
            return Ok(match clean_up(delivery, cleanup).await? {
                CleanupOutcome::Done => ChangeOutcome::Done,
                CleanupOutcome::Kept => ChangeOutcome::Kept,
            });
        }
        Action::Upload(_) => return Ok(ChangeOutcome::Done),
    };
    // An earlier run may have got as far as this.
    if !ops.is_empty() {
        delivery.writer.patch(id, &ops).await?;
    }
    Ok(ChangeOutcome::Done)
}

/// Deletes a leftover, unless it has become complete since it was listed and an upload can do with
/// it.
async fn delete_leftover(
    delivery: &ImageDelivery<'_>,
    id: &ImageId,
    wanted: Option<&Upload>,
) -> Result<ChangeOutcome, StepError> {
    if let Some(wanted) = wanted {
        match delivery.writer.show(id).await {
            Err(error) if error.is_gone() => return Ok(ChangeOutcome::Done),
            Ok(found) if is_complete(&found, wanted) => {
                return Ok(ChangeOutcome::Resumable(id.clone()));
            }
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match delivery.writer.delete(id).await {
        Err(error) if !error.is_gone() => Err(error.into()),
        _ => Ok(ChangeOutcome::Done),
    }
}

/// True for an image that only has to be published to be the wanted one.
fn is_complete(image: &Image, wanted: &Upload) -> bool {
    let formats = [&wanted.disk_format, &wanted.master_format];
    image.status == ImageStatus::Active
        && has_content_of(image, wanted)
        && formats.contains(&&image.disk_format)
        && image.container_format == wanted.container_format
}

fn change_ops(change: &MetadataChange) -> Vec<PatchOp> {
    let mut ops = Vec::new();
    if let Some(name) = &change.name {
        ops.push(PatchOp::replace("name", name.to.as_str()));
    }
    ops.extend(attribute_ops(&change.attributes));
    for (name, value) in &change.properties {
        ops.push(match &value.to {
            Some(value) => PatchOp::add(name, value.as_str()),
            None => PatchOp::remove(name),
        });
    }
    ops
}

fn attribute_ops(change: &AttributeChange) -> impl Iterator<Item = PatchOp> {
    let AttributeChange {
        visibility,
        min_disk,
        min_ram,
        protected,
        os_hidden,
        tags,
    } = change;
    let replace = |name: &str, to: Option<Value>| to.map(|to| PatchOp::replace(name, to));
    let ops = [
        replace(
            "visibility",
            visibility.as_ref().map(|it| it.to.as_str().into()),
        ),
        replace("min_disk", min_disk.as_ref().map(|it| it.to.into())),
        replace("min_ram", min_ram.as_ref().map(|it| it.to.into())),
        replace("protected", protected.as_ref().map(|it| it.to.into())),
        replace("os_hidden", os_hidden.as_ref().map(|it| it.to.into())),
        replace(
            "tags",
            tags.as_ref().map(|it| it.to.iter().cloned().collect()),
        ),
    ];
    ops.into_iter().flatten()
}

fn part_ops(parts: &[PartChange]) -> Vec<PatchOp> {
    parts
        .iter()
        .filter_map(|part| {
            let id = part.to.image_id.as_ref()?;
            let is_right = part
                .from
                .as_ref()
                .is_some_and(|from| ImageId::new(from) == *id);
            (!is_right).then(|| PatchOp::add(part.to.property, id.as_str()))
        })
        .collect()
}
