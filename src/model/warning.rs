//! What a run found that somebody should look at, although nothing failed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ImageId, ListedHash, TargetName};

/// The public code of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// A name occurs twice at the master, and is dropped altogether.
    DuplicateMasterName,
    /// A name occurs twice in a region.
    DuplicateRegionName,
    /// Another project owns an image of a selected name.
    ForeignOwner,
    /// The content of an image of the master is a volume or a snapshot of its own region.
    VolumeBacked,
    /// An image of the master has neither checksum.
    NoChecksum,
    /// A file of the state is damaged and partly ignored.
    StateDamaged,
    /// An image of a selected name is not `active`.
    ImageNotActive,
    /// Another checksum, and no list says what to do.
    ChecksumConflict,
    /// Another checksum, which `dontupdate` holds.
    StalledChecksum,
    /// An obsolete image of the master was passed over.
    ObsoleteIgnored,
    /// A kernel or ramdisk is unavailable.
    AmiMissing,
    /// The condition raised for an image.
    ConditionFailed,
    /// A protected image was kept where it would have been deleted.
    ProtectedImage,
    /// Glance would not delete an image that is in use.
    ImageInUse,
    /// An image that an interrupted run left.
    LeftoverImage,
    /// Another installation published the same image meanwhile.
    PublishedElsewhere,
    /// An image of a selected name has provenance for another content than it has.
    ProvenanceBroken,
    /// A region refused the properties of provenance; the image was published without.
    ProvenanceRefused,
    /// A region could not fetch a content from another region; it is uploaded.
    PullFailed,
    /// What a region got could not be verified a short time ago, so it is not tried again yet.
    NotRetried,
    /// The old image of a replacement is shared with projects that the new one is not shared with.
    MembersLost,
    /// An image has the master's content in another format than wanted.
    OtherFormat,
    /// An orphan that was hidden is shown again by somebody, and is left alone.
    OrphanKept,
    /// The master region was named as a destination.
    MasterRegionSkipped,
    /// A file with a secret can be read by others.
    ConfigPermissions,
    /// A secret was given on the command line, which everybody on the machine can read.
    SecretOnCommandLine,
    /// A key that no section knows.
    UnknownKey,
    /// A key that occurs twice.
    DuplicateKey,
    /// An entry of a list that is neither a UUID nor a checksum.
    BadValue,
    /// A target without a usable credential, which the run does not use.
    NoCredential,
    /// The master has no image at all: nothing is done anywhere.
    EmptyInventory,
    /// A name of the configuration or a glob of `--image` that nothing answers to.
    NoMatch,
    /// No image at all is selected for a target.
    EmptySelection,
    /// The server's certificate is not verified.
    InsecureConnection,
    /// The state folder could not be written; the run goes on without it.
    StateUnwritable,
    /// A log file could not be written; the run goes on without it.
    LogUnwritable,
    /// Content from the master's Glance cannot be kept on disk; it goes through memory.
    SpoolUnwritable,
    /// A file in `images_dir` has not the content of the master's image; Glance is asked for it.
    WrongFile,
}

impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One spelling for both: serde's.
        self.serialize(f)
    }
}

/// A warning: its code, a sentence for a person, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// The public code.
    pub code: WarningCode,
    /// A whole sentence: what was found, and what to do.
    pub message: String,
    /// The image's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image's id in the region where it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
    /// The project that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The checksum that was found, as the lists of the configuration take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<ListedHash>,
    /// The name of the missing part or, where it has none, its UUID at the master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// How many projects lose an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<usize>,
    /// The target that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetName>,
}

impl Warning {
    /// A warning about nothing in particular.
    pub fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            image: None,
            image_id: None,
            owner: None,
            checksum: None,
            missing: None,
            members: None,
            target: None,
        }
    }

    /// The same, about the image of that name.
    #[must_use]
    pub fn image(mut self, name: impl Into<String>) -> Self {
        self.image = Some(name.into());
        self
    }

    /// The same, about the image of that id.
    #[must_use]
    pub fn image_id(mut self, id: &ImageId) -> Self {
        self.image_id = Some(id.clone());
        self
    }

    /// The same, with the owner.
    #[must_use]
    pub fn owner(mut self, owner: Option<&str>) -> Self {
        self.owner = owner.map(ToOwned::to_owned);
        self
    }

    /// The same, with the checksum.
    #[must_use]
    pub fn checksum(mut self, checksum: Option<ListedHash>) -> Self {
        self.checksum = checksum;
        self
    }

    /// The same, with how many projects lose the image.
    #[must_use]
    pub fn members(mut self, members: usize) -> Self {
        self.members = Some(members);
        self
    }

    /// The same, about the target.
    #[must_use]
    pub fn target(mut self, target: &TargetName) -> Self {
        self.target = Some(target.clone());
        self
    }

    /// The same, with the missing part.
    #[must_use]
    pub fn missing(mut self, part: impl Into<String>) -> Self {
        self.missing = Some(part.into());
        self
    }
}
