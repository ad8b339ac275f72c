//! Which bytes of a content have arrived, who reads where, and what may be freed. Pure: it knows
//! neither files nor threads.
//!
//! A content is either kept whole, or goes through a window: then what every reader has passed is
//! freed, and no more arrives than fits. A reader that holds the others up is let go, and whoever is
//! let go reads on by a reading of its own.

use std::collections::BTreeMap;
use std::ops::Range;

/// A region, as the readers of its spool tell each other apart.
pub(super) type Key = u64;

/// What is freed is a whole number of these, as file systems keep them.
const BLOCK_BYTES: u64 = 4096;

/// No more than this is lent to a reader at once.
const MOST_LENT_BYTES: u64 = 4 << 20;

/// No less than this is lent at once, where it is there.
const LEAST_LENT_BYTES: u64 = 16 << 10;

/// The books of one content.
#[derive(Debug)]
pub(super) struct ReadWindow {
    size: u64,
    start: u64,
    have: u64,
    freed: u64,
    window: Option<u64>,
    is_verified: bool,
    readers: BTreeMap<Key, Reader>,
    /// What readers that were let go may still be reading.
    lent: BTreeMap<Key, Range<u64>>,
    /// What can be freed since such a reader gave it back.
    returned: Vec<Range<u64>>,
}

#[derive(Debug)]
struct Reader {
    /// Nothing before is read again.
    offset: u64,
    /// Up to where it may be reading now.
    lent_to: u64,
    /// It found nothing to read when it last looked.
    is_starved: bool,
    /// It has not come yet.
    is_expected: bool,
}

/// What a reader finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextPiece {
    /// So many bytes; never none.
    Ready(u64),
    /// Nothing yet.
    Nothing,
    /// It was let go, and is no reader any more.
    Evicted,
}

impl ReadWindow {
    /// A content of which nothing has arrived; it arrives from `start` on. Without a window it is
    /// kept whole.
    pub(super) fn new(size: u64, start: u64, window: Option<u64>) -> Self {
        Self {
            size,
            start,
            have: start,
            freed: start,
            window,
            is_verified: false,
            readers: BTreeMap::new(),
            lent: BTreeMap::new(),
            returned: Vec::new(),
        }
    }

    /// The offset up to which everything has arrived.
    pub(super) fn have(&self) -> u64 {
        self.have
    }

    /// All of it has arrived.
    pub(super) fn is_complete(&self) -> bool {
        self.have == self.size
    }

    /// It goes through a window.
    pub(super) fn is_streamed(&self) -> bool {
        self.window.is_some()
    }

    /// All of it is there, from the first byte to the last.
    pub(super) fn is_whole(&self) -> bool {
        self.is_complete() && self.start == 0 && self.freed == 0
    }

    /// Nobody reads it, and nobody is expected to.
    pub(super) fn has_no_readers(&self) -> bool {
        self.readers.is_empty()
    }

    /// Somebody will come to read it from its start: until then, that stays.
    pub(super) fn expect(&mut self, key: Key) {
        let start = self.start;
        self.readers.entry(key).or_insert(Reader {
            offset: start,
            lent_to: start,
            is_starved: false,
            is_expected: true,
        });
    }

    /// A reader comes, to read it from its start. False where the start is gone.
    pub(super) fn join(&mut self, key: Key) -> bool {
        if self.freed > self.start {
            return false;
        }
        let reader = Reader {
            offset: self.start,
            lent_to: self.start,
            is_starved: false,
            is_expected: false,
        };
        self.readers.insert(key, reader);
        true
    }

