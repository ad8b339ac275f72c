//! A backup against its region: what of each image's metadata differs, what of that can be put back,
//! and what cannot. Images are matched by their id, for a backup is of this very region. Attributes
//! are compared as Glance's JSON has them.
//!
//! Nothing is created or deleted, and no content is touched: an image that is gone stays gone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Change, tags};
use crate::model::{ImageId, KERNEL_ID, RAMDISK_ID, RegionName, is_provenance, is_user_property};

/// What Glance lets one change of an image with content (Image API v2, "Update image").
const CHANGEABLE: [&str; 7] = [
    "name",
    "visibility",
    "min_disk",
    "min_ram",
    "protected",
    "tags",
    "os_hidden",
];

/// What is different by nature, or no more than a way to say what another attribute says.
const UNCOMPARED: [&str; 9] = [
    "id",
    "created_at",
    "updated_at",
    "deleted",
    "deleted_at",
    "self",
    "file",
    "schema",
    "virtual_size",
];

/// Properties that a credential may hold although they are not carried between regions: within one
/// region they mean what they meant.
const LOCAL_PREFIXES: [&str; 2] = ["img_signature", "cinder_encryption_key"];

/// All attributes of an image, as Glance gave them.
pub type Attributes = Map<String, Value>;

/// What differs between a region and a backup of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestorePlan {
    /// The region.
    pub region: RegionName,
    /// The images of the backup of which something differs, in its order.
    pub images: Vec<ImageRestore>,
    /// Images of the backup that are as they were.
    pub unchanged: usize,
    /// Images of the region that the backup does not hold; they are left alone.
    pub not_in_backup: usize,
}

/// What differs of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageRestore {
    /// Its name in the backup; empty where it had none.
    pub image: String,
    /// Its id.
    pub image_id: ImageId,
    /// What is put back, by attribute or property; no value stands for an absent one.
    pub changes: BTreeMap<String, Change<Option<Value>>>,
    /// What differs and cannot be put back.
    pub kept: BTreeMap<String, Unrestorable>,
    /// Why the image is left as it is altogether.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Skipped>,
}

/// A difference that cannot be put back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unrestorable {
    /// The two values.
    #[serde(flatten)]
    pub change: Change<Option<Value>>,
    /// Why it cannot be put back.
    pub why: UnrestorableReason,
}

/// Why a difference cannot be put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnrestorableReason {
    /// Glance lets nobody change it.
    Fixed,
    /// The kernel or ramdisk that it referred to is gone.
    PartGone,
}

/// Why an image is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Skipped {
    /// It is not in the region any more.
    Gone {
        /// The image that has its name now.
        #[serde(skip_serializing_if = "Option::is_none")]
        namesake: Option<ImageId>,
    },
    /// Another project owns it.
    Foreign {
        /// Its id.
        owner: String,
    },
    /// A run has not finished it.
    Incomplete,
    /// It has another name now, and its old one is another image's, as after a replacement.
    NameTaken {
        /// That image.
        by: ImageId,
    },
}

impl ImageRestore {
    /// True where something is put back.
    pub fn is_wanted(&self) -> bool {
        self.left.is_none() && !self.changes.is_empty()
    }
}

impl RestorePlan {
    /// The images of which something is put back.
    pub fn wanted(&self) -> impl Iterator<Item = &ImageRestore> {
        self.images.iter().filter(|image| image.is_wanted())
    }

    /// Compares a region with its backup. Both lists are as Glance gave them, without user names and
    /// passwords in URLs. `project_id` is the credential's project, whose images alone are changed
    /// unless `only_own` is false.
    pub fn compare(
        region: &RegionName,
        saved: &[Attributes],
        present: &[Attributes],
        project_id: &str,
        only_own: bool,
    ) -> Self {
        let by_id: BTreeMap<ImageId, &Attributes> = present
            .iter()
            .filter_map(|image| Some((id_of(image)?, image)))
            .collect();
        let mut seen = BTreeSet::new();
        let mut images = Vec::new();
        for (id, image) in saved
            .iter()
            .filter_map(|image| Some((id_of(image)?, image)))
        {
            if seen.insert(id.clone()) {
                images.push(match by_id.get(&id) {
                    Some(now) => difference(id, image, now, project_id, only_own, &by_id),
                    None => gone(id, image, present),
                });
            }
        }
        let all = images.len();
        images.retain(|image| {
            !image.changes.is_empty() || !image.kept.is_empty() || image.left.is_some()
        });
        leave_taken_names(&mut images, &by_id);
        Self {
            region: region.clone(),
            unchanged: all - images.len(),
            not_in_backup: by_id.keys().filter(|id| !seen.contains(*id)).count(),
            images,
        }
    }
}

