//! From qcow2 to raw, for well-formed images: what `qemu-img convert` makes of them.
//!
//! Of an image that ends too early the rest is zeros, as `qemu-img` has it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bits of an entry that are an offset in the file.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// The bit of an entry of the second table that stands for a compressed cluster.
const COMPRESSED: u64 = 1 << 62;
/// The bit of an entry of the second table that stands for zeros.
const ZERO: u64 = 1;
/// Entries of the first table that are read at most.
const MAX_ENTRIES: u64 = 4 << 20;

/// The image as it is read.
struct Qcow2 {
    file: File,
    length: u64,
    cluster_bits: u32,
    size: u64,
    table: u64,
}

/// Writes the guest's disk to `target`; gives its size in bytes.
pub(super) fn expand(source: &Path, target: &Path) -> io::Result<u64> {
    let image = Qcow2::open(source)?;
    let raw = File::create(target)?;
    raw.set_len(image.size)?;
    let cluster = 1_u64 << image.cluster_bits;
    let per_table = cluster / 8;
    let clusters = image.size.div_ceil(cluster);
    for first in (0..clusters).step_by(usize::try_from(per_table).map_err(io::Error::other)?) {
        let entry = image.entry(image.table, first / per_table)? & OFFSET;
        if entry == 0 {
            continue;
        }
        for number in first..clusters.min(first + per_table) {
            let entry = image.entry(entry, number - first)?;
            let left = image.size - number * cluster;
            if let Some(mut content) = image.cluster(entry)? {
                content.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                raw.write_all_at(&content, number * cluster)?;
            }
        }
    }
    Ok(image.size)
}

impl Qcow2 {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; 104];
        file.read_exact_at(&mut head[..72], 0)?;
        let word = |place: usize| u64::from(u32_at(&head, place));
        let version = word(4);
        let cluster_bits = u32_at(&head, 20);
        let is_plain = head.starts_with(b"QFI\xfb")
            && (2..=3).contains(&version)
            && u64_at(&head, 8) == 0
            && word(32) == 0
            && (9..=21).contains(&cluster_bits)
            && word(36) <= MAX_ENTRIES;
        if version == 3 {
            file.read_exact_at(&mut head[72..], 72)?;
            // Only the mark of an image that was not closed is harmless.
            if u64_at(&head, 72) & !1 != 0 {
                return Err(ErrorKind::Unsupported.into());
            }
        }
        if !is_plain {
            return Err(ErrorKind::Unsupported.into());
        }
        Ok(Self {
            file,
            length,
            cluster_bits,
            size: u64_at(&head, 24),
            table: u64_at(&head, 40),
        })
    }

    /// The entry of a table; zero beyond the end of the file.
    fn entry(&self, table: u64, number: u64) -> io::Result<u64> {
        let mut entry = [0; 8];
        self.read(&mut entry, table + number * 8)?;
        Ok(u64::from_be_bytes(entry))
    }

    /// The content of a cluster; none where it is all zeros.
    fn cluster(&self, entry: u64) -> io::Result<Option<Vec<u8>>> {
        let mut content = vec![0; 1 << self.cluster_bits];
        if entry & COMPRESSED != 0 {
            return self.compressed(entry, content).map(Some);
        }
        let offset = entry & OFFSET;
        if offset == 0 || entry & ZERO != 0 {
            return Ok(None);
        }
        self.read(&mut content, offset)?;
        Ok(Some(content))
    }

    fn compressed(&self, entry: u64, mut content: Vec<u8>) -> io::Result<Vec<u8>> {
        let bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << bits) - 1);
        let sectors = ((entry & (COMPRESSED - 1)) >> bits) + 1;
        let length = sectors * 512 - offset % 512;
        let mut packed = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.read(&mut packed, offset)?;
        let unpacked = libdeflater::Decompressor::new().deflate_decompress(&packed, &mut content);
        unpacked.map_err(io::Error::other)?;
        Ok(content)
    }

    /// Reads, and leaves what is beyond the end as it is.
    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let there = self.length.saturating_sub(offset).min(buffer.len() as u64);
        let there = usize::try_from(there).map_err(io::Error::other)?;
        self.file.read_exact_at(&mut buffer[..there], offset)
    }
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[place..place + 4]);
    u32::from_be_bytes(word)
}

fn u64_at(bytes: &[u8], place: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[place..place + 8]);
    u64::from_be_bytes(word)
}
