//! What a sandbox consists of, as data: Keystones with their users, and the regions behind each.
//!
//! The specification is read once, by [`Sandbox::start`](super::Sandbox::start); it knows nothing
//! of sockets or tasks. Everything in it can be written as JSON, and every field has a default.

mod import;
mod keystone;
mod region;

use serde::{Deserialize, Serialize};

pub use import::{Conversion, ImportMethod, ImportSpec};
pub use keystone::{
    ApplicationCredentialSpec, IdentityProviderSpec, KeystoneSpec, ProjectSpec, RoleAssignment,
    UserSpec,
};
pub use region::{
    ContentMode, DateHeader, HashAlgorithm, HashSpec, Letters, ProjectLimits, RegionSpec,
    StoreLimits, UploadPolicy,
};

/// A whole fleet: one or more Keystones, each with the regions of its catalogue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSpec {
    /// The Keystones, whose names must differ.
    pub keystones: Vec<KeystoneSpec>,
}

impl SandboxSpec {
    /// An empty specification, to be filled with [`Self::keystone`].
    pub fn new() -> Self {
        Self::default()
    }

    /// One Keystone called `main` with these regions and the user `admin`, password `secret`, who
    /// has the role `admin` in the project `admin`.
    pub fn fleet<N: Into<String>>(regions: impl IntoIterator<Item = N>) -> Self {
        let mut keystone = KeystoneSpec::new("main").user("admin", "secret", "admin", ["admin"]);
        for region in regions {
            keystone = keystone.region(RegionSpec::new(region));
        }
        Self::new().keystone(keystone)
    }

    /// Adds a Keystone.
    #[must_use]
    pub fn keystone(mut self, keystone: KeystoneSpec) -> Self {
        self.keystones.push(keystone);
        self
    }
}
