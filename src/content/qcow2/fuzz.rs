//! Hostile images: whatever is changed in a valid one, nothing panics, no more is kept in memory than the file
//! and its clusters justify, and what is expanded has the size that the header says.
//!
//! `PROPTEST_CASES=100000 cargo test --release --lib qcow2::fuzz` tries many more.

use proptest::prelude::*;
use proptest::sample::Index;

use super::fixture::Fixture;
use super::*;

/// What becomes larger is read at its start and at its end only.
const READ_WHOLE_BYTES: u64 = 4 << 20;

/// What is done to a file.
#[derive(Debug, Clone)]
enum Change {
    /// A byte of the header.
    Header(Index, u8),
    /// A word of the header.
    HeaderWord(Index, u64),
    /// A word of the first L2 table or the L1 table.
    Entry(Index, u64),
    /// A byte anywhere.
    Byte(Index, u8),
    /// Its end is gone.
    Cut(Index),
    /// Something is copied over something else.
    Copy(Index, Index, usize),
}

/// Numbers of the kind that are found in images, and any.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0..64_u32).prop_map(|bit| 1 << bit),
        (0..64_u32).prop_map(|bit| (1_u64 << bit).wrapping_sub(1)),
        (0..200_u64, 0..4_u64, 0..4_u64).prop_map(|(place, top, low)| place << 9 | top << 62 | low),
        (0..400_u64).prop_map(|place| place << 12 | 1 << 63),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(place, byte)| Change::Header(place, byte)),
        (place(), word()).prop_map(|(place, word)| Change::HeaderWord(place, word)),
        (place(), word()).prop_map(|(place, word)| Change::Entry(place, word)),
        (place(), any::<u8>()).prop_map(|(place, byte)| Change::Byte(place, byte)),
        place().prop_map(Change::Cut),
        (place(), place(), 1..5000_usize)
            .prop_map(|(from, to, length)| Change::Copy(from, to, length)),
    ]
}

fn kinds() -> Vec<Fixture> {
    vec![
        Fixture::mixed(2, 9, 100),
        Fixture::mixed(3, 9, 100).zstd(),
        Fixture::mixed(2, 12, 20),
        Fixture::mixed(3, 12, 20),
        Fixture::mixed(3, 12, 20).zstd(),
        Fixture::mixed(3, 14, 9).subclusters(),
        Fixture::mixed(3, 14, 9).subclusters().zstd(),
    ]
}

fn apply(file: &mut Vec<u8>, fixture: &Fixture, change: &Change) {
    if file.is_empty() {
        return;
    }
    let mut put = |place: usize, bytes: &[u8]| {
        for (place, byte) in (place..).zip(bytes) {
            if let Some(old) = file.get_mut(place) {
                *old = *byte;
            }
        }
    };
    match change {
        Change::Header(place, byte) => put(place.index(HEADER_BYTES), &[*byte]),
        Change::HeaderWord(place, word) => {
            put(place.index(HEADER_BYTES / 4) * 4, &word.to_be_bytes());
        }
        Change::Entry(place, word) => {
            let start = usize::try_from(fixture.l1_offset()).unwrap();
            let end = usize::try_from(fixture.l2_entry_offset(0)).unwrap() + 512;
            put(
                start + place.index((end - start) / 8) * 8,
                &word.to_be_bytes(),
            );
        }
        Change::Byte(place, byte) => {
            let place = place.index(file.len());
            file[place] = *byte;
        }
        Change::Cut(place) => file.truncate(place.index(file.len())),
        Change::Copy(from, to, length) => {
            let from = from.index(file.len());
            let part = file[from..(from + length).min(file.len())].to_vec();
            let to = to.index(file.len());
            let end = (to + part.len()).min(file.len());
            file[to..end].copy_from_slice(&part[..end - to]);
        }
    }
}

/// Reads all of it, or the ends of what is large; gives how much was read and kept.
fn read(file: &[u8]) -> Result<(u64, usize), ExpandError> {
    let image = Qcow2::open(file)?;
    image.check(|| false)?;
    let size = image.virtual_size();
    let mut expansion = Expansion::new(image);
    let mut buffer = vec![0; 100_000];
    let mut offset = 0;
    while offset < size {
        let length = buffer.len().min(usize::try_from(size - offset).unwrap());
        expansion.read_exact_at(&mut buffer[..length], offset)?;
        offset += length as u64;
        if size > READ_WHOLE_BYTES && offset < size / 2 && offset >= READ_WHOLE_BYTES / 2 {
            offset = size - READ_WHOLE_BYTES / 2;
        }
    }
    assert!(expansion.read_exact_at(&mut [0], size).is_err());
    Ok((offset, expansion.kept_bytes()))
}

proptest! {
    #[test]
    fn no_change_of_an_image_does_harm(
        kind in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..6),
    ) {
        let kinds = kinds();
        let fixture = kind.get(&kinds);
        let mut file = fixture.build();
        for change in &changes {
            apply(&mut file, fixture, change);
        }
        let header = Header::parse(&file, file.len() as u64);
        if let Ok((size, kept)) = read(&file) {
            let header = header.unwrap();
            prop_assert_eq!(size, header.virtual_size());
            let clusters = usize::try_from(4 * header.cluster_bytes()).unwrap();
            prop_assert!(kept <= file.len() + clusters + (64 << 10), "{}", kept);
        }
    }

    #[test]
    fn no_bytes_at_all_do_harm(rest in proptest::collection::vec(any::<u8>(), 0..3000), version in 2..4_u8) {
        let mut file = vec![b'Q', b'F', b'I', 0xfb, 0, 0, 0, version];
        file.extend(rest);
        let _ = read(&file);
    }
}
