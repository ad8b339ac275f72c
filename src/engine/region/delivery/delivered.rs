//! What came of a delivery.

use crate::model::{ContentOrigin, ImageId};
use crate::plan::Leftover;

/// An image that was published.
#[derive(Debug)]
pub(in crate::engine::region) struct Delivered {
    /// Its id.
    pub(in crate::engine::region) id: ImageId,
    /// The same image, where it was another installation that published it.
    pub(in crate::engine::region) elsewhere: Option<Leftover>,
    /// The bytes of content that were sent.
    pub(in crate::engine::region) bytes: u64,
    /// Where they came from.
    pub(in crate::engine::region) source: Option<ContentOrigin>,
}
