//! An open qcow2: its header, and the tables that are read whole before anything else.

use std::io;

use super::entry::{self, Cluster, SUBCLUSTERS};
use super::header::{HEADER_BYTES, Header, u32_at, u64_at};
use super::l2_slice::L2Slice;
use super::source::ReadAt;
use super::unsupported::{ExpandError, Flaw, Table, Unsupported};

/// The most that qemu takes, as everything of the kind here.
const L1_BYTES_MAX: u64 = 32 << 20;
const REFCOUNT_BYTES_MAX: u64 = 8 << 20;
const SNAPSHOTS_MAX: u64 = 1 << 16;
const SNAPSHOT_BYTES_MAX: u64 = 64 << 20;
const SNAPSHOT_EXTRA_BYTES_MAX: u64 = 1024;

/// What every entry of the list of snapshots begins with.
const SNAPSHOT_BYTES: u64 = 40;

/// What every extension of the header begins with.
const EXTENSION_BYTES: u64 = 8;

/// Extensions that tell of data that is not here, or not to be read.
const DATA_FILE_NAME: u32 = 0x4441_5441;
const ENCRYPTION_HEADER: u32 = 0x0537_be77;

/// An image whose header and L1 table are valid.
#[derive(Debug)]
pub(in crate::content) struct Qcow2<R> {
    pub(super) source: R,
    pub(super) header: Header,
    /// Where the L2 tables are, as far as the virtual disk needs them.
    l1: Vec<u64>,
}

impl<R: ReadAt> Qcow2<R> {
    /// Reads the header and the L1 table, and refuses what they have to be refused for. Takes twice the
    /// size of the L1 table, which is never above 32 MiB, and usually a few KiB. Blocking.
    pub(in crate::content) fn open(source: R) -> Result<Self, ExpandError> {
        let size = source.size();
        let mut first = [0; HEADER_BYTES];
        let length = usize::try_from(size).map_or(HEADER_BYTES, |size| size.min(HEADER_BYTES));
        source.read_exact_at(&mut first[..length], 0)?;
        let header = Header::parse(&first[..length], size)?;
        let mut image = Self {
            source,
            header,
            l1: Vec::new(),
        };
        image.check_extensions()?;
        image.check_refcounts()?;
        image.check_snapshots()?;
        image.read_l1()?;
        Ok(image)
    }

    /// The size of the virtual disk, in bytes: that of the expansion.
    pub(in crate::content) fn virtual_size(&self) -> u64 {
        self.header.virtual_size
    }

    /// Looks at every entry of every table, so that all that can be refused without decompressing is
    /// refused before anything is sent. Ends early where `is_unwanted`. Blocking; reads the L2 tables, one
    /// 8000th of the virtual size at clusters of 64 KiB.
    pub(in crate::content) fn check(
        &self,
        is_unwanted: impl Fn() -> bool,
    ) -> Result<(), ExpandError> {
        let cluster_bytes = self.header.cluster_bytes();
        let mut slice = L2Slice::new();
        let mut offset = 0;
        while offset < self.header.virtual_size {
            if offset.is_multiple_of(self.header.l2_coverage()) && is_unwanted() {
                return Ok(());
            }
            let Some(table) = self.l2_table(offset) else {
                offset = self.end_of_l2_table(offset);
                continue;
            };
            let cluster = slice.cluster(&self.source, &self.header, table, offset)?;
            self.check_cluster(cluster, offset)?;
            offset += cluster_bytes;
        }
        Ok(())
    }

    /// Where the L2 table of that byte of the virtual disk is.
    pub(super) fn l2_table(&self, offset: u64) -> Option<u64> {
        let index = usize::try_from(offset / self.header.l2_coverage());
        // Those of the virtual disk are all there.
        let table = index.ok().and_then(|index| self.l1.get(index));
        table.copied().filter(|table| *table != 0)
    }

    /// The first byte of the virtual disk that the L2 table of this one is not about.
    pub(super) fn end_of_l2_table(&self, offset: u64) -> u64 {
        let coverage = self.header.l2_coverage();
        (offset / coverage + 1) * coverage
    }

    /// What the L1 table takes in memory, in bytes.
    #[cfg(test)]
    pub(super) fn l1_bytes(&self) -> usize {
        self.l1.capacity() * 8
    }

    fn check_cluster(&self, cluster: Cluster, offset: u64) -> Result<(), Unsupported> {
        let needed = self
            .header
            .cluster_bytes()
            .min(self.header.virtual_size - offset);
        let end = match cluster {
            Cluster::Zeros => return Ok(()),
            Cluster::Data(host) => host + needed,
            Cluster::Parts { host, parts } => {
                let part_bytes = self.header.cluster_bytes() / u64::from(SUBCLUSTERS);
                let parts = u64::from(SUBCLUSTERS - parts.leading_zeros());
                host + needed.min(parts * part_bytes)
            }
            // Only its first byte is known to be there: the last sector need not be filled.
            Cluster::Compressed { host, .. } => host + 1,
        };
        if end > self.source.size() {
            return Err(Unsupported::Entry {
                table: Table::L2,
                offset,
                flaw: Flaw::BeyondEnd,
            });
        }
        Ok(())
    }

