//! glancesync keeps the virtual-machine images of a fleet of OpenStack regions in step with one
//! master region.
//!
//! The modules of this crate and who may talk to whom are drawn in `ARCHITECTURE.md`.

pub mod cli;
pub mod condition;
pub mod config;
pub mod content;
pub mod delivery;
pub mod engine;
pub mod event;
pub mod exit_codes;
pub mod host;
pub mod model;
pub mod openstack;
pub mod plan;
pub mod report;
pub mod sandbox;
pub mod state;

#[cfg(test)]
#[allow(dead_code, reason = "whole-program tests use it too")]
#[path = "../tests/common/wait.rs"]
mod wait;
