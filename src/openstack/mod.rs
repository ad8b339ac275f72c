//! Keystone v3 and Glance v2, the only module that speaks HTTP to a cloud.
//!
//! [`Session::log_in`] takes a credential to a target's Keystone, and keeps its token fresh from
//! then on. Out of a session come a [`GlanceReader`] for any region of its catalogue, and a
//! [`GlanceWriter`] for any but the master: a reader has no changing call and does not turn into a
//! writer, and a writer's constructor asks the [`MasterEndpoints`] first.
//!
//! Everything here is safe to share between threads; connections belong to the runtime that made
//! them, so [`HttpClient`] keeps one pool for each.

mod addresses;
mod attempt;
mod catalogue;
mod client;
mod content_target;
mod download;
mod endpoint_url;
mod error;
mod glance_service;
mod image_json;
mod image_list_stream;
mod import;
mod info;
mod keystone;
mod listing;
mod login;
mod master_endpoints;
mod patch;
mod reader;
mod request;
mod request_log;
mod retry;
mod server_message;
mod session;
mod socket;
mod stall;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod transport_error;
mod upload_connection;
mod upload_threads;
mod writer;

pub use catalogue::{Catalogue, ImageEndpoint};
pub use client::{HttpClient, HttpClients, TlsOptions};
pub use content_target::ContentTarget;
pub use download::Download;
pub use endpoint_url::{EndpointUrl, EndpointUrlError};
pub use error::{CallRecord, OpenStackError, Operation, ServerAnswer};
pub use glance_service::GlanceOptions;
pub use import::{GlanceImport, ImportMethod, ImportTask, TaskStatus};
pub use info::{GlanceInfo, Usage};
pub use listing::Listing;
pub use master_endpoints::MasterEndpoints;
pub use patch::PatchOp;
pub use reader::GlanceReader;
pub use retry::{RetryObserver, RetryPolicy};
pub use session::Session;
pub use socket::{ContentSocket, NotSent};
pub use stall::{LEAST_BYTES, StallTimer};
pub use transport_error::{CauseKind, TransportCause};
pub use writer::{GlanceWriter, NewImage, REPLICA_LAG};
