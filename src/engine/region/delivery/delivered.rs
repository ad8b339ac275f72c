//! What came of a delivery.

use crate::model::{ContentOrigin, DeliveryWay, Image, ImageId, RegionName};
use crate::plan::Leftover;

/// An image whose content is all there and verified.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) image: Image,
    /// How its content came; none where an earlier run brought it.
    pub(super) way: Option<DeliveryWay>,
    /// Where this host read it.
    pub(super) source: Option<ContentOrigin>,
    /// The region that it was fetched from.
    pub(super) from: Option<RegionName>,
}

impl Filled {
    /// By an earlier run.
    pub(super) fn before(image: Image) -> Self {
        Self {
            image,
            way: None,
            source: None,
            from: None,
        }
    }

    /// By this host.
    pub(super) fn sent(image: Image, way: DeliveryWay, source: ContentOrigin) -> Self {
        Self {
            way: Some(way),
            source: Some(source),
            ..Self::before(image)
        }
    }

    /// From another region.
    pub(super) fn pulled(image: Image, from: RegionName) -> Self {
        Self {
            way: Some(DeliveryWay::Pull),
            from: Some(from),
            ..Self::before(image)
        }
    }
}

/// An image that was published.
#[derive(Debug)]
pub(in crate::engine::region) struct Delivered {
    /// Its id.
    pub(in crate::engine::region) id: ImageId,
    /// The same image, where it was another installation that published it.
    pub(in crate::engine::region) elsewhere: Option<Leftover>,
    /// The bytes of content that were brought into the region.
    pub(in crate::engine::region) bytes: u64,
    /// How they came; none where an earlier run brought them.
    pub(in crate::engine::region) way: Option<DeliveryWay>,
    /// Where this host read them.
    pub(in crate::engine::region) source: Option<ContentOrigin>,
    /// The region that they were fetched from.
    pub(in crate::engine::region) from: Option<RegionName>,
    /// The disk format that the region stores.
    pub(in crate::engine::region) disk_format: Option<String>,
}
