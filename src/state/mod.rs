//! What outlives a run on this machine: for now, who this installation is.

mod installation;

pub use installation::{StateError, installation, state_folder};
