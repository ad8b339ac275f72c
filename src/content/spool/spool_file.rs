//! Where the bytes of the spool lie: one file for all contents, which has no name in its folder, so
//! that nothing is left of it when the process ends, however it ends.
//!
//! Each content has a place of its own in that file, which is as sparse as it can be: what is freed
//! goes back to the file system at once, in the midst of the file.

use std::fs::{DirBuilder, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create, statvfs};

use crate::host;
use crate::host::describe;
use crate::model::ByteSize;

/// The default of `spool_limit`, where the disk has more.
const DEFAULT_LIMIT_BYTES: u64 = 20 << 30;

/// Places begin at a multiple of this, which is one of every file system's blocks.
const ALIGNMENT: u64 = 64 << 10;

/// A file that has become as long as this is followed by another: not all file systems have longer
/// ones.
const LONGEST_FILE_BYTES: u64 = 4 << 40;

/// The window of a content for which there is no room on disk.
pub(super) const MEMORY_WINDOW_BYTES: u64 = 2 << 20;

/// The largest window: more would only keep other contents from being kept whole.
const LARGEST_WINDOW_BYTES: u64 = 1 << 30;

/// Why no spool can be kept in a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the spool folder {} cannot be used: {what}", folder.display())]
pub struct SpoolError {
    /// The folder.
    pub folder: PathBuf,
    /// What the system says.
    pub what: String,
}

/// The spool's file on disk, and how much of it is taken.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Mutex<Allocations>>);

#[derive(Debug)]
struct Allocations {
    folder: PathBuf,
    file: Arc<File>,
    /// Where the next place begins.
    end: u64,
    limit: u64,
    taken: u64,
}

/// A place in a file for the bytes of one content. It is freed when this is dropped.
#[derive(Debug)]
pub(super) struct Extent {
    pub(super) file: Arc<File>,
    /// Where in the file byte 0 of the content is.
    pub(super) base: u64,
    /// Parts of it are freed as soon as they were read.
    pub(super) is_window: bool,
    size: u64,
    /// The allocations that the bytes were taken from; none in memory.
    taken: Option<(Room, u64)>,
}

/// The limit that holds for a spool in that folder, in bytes: that of the configuration, or the
/// smaller of 20 GiB and 80 % of what is free.
pub(super) fn limit_of(folder: &Path, configured: Option<ByteSize>) -> u64 {
    if let Some(limit) = configured {
        return limit.0;
    }
    // What is not there yet will lie where its parent is.
    let free = folder
        .ancestors()
        .find_map(|folder| statvfs(folder).ok())
        .map_or(0, |system| system.f_bavail.saturating_mul(system.f_frsize));
    DEFAULT_LIMIT_BYTES.min(free / 5 * 4)
}

/// Sees whether a spool could be kept in that folder, without making anything that stays.
pub(super) fn check(folder: &Path) -> Result<(), SpoolError> {
    let did_you_mean = folder.ancestors().find(|folder| folder.exists());
    let did_you_mean = did_you_mean.unwrap_or(folder);
    make_file(did_you_mean)
        .map(drop)
        .map_err(|error| failed(folder, &error))
}

impl Room {
    /// Makes the folder, for its owner alone, where it is not there, and a file in it; of what else
    /// is in there nothing is touched. Blocking.
    pub(super) fn open(folder: &Path, limit: u64) -> Result<Self, SpoolError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .and_then(|()| make_file(folder))
            .map(|file| {
                Self(Arc::new(Mutex::new(Allocations {
                    folder: folder.to_owned(),
                    file: Arc::new(file),
                    end: 0,
                    limit,
                    taken: 0,
                })))
            })
            .map_err(|error| failed(folder, &error))
    }

    /// A place for a whole content; none where there is not that much room.
    pub(super) fn take_whole(&self, size: u64) -> Option<Extent> {
        self.take(size, false, |free| (size <= free).then_some(size))
            .map(|(extent, _)| extent)
    }

    /// A place for a content that goes through a window, and how large that may be; none where there
    /// is too little room.
    pub(super) fn take_window(&self, size: u64) -> Option<(Extent, u64)> {
        let (extent, taken) = self.take(size, true, |free| {
            let window = (free / 2).min(LARGEST_WINDOW_BYTES);
            (window >= MEMORY_WINDOW_BYTES).then_some(window)
        })?;
        // What readers that were let go still hold comes on top.
        Some((extent, taken - taken / 8))
    }

    fn take(
        &self,
        size: u64,
        is_window: bool,
        wanted: impl FnOnce(u64) -> Option<u64>,
    ) -> Option<(Extent, u64)> {
        let mut allocations = host::locked(&self.0);
        let taken = wanted(allocations.limit.saturating_sub(allocations.taken))?;
        if allocations.end + size > LONGEST_FILE_BYTES {
            allocations.file = Arc::new(make_file(&allocations.folder).ok()?);
            allocations.end = 0;
        }
        let base = allocations.end;
        allocations.end = (base + size).next_multiple_of(ALIGNMENT);
        allocations.taken += taken;
        let extent = Extent {
            file: Arc::clone(&allocations.file),
            base,
            is_window,
            size,
            taken: Some((self.clone(), taken)),
        };
        Some((extent, taken))
    }

    /// From now on the disk is full.
    #[cfg(test)]
    pub(super) fn fill_up(&self) {
        let full = File::options().write(true).open("/dev/full").unwrap();
        self.0.lock().unwrap().file = Arc::new(full);
    }

    /// Nothing more is taken: the disk would not have it.
    pub(super) fn close(&self) {
        host::locked(&self.0).limit = 0;
    }

    /// The folder.
    pub(super) fn folder(&self) -> PathBuf {
        let allocations = host::locked(&self.0);
        allocations.folder.clone()
    }
}

