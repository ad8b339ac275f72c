//! The reader of qcow2: what the virtual disk of an image has, in its order, as a raw image has it.
//!
//! `content/expanded` opens it over a file of the images folder, or over the spool once that has all of an
//! image. The format is qemu's (`docs/interop/qcow2.txt` of its sources), in versions 2 and 3, with
//! clusters of every size, compressed by zlib or zstd, in parts (subclusters), and with snapshots, of
//! which nothing is read.
//!
//! # What is refused
//!
//! An image comes from whoever may write to the master's project, so everything in it is taken for hostile.
//! No file that it names is opened, by any path: images that have a backing file or another data file are
//! refused by their headers. So are encrypted ones, those with features that are not known, and whatever
//! qemu itself refuses. What is cut or garbled is an error, where qemu reads zeros. Sizes are compared with
//! the file's before anything is allocated.

mod decompress;
mod entry;
mod expansion;
#[cfg(test)]
pub(in crate::content) mod fixture;
#[cfg(test)]
mod fuzz;
mod header;
mod image;
mod l2_slice;
#[cfg(test)]
mod qemu;
mod source;
#[cfg(test)]
mod tests;
mod unsupported;

pub(super) use expansion::Expansion;
pub(super) use header::{HEADER_BYTES, Header};
pub(super) use image::Qcow2;
pub(super) use source::FileRange;
pub(super) use unsupported::ExpandError;
pub use unsupported::{Flaw, Table, Unsupported};
