//! A fleet with images drawn from a seed: what is in step, what is not, and what is nobody's business.

use std::collections::{BTreeMap, BTreeSet};

use glancesync::sandbox::{
    Content, DateHeader, HashAlgorithm, HashSpec, ImageSeed, Letters, RegionState, SandboxSpec,
};
use serde_json::Value;

use crate::common::{Config, Fleet, Program};
use crate::rng::SeededRng;

/// The regions that are synchronised.
pub(crate) const REGIONS: [&str; 3] = ["master:RegionTwo", "master:RegionThree", "other:RegionOne"];
pub(crate) const MASTER: &str = "master:RegionOne";

/// Installations: what runs with the same name knows what an earlier one left.
pub(crate) const FIRST: &str = "first";
pub(crate) const SECOND: &str = "second";

/// All images of a region, by id.
pub(crate) type Images = BTreeMap<String, Value>;

/// How long a region may take to store an image. What is drawn is less, or so much more that it is
/// given up.
const SAVE_TIMEOUT: &str = "3s";

/// A fleet, its configuration, and how it was at the beginning.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) fleet: Fleet,
    pub(crate) config: Config,
    /// What is to be told to the program besides.
    pub(crate) words: Vec<String>,
    /// Whether every image with another checksum is to be replaced or renamed.
    pub(crate) resolves_conflicts: bool,
    /// Whether what is no property of `metadata_set` is a region's own.
    pub(crate) keeps_local_properties: bool,
    /// Whether content comes from the master's Glance and not from its folder.
    pub(crate) reads_glance: bool,
    /// The names that are selected, for all targets alike.
    pub(crate) selected: BTreeSet<String>,
    /// By region.
    pub(crate) before: BTreeMap<String, Images>,
}

impl World {
    /// Draws a fleet.
    pub(crate) fn draw(rng: &mut SeededRng) -> Self {
        // Of some fleets every list has many pages.
        let page = rng.pick(&[2, 1000, 1000]);
        let fleet = Fleet::embedded(|spec| {
            let regions = spec.keystones.iter_mut().flat_map(|one| &mut one.regions);
            for region in regions {
                region.limits.page_max = page;
                region.limits.page_default = page;
                if rng.once_in(4) {
                    region.ids = Letters::Capital;
                }
                if rng.once_in(4) {
                    region.date = DateHeader::Missing;
                }
            }
            draw_hashes(spec, rng);
        });
        let reads_glance = rng.once_in(4);
        let masters = Masters::draw(rng);
        for seed in &masters.seeds {
            fleet.sandbox().add_image(MASTER, seed).unwrap();
        }
        for region in REGIONS {
            populate(&fleet, region, &masters, rng);
        }
        let policy = rng.pick(&["replace", "rename", "replace", "none"]);
        let mut config = fleet.config();
        if reads_glance {
            config = config.set("main", "source", "glance");
        }
        let metadata_set = rng.once_in(3);
        let retries = rng.pick(&["0", "1", "2"]);
        for target in ["master", "other"] {
            config = config
                .set(target, "retries", retries)
                .set(target, "list_images_timeout", "3")
                .set(target, "upload_stall_timeout", "2")
                .set(target, "save_timeout", SAVE_TIMEOUT);
            if policy != "none" {
                config = config.set(target, policy, "any");
            }
            if metadata_set {
                config = config.set(target, "metadata_set", "nid");
            }
        }
        let mut words = Vec::new();
        if rng.once_in(3) {
            words.push("--keep-going".to_owned());
        }
        if rng.once_in(2) {
            words.extend(["--parallel", "--max-children", "3"].map(str::to_owned));
        }
        let mut world = Self {
            fleet,
            config,
            words,
            resolves_conflicts: policy != "none",
            keeps_local_properties: metadata_set,
            reads_glance,
            selected: masters.selected(metadata_set),
            before: BTreeMap::new(),
        };
        world.begin();
        world
    }