fn id_of(image: &Attributes) -> Option<ImageId> {
    image.get("id")?.as_str()?.parse().ok()
}

fn text<'a>(image: &'a Attributes, name: &str) -> &'a str {
    image.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn gone(image_id: ImageId, saved: &Attributes, present: &[Attributes]) -> ImageRestore {
    let name = text(saved, "name");
    let namesake = present
        .iter()
        .find(|image| !name.is_empty() && text(image, "name") == name)
        .and_then(id_of);
    ImageRestore {
        image: name.to_owned(),
        image_id,
        changes: BTreeMap::new(),
        kept: BTreeMap::new(),
        left: Some(Skipped::Gone { namesake }),
    }
}

fn difference(
    image_id: ImageId,
    saved: &Attributes,
    now: &Attributes,
    project_id: &str,
    only_own: bool,
    present: &BTreeMap<ImageId, &Attributes>,
) -> ImageRestore {
    let mut image = ImageRestore {
        image: text(saved, "name").to_owned(),
        image_id,
        changes: BTreeMap::new(),
        kept: BTreeMap::new(),
        left: None,
    };
    let names: BTreeSet<&String> = saved.keys().chain(now.keys()).collect();
    for name in names {
        let Some(change) = change_of(name, saved, now) else {
            continue;
        };
        let why = if !is_attribute(name) && !is_property(name) {
            Some(UnrestorableReason::Fixed)
        } else if is_part_gone(name, change.to.as_ref(), present) {
            Some(UnrestorableReason::PartGone)
        } else {
            None
        };
        match why {
            Some(why) => drop(
                image
                    .kept
                    .insert(name.clone(), Unrestorable { change, why }),
            ),
            None => drop(image.changes.insert(name.clone(), change)),
        }
    }
    if image.changes.is_empty() {
        return image;
    }
    let owner = text(now, "owner");
    image.left = if tags_of(now).contains(tags::INCOMPLETE) {
        Some(Skipped::Incomplete)
    } else if only_own && !owner.is_empty() && owner != project_id {
        Some(Skipped::Foreign {
            owner: owner.to_owned(),
        })
    } else {
        None
    };
    image
}

/// True for what every image has, in contrast to a property.
pub fn is_attribute(name: &str) -> bool {
    CHANGEABLE.contains(&name)
}

