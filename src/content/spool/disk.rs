//! The spool's share of the disk: opened when it is needed first, and given up with a warning when
//! the disk does not take something; from then on contents go through memory.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SpoolError;
use super::spool_file::{Extent, MEMORY_WINDOW_BYTES, Room};
use crate::model::{Warning, WarningCode};

/// Takes what somebody should look at.
pub type WarningSink = Box<dyn Fn(Warning) + Send + Sync>;

/// Where contents are put.
pub(super) struct Disk {
    folder: Option<PathBuf>,
    limit: u64,
    /// The limit is what the disk has room for, and nobody's wish.
    is_limit_measured: bool,
    room: OnceLock<Option<Room>>,
    has_warned: AtomicBool,
    warn: WarningSink,
}

impl Disk {
    pub(super) fn new(
        folder: Option<PathBuf>,
        limit: u64,
        is_limit_measured: bool,
        warn: WarningSink,
    ) -> Self {
        Self {
            folder,
            limit,
            is_limit_measured,
            room: OnceLock::new(),
            has_warned: AtomicBool::new(false),
            warn,
        }
    }

    /// Opens it now, where there is a folder.
    pub(super) fn open(&self) -> Result<(), SpoolError> {
        if let Some(folder) = &self.folder {
            let room = Room::open(folder, self.limit)?;
            // Where it is open already, that one stays.
            let _ = self.room.set(Some(room));
        }
        Ok(())
    }

    /// A place for a content of that size, and its window where it cannot be kept whole. Blocking.
    pub(super) fn take(&self, size: u64) -> io::Result<(Extent, Option<u64>)> {
        if let Some(room) = self.room() {
            if let Some(extent) = room.take_whole(size) {
                return Ok((extent, None));
            }
            if let Some((extent, window)) = room.take_window(size) {
                return Ok((extent, Some(window)));
            }
        }
        Ok((Extent::in_memory(size)?, Some(MEMORY_WINDOW_BYTES)))
    }

    pub(super) fn room(&self) -> Option<&Room> {
        let room = self.room.get_or_init(|| {
            let Some(folder) = &self.folder else {
                self.warn("no folder is known for the spool, since neither $XDG_CACHE_HOME nor $HOME is set");
                return None;
            };
            if self.limit == 0 && !self.is_limit_measured {
                return None;
            }
            match Room::open(folder, self.limit) {
                Ok(room) => {
                    if self.is_limit_measured && self.limit < MEMORY_WINDOW_BYTES {
                        self.warn(&format!("the disk of {} is full", folder.display()));
                    }
                    Some(room)
                }
                Err(error) => {
                    self.warn(&error.to_string());
                    None
                }
            }
        });
        room.as_ref()
    }

    /// The disk did not take something.
    pub(super) fn failed(&self, error: &io::Error) {
        if let Some(Some(room)) = self.room.get() {
            room.close();
            self.warn(&format!(
                "the spool folder {} takes no more: {error}",
                room.folder().display()
            ));
        }
    }

    fn warn(&self, what: &str) {
        if self.has_warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let message = format!(
            "{what}; content from the master's Glance goes through memory from now on, and regions that do not run at the same pace have it fetched more than once: set `spool_dir` to a folder with room"
        );
        (self.warn)(Warning::new(WarningCode::SpoolUnwritable, message));
    }
}
