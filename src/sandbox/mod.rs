//! An embedded OpenStack over real HTTP on loopback: Keystone v3, and one Glance v2 per region.
//!
//! The demo and `glancesync sandbox` run on it, and so do tests and benches; it talks to nobody in
//! this crate, and whoever uses it talks to it as to any other OpenStack. A [`SandboxSpec`] says
//! what there is, [`Sandbox::start`] brings it up, and dropping the [`Sandbox`] ends it.
//!
//! Inside, `http` is the front of every service (request log, faults, connections), `keystone`
//! and `glance` are the services, and every Glance asks its Keystone about tokens.

pub mod demo;
mod effect;
mod error;
mod fault;
mod glance;
mod handle;
mod hex;
mod http;
mod keystone;
mod ports;
mod python;
mod record;
mod running;
mod seed;
mod services;
mod spec;
mod threads;

pub use effect::{Effect, ImportEnd, ImportStage, Reply, SaveEnd, When};
pub use error::SandboxError;
pub use fault::{Calls, Fault};
pub use handle::Sandbox;
pub use record::{RecordedRequest, RegionState};
pub use seed::{Content, ImageSeed};
pub use spec::{
    ApplicationCredentialSpec, ContentMode, Conversion, DateHeader, HashAlgorithm, HashSpec,
    IdentityProviderSpec, ImportMethod, ImportSpec, KeystoneSpec, Letters, ProjectLimits,
    ProjectSpec, RegionSpec, RoleAssignment, SandboxSpec, StoreLimits, UploadPolicy, UserSpec,
};
