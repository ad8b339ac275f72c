//! A content that the region fetches from another region of the same Keystone: nothing of it flows through
//! this host.

use super::attempt::judge;
use super::create::create;
use super::image_delivery::ImageDelivery;
use super::imported::{start_import, until_imported};
use super::verify::verify_pulled;
use crate::engine::coordinator::LentCopy;
use crate::engine::region::failure::StepError;
use crate::model::{DeliveryWay, Image, RegionName};
use crate::openstack::ImportMethod;
use crate::plan::Upload;

/// Has a new image filled from the lent copy of another region, and gives it once its content is known to
/// be the master's, with the region that it came from.
pub(super) async fn pull(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    lent: Option<LentCopy>,
) -> Result<(Image, RegionName), StepError> {
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
