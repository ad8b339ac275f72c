//! The master inventory: the master region's own images that count, built once for a run. What is
//! still on its way there, by the hand of another installation, does not. Hidden ones count for the
//! targets alone that ask for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::tags;
use crate::model::{
    Image, ImageId, ImageStatus, MasterFingerprint, SyncRules, Warning, WarningCode,
};

/// What counts at the master: own, `active`, not incomplete, with a name of its own and a checksum; and not
/// hidden, but for [`MasterInventory::of_rules`].
#[derive(Debug, Clone, Default)]
pub struct MasterInventory {
    /// The master region's bare name.
    pub region: String,
    /// Which master it is, as the provenance of copies names it.
    pub fingerprint: MasterFingerprint,
    /// Ascending by size, then name.
    pub images: Vec<Arc<Image>>,
    /// Names that occur more than once, and are dropped altogether.
    pub duplicated: BTreeSet<String>,
    /// How many own images do not count, by why.
    pub passed_over: BTreeMap<PassedOver, usize>,
    /// What to say while it is built.
    pub warnings: Vec<Warning>,
    by_id: HashMap<ImageId, usize>,
    /// All images that the master listed, whether they count or not.
    listed: Arc<HashMap<ImageId, Listed>>,
    /// How many own images of each name the master listed, whether they count or not.
    names: Arc<HashMap<String, Namesakes>>,
    /// What hidden images come to, where they count too.
    hidden: Counted,
}

/// Which of some images count.
#[derive(Debug, Clone, Default)]
struct Counted {
    images: Vec<Arc<Image>>,
    duplicated: BTreeSet<String>,
    passed_over: BTreeMap<PassedOver, usize>,
    warnings: Vec<Warning>,
}

/// Why an own image of the master does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedOver {
    /// It has no name.
    Nameless,
    /// It is hidden.
    Hidden,
    /// It was deactivated.
    Deactivated,
    /// It is `queued`, `saving` and the like.
    NotActive,
    /// Its content is a volume or a snapshot of its own region.
    VolumeBacked,
    /// It has neither checksum.
    NoChecksum,
    /// Another image has its name.
    DuplicateName,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nameless => "without a name",
            Self::Hidden => "hidden",
            Self::Deactivated => "deactivated",
            Self::NotActive => "not active yet",
            Self::VolumeBacked => "backed by a volume",
            Self::NoChecksum => "without a checksum",
            Self::DuplicateName => "of names that occur twice",
        })
    }
}

/// How many images do not count and why, in words: `1 hidden, 2 deactivated`.
pub fn passed_over_text(passed_over: &BTreeMap<PassedOver, usize>) -> String {
    let reasons = passed_over.iter();
    let reasons: Vec<_> = reasons
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    reasons.join(", ")
}

/// Why an image does not count, whatever others there are.
fn why_not(image: &Image) -> Option<PassedOver> {
    match image.status {
        ImageStatus::Active => {}
        ImageStatus::Deactivated => return Some(PassedOver::Deactivated),
        _ => return Some(PassedOver::NotActive),
    }
    if image.name.is_empty() {
        Some(PassedOver::Nameless)
    } else if is_volume_backed(image) {
        Some(PassedOver::VolumeBacked)
    } else if image.content.is_unknown() {
        Some(PassedOver::NoChecksum)
    } else {
        None
    }
}

/// True where `block_device_mapping` names a volume or a snapshot, as of a server that boots from a
/// volume: the image has no content of its own then.
fn is_volume_backed(image: &Image) -> bool {
    let mapping = image.properties.get("block_device_mapping");
    let devices = mapping.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let names_one = |device: &Value| {
        let ids = ["volume_id", "snapshot_id"].map(|key| device[key].as_str());
        ids.into_iter().flatten().any(|id| !id.is_empty())
    };
    let devices = devices.as_ref().and_then(Value::as_array);
    devices.is_some_and(|devices| devices.iter().any(names_one))
}

/// What is kept of every image that the master listed.
#[derive(Debug, Clone)]
struct Listed {
    name: String,
    created_at: Option<DateTime<Utc>>,
}

impl Listed {
    fn of(image: &Image) -> Self {
        Self {
            name: image.name.clone(),
            created_at: image.created_at,
        }
    }
}

/// How many own images of the master have a name, in whatever status.
#[derive(Debug, Clone, Copy, Default)]
struct Namesakes {
    visible: usize,
    hidden: usize,
}

impl Namesakes {
    fn total(self) -> usize {
        self.visible + self.hidden
    }
}

