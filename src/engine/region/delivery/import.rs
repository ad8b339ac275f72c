//! A content that this host stages and the region imports, so that the region's plugins run.

use super::attempt::{UploadAttempts, examine, fill};
use super::create::create;
use super::image_delivery::ImageDelivery;
use super::imported::{start_import, until_imported};
use super::settle::clean_up;
use crate::content::Content;
use crate::engine::region::failure::StepError;
use crate::engine::shutdown::Stop;
use crate::model::{DeliveryWay, Image, ImageId};
use crate::openstack::{ContentTarget, ImportMethod};
use crate::plan::Upload;

/// Creates an image, stages its content, has it imported, and gives it once its content is known to be the
/// master's. What could not be staged is deleted and created anew, as often as is allowed; an import that
/// failed is not begun again, unless it is doubtful whether all of the content was staged.
pub(super) async fn import_with_retry(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    content: &Content,
) -> Result<Image, StepError> {
    let mut attempts = UploadAttempts::begin(delivery);
    loop {
        let mut image = create(delivery, wanted).await?;
        let staged = fill(
            delivery,
            wanted,
            &mut image,
            &ContentTarget::Staging,
            content,
        )
        .await;
        let error = match staged {
            Ok(()) => return import(delivery, wanted, &image.id, content).await,
            Err(error) => error,
        };
        let mut shown = None;
        // The region may have it all, and only its answer was lost: the import shows it.
        if error.leaves_doubt()
            && image.last_byte.is_some()
            && delivery.context.stop.get() != Stop::Now
        {
            match import(delivery, wanted, &image.id, content).await {
                Err(wrong) if wrong.may_be_of_cut_content() => shown = Some(wrong),
                imported => return imported,
            }
        } else {
            clean_up(delivery, &image.id).await;
        }
        let is_stopping = delivery.context.stop.is_stopping();
        let pause = attempts.next(&error).filter(|_| !is_stopping);
        let Some(pause) = pause else {
            return Err(
                shown.unwrap_or_else(|| attempts.report(error, &image.id, &ContentTarget::Staging))
            );
        };
        delivery.note(format!(
            "stages the content of `{}` again in {:.1} s, since {error}",
            wanted.image,
            pause.as_secs_f64()
        ));
        let paused = tokio::time::sleep(pause);
        if delivery.context.stop.unless_dropped(paused).await.is_none() {
            return Err(delivery.stopped());
        }
    }
}

async fn import(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    id: &ImageId,
    content: &Content,
) -> Result<Image, StepError> {
    let import = start_import(delivery, id, DeliveryWay::Import, &ImportMethod::Direct).await?;
    let image = until_imported(delivery, &import).await?;
    examine(delivery, wanted, image, content).await
}
