//! Which images of the master inventory one target wants: the first rule that answers wins.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::inventory::MasterInventory;
use super::obsolete::{OBSOLETE_SUFFIX, ObsoleteImage};
use super::parts::{Part, parts_first, resolve_parts};
use super::{metadata, tags};
use crate::condition::Condition;
use crate::model::{
    ContentHash, Image, ImageId, KERNEL_ID, Properties, RAMDISK_ID, SyncRules, Warning, WarningCode,
};

/// The rule by which an image is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectedBy {
    /// `forcesyncs` holds its UUID.
    Forcesyncs,
    /// `metadata_condition` is true for it.
    MetadataCondition,
    /// It is public, and has a property of `metadata_set`.
    MetadataSet,
    /// It is public, and no rule asks for more.
    Public,
}

impl fmt::Display for SelectedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forcesyncs => "`forcesyncs` holds its UUID",
            Self::MetadataCondition => "`metadata_condition` is true for it",
            Self::MetadataSet => "it is public, with a property of `metadata_set`",
            Self::Public => "it is public",
        })
    }
}

/// An image of the master inventory that a target wants.
#[derive(Debug, Clone)]
pub struct SelectedImage {
    /// The master's image.
    pub master: Arc<Image>,
    /// Why it is wanted.
    pub by: SelectedBy,
    /// The user properties that a new copy gets, less kernel and ramdisk.
    pub(super) carried: Properties,
    /// Its kernel and ramdisk.
    pub(super) parts: Vec<Part>,
    /// Its references to parts lead back to itself.
    pub(super) in_circle: bool,
}

/// What one target wants of the master inventory. The same for all its regions.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Ascending by size, then name.
    pub images: Vec<SelectedImage>,
    /// Indices of `images`, so that an image comes after its parts. Within a circle in any order.
    pub(super) parts_first: Vec<usize>,
    /// Obsolete images of the master, by name.
    pub(super) obsolete: Vec<ObsoleteImage>,
    /// What to say once for the target.
    pub warnings: Vec<Warning>,
    by_name: HashMap<String, usize>,
    /// Names of images of the inventory that no rule wants, without an error in a condition.
    refused: HashSet<String>,
}

impl Selection {
    /// Applies the rules of a target to the inventory.
    ///
    /// The condition is evaluated once per image. An image for which it raises is left out, with a
    /// warning `condition_failed`; once it has passed a bound of time or memory for three images, it is
    /// not evaluated for any other, and those are left out like them.
    pub fn choose(
        inventory: &MasterInventory,
        rules: &SyncRules,
        condition: Option<&Condition>,
    ) -> Self {
        let inventory = &*inventory.of_rules(rules);
        let mut evaluation = condition.map(Evaluation::of);
        let forced = inventory.meant_by(&rules.forcesyncs);
        let chosen: Vec<(Arc<Image>, SelectedBy)> = inventory
            .images
            .iter()
            .filter_map(|image| {
                let by = if forced.contains(&image.id) && !is_obsolete(image) {
                    SelectedBy::Forcesyncs
                } else {
                    selected_by(image, inventory, rules, evaluation.as_mut())?
                };
                Some((Arc::clone(image), by))
            })
            .collect();
        let warnings = evaluation.map_or_else(Vec::new, Evaluation::finish);
        let by_name: HashMap<String, usize> = chosen
            .iter()
            .enumerate()
            .map(|(index, (image, _))| (image.name.clone(), index))
            .collect();
        let parts: Vec<Vec<Part>> = chosen
            .iter()
            .map(|(master, _)| resolve_parts(master, inventory, &by_name))
            .collect();
        let (parts_first, in_circle) = parts_first(&parts);
        // An error in a condition is no answer.
        let failed = |name: &str| warnings.iter().any(|it| it.image.as_deref() == Some(name));
        let names = inventory.images.iter().map(|image| &image.name);
        let refused = names
            .filter(|name| !by_name.contains_key(*name) && !failed(name))
            .cloned()
            .collect();
        let images = chosen
            .into_iter()
            .zip(parts)
            .zip(in_circle)
            .map(|(((master, by), parts), in_circle)| SelectedImage {
                carried: metadata::carried(&master.properties, rules),
                parts,
                in_circle,
                master,
                by,
            })
            .collect();
        let obsolete = if rules.support_obsolete_images {
            ObsoleteImage::all(inventory, |name| by_name.contains_key(name) || failed(name))
        } else {
            Vec::new()
        };
        Self {
            images,
            parts_first,
            obsolete,
            warnings,
            by_name,
            refused,
        }
    }

