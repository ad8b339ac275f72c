//! A content that the region fetches from another region of the same Keystone: nothing of it flows through
//! this host.

use super::attempt::judge;
use super::create::create;
use super::image_delivery::ImageDelivery;
use super::imported::{start_import, until_imported};
use super::verify::verify_pulled;
use crate::engine::region::failure::StepError;
use crate::model::{DeliveryWay, Image, RegionName};
use crate::openstack::ImportMethod;
use crate::plan::Upload;

/// Has a new image filled from a verified copy of another region, and gives it once its content is known to
/// be the master's, with the region that it came from.
pub(super) async fn pull(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
) -> Result<(Image, RegionName), StepError> {
    let context = delivery.context;
    let copies = &context.copies;
    let request = delivery.copy_request(wanted);
    let lent = copies.lend(&request, delivery.rules.pull_fanout.get());
    let Some(lent) = context.stop.unless_dropped(lent).await else {
        return Err(delivery.stopped());
    };
    let lent = lent.ok_or(StepError::NoCopy)?;
    let from = lent.copy.region.clone();
    delivery.note(format!("fetches `{}` from {from}", wanted.image));
    let created = create(delivery, wanted).await?;
    let method = ImportMethod::Download {
        region: from.region.clone(),
        image: lent.copy.image_id.clone(),
        interface: delivery.interface_of(&from),
    };
    let import = start_import(delivery, &created.id, DeliveryWay::Pull, &method).await?;
    let image = until_imported(delivery, &import).await?;
    drop(lent);
    let verified = verify_pulled(delivery, wanted, &image, &from).await;
    Ok((judge(delivery, image, verified).await?, from))
}
