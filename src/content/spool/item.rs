//! What is fetched for the regions: one image of the master.

use crate::content::SourceError;
use crate::model::{ContentHash, ImageId};

/// An image of the master whose content is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ImageId,
    /// Its size, in bytes.
    pub size: u64,
    /// Its checksums.
    pub content: ContentHash,
}

/// Why the spool cannot be used.
pub(super) fn spool_error(error: &std::io::Error) -> SourceError {
    SourceError::Spool {
        what: error.to_string(),
    }
}
