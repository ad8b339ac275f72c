//! What this machine gives a process, and what may be wrong with it: files that are something else
//! than a file, and limits on what a process may have. Knows nothing of images or regions.

mod file;
mod limits;
mod lock;
mod signal;

pub(crate) use file::open;
pub use file::{
    FILE_BYTES_MAX, Links, SilenceLimit, append_regular, check_replaceable, open_regular,
    read_input, read_regular,
};
pub use limits::{
    TooFewFiles, describe, file_limit, keeps_connections, raise_file_limit, regions_at_once,
};
pub use lock::locked;
pub use signal::is_ignored;
