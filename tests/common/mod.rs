//! What every test of the suite stands on: a fleet to test against, real or embedded, an
//! independent client that prepares and examines it, and the product's binary.

pub(crate) mod cloud;
pub(crate) mod config;
pub(crate) mod documents;
pub(crate) mod embedded;
pub(crate) mod events;
pub(crate) mod fleet;
pub(crate) mod glance;
pub(crate) mod http;
pub(crate) mod imports;
pub(crate) mod outcome;
pub(crate) mod program;
pub(crate) mod qcow2;
pub(crate) mod traffic;
#[allow(dead_code, reason = "tests of other kinds use it too")]
pub(crate) mod wait;

pub(crate) use config::Config;
pub(crate) use fleet::Fleet;
pub(crate) use glance::{NewImage, Region, Who};
pub(crate) use outcome::Outcome;
pub(crate) use program::{Program, Running};
pub(crate) use qcow2::Qcow2;
pub(crate) use traffic::Request;
pub(crate) use wait::{wait_for, wait_until};
