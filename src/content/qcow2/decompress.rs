//! Decompressing one cluster.

use std::fmt;
use std::io;

use zstd_safe::DCtx;

use super::header::Compression;

/// Decompresses clusters, one after the other. What it keeps between them is below 200 KiB: neither
/// library gets to make room for what a stream says that it needs.
pub(super) enum Decompressor {
    Zlib(libdeflater::Decompressor),
    Zstd(DCtx<'static>),
}

/// The bytes are not a cluster of that size, compressed.
pub(super) struct NotACluster;

impl Decompressor {
    /// For clusters that were compressed so.
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Zlib => Self::Zlib(libdeflater::Decompressor::new()),
            Compression::Zstd => {
                let context = DCtx::try_create();
                Self::Zstd(context.ok_or(io::ErrorKind::OutOfMemory)?)
            }
        })
    }

    /// Fills `cluster` with what `compressed` begins with. What is behind that is somebody else's: how
    /// long it is exactly is written nowhere.
    pub(super) fn decompress(
        &mut self,
        compressed: &[u8],
        cluster: &mut [u8],
    ) -> Result<(), NotACluster> {
        match self {
            Self::Zlib(decompressor) => {
                let written = decompressor.deflate_decompress(compressed, cluster);
                match written {
                    Ok(written) if written == cluster.len() => Ok(()),
                    _ => Err(NotACluster),
                }
            }
            Self::Zstd(context) => frames(context, compressed, cluster),
        }
    }
}

/// A cluster may have several frames. Each is decompressed at once, straight into its place: by the
/// piece, the library would make room for the window that the frame asks for.
fn frames(
    context: &mut DCtx<'static>,
    mut compressed: &[u8],
    mut cluster: &mut [u8],
) -> Result<(), NotACluster> {
    while !cluster.is_empty() {
        let length = zstd_safe::find_frame_compressed_size(compressed).map_err(|_| NotACluster)?;
        let (frame, rest) = compressed.split_at_checked(length).ok_or(NotACluster)?;
        if frame.is_empty() {
            return Err(NotACluster);
        }
        let written = context
            .decompress(cluster, frame)
            .map_err(|_| NotACluster)?;
        cluster = cluster.get_mut(written..).ok_or(NotACluster)?;
        compressed = rest;
    }
    Ok(())
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zlib(_) => "Zlib",
            Self::Zstd(_) => "Zstd",
        })
    }
}