    /// Extensions are not needed, but two of them tell that this is another kind of image.
    fn check_extensions(&self) -> Result<(), ExpandError> {
        let end = self.header.cluster_bytes().min(self.source.size());
        let mut offset = self.header.length;
        while offset + EXTENSION_BYTES <= end {
            let mut start = [0; 8];
            self.source.read_exact_at(&mut start, offset)?;
            offset += EXTENSION_BYTES;
            let length = u64::from(u32_at(&start, 4));
            if length > end - offset {
                return Err(Unsupported::Header("length of an extension").into());
            }
            match u32_at(&start, 0) {
                0 => break,
                DATA_FILE_NAME => return Err(Unsupported::DataFile.into()),
                ENCRYPTION_HEADER => return Err(Unsupported::Encrypted.into()),
                _ => {}
            }
            offset += length.next_multiple_of(8);
        }
        Ok(())
    }

    fn check_refcounts(&self) -> Result<(), Unsupported> {
        let table = Table::Refcount;
        if self.header.refcount_clusters == 0 {
            let flaw = Flaw::Missing;
            return Err(Unsupported::Table { table, flaw });
        }
        let bytes = self.header.refcount_clusters * self.header.cluster_bytes();
        self.check_table(
            table,
            self.header.refcount_offset,
            bytes,
            REFCOUNT_BYTES_MAX,
        )
    }

    /// The list of snapshots has entries of several sizes, which follow one another.
    fn check_snapshots(&self) -> Result<(), ExpandError> {
        let table = Table::Snapshot;
        let flawed = |flaw| ExpandError::from(Unsupported::Table { table, flaw });
        let start = self.header.snapshots_offset;
        let least = self.header.snapshots * SNAPSHOT_BYTES;
        self.check_table(table, start, least, SNAPSHOTS_MAX * SNAPSHOT_BYTES)?;
        if self.header.snapshots == 0 {
            return Ok(());
        }
        let mut offset = start;
        for _ in 0..self.header.snapshots {
            offset = offset.next_multiple_of(8);
            let mut entry = [0; 40];
            self.source
                .read_exact_at(&mut entry, offset)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => flawed(Flaw::BeyondEnd),
                    _ => error.into(),
                })?;
            let names =
                u64::from(u32_at(&entry, 12) >> 16) + u64::from(u32_at(&entry, 12) & 0xffff);
            let extra = u64::from(u32_at(&entry, 36));
            offset += SNAPSHOT_BYTES + extra + names;
            if extra > SNAPSHOT_EXTRA_BYTES_MAX || offset - start > SNAPSHOT_BYTES_MAX {
                return Err(flawed(Flaw::TooLarge));
            }
        }
        if offset > self.source.size() {
            return Err(flawed(Flaw::BeyondEnd));
        }
        Ok(())
    }

    fn read_l1(&mut self) -> Result<(), ExpandError> {
        let table = Table::L1;
        let flawed = |flaw| Unsupported::Table { table, flaw };
        let header = &self.header;
        let bytes = header.l1_entries * 8;
        self.check_table(table, header.l1_offset, bytes, L1_BYTES_MAX)?;
        let needed = header.virtual_size.div_ceil(header.l2_coverage());
        if header.l1_entries < needed {
            return Err(flawed(Flaw::TooSmall).into());
        }
        if header.l1_offset == 0 && needed > 0 {
            return Err(flawed(Flaw::Missing).into());
        }
        let mut buffer = vec![0; usize::try_from(needed * 8).map_err(io::Error::other)?];
        self.source.read_exact_at(&mut buffer, header.l1_offset)?;
        let mut l1 = Vec::with_capacity(buffer.len() / 8);
        for place in 0..buffer.len() / 8 {
            let offset = place as u64 * header.l2_coverage();
            let flawed = |flaw| Unsupported::Entry {
                table,
                offset,
                flaw,
            };
            let found = entry::l2_table(u64_at(&buffer, place * 8), header).map_err(flawed)?;
            let host = found.unwrap_or(0);
            if host > self.source.size().saturating_sub(header.cluster_bytes()) {
                return Err(flawed(Flaw::BeyondEnd).into());
            }
            l1.push(host);
        }
        drop(buffer);
        check_used_once(&l1, header)?;
        self.l1 = l1;
        Ok(())
    }

    fn check_table(
        &self,
        table: Table,
        offset: u64,
        bytes: u64,
        most: u64,
    ) -> Result<(), Unsupported> {
        let flaw = if bytes > most {
            Flaw::TooLarge
        } else if !offset.is_multiple_of(self.header.cluster_bytes()) {
            Flaw::Unaligned
        } else if offset > i64::MAX.unsigned_abs()
            || (bytes > 0 && offset > self.source.size().saturating_sub(bytes))
        {
            Flaw::BeyondEnd
        } else {
            return Ok(());
        };
        Err(Unsupported::Table { table, flaw })
    }
}

/// What several parts of the virtual disk share, nobody made so by writing to it.
fn check_used_once(l1: &[u64], header: &Header) -> Result<(), Unsupported> {
    let mut sorted: Vec<u64> = l1.iter().copied().filter(|table| *table != 0).collect();
    sorted.sort_unstable();
    let twice = sorted
        .array_windows()
        .find(|[first, second]| first == second);
    let Some([twice, _]) = twice else {
        return Ok(());
    };
    let place = l1.iter().rposition(|table| table == twice).unwrap_or(0);
    Err(Unsupported::Entry {
        table: Table::L1,
        offset: place as u64 * header.l2_coverage(),
        flaw: Flaw::UsedTwice,
    })
}
