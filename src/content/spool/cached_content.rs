//! One content on its way through the spool: a thread that writes what is fetched, and the readers
//! that wait for it.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::disk::Disk;
use super::item::{Item, spool_error};
use super::read_window::{Key, NextPiece, ReadWindow};
use super::spool_file::{Extent, MEMORY_WINDOW_BYTES};
use crate::content::SourceError;
use crate::content::hashes::{Digests, difference_of};
use crate::content::qcow2::FileRange;
use crate::content::ready::Ready;
use crate::host;

/// So long the others wait, in all, for one that is slower than they.
const HELD_UP_MAX: Duration = Duration::from_secs(2);

/// How often the writing thread looks whether somebody is held up.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Readers are not woken for less.
const WORTH_WAKING_BYTES: u64 = 128 << 10;

/// A content in the spool.
#[derive(Debug)]
pub(super) struct Entry {
    item: Item,
    state: Mutex<State>,
    /// Something came, or will come no more.
    news: Condvar,
    /// A reader got on.
    progress: Condvar,
    /// Whether it was found to be right or wrong; held while it is looked at.
    verdict: Mutex<Option<bool>>,
}

#[derive(Debug)]
struct State {
    read_window: ReadWindow,
    /// Where the bytes are: in the last one. Those before it are kept for who may still read them.
    extents: Vec<Extent>,
    failure: Option<SourceError>,
    /// Nobody can need it any more.
    is_abandoned: bool,
    told_at: u64,
}

/// What a reader finds.
pub(super) enum Found {
    Ready(Ready),
    Nothing,
    Evicted,
}

/// How a reader came in.
pub(super) enum OpenResult {
    In,
    /// Its start is gone, or it broke off: it has to be fetched anew.
    Gone,
    /// It is known to be wrong.
    Failed(SourceError),
}

impl Entry {
    pub(super) fn new(item: Item, start: u64, extent: Extent, window: Option<u64>) -> Self {
        Self {
            state: Mutex::new(State {
                read_window: ReadWindow::new(item.size, start, window),
                extents: vec![extent],
                failure: None,
                is_abandoned: false,
                told_at: start,
            }),
            item,
            news: Condvar::new(),
            progress: Condvar::new(),
            verdict: Mutex::default(),
        }
    }

    pub(super) fn item(&self) -> &Item {
        &self.item
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        host::locked(&self.state)
    }

    /// A reader comes, to read it from where it begins.
    pub(super) fn join(&self, key: Key) -> OpenResult {
        let mut state = self.lock();
        if let Some(error @ SourceError::Damaged { .. }) = &state.failure {
            return OpenResult::Failed(error.clone());
        }
        if state.failure.is_none() && !state.is_abandoned && state.read_window.join(key) {
            OpenResult::In
        } else {
            OpenResult::Gone
        }
    }

    /// These regions will come to read it: where it goes through a window, that waits for them as it
    /// does for readers.
    pub(super) fn expect(&self, keys: &[Key]) {
        let mut state = self.lock();
        if state.read_window.is_streamed() {
            for key in keys {
                state.read_window.expect(*key);
            }
        }
    }

    /// A reader goes.
    pub(super) fn leave(&self, key: Key) {
        self.lock().read_window.leave(key);
        self.progress.notify_one();
    }

    /// Whoever was expected is not expected any more.
    pub(super) fn leave_expected(&self, key: Key) {
        self.lock().read_window.leave_expected(key);
        self.progress.notify_one();
    }

    /// Nobody reads it, or is expected to.
    pub(super) fn has_no_readers(&self) -> bool {
        self.lock().read_window.has_no_readers()
    }

    /// Nobody reads it, and nobody else could begin to.
    pub(super) fn is_spent(&self) -> bool {
        let state = self.lock();
        let may_begin = !state.read_window.is_streamed() && state.failure.is_none();
        let is_known_wrong = matches!(state.failure, Some(SourceError::Damaged { .. }));
        state.read_window.has_no_readers() && !may_begin && !is_known_wrong
    }

    /// Ends the fetching: nobody can need it.
    pub(super) fn abandon(&self) {
        self.lock().is_abandoned = true;
        self.progress.notify_one();
    }

