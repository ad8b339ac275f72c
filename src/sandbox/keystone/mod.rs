//! Keystone v3: it answers clients over HTTP, and tells the regions behind it whose token is whose.

mod account;
mod authentication;
mod documents;
mod federation;
mod form;
mod identity;
mod ids;
mod kind;
mod lists;
mod login;
mod replies;
mod service;
mod token;
mod views;

pub(super) use identity::{Endpoint, Identity};
pub(super) use service::Keystone;
pub(super) use token::Token;
