//! The rules of one target, as its section of the configuration sets them.

use std::collections::BTreeSet;

use super::{ImageId, ListedHash, RetentionRules, SyncAttribute, WantedFormat};

/// A list of checksums which may also hold the word `any`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChecksumList {
    /// The list holds `any`.
    pub any: bool,
    /// The checksums that it names.
    pub checksums: BTreeSet<ListedHash>,
}

/// What decides, for one target, which images are selected and what is done when they differ.
///
/// The condition is no part of it: it is compiled code, and lives in the room `condition`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRules {
    /// Master images that are always selected.
    pub forcesyncs: BTreeSet<ImageId>,
    /// Checksums of a region's images that are replaced, the old image deleted.
    pub replace: ChecksumList,
    /// Checksums of a region's images that are replaced, the old image kept.
    pub rename: ChecksumList,
    /// Checksums of a region's images that stay as they are.
    pub dontupdate: BTreeSet<ListedHash>,
    /// Names of the properties that are synchronised; when empty, all are.
    pub metadata_set: BTreeSet<String>,
    /// What else is kept equal, beside public or not and the properties.
    pub sync_attributes: BTreeSet<SyncAttribute>,
    /// Names of the properties that an obsolete image takes over.
    pub obsolete_syncprops: BTreeSet<String>,
    /// Images of other projects do not count in a region.
    pub only_tenant_images: bool,
    /// Images named `<name>_obsolete` at the master are marked in the regions.
    pub support_obsolete_images: bool,
    /// In which format the regions get what the master has.
    pub disk_format: WantedFormat,
    /// Most images of a region that one run may replace or rename.
    pub max_replace: Option<usize>,
    /// What is done with images that nobody wants any more.
    pub retention: RetentionRules,
}

impl Default for SyncRules {
    fn default() -> Self {
        Self {
            forcesyncs: BTreeSet::new(),
            replace: ChecksumList::default(),
            rename: ChecksumList::default(),
            dontupdate: BTreeSet::new(),
            metadata_set: BTreeSet::new(),
            sync_attributes: BTreeSet::new(),
            obsolete_syncprops: BTreeSet::new(),
            only_tenant_images: true,
            support_obsolete_images: true,
            disk_format: WantedFormat::Keep,
            max_replace: None,
            retention: RetentionRules::default(),
        }
    }
}

impl SyncRules {
    /// True where hidden images of the master count like others.
    pub fn counts_hidden_masters(&self) -> bool {
        self.sync_attributes.contains(&SyncAttribute::OsHidden)
    }
}
