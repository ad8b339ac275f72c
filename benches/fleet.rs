//! The status of a whole fleet, by the program itself, against the embedded servers.
//!
//! `cargo bench --bench fleet -- serve REGIONS IMAGES` starts such a fleet, prints the path of its
//! configuration file and the URLs of its lists, and serves until its standard input ends.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to go on with; a server says where it is"
)]

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use glancesync::sandbox::{Content, ImageSeed, KeystoneSpec, RegionSpec, Sandbox, SandboxSpec};

/// The embedded fleet, and a configuration for it.
struct Fleet {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Fleet {
    /// So many regions besides the master, all in step.
    fn start(regions: usize, images: usize) -> Self {
        let seeds: Vec<ImageSeed> = (0..images).map(seed).collect();
        let mut keystone = KeystoneSpec::new("main").user("sync", "secret", "images", ["admin"]);
        let names = (0..regions).map(|number| format!("Region{number:04}"));
        for name in std::iter::once("Master".to_owned()).chain(names) {
            let mut region = RegionSpec::new(name);
            region.images.clone_from(&seeds);
            keystone = keystone.region(region);
        }
        let fleet = Self {
            sandbox: Sandbox::start(&SandboxSpec::new().keystone(keystone)).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        fleet.write_config();
        fleet
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("glancesync.conf")
    }

    fn write_config(&self) {
        let keystone = self.sandbox.keystone_url("main").unwrap();
        let text = format!(
            "[main]\nmaster_region = Master\nmax_children = 16\n[master]\nuser = sync\n\
             password = secret\nkeystone_url = {keystone}\ntenant = images\n"
        );
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).mode(0o600);
        let mut file = file.open(self.config()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// An image of which a list tells everything, and which has no content.
fn seed(number: usize) -> ImageSeed {
    let mut seed = ImageSeed::new(format!("base_image_of_the_fleet_{number}"), Content::None)
        .property("nid", &number.to_string())
        .property("type", "baseimage")
        .property("os_version", "22.04")
        .property("hw_disk_bus", "virtio");
    seed.checksum = Some(format!("{number:032x}"));
    seed.os_hash_value = Some(format!("{number:0128x}"));
    seed
}

fn status(config: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_glancesync"))
        .args(["--config-file".as_ref(), config.as_os_str()])
        .args(["--show-status", "--parallel"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

fn fleets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("status against embedded servers, regions × images");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    for (regions, images) in [(20, 100), (20, 500), (200, 500)] {
        let fleet = Fleet::start(regions, images);
        let config = fleet.config();
        group.throughput(Throughput::Elements((regions * images) as u64));
        let name = format!("{regions} × {images}");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| status(&config));
        });
    }
    group.finish();
}

fn serve(regions: usize, images: usize) {
    let fleet = Fleet::start(regions, images);
    println!("{}", fleet.config().display());
    for number in 0..regions {
        let url = fleet.sandbox.glance_url(&format!("Region{number:04}"));
        println!("{}/v2/images?limit=1000", url.unwrap());
    }
    println!();
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [word, regions, images, ..] if word == "serve" => {
            serve(regions.parse().unwrap(), images.parse().unwrap());
        }
        _ => {
            let mut criterion = Criterion::default().configure_from_args();
            fleets(&mut criterion);
            criterion.final_summary();
        }
    }
}
