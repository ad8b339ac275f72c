//! How long a fleet's plans take. Only a measurement of an optimised build tells anything, so it is
//! not among the usual tests.

use std::time::{Duration, Instant};

use crate::model::{Image, KERNEL_ID, SyncRules};
use crate::plan::fixture::{PROJECT, image, region_name, selection};
use crate::plan::{RegionImages, build};

#[test]
#[ignore = "a measurement: run it with --release"]
fn a_thousand_regions_with_a_thousand_images_in_step_take_two_seconds_at_most() {
    let kernel = image("kernel").build();
    let mut master: Vec<Image> = (0..999)
        .map(|number| {
            image(&format!("debian-{number:04}-generic-amd64"))
                .size(number)
                .property("nid", "4711")
                .property("type", "baseimages")
                .property("os_distro", "debian")
                .property("hw_disk_bus", "virtio")
                .property(KERNEL_ID, kernel.id.as_str())
                .build()
        })
        .collect();
    master.push(kernel);
    let rules = SyncRules::default();
    let selection = selection(&master, &rules);
    let images = RegionImages {
        region: &region_name(),
        project_id: PROJECT,
        master: &crate::plan::fixture::MASTER,
        listed: &master,
        hidden: &[],
        installation: "",
        own_incomplete: crate::plan::OwnIncomplete::Leftovers,
        now: None,
    };
    let started = Instant::now();
    for _ in 0..1000 {
        assert!(build(&selection, &rules, &images).actions.is_empty());
    }
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    // Whoever runs it wants to see the figure.
    std::io::Write::write_all(&mut std::io::stderr(), format!("{elapsed:?}\n").as_bytes()).unwrap();
}