    /// The same, with the hashes of other kinds that the contents of the master's images were found to
    /// have, as `found` says by the hashes that the master gives; none where there are none.
    pub fn with_hashes(&self, complete: impl Fn(&ContentHash) -> ContentHash) -> Option<Self> {
        let mut selection = self.clone();
        let images = selection.images.iter_mut().map(|image| &mut image.master);
        let obsolete = selection.obsolete.iter_mut().map(ObsoleteImage::master_mut);
        let mut has_changed = false;
        for master in images.chain(obsolete) {
            let content = complete(&master.content);
            if content != master.content {
                Arc::make_mut(master).content = content;
                has_changed = true;
            }
        }
        has_changed.then_some(selection)
    }

    /// The ids of the images at the master.
    pub fn master_ids(&self) -> impl Iterator<Item = ImageId> {
        self.images.iter().map(|image| image.master.id.clone())
    }

    /// The names of the images.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(|image| image.master.name.as_str())
    }

    /// True for an image of a region that some rule looks at: all others need not be kept.
    pub fn looks_at(&self, image: &Image) -> bool {
        self.index_of(&image.name).is_some()
            || self
                .obsolete
                .iter()
                .any(|it| it.names().contains(&image.name.as_str()))
            || tags::is_incomplete(image)
            || [KERNEL_ID, RAMDISK_ID]
                .iter()
                .any(|part| image.properties.contains_key(*part))
    }

    /// True where the master has an image of that name that counts, and the rules say no to it without an
    /// error in a condition.
    pub(super) fn refuses(&self, name: &str) -> bool {
        self.refused.contains(name)
    }

    /// True where the rules want the image of that name, or may: an error in a condition says nothing.
    pub fn may_want(&self, name: &str) -> bool {
        let mut warnings = self.warnings.iter();
        self.by_name.contains_key(name) || warnings.any(|it| it.image.as_deref() == Some(name))
    }

    /// Where in `images` the image of that name is.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// True where the condition raised for some image: the run's exit code is 1 then.
    pub fn condition_failed(&self) -> bool {
        self.warnings
            .iter()
            .any(|warning| warning.code == WarningCode::ConditionFailed)
    }
}

fn is_obsolete(image: &Image) -> bool {
    image.name.ends_with(OBSOLETE_SUFFIX)
}

/// So many images may take all the time or memory that a condition may use; for those that follow it is
/// taken for granted that they would.
const OVER_BOUNDS_MAX: usize = 3;

/// A condition that is evaluated for one image after another.
struct Evaluation<'a> {
    condition: &'a Condition,
    /// For how many images it passed a bound.
    over_bounds: usize,
    /// What it raised.
    warnings: Vec<Warning>,
}

impl<'a> Evaluation<'a> {
    fn of(condition: &'a Condition) -> Self {
        Self {
            condition,
            over_bounds: 0,
            warnings: Vec::new(),
        }
    }