    /// From here on states are written down.
    fn begin(&mut self) {
        for region in REGIONS.into_iter().chain([MASTER]) {
            self.fleet.sandbox().keep_history(region).unwrap();
            let state = self.states(region).remove(0);
            self.before.insert(region.to_owned(), state.images);
        }
    }

    pub(crate) fn states(&self, region: &str) -> Vec<RegionState> {
        self.fleet.sandbox().history(region).unwrap()
    }

    /// What a region is like now.
    pub(crate) fn now(&self, region: &str) -> Images {
        self.states(region).pop().expect("the present").images
    }

    /// The master's image of that name, the only one.
    pub(crate) fn master_image(&self, name: &str) -> Option<&Value> {
        self.before[MASTER]
            .values()
            .find(|image| image["name"] == name)
    }

    /// Whether an image belongs to the project that the program works for.
    pub(crate) fn is_own(&self, region: &str, image: &Value) -> bool {
        let own = self.fleet.region(region).own_project().to_owned();
        image["owner"].is_null() || image["owner"] == own
    }

    /// The program, with events, under the state folder of that installation.
    pub(crate) fn program(&self, installation: &str) -> Program<'_> {
        let state = self.fleet.home().join(installation);
        Program::with(&self.fleet, &self.config)
            .events()
            .env("XDG_STATE_HOME", &state.display().to_string())
    }

    /// The words that a sync of all regions takes.
    pub(crate) fn sync_words(&self) -> Vec<&str> {
        let mut words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        words.extend(["RegionTwo", "RegionThree", "other:"]);
        words
    }
}

/// Draws regions without an md5, with no other hash, and masters with another algorithm, so that
/// each region has a hash of its own in common with its master.
fn draw_hashes(spec: &mut SandboxSpec, rng: &mut SeededRng) {
    let algorithm = rng.pick(&[
        HashAlgorithm::Sha512,
        HashAlgorithm::Sha512,
        HashAlgorithm::Sha256,
    ]);
    for keystone in &mut spec.keystones {
        for region in &mut keystone.regions {
            let is_master = format!("{}:{}", keystone.name, region.name) == MASTER;
            region.hashes = match rng.below(8) {
                0 if !is_master => HashSpec {
                    md5: false,
                    algorithm: Some(algorithm),
                },
                1 if !is_master => HashSpec {
                    md5: true,
                    algorithm: None,
                },
                2 if !is_master => HashSpec {
                    md5: true,
                    algorithm: Some(HashAlgorithm::Sha384),
                },
                _ => HashSpec {
                    md5: true,
                    algorithm: Some(algorithm),
                },
            };
        }
    }
}

/// Whether two images have the same content, by a hash that both have.
pub(crate) fn is_same_content(one: &Value, other: &Value) -> bool {
    let both = |name: &str| !one[name].is_null() && !other[name].is_null();
    if both("os_hash_algo") && one["os_hash_algo"] == other["os_hash_algo"] {
        one["os_hash_value"] == other["os_hash_value"]
    } else {
        both("checksum") && one["checksum"] == other["checksum"]
    }
}

struct Masters {
    seeds: Vec<ImageSeed>,
}

const KERNEL: &str = "00000000-0000-4000-8000-00000000000a";
const RAMDISK: &str = "00000000-0000-4000-8000-00000000000b";

impl Masters {
    fn draw(rng: &mut SeededRng) -> Self {
        let mut seeds = Vec::new();
        let names = ["alpha", "b eta, \"x\"", "gämma", "delta", "epsilon"];
        let count = usize::try_from(2 + rng.below(4)).unwrap();
        for name in &names[..count] {
            let mut seed = ImageSeed::new(*name, content(rng)).property("nid", &number(rng));
            if rng.once_in(6) {
                seed.protected = true;
            }
            if rng.once_in(6) {
                seed = seed.visibility("private");
            }
            seeds.push(seed);
        }
        if rng.once_in(2) {
            let part = |name, id, format, content| {
                let seed = ImageSeed::new(name, content).id(id).formats(format, format);
                seed.property("nid", "5")
            };
            seeds.push(part("kernel", KERNEL, "aki", content(rng)));
            seeds.push(part("ramdisk", RAMDISK, "ari", content(rng)));
            for name in ["ami one", "ami two"] {
                let seed = ImageSeed::new(name, content(rng))
                    .property("nid", "6")
                    .formats("ami", "ami");
                seeds.push(
                    seed.property("kernel_id", KERNEL)
                        .property("ramdisk_id", RAMDISK),
                );
            }
        }
        if rng.once_in(2) {
            seeds.push(ImageSeed::new("retired_obsolete", "retired").property("nid", "9"));
        }
        Self { seeds }
    }

