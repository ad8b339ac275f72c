//! A plan that is carried out later: what `plan --out` writes, and `apply` holds today's plan against.
//!
//! The file decides nothing by itself: a region is planned anew, and only what both plans have is done. So
//! whatever is written into it by hand can forbid an action, and never cause one.

mod approval;
mod saved_action;
mod value;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use self::approval::{SavedComparison, compare_with_saved};
pub use self::saved_action::{SavedAction, SavedContent, SavedOldImage, SavedPart};
pub use self::value::SavedValue;
use super::{ImageFilter, MasterInventory, Plan};
use crate::model::{ErrorCode, ImageId, RegionName, Status, TimeSpan};

/// What says that a file is a plan of this program.
const FORMAT: &str = "glancesync-plan";
/// The version of the format that this program writes, and the newest that it reads.
const VERSION: u32 = 1;
/// So much later than this machine's clock a plan may have been made: two machines' clocks differ.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(5);

/// A saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The version of the program that made it.
    pub glancesync: String,
    /// The master region, as it is printed.
    pub master: String,
    /// Which master it is, as the provenance of copies names it.
    pub master_fingerprint: String,
    /// The globs of `--image`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// The globs of `--exclude-image`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_images: Vec<String>,
    /// By target, the SHA-256 of the settings that decide what is done.
    pub settings: BTreeMap<String, String>,
    /// The master's images that counted.
    pub master_images: Vec<SavedMasterImage>,
    /// The regions that could be planned, in run order.
    pub regions: Vec<SavedRegion>,
    /// Those that could not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<SavedFailure>,
}

/// An image of the master that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedMasterImage {
    /// Its name.
    pub image: String,
    /// Its id.
    pub image_id: ImageId,
    /// Its hash, as the lists of the configuration take it.
    pub hash: String,
}

/// What was planned for one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRegion {
    /// The region, as it is printed.
    pub region: String,
    /// How many images had each status.
    pub counts: BTreeMap<Status, usize>,
    /// What is done, in this order.
    pub actions: Vec<SavedAction>,
    /// What was known to fail, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub will_fail: Vec<SavedFailure>,
    /// How many things somebody should look at.
    #[serde(default)]
    pub warnings: usize,
}

/// Something that was known to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedFailure {
    /// The region, or the image.
    pub what: String,
    /// The public code.
    pub code: ErrorCode,
    /// Why.
    pub message: String,
}

/// The file around a plan.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    format: String,
    version: u32,
    /// Of the plan, as compact JSON.
    sha256: String,
    plan: T,
}

/// What is known of a file before it is known to be of a version that can be read.
#[derive(Deserialize)]
struct Label {
    format: String,
    version: u32,
}

/// Why a saved plan is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// It is not a plan of this program, or not whole.
    #[error("it is damaged, or not a plan that `glancesync plan --out` wrote: {0}")]
    Damaged(String),
    /// Its content is not what was written.
    #[error("it was changed after it was written: its SHA-256 is not the one that it says")]
    Changed,
    /// A later program wrote it.
    #[error("it has the format {0}, and this program reads formats up to {VERSION}")]
    LaterVersion(u32),
    /// Something in it that is no valid name.
    #[error("it is not valid: {0}")]
    Invalid(String),
    /// It is from later than now.
    #[error("it says that it was made at {0}, which is later than this machine's clock")]
    Future(String),
    /// It is too old.
    #[error("it was made at {made}, more than `--max-age` ({max_age}) ago")]
    TooOld {
        /// When it was made.
        made: String,
        /// What `--max-age` says.
        max_age: TimeSpan,
    },
    /// The configuration is another.
    #[error("the settings of {0} are not those that it was made with")]
    OtherSettings(String),
    /// The master is another.
    #[error("it was made for the master {planned}, and the master is {master}")]
    OtherMaster {
        /// The plan's.
        planned: String,
        /// Today's.
        master: String,
    },
    /// It has no such region.
    #[error("it has no region {0}")]
    NoRegion(RegionName),
    /// It has none of the regions that are meant.
    #[error("it has no region that is meant here")]
    NoRegions,
}

impl PlanFileError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::LaterVersion(_) => {
                "Nothing was changed. Use the version of glancesync that made it, or make a new plan with this one."
            }
            Self::Future(_) => {
                "Nothing was changed. Check the clocks of this machine and of the one that made the plan, or make a new plan."
            }
            Self::NoRegion(_) | Self::NoRegions => {
                "Nothing was changed. `glancesync plan --read FILE` prints the regions that it has."
            }
            Self::Damaged(_)
            | Self::Changed
            | Self::Invalid(_)
            | Self::TooOld { .. }
            | Self::OtherSettings(_)
            | Self::OtherMaster { .. } => {
                "Nothing was changed. Make a new plan with `glancesync plan --out FILE`, look at it, and apply that."
            }
        }
    }
}

