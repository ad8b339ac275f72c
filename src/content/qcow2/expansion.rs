//! The content of a qcow2's virtual disk, as a raw image has it.

use std::io;

use super::decompress::Decompressor;
use super::entry::{Cluster, SUBCLUSTERS};
use super::image::Qcow2;
use super::l2_slice::L2Slice;
use super::source::ReadAt;
use super::unsupported::{ExpandError, Flaw, Table, Unsupported};

/// Reads the virtual disk of an image. It is made for reading it from its first byte to its last, and
/// keeps no more than a part of one table, one cluster, and what that is decompressed from: no more than
/// 6 MiB and a quarter, at the largest clusters, beside the L1 table.
#[derive(Debug)]
pub(in crate::content) struct Expansion<R> {
    image: Qcow2<R>,
    slice: L2Slice,
    decompressor: Option<Decompressor>,
    compressed: Vec<u8>,
    /// The cluster that was decompressed last, where a part of it is to be read yet.
    cluster: Vec<u8>,
    /// Which one that is, by where it begins on the virtual disk.
    cluster_offset: Option<u64>,
}

/// Bytes of the virtual disk that follow one another, and come from one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    origin: Origin,
    length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Zeros,
    /// In the file from there on.
    Data(u64),
    /// Compressed, in the file from there on, in no more than so many bytes.
    Compressed {
        host: u64,
        length: u64,
    },
}

impl<R: ReadAt> Expansion<R> {
    pub(in crate::content) fn new(image: Qcow2<R>) -> Self {
        Self {
            image,
            slice: L2Slice::new(),
            decompressor: None,
            compressed: Vec::new(),
            cluster: Vec::new(),
            cluster_offset: None,
        }
    }

    /// The size of the virtual disk, in bytes.
    pub(in crate::content) fn size(&self) -> u64 {
        self.image.virtual_size()
    }

    /// Fills the buffer with the bytes of the virtual disk from `offset` on. Blocking.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] where there are fewer. What is then in the buffer is not the
    /// content.
    pub(in crate::content) fn read_exact_at(
        &mut self,
        mut buffer: &mut [u8],
        mut offset: u64,
    ) -> Result<(), ExpandError> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size()) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        while !buffer.is_empty() {
            let run = self.run(offset, buffer.len() as u64)?;
            let length = usize::try_from(run.length).map_err(io::Error::other)?;
            let (part, rest) = std::mem::take(&mut buffer)
                .split_at_mut_checked(length)
                .ok_or(io::ErrorKind::UnexpectedEof)
                .map_err(io::Error::from)?;
            match run.origin {
                Origin::Zeros => part.fill(0),
                Origin::Data(host) => self.read_data(part, host, offset)?,
                Origin::Compressed { host, length } => {
                    self.read_compressed(part, offset, host, length)?;
                }
            }
            offset += run.length;
            buffer = rest;
        }
        Ok(())
    }

    /// What it keeps in memory, in bytes.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.image.l1_bytes()
            + self.slice.bytes()
            + self.compressed.capacity()
            + self.cluster.capacity()
    }

    /// What the virtual disk has from `offset` on, no more than `most` bytes: as much as comes from one
    /// place, so that much is read at once where clusters are small.
    fn run(&mut self, offset: u64, most: u64) -> Result<Run, ExpandError> {
        let mut run = self.piece(offset)?;
        while run.length < most {
            let next = self.piece(offset + run.length)?;
            let follows = match (run.origin, next.origin) {
                (Origin::Zeros, Origin::Zeros) => true,
                (Origin::Data(first), Origin::Data(second)) => first + run.length == second,
                _ => false,
            };
            if !follows {
                break;
            }
            run.length += next.length;
        }
        run.length = run.length.min(most);
        Ok(run)
    }

    /// What the virtual disk has from `offset` on, up to the end of a cluster or of some of its parts.
    fn piece(&mut self, offset: u64) -> Result<Run, ExpandError> {
        let Some(table) = self.image.l2_table(offset) else {
            return Ok(Run {
                origin: Origin::Zeros,
                length: self.image.end_of_l2_table(offset) - offset,
            });
        };
        let cluster_bytes = self.image.header.cluster_bytes();
        let within = offset % cluster_bytes;
        let Qcow2 { source, header, .. } = &self.image;
        let cluster = self.slice.cluster(source, header, table, offset - within)?;
        let (origin, end) = match cluster {
            Cluster::Zeros => (Origin::Zeros, cluster_bytes),
            Cluster::Data(host) => (Origin::Data(host + within), cluster_bytes),
            Cluster::Compressed { host, length } => {
                (Origin::Compressed { host, length }, cluster_bytes)
            }
            Cluster::Parts { host, parts } => {
                let part_bytes = cluster_bytes / u64::from(SUBCLUSTERS);
                let first = within / part_bytes;
                // The bits from this part on, the lowest first.
                let parts = parts >> first;
                let (origin, count) = if parts & 1 == 1 {
                    (Origin::Data(host + within), parts.trailing_ones())
                } else {
                    (Origin::Zeros, parts.trailing_zeros())
                };
                let end = (first + u64::from(count)).min(u64::from(SUBCLUSTERS));
                (origin, end * part_bytes)
            }
        };
        Ok(Run {
            origin,
            length: end - within,
        })
    }

    fn read_data(&self, part: &mut [u8], host: u64, offset: u64) -> Result<(), ExpandError> {
        if host + part.len() as u64 > self.image.source.size() {
            return Err(beyond_end(offset));
        }
        Ok(self.image.source.read_exact_at(part, host)?)
    }

    /// Fills the part with bytes of the cluster that `offset` is in: straight, where that is all of it.
    fn read_compressed(
        &mut self,
        part: &mut [u8],
        offset: u64,
        host: u64,
        length: u64,
    ) -> Result<(), ExpandError> {
        let cluster_bytes = self.image.header.cluster_bytes();
        let within = offset % cluster_bytes;
        let start = offset - within;
        if part.len() as u64 == cluster_bytes {
            return self.decompress(part, start, host, length);
        }
        if self.cluster_offset != Some(start) {
            self.cluster_offset = None;
            let mut cluster = std::mem::take(&mut self.cluster);
            cluster.resize(usize::try_from(cluster_bytes).map_err(io::Error::other)?, 0);
            let result = self.decompress(&mut cluster, start, host, length);
            self.cluster = cluster;
            result?;
            self.cluster_offset = Some(start);
        }
        let within = usize::try_from(within).map_err(io::Error::other)?;
        let bytes = self.cluster.get(within..within + part.len());
        part.copy_from_slice(bytes.ok_or(Unsupported::Compressed { offset })?);
        Ok(())
    }

    fn decompress(
        &mut self,
        cluster: &mut [u8],
        offset: u64,
        host: u64,
        length: u64,
    ) -> Result<(), ExpandError> {
        // The last sector need not be filled.
        let there = self.image.source.size().saturating_sub(host).min(length);
        if there == 0 {
            return Err(beyond_end(offset));
        }
        let there = usize::try_from(there).map_err(io::Error::other)?;
        if self.compressed.len() < there {
            self.compressed.resize(there, 0);
        }
        let compressed = &mut self.compressed[..there];
        self.image.source.read_exact_at(compressed, host)?;
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new(self.image.header.compression)?),
        };
        let result = decompressor.decompress(compressed, cluster);
        result.map_err(|_| Unsupported::Compressed { offset }.into())
    }
}

fn beyond_end(offset: u64) -> ExpandError {
    let (table, flaw) = (Table::L2, Flaw::BeyondEnd);
    Unsupported::Entry {
        table,
        offset,
        flaw,
    }
    .into()
}
