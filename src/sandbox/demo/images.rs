//! The images of the demo: what the master has, and what a region has of it.

use std::collections::BTreeMap;

use super::super::{Content, ImageSeed};

/// Name and size (KiB) of the first images, the one that was published last before all others.
const IMAGES: [(&str, u64); 12] = [
    (NEWEST, 4096),
    ("base_ubuntu_24.04", 4096),
    ("base_debian_13", 3072),
    ("base_debian_12", 3072),
    ("base_rocky_10", 3072),
    ("base_alpine_3.23", 1024),
    ("base_centos_10", 3072),
    ("base_fedora_44", 4096),
    ("orchestrator_7", 2048),
    (KERNEL, 1024),
    (RAMDISK, 1024),
    (MACHINE, 2048),
];
/// Size (KiB) of all further ones.
const FURTHER: u64 = 16;

/// The image that most regions lack.
pub(super) const NEWEST: &str = "base_ubuntu_26.04";
/// The kernel of [`MACHINE`].
pub(super) const KERNEL: &str = "aki_web";
/// The ramdisk of [`MACHINE`].
pub(super) const RAMDISK: &str = "ari_web";
/// The image that refers to a kernel and a ramdisk.
pub(super) const MACHINE: &str = "ami_web";
/// An image that regions may have and the master has no more.
pub(super) const OBSOLETE: &str = "legacy_app";

/// So many images are there where nobody says how many.
pub(super) const USUAL: u16 = 12;

/// The master's images, so many, and beside them the mark of an obsolete one where all kinds are
/// there.
pub(super) fn of_master(count: u16) -> Vec<ImageSeed> {
    let further = (USUAL + 1..=count).map(|number| (format!("base_image_{number:03}"), FURTHER));
    let first = IMAGES.iter().map(|(name, kib)| ((*name).to_owned(), *kib));
    let all = first.chain(further).take(count.into());
    let mut images: Vec<ImageSeed> = (0..)
        .zip(all)
        .map(|(seed, (name, kib))| {
            let size = kib << 10;
            let image = ImageSeed::new(name.as_str(), Content::Generated { size, seed });
            with_parts(image.property("nid", &seed.to_string()), 0)
        })
        .collect();
    if count >= USUAL {
        let mark = ImageSeed::new(format!("{OBSOLETE}_obsolete"), "obsolete");
        images.push(mark.property("nid", "0").visibility("private"));
    }
    images
}

/// Ids and formats of what a machine image consists of, which differ from region to region.
fn with_parts(image: ImageSeed, region: usize) -> ImageSeed {
    let id = |part: usize| format!("b5e1f6a0-6d0c-4f5e-9d1b-{region:08x}{part:04x}");
    match image.name.as_deref() {
        Some(KERNEL) => image.id(id(1)).formats("aki", "aki"),
        Some(RAMDISK) => image.id(id(2)).formats("ari", "ari"),
        Some(MACHINE) => image
            .formats("ami", "ami")
            .property("kernel_id", &id(1))
            .property("ramdisk_id", &id(2)),
        _ => image,
    }
}

/// The master's image as the region of that number, from 1, has it: `view` is what Glance says of
/// the master's. Nobody reads content of a region, so none is kept there.
pub(super) fn copy(master: &ImageSeed, view: &serde_json::Value, region: usize) -> ImageSeed {
    let text = |name: &str| view[name].as_str().map(str::to_owned);
    let copy = ImageSeed {
        id: None,
        content: Content::Claimed {
            size: view["size"].as_u64().unwrap_or_default(),
        },
        checksum: text("checksum"),
        os_hash_algo: text("os_hash_algo"),
        os_hash_value: text("os_hash_value"),
        ..master.clone()
    };
    with_parts(copy, region)
}

/// The same with the content of an earlier version.
pub(super) fn outdated(copy: ImageSeed, content: &str) -> ImageSeed {
    ImageSeed {
        content: content.into(),
        checksum: None,
        os_hash_algo: None,
        os_hash_value: None,
        ..copy
    }
}

/// What Glance says of each image, by its name.
pub(super) fn by_name(views: Vec<serde_json::Value>) -> BTreeMap<String, serde_json::Value> {
    let named = |view: serde_json::Value| Some((view["name"].as_str()?.to_owned(), view));
    views.into_iter().filter_map(named).collect()
}
