//! What this machine gives a process, and what may be wrong with it: files that are something else
//! than a file, and limits on what a process may have. Knows nothing of images or regions.

mod file;

pub(crate) use file::open;
pub use file::{
    FILE_BYTES_MAX, Links, Patience, append_regular, check_replaceable, open_regular, read_input,
    read_regular,
};