impl Counted {
    /// Passes over what does not count, and what has a name that others of these have.
    fn of(images: Vec<Image>) -> Self {
        let mut counted = Self::default();
        let mut by_name: BTreeMap<String, Vec<Image>> = BTreeMap::new();
        for image in images {
            let Some(why) = why_not(&image) else {
                by_name.entry(image.name.clone()).or_default().push(image);
                continue;
            };
            counted.pass_over(why, 1);
            match why {
                PassedOver::NoChecksum => counted.warnings.push(no_checksum(&image)),
                PassedOver::VolumeBacked => counted.warnings.push(volume_backed(&image)),
                _ => {}
            }
        }
        counted
            .warnings
            .sort_by(|a, b| (&a.image, &a.image_id).cmp(&(&b.image, &b.image_id)));
        for (name, mut same) in by_name {
            match same.pop() {
                Some(only) if same.is_empty() => counted.images.push(Arc::new(only)),
                _ => {
                    counted.pass_over(PassedOver::DuplicateName, same.len() + 1);
                    counted.warnings.push(duplicate(&name, same.len() + 1));
                    counted.duplicated.insert(name);
                }
            }
        }
        counted
    }

    /// Of the hidden ones, those of whose name the master has no other own image.
    fn of_hidden(hidden: Vec<Image>, names: &HashMap<String, Namesakes>) -> Self {
        let of_name = |name: &str| names.get(name).copied().unwrap_or_default();
        let (alone, others): (Vec<Image>, Vec<Image>) = hidden
            .into_iter()
            .partition(|image| image.name.is_empty() || of_name(&image.name).total() == 1);
        let mut counted = Self::of(alone);
        for image in others {
            let namesakes = of_name(&image.name);
            if namesakes.visible > 0 {
                counted.pass_over(PassedOver::Hidden, 1);
                continue;
            }
            counted.pass_over(PassedOver::DuplicateName, 1);
            if counted.duplicated.insert(image.name.clone()) {
                let warning = duplicate(&image.name, namesakes.total());
                counted.warnings.push(warning);
            }
        }
        counted
    }

    fn pass_over(&mut self, why: PassedOver, times: usize) {
        *self.passed_over.entry(why).or_default() += times;
    }
}

impl MasterInventory {
    /// Takes the master region's list, with its hidden images where they were asked for, and the id of the
    /// credential's project.
    pub fn build(region: &str, listed: Vec<Image>, project_id: &str) -> Self {
        let all = listed.iter();
        let all = all.map(|image| (image.id.clone(), Listed::of(image)));
        let all = Arc::new(all.collect());
        let own = listed.into_iter().filter(|it| it.is_own(project_id));
        let mut names: HashMap<String, Namesakes> = HashMap::new();
        let mut own: Vec<Image> = own.collect();
        for image in &own {
            let namesakes = names.entry(image.name.clone()).or_default();
            if image.os_hidden {
                namesakes.hidden += 1;
            } else {
                namesakes.visible += 1;
            }
        }
        own.retain(|image| !tags::is_incomplete(image));
        let (hidden, visible): (Vec<Image>, Vec<Image>) =
            own.into_iter().partition(|image| image.os_hidden);
        let mut counted = Counted::of(visible);
        if !hidden.is_empty() {
            counted.pass_over(PassedOver::Hidden, hidden.len());
        }
        let mut inventory = Self {
            region: region.to_owned(),
            fingerprint: MasterFingerprint::new(project_id, region),
            images: counted.images,
            duplicated: counted.duplicated,
            passed_over: counted.passed_over,
            warnings: counted.warnings,
            by_id: HashMap::new(),
            listed: all,
            hidden: Counted::of_hidden(hidden, &names),
            names: Arc::new(names),
        };
        inventory.put_in_order();
        inventory
    }

