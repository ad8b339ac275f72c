//! How long decisions take: conditions, the selection of a target, and the plans of a fleet whose
//! images are in step, out of step, or absent. One core, no server.

#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to go on with"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use glancesync::condition::Condition;
use glancesync::model::{
    ContentHash, Image, ImageId, ImageStatus, MasterFingerprint, Properties, RegionName, SyncRules,
    Visibility,
};
use glancesync::plan::{MasterInventory, RegionImages, Selection, build};

const PROJECT: &str = "project";

const CONDITION: &str = "image.is_public and image.user_properties.has_key('nid') \
     and image.user_properties['type'] in ('baseimage', 'service') and image.size > 0";

/// An image of a list.
fn image(number: usize, md5_of: usize) -> Image {
    Image {
        id: ImageId::new(&format!("00000000-0000-4000-8000-{number:012}")),
        name: format!("base_image_of_the_fleet_{number}"),
        status: ImageStatus::Active,
        visibility: Visibility::Public,
        owner: Some(PROJECT.to_owned()),
        content: ContentHash {
            md5: Some(format!("{md5_of:032x}").parse().unwrap()),
            ..ContentHash::default()
        },
        size: Some(number as u64 + 1),
        disk_format: Some("qcow2".to_owned()),
        container_format: Some("bare".to_owned()),
        min_disk: 10,
        min_ram: 512,
        protected: false,
        os_hidden: false,
        tags: BTreeSet::new(),
        created_at: None,
        updated_at: None,
        provenance: None,
        properties: Properties::from(
            [("nid", "7"), ("type", "baseimage"), ("os_version", "22.04")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
    }
}

fn inventory(images: usize) -> MasterInventory {
    let listed = (0..images).map(|number| image(number, number)).collect();
    MasterInventory::build("Master", listed, PROJECT)
}

/// Plans the regions, each from its own list.
fn plans(selection: &Selection, rules: &SyncRules, lists: &[Vec<Image>], regions: usize) -> usize {
    let region: RegionName = "Region".parse().unwrap();
    let master = MasterFingerprint::new(PROJECT, "Master");
    let plan = |listed: &Vec<Image>| {
        let images = RegionImages {
            region: &region,
            project_id: PROJECT,
            master: &master,
            listed,
            hidden: &[],
            installation: "",
            own_incomplete: glancesync::plan::OwnIncomplete::Leftovers,
            now: None,
        };
        build(selection, rules, &images).actions.len()
    };
    lists.iter().cycle().take(regions).map(plan).sum()
}

fn conditions(criterion: &mut Criterion) {
    let condition = Condition::parse(CONDITION).unwrap();
    let rules = SyncRules::default();
    let mut group = criterion.benchmark_group("selection by a metadata_condition");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    for images in [100, 1000, 10_000] {
        let inventory = inventory(images);
        group.throughput(Throughput::Elements(images as u64));
        group.bench_function(BenchmarkId::from_parameter(images), |bencher| {
            bencher.iter(|| {
                let selection = Selection::choose(&inventory, &rules, Some(&condition));
                assert_eq!(selection.images.len(), images);
            });
        });
    }
    group.finish();
}

fn fleets(criterion: &mut Criterion) {
    let condition = Condition::parse(CONDITION).unwrap();
    let rules = SyncRules::default();
    let mut group = criterion.benchmark_group("selection and plans, regions × images");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(3));
    for (regions, images) in [
        (10, 1000),
        (100, 1000),
        (1000, 1000),
        (1000, 100),
        (100, 10_000),
    ] {
        let inventory = inventory(images);
        // A third of the regions each: all in step, one image in a hundred other, one in ten absent.
        let lists = [(1, 1), (100, 1), (1, 10)].map(|(other, absent)| {
            (0..images)
                .filter(|number| absent == 1 || number % absent > 0)
                .map(|number| {
                    image(
                        number,
                        number + usize::from(other > 1 && number % other == 0),
                    )
                })
                .collect::<Vec<_>>()
        });
        group.throughput(Throughput::Elements((regions * images) as u64));
        group.bench_function(
            BenchmarkId::from_parameter(format!("{regions} × {images}")),
            |bencher| {
                bencher.iter(|| {
                    let selection = Selection::choose(&inventory, &rules, Some(&condition));
                    plans(&selection, &rules, &lists, regions)
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, conditions, fleets);
criterion_main!(benches);
