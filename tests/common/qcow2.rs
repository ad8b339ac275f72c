//! Makes small qcow2 images of version 3, and the raw images that they expand to.

use std::collections::BTreeMap;

/// Bytes of a cluster, as a power of two: so small that a compressed one refers to nothing farther
/// back than `qemu-img` looks.
const CLUSTER_BITS: u32 = 12;
const CLUSTER: usize = 1 << CLUSTER_BITS;
/// Entries of a table.
const ENTRIES: usize = CLUSTER / 8;
/// The bit of an entry whose cluster nobody else uses.
const COPIED: u64 = 1 << 63;

/// What a cluster of the guest's disk is in the image.
#[derive(Debug, Clone)]
enum Cluster {
    Data(Vec<u8>),
    Compressed(Vec<u8>),
    Zero,
}

/// An image in the making; clusters that are not set are not in it, and read as zeros.
#[derive(Debug, Clone)]
pub(crate) struct Qcow2 {
    size: u64,
    clusters: BTreeMap<usize, Cluster>,
}

impl Qcow2 {
    /// Length of a cluster in bytes.
    pub(crate) const CLUSTER: usize = CLUSTER;

    /// An empty disk of so many bytes.
    pub(crate) fn new(size: u64) -> Self {
        Self {
            size,
            clusters: BTreeMap::new(),
        }
    }

    /// Sets the cluster of that number; what is missing of its content is zeros.
    pub(crate) fn data(self, number: usize, content: impl AsRef<[u8]>) -> Self {
        self.set(number, Cluster::Data(padded(content.as_ref())))
    }

    /// The same, compressed.
    pub(crate) fn compressed(self, number: usize, content: impl AsRef<[u8]>) -> Self {
        self.set(number, Cluster::Compressed(padded(content.as_ref())))
    }

    /// Marks a cluster as zeros.
    pub(crate) fn zero(self, number: usize) -> Self {
        self.set(number, Cluster::Zero)
    }

    fn set(mut self, number: usize, cluster: Cluster) -> Self {
        assert!((number * CLUSTER) as u64 <= self.size, "beyond the end");
        self.clusters.insert(number, cluster);
        self
    }

    /// A disk of 100 clusters and a half, with clusters of every kind in two tables.
    pub(crate) fn sample() -> Self {
        let last = ENTRIES + 7;
        Self::new((last * CLUSTER + 512) as u64)
            .data(0, b"boot")
            .compressed(3, b"squeezed ".repeat(300))
            .zero(4)
            .compressed(5, (0..=255_u8).collect::<Vec<u8>>())
            .data(ENTRIES + 1, [0xa5; CLUSTER])
            .data(last, b"the end")
    }

    /// The guest's disk.
    pub(crate) fn raw(&self) -> Vec<u8> {
        let mut disk = vec![0; usize::try_from(self.size).expect("a small disk")];
        for (number, cluster) in &self.clusters {
            if let Cluster::Data(content) | Cluster::Compressed(content) = cluster {
                let place = number * CLUSTER;
                let length = CLUSTER.min(disk.len() - place);
                disk[place..place + length].copy_from_slice(&content[..length]);
            }
        }
        disk
    }

    /// The image: header, first table, counts, second tables, content.
    pub(crate) fn build(&self) -> Vec<u8> {
        let disk_clusters = usize::try_from(self.size)
            .expect("a small disk")
            .div_ceil(CLUSTER);
        let tables = disk_clusters.div_ceil(ENTRIES);
        assert!(tables <= ENTRIES, "one cluster holds the first table");
        let (first_table, counts, first_counts) = (1, 2, 3);
        let mut file = vec![0; (4 + tables) * CLUSTER];
        for (place, word) in [
            (0, 0x5146_49fb),
            (4, 3),
            (20, CLUSTER_BITS),
            (36, u32::try_from(tables).expect("few")),
            (56, 1),
            (96, 4),
            (100, 104),
        ] {
            file[place..place + 4].copy_from_slice(&word.to_be_bytes());
        }
        for (place, word) in [
            (24, self.size),
            (40, (first_table * CLUSTER) as u64),
            (48, (counts * CLUSTER) as u64),
            (counts * CLUSTER, (first_counts * CLUSTER) as u64),
        ] {
            put(&mut file, place, word);
        }
        for table in 0..tables {
            let entry = ((4 + table) * CLUSTER) as u64 | COPIED;
            put(&mut file, first_table * CLUSTER + table * 8, entry);
        }
        for (number, cluster) in &self.clusters {
            let place = (4 + number / ENTRIES) * CLUSTER + number % ENTRIES * 8;
            let offset = file.len() as u64;
            let entry = match cluster {
                Cluster::Zero => 1,
                Cluster::Data(content) => {
                    file.extend_from_slice(content);
                    offset | COPIED
                }
                Cluster::Compressed(content) => {
                    let packed = packed(content);
                    let sectors = packed.len().div_ceil(512) as u64 - 1;
                    file.extend_from_slice(&packed);
                    file.resize(file.len().next_multiple_of(CLUSTER), 0);
                    (1 << 62) | (sectors << (62 - (CLUSTER_BITS - 8))) | offset
                }
            };
            put(&mut file, place, entry);
        }
        let used = file.len() / CLUSTER;
        assert!(used <= CLUSTER / 2, "one cluster holds all counts");
        for cluster in 0..used {
            file[first_counts * CLUSTER + cluster * 2 + 1] = 1;
        }
        file
    }
}

fn padded(content: &[u8]) -> Vec<u8> {
    assert!(content.len() <= CLUSTER, "more than a cluster");
    let mut cluster = content.to_vec();
    cluster.resize(CLUSTER, 0);
    cluster
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut packed = vec![0; compressor.deflate_compress_bound(content.len())];
    let length = compressor
        .deflate_compress(content, &mut packed)
        .expect("room for it");
    packed.truncate(length);
    packed
}

fn put(file: &mut [u8], place: usize, word: u64) {
    file[place..place + 8].copy_from_slice(&word.to_be_bytes());
}
