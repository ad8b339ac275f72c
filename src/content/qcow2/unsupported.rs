//! Why a qcow2 is not expanded.

use std::fmt;
use std::io;

/// Why an image cannot be expanded, or must not be. It is a part of a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// It has no header of that format.
    #[error("it does not begin as a qcow2 does")]
    NotQcow2,
    /// A version other than 2 and 3.
    #[error("it is a qcow2 of version {0}, and only versions 2 and 3 are known")]
    Version(u32),
    /// It needs the content of another image.
    #[error("it is based on a backing file, and no file that an image names is ever opened")]
    BackingFile,
    /// Its data is not in it.
    #[error("its data is in another file, and no file that an image names is ever opened")]
    DataFile,
    /// It is encrypted.
    #[error("it is encrypted")]
    Encrypted,
    /// Whoever wrote it last found it damaged.
    #[error("it is marked as corrupt")]
    MarkedCorrupt,
    /// It has features that a reader has to know; which bits.
    #[error("it has features that are not known (bits {0:#x})")]
    Features(u64),
    /// Its clusters are compressed in a way that is not known; which.
    #[error("its compression is of type {0}, and only zlib and zstd are known")]
    Compression(u8),
    /// A value of its header makes no sense; which.
    #[error("the {0} in its header is not valid")]
    Header(&'static str),
    /// It would become too large.
    #[error(
        "its virtual size of {virtual_size} bytes is above 16 TiB, or above both 64 GiB and 1000 times its own {size} bytes"
    )]
    TooLarge {
        /// What it would become, in bytes.
        virtual_size: u64,
        /// What it has, in bytes.
        size: u64,
    },
    /// A table cannot be used.
    #[error("its {table} {flaw}")]
    Table {
        /// Which one.
        table: Table,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// An entry of a table is not valid.
    #[error("an entry of its {table}, for the virtual disk at byte {offset}, {flaw}")]
    Entry {
        /// Of which table.
        table: Table,
        /// For which place of the virtual disk, in bytes.
        offset: u64,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A compressed cluster does not decompress to a whole one.
    #[error("its compressed data for the virtual disk at byte {offset} is damaged")]
    Compressed {
        /// For which place of the virtual disk, in bytes.
        offset: u64,
    },
}

/// A table of a qcow2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Says where the L2 tables are.
    L1,
    /// Says where the clusters are.
    L2,
    /// Says where the numbers of references to clusters are.
    Refcount,
    /// The list of snapshots.
    Snapshot,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L1 => "L1 table",
            Self::L2 => "L2 table",
            Self::Refcount => "refcount table",
            Self::Snapshot => "snapshot table",
        })
    }
}

/// What is wrong with a table, or with one of its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// There is none.
    Missing,
    /// It is larger than any tool makes it.
    TooLarge,
    /// It does not reach to the end of the virtual disk.
    TooSmall,
    /// It, or what it refers to, begins within a cluster.
    Unaligned,
    /// It, or what it refers to, is not all in the file.
    BeyondEnd,
    /// It has bits that no writer may set.
    ReservedBits,
    /// It says two things that exclude each other.
    Contradiction,
    /// It refers to what another entry refers to.
    UsedTwice,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::TooLarge => "is too large",
            Self::TooSmall => "is too small for its virtual size",
            Self::Unaligned => "refers to a place within a cluster",
            Self::BeyondEnd => "refers to a place beyond the end of the file: it was cut",
            Self::ReservedBits => "has reserved bits set",
            Self::Contradiction => "contradicts itself",
            Self::UsedTwice => "refers to a table that another entry has",
        })
    }
}

/// Why nothing can be read of an expansion.
#[derive(Debug, thiserror::Error)]
pub(in crate::content) enum ExpandError {
    /// The image is to blame.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Its file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}
