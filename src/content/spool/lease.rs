//! What one region needs of the spool, and how it reads it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::Spool;
use super::cached_content::{Entry, Found, OpenResult};
use super::item::{Item, spool_error};
use super::read_window::Key;
use crate::content::SourceError;
use crate::content::qcow2::FileRange;
use crate::content::ready::Ready;
use crate::host;
use crate::model::ImageId;

/// What one region may need. Dropped, it needs nothing any more.
pub struct RegionLease {
    spool: Arc<Spool>,
    key: Key,
    claims: Mutex<Claims>,
}

#[derive(Debug, Default)]
struct Claims {
    /// What it may need, as long as it has not said more.
    undecided: BTreeSet<ImageId>,
    wanted: BTreeSet<ImageId>,
}

/// A content of the spool that is open for one upload.
pub(in crate::content) struct Reading {
    lease: Arc<RegionLease>,
    entry: Arc<Entry>,
    key: Key,
}

impl RegionLease {
    /// The lease of one of the regions that may need those images.
    pub fn new(spool: &Arc<Spool>, may_need: impl IntoIterator<Item = ImageId>) -> Arc<Self> {
        Arc::new(Self {
            key: spool.new_key(),
            spool: Arc::clone(spool),
            claims: Mutex::new(Claims {
                undecided: may_need.into_iter().collect(),
                wanted: BTreeSet::new(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Claims> {
        host::locked(&self.claims)
    }

    /// The region needs these images and no others.
    pub fn decide(&self, wanted: impl IntoIterator<Item = ImageId>) {
        let mut claims = self.lock();
        let mut registry = self.spool.registry();
        claims.wanted = wanted.into_iter().collect();
        for id in &claims.wanted {
            registry.wanted(id, self.key);
        }
        for id in std::mem::take(&mut claims.undecided) {
            registry.decided(&id);
            registry.sweep(&id);
        }
    }

    /// The region needs that image as well.
    pub(in crate::content) fn want(&self, id: &ImageId) {
        if self.lock().wanted.insert(id.clone()) {
            self.spool.registry().wanted(id, self.key);
        }
    }

    /// The region needs that image no more.
    pub fn done(&self, id: &ImageId) {
        self.lock().wanted.remove(id);
        let mut registry = self.spool.registry();
        registry.unwanted(id, self.key);
        registry.sweep(id);
    }

    /// Opens a content, which is fetched from now on unless it is there. Blocking.
    pub(in crate::content) fn open(self: &Arc<Self>, item: &Item) -> Result<Reading, SourceError> {
        let key = self.spool.new_key();
        let mut registry = self.spool.registry();
        let present = registry.entry(&item.id).map(Arc::clone);
        let entrance = present.as_ref().map(|entry| entry.join(key));
        let entry = match (present, entrance) {
            (_, Some(OpenResult::Failed(error))) => return Err(error),
            (Some(entry), Some(OpenResult::In)) => {
                entry.leave_expected(self.key);
                registry.reads(&item.id, self.key, true);
                entry
            }
            _ => {
                let (extent, window) = self
                    .spool
                    .disk
                    .take(item.size)
                    .map_err(|error| spool_error(&error))?;
                let entry = Arc::new(Entry::new(item.clone(), 0, extent, window));
                entry.join(key);
                registry.reads(&item.id, self.key, true);
                entry.expect(&registry.expected(&item.id));
                self.spool.fetch(&entry, 0)?;
                registry.put(&item.id, &entry);
                entry
            }
        };
        Ok(Reading {
            lease: Arc::clone(self),
            entry,
            key,
        })
    }

    /// Whether what was read of a content is what the master's checksums stand for; nothing where
    /// that cannot be told any more. Blocking.
    pub(in crate::content) fn examine(&self, id: &ImageId) -> Result<Option<bool>, SourceError> {
        let entry = self.spool.registry().entry(id).map(Arc::clone);
        entry.map_or(Ok(None), |entry| entry.examine())
    }

    /// The spool that it is of.
    pub(in crate::content) fn spool(&self) -> &Spool {
        &self.spool
    }
}

impl Drop for RegionLease {
    fn drop(&mut self) {
        let claims = std::mem::take(&mut *self.lock());
        let mut registry = self.spool.registry();
        for id in &claims.undecided {
            registry.decided(id);
        }
        for id in &claims.wanted {
            registry.unwanted(id, self.key);
        }
        for id in claims.undecided.iter().chain(&claims.wanted) {
            registry.sweep(id);
        }
    }
}

impl fmt::Debug for RegionLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionLease")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Reading {
    pub(in crate::content) fn item(&self) -> &Item {
        self.entry.item()
    }

    /// What there is to read from `offset` on. Waits for no longer than `limit`.
    pub(in crate::content) fn ready(
        &mut self,
        offset: u64,
        limit: Duration,
    ) -> Result<Option<Ready>, SourceError> {
        loop {
            match self.entry.wait_for_piece(self.key, offset, limit)? {
                Found::Ready(ready) => return Ok(Some(ready)),
                Found::Nothing => return Ok(None),
                Found::Evicted => {
                    let spool = &self.lease.spool;
                    let alone = spool.begin_alone(self.entry.item(), offset, self.key)?;
                    self.entry = alone;
                }
            }
        }
    }

    /// All of the content, once it has come. Waits for no longer than `limit`. It fails where the content
    /// goes through a window: that keeps no more than what is read next.
    pub(in crate::content) fn whole(
        &self,
        limit: Duration,
    ) -> Result<Option<FileRange>, SourceError> {
        self.entry.wait_for_all(limit)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.entry.leave(self.key);
        let id = &self.entry.item().id;
        let mut registry = self.lease.spool.registry();
        registry.reads(id, self.lease.key, false);
        registry.sweep(id);
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("id", &self.entry.item().id)
            .finish_non_exhaustive()
    }
}
