//! How content gets into a region.
//!
//! [`upload()`] sends it through a [`GlanceWriter`](crate::openstack::GlanceWriter), on a thread of
//! its own, so that memory does not grow with the image and no async thread ever waits for a disk.
//! In the clear that thread has the kernel send it straight out of the file (`sendfile`). Where TLS or a
//! proxy is between, it reads the file ahead into a few buffers that are used again and again
//! (`read_ahead`), and a body of our own hands them to the HTTP client (`body`). `rate_limit` bounds
//! what a region and all of them get (`fair_bucket` divides it), `progress` counts it.

mod body;
#[cfg(test)]
mod contract;
mod error;
mod fair_bucket;
mod progress;
mod rate_limit;
mod read_ahead;
mod sendfile;
#[cfg(test)]
mod tests;
mod upload;

pub use error::TransferError;
pub use rate_limit::RateLimiter;
pub use upload::{UploadLimits, upload};