    /// The truth value for an image; false, with a warning, where it raises.
    fn is_true(&mut self, image: &Image, inventory: &MasterInventory, rules: &SyncRules) -> bool {
        let name = &image.name;
        let message = if self.over_bounds >= OVER_BOUNDS_MAX {
            format!(
                "`metadata_condition` passed its bounds for {OVER_BOUNDS_MAX} images, so it was not evaluated for the image `{name}`, which is left out"
            )
        } else {
            let region = &inventory.region;
            match self.condition.evaluate(image, region, &rules.metadata_set) {
                Ok(truth) => return truth,
                Err(error) => {
                    self.over_bounds += usize::from(error.is_of_bounds());
                    format!(
                        "`metadata_condition` raised an error for the image `{name}`, which is left out: {error}"
                    )
                }
            }
        };
        let warning = Warning::new(WarningCode::ConditionFailed, message);
        self.warnings.push(warning.image(name).image_id(&image.id));
        false
    }

    /// What it raised for all the images.
    fn finish(self) -> Vec<Warning> {
        self.condition.rest();
        self.warnings
    }
}

/// The rule, other than `forcesyncs`, by which an image is wanted.
fn selected_by(
    image: &Image,
    inventory: &MasterInventory,
    rules: &SyncRules,
    evaluation: Option<&mut Evaluation<'_>>,
) -> Option<SelectedBy> {
    if is_obsolete(image) {
        return None;
    }
    if let Some(evaluation) = evaluation {
        let is_true = evaluation.is_true(image, inventory, rules);
        return is_true.then_some(SelectedBy::MetadataCondition);
    }
    if !image.visibility.is_public() {
        return None;
    }
    if rules.metadata_set.is_empty() {
        return Some(SelectedBy::Public);
    }
    let mut names = rules.metadata_set.iter();
    names
        .any(|name| image.properties.contains_key(name))
        .then_some(SelectedBy::MetadataSet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ImageId, Visibility};
    use crate::plan::fixture::{PROJECT, image, region_name, selection, set};
    use crate::plan::{RegionImages, build};

    fn names(selection: &Selection) -> Vec<&str> {
        selection
            .images
            .iter()
            .map(|image| image.master.name.as_str())
            .collect()
    }

    #[test]
    fn the_rule_that_selected_an_image_is_remembered() {
        let forced = image("forced").visibility(Visibility::Private).build();
        let master = [forced.clone(), image("public").property("nid", "1").build()];
        let by = |rules: &SyncRules| {
            let images = selection(&master, rules).images;
            images.iter().map(|image| image.by).collect::<Vec<_>>()
        };
        let mut rules = SyncRules {
            forcesyncs: [forced.id.clone()].into(),
            ..SyncRules::default()
        };
        assert_eq!(by(&rules), [SelectedBy::Forcesyncs, SelectedBy::Public]);
        rules.metadata_set = set(&["nid"]);
        assert_eq!(
            by(&rules),
            [SelectedBy::Forcesyncs, SelectedBy::MetadataSet]
        );
    }

    #[test]
    fn public_images_are_selected_by_default() {
        let master = [
            image("public").build(),
            image("private").visibility(Visibility::Private).build(),
            image("shared").visibility(Visibility::Shared).build(),
            image("gone_obsolete").build(),
        ];
        assert_eq!(
            names(&selection(&master, &SyncRules::default())),
            ["public"]
        );
    }

    #[test]
    fn metadata_set_asks_for_one_of_its_properties() {
        let master = [
            image("with nid").property("nid", "1").build(),
            image("with an empty type").property("type", "").build(),
            image("with another").property("os", "linux").build(),
        ];
        let rules = SyncRules {
            metadata_set: set(&["nid", "type"]),
            ..SyncRules::default()
        };
        assert_eq!(
            names(&selection(&master, &rules)),
            ["with an empty type", "with nid"]
        );
    }

    #[test]
    fn forcesyncs_selects_whatever_else_is_said_but_obsolete_images() {
        let id = "6e240dd4-e304-4599-b7d8-e38e13cef058";
        let other = "6e240dd4-e304-4599-b7d8-e38e13cef059";
        let master = [
            image("forced")
                .id(id)
                .visibility(Visibility::Private)
                .build(),
            image("old_obsolete").id(other).build(),
        ];
        let rules = SyncRules {
            forcesyncs: [ImageId::new(&id.to_uppercase()), ImageId::new(other)].into(),
            metadata_set: set(&["nid"]),
            ..SyncRules::default()
        };
        assert_eq!(names(&selection(&master, &rules)), ["forced"]);
    }

    #[test]
    fn forcesyncs_means_the_same_text_before_the_same_uuid() {
        let lower = "6e240dd4-e304-4599-b7d8-e38e13cef058";
        let upper = lower.to_uppercase();
        let private = |id: &str| image(id).id(id).visibility(Visibility::Private).build();
        let chosen = |ids: [&str; 2], entry: &str| {
            let rules = SyncRules {
                forcesyncs: [ImageId::new(entry)].into(),
                ..SyncRules::default()
            };
            let selection = selection(&ids.map(private), &rules);
            let names = selection.images.iter().map(|it| it.master.name.clone());
            names.collect::<Vec<_>>()
        };
        assert_eq!(chosen([lower, &upper], &upper), [upper.as_str()]);
        assert_eq!(chosen([lower, "other"], &upper), [lower]);
        assert_eq!(chosen(["other", &upper], &lower.replace('-', "")), [upper]);
    }

    #[test]
    fn the_condition_decides_alone_and_what_it_raises_leaves_the_image_out() {
        let inventory = MasterInventory::build(
            "Spain",
            vec![
                image("a")
                    .visibility(Visibility::Private)
                    .property("nid", "1")
                    .build(),
                image("b").build(),
                image("c").property("nid", "2").build(),
            ],
            PROJECT,
        );
        let condition = Condition::parse("int(image.user_properties['nid']) < 2").unwrap();
        let selection = Selection::choose(&inventory, &SyncRules::default(), Some(&condition));
        assert_eq!(names(&selection), ["a"]);
        assert!(selection.condition_failed());
        assert_eq!(selection.warnings.len(), 1);
        assert_eq!(selection.warnings[0].image.as_deref(), Some("b"));
    }

    #[test]
    fn a_condition_that_runs_away_is_evaluated_for_three_images_and_fails_all() {
        let listed = ('a'..='z').map(|name| image(&name.to_string()).build());
        let inventory = MasterInventory::build("Spain", listed.collect(), PROJECT);
        let condition = Condition::parse("'x' * 10 ** 10").unwrap();
        let selection = Selection::choose(&inventory, &SyncRules::default(), Some(&condition));
        assert_eq!(condition.evaluations(), OVER_BOUNDS_MAX);
        assert!(selection.images.is_empty());
        let failed = selection.warnings.iter();
        let failed: Vec<_> = failed
            .map(|warning| (warning.code, warning.image.as_deref()))
            .collect();
        assert_eq!(failed.len(), 26);
        assert_eq!(failed[25], (WarningCode::ConditionFailed, Some("z")));
        // One that merely raises says nothing of the others.
        let condition =
            Condition::parse("image.name == 'z' or image.user_properties['x']").unwrap();
        let selection = Selection::choose(&inventory, &SyncRules::default(), Some(&condition));
        assert_eq!(condition.evaluations(), 26);
        assert_eq!(names(&selection), ["z"]);
    }

    #[test]
    fn an_error_in_the_condition_marks_no_image_as_obsolete() {
        let base = image("b").build();
        let listed = vec![
            image("b_obsolete").content(base.content.clone()).build(),
            base.clone(),
        ];
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        let condition = Condition::parse("image.user_properties['nid']").unwrap();
        let rules = SyncRules::default();
        let selection = Selection::choose(&inventory, &rules, Some(&condition));
        let region = region_name();
        let images = RegionImages {
            region: &region,
            project_id: PROJECT,
            master: &crate::plan::fixture::MASTER,
            listed: std::slice::from_ref(&base),
            hidden: &[],
            installation: "",
            own_incomplete: crate::plan::OwnIncomplete::Leftovers,
            now: None,
        };
        assert!(build(&selection, &rules, &images).actions.is_empty());
    }
}