    /// A reader wants to read on from `offset`, and is done with all before.
    pub(super) fn next_piece(&mut self, key: Key, offset: u64) -> NextPiece {
        let limit = self.window.map_or(MOST_LENT_BYTES, |window| {
            (window / 32).clamp(LEAST_LENT_BYTES, MOST_LENT_BYTES)
        });
        let end = if self.is_verified {
            self.size
        } else {
            self.have.min(self.size.saturating_sub(1))
        };
        let Some(reader) = self.readers.get_mut(&key) else {
            self.give_back(key);
            return NextPiece::Evicted;
        };
        reader.offset = offset;
        let length = end.saturating_sub(offset).min(limit);
        reader.lent_to = offset + length;
        reader.is_starved = length == 0;
        if length == 0 {
            NextPiece::Nothing
        } else {
            NextPiece::Ready(length)
        }
    }

    /// A reader goes, or is no longer expected.
    pub(super) fn leave(&mut self, key: Key) {
        self.readers.remove(&key);
        self.give_back(key);
    }

    /// Whoever is expected and has not come is not expected any more.
    pub(super) fn leave_expected(&mut self, key: Key) {
        if self.readers.get(&key).is_some_and(|it| it.is_expected) {
            self.readers.remove(&key);
        }
    }

    fn give_back(&mut self, key: Key) {
        if let Some(range) = self.lent.remove(&key) {
            self.returned.push(range);
        }
    }

    /// How many bytes may arrive now.
    pub(super) fn room(&self) -> u64 {
        let left = self.size - self.have;
        match self.window {
            None => left,
            Some(window) => window.saturating_sub(self.have - self.freed).min(left),
        }
    }

    /// So many bytes have arrived.
    pub(super) fn arrived(&mut self, count: u64) {
        self.have += count;
    }

    /// The whole content is what it should be: its last byte may be read.
    pub(super) fn verified(&mut self) {
        self.is_verified = true;
    }

    /// Puts the content through a window from now on. Nothing is lost that is there.
    pub(super) fn stream(&mut self, window: u64) {
        self.window = Some(window);
    }

    /// The first byte that somebody may yet read.
    pub(super) fn slowest(&self) -> u64 {
        let offsets = self.readers.values().map(|reader| reader.offset);
        offsets.min().unwrap_or(self.have).min(self.have)
    }

    /// What nobody needs any more and was not told of before. Nothing of a content that is whole.
    pub(super) fn free(&mut self) -> Vec<Range<u64>> {
        if !self.is_streamed() {
            return Vec::new();
        }
        let up_to = self.slowest() / BLOCK_BYTES * BLOCK_BYTES;
        let mut ranges = std::mem::take(&mut self.returned);
        if up_to > self.freed {
            ranges.push(self.freed..up_to);
            self.freed = up_to;
        }
        // What was given back may not be behind everybody yet; then it is freed with the rest.
        for range in &mut ranges {
            range.end = range.end.min(self.freed);
        }
        self.lent
            .values()
            .fold(ranges, |ranges, lent| without(&ranges, lent))
    }

    /// True where a reader has nothing to read only because another is too far behind.
    pub(super) fn is_held_up(&self) -> bool {
        let slowest = self.slowest();
        self.room() == 0
            && !self.is_complete()
            && self
                .readers
                .values()
                .any(|reader| reader.is_starved && reader.offset > slowest)
    }

    /// Lets the slowest reader go, or those that are level with it.
    pub(super) fn evict_slowest(&mut self) {
        let slowest = self.slowest();
        let behind = slowest + BLOCK_BYTES;
        let slow: Vec<Key> = self
            .readers
            .iter()
            .filter(|(_, reader)| reader.offset < behind)
            .map(|(key, _)| *key)
            .collect();
        for key in slow {
            if let Some(reader) = self.readers.remove(&key)
                && reader.lent_to > reader.offset
            {
                self.lent.insert(key, reader.offset..reader.lent_to);
            }
        }
    }
}

