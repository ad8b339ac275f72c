//! Images of the format that are built in memory, valid or not.

use std::collections::BTreeMap;
use std::io;

use super::source::ReadAt;

/// An image, cluster by cluster. What is not told of is not allocated.
#[derive(Debug, Clone)]
pub(in crate::content) struct Fixture {
    pub(super) version: u32,
    pub(super) cluster_bits: u32,
    pub(super) virtual_size: u64,
    pub(super) is_zstd: bool,
    pub(super) has_subclusters: bool,
    pub(super) snapshots: u32,
    pub(super) clusters: BTreeMap<u64, Piece>,
}

/// What a cluster has.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Data(Vec<u8>),
    Compressed(Vec<u8>),
    /// Zeros, whatever is kept for it.
    Zeros {
        kept: bool,
    },
    /// The parts with a bit in `there` are those of the bytes, and those with one in `zeros` say so.
    Parts {
        bytes: Vec<u8>,
        there: u32,
        zeros: u32,
    },
}

/// Where the tables are: the header has the first cluster.
const REFCOUNT_CLUSTER: u64 = 1;
const SNAPSHOT_CLUSTER: u64 = 2;
const L1_CLUSTER: u64 = 3;

impl Fixture {
    pub(in crate::content) fn new(version: u32, cluster_bits: u32, virtual_size: u64) -> Self {
        Self {
            version,
            cluster_bits,
            virtual_size,
            is_zstd: false,
            has_subclusters: false,
            snapshots: 0,
            clusters: BTreeMap::new(),
        }
    }

    /// One with something of each kind that its version knows, over `count` clusters and a half one, in
    /// whole sectors.
    pub(in crate::content) fn mixed(version: u32, cluster_bits: u32, count: u64) -> Self {
        let cluster_bytes = 1 << cluster_bits;
        let last = (cluster_bytes / 2).max(512);
        let mut fixture = Self::new(version, cluster_bits, count * cluster_bytes + last);
        for index in 0..=count {
            let bytes = bytes(index, cluster_bits);
            let piece = match index % 7 {
                0 | 1 => Piece::Data(bytes),
                2 | 3 => Piece::Compressed(bytes),
                4 if version >= 3 => Piece::Zeros { kept: false },
                5 if version >= 3 => Piece::Zeros { kept: true },
                _ => continue,
            };
            fixture.clusters.insert(index, piece);
        }
        fixture
    }

    pub(super) fn zstd(mut self) -> Self {
        self.is_zstd = true;
        self
    }

    /// The same with extended L2 entries: clusters of zeros become ones of which some parts are there.
    pub(super) fn subclusters(mut self) -> Self {
        self.has_subclusters = true;
        for (index, piece) in &mut self.clusters {
            if let Piece::Zeros { kept } = piece {
                *piece = Piece::Parts {
                    bytes: bytes(*index, self.cluster_bits),
                    there: if *kept { 0x8000_f0f1 } else { 0x7fff_0000 },
                    zeros: 0x0000_0f0e,
                };
            }
        }
        self
    }

    pub(super) fn cluster_bytes(&self) -> u64 {
        1 << self.cluster_bits
    }

    fn entry_bytes(&self) -> u64 {
        if self.has_subclusters { 16 } else { 8 }
    }

    fn l2_entries(&self) -> u64 {
        self.cluster_bytes() / self.entry_bytes()
    }

    pub(super) fn l1_entries(&self) -> u64 {
        let clusters = self.virtual_size.div_ceil(self.cluster_bytes());
        clusters.div_ceil(self.l2_entries())
    }

    pub(super) fn l1_offset(&self) -> u64 {
        L1_CLUSTER * self.cluster_bytes()
    }

    pub(super) fn snapshots_offset(&self) -> u64 {
        SNAPSHOT_CLUSTER * self.cluster_bytes()
    }

    /// Where in the file the L2 entry of that cluster is, which some cluster of its table is allocated for.
    pub(super) fn l2_entry_offset(&self, index: u64) -> u64 {
        let (table, place) = (index / self.l2_entries(), index % self.l2_entries());
        let order = self.l2_tables().iter().position(|it| *it == table);
        self.l2_offset(order.unwrap() as u64) + place * self.entry_bytes()
    }

    /// Where in the file the bytes of that compressed cluster begin.
    pub(in crate::content) fn compressed_offset(&self, index: u64) -> usize {
        let place = usize::try_from(self.l2_entry_offset(index)).unwrap();
        let offset_bits = 62 - (self.cluster_bits - 8);
        let entry = super::header::u64_at(&self.build(), place);
        usize::try_from(entry & ((1 << offset_bits) - 1)).unwrap()
    }

    fn l2_tables(&self) -> Vec<u64> {
        let tables = self.clusters.keys().map(|index| index / self.l2_entries());
        let mut tables: Vec<u64> = tables.collect();
        tables.dedup();
        tables
    }

    fn l2_offset(&self, order: u64) -> u64 {
        let l1_clusters = (self.l1_entries() * 8)
            .div_ceil(self.cluster_bytes())
            .max(1);
        (L1_CLUSTER + l1_clusters + order) * self.cluster_bytes()
    }

