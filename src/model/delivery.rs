//! How content gets into the regions of a target.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `delivery`: which way is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// This one, always.
    #[default]
    Upload,
    /// This one, always.
    Import,
    /// This one, always.
    Pull,
    /// A pull where a verified copy is within reach and the region offers it, else an upload.
    Auto,
}

impl Delivery {
    /// Reads a word of the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "upload" => Some(Self::Upload),
            "import" => Some(Self::Import),
            "pull" => Some(Self::Pull),
            "auto" => Some(Self::Auto),
            _ => None,
        }
    }
}

/// The way of one content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryWay {
    /// This host sends it.
    #[default]
    Upload,
    /// This host stages it, and the region imports it: its plugins run.
    Import,
    /// The region fetches it from another region.
    Pull,
}

impl fmt::Display for DeliveryWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Upload => "upload",
            Self::Import => "import",
            Self::Pull => "pull",
        })
    }
}

/// `disk_format`: in which format the regions get it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WantedFormat {
    /// In the master's.
    #[default]
    Keep,
    /// What the master has as `qcow2` as `raw`.
    Raw,
}

/// Glance's word for a format that can be expanded to raw.
const QCOW2: &str = "qcow2";
/// Glance's word for content without a format.
const RAW: &str = "raw";

impl WantedFormat {
    /// Reads a word of the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "keep" => Some(Self::Keep),
            "raw" => Some(Self::Raw),
            _ => None,
        }
    }

    /// The format that a copy is to have of what the master has in that one.
    pub fn of(self, master: Option<&str>) -> Option<&str> {
        match self {
            Self::Raw if master == Some(QCOW2) => Some(RAW),
            Self::Raw | Self::Keep => master,
        }
    }
}

/// True where a copy in the second format may be the expansion of what the master has in the first.
pub fn may_be_expansion(master: Option<&str>, copy: Option<&str>) -> bool {
    master == Some(QCOW2) && copy == Some(RAW)
}

/// `pull_from`: which regions a pull may fetch from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullFrom {
    /// The master's.
    #[default]
    Master,
    /// Also any other region of the run with a verified copy.
    Any,
}

impl PullFrom {
    /// Reads a word of the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "master" => Some(Self::Master),
            "any" => Some(Self::Any),
            _ => None,
        }
    }
}

/// How content gets into the regions of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRules {
    /// Which way.
    pub delivery: Delivery,
    /// The ids of the stores that get it, all or none; without any, the region's default store.
    pub stores: Vec<String>,
    /// How many contents are under way in one region at once, at most.
    pub transfers: NonZeroUsize,
    /// Where a pull may fetch from.
    pub pull_from: PullFrom,
    /// How many contents are fetched from one region at once, at most.
    pub pull_fanout: NonZeroUsize,
    /// How long an import or a pull may take in all.
    pub import_timeout: Duration,
}

impl Default for DeliveryRules {
    fn default() -> Self {
        Self {
            delivery: Delivery::Upload,
            stores: Vec::new(),
            transfers: NonZeroUsize::MIN,
            pull_from: PullFrom::Master,
            pull_fanout: NonZeroUsize::MIN.saturating_add(1),
            import_timeout: Duration::from_hours(6),
        }
    }
}