/// The ranges less one.
fn without(ranges: &[Range<u64>], hole: &Range<u64>) -> Vec<Range<u64>> {
    ranges
        .iter()
        .flat_map(|range| {
            [
                range.start..range.end.min(hole.start),
                range.start.max(hole.end)..range.end,
            ]
        })
        .filter(|range| range.start < range.end)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn freed(read_window: &mut ReadWindow) -> Vec<(u64, u64)> {
        let ranges = read_window.free().into_iter();
        ranges.map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn a_whole_content_frees_nothing_and_holds_its_last_byte_back() {
        let mut read_window = ReadWindow::new(10, 0, None);
        assert!(read_window.join(1));
        assert_eq!(read_window.next_piece(1, 0), NextPiece::Nothing);
        assert_eq!(read_window.room(), 10);
        read_window.arrived(10);
        assert_eq!(read_window.next_piece(1, 0), NextPiece::Ready(9));
        assert_eq!(read_window.next_piece(1, 9), NextPiece::Nothing);
        read_window.verified();
        assert_eq!(read_window.next_piece(1, 9), NextPiece::Ready(1));
        assert!(read_window.free().is_empty());
        assert!(read_window.is_whole());
        assert!(read_window.join(2));
    }

    #[test]
    fn a_reader_that_holds_the_others_up_is_let_go_and_keeps_what_it_was_lent() {
        let window = 64 << 10;
        let mut read_window = ReadWindow::new(1 << 20, 0, Some(window));
        assert!(read_window.join(1) && read_window.join(2));
        read_window.arrived(window);
        assert_eq!(read_window.room(), 0);
        assert_eq!(
            read_window.next_piece(1, 0),
            NextPiece::Ready(LEAST_LENT_BYTES)
        );
        assert_eq!(read_window.next_piece(2, window), NextPiece::Nothing);
        assert!(read_window.is_held_up());
        assert!(read_window.free().is_empty());
        read_window.evict_slowest();
        assert_eq!(freed(&mut read_window), [(LEAST_LENT_BYTES, window)]);
        assert_eq!(read_window.room(), window);
        assert_eq!(
            read_window.next_piece(1, LEAST_LENT_BYTES),
            NextPiece::Evicted
        );
        assert_eq!(freed(&mut read_window), [(0, LEAST_LENT_BYTES)]);
        assert!(!read_window.join(3), "the start is gone");
    }

    #[test]
    fn who_is_expected_keeps_the_start() {
        let window = 64 << 10;
        let mut read_window = ReadWindow::new(1 << 20, 0, Some(window));
        read_window.expect(2);
        assert!(read_window.join(1));
        read_window.arrived(window);
        assert_eq!(read_window.next_piece(1, window), NextPiece::Nothing);
        assert!(read_window.free().is_empty());
        assert!(read_window.is_held_up());
        assert!(read_window.join(2));
        assert_eq!(
            read_window.next_piece(2, 32 << 10),
            NextPiece::Ready(LEAST_LENT_BYTES)
        );
        assert_eq!(freed(&mut read_window), [(0, 32 << 10)]);
    }

    #[derive(Debug, Clone)]
    enum Move {
        Arrive(u64),
        Read(usize, u64),
        Join(usize),
        Expect(usize),
        Leave(usize),
        Evicted,
        Stream(u64),
    }

    fn any_move() -> impl Strategy<Value = Move> {
        prop_oneof![
            4 => (1..40_000u64).prop_map(Move::Arrive),
            6 => (0..4usize, 1..30_000u64).prop_map(|(who, count)| Move::Read(who, count)),
            2 => (0..4usize).prop_map(Move::Join),
            1 => (0..4usize).prop_map(Move::Expect),
            1 => (0..4usize).prop_map(Move::Leave),
            1 => Just(Move::Evicted),
            1 => (65_536..200_000u64).prop_map(Move::Stream),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whoever was lent bytes can read them; no more is kept than the window has room for, less
        /// what was lent to those that were let go.
        #[test]
        fn what_is_lent_is_there_and_the_window_holds(
            size in 1..300_000u64,
            window in prop::option::of(65_536..200_000u64),
            moves in prop::collection::vec(any_move(), 1..120),
        ) {
            let mut read_window = ReadWindow::new(size, 0, window);
            let mut is_there = vec![false; usize::try_from(size).unwrap()];
            let mut most = window;
            // What each region's reader was lent, until it looks again. Every reader has a key of its
            // own, and so has the region that is expected.
            let mut lent: [Option<Range<u64>>; 4] = Default::default();
            let mut keys = [0; 4];
            let mut next_key = 4;
            for step in moves {
                match step {
                    Move::Arrive(count) => {
                        let count = count.min(read_window.room());
                        let have = read_window.have();
                        for byte in have..have + count {
                            is_there[usize::try_from(byte).unwrap()] = true;
                        }
                        read_window.arrived(count);
                        if read_window.is_complete() {
                            read_window.verified();
                        }
                    }
                    Move::Read(who, count) => if let Some(range) = lent[who].take() {
                        let next = (range.start + count).min(range.end);
                        lent[who] = match read_window.next_piece(keys[who], next) {
                            NextPiece::Ready(length) => Some(next..next + length),
                            NextPiece::Nothing => Some(next..next),
                            NextPiece::Evicted => None,
                        };
                    },
                    Move::Join(who) => if lent[who].is_none() && read_window.join(next_key) {
                        read_window.leave_expected(who as u64);
                        keys[who] = next_key;
                        next_key += 1;
                        lent[who] = Some(0..0);
                    },
                    Move::Expect(who) => read_window.expect(who as u64),
                    Move::Leave(who) => {
                        read_window.leave(keys[who]);
                        lent[who] = None;
                    }
                    Move::Evicted => read_window.evict_slowest(),
                    Move::Stream(window) => {
                        read_window.stream(window);
                        most = Some(most.map_or(size, |most| most.max(window)));
                    }
                }
                for range in read_window.free() {
                    for byte in range {
                        is_there[usize::try_from(byte).unwrap()] = false;
                    }
                }
                for range in lent.iter().flatten() {
                    for byte in range.clone() {
                        prop_assert!(is_there[usize::try_from(byte).unwrap()], "{} of {:?}", byte, range);
                    }
                }
                let kept = is_there.iter().filter(|kept| **kept).count() as u64;
                let held: u64 = read_window.lent.values().map(|range| range.end - range.start).sum();
                prop_assert!(most.is_none_or(|most| kept <= most + held + BLOCK_BYTES), "{} kept", kept);
            }
        }

        /// With the slowest let go whenever it holds the others up, everybody who reads on gets to
        /// the end, or is let go.
        #[test]
        fn nobody_waits_for_ever(
            size in 1..400_000u64,
            window in prop::option::of(65_536..200_000u64),
            paces in prop::collection::vec(prop_oneof![Just(0), 1000..20_000u64], 1..4),
        ) {
            let mut read_window = ReadWindow::new(size, 0, window);
            let mut offsets: Vec<Option<u64>> = vec![Some(0); paces.len()];
            for key in 0..paces.len() {
                read_window.join(key as u64);
            }
            for _ in 0..2_000 {
                read_window.arrived(read_window.room().min(8192));
                if read_window.is_complete() {
                    read_window.verified();
                }
                for (key, pace) in paces.iter().enumerate() {
                    let Some(offset) = offsets[key].filter(|offset| *offset < size) else {
                        continue;
                    };
                    match read_window.next_piece(key as u64, offset) {
                        NextPiece::Ready(length) => offsets[key] = Some(offset + length.min(*pace)),
                        NextPiece::Nothing => {}
                        NextPiece::Evicted => offsets[key] = None,
                    }
                    if offsets[key] == Some(size) {
                        read_window.leave(key as u64);
                    }
                }
                read_window.free();
                if read_window.is_held_up() {
                    read_window.evict_slowest();
                }
            }
            for (offset, pace) in offsets.iter().zip(&paces) {
                prop_assert!(*pace == 0 || offset.is_none_or(|offset| offset == size), "{:?} {:?}", offsets, paces);
            }
        }
    }
}
