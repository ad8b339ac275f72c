//! What outlives a run on this machine: who this installation is, the folders that runs leave, and
//! backups. Knows names of regions, and nothing of how a run works.

mod backup;
mod folder;
mod installation;
mod userinfo;

pub use backup::{BackupFile, BackupFolder};
pub use folder::{FolderError, make_folder};
pub use installation::{StateError, installation, state_folder};