    /// The inventory as it is for a target with these rules: with the hidden images where they ask for
    /// them.
    pub fn of_rules(&self, rules: &SyncRules) -> Cow<'_, Self> {
        if rules.counts_hidden_masters() {
            Cow::Owned(self.with_hidden())
        } else {
            Cow::Borrowed(self)
        }
    }

    /// The inventory in which hidden images count too.
    #[must_use]
    pub fn with_hidden(&self) -> Self {
        let mut all = self.clone();
        let hidden = std::mem::take(&mut all.hidden);
        all.images.extend(hidden.images);
        all.duplicated.extend(hidden.duplicated);
        all.warnings.extend(hidden.warnings);
        all.passed_over.remove(&PassedOver::Hidden);
        for (why, times) in hidden.passed_over {
            *all.passed_over.entry(why).or_default() += times;
        }
        all.put_in_order();
        all
    }

    fn put_in_order(&mut self) {
        self.images
            .sort_by(|a, b| (a.bytes(), &a.name).cmp(&(b.bytes(), &b.name)));
        let images = self.images.iter().enumerate();
        self.by_id = images
            .map(|(index, image)| (image.id.clone(), index))
            .collect();
    }

    /// The image of that id, if it counts.
    pub fn by_id(&self, id: &ImageId) -> Option<&Image> {
        self.by_id.get(id).map(|index| &*self.images[*index])
    }

    /// How many own images of that name the master listed, in whatever status; hidden ones among them where
    /// they were asked for.
    pub(super) fn own_images_of(&self, name: &str) -> usize {
        self.names
            .get(name)
            .map_or(0, |namesakes| namesakes.total())
    }

    /// The ids of the master's images that an operator means by those of a list: the same text or,
    /// where the master has none of that text, the same UUID in another spelling.
    pub fn meant_by(&self, ids: &BTreeSet<ImageId>) -> BTreeSet<ImageId> {
        let mut meant = BTreeSet::new();
        for id in ids {
            if self.listed.contains_key(id) {
                meant.insert(id.clone());
            } else {
                let listed = self.listed.keys();
                meant.extend(listed.filter(|other| other.is_same_uuid(id)).cloned());
            }
        }
        meant
    }

    /// The name under which the master lists an image, whether it counts or not; none where the
    /// image is unknown or nameless.
    pub fn listed_name(&self, id: &ImageId) -> Option<&str> {
        self.listed
            .get(id)
            .map(|listed| listed.name.as_str())
            .filter(|name| !name.is_empty())
    }

    /// The first of these images of a region that is one of the master's: its id and the time of its
    /// creation are the same. Such a region is the master, however it was reached.
    pub fn find_own<'a>(
        &self,
        images: impl IntoIterator<Item = (&'a ImageId, Option<DateTime<Utc>>)>,
    ) -> Option<&'a ImageId> {
        let is_own = |id: &ImageId, created_at: Option<DateTime<Utc>>| {
            let listed = self.listed.get(id);
            created_at.is_some() && listed.is_some_and(|own| own.created_at == created_at)
        };
        let mut images = images.into_iter();
        images.find_map(|(id, created_at)| is_own(id, created_at).then_some(id))
    }
}

fn volume_backed(image: &Image) -> Warning {
    Warning::new(
        WarningCode::VolumeBacked,
        format!(
            "the master's image `{}` ({}) has no content of its own: its `block_device_mapping` names a volume or a snapshot of its region, so it is left out",
            image.name, image.id
        ),
    )
    .image(&image.name)
    .image_id(&image.id)
}

fn no_checksum(image: &Image) -> Warning {
    Warning::new(
        WarningCode::NoChecksum,
        format!(
            "the master's image `{}` ({}) has no checksum, so no copy of it could be verified: it is left out",
            image.name, image.id
        ),
    )
    .image(&image.name)
    .image_id(&image.id)
}

