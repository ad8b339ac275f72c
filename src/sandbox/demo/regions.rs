//! The regions of the demo: their names, and what each has of the master's images before the first
//! run.

use super::super::ImageSeed;
use super::images::{KERNEL, NEWEST, OBSOLETE, outdated};

/// The names of the first regions; the further ones are numbered.
const NAMES: [&str; 6] = ["North", "South", "Harbour", "East", "West", "Summit"];

/// So many regions are there where nobody says how many.
pub(super) const USUAL: u16 = 6;

/// What a region has under a name whose image `rename` lists.
pub(super) const RENAMED: &str = "an image of last year";
/// What a region has under a name whose image `replace` lists.
pub(super) const REPLACED: &str = "an image of last month";
/// What a region has under a name, and the configuration says nothing about it.
const UNKNOWN: &str = "an image that somebody has made";

/// One region besides the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DemoRegion {
    /// Its place in the fleet, from 1.
    pub(super) number: usize,
    /// `master` or `partner`.
    pub(super) target: &'static str,
    /// Its name in the catalogue.
    pub(super) name: String,
}

impl DemoRegion {
    /// All regions of a fleet, in order. Every third belongs to the target `partner`.
    pub(super) fn all(count: u16) -> Vec<Self> {
        let region = |number: usize| Self {
            number,
            target: if number.is_multiple_of(3) {
                "partner"
            } else {
                "master"
            },
            name: NAMES
                .get(number - 1)
                .map_or_else(|| format!("Region{number:03}"), |name| (*name).to_owned()),
        };
        (1..=usize::from(count)).map(region).collect()
    }

    /// `target:Region`.
    pub(super) fn full_name(&self) -> String {
        format!("{}:{}", self.target, self.name)
    }

    /// Whether a person means this region by that name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        name == self.name || name == self.full_name()
    }

    /// What it has of an image of which `copy` is in step; none where it lacks it. A region in which
    /// something goes wrong has something to do; where nobody has decided about an image, it has a
    /// conflict.
    pub(super) fn version(&self, copy: ImageSeed, state: DemoState) -> Option<ImageSeed> {
        let name = copy.name.clone().unwrap_or_default();
        // The partner takes base images only.
        if self.target == "partner" && !name.starts_with("base_") {
            return None;
        }
        let is_in_step =
            self.number == 5 || self.number > NAMES.len() && !self.number.is_multiple_of(10);
        match (self.number, name.as_str()) {
            (_, NEWEST) if state == DemoState::Conflict => Some(outdated(copy, UNKNOWN)),
            (_, NEWEST) if state == DemoState::Faulty || !is_in_step => None,
            (1, "base_debian_13") | (4, KERNEL | "orchestrator_7") | (6, _) => None,
            (1, "base_rocky_10") => Some(copy.property("nid", "outdated").visibility("private")),
            (2, "base_debian_12") => Some(outdated(copy, RENAMED)),
            (2, "base_ubuntu_24.04") => Some(outdated(copy, REPLACED)),
            (3, "base_alpine_3.23") => Some(copy.property("nid", "outdated")),
            _ => Some(copy),
        }
    }

    /// What it has that the master has not.
    pub(super) fn further(&self) -> Option<ImageSeed> {
        let obsolete = ImageSeed::new(OBSOLETE, "obsolete").property("nid", "0");
        (self.number == 1).then_some(obsolete)
    }
}

/// What is wrong with a region besides what a run puts right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DemoState {
    /// Nothing.
    Usual,
    /// It has a fault.
    Faulty,
    /// It has an image with other content about which nobody has decided.
    Conflict,
}
