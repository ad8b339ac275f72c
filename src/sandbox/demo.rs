//! The fleet of the demo: two Keystones, a master and six regions, in which every status occurs.

use std::fmt::Write as _;
use std::path::Path;

use super::{Content, ImageSeed, KeystoneSpec, RegionSpec, Sandbox, SandboxError, SandboxSpec};

const MIB: u64 = 1 << 20;
const KERNEL: &str = "b5e1f6a0-6d0c-4f5e-9d1b-3f6d1a2c0001";
const RAMDISK: &str = "b5e1f6a0-6d0c-4f5e-9d1b-3f6d1a2c0002";
const PRIVATE_KERNEL: &str = "b5e1f6a0-6d0c-4f5e-9d1b-3f6d1a2c0003";

/// The user of both Keystones, with a password for each.
pub const USER: &str = "image-admin";
/// The user's project.
pub const PROJECT: &str = "images";
/// Password at the Keystone of the target `master`.
pub const MASTER_PASSWORD: &str = "demo-master";
/// Password at the Keystone of the target `partner`.
pub const PARTNER_PASSWORD: &str = "demo-partner";
/// The master region.
pub const MASTER_REGION: &str = "Central";

/// Name and size in MiB of the plain images; each has the property `nid`.
const IMAGES: [(&str, u64); 14] = [
    ("base_alpine_3.22", 2),
    ("base_alpine_3.23", 3),
    ("base_centos_10", 14),
    ("base_debian_12", 9),
    ("base_debian_13", 10),
    ("base_fedora_44", 16),
    ("base_rocky_10", 12),
    ("base_ubuntu_22.04", 11),
    ("base_ubuntu_24.04", 13),
    ("base_ubuntu_26.04", 15),
    ("orchestrator_7", 20),
    ("context_broker_4", 8),
    ("registry_mirror", 6),
    ("tiny_tools", 1),
];

/// A running demo fleet.
#[derive(Debug)]
pub struct DemoFleet {
    sandbox: Sandbox,
}

impl DemoFleet {
    /// Brings it up.
    pub fn start() -> Result<Self, SandboxError> {
        let regions = ["North", "South", "East", "West"];
        let mut master = KeystoneSpec::new("master")
            .user(USER, MASTER_PASSWORD, PROJECT, ["admin"])
            .user("tenant", "demo-tenant", "tenant", ["member"])
            .region(RegionSpec::new(MASTER_REGION));
        for region in regions {
            master = master.region(RegionSpec::new(region));
        }
        let partner = KeystoneSpec::new("partner")
            .user(USER, PARTNER_PASSWORD, PROJECT, ["admin"])
            .region(RegionSpec::new("Harbour"))
            .region(RegionSpec::new("Summit"));
        let sandbox = Sandbox::start(&SandboxSpec::new().keystone(master).keystone(partner))?;
        let fleet = Self { sandbox };
        fleet.fill()?;
        Ok(fleet)
    }

