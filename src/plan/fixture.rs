//! Images and rules for the tests of this module.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use md5::{Digest, Md5};

use super::{
    Action, MasterInventory, Plan, RegionImages, Selection, build, clean_up, find_orphans, tags,
};
use crate::model::{
    Checksum, ChecksumList, ContentHash, Image, ImageId, KERNEL_ID, ListedHash, MasterFingerprint,
    Properties, Provenance, RegionName, SyncRules, Visibility, Warning, WarningCode,
};

pub(crate) const INSTALLATION: &str = "this-installation";

pub(crate) const PROJECT: &str = "our-project";

/// The fingerprint of the master of [`selection`].
pub(crate) static MASTER: LazyLock<MasterFingerprint> =
    LazyLock::new(|| MasterFingerprint::new(PROJECT, "Spain"));

static NEXT: AtomicU32 = AtomicU32::new(1);

/// The md5 of a text, as a list holds it.
pub(crate) fn listed(text: &str) -> ListedHash {
    ListedHash::Md5(checksum(text))
}

/// The md5 of a text.
pub(crate) fn checksum(text: &str) -> Checksum {
    Checksum::from_digest(Md5::digest(text.as_bytes()).into())
}

pub(crate) fn content(text: &str) -> ContentHash {
    ContentHash::new(Some(checksum(text)), None)
}

/// Builds an image: own, active and public unless told otherwise; its content is told by its name.
pub(crate) struct ImageBuilder(Image);

pub(crate) fn image(name: &str) -> ImageBuilder {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    ImageBuilder(Image {
        id: ImageId::new(&format!("00000000-0000-4000-8000-{number:012}")),
        name: name.to_owned(),
        status: "active".to_owned().into(),
        visibility: Visibility::Public,
        owner: Some(PROJECT.to_owned()),
        content: content(name),
        size: Some(1000),
        disk_format: Some("qcow2".to_owned()),
        container_format: Some("bare".to_owned()),
        min_disk: 0,
        min_ram: 0,
        protected: false,
        os_hidden: false,
        tags: BTreeSet::new(),
        created_at: None,
        updated_at: None,
        provenance: None,
        properties: Properties::new(),
    })
}

impl ImageBuilder {
    pub(crate) fn build(self) -> Image {
        self.0
    }

    pub(crate) fn id(mut self, id: &str) -> Self {
        self.0.id = ImageId::new(id);
        self
    }

    pub(crate) fn size(mut self, bytes: u64) -> Self {
        self.0.size = Some(bytes);
        self
    }

    pub(crate) fn status(mut self, word: &str) -> Self {
        self.0.status = word.to_owned().into();
        self
    }

    pub(crate) fn owner(mut self, owner: Option<&str>) -> Self {
        self.0.owner = owner.map(ToOwned::to_owned);
        self
    }

    pub(crate) fn visibility(mut self, visibility: Visibility) -> Self {
        self.0.visibility = visibility;
        self
    }

    pub(crate) fn content(mut self, content: ContentHash) -> Self {
        self.0.content = content;
        self
    }

    pub(crate) fn hidden(mut self) -> Self {
        self.0.os_hidden = true;
        self
    }

    pub(crate) fn protected(mut self) -> Self {
        self.0.protected = true;
        self
    }

    pub(crate) fn tag(mut self, tag: &str) -> Self {
        self.0.tags.insert(tag.to_owned());
        self
    }

    /// Created and last changed so long before the time by the region's clock.
    pub(crate) fn hours_old(mut self, hours: i64) -> Self {
        self.0.created_at = Some(now() - TimeDelta::hours(hours));
        self.0.updated_at = self.0.created_at;
        self
    }

    /// On its way by the hand of that installation.
    pub(crate) fn incomplete(self, installation: &str) -> Self {
        self.tag(tags::INCOMPLETE)
            .tag(&tags::installation(installation))
            .visibility(Visibility::Private)
    }

    /// Without content.
    pub(crate) fn queued(mut self) -> Self {
        self.0.content = ContentHash::default();
        self.0.size = None;
        self.status("queued")
    }

