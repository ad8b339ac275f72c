//! What every test of the suite stands on: a fleet to test against, real or embedded, an
//! independent client that prepares and examines it, and the product's binary.

pub(crate) mod cloud;
pub(crate) mod config;
pub(crate) mod embedded;
pub(crate) mod events;
pub(crate) mod fleet;
pub(crate) mod glance;
pub(crate) mod http;
pub(crate) mod outcome;
pub(crate) mod program;
pub(crate) mod traffic;

pub(crate) use config::Config;
pub(crate) use fleet::Fleet;
pub(crate) use glance::{NewImage, Region, Who};
pub(crate) use outcome::Outcome;
pub(crate) use program::{Program, poll};
pub(crate) use traffic::Request;
