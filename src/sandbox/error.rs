//! What can go wrong when a sandbox is started or handled.

use std::io;

use thiserror::Error;

/// Why the sandbox could not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The specification contradicts itself.
    #[error("the specification of the sandbox is wrong: {0}")]
    Spec(String),
    /// A port could not be listened on.
    #[error("cannot listen on 127.0.0.1:{port} for {service}")]
    Listen {
        /// Which Keystone or region.
        service: String,
        /// The port asked for; 0 is any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A thread or a runtime of the sandbox could not be started.
    #[error("cannot start the sandbox's threads")]
    Threads(#[source] io::Error),
    /// A store's folder or a file in it could not be written.
    #[error("cannot write to the image store of {region}")]
    Store {
        /// Which region.
        region: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no such region, or several Keystones have one of that name.
    #[error("the sandbox has no single region {0:?}")]
    UnknownRegion(String),
    /// There is no such Keystone.
    #[error("the sandbox has no Keystone {0:?}")]
    UnknownKeystone(String),
}
