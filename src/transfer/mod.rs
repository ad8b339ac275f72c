//! Where the content of an image comes from and how it is streamed to a region.
//!
//! [`ImagesDir::find`] looks for the file of a master image before anything is created.
//! [`upload()`] then sends it through a [`GlanceWriter`](crate::openstack::GlanceWriter), on a thread of
//! its own, so that memory does not grow with the image and no async thread ever waits for a disk.
//! In the clear that thread has the kernel send it straight out of the file (`pour`). Where TLS or a
//! proxy is between, it reads the file ahead into a few buffers that are used again and again
//! (`feed`), and a body of our own hands them to the HTTP client (`body`).

mod body;
mod content;
mod contents;
#[cfg(test)]
mod contract;
mod digest;
mod error;
mod feed;
mod pace;
mod pour;
mod source;
mod spool;
#[cfg(test)]
mod tests;
mod upload;

pub use content::Content;
pub use contents::Contents;
pub use error::TransferError;
pub use pace::Pace;
pub use source::{ImagesDir, SourceError};
pub use spool::{Demand, Item, Spool, SpoolError, SpoolOptions, WarningSink, check_spool_folder};
pub use upload::{UploadLimits, upload};
