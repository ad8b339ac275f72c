//! An entry of an L2 table: where a cluster of the virtual disk is.

use super::header::{Header, SECTOR_BYTES};
use super::unsupported::Flaw;

/// Bits 9 to 55 of an entry of both kinds of table: where in the file something begins.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// What is neither the offset nor the mark of a cluster that is referred to once.
const L1_RESERVED: u64 = !(OFFSET | ONCE);

/// It has one reference. Says nothing about the content.
const ONCE: u64 = 1 << 63;

const COMPRESSED: u64 = 1 << 62;

/// It reads as zeros, whatever is in the cluster that it keeps.
const ZEROS: u64 = 1;

/// The parts of a cluster, where it has parts.
pub(super) const SUBCLUSTERS: u32 = 32;

/// Where the bytes of a cluster are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cluster {
    /// Nowhere: they are zeros.
    Zeros,
    /// In the file from there on.
    Data(u64),
    /// In the file from there on, those parts of it whose bit is set (the first part has the lowest);
    /// the others are zeros.
    Parts { host: u64, parts: u32 },
    /// Compressed, in the file from there on, in no more than so many bytes.
    Compressed { host: u64, length: u64 },
}

/// Where an L2 table is; nothing where all of its clusters are zeros.
pub(super) fn l2_table(entry: u64, header: &Header) -> Result<Option<u64>, Flaw> {
    if entry & L1_RESERVED != 0 {
        return Err(Flaw::ReservedBits);
    }
    let host = entry & OFFSET;
    check_aligned(host, header)?;
    Ok((host != 0).then_some(host))
}

/// Where a cluster is. `bitmap` is the second half of an entry that has one, and else zero.
pub(super) fn cluster(entry: u64, bitmap: u64, header: &Header) -> Result<Cluster, Flaw> {
    if entry & COMPRESSED != 0 {
        return if bitmap == 0 {
            Ok(compressed(entry, header))
        } else {
            Err(Flaw::ReservedBits)
        };
    }
    let mut known = OFFSET | ONCE;
    if header.version >= 3 && !header.has_subclusters {
        known |= ZEROS;
    }
    if entry & !known != 0 {
        return Err(Flaw::ReservedBits);
    }
    let host = entry & OFFSET;
    check_aligned(host, header)?;
    if header.has_subclusters {
        return parts(host, bitmap);
    }
    Ok(if host == 0 || entry & ZEROS != 0 {
        Cluster::Zeros
    } else {
        Cluster::Data(host)
    })
}

/// The lower half of the bitmap says which parts are in the file, the upper which are zeros.
fn parts(host: u64, bitmap: u64) -> Result<Cluster, Flaw> {
    let zeros = bitmap >> SUBCLUSTERS;
    let there = bitmap & u64::from(u32::MAX);
    if zeros & there != 0 || (host == 0 && there != 0) {
        return Err(Flaw::Contradiction);
    }
    Ok(match u32::try_from(there) {
        Ok(0) | Err(_) => Cluster::Zeros,
        Ok(u32::MAX) => Cluster::Data(host),
        Ok(parts) => Cluster::Parts { host, parts },
    })
}

/// The more a cluster can have, the more bits are taken from the offset for the number of sectors that
/// it takes beyond the one in which it begins.
fn compressed(entry: u64, header: &Header) -> Cluster {
    let offset_bits = 62 - (header.cluster_bits - 8);
    let host = entry & ((1 << offset_bits) - 1);
    let sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
    let length = (sectors + 1) * SECTOR_BYTES - host % SECTOR_BYTES;
    Cluster::Compressed { host, length }
}

fn check_aligned(host: u64, header: &Header) -> Result<(), Flaw> {
    if host.is_multiple_of(header.cluster_bytes()) {
        Ok(())
    } else {
        Err(Flaw::Unaligned)
    }
}