    /// The file.
    pub(in crate::content) fn build(&self) -> Vec<u8> {
        let cluster_bytes = usize::try_from(self.cluster_bytes()).unwrap();
        let tables = self.l2_tables();
        let mut file = vec![0; usize::try_from(self.l2_offset(tables.len() as u64)).unwrap()];
        self.put_header(&mut file);
        for number in 0..u64::from(self.snapshots) {
            let start = self.snapshots_offset() + number * 40;
            put_u64(&mut file, start, self.l1_offset());
        }
        for (order, table) in tables.iter().enumerate() {
            let entry = self.l2_offset(order as u64) | 1 << 63;
            put_u64(&mut file, self.l1_offset() + table * 8, entry);
        }
        for (index, piece) in &self.clusters {
            let place = self.l2_entry_offset(*index);
            let align =
                |file: &mut Vec<u8>| file.resize(file.len().next_multiple_of(cluster_bytes), 0);
            let (entry, bitmap) = match piece {
                Piece::Data(bytes) => {
                    align(&mut file);
                    let host = file.len() as u64;
                    file.extend(bytes);
                    (host | 1 << 63, u64::from(u32::MAX))
                }
                Piece::Zeros { kept: false } => (1, 0),
                Piece::Zeros { kept: true } => {
                    align(&mut file);
                    let host = file.len() as u64;
                    file.extend(vec![0xee; cluster_bytes]);
                    (host | 1 << 63 | 1, 0)
                }
                Piece::Parts {
                    bytes,
                    there,
                    zeros,
                } => {
                    align(&mut file);
                    let host = file.len() as u64;
                    file.extend(bytes);
                    (host | 1 << 63, u64::from(*zeros) << 32 | u64::from(*there))
                }
                Piece::Compressed(bytes) => {
                    let host = file.len() as u64;
                    file.extend(self.compressed(bytes));
                    let sectors = (file.len() as u64 - 1) / 512 - host / 512;
                    let offset_bits = 62 - (self.cluster_bits - 8);
                    (1 << 62 | sectors << offset_bits | host, 0)
                }
            };
            put_u64(&mut file, place, entry);
            if self.has_subclusters {
                put_u64(&mut file, place + 8, bitmap);
            }
        }
        file
    }

    fn put_header(&self, file: &mut [u8]) {
        file[..4].copy_from_slice(b"QFI\xfb");
        put_u32(file, 4, self.version);
        put_u32(file, 20, self.cluster_bits);
        put_u64(file, 24, self.virtual_size);
        put_u32(file, 36, u32::try_from(self.l1_entries()).unwrap());
        put_u64(file, 40, self.l1_offset());
        put_u64(file, 48, REFCOUNT_CLUSTER * self.cluster_bytes());
        put_u32(file, 56, 1);
        put_u32(file, 60, self.snapshots);
        put_u64(file, 64, self.snapshots_offset());
        if self.version >= 3 {
            let features = u64::from(self.is_zstd) << 3 | u64::from(self.has_subclusters) << 4;
            put_u64(file, 72, features);
            put_u32(file, 96, 4);
            put_u32(file, 100, 112);
            file[104] = u8::from(self.is_zstd);
        }
    }

    fn compressed(&self, bytes: &[u8]) -> Vec<u8> {
        if self.is_zstd {
            // Two frames, as a writer may have them.
            let (first, second) = bytes.split_at(bytes.len() / 3);
            return [zstd_frame(first), zstd_frame(second)].concat();
        }
        deflated(bytes)
    }

    /// What the virtual disk has.
    pub(in crate::content) fn expanded(&self) -> Vec<u8> {
        let cluster_bytes = usize::try_from(self.cluster_bytes()).unwrap();
        let clusters = self.virtual_size.div_ceil(self.cluster_bytes());
        let mut disk = vec![0; usize::try_from(clusters).unwrap() * cluster_bytes];
        for (index, piece) in &self.clusters {
            let start = usize::try_from(*index).unwrap() * cluster_bytes;
            let place = &mut disk[start..start + cluster_bytes];
            match piece {
                Piece::Data(bytes) | Piece::Compressed(bytes) => place.copy_from_slice(bytes),
                Piece::Zeros { .. } => {}
                Piece::Parts { bytes, there, .. } => {
                    let part_bytes = cluster_bytes / 32;
                    for part in (0..32).filter(|part| there >> part & 1 == 1) {
                        let range = part * part_bytes..(part + 1) * part_bytes;
                        place[range.clone()].copy_from_slice(&bytes[range]);
                    }
                }
            }
        }
        disk.truncate(usize::try_from(self.virtual_size).unwrap());
        disk
    }
}

impl ReadAt for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = self.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Bytes of a cluster that differ from those of others, and can be compressed.
pub(super) fn bytes(index: u64, cluster_bits: u32) -> Vec<u8> {
    let mut state = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state & 0x1f).unwrap()
    };
    std::iter::repeat_with(next)
        .take(1 << cluster_bits)
        .collect()
}

pub(super) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut out = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let length = compressor.deflate_compress(bytes, &mut out).unwrap();
    out.truncate(length);
    out
}

fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; zstd_safe::compress_bound(bytes.len())];
    let length = zstd_safe::compress(out.as_mut_slice(), bytes, 3).unwrap();
    out.truncate(length);
    out
}

pub(super) fn put_u32(file: &mut [u8], offset: u64, value: u32) {
    put(file, offset, &value.to_be_bytes());
}

pub(super) fn put_u64(file: &mut [u8], offset: u64, value: u64) {
    put(file, offset, &value.to_be_bytes());
}

pub(super) fn put(file: &mut [u8], offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap();
    file[start..start + bytes.len()].copy_from_slice(bytes);
}
