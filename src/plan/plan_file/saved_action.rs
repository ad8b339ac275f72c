//! An action as a saved plan has it: what it touches, and what it makes of that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::SavedValue;
use crate::model::{ActionKind, DeliveryWay, ImageId, Properties, SyncAttribute, redact_urls};
use crate::plan::cleanup::{CleanupStep, Shown};
use crate::plan::metadata::is_part;
use crate::plan::tags::is_ours;
use crate::plan::{Action, MetadataChange, PartReference, Plan, Upload};

/// One action of a saved plan. What follows `parts` is for people: nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedAction {
    /// What is done.
    pub action: ActionKind,
    /// To the image of that name.
    pub image: String,
    /// The region's image that is changed or taken up; none where a new one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
    /// Of a new image, what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<SavedContent>,
    /// The image whose name a new one takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_image: Option<SavedOldImage>,
    /// The attributes that result, by name: all of a new image, else those that change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, SavedValue>,
    /// The properties that result, less kernel and ramdisk.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, SavedValue>,
    /// Kernel and ramdisk that result, by property.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, SavedPart>,
    /// Bytes of content that come into the region.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// Which way they were to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryWay>,
    /// The region that they were to be fetched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why it was to be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What a new image holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedContent {
    /// The master's image.
    pub master_id: ImageId,
    /// Its hash, as the lists of the configuration take it.
    pub hash: String,
    /// Bytes.
    pub size: u64,
}

/// The image whose name a new one takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedOldImage {
    /// Its id.
    pub image_id: ImageId,
    /// It stays under the name `<name>.old`; else it is deleted.
    pub kept: bool,
}

/// A kernel or ramdisk that an image comes to refer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPart {
    /// Its name; none where the region's image refers to it by an id that no selected image has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Its id in the region; none where the plan itself uploads it, or nothing is referred to any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

impl SavedAction {
    /// An action of a region's plan, as it is saved.
    pub fn new(action: &Action, plan: &Plan) -> Self {
        let mut saved = Self {
            action: action.kind(),
            image: action.image().to_owned(),
            image_id: action.image_id().cloned(),
            content: None,
            old_image: None,
            attributes: BTreeMap::new(),
            properties: BTreeMap::new(),
            parts: BTreeMap::new(),
            bytes: action.bytes(),
            delivery: action.delivery(),
            from: None,
            why: why(action, plan),
        };
        match action {
            Action::DeleteLeftover { .. } => {}
            Action::MarkObsolete { change, .. } | Action::UpdateMetadata { change, .. } => {
                saved.take_change(change, plan);
            }
            Action::Upload(upload) => saved.take_upload(upload),
            Action::UpdateAmi { parts, .. } => {
                for change in parts {
                    saved.take_part(&change.to);
                }
            }
            Action::Cleanup(cleanup) => {
                if let CleanupStep::ShowAgain(shown) = cleanup.step {
                    let shown = (shown == Shown::Always).then_some(SavedValue::Flag(false));
                    let hidden = SyncAttribute::OsHidden.as_str().to_owned();
                    saved.attributes.extend(shown.map(|shown| (hidden, shown)));
                }
            }
        }
        saved
    }

    fn take_upload(&mut self, upload: &Upload) {
        let listed = upload.content.listed();
        self.content = Some(SavedContent {
            master_id: upload.master_id.clone(),
            hash: listed.map_or_else(String::new, |hash| hash.to_string()),
            size: upload.size,
        });
        self.old_image = upload.replaces.as_ref().map(|old| SavedOldImage {
            image_id: old.image_id.clone(),
            kept: old.is_kept(),
        });
        self.from = upload.from.as_ref().map(ToString::to_string);
        let text = |value: &Option<String>| SavedValue::of_property(value.as_deref());
        let visibility = SavedValue::Text(upload.visibility.to_string());
        for (name, value) in [
            ("visibility", visibility),
            ("protected", SavedValue::Flag(upload.protected)),
            ("os_hidden", SavedValue::Flag(upload.os_hidden)),
            ("tags", tags(&upload.tags)),
            ("min_disk", SavedValue::Number(upload.min_disk)),
            ("min_ram", SavedValue::Number(upload.min_ram)),
            ("disk_format", text(&upload.disk_format)),
            ("container_format", text(&upload.container_format)),
        ] {
            self.attributes.insert(name.to_owned(), value);
        }
        self.take_properties(&upload.properties);
        for part in &upload.parts {
            self.take_part(part);
        }
    }

    fn take_properties(&mut self, properties: &Properties) {
        let all = properties.iter();
        let all = all.map(|(name, value)| (name.clone(), SavedValue::text(value)));
        self.properties.extend(all);
    }

    fn take_part(&mut self, part: &PartReference) {
        let saved = SavedPart {
            part: Some(part.part.clone()),
            image_id: part.image_id.clone(),
        };
        self.parts.insert(part.property.to_owned(), saved);
    }

    fn take_change(&mut self, change: &MetadataChange, plan: &Plan) {
        let attributes = &change.attributes;
        let name = change.name.as_ref().map(|it| SavedValue::text(&it.to));
        let visibility = attributes.visibility.as_ref();
        let visibility = visibility.map(|it| SavedValue::Text(it.to.to_string()));
        let number =
            |it: &Option<crate::plan::Change<u64>>| it.as_ref().map(|it| SavedValue::Number(it.to));
        let flag =
            |it: &Option<crate::plan::Change<bool>>| it.as_ref().map(|it| SavedValue::Flag(it.to));
        for (key, value) in [
            ("name", name),
            ("visibility", visibility),
            ("protected", flag(&attributes.protected)),
            ("os_hidden", flag(&attributes.os_hidden)),
            ("tags", attributes.tags.as_ref().map(|it| tags(&it.to))),
            ("min_disk", number(&attributes.min_disk)),
            ("min_ram", number(&attributes.min_ram)),
        ] {
            self.attributes
                .extend(value.map(|value| (key.to_owned(), value)));
        }
        for (name, change) in &change.properties {
            if is_part(name) {
                let image_id = change.to.as_deref().map(ImageId::new);
                let mut states = plan.images.iter();
                let part = states.find(|it| image_id.is_some() && it.image_id == image_id);
                let part = part.map(|state| state.image.clone());
                self.parts
                    .insert(name.clone(), SavedPart { part, image_id });
            } else {
                let value = SavedValue::of_property(change.to.as_deref());
                self.properties.insert(name.clone(), value);
            }
        }
    }

    /// True for a change of an image that stays: what it is called depends on whether its parts are there.
    pub(super) fn is_change(&self) -> bool {
        matches!(
            self.action,
            ActionKind::UpdateMetadata | ActionKind::UpdateAmi
        )
    }
}

/// The tags that result, less those of this program.
fn tags<'a>(tags: impl IntoIterator<Item = &'a String>) -> SavedValue {
    let tags = tags.into_iter().filter(|tag| !is_ours(tag));
    SavedValue::Many(tags.map(|tag| SavedValue::text(tag)).collect())
}

fn why(action: &Action, plan: &Plan) -> String {
    let is_of_state = !matches!(
        action,
        Action::DeleteLeftover { .. } | Action::MarkObsolete { .. } | Action::Cleanup(_)
    );
    let mut states = plan.images.iter();
    let state = states.find(|state| is_of_state && state.image == action.image());
    let reason = state.map_or_else(String::new, |state| state.reason.to_string());
    redact_urls(&reason).into_owned()
}
