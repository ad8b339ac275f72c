//! How long it takes to list a region's images, from the request to what the rules look at. The
//! server's answer is ready before, so this is the transport on loopback and the reading of JSON.

#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to go on with"
)]

mod common;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glancesync::openstack::Listing;

fn lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("list of images");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    for images in [100, 1000, 10_000] {
        let list: Vec<_> = (0..images).map(common::listed).collect();
        let address = common::start(&list);
        let runtime = common::runtime();
        let reader = runtime.block_on(common::log_in(&address));
        group.throughput(Throughput::Elements(images as u64));
        group.bench_function(BenchmarkId::from_parameter(images), |bencher| {
            bencher.iter(|| {
                let listed = runtime.block_on(reader.list(&Listing::Visible)).unwrap();
                assert_eq!(listed.len(), images);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lists);
criterion_main!(benches);
