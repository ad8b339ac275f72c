use super::fixture::{Fixture, bytes, put, put_u32, put_u64};
use super::source::ReadAt;
use super::*;

const GIB: u64 = 1 << 30;

/// Reads all of it, by so much at a time.
pub(super) fn expand(file: impl ReadAt, at_once: usize) -> Result<Vec<u8>, ExpandError> {
    let image = Qcow2::open(file)?;
    image.check(|| false)?;
    let mut expansion = Expansion::new(image);
    let mut disk = vec![0xaa; usize::try_from(expansion.size()).unwrap()];
    let mut offset = 0;
    for part in disk.chunks_mut(at_once) {
        expansion.read_exact_at(part, offset)?;
        offset += part.len() as u64;
    }
    Ok(disk)
}

fn refusal(file: &[u8]) -> Unsupported {
    match expand(file, 1 << 20) {
        Err(ExpandError::Unsupported(what)) => what,
        other => panic!("{:?}", other.map(|disk| disk.len())),
    }
}

fn kinds() -> Vec<Fixture> {
    let mut kinds = Vec::new();
    for cluster_bits in [9, 10, 12, 14, 16, 21] {
        // More than one L2 table, where that is not too much.
        let count = if cluster_bits <= 10 { 200 } else { 8 };
        kinds.push(Fixture::mixed(2, cluster_bits, count));
        let third = Fixture::mixed(3, cluster_bits, count);
        kinds.push(third.clone());
        kinds.push(third.clone().zstd());
        if cluster_bits >= 14 {
            kinds.push(third.clone().subclusters());
            kinds.push(third.subclusters().zstd());
        }
    }
    kinds
}

#[test]
fn every_kind_of_image_is_expanded_by_parts_of_any_size() {
    for fixture in kinds() {
        let file = fixture.build();
        let wanted = fixture.expanded();
        let header = Header::parse(&file, file.len() as u64).unwrap();
        assert_eq!(header.virtual_size(), fixture.virtual_size);
        for at_once in [128 << 10, 1 << 20, 7_777, 1 << fixture.cluster_bits] {
            let disk = expand(file.as_slice(), at_once).unwrap();
            assert!(disk == wanted, "{at_once} {header:?}");
        }
    }
}

#[test]
fn any_place_can_be_read_and_nothing_beyond_the_end() {
    let fixture = Fixture::mixed(3, 12, 30);
    let (file, wanted) = (fixture.build(), fixture.expanded());
    let mut expansion = Expansion::new(Qcow2::open(file.as_slice()).unwrap());
    for start in [0, 40_000, 9_000, 9_001, 100_000, 1, 12_288, 12_287] {
        let mut part = vec![0; 5_000];
        expansion.read_exact_at(&mut part, start as u64).unwrap();
        assert!(part == wanted[start..start + 5_000], "{start}");
    }
    for start in [fixture.virtual_size - 1, fixture.virtual_size, u64::MAX] {
        let error = expansion.read_exact_at(&mut [0; 2], start).unwrap_err();
        assert!(matches!(error, ExpandError::Io(_)), "{start}: {error:?}");
    }
}

