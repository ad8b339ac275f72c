//! What the contract says of an image, in the plainest way: slow, without any index or order.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::model::{
    Image, ImageId, ImageStatus, KERNEL_ID, RAMDISK_ID, Status, SyncAttribute, is_user_property,
};
use crate::plan::fixture::{PROJECT, now};
use crate::plan::tags;

use super::fleet::Fleet;

pub(super) const PARTS: [&str; 2] = [KERNEL_ID, RAMDISK_ID];

pub(super) struct Oracle<'a> {
    pub(super) fleet: &'a Fleet,
    /// The region's images, newest first.
    region: &'a [Image],
}

impl<'a> Oracle<'a> {
    pub(super) fn new(fleet: &'a Fleet, region: &'a [Image]) -> Self {
        Self { fleet, region }
    }

    /// The master's images that count, those of names that occur twice among them.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &'a Image> {
        self.fleet.master.iter().filter(|image| {
            image.status == ImageStatus::Active
                && image.is_own(PROJECT)
                && (!image.os_hidden || self.is_hidden_and_counts(image))
                && !image.name.is_empty()
                && !image.content.is_unknown()
        })
    }

    /// No other own image of the master has its name, and hidden ones are asked for.
    fn is_hidden_and_counts(&self, image: &Image) -> bool {
        let mut all = self.fleet.master.iter();
        self.syncs(SyncAttribute::OsHidden)
            && !all.any(|it| it.name == image.name && it.id != image.id && it.is_own(PROJECT))
    }

    pub(super) fn syncs(&self, attribute: SyncAttribute) -> bool {
        self.fleet.rules.sync_attributes.contains(&attribute)
    }

    pub(super) fn inventory(&self) -> impl Iterator<Item = &'a Image> {
        self.candidates()
            .filter(|image| self.candidates().filter(|i| i.name == image.name).count() == 1)
    }

    pub(super) fn is_selected(&self, image: &Image) -> bool {
        let rules = &self.fleet.rules;
        if image.name.ends_with("_obsolete") {
            false
        } else if rules.forcesyncs.contains(&image.id) {
            true
        } else {
            image.visibility.is_public()
                && (rules.metadata_set.is_empty()
                    || rules
                        .metadata_set
                        .iter()
                        .any(|name| image.properties.contains_key(name) && is_user_property(name)))
        }
    }

    /// Ascending by size, then name.
    pub(super) fn selected(&self) -> Vec<&'a Image> {
        let mut selected: Vec<_> = self
            .inventory()
            .filter(|image| self.is_selected(image))
            .collect();
        selected.sort_by_key(|image| (image.size.unwrap_or(0), image.name.clone()));
        selected
    }

    /// True where the image is not passed over.
    pub(super) fn counts(&self, image: &Image) -> bool {
        self.fleet.may_count(image)
            && image.status.is_present()
            && !image.tags.contains(tags::INCOMPLETE)
    }

    /// Images of that name that are not passed over, hidden ones too.
    pub(super) fn all_present(&self, name: &str) -> Vec<&'a Image> {
        let all = self.region.iter();
        all.filter(|image| image.name == name && self.counts(image))
            .collect()
    }

    /// Images of that name that count, of which one is taken.
    pub(super) fn present(&self, name: &str) -> Vec<&'a Image> {
        let all = self.all_present(name);
        let listed: Vec<_> = all.iter().copied().filter(|i| !i.os_hidden).collect();
        if listed.is_empty() { all } else { listed }
    }

    /// The one that is taken: where a hidden one has taken its place, that.
    pub(super) fn matched(&self, master: &Image) -> Option<&'a Image> {
        let old = self.preferred(master)?;
        let mut hidden = self.region.iter().filter(|image| image.os_hidden);
        let new = hidden.find(|new| {
            new.name == old.name
                && self.counts(new)
                && new.is_own(PROJECT)
                && new.status == ImageStatus::Active
                && new.tags.contains(&tags::replaces(&old.id))
        });
        let may_be = self.syncs(SyncAttribute::OsHidden) && !old.os_hidden && !master.os_hidden;
        Some(new.filter(|_| may_be).unwrap_or(old))
    }

    /// The best of those of its name. Of an image that the master hides, the region's may be hidden too:
    /// were another taken, the next run would hide that as well.
    pub(super) fn preferred(&self, master: &Image) -> Option<&'a Image> {
        let mut present = if master.os_hidden {
            self.all_present(&master.name)
        } else {
            self.present(&master.name)
        };
        present.sort_by_key(|image| {
            (
                !image.is_own(PROJECT),
                !image.content.is_same_content(&master.content),
                master.os_hidden && !image.os_hidden,
            )
        });
        present.first().copied()
    }

    /// The inventory's image that a reference of a master image stands for; none where it has none.
    #[expect(
        clippy::option_option,
        reason = "no reference, and a reference to nothing, are two things"
    )]
    pub(super) fn part(&self, master: &Image, property: &str) -> Option<Option<&'a Image>> {
        let id = ImageId::new(master.properties.get(property)?);
        Some(self.inventory().find(|image| image.id == id))
    }

    fn parts(&self, master: &Image) -> Vec<&'a Image> {
        PARTS
            .into_iter()
            .filter_map(|property| self.part(master, property).flatten())
            .filter(|part| self.is_selected(part))
            .collect()
    }

    fn is_in_circle(&self, master: &Image) -> bool {
        let mut reached = self.parts(master);
        for _ in 0..self.fleet.master.len() {
            let further: Vec<_> = reached.iter().flat_map(|part| self.parts(part)).collect();
            reached.extend(further);
            reached.sort_by(|a, b| a.id.cmp(&b.id));
            reached.dedup();
        }
        reached.iter().any(|part| part.id == master.id)
    }

    /// The image whose place the one that is taken took, where that still has the name.
    pub(super) fn unfinished(&self, master: &Image) -> Option<&'a Image> {
        let new = self.matched(master)?;
        if !new.is_own(PROJECT) || new.status != ImageStatus::Active {
            return None;
        }
        self.region.iter().find(|old| {
            new.tags.contains(&tags::replaces(&old.id))
                && old.id != new.id
                && old.name == new.name
                && old.status == ImageStatus::Active
                && self.counts(old)
        })
    }

    pub(super) fn status(&self, master: &Image) -> Status {
        if let Some(old) = self.unfinished(master) {
            return if self.lacks_a_part(master) {
                Status::ErrorAmi
            } else if self.conflict(old) == Status::PendingReplace {
                Status::PendingReplace
            } else {
                Status::PendingRename
            };
        }
        let found = self.matched(master);
        let same = found.is_some_and(|image| image.content.is_same_content(&master.content));
        let conflict = found.filter(|_| !same).map(|image| self.conflict(image));
        match conflict {
            Some(status @ (Status::OkStalledChecksum | Status::ErrorChecksum)) => return status,
            _ if same && found.is_some_and(is_deactivated) => return Status::Ok,
            _ => {}
        }
        if self.lacks_a_part(master) {
            return Status::ErrorAmi;
        }
        let Some(found) = found else {
            return Status::PendingUpload;
        };
        if let Some(status) = conflict {
            return status;
        }
        if self.parts(master).iter().any(|part| self.is_awaited(part)) {
            return Status::PendingAmi;
        }
        if self.metadata_differs(master, found) {
            return Status::PendingMetadata;
        }
        Status::Ok
    }

    /// Its content is still to be sent. A deactivated image is never replaced: it is there.
    fn is_awaited(&self, part: &Image) -> bool {
        self.status(part).needs_content() && !self.matched(part).is_some_and(is_deactivated)
    }

    fn lacks_a_part(&self, master: &Image) -> bool {
        let is_unavailable = |property| match self.part(master, property) {
            None => false,
            Some(None) => true,
            Some(Some(part)) => {
                !self.is_selected(part)
                    || self.is_in_circle(master)
                    || self.status(part) == Status::ErrorAmi
            }
        };
        PARTS.into_iter().any(is_unavailable)
    }

    fn conflict(&self, image: &Image) -> Status {
        let rules = &self.fleet.rules;
        let hash = image.content.listed();
        let hash = hash.as_ref();
        let replace = if image.protected {
            Status::PendingRename
        } else {
            Status::PendingReplace
        };
        if hash.is_some_and(|hash| rules.dontupdate.contains(hash)) {
            Status::OkStalledChecksum
        } else if hash.is_some_and(|hash| rules.rename.checksums.contains(hash)) {
            Status::PendingRename
        } else if hash.is_some_and(|hash| rules.replace.checksums.contains(hash)) {
            replace
        } else if rules.rename.any {
            Status::PendingRename
        } else if rules.replace.any {
            replace
        } else {
            Status::ErrorChecksum
        }
    }

    /// An image that stays refers to it, or one that stays because it is needed itself.
    pub(super) fn is_needed(&self, old: &Image) -> bool {
        self.is_needed_by_others(old, &mut Vec::new())
    }

    fn is_needed_by_others(&self, old: &Image, asked: &mut Vec<ImageId>) -> bool {
        asked.push(old.id.clone());
        self.region.iter().any(|image| {
            !asked.contains(&image.id)
                && refers(image, &old.id)
                && match self.status_of(image) {
                    Some(Status::PendingMetadata | Status::PendingAmi) => false,
                    Some(Status::PendingReplace) if !is_deactivated(image) => {
                        self.is_needed_by_others(image, asked)
                    }
                    _ => !self.is_pointed_elsewhere(image, &old.id),
                }
        })
    }

    /// A published image whose old one is left gets its kernel and ramdisk all the same.
    fn is_pointed_elsewhere(&self, image: &Image, old: &ImageId) -> bool {
        let selected = self.selected();
        let Some(master) = selected.iter().find(|master| master.name == image.name) else {
            return false;
        };
        self.unfinished(master).is_some()
            && self.status(master).is_pending()
            && self.matched(master).is_some_and(|new| new.id == image.id)
            && PARTS.into_iter().all(|property| {
                let value = image.properties.get(property).map(|id| ImageId::new(id));
                value.as_ref() != Some(old)
                    || self
                        .part(master, property)
                        .flatten()
                        .is_some_and(|part| self.is_awaited(part))
            })
    }

    /// The status of the master's image for which an image of the region counts; where that has
    /// taken another's place already, of the other.
    fn status_of(&self, image: &Image) -> Option<Status> {
        let selected = self.selected();
        let master = selected.iter().find(|master| master.name == image.name)?;
        let counts = self.unfinished(master).or(self.matched(master))?;
        (counts.id == image.id).then(|| self.status(master))
    }

    fn attributes_differ(&self, master: &Image, found: &Image) -> bool {
        SyncAttribute::ALL.into_iter().any(|attribute| {
            self.syncs(attribute)
                && match attribute {
                    SyncAttribute::Visibility => master.visibility != found.visibility,
                    SyncAttribute::MinDisk => master.min_disk != found.min_disk,
                    SyncAttribute::MinRam => master.min_ram != found.min_ram,
                    SyncAttribute::Protected => master.protected != found.protected,
                    SyncAttribute::OsHidden => master.os_hidden != found.os_hidden,
                    SyncAttribute::Tags => labels(&master.tags) != labels(&found.tags),
                }
        })
    }

    fn metadata_differs(&self, master: &Image, found: &Image) -> bool {
        let rules = &self.fleet.rules;
        let is_compared = |name: &str| {
            !PARTS.contains(&name)
                && (rules.metadata_set.is_empty() || rules.metadata_set.contains(name))
        };
        let mut names: Vec<&String> = master.properties.keys().collect();
        names.extend(found.properties.keys());
        let reference_differs = |property| {
            let wanted = self
                .part(master, property)
                .map(|part| part.and_then(|part| self.matched(part)).map(|i| &i.id));
            let actual = found.properties.get(property).map(|id| ImageId::new(id));
            wanted.map(Option::<&_>::cloned) != actual.map(Some)
        };
        master.visibility.is_public() != found.visibility.is_public()
            || self.attributes_differ(master, found)
            || names.into_iter().any(|name| {
                is_compared(name) && master.properties.get(name) != found.properties.get(name)
            })
            || PARTS.into_iter().any(reference_differs)
    }
}