    /// Published as a copy of that content of the master.
    pub(crate) fn copy_of(mut self, source: &ContentHash) -> Self {
        let provenance = Provenance::new(source, &self.0.content, &self.0.id, &MASTER);
        self.0.provenance = provenance.map(Box::new);
        self
    }

    pub(crate) fn property(mut self, name: &str, value: &str) -> Self {
        self.0.properties.insert(name.to_owned(), value.to_owned());
        self
    }
}

pub(crate) fn list(any: bool, contents: &[&str]) -> ChecksumList {
    ChecksumList {
        any,
        checksums: contents.iter().map(|text| listed(text)).collect(),
    }
}

/// Rules that replace whatever differs.
pub(crate) fn replace_all() -> SyncRules {
    SyncRules {
        replace: list(true, &[]),
        ..SyncRules::default()
    }
}

/// A region's `m` and `k`, both with old content; `m` refers to `k` as its kernel.
pub(crate) fn outdated_pair() -> [Image; 2] {
    let kernel = image("k").content(content("old")).build();
    let machine = image("m")
        .content(content("old"))
        .property(KERNEL_ID, kernel.id.as_str())
        .build();
    [machine, kernel]
}

pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A region's plan from the master's and the region's lists.
pub(crate) fn plan(master: &[Image], region: &[Image], rules: &SyncRules) -> Plan {
    plan_with_hidden(master, region, &[], rules)
}

/// The plan for a region without hidden images.
pub(crate) fn plan_of(selection: &Selection, region: &[Image], rules: &SyncRules) -> Plan {
    build(
        selection,
        rules,
        &region_images(&region_name(), region, &[]),
    )
}

pub(crate) fn plan_with_hidden(
    master: &[Image],
    region: &[Image],
    hidden: &[Image],
    rules: &SyncRules,
) -> Plan {
    let selection = selection(master, rules);
    let name = region_name();
    build(&selection, rules, &region_images(&name, region, hidden))
}

/// The same with what nobody wants any more, for one target alone.
pub(crate) fn cleaned_up(
    master: &[Image],
    region: &[Image],
    hidden: &[Image],
    rules: &SyncRules,
) -> Plan {
    let inventory = MasterInventory::build("Spain", master.to_vec(), PROJECT);
    let selection = Selection::choose(&inventory, rules, None);
    let name = region_name();
    let images = region_images(&name, region, hidden);
    let mut plan = build(&selection, rules, &images);
    let orphans = find_orphans(&selection, rules, &images, &inventory);
    clean_up(&mut plan, orphans, &selection, rules, &images, |_| false);
    plan
}

/// The ids of the images that are hidden or deleted because nobody wants them any more, in order.
pub(crate) fn cleanups(plan: &Plan) -> Vec<&ImageId> {
    let cleanups = plan.actions.iter().filter_map(|action| match action {
        Action::Cleanup(cleanup) => Some(&cleanup.image_id),
        _ => None,
    });
    cleanups.collect()
}

pub(crate) fn region_images<'a>(
    name: &'a RegionName,
    listed: &'a [Image],
    hidden: &'a [Image],
) -> RegionImages<'a> {
    RegionImages {
        region: name,
        project_id: PROJECT,
        master: &MASTER,
        listed,
        hidden,
        installation: INSTALLATION,
        own_incomplete: crate::plan::OwnIncomplete::Leftovers,
        now: Some(now()),
    }
}

pub(crate) fn selection(master: &[Image], rules: &SyncRules) -> Selection {
    let inventory = MasterInventory::build("Spain", master.to_vec(), PROJECT);
    Selection::choose(&inventory, rules, None)
}

/// The time by the region's clock.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

pub(crate) fn region_name() -> RegionName {
    "Trento".parse().unwrap()
}

pub(crate) fn codes(warnings: &[Warning]) -> Vec<WarningCode> {
    warnings.iter().map(|warning| warning.code).collect()
}

/// `status name` of every image, in order.
pub(crate) fn statuses(plan: &Plan) -> Vec<String> {
    plan.images
        .iter()
        .map(|state| format!("{} {}", state.status, state.image))
        .collect()
}

/// `kind name` of every action, in order.
pub(crate) fn actions(plan: &Plan) -> Vec<String> {
    plan.actions
        .iter()
        .map(|action| format!("{} {}", action.kind(), action.image()))
        .collect()
}
