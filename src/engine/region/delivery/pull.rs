//! A content that the region fetches from another region of the same Keystone: nothing of it flows through
//! this host.

use super::create::create;
use super::image_delivery::ImageDelivery;
use super::imported::{start_import, until_imported};
use super::settle::{clean_up, leave};
use super::verify::verify_pulled;
use crate::engine::region::failure::StepError;
use crate::engine::shutdown::Stop;
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
    let fanout = delivery.rules.pull_fanout.get();
    let lent = context
        .copies
        .lend(delivery.place(), &wanted.master_id, fanout);
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
        interface: delivery.interface,
    };
    let import = start_import(delivery, &created.id, DeliveryWay::Pull, &method).await?;
    let image = until_imported(delivery, &import).await?;
    drop(lent);
    if let Err(wrong) = verify_pulled(delivery, wanted, &image, &from).await {
        clean_up(delivery, &image.id).await;
        return Err(wrong);
    }
    if context.stop.get() == Stop::Now {
        let why = "it is complete, and only has to be published";
        leave(delivery, &image.id, why);
        return Err(delivery.stopped());
    }
    Ok((image, from))
}