    /// The servers themselves.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn fill(&self) -> Result<(), SandboxError> {
        for image in master_images() {
            self.add("master:Central", &image)?;
        }
        for region in ["master:North", "master:South", "master:East", "master:West"] {
            self.fill_region(region)?;
        }
        for (place, (name, mib)) in IMAGES.iter().enumerate().skip(4) {
            self.add("partner:Harbour", &plain(place, name, *mib))?;
        }
        Ok(())
    }

    /// What the regions of `master` have in common, and then what is wrong with each.
    fn fill_region(&self, region: &str) -> Result<(), SandboxError> {
        for (place, (name, mib)) in IMAGES.iter().enumerate() {
            let image = plain(place, name, *mib);
            match (region, *name) {
                // Missing.
                ("master:North", "base_ubuntu_26.04" | "base_debian_13")
                | ("master:East", "base_fedora_44" | "orchestrator_7" | "registry_mirror") => {}
                // Other metadata.
                ("master:North", "base_centos_10") => {
                    self.add(
                        region,
                        &image.property("nid", "outdated").visibility("private"),
                    )?;
                }
                ("master:West", "context_broker_4") => {
                    self.add(region, &image.property("type", "old").property("rack", "7"))?;
                }
                // Other content; the configuration says what is done about each.
                ("master:South", "base_debian_12") => self.add(region, &outdated(name, 1))?,
                ("master:South", "base_ubuntu_22.04") => self.add(region, &outdated(name, 2))?,
                ("master:South", "base_alpine_3.22") => self.add(region, &outdated(name, 3))?,
                ("master:South", "tiny_tools") => self.add(region, &outdated(name, 4))?,
                _ => self.add(region, &image)?,
            }
        }
        if region == "master:West" {
            // The machine image is there, its kernel is not.
            self.add(region, &machine("ami_web"))?;
            self.add(region, &ramdisk())?;
            self.add(region, &named("legacy_app", 30, 2))?;
            let tenant = self.sandbox.project_id("master", "tenant")?;
            self.add(region, &named("base_debian_14", 40, 1).owner(tenant))?;
        }
        Ok(())
    }

    fn add(&self, region: &str, image: &ImageSeed) -> Result<(), SandboxError> {
        self.sandbox.add_image(region, image).map(drop)
    }

    /// A configuration for it, with region logs in `log_dir`.
    pub fn configuration(&self, log_dir: &Path) -> Result<String, SandboxError> {
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = write!(
            text,
            "[main]\n\
             master_region = {MASTER_REGION}\n\
             preferable_order = West, South\n\
             max_children = 3\n\
             source = glance\n\
             spool_dir = {log_dir}/spool\n\
             log_dir = {log_dir}\n\
             \n\
             [DEFAULT]\n\
             user = {USER}\n\
             tenant = {PROJECT}\n\
             # Images that have one of these properties are synchronised; other properties are local.\n\
             metadata_set = nid, type\n\
             # What to do about images whose content differs, by the checksum that the region has.\n\
             rename = {rename}\n\
             replace = {replace}\n\
             dontupdate = {dontupdate}\n\
             \n\
             [master]\n\
             password = {MASTER_PASSWORD}\n\
             keystone_url = {master}\n\
             \n\
             [partner]\n\
             password = {PARTNER_PASSWORD}\n\
             keystone_url = {partner}\n\
             # This target takes the base images only.\n\
             metadata_condition = image.name.startswith('base_')\n",
            log_dir = log_dir.display(),
            rename = self.checksum_in_south("base_debian_12")?,
            replace = self.checksum_in_south("base_ubuntu_22.04")?,
            dontupdate = self.checksum_in_south("base_alpine_3.22")?,
            master = self.sandbox.keystone_url("master")?,
            partner = self.sandbox.keystone_url("partner")?,
        );
        Ok(text)
    }

    fn checksum_in_south(&self, name: &str) -> Result<String, SandboxError> {
        let images = self.sandbox.images("master:South")?;
        let checksum = images
            .iter()
            .find(|image| image["name"] == name)
            .and_then(|image| image["checksum"].as_str())
            .unwrap_or_default();
        Ok(checksum.to_owned())
    }
}

fn master_images() -> Vec<ImageSeed> {
    let mut images: Vec<ImageSeed> = IMAGES
        .iter()
        .enumerate()
        .map(|(place, (name, mib))| plain(place, name, *mib))
        .collect();
    images.extend([
        named("base_debian_14", 40, 4),
        named("legacy_app_obsolete", 30, 2).visibility("private"),
        kernel(),
        ramdisk(),
        machine("ami_web"),
        named("aki_private", 33, 1)
            .id(PRIVATE_KERNEL)
            .formats("aki", "aki")
            .visibility("private"),
        named("ami_broken", 34, 2)
            .formats("ami", "ami")
            .property("kernel_id", PRIVATE_KERNEL),
        ImageSeed::new("scratch", generated(35, 1)).visibility("private"),
    ]);
    images
}

fn generated(seed: u64, mib: u64) -> Content {
    Content::Generated {
        size: mib * MIB,
        seed,
    }
}

fn named(name: &str, seed: u64, mib: u64) -> ImageSeed {
    ImageSeed::new(name, generated(seed, mib)).property("nid", &seed.to_string())
}

fn plain(place: usize, name: &str, mib: u64) -> ImageSeed {
    let image = named(name, place as u64, mib);
    if name.starts_with("base_") {
        image
    } else {
        image.property("type", "service")
    }
}

/// Another content under the name of a plain image.
fn outdated(name: &str, version: u64) -> ImageSeed {
    named(name, 100 + version, 1)
}

fn kernel() -> ImageSeed {
    named("aki_web", 31, 5).id(KERNEL).formats("aki", "aki")
}

fn ramdisk() -> ImageSeed {
    named("ari_web", 32, 3).id(RAMDISK).formats("ari", "ari")
}

fn machine(name: &str) -> ImageSeed {
    named(name, 36, 7)
        .formats("ami", "ami")
        .property("kernel_id", KERNEL)
        .property("ramdisk_id", RAMDISK)
}