impl PlanFile {
    /// The file, as it is written.
    ///
    /// # Errors
    ///
    /// None that is known: everything in a plan can be written as JSON.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let envelope = Envelope {
            format: FORMAT.to_owned(),
            version: VERSION,
            sha256: value::sha256_hex(&serde_json::to_vec(self)?),
            plan: self,
        };
        let mut bytes = serde_json::to_vec_pretty(&envelope)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a file, however it was formatted meanwhile.
    ///
    /// # Errors
    ///
    /// It is damaged, was changed, or is from a later version; something in it is not valid.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanFileError> {
        let damaged = |error: serde_json::Error| PlanFileError::Damaged(error.to_string());
        let label: Label = serde_json::from_slice(bytes).map_err(damaged)?;
        if label.format != FORMAT {
            return Err(PlanFileError::Damaged(
                "it says another `format`".to_owned(),
            ));
        }
        if label.version > VERSION {
            return Err(PlanFileError::LaterVersion(label.version));
        }
        let file: Envelope<Self> = serde_json::from_slice(bytes).map_err(damaged)?;
        let plan = file.plan;
        let written = serde_json::to_vec(&plan).map_err(damaged)?;
        if value::sha256_hex(&written) != file.sha256 {
            return Err(PlanFileError::Changed);
        }
        plan.region_names()?;
        plan.filter()?;
        Ok(plan)
    }

    /// Refuses a plan that is older than that, or from later than `now`.
    ///
    /// # Errors
    ///
    /// It is either.
    pub fn check_age(&self, now: DateTime<Utc>, max_age: TimeSpan) -> Result<(), PlanFileError> {
        let made = self
            .created_at
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let age = now.signed_duration_since(self.created_at);
        if age < -CLOCK_DIFFERENCE {
            Err(PlanFileError::Future(made))
        } else if age.to_std().is_ok_and(|age| age > max_age.0) {
            Err(PlanFileError::TooOld { made, max_age })
        } else {
            Ok(())
        }
    }

    /// Refuses a plan that was made with other settings. `settings` are today's, as
    /// [`PlanFile::settings`] has them.
    ///
    /// # Errors
    ///
    /// The targets whose settings are others.
    pub fn check_settings(&self, settings: &BTreeMap<String, String>) -> Result<(), PlanFileError> {
        let names = self.settings.keys().chain(settings.keys());
        let other = names.filter(|name| self.settings.get(*name) != settings.get(*name));
        let mut other: Vec<String> = other.map(|name| format!("`{name}`")).collect();
        other.sort();
        other.dedup();
        if other.is_empty() {
            Ok(())
        } else {
            Err(PlanFileError::OtherSettings(other.join(", ")))
        }
    }

    /// Refuses a plan that was made for another master.
    ///
    /// # Errors
    ///
    /// It was.
    pub fn check_master(
        &self,
        master: &RegionName,
        inventory: &MasterInventory,
    ) -> Result<(), PlanFileError> {
        let is_same = self.master == master.to_string()
            && self.master_fingerprint == inventory.fingerprint.to_string();
        if is_same {
            return Ok(());
        }
        let of = |region: &str, fingerprint: &str| format!("{region} ({fingerprint})");
        Err(PlanFileError::OtherMaster {
            planned: of(&self.master, &self.master_fingerprint),
            master: of(&master.to_string(), &inventory.fingerprint.to_string()),
        })
    }

    /// The regions that were planned, in run order.
    ///
    /// # Errors
    ///
    /// One is no region's name, or is there twice.
    pub fn region_names(&self) -> Result<Vec<RegionName>, PlanFileError> {
        let mut names: Vec<RegionName> = Vec::new();
        for region in &self.regions {
            let name = region.region.parse::<RegionName>();
            let name = name.map_err(|error| PlanFileError::Invalid(error.to_string()))?;
            if names.contains(&name) {
                return Err(PlanFileError::Invalid(format!("{name} is in it twice")));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// The images that it was made for.
    ///
    /// # Errors
    ///
    /// A glob is not valid.
    pub fn filter(&self) -> Result<ImageFilter, PlanFileError> {
        let invalid = |error: super::ImageFilterError| PlanFileError::Invalid(error.to_string());
        ImageFilter::new(self.images.iter().map(String::as_str))
            .map_err(invalid)?
            .without(self.excluded_images.iter().map(String::as_str))
            .map_err(invalid)
    }

    /// What was planned for that region.
    pub fn region(&self, name: &RegionName) -> Option<&SavedRegion> {
        let name = name.to_string();
        self.regions.iter().find(|region| region.region == name)
    }
}

impl SavedRegion {
    /// A region's plan, as it is saved.
    pub fn new(plan: &Plan) -> Self {
        let actions = plan.actions.iter();
        Self {
            region: plan.region.to_string(),
            counts: plan.counts(),
            actions: actions.map(|it| SavedAction::new(it, plan)).collect(),
            will_fail: plan
                .failures
                .iter()
                .map(|failure| SavedFailure {
                    what: failure.image.clone(),
                    code: failure.code,
                    message: crate::model::redact_urls(&failure.message).into_owned(),
                })
                .collect(),
            warnings: plan.warnings.len(),
        }
    }
}

impl SavedMasterImage {
    /// The images of an inventory, in its order.
    pub fn all(inventory: &MasterInventory) -> Vec<Self> {
        let images = inventory.images.iter();
        images
            .map(|image| Self {
                image: image.name.clone(),
                image_id: image.id.clone(),
                hash: image
                    .content
                    .listed()
                    .map_or_else(String::new, |hash| hash.to_string()),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{image, now, plan, replace_all};

    fn saved() -> PlanFile {
        let planned = plan(&[image("a").build()], &[], &replace_all());
        PlanFile {
            created_at: now(),
            glancesync: "0.1.0".to_owned(),
            master: "Spain".to_owned(),
            master_fingerprint: "0".to_owned(),
            images: vec!["a*".to_owned()],
            excluded_images: Vec::new(),
            settings: BTreeMap::from([("master".to_owned(), "1".to_owned())]),
            master_images: Vec::new(),
            regions: vec![SavedRegion::new(&planned)],
            failed: Vec::new(),
        }
    }

    fn day() -> TimeSpan {
        TimeSpan::from_secs(24 * 3600)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let plan = saved();
        assert_eq!(PlanFile::parse(&plan.to_bytes().unwrap()), Ok(plan));
    }

    /// Somebody who makes the right SHA-256 too can only write what is checked here.
    #[test]
    fn names_in_a_forged_file_are_checked() {
        let forged = |change: &dyn Fn(&mut PlanFile)| {
            let mut plan = saved();
            change(&mut plan);
            PlanFile::parse(&plan.to_bytes().unwrap())
        };
        for name in ["", "a:", ":", "no such:"] {
            let found = forged(&|plan| plan.regions[0].region = name.to_owned());
            assert!(
                matches!(found, Err(PlanFileError::Invalid(_))),
                "{name}: {found:?}"
            );
        }
        let twice = forged(&|plan| plan.regions.push(plan.regions[0].clone()));
        assert!(matches!(twice, Err(PlanFileError::Invalid(_))));
        let glob = forged(&|plan| plan.images = vec!["[".to_owned()]);
        assert!(matches!(glob, Err(PlanFileError::Invalid(_))), "{glob:?}");
        assert!(forged(&|plan| plan.regions.clear()).is_ok());
    }

    #[test]
    fn numbers_that_do_not_fit_are_damage() {
        let text = String::from_utf8(saved().to_bytes().unwrap()).unwrap();
        for (from, to) in [
            ("\"version\": 1", "\"version\": -1"),
            ("\"version\": 1", "\"version\": 1e99"),
            ("\"warnings\": 0", "\"warnings\": 99999999999999999999999"),
        ] {
            assert!(text.contains(from), "{text}");
            let found = PlanFile::parse(text.replace(from, to).as_bytes());
            assert!(matches!(found, Err(PlanFileError::Damaged(_))), "{found:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(PlanFile::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_plan_is_used_for_a_day_and_never_before_it_was_made() {
        let plan = saved();
        let after = |hours: i64| plan.check_age(now() + TimeDelta::hours(hours), day());
        assert_eq!(after(0), Ok(()));
        assert_eq!(after(24), Ok(()));
        assert!(matches!(after(25), Err(PlanFileError::TooOld { .. })));
        assert!(matches!(after(-1), Err(PlanFileError::Future(_))));
        assert_eq!(plan.check_age(now() - TimeDelta::minutes(4), day()), Ok(()));
    }

    #[test]
    fn other_settings_and_another_master_are_named() {
        let plan = saved();
        assert_eq!(plan.check_settings(&plan.settings), Ok(()));
        let mut other = plan.settings.clone();
        other.insert("partner".to_owned(), "2".to_owned());
        let found = plan.check_settings(&other);
        assert_eq!(
            found,
            Err(PlanFileError::OtherSettings("`partner`".to_owned()))
        );
        let inventory = MasterInventory::default();
        let master: RegionName = "Spain".parse().unwrap();
        assert!(plan.check_master(&master, &inventory).is_err());
    }
}
