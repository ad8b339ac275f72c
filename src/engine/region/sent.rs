//! An image that was published, and what it took.

use crate::model::{ContentOrigin, ImageId};
use crate::plan::Leftover;

/// An image that was published.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its id.
    pub(super) id: ImageId,
    /// The same image, where it was another installation that published it.
    pub(super) elsewhere: Option<Leftover>,
    /// The bytes of content that were sent.
    pub(super) bytes: u64,
    /// Where they came from.
    pub(super) source: Option<ContentOrigin>,
}