fn duplicate(name: &str, times: usize) -> Warning {
    Warning::new(
        WarningCode::DuplicateMasterName,
        format!(
            "the master region has {times} images named `{name}`: none of them is synchronised; rename or delete all but one"
        ),
    )
    .image(name)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;
    use crate::model::{ContentHash, SyncAttribute};
    use crate::plan::fixture::{PROJECT, image};

    fn names(inventory: &MasterInventory) -> Vec<&str> {
        inventory.images.iter().map(|i| i.name.as_str()).collect()
    }

    #[test]
    fn only_own_active_visible_images_with_a_name_count() {
        let listed = vec![
            image("good").size(7).build(),
            image("without owner").owner(None).size(3).build(),
            image("foreign").owner(Some("somebody")).build(),
            image("queued").status("queued").build(),
            image("deactivated").status("deactivated").build(),
            image("hidden").hidden().build(),
            image("on its way").tag(tags::INCOMPLETE).build(),
            image("").build(),
        ];
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        assert_eq!(names(&inventory), ["without owner", "good"]);
        assert!(inventory.warnings.is_empty());
    }

    #[test]
    fn a_region_with_an_image_of_the_masters_is_the_master() {
        let at = |hour: u32| Some(Utc.with_ymd_and_hms(2026, 1, 2, hour, 0, 0).unwrap());
        let of = |id: &str, created_at| Image {
            created_at,
            ..image("a").id(id).status("queued").build()
        };
        let inventory =
            MasterInventory::build("Spain", vec![of("x", at(3)), of("y", None)], PROJECT);
        let find = |image: &Image| inventory.find_own([(&image.id, image.created_at)]).cloned();
        assert_eq!(find(&of("x", at(3))), Some(ImageId::new("x")));
        for other in [
            of("x", at(4)),
            of("x", None),
            of("X", at(3)),
            of("y", None),
            of("z", at(3)),
        ] {
            assert_eq!(find(&other), None, "{other:?}");
        }
    }

    #[test]
    fn what_does_not_count_is_counted_by_why() {
        let mapped = |mapping: &str| {
            image(mapping)
                .property("block_device_mapping", mapping)
                .build()
        };
        let listed = vec![
            mapped(r#"[{"source_type": "snapshot", "snapshot_id": "s", "volume_id": null}]"#),
            mapped(r#"[{"volume_id": "v"}]"#),
            mapped(r#"[{"source_type": "blank", "snapshot_id": ""}]"#),
            mapped("no json"),
            image("queued").status("queued").build(),
            image("stopped").status("deactivated").build(),
            image("").build(),
            image("foreign").owner(Some("somebody")).build(),
            image("twice").build(),
            image("twice").build(),
        ];
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        assert_eq!(inventory.images.len(), 2);
        assert_eq!(
            passed_over_text(&inventory.passed_over),
            "1 without a name, 1 deactivated, 1 not active yet, 2 backed by a volume, 2 of names that occur twice"
        );
        let codes: Vec<_> = inventory.warnings.iter().map(|it| it.code).collect();
        let backed = WarningCode::VolumeBacked;
        assert_eq!(codes, [backed, backed, WarningCode::DuplicateMasterName]);
    }

    #[test]
    fn a_name_that_occurs_twice_is_dropped_with_one_warning() {
        let listed = vec![
            image("twice").build(),
            image("once").build(),
            image("twice").build(),
            image("twice").build(),
        ];
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        assert_eq!(names(&inventory), ["once"]);
        assert_eq!(inventory.warnings.len(), 1);
        assert_eq!(inventory.warnings[0].code, WarningCode::DuplicateMasterName);
        assert!(inventory.duplicated.contains("twice"));
    }

    #[test]
    fn an_image_whose_size_nobody_knows_is_ordered_as_the_empty_one_that_reports_show() {
        let unsized_image = Image {
            size: None,
            ..image("b").build()
        };
        let listed = vec![
            unsized_image,
            image("c").size(0).build(),
            image("a").size(0).build(),
        ];
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        assert_eq!(names(&inventory), ["a", "b", "c"]);
    }

    #[test]
    fn what_does_not_count_makes_no_duplicate() {
        let listed = vec![
            image("name").build(),
            image("name").owner(Some("somebody")).build(),
            image("name").content(ContentHash::default()).build(),
        ];
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        assert_eq!(names(&inventory), ["name"]);
        assert_eq!(inventory.warnings.len(), 1);
        assert_eq!(inventory.warnings[0].code, WarningCode::NoChecksum);
    }

    #[test]
    fn hidden_images_count_for_those_that_ask_where_no_other_own_image_has_their_name() {
        let listed = vec![
            image("visible").build(),
            image("alone").hidden().build(),
            image("foreign namesake").hidden().build(),
            image("foreign namesake").owner(Some("somebody")).build(),
            image("visible").hidden().build(),
            image("queued namesake").hidden().build(),
            image("queued namesake").queued().build(),
            image("on its way").hidden().build(),
            image("on its way").tag(tags::INCOMPLETE).build(),
            image("twice").hidden().build(),
            image("twice").hidden().build(),
            image("queued").hidden().queued().build(),
        ];
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        assert_eq!(names(&inventory), ["visible"]);
        assert!(inventory.warnings.is_empty());
        assert_eq!(inventory.passed_over[&PassedOver::Hidden], 8);
        assert!(matches!(
            inventory.of_rules(&SyncRules::default()),
            Cow::Borrowed(_)
        ));
        let rules = SyncRules {
            sync_attributes: [SyncAttribute::OsHidden].into(),
            ..SyncRules::default()
        };
        let all = inventory.of_rules(&rules);
        assert_eq!(names(&all), ["alone", "foreign namesake", "visible"]);
        assert_eq!(all.warnings.len(), 1);
        assert_eq!(all.warnings[0].image.as_deref(), Some("twice"));
        assert_eq!(
            passed_over_text(&all.passed_over),
            "3 hidden, 2 not active yet, 2 of names that occur twice"
        );
        assert!(
            all.images
                .iter()
                .all(|image| all.by_id(&image.id).is_some())
        );
    }
}
