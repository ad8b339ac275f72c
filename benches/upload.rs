//! How fast content goes from a folder of images to servers on loopback that throw it away, beside
//! the same file sent by `curl -T` and by a bare `sendfile`.
//!
//! `GLANCESYNC_BENCH_IMAGES` names a folder whose files, named by UUIDs, are sent instead of
//! generated ones.

#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to go on with"
)]

mod common;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use futures_util::future::join_all;
use glancesync::content::{Content, ImagesDir};
use glancesync::delivery::{UploadLimits, upload};
use glancesync::model::{ByteSize, ImageId};
use glancesync::openstack::ContentTarget;

const LIMITS: UploadLimits = UploadLimits {
    stall_timeout: Duration::from_mins(1),
    save_timeout: Duration::from_mins(15),
    bandwidth: Vec::new(),
};

/// One size after another, to one server.
fn sizes(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let address = common::start(&[]);
    let runtime = common::runtime();
    let writer = runtime.block_on(common::log_in(&address));
    for (id, content) in &images(folder.path()) {
        let size = ByteSize(content.size());
        let mut group = criterion.benchmark_group(format!("upload of {size}"));
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(4))
            .throughput(Throughput::Bytes(size.0));
        group.bench_function("glancesync", |bencher| {
            bencher.iter(|| {
                let sent = Arc::default();
                let limits = LIMITS;
                let upload = upload(
                    &writer,
                    id,
                    &ContentTarget::DefaultStore,
                    content,
                    &sent,
                    &limits,
                );
                runtime.block_on(upload).unwrap();
            });
        });
        group.bench_function("sendfile", |bencher| {
            bencher.iter(|| send_bare(&address, content).unwrap());
        });
        group.bench_function("curl -T", |bencher| {
            bencher.iter(|| send_by_curl(&address, content));
        });
        group.finish();
    }
}

/// The same file to so many servers at once.
fn regions(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let images = images(folder.path());
    let middle = &images[images.len() / 2];
    let runtime = common::runtime();
    let size = ByteSize(middle.1.size());
    let mut group = criterion.benchmark_group(format!("upload of {size} to regions at once"));
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4));
    for regions in [1_u64, 2, 4, 8] {
        let writers = (0..regions).map(|_| common::log_in_to_new());
        let writers = runtime.block_on(join_all(writers));
        group.throughput(Throughput::Bytes(regions * size.0));
        group.bench_function(BenchmarkId::from_parameter(regions), |bencher| {
            bencher.iter(|| {
                runtime.block_on(join_all(writers.iter().map(async |writer| {
                    let sent = Arc::default();
                    let (id, content) = middle;
                    upload(
                        writer,
                        id,
                        &ContentTarget::DefaultStore,
                        content,
                        &sent,
                        &LIMITS,
                    )
                    .await
                    .unwrap();
                })));
            });
        });
    }
    group.finish();
}

/// The real images, or made ones of 1 MiB, 64 MiB and 1 GiB; ascending by size.
fn images(folder: &Path) -> Vec<(ImageId, Content)> {
    if let Some(real) = std::env::var_os("GLANCESYNC_BENCH_IMAGES") {
        return find(Path::new(&real));
    }
    let block: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    for mebibytes in [1, 64, 1024] {
        let path = folder.join(format!("00000000-0000-4000-8000-{mebibytes:012}"));
        let mut file = File::create(path).unwrap();
        for _ in 0..mebibytes {
            file.write_all(&block).unwrap();
        }
    }
    find(folder)
}

fn find(folder: &Path) -> Vec<(ImageId, Content)> {
    let images = ImagesDir::new(folder);
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = ImageId::new(entry.file_name().to_str()?);
            let content = Content::from(images.find(&id, entry.metadata().ok()?.len()).ok()?);
            Some((id, content))
        })
        .collect();
    found.sort_by_key(|(_, content)| content.size());
    found
}

/// What the program is measured against: a file and a socket, and nothing between them.
fn send_bare(address: &str, content: &Content) -> io::Result<()> {
    let file = File::open(content.path().unwrap())?;
    let mut stream = TcpStream::connect(address)?;
    let size = content.size();
    write!(
        stream,
        "PUT /bare HTTP/1.1\r\ncontent-length: {size}\r\n\r\n"
    )?;
    let mut sent = 0;
    while sent < size {
        let left = usize::try_from(size - sent).unwrap();
        rustix::fs::sendfile(&stream, &file, Some(&mut sent), left)?;
    }
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    assert!(answer.contains("204"), "{answer}");
    Ok(())
}

fn send_by_curl(address: &str, content: &Content) {
    let path = content.path().unwrap();
    let status = Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-T"])
        .arg(path)
        .arg(format!("http://{address}/v2/images/x/file"))
        .status()
        .unwrap();
    assert!(status.success());
}

criterion_group!(benches, sizes, regions);
criterion_main!(benches);
