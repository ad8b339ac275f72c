//! Keystone v3 and Glance v2, the only room that speaks HTTP to a cloud.
//!
//! [`Session::log_in`] takes a credential to a target's Keystone, and keeps its token fresh from
//! then on. Out of a session come a [`GlanceReader`] for any region of its catalogue, and a
//! [`GlanceWriter`] for any but the master: a reader has no changing call and does not turn into a
//! writer, and a writer's constructor asks the [`MasterEndpoints`] first.
//!
//! Everything here is safe to share between threads; connections belong to the runtime that made
//! them, so [`HttpClient`] keeps one pool for each.

mod addresses;
mod catalogue;
mod cause;
mod client;
mod direct;
mod download;
mod endpoint;
mod error;
mod exchange;
mod keystone;
mod listing;
mod login;
mod master_endpoints;
mod message;
mod page;
mod patch;
mod reader;
mod retry;
mod service;
mod session;
mod socket;
mod stall;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod wire;
mod writer;

pub use catalogue::{Catalogue, ImageEndpoint};
pub use cause::{CauseKind, TransportCause};
pub use client::{HttpClient, HttpClients, TlsOptions};
pub use download::Download;
pub use endpoint::{EndpointUrl, EndpointUrlError};
pub use error::{CallRecord, OpenStackError, Operation, ServerAnswer};
pub use listing::Listing;
pub use master_endpoints::MasterEndpoints;
pub use patch::PatchOp;
pub use reader::GlanceReader;
pub use retry::{Notes, RetryPolicy};
pub use service::GlanceOptions;
pub use session::Session;
pub use socket::{ContentSocket, NotSent};
pub use stall::{LEAST_BYTES, StallTimer};
pub use writer::{GlanceWriter, NewImage, REPLICA_LAG};
