//! Keystone v3: it answers clients over HTTP, and tells the regions behind it whose token is whose.

mod documents;
mod federation;
mod form;
mod identity;
mod kind;
mod lists;
mod login;
mod replies;
mod service;
mod views;

pub(super) use identity::{Endpoint, Identity, Token};
pub(super) use service::Keystone;