/// True for custom properties, which one may set, change and take off.
fn is_property(name: &str) -> bool {
    is_user_property(name) || LOCAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What is to become of an attribute; nothing where it is as it was, or where one of the two
/// releases of Glance does not know it.
fn change_of(name: &str, saved: &Attributes, now: &Attributes) -> Option<Change<Option<Value>>> {
    if UNCOMPARED.contains(&name) || is_provenance(name) {
        return None;
    }
    let (from, mut to) = (now.get(name), saved.get(name).cloned());
    if !is_property(name) && (from.is_none() || to.is_none()) {
        return None;
    }
    // Of a property, null says that it is not there.
    let from = from.filter(|value| !(is_property(name) && value.is_null()));
    to = to.filter(|value| !(is_property(name) && value.is_null()));
    if name == "tags" {
        let mut wanted: BTreeSet<String> = tags_of(saved);
        let mut found = tags_of(now);
        // What a run has on its way is told by these tags: old ones must not come back, and present
        // ones must not go.
        wanted.retain(|tag| !tags::is_ours(tag));
        wanted.extend(found.iter().filter(|tag| tags::is_ours(tag)).cloned());
        if wanted == std::mem::take(&mut found) {
            return None;
        }
        to = Some(wanted.into_iter().collect());
    }
    (from != to.as_ref()).then(|| Change {
        from: from.cloned(),
        to,
    })
}

fn tags_of(image: &Attributes) -> BTreeSet<String> {
    let tags = image.get("tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(Value::as_str);
    tags.map(ToOwned::to_owned).collect()
}

/// True where a reference would lead to an image that is not there. What is not a UUID is not looked up.
fn is_part_gone(name: &str, to: Option<&Value>, present: &BTreeMap<ImageId, &Attributes>) -> bool {
    (name == KERNEL_ID || name == RAMDISK_ID)
        && to
            .and_then(Value::as_str)
            .is_some_and(|id| !id.is_empty() && !present.contains_key(&ImageId::new(id)))
}

/// Leaves alone what would share its old name with another image that keeps that name, until nothing
/// changes any more: of two images that changed their names with one another both get them back.
fn leave_taken_names(images: &mut [ImageRestore], present: &BTreeMap<ImageId, &Attributes>) {
    loop {
        let renamed: BTreeSet<ImageId> = images
            .iter()
            .filter(|image| image.is_wanted() && image.changes.contains_key("name"))
            .map(|image| image.image_id.clone())
            .collect();
        let mut is_settled = true;
        for image in images
            .iter_mut()
            .filter(|image| renamed.contains(&image.image_id))
        {
            let by = present.iter().find(|(id, other)| {
                **id != image.image_id
                    && !image.image.is_empty()
                    && text(other, "name") == image.image
                    && !renamed.contains(*id)
            });
            if let Some((by, _)) = by {
                image.left = Some(Skipped::NameTaken { by: by.clone() });
                is_settled = false;
            }
        }
        if is_settled {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn image(value: Value) -> Attributes {
        let Value::Object(mut fields) = value else {
            panic!("{value}");
        };
        fields.entry("owner").or_insert(json!("own"));
        fields.entry("status").or_insert(json!("active"));
        fields
    }

    fn compare(saved: &[Attributes], present: &[Attributes]) -> RestorePlan {
        RestorePlan::compare(&"Trento".parse().unwrap(), saved, present, "own", true)
    }

    /// `name: from -> to` of each change.
    fn changes(image: &ImageRestore) -> Vec<String> {
        let word = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        let changes = image.changes.iter();
        changes
            .map(|(name, change)| format!("{name}: {} -> {}", word(&change.from), word(&change.to)))
            .collect()
    }

    #[test]
    fn what_differs_is_put_back_and_nothing_else() {
        let saved = image(
            json!({"id": "a", "name": "a", "visibility": "public", "min_disk": 2,
            "tags": ["y", "x"], "nid": "7", "gone": "1", "empty": null, "updated_at": "1"}),
        );
        let now = image(
            json!({"id": "a", "name": "b", "visibility": "private", "min_disk": 2,
            "tags": ["x", "y"], "nid": "8", "new": "2", "updated_at": "2", "os_hidden": false}),
        );
        let plan = compare(std::slice::from_ref(&saved), &[now]);
        assert_eq!(
            changes(&plan.images[0]),
            [
                "gone: - -> \"1\"",
                "name: \"b\" -> \"a\"",
                "new: \"2\" -> -",
                "nid: \"8\" -> \"7\"",
                "visibility: \"private\" -> \"public\""
            ]
        );
        assert!(plan.images[0].kept.is_empty());
        let same = compare(std::slice::from_ref(&saved), std::slice::from_ref(&saved));
        assert_eq!((same.images.len(), same.unchanged), (0, 1));
    }

    #[test]
    fn what_glance_lets_nobody_change_is_said_and_left() {
        let saved = image(
            json!({"id": "a", "name": "a", "checksum": "1", "size": 1, "owner": "x",
            "status": "active", "os_hash_value": "1", "os_glance_x": "1", "disk_format": "raw"}),
        );
        let now = image(json!({"id": "a", "name": "a", "checksum": "2", "size": 1,
            "status": "deactivated", "os_hash_value": "2", "disk_format": "qcow2"}));
        let plan = compare(&[saved], &[now]);
        let kept: Vec<_> = plan.images[0].kept.keys().map(String::as_str).collect();
        assert_eq!(
            kept,
            [
                "checksum",
                "disk_format",
                "os_hash_value",
                "owner",
                "status"
            ]
        );
        assert!(!plan.images[0].is_wanted());
    }

    #[test]
    fn gone_foreign_and_unfinished_images_are_left() {
        let saved = [
            image(json!({"id": "1", "name": "replaced"})),
            image(json!({"id": "2", "name": "away"})),
            image(json!({"id": "3", "name": "theirs", "k": "1"})),
            image(json!({"id": "4", "name": "incomplete", "k": "1", "tags": []})),
        ];
        let present = [
            image(json!({"id": "9", "name": "replaced"})),
            image(json!({"id": "3", "name": "theirs", "owner": "them"})),
            image(json!({"id": "4", "name": "incomplete", "tags": ["glancesync-incomplete"]})),
        ];
        let plan = compare(&saved, &present);
        let left: Vec<_> = plan.images.iter().map(|image| image.left.clone()).collect();
        let namesake = Some(ImageId::new("9"));
        assert_eq!(
            left,
            [
                Some(Skipped::Gone { namesake }),
                Some(Skipped::Gone { namesake: None }),
                Some(Skipped::Foreign {
                    owner: "them".to_owned()
                }),
                Some(Skipped::Incomplete),
            ]
        );
        assert_eq!(plan.wanted().count(), 0);
        assert_eq!(plan.not_in_backup, 1);
        let region = "Trento".parse().unwrap();
        let all = RestorePlan::compare(&region, &saved, &present, "own", false);
        assert_eq!(all.wanted().count(), 1);
    }

    #[test]
    fn a_name_is_not_taken_from_the_image_that_has_it_now() {
        let saved = [
            image(json!({"id": "1", "name": "x"})),
            image(json!({"id": "2", "name": "p"})),
            image(json!({"id": "3", "name": "q"})),
        ];
        let present = [
            image(json!({"id": "1", "name": "x.old"})),
            image(json!({"id": "8", "name": "x"})),
            image(json!({"id": "2", "name": "q"})),
            image(json!({"id": "3", "name": "p"})),
        ];
        let plan = compare(&saved, &present);
        let by = ImageId::new("8");
        assert_eq!(plan.images[0].left, Some(Skipped::NameTaken { by }));
        // These two changed their names with one another.
        assert_eq!(plan.wanted().count(), 2);
    }

    #[test]
    fn the_tags_of_images_on_their_way_neither_come_nor_go() {
        let saved = image(json!({"id": "a", "name": "a",
            "tags": ["x", "glancesync-incomplete", "glancesync-by:1"]}));
        let now = image(json!({"id": "a", "name": "a", "tags": ["glancesync-replaces:2"]}));
        let plan = compare(&[saved], &[now]);
        assert_eq!(
            plan.images[0].changes["tags"].to,
            Some(json!(["glancesync-replaces:2", "x"]))
        );
    }

    #[test]
    fn a_reference_to_a_part_that_is_gone_is_not_put_back() {
        let saved = image(json!({"id": "a", "name": "a", "kernel_id": "k", "ramdisk_id": "r"}));
        let now = image(json!({"id": "a", "name": "a", "kernel_id": "other"}));
        let plan = compare(&[saved], &[now, image(json!({"id": "r", "name": "r"}))]);
        assert_eq!(changes(&plan.images[0]), ["ramdisk_id: - -> \"r\""]);
        assert_eq!(
            plan.images[0].kept["kernel_id"].why,
            UnrestorableReason::PartGone
        );
    }

    fn any_image() -> impl Strategy<Value = Attributes> {
        let value = prop_oneof![
            Just(Value::Null),
            prop::sample::select(vec!["1", "2", "k"]).prop_map(Value::from),
        ];
        let names = [
            "visibility",
            "min_disk",
            "tags",
            "checksum",
            "nid",
            "kernel_id",
            "status",
            "owner",
            "os_glance_x",
            "img_signature",
            "updated_at",
            "protected",
        ];
        let fields = prop::collection::btree_map(prop::sample::select(names.to_vec()), value, 0..8);
        (0..4_u8, 0..3_u8, fields).prop_map(|(id, name, fields)| {
            let mut image = Attributes::new();
            image.insert("name".to_owned(), json!(format!("n{name}")));
            image.extend(
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value)),
            );
            image.insert("id".to_owned(), json!(format!("{id}")));
            image
        })
    }

    proptest! {
        #[test]
        fn what_was_put_back_needs_no_second_time(
            saved in prop::collection::vec(any_image(), 0..5),
            present in prop::collection::vec(any_image(), 0..5),
        ) {
            let mut seen = BTreeSet::new();
            let mut present = present;
            present.retain(|image| seen.insert(id_of(image)));
            let plan = compare(&saved, &present);
            for image in plan.wanted() {
                let now = present.iter_mut().find(|now| id_of(now) == Some(image.image_id.clone()));
                let now = now.expect("only what is there is changed");
                for (name, change) in &image.changes {
                    prop_assert!(CHANGEABLE.contains(&name.as_str()) || is_property(name));
                    prop_assert_ne!(&change.from, &change.to);
                    let found = now.get(name).cloned();
                    prop_assert!(found == change.from || found == Some(Value::Null));
                    match &change.to {
                        Some(value) => drop(now.insert(name.clone(), value.clone())),
                        None => drop(now.remove(name)),
                    }
                }
            }
            let again = compare(&saved, &present);
            prop_assert_eq!(again.wanted().count(), 0, "{:?}", again);
        }
    }
}