    /// The names that every target wants; with `metadata_set`, of images that have a `nid`.
    fn selected(&self, needs_nid: bool) -> BTreeSet<String> {
        self.seeds
            .iter()
            .filter(|seed| seed.visibility == "public")
            .filter(|seed| !needs_nid || seed.properties.contains_key("nid"))
            .filter_map(|seed| seed.name.clone())
            .filter(|name| !name.ends_with("_obsolete"))
            .collect()
    }
}

/// Content like nobody else's.
fn content(rng: &mut SeededRng) -> Content {
    let size = rng.pick(&[0, 1, 700, 5_000, 66_000, 300_000]);
    Content::Generated {
        size,
        seed: rng.below(1 << 40),
    }
}

fn number(rng: &mut SeededRng) -> String {
    rng.below(100).to_string()
}

/// What a region has of each of the master's images, and what it has besides.
fn populate(fleet: &Fleet, region: &str, masters: &Masters, rng: &mut SeededRng) {
    let foreign = fleet.region(region).foreign_project().to_owned();
    let add = |seed: &ImageSeed| fleet.sandbox().add_image(region, seed).unwrap();
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for master in &masters.seeds {
        let name = master.name.as_deref().expect("a name");
        let name = name.strip_suffix("_obsolete").unwrap_or(name);
        // Its parts are those of this region, where it has them; the master's come first.
        let mut copy = ImageSeed {
            id: None,
            name: Some(name.to_owned()),
            protected: rng.once_in(8),
            ..master.clone()
        };
        for (property, part) in [("kernel_id", "kernel"), ("ramdisk_id", "ramdisk")] {
            if copy.properties.contains_key(property) {
                match ids.get(part) {
                    Some(id) => copy = copy.property(property, id),
                    None => drop(copy.properties.remove(property)),
                }
            }
        }
        let other = ImageSeed {
            content: content(rng),
            ..copy.clone()
        };
        let has_parts = master.properties.contains_key("kernel_id");
        let id = match rng.below(14) {
            3 | 4 => add(&copy),
            5 => add(&copy
                .property("nid", "old")
                .property("local", "1")
                .visibility("private")),
            6..=8 => add(&other),
            9 => {
                add(&other.owner(&foreign));
                continue;
            }
            10 => add(&ImageSeed {
                in_use: true,
                ..other
            }),
            // Two of a name, of which the newer one counts.
            11 => {
                add(&ImageSeed {
                    content: content(rng),
                    created_at: Some("2020-01-01T00:00:00Z".to_owned()),
                    ..copy.clone()
                });
                add(&other)
            }
            12 if !has_parts => add(&ImageSeed {
                status: "deactivated".to_owned(),
                ..copy
            }),
            13 => {
                add(&ImageSeed {
                    visibility: "private".to_owned(),
                    ..copy
                        .tag("glancesync-incomplete")
                        .tag("glancesync-by:somebody-else")
                });
                continue;
            }
            // Nothing at all.
            _ => continue,
        };
        ids.insert(name, id);
    }
    add(&ImageSeed::new("local", "local").tag("mine"));
    add(&ImageSeed::new("theirs", "theirs").owner(&foreign));
    add(&ImageSeed::new("theirs too", "theirs")
        .owner(&foreign)
        .visibility("private"));
}