    /// What there is to read from `offset` on; waits for no longer than `limit`.
    pub(super) fn wait_for_piece(
        &self,
        key: Key,
        offset: u64,
        limit: Duration,
    ) -> Result<Found, SourceError> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(error) = &state.failure {
                return Err(error.clone());
            }
            let piece = state.read_window.next_piece(key, offset);
            if state.read_window.is_streamed() {
                self.progress.notify_one();
            }
            match piece {
                NextPiece::Evicted => return Ok(Found::Evicted),
                NextPiece::Ready(length) => {
                    let Some(extent) = state.extents.last() else {
                        return Ok(Found::Evicted);
                    };
                    let file = Arc::clone(&extent.file);
                    let ready = Ready::new(file, extent.base, offset, length);
                    return Ok(Found::Ready(ready.copied(extent.is_window)));
                }
                NextPiece::Nothing => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Found::Nothing);
            }
            state = self
                .news
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Where all of it is, once it has come; waits for no longer than `limit`. It fails where it is not
    /// kept.
    pub(super) fn wait_for_all(&self, limit: Duration) -> Result<Option<FileRange>, SourceError> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(error) = &state.failure {
                return Err(error.clone());
            }
            let size = self.item.size;
            if state.read_window.is_streamed() {
                return Err(SourceError::NotKept { size });
            }
            if let (true, Some(extent)) = (state.read_window.is_whole(), state.extents.last()) {
                let file = Arc::clone(&extent.file);
                return Ok(Some(FileRange::new(file, extent.base, size)));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            state = self
                .news
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Whether this content is the one that the master's checksums stand for; where it
    /// is not, it counts as failed from now on. Nothing where it cannot be told. Blocking.
    pub(super) fn examine(&self) -> Result<Option<bool>, SourceError> {
        // Whoever asks meanwhile waits for the answer.
        let mut verdict = host::locked(&self.verdict);
        let (file, base) = {
            let state = self.lock();
            match (&state.failure, state.extents.last()) {
                (Some(SourceError::Damaged { .. }), _) => return Ok(Some(false)),
                (None, Some(extent)) if state.read_window.is_whole() => {
                    (Arc::clone(&extent.file), extent.base)
                }
                _ => return Ok(None),
            }
        };
        if verdict.is_none() {
            let difference = difference_of(&file, base, self.item.size, &self.item.content)
                .map_err(|error| spool_error(&error))?;
            *verdict = Some(difference.is_none());
            if let Some(difference) = difference {
                self.fail(difference.into());
            }
        }
        Ok(*verdict)
    }

    /// Writes what is fetched, until it is complete, it failed, or nobody wants it. Blocking.
    pub(super) fn write(
        &self,
        mut chunks: mpsc::Receiver<Result<Bytes, SourceError>>,
        disk: &Disk,
    ) {
        let result = self.write_all(&mut chunks, disk);
        // Ends the fetching, whatever it is at.
        drop(chunks);
        match result {
            Ok(true) => {
                let mut state = self.lock();
                state.read_window.verified();
                drop(state);
                self.news.notify_all();
            }
            Ok(false) => self.fail(SourceError::Spool {
                what: "its reading was ended before it was complete".to_owned(),
            }),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&self, error: SourceError) {
        self.lock().failure.get_or_insert(error);
        self.news.notify_all();
        self.progress.notify_all();
    }

    /// True where all has come, and is what it should be as far as that was looked at.
    fn write_all(
        &self,
        chunks: &mut mpsc::Receiver<Result<Bytes, SourceError>>,
        disk: &Disk,
    ) -> Result<bool, SourceError> {
        let (start, is_streamed) = {
            let state = self.lock();
            (state.read_window.have(), state.read_window.is_streamed())
        };
        // What is kept whole can be hashed when it turns out to be wrong somewhere, and every region
        // compares. What goes through a window is gone by then.
        let mut digests = (is_streamed && start == 0).then(|| Digests::of(&self.item.content));
        let mut limit = StallTimer::new();
        while let Some(chunk) = chunks.blocking_recv() {
            let chunk = chunk?;
            if let Some(digests) = &mut digests {
                digests.update(&chunk);
            }
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let Some(room) = self.wait_for_room(&mut limit) else {
                    return Ok(false);
                };
                let length = usize::try_from(room).map_or(rest.len(), |room| room.min(rest.len()));
                let (part, after) = rest.split_at(length);
                if self.put(part, disk)? {
                    rest = after;
                }
            }
        }
        let is_complete = self.lock().read_window.is_complete();
        if is_complete
            && let Some(difference) =
                digests.and_then(|digests| digests.difference(&self.item.content))
        {
            return Err(difference.into());
        }
        Ok(is_complete)
    }

    /// Waits until some bytes may be written, and gives how many; none where nobody wants them.
    fn wait_for_room(&self, limit: &mut StallTimer) -> Option<u64> {
        let mut state = self.lock();
        limit.pass(false);
        loop {
            if state.is_abandoned
                || state.failure.is_some()
                || (state.read_window.is_streamed() && state.read_window.has_no_readers())
            {
                return None;
            }
            state.free();
            let room = state.read_window.room();
            if room > 0 {
                return Some(room);
            }
            if limit.is_over() {
                tracing::debug!(id = %self.item.id, "a region is too far behind the others");
                state.read_window.evict_slowest();
                *limit = StallTimer::new();
                self.news.notify_all();
                continue;
            }
            let is_held_up = state.read_window.is_held_up();
            state = self
                .progress
                .wait_timeout(state, LOOK_UP)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            limit.pass(is_held_up);
        }
    }

    /// Writes bytes for which there is room. False where the disk does not take them, and they are
    /// to be tried again under other conditions.
    fn put(&self, bytes: &[u8], disk: &Disk) -> Result<bool, SourceError> {
        let (offset, file, base) = {
            let state = self.lock();
            let Some(extent) = state.extents.last() else {
                return Ok(false);
            };
            (
                state.read_window.have(),
                Arc::clone(&extent.file),
                extent.base,
            )
        };
        if let Err(error) = file.write_all_at(bytes, base + offset) {
            self.fall_back(&error, disk)?;
            return Ok(false);
        }
        let mut state = self.lock();
        state.read_window.arrived(bytes.len() as u64);
        let have = state.read_window.have();
        if have - state.told_at >= WORTH_WAKING_BYTES || state.read_window.is_complete() {
            state.told_at = have;
            drop(state);
            self.news.notify_all();
        }
        Ok(true)
    }

    /// Goes on in memory, when what is on disk and not yet read is little enough; until then the
    /// readers get on.
    fn fall_back(&self, error: &io::Error, disk: &Disk) -> Result<(), SourceError> {
        let mut state = self.lock();
        let Some(extent) = state.extents.last() else {
            return Ok(());
        };
        if extent.is_in_memory() {
            return Err(spool_error(error));
        }
        disk.failed(error);
        let (from, to) = (state.read_window.slowest(), state.read_window.have());
        if to - from > MEMORY_WINDOW_BYTES / 2 {
            // Room for what is there already, and for nothing more.
            state.read_window.stream(to - from);
            return Ok(());
        }
        let memory = Extent::in_memory(self.item.size).map_err(|error| spool_error(&error))?;
        extent
            .copy_to(&memory, from..to)
            .map_err(|error| spool_error(&error))?;
        state.read_window.stream(MEMORY_WINDOW_BYTES);
        state.extents.push(memory);
        Ok(())
    }
}

/// How long, of late, readers had nothing to read because another was too far behind: time in which
/// they are held up counts, other time is taken off.
#[derive(Debug)]
struct StallTimer {
    held_up: Duration,
    seen: Instant,
}

impl StallTimer {
    fn new() -> Self {
        Self {
            held_up: Duration::ZERO,
            seen: Instant::now(),
        }
    }

    fn pass(&mut self, is_held_up: bool) {
        let now = Instant::now();
        let passed = now - self.seen;
        self.seen = now;
        self.held_up = if is_held_up {
            self.held_up + passed
        } else {
            self.held_up.saturating_sub(passed)
        };
    }

    fn is_over(&self) -> bool {
        self.held_up >= HELD_UP_MAX
    }
}

impl State {
    /// Gives back what nobody needs. Of a place for a whole content the kernel may still be sending
    /// what was read; that is given back at the end.
    fn free(&mut self) {
        for range in self.read_window.free() {
            for extent in self.extents.iter().filter(|extent| extent.is_window) {
                extent.free(&range);
            }
        }
    }
}
