//! Images that qemu makes are expanded to what qemu expands them to, byte by byte, and images that were
//! tampered with never to something else.
//!
//! Needs `qemu-img` and `qemu-io` (on Debian: `apt install qemu-utils`). Without them it says what it leaves out, and
//! fails where `CI` is `true`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use super::fixture::{Fixture, put, put_u32, put_u64};
use super::tests::expand;
use super::*;

/// Two L2 tables of the smallest clusters, and a part of one of the largest; not a whole number of either.
const DISK_BYTES: u64 = (5 << 20) + 3 * 512;

/// Images that are tampered with: so many that it takes two seconds.
const ROUNDS: usize = 150;

/// A folder for images, where qemu is there.
struct Qemu(tempfile::TempDir);

impl Qemu {
    fn find() -> Option<Self> {
        let is_there = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
        if is_there("qemu-img") && is_there("qemu-io") {
            return Some(Self(tempfile::tempdir().unwrap()));
        }
        let line =
            "SKIPPED: expansions were not compared with qemu's: there is no qemu-img or qemu-io";
        assert!(
            std::env::var_os("CI").is_none_or(|it| it != "true"),
            "{line}"
        );
        // What a test prints is not shown where it succeeds.
        writeln!(std::io::stderr(), "{line}").unwrap();
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn try_run(&self, command: &str) -> Output {
        let mut words = command.split(' ');
        let mut call = Command::new(words.next().unwrap());
        call.args(words).current_dir(&self.0).output().unwrap()
    }

    #[track_caller]
    fn run(&self, command: &str) {
        let output = self.try_run(command);
        assert!(output.status.success(), "{command}: {output:?}");
    }

    /// Runs commands of `qemu-io` on an image.
    #[track_caller]
    fn write(&self, name: &str, commands: &[&str]) {
        let mut call = Command::new("qemu-io");
        call.args(["-f", "qcow2"]);
        for command in commands {
            call.args(["-c", command]);
        }
        let output = call.arg(self.path(name)).output().unwrap();
        assert!(output.status.success(), "{commands:?}: {output:?}");
    }

    /// A disk with noise, text and holes.
    fn disk(&self) {
        let text = b"the quick brown fox jumps over the lazy dog; ".repeat(3000);
        let noise: Vec<u8> = (0..8).flat_map(|index| fixture::bytes(index, 16)).collect();
        let mut disk = vec![0; usize::try_from(DISK_BYTES).unwrap()];
        for (start, bytes) in [
            (0, &text),
            (300_000, &noise),
            (2_000_100, &text),
            (3_145_728, &noise),
        ] {
            disk[start..start + bytes.len()].copy_from_slice(bytes);
        }
        let end = disk.len();
        disk[end - 100..].fill(0x77);
        fs::write(self.path("disk"), disk).unwrap();
    }

    #[track_caller]
    fn compare(&self, name: &str) {
        self.run(&format!("qemu-img convert -f qcow2 -O raw {name} raw"));
        let expanded = expand_file(&self.path(name));
        assert!(expanded == fs::read(self.path("raw")).unwrap(), "{name}");
    }
}

#[track_caller]
fn expand_file(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    expand(FileRange::new(Arc::new(file), 0, size), 100_000).unwrap()
}

/// The options of every version, size of clusters and kind of entries.
fn layouts() -> Vec<String> {
    let mut layouts = Vec::new();
    for size in ["512", "4k", "16k", "64k", "2M"] {
        layouts.push(format!("compat=0.10,cluster_size={size}"));
        layouts.push(format!("compat=1.1,cluster_size={size}"));
        if !["512", "4k"].contains(&size) {
            layouts.push(format!("cluster_size={size},extended_l2=on"));
        }
    }
    layouts
}

/// A flag of `qemu-img convert` and more options, for each way to write an image of a layout. Version 2 has neither
/// another compression nor another width of its refcounts.
fn ways(layout: &str) -> Vec<(&'static str, &'static str)> {
    let mut ways = vec![("", ""), ("-c", ""), ("", ",preallocation=metadata")];
    ways.extend(if layout.contains("compat=0.10") {
        &[
            ("-S 0", ",preallocation=full"),
            ("", ",preallocation=falloc"),
        ][..]
    } else {
        &[
            ("-c", ",compression_type=zstd"),
            ("-S 0", ",preallocation=full,refcount_bits=64"),
            ("", ",preallocation=falloc,refcount_bits=1"),
        ]
    });
    ways
}

#[test]
fn images_that_were_written_to_are_what_qemu_reads() {
    let Some(qemu) = Qemu::find() else { return };
    for layout in layouts() {
        let disk = format!("{DISK_BYTES}");
        qemu.run(&format!(
            "qemu-img create -q -f qcow2 -o {layout} image {disk}"
        ));
        qemu.write(
            "image",
            &[
                "write -P 1 1000 700",
                "write -P 2 65024 200000",
                "write -P 3 2097152 70000",
                "write -z 100000 40960",
                "write -z -u 2100000 8192",
                "discard 180224 16384",
                "write -P 4 5242880 1536",
            ],
        );
        qemu.compare("image");
        for name in ["first", "second"] {
            qemu.run(&format!("qemu-img snapshot -c {name} image"));
            qemu.write("image", &["write -P 5 3000 90000", "write -z 2097152 512"]);
        }
        if !layout.contains("0.10") {
            qemu.run("qemu-img resize -q image +1M");
            qemu.run("qemu-img bitmap --add image changed");
        }
        qemu.compare("image");
    }
}

#[test]
fn images_that_were_converted_are_what_they_were() {
    let Some(qemu) = Qemu::find() else { return };
    qemu.disk();
    let disk = fs::read(qemu.path("disk")).unwrap();
    for layout in layouts() {
        for (flag, more) in ways(&layout) {
            let options = format!("{layout}{more}");
            qemu.run(
                &format!("qemu-img convert -q -f raw -O qcow2 -o {options} {flag} disk image")
                    .replace("  ", " "),
            );
            assert!(expand_file(&qemu.path("image")) == disk, "{flag} {options}");
            if flag == "-c" {
                // Clusters that are compressed and others, in one table.
                qemu.write(
                    "image",
                    &["write -P 9 4000 70000", "write -z 2200000 100000"],
                );
                qemu.compare("image");
            }
        }
    }
}

#[test]
fn an_image_that_was_not_closed_is_what_qemu_reads() {
    let Some(qemu) = Qemu::find() else { return };
    qemu.run("qemu-img create -q -f qcow2 -o lazy_refcounts=on image 3M");
    let mut command = Command::new("qemu-io");
    let commands = [
        "-c",
        "write -P 7 65536 300000",
        "-c",
        "flush",
        "-c",
        "abort",
        "image",
    ];
    let killed = command
        .args(commands)
        .current_dir(&qemu.0)
        .output()
        .unwrap();
    assert!(!killed.status.success());
    let first = fs::read(qemu.path("image")).unwrap();
    assert_eq!(header::u64_at(&first, 72), 1, "it is marked as dirty");
    qemu.compare("image");
}

#[test]
fn what_names_other_files_is_refused_as_qemu_makes_it() {
    let Some(qemu) = Qemu::find() else { return };
    qemu.run("qemu-img create -q -f raw base 1M");
    for (create, wanted) in [
        ("-b base -F raw image", Unsupported::BackingFile),
        ("-o data_file=other image 1M", Unsupported::DataFile),
        (
            "-o data_file=other,data_file_raw=on image 1M",
            Unsupported::DataFile,
        ),
        (
            "--object secret,id=key,data=abcdef -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 image 1M",
            Unsupported::Encrypted,
        ),
    ] {
        qemu.run(&format!("qemu-img create -q -f qcow2 {create}"));
        let file = fs::read(qemu.path("image")).unwrap();
        match expand(file.as_slice(), 1 << 20) {
            Err(ExpandError::Unsupported(what)) => assert_eq!(what, wanted),
            other => panic!("{create}: {other:?}"),
        }
    }
}

/// What is expanded here is what qemu expands, and what qemu refuses is refused here too. Beyond the end of the file
/// qemu reads zeros, and that is refused here alone.
#[test]
fn an_image_that_was_tampered_with_is_refused_or_what_qemu_reads() {
    let Some(qemu) = Qemu::find() else { return };
    let mut state = 1_u64;
    let mut below = |limit: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let kinds = [
        Fixture::mixed(2, 12, 20),
        Fixture::mixed(3, 12, 20),
        Fixture::mixed(3, 12, 20).zstd(),
        Fixture::mixed(3, 14, 9).subclusters(),
    ];
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let fixture = &kinds[round % kinds.len()];
        let mut file = fixture.build();
        for _ in 0..=below(2) {
            match below(4) {
                0 => put(&mut file, below(112), &[u8::try_from(below(256)).unwrap()]),
                1 => put_u32(
                    &mut file,
                    4 * below(28),
                    u32::try_from(below(70_000)).unwrap(),
                ),
                2 => {
                    let host = below(file.len() as u64 / 512) * 512;
                    let entry = host | (below(3) << 62) | below(2);
                    put_u64(&mut file, fixture.l1_offset() + 8 * below(2), entry);
                }
                _ => {
                    let host = below(file.len() as u64 / 512) * 512;
                    let entry = host | (below(4) << 62) | below(2);
                    put_u64(&mut file, fixture.l2_entry_offset(0) + 8 * below(20), entry);
                }
            }
        }
        let Ok(disk) = expand_at_most(&file, 64 << 20) else {
            refused += 1;
            continue;
        };
        fs::write(qemu.path("image"), &file).unwrap();
        let converted = qemu.try_run("qemu-img convert -f qcow2 -O raw image raw");
        assert!(converted.status.success(), "{round}: {converted:?}");
        let raw = fs::read(qemu.path("raw")).unwrap();
        assert!(disk == raw, "{round}: {} and {}", disk.len(), raw.len());
        accepted += 1;
    }
    assert!(accepted > 20 && refused > 20, "{accepted} {refused}");
}

/// Expands it where it does not become larger than that.
fn expand_at_most(file: &[u8], most: u64) -> Result<Vec<u8>, ExpandError> {
    let size = Qcow2::open(file)?.virtual_size();
    if size > most {
        return Err(Unsupported::NotQcow2.into());
    }
    expand(file, 1 << 20)
}
