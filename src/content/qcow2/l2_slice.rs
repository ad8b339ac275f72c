//! A part of an L2 table, as it is kept in memory.

use std::io;

use super::entry::{self, Cluster};
use super::header::{Header, u64_at};
use super::source::ReadAt;
use super::unsupported::{ExpandError, Table, Unsupported};

/// So much of a table is read at once, and no more is kept: in the order of the virtual disk, whatever
/// was read before is not needed again.
const SLICE_BYTES: u64 = 64 << 10;

/// The part of an L2 table that was read last.
#[derive(Debug)]
pub(super) struct L2Slice {
    /// Where in the file it begins; nothing is read yet where this is 0, which is the header's place.
    position: u64,
    bytes: Vec<u8>,
}

impl L2Slice {
    pub(super) fn new() -> Self {
        Self {
            position: 0,
            bytes: Vec::new(),
        }
    }

    /// What it takes in memory, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Where the cluster of that byte of the virtual disk is, by the table that begins at `table`.
    pub(super) fn cluster<R: ReadAt>(
        &mut self,
        source: &R,
        header: &Header,
        table: u64,
        offset: u64,
    ) -> Result<Cluster, ExpandError> {
        let index = offset % header.l2_coverage() / header.cluster_bytes();
        let place = index * header.l2_entry_bytes();
        let length = SLICE_BYTES.min(header.cluster_bytes());
        let position = table + place / length * length;
        if self.position != position {
            self.position = 0;
            let length = usize::try_from(length).map_err(io::Error::other)?;
            self.bytes.resize(length, 0);
            source.read_exact_at(&mut self.bytes, position)?;
            self.position = position;
        }
        let place = usize::try_from(place % length).map_err(io::Error::other)?;
        let bitmap = if header.has_subclusters {
            u64_at(&self.bytes, place + 8)
        } else {
            0
        };
        let found = entry::cluster(u64_at(&self.bytes, place), bitmap, header);
        Ok(found.map_err(|flaw| Unsupported::Entry {
            table: Table::L2,
            offset,
            flaw,
        })?)
    }
}
