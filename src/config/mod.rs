//! Configuration: files, command line and environment in, checked settings out.
//!
//! `ini` reads a file, `layers` (with `files`) says which place goes before which,
//! `credential` (with `clouds`, `cloud_entry`, `parts` and `assemble`) puts log-ins together, and `settings` (with `check` and `value`) types and checks it
//! all. `cli` calls [`Settings::load`]; everybody else takes its parts. Nothing here needs a
//! runtime, and the environment is given as a value.

mod assemble;
mod check;
mod cloud_entry;
mod cloud_keys;
mod clouds;
mod condition_error;
mod credential;
mod digest;
mod effective;
mod error;
mod files;
pub mod ini;
pub mod keys;
mod layers;
mod parts;
mod settings;
mod slips;
mod sources;
mod tree;
mod value;
mod variables;

pub use effective::EffectiveValue;
pub use error::{ConfigError, ConfigErrors, Origin};
pub use ini::Piece;
pub use settings::{Draft, ImageEndpointOverride, Settings, TargetSettings, cache_folder, log_dir};
pub use sources::{Environment, Sources};

#[cfg(test)]
mod tests;