impl Extent {
    /// A place in memory.
    pub(super) fn in_memory(size: u64) -> io::Result<Self> {
        let file = memfd_create("glancesync-spool", MemfdFlags::CLOEXEC)?;
        Ok(Self {
            file: Arc::new(File::from(file)),
            base: 0,
            is_window: true,
            size,
            taken: None,
        })
    }

    /// It takes nothing from a disk.
    pub(super) fn is_in_memory(&self) -> bool {
        self.taken.is_none()
    }

    /// Copies a range of the content, which should be small.
    pub(super) fn copy_to(&self, other: &Self, range: Range<u64>) -> io::Result<()> {
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, self.base + range.start)?;
        other.file.write_all_at(&bytes, other.base + range.start)
    }

    /// Gives back the room of a range of the content. Where the file system will not, it is given
    /// back with the rest.
    pub(super) fn free(&self, range: &Range<u64>) {
        if let Err(error) = punch(&self.file, self.base + range.start, range.end - range.start) {
            tracing::debug!(%error, "a part of the spool cannot be freed");
        }
    }
}

impl Drop for Extent {
    fn drop(&mut self) {
        if self.size > 0 {
            self.free(&(0..self.size.next_multiple_of(ALIGNMENT)));
        }
        if let Some((room, taken)) = &self.taken {
            let mut allocations = host::locked(&room.0);
            allocations.taken = allocations.taken.saturating_sub(*taken);
        }
    }
}

/// A file without a name, on a file system that can free parts of it.
fn make_file(folder: &Path) -> io::Result<File> {
    let file = tempfile::tempfile_in(folder)?;
    punch(&file, 0, ALIGNMENT)
        .map_err(|_| io::Error::other("its file system cannot free parts of a file"))?;
    Ok(file)
}

fn punch(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(file, hole, offset, length).map_err(io::Error::from)
}

fn failed(folder: &Path, error: &io::Error) -> SpoolError {
    SpoolError {
        folder: folder.to_owned(),
        what: describe(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    /// The bytes that a file takes on disk.
    fn kept(extent: &Extent) -> u64 {
        extent.file.metadata().unwrap().blocks() * 512
    }

    #[test]
    fn the_folder_is_private_and_has_no_file_that_could_stay() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        let room = Room::open(&folder, 1 << 30).unwrap();
        let extent = room.take_whole(100_000).unwrap();
        extent.file.write_all_at(&vec![7; 100_000], 0).unwrap();
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn room_is_taken_up_to_the_limit_and_given_back() {
        let home = tempfile::tempdir().unwrap();
        let room = Room::open(home.path(), 10 << 20).unwrap();
        let first = room.take_whole(6 << 20).unwrap();
        assert!(room.take_whole(5 << 20).is_none());
        let (second, window) = room.take_window(1 << 40).unwrap();
        assert_eq!(window, (2 << 20) / 8 * 7);
        assert!(room.take_window(1 << 40).is_none());
        assert!(first.base != second.base);
        first
            .file
            .write_all_at(&vec![1; 6 << 20], first.base)
            .unwrap();
        second
            .file
            .write_all_at(&vec![2; 1 << 20], second.base + (5 << 20))
            .unwrap();
        assert!(kept(&second) >= 7 << 20);
        second.free(&((5 << 20)..(6 << 20)));
        assert!(kept(&second) < 7 << 20);
        drop(first);
        assert!(kept(&second) < 1 << 20);
        assert!(room.take_whole(8 << 20).is_some());
        room.close();
        assert!(room.take_whole(1).is_none());
    }

    #[test]
    fn memory_is_freed_as_a_disk_is() {
        let extent = Extent::in_memory(1 << 30).unwrap();
        extent
            .file
            .write_all_at(&vec![1; 1 << 20], 7 << 20)
            .unwrap();
        assert!(kept(&extent) >= 1 << 20);
        extent.free(&(0..(8 << 20)));
        assert_eq!(kept(&extent), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "somebody's").unwrap();
        for folder in [file.clone(), file.join("below"), "/proc/spool".into()] {
            let error = Room::open(&folder, 1).unwrap_err();
            assert!(
                error.to_string().contains(folder.to_str().unwrap()),
                "{error}"
            );
            assert!(check(&folder).is_err(), "{}", folder.display());
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"somebody's");
        check(&home.path().join("not/there")).unwrap();
        assert!(!home.path().join("not").exists());
    }

    #[test]
    fn the_limit_is_that_of_the_configuration_or_of_the_disk() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(limit_of(home.path(), Some(ByteSize(7))), 7);
        let limit = limit_of(&home.path().join("not/there"), None);
        assert!(limit > 0 && limit <= DEFAULT_LIMIT_BYTES);
    }
}