/// The tags that are not this program's.
pub(super) fn labels(tags: &BTreeSet<String>) -> BTreeSet<&String> {
    let others = tags.iter();
    others
        .filter(|tag| !tag.starts_with("glancesync-"))
        .collect()
}

/// True where an image that is complete has that kernel or ramdisk.
pub(super) fn refers(image: &Image, part: &ImageId) -> bool {
    image.status.is_present()
        && !image.tags.contains(tags::INCOMPLETE)
        && PARTS.into_iter().any(|property| {
            image
                .properties
                .get(property)
                .is_some_and(|value| ImageId::new(value) == *part)
        })
}

pub(super) fn is_deactivated(image: &Image) -> bool {
    image.status == ImageStatus::Deactivated
}

/// On its way by this installation, or by another two days ago.
pub(super) fn is_abandoned(image: &Image) -> bool {
    tags::is_incomplete(image)
        && image.is_own(PROJECT)
        && image
            .tags
            .iter()
            .any(|tag| tag.starts_with("glancesync-by:"))
        && !is_under_way(image)
}

/// On its way by another installation, lately.
pub(super) fn is_under_way(image: &Image) -> bool {
    let is_young = image.created_at > Some(now() - TimeDelta::hours(24));
    tags::is_incomplete(image)
        && image.tags.contains("glancesync-by:another-installation")
        && is_young
}