#[test]
fn an_empty_disk_and_one_of_holes_are_expanded() {
    for size in [0, 512, 3 << 20] {
        let disk = expand(Fixture::new(3, 16, size).build().as_slice(), 1 << 20).unwrap();
        assert!(disk.len() as u64 == size && disk.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn snapshots_refcounts_that_are_late_and_unknown_extensions_change_nothing() {
    let mut fixture = Fixture::mixed(3, 12, 9);
    fixture.snapshots = 3;
    let mut file = fixture.build();
    put_u64(&mut file, 72, 1);
    put_u64(&mut file, 80, 1);
    put_u64(&mut file, 88, 1);
    // A table of names, and bitmaps.
    put_u32(&mut file, 112, 0x6803_f857);
    put_u32(&mut file, 116, 5);
    put_u32(&mut file, 128, 0x2385_2875);
    put_u32(&mut file, 132, 24);
    assert!(expand(file.as_slice(), 1 << 20).unwrap() == fixture.expanded());
}

/// A valid image with something changed.
fn changed(change: impl FnOnce(&mut Vec<u8>, &Fixture)) -> Unsupported {
    let fixture = Fixture::mixed(3, 12, 9);
    changed_of(&fixture, change)
}

fn changed_of(fixture: &Fixture, change: impl FnOnce(&mut Vec<u8>, &Fixture)) -> Unsupported {
    let mut file = fixture.build();
    change(&mut file, fixture);
    refusal(&file)
}

#[test]
fn what_is_no_qcow2_is_refused() {
    for file in [&b""[..], b"QFI", b"QFI\xfb", &[0; 4096]] {
        assert_eq!(refusal(file), Unsupported::NotQcow2);
    }
    for length in [71, 103] {
        let refused = changed(|file, _| file.truncate(length));
        assert_eq!(refused, Unsupported::NotQcow2);
    }
    for version in [0, 1, 4] {
        let refused = changed(|file, _| put_u32(file, 4, version));
        assert_eq!(refused, Unsupported::Version(version));
    }
}

#[test]
fn what_names_other_files_is_refused_whatever_it_names() {
    let backing = changed(|file, _| put_u64(file, 8, 0x200));
    assert_eq!(backing, Unsupported::BackingFile);
    let backing = changed_of(&Fixture::mixed(2, 9, 3), |file, _| put_u64(file, 8, 1));
    assert_eq!(backing, Unsupported::BackingFile);
    for (place, bit) in [(72, 4), (88, 2)] {
        let data = changed(|file, _| put_u64(file, place, bit));
        assert_eq!(data, Unsupported::DataFile);
    }
    let data = changed(|file, _| {
        put_u32(file, 112, 0x4441_5441);
        put_u32(file, 116, 11);
        put(file, 120, b"/etc/passwd");
    });
    assert_eq!(data, Unsupported::DataFile);
}

#[test]
fn what_is_encrypted_corrupt_or_unknown_is_refused() {
    for method in [1, 2, 3] {
        let refused = changed(|file, _| put_u32(file, 32, method));
        assert_eq!(refused, Unsupported::Encrypted);
    }
    let header = changed(|file, _| put_u32(file, 112, 0x0537_be77));
    assert_eq!(header, Unsupported::Encrypted);
    let corrupt = changed(|file, _| put_u64(file, 72, 2));
    assert_eq!(corrupt, Unsupported::MarkedCorrupt);
    let unknown = changed(|file, _| put_u64(file, 72, 1 << 5 | 1 << 63));
    assert_eq!(unknown, Unsupported::Features(1 << 5 | 1 << 63));
    let compression = changed(|file, _| {
        put_u64(file, 72, 8);
        file[104] = 2;
    });
    assert_eq!(compression, Unsupported::Compression(2));
    for (bit, kind) in [(8, 0), (0, 1)] {
        let refused = changed(|file, _| {
            put_u64(file, 72, bit);
            file[104] = kind;
        });
        assert_eq!(refused, Unsupported::Header("type of compression"));
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for bits in [0, 8, 22, 63, u32::MAX] {
        let refused = changed(|file, _| put_u32(file, 20, bits));
        assert_eq!(refused, Unsupported::Header("size of clusters"));
    }
    let small = changed(|file, _| put_u64(file, 72, 16));
    assert_eq!(small, Unsupported::Header("size of clusters"));
    for length in [0, 72, 103, 105, 4104, u32::MAX] {
        let refused = changed(|file, _| put_u32(file, 100, length));
        assert_eq!(refused, Unsupported::Header("length"), "{length}");
    }
    let width = changed(|file, _| put_u32(file, 96, 7));
    assert_eq!(width, Unsupported::Header("width of refcounts"));
    let extension = changed(|file, _| {
        put_u32(file, 112, 77);
        put_u32(file, 116, 4096 - 119);
    });
    assert_eq!(extension, Unsupported::Header("length of an extension"));
    let odd = changed(|file, _| put_u64(file, 24, 1000));
    assert_eq!(odd, Unsupported::Header("virtual size"));
}

#[test]
fn the_size_of_the_disk_is_bounded_by_that_of_the_file() {
    let parse = |virtual_size, size| {
        let mut file = Fixture::new(3, 16, 0).build();
        put_u64(&mut file, 24, virtual_size);
        Header::parse(&file[..HEADER_BYTES], size)
    };
    for (virtual_size, size) in [
        (64 * GIB, 1),
        (1000 * GIB, GIB),
        (16 << 40, 17 * GIB),
        (16 << 40, 1 << 60),
    ] {
        assert!(parse(virtual_size, size).is_ok(), "{virtual_size} {size}");
    }
    for (virtual_size, size) in [
        (64 * GIB + 512, 1),
        (1000 * GIB + 512, GIB),
        ((16 << 40) + 512, u64::MAX),
        (u64::MAX, u64::MAX),
    ] {
        let refused = Unsupported::TooLarge { virtual_size, size };
        assert_eq!(parse(virtual_size, size), Err(refused));
    }
}

#[test]
fn tables_that_cannot_be_are_refused() {
    use Flaw::{BeyondEnd, Missing, TooLarge, TooSmall, Unaligned};
    for (table, flaw, offset, value) in [
        (Table::L1, Unaligned, 44, 0x3200),
        (Table::L1, BeyondEnd, 40, 1),
        (Table::L1, BeyondEnd, 40, u32::MAX),
        (Table::L1, TooLarge, 36, (4 << 20) + 1),
        (Table::L1, BeyondEnd, 36, 4 << 20),
        (Table::L1, TooSmall, 36, 0),
        (Table::L1, Missing, 44, 0),
        (Table::Refcount, Unaligned, 52, 0x1001),
        (Table::Refcount, BeyondEnd, 48, 1),
        (Table::Refcount, Missing, 56, 0),
        (Table::Refcount, TooLarge, 56, (8 << 8) + 1),
        (Table::Refcount, BeyondEnd, 56, 8 << 8),
        (Table::Snapshot, Unaligned, 68, 0x1001),
        (Table::Snapshot, BeyondEnd, 64, 1 << 31),
        (Table::Snapshot, TooLarge, 60, (1 << 16) + 1),
        (Table::Snapshot, BeyondEnd, 60, 1 << 16),
    ] {
        let refused = changed(|file, _| put_u32(file, offset, value));
        assert_eq!(
            refused,
            Unsupported::Table { table, flaw },
            "{offset} {value}"
        );
    }
}

#[test]
fn a_list_of_snapshots_that_is_too_long_is_refused() {
    let mut fixture = Fixture::mixed(3, 12, 9);
    fixture.snapshots = 2;
    let table = Table::Snapshot;
    for (extra, flaw) in [(1025, Flaw::TooLarge), (u32::MAX, Flaw::TooLarge)] {
        let refused = changed_of(&fixture, |file, fixture| {
            put_u32(file, fixture.snapshots_offset() + 36, extra);
        });
        assert_eq!(refused, Unsupported::Table { table, flaw });
    }
    // The second begins behind the end.
    let refused = changed_of(&fixture, |file, fixture| {
        put_u32(file, fixture.snapshots_offset() + 12, u32::MAX);
        file.truncate(100_000);
    });
    let flaw = Flaw::BeyondEnd;
    assert_eq!(refused, Unsupported::Table { table, flaw });
}

#[test]
fn entries_that_cannot_be_are_refused() {
    use Flaw::{BeyondEnd, Contradiction, ReservedBits, Unaligned, UsedTwice};
    let fixture = Fixture::mixed(3, 9, 200);
    for (entry, flaw) in [
        (1, ReservedBits),
        (1 << 56, ReservedBits),
        (1 << 62, ReservedBits),
        (1 << 40, BeyondEnd),
        (0x800, UsedTwice),
    ] {
        let refused = changed_of(&fixture, |file, fixture| {
            put_u64(file, fixture.l1_offset() + 8, entry);
            put_u64(file, fixture.l1_offset() + 16, 0x800);
        });
        let offset = if flaw == UsedTwice { 2 << 15 } else { 1 << 15 };
        let table = Table::L1;
        let wanted = Unsupported::Entry {
            table,
            offset,
            flaw,
        };
        assert_eq!(refused, wanted, "{entry:x}");
    }
    let fixture = Fixture::mixed(3, 14, 9);
    let extended = fixture.clone().subclusters();
    let second = Fixture::mixed(2, 14, 9);
    for (fixture, entry, bitmap, flaw) in [
        (&fixture, 2, 0, ReservedBits),
        (&fixture, 1 << 56, 0, ReservedBits),
        (&fixture, 1 << 61, 0, ReservedBits),
        (&fixture, 0x10200, 0, Unaligned),
        (&fixture, 0x10200 | 1, 0, Unaligned),
        (&fixture, 1 << 50, 0, BeyondEnd),
        (&fixture, 1 << 62 | 1 << 50, 0, BeyondEnd),
        (&second, 1, 0, ReservedBits),
        (&extended, 1, 0, ReservedBits),
        (&extended, 0, 1, Contradiction),
        (&extended, 0x8000, 1 << 35 | 1 << 3, Contradiction),
        (&extended, 1 << 62 | 0x8000, 1, ReservedBits),
        (&extended, 1 << 50, 1, BeyondEnd),
    ] {
        let refused = changed_of(fixture, |file, fixture| {
            let place = fixture.l2_entry_offset(1);
            put_u64(file, place, entry);
            if fixture.has_subclusters {
                put_u64(file, place + 8, bitmap);
            }
        });
        let table = Table::L2;
        let offset = 1 << 14;
        assert_eq!(
            refused,
            Unsupported::Entry {
                table,
                offset,
                flaw
            },
            "{entry:x}"
        );
    }
}

#[test]
fn an_l1_table_that_leads_into_a_cluster_is_refused() {
    let refused = changed(|file, fixture| put_u64(file, fixture.l1_offset(), 0x1200));
    let (table, flaw) = (Table::L1, Flaw::Unaligned);
    let offset = 0;
    assert_eq!(
        refused,
        Unsupported::Entry {
            table,
            offset,
            flaw
        }
    );
}

#[test]
fn compressed_data_that_is_short_garbled_or_too_long_is_refused() {
    for is_zstd in [false, true] {
        let mut fixture = Fixture::mixed(3, 12, 9);
        fixture.is_zstd = is_zstd;
        for length in [100, 4095, 4097, 9000] {
            let long = bytes(1, 14);
            fixture
                .clusters
                .insert(2, fixture::Piece::Compressed(long[..length].to_vec()));
            let refused = refusal(&fixture.build());
            let offset = 2 << 12;
            assert_eq!(refused, Unsupported::Compressed { offset }, "{length}");
        }
    }
    for garbage in [0x00, 0xff, 0x5a] {
        for is_zstd in [false, true] {
            let mut fixture = Fixture::mixed(3, 12, 9);
            fixture.is_zstd = is_zstd;
            let refused = changed_of(&fixture, |file, fixture| {
                let entry =
                    header::u64_at(file, usize::try_from(fixture.l2_entry_offset(2)).unwrap());
                put(file, entry & 0xff_ffff, &[garbage; 600]);
            });
            let offset = 2 << 12;
            assert_eq!(refused, Unsupported::Compressed { offset }, "{garbage}");
        }
    }
}

#[test]
fn a_file_that_was_cut_anywhere_is_never_expanded() {
    for fixture in kinds().iter().filter(|kind| kind.cluster_bits <= 14) {
        let file = fixture.build();
        let needed = needed(fixture, &file);
        let step = (file.len() / 60).max(1);
        for length in (0..needed).step_by(step).chain([needed - 1]) {
            let result = expand(&file[..length], 1 << 20);
            assert!(
                matches!(result, Err(ExpandError::Unsupported(_))),
                "{length} of {}",
                file.len()
            );
        }
        assert!(expand(&file[..needed], 1 << 20).unwrap() == fixture.expanded());
    }
}

/// How much of the file the expansion needs: of the last cluster only what the disk has.
fn needed(fixture: &Fixture, file: &[u8]) -> usize {
    let (last, piece) = fixture.clusters.last_key_value().unwrap();
    let is_last = (last + 1) * fixture.cluster_bytes() > fixture.virtual_size;
    match piece {
        fixture::Piece::Data(bytes) if is_last => {
            file.len() - (bytes.len() / 2).min(bytes.len() - 512)
        }
        fixture::Piece::Zeros { kept: true } => file.len() - (1 << fixture.cluster_bits),
        fixture::Piece::Parts { bytes, there, .. } => {
            let parts = 32 - there.leading_zeros() as usize;
            file.len() - bytes.len() / 32 * (32 - parts)
        }
        _ => file.len(),
    }
}
