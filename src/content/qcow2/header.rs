//! The header of a qcow2: what it says of the image, and what is refused by that alone.
//!
//! The numbers are those of qemu's description of the format (`docs/interop/qcow2.txt`); its limits are
//! those of qemu's own reader.

use super::unsupported::Unsupported;

/// So many bytes from the first on have all that is read of a header, at most.
pub(in crate::content) const HEADER_BYTES: usize = 112;

const MAGIC: [u8; 4] = *b"QFI\xfb";

/// The header of version 2, which all later ones begin with.
const VERSION_2_BYTES: usize = 72;

/// The shortest one of version 3.
const VERSION_3_BYTES: usize = 104;

/// Incompatible features: a reader has to know them. Whether the refcounts are up to date says nothing
/// about the content.
const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;

/// Of the features that a writer has to know: another file has the content as it is.
const RAW_DATA_FILE: u64 = 1 << 1;

/// Above this nothing is expanded.
const LARGEST_BYTES: u64 = 16 << 40;

/// Up to this everything is, however small its file.
const ALWAYS_ALLOWED_BYTES: u64 = 64 << 30;

/// What is larger than that may be so many times as large as its file.
const LARGEST_FACTOR: u64 = 1000;

/// Virtual disks are counted in sectors.
pub(super) const SECTOR_BYTES: u64 = 512;

/// How compressed clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Zlib,
    Zstd,
}

/// What the header says, as far as the content depends on it. All of it was checked, except where its
/// tables are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::content) struct Header {
    pub(super) version: u32,
    /// Clusters have two to the power of this bytes.
    pub(super) cluster_bits: u32,
    /// The size of the virtual disk, in bytes.
    pub(super) virtual_size: u64,
    pub(super) l1_entries: u64,
    pub(super) l1_offset: u64,
    pub(super) refcount_offset: u64,
    pub(super) refcount_clusters: u64,
    pub(super) snapshots: u64,
    pub(super) snapshots_offset: u64,
    pub(super) compression: Compression,
    /// Entries of L2 tables have twice the size, and each cluster has 32 parts.
    pub(super) has_subclusters: bool,
    /// Where the header's extensions begin.
    pub(super) length: u64,
}

impl Header {
    /// Reads it from the first [`HEADER_BYTES`] of an image of `size` bytes, or from all bytes of a
    /// shorter one.
    pub(in crate::content) fn parse(first: &[u8], size: u64) -> Result<Self, Unsupported> {
        if !first.starts_with(&MAGIC) || first.len() < VERSION_2_BYTES {
            return Err(Unsupported::NotQcow2);
        }
        let version = u32_at(first, 4);
        let mut features = 0;
        let mut has_raw_file = false;
        let mut refcount_order = 4;
        let mut length = VERSION_2_BYTES;
        match version {
            2 => {}
            3 if first.len() < VERSION_3_BYTES => return Err(Unsupported::NotQcow2),
            3 => {
                features = u64_at(first, 72);
                has_raw_file = u64_at(first, 88) & RAW_DATA_FILE != 0;
                refcount_order = u32_at(first, 96);
                length = usize::try_from(u32_at(first, 100)).unwrap_or(usize::MAX);
            }
            _ => return Err(Unsupported::Version(version)),
        }
        if u64_at(first, 8) != 0 {
            return Err(Unsupported::BackingFile);
        }
        if u32_at(first, 32) != 0 {
            return Err(Unsupported::Encrypted);
        }
        if has_raw_file || features & DATA_FILE != 0 {
            return Err(Unsupported::DataFile);
        }
        check_features(features)?;
        let cluster_bits = u32_at(first, 20);
        let has_subclusters = features & EXTENDED_L2 != 0;
        let least_bits = if has_subclusters { 14 } else { 9 };
        if !(least_bits..=21).contains(&cluster_bits) {
            return Err(Unsupported::Header("size of clusters"));
        }
        let is_length_valid = version == 2
            || (length >= VERSION_3_BYTES
                && length.is_multiple_of(8)
                && length <= 1 << cluster_bits);
        if !is_length_valid {
            return Err(Unsupported::Header("length"));
        }
        if refcount_order > 6 {
            return Err(Unsupported::Header("width of refcounts"));
        }
        let kind = match first.get(VERSION_3_BYTES) {
            Some(&kind) if length > VERSION_3_BYTES => kind,
            _ => 0,
        };
        Ok(Self {
            version,
            cluster_bits,
            virtual_size: checked_size(u64_at(first, 24), size)?,
            l1_entries: u64::from(u32_at(first, 36)),
            l1_offset: u64_at(first, 40),
            refcount_offset: u64_at(first, 48),
            refcount_clusters: u64::from(u32_at(first, 56)),
            snapshots: u64::from(u32_at(first, 60)),
            snapshots_offset: u64_at(first, 64),
            compression: compression(kind, features & COMPRESSION_TYPE != 0)?,
            has_subclusters,
            length: length as u64,
        })
    }

    /// The size of the virtual disk, in bytes: that of the expansion.
    pub(in crate::content) fn virtual_size(&self) -> u64 {
        self.virtual_size
    }

    /// The size of a cluster, in bytes.
    pub(super) fn cluster_bytes(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// The size of an entry of an L2 table, in bytes.
    pub(super) fn l2_entry_bytes(&self) -> u64 {
        if self.has_subclusters { 16 } else { 8 }
    }

    /// How much of the virtual disk one L2 table is about, in bytes.
    pub(super) fn l2_coverage(&self) -> u64 {
        self.cluster_bytes() / self.l2_entry_bytes() * self.cluster_bytes()
    }
}

fn check_features(features: u64) -> Result<(), Unsupported> {
    if features & CORRUPT != 0 {
        return Err(Unsupported::MarkedCorrupt);
    }
    match features & !(DIRTY | COMPRESSION_TYPE | EXTENDED_L2) {
        0 => Ok(()),
        unknown => Err(Unsupported::Features(unknown)),
    }
}

/// The kind is said to be another than zlib exactly where it is.
fn compression(kind: u8, is_said: bool) -> Result<Compression, Unsupported> {
    match (kind, is_said) {
        (0, false) => Ok(Compression::Zlib),
        (1, true) => Ok(Compression::Zstd),
        (0 | 1, _) => Err(Unsupported::Header("type of compression")),
        _ => Err(Unsupported::Compression(kind)),
    }
}

fn checked_size(virtual_size: u64, size: u64) -> Result<u64, Unsupported> {
    let most = size
        .saturating_mul(LARGEST_FACTOR)
        .clamp(ALWAYS_ALLOWED_BYTES, LARGEST_BYTES);
    if virtual_size > most {
        return Err(Unsupported::TooLarge { virtual_size, size });
    }
    if !virtual_size.is_multiple_of(SECTOR_BYTES) {
        return Err(Unsupported::Header("virtual size"));
    }
    Ok(virtual_size)
}

/// The number at that place, or 0 where the bytes end before it.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let number = bytes.get(offset..).and_then(|bytes| bytes.first_chunk());
    number.map_or(0, |number| u32::from_be_bytes(*number))
}

/// The number at that place, or 0 where the bytes end before it.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let number = bytes.get(offset..).and_then(|bytes| bytes.first_chunk());
    number.map_or(0, |number| u64::from_be_bytes(*number))
}
