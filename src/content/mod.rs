//! Where the content of an image comes from: a file of the images folder, or the master's Glance
//! through the spool; as it is, or a qcow2 expanded to raw.
//!
//! [`ContentResolver`] looks for it before anything is created, where the configuration allows it to come
//! from. `delivery` then reads the [`Content`] range by range: a file at once, and what the spool
//! fetches as it comes. `hashes` tells whether bytes are what the master's checksums stand for.

mod content_resolver;
mod expanded;
mod hashes;
mod hashing;
mod image_content;
mod images_dir;
mod opened;
mod qcow2;
mod ready;
mod source_error;
mod spool;
mod stored;
#[cfg(test)]
mod tests;

pub use content_resolver::ContentResolver;
pub use image_content::Content;
pub use images_dir::{FoundFile, ImagesDir};
pub(crate) use opened::Opened;
pub use qcow2::{Flaw, Table, Unsupported};
pub(crate) use ready::Ready;
pub use source_error::SourceError;
pub use spool::{
    Item, RegionLease, Spool, SpoolError, SpoolOptions, WarningSink, check_spool_folder,
};
