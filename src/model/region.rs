//! Names of targets and regions, as they are written and printed.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The name of a target: a section of the configuration, whose regions share one credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(String);

impl TargetName {
    /// Takes the name of a section.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The target that always exists, in whose catalogue the master region is.
    pub fn master() -> Self {
        Self("master".to_owned())
    }

    /// True for the target `master`.
    pub fn is_master(&self) -> bool {
        self.0 == "master"
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for TargetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A region: `target:Region`, where the prefix `master:` may be left out and is never printed.
///
/// With an empty `region` it stands for the target itself, where a failure has no region that is
/// known by name: it prints as `other:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionName {
    /// The target whose catalogue names the region.
    pub target: TargetName,
    /// The bare name, as the catalogue has it.
    pub region: String,
}

/// The text names no region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no region (a region is written `Region` or `target:Region`)")]
pub struct RegionNameError(pub String);

impl RegionName {
    /// The region of that bare name in `target`.
    pub fn new(target: TargetName, region: impl Into<String>) -> Self {
        Self {
            target,
            region: region.into(),
        }
    }
}

impl FromStr for RegionName {
    type Err = RegionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse()? {
            RegionSelector::Region(name) => Ok(name),
            RegionSelector::WholeTarget(_) => Err(RegionNameError(text.to_owned())),
        }
    }
}

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A bare name with a colon in it would read as another target's region.
        if self.target.is_master() && !self.region.is_empty() && !self.region.contains(':') {
            f.pad(&self.region)
        } else {
            f.pad(&format!("{}:{}", self.target, self.region))
        }
    }
}

impl Serialize for RegionName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a word of the command line chooses: one region, or with `target:` all of a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionSelector {
    /// `Region` or `target:Region`.
    Region(RegionName),
    /// `target:`
    WholeTarget(TargetName),
}

impl RegionSelector {
    /// The target that it is about.
    pub fn target(&self) -> &TargetName {
        match self {
            Self::Region(name) => &name.target,
            Self::WholeTarget(target) => target,
        }
    }
}

impl FromStr for RegionSelector {
    type Err = RegionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (target, region) = match text.split_once(':') {
            None => (TargetName::master(), text),
            Some((target, region)) => (TargetName::new(target.trim()), region.trim()),
        };
        if target.as_str().is_empty() || text.is_empty() {
            return Err(RegionNameError(text.to_owned()));
        }
        Ok(if region.is_empty() {
            Self::WholeTarget(target)
        } else {
            Self::Region(RegionName::new(target, region))
        })
    }
}

impl fmt::Display for RegionSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(name) => name.fmt(f),
            Self::WholeTarget(target) => write!(f, "{target}:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        text.parse::<RegionSelector>().unwrap().to_string()
    }

    #[test]
    fn the_prefix_master_is_never_printed() {
        assert_eq!(printed("master:Trento"), "Trento");
        assert_eq!(printed("Trento"), "Trento");
        assert_eq!(printed("other:Trento"), "other:Trento");
        assert_eq!(printed("other:"), "other:");
        assert_eq!(printed("master:"), "master:");
    }

    #[test]
    fn a_colon_within_a_name_survives_being_read_again() {
        let name: RegionName = "master:a:b".parse().unwrap();
        assert_eq!(name.region, "a:b");
        assert_eq!(name.to_string().parse::<RegionName>().unwrap(), name);
    }

    #[test]
    fn nothing_and_a_colon_name_no_region() {
        for text in ["", " ", ":", ":Trento"] {
            assert!(text.parse::<RegionSelector>().is_err(), "{text:?}");
        }
        assert!("other:".parse::<RegionName>().is_err());
    }
}
