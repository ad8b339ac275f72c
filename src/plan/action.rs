//! What is done to one image: the steps of a plan, in the words of the events.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::change::MetadataChange;
use super::cleanup::Cleanup;
use crate::model::{
    ActionKind, ContentHash, ContentOrigin, DeliveryWay, ImageId, Properties, RegionName, Status,
    Visibility,
};

/// A kernel or ramdisk that an image refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartReference {
    /// `kernel_id` or `ramdisk_id`.
    pub property: &'static str,
    /// The part's name, the same in every region.
    pub part: String,
    /// Its id in this region; none where this very plan uploads it.
    pub image_id: Option<ImageId>,
}

/// A reference that is pointed at a part uploaded by this plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartChange {
    /// The value in the region now.
    pub from: Option<String>,
    /// What it is to refer to.
    #[serde(flatten)]
    pub to: PartReference,
}

/// An image of the region that refers to another as its kernel or ramdisk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Referrer {
    /// Its name.
    pub image: String,
    /// Its id.
    pub image_id: ImageId,
    /// `kernel_id` or `ramdisk_id`.
    pub property: &'static str,
}

/// The image of the region whose name a new image takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// Its id.
    pub image_id: ImageId,
    /// Who sees it before that.
    #[serde(skip)]
    pub visibility: Visibility,
    /// The configuration has it kept, private, as `<name>.old`; otherwise it is deleted.
    pub keep: bool,
    /// It is kept all the same, because that image refers to it as its kernel or ramdisk and stays
    /// as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed_by: Option<String>,
    /// Images that refer to it, which this plan points elsewhere or deletes: until then it stays.
    #[serde(skip)]
    pub referrers: Vec<Referrer>,
}

impl Replaced {
    /// It is kept under another name, for whatever reason.
    pub fn is_kept(&self) -> bool {
        self.keep || self.needed_by.is_some()
    }
}

/// How far an earlier run got with a new image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was created, and is without content.
    Queued,
    /// The region is importing its content.
    Importing,
    /// Its content is all there, and it is not published.
    Complete,
    /// It is published, and its old image was not dealt with.
    Published,
}

impl Stage {
    /// True where all of the content is in the region.
    pub fn is_there(self) -> bool {
        matches!(self, Self::Complete | Self::Published)
    }
}

/// An image that an earlier run had under way, and that is taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Its id.
    pub image_id: ImageId,
    /// How far it is.
    pub stage: Stage,
    /// Of a published one, the tags that stay when its old image is dealt with.
    #[serde(skip)]
    pub tags: BTreeSet<String>,
    /// Of a published one, what it is once that is done: other things about it are the next run's.
    #[serde(skip)]
    pub then: Status,
}

/// A new image: all that is carried over from the master's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "attributes that Glance has as such, one by one"
)]
pub struct Upload {
    /// Its name.
    pub image: String,
    /// The master's image.
    pub master_id: ImageId,
    /// What of an earlier run is taken up again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leftover: Option<Leftover>,
    /// The size of the content.
    pub size: u64,
    /// The bytes that the region stores in the end.
    #[serde(skip)]
    pub stored_size: u64,
    /// The bytes of content that are brought into the region: none where a leftover has them all.
    pub bytes: u64,
    /// The checksums that the content must have.
    pub content: ContentHash,
    /// The algorithm by which the region hashes, as far as its images tell.
    #[serde(skip)]
    pub region_algorithm: Option<String>,
    /// The algorithm by which the region hashes, where no hash of its kind is known of the content: it
    /// is made of what is sent.
    #[serde(skip)]
    pub hashed_as: Option<String>,
    /// Which way the content takes.
    pub delivery: DeliveryWay,
    /// Of a pull, the region that it is fetched from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<RegionName>,
    /// Where no region had a copy: it is fetched all the same should one have it by then.
    #[serde(skip)]
    pub may_be_pulled: bool,
    /// Where the content comes from, once that was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ContentOrigin>,
    /// The content is larger than the spool may become: it is fetched anew for regions that do not
    /// read it at the same time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub streamed: bool,
    /// The old image of that name, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaced>,
    /// Who sees it once it is published.
    pub visibility: Visibility,
    /// It is protected once it is published.
    pub protected: bool,
    /// It is hidden once it is published.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub os_hidden: bool,
    /// Its tags once it is published, less those of this program.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// As it is wanted: the master's, or raw.
    pub disk_format: Option<String>,
    /// The master's.
    #[serde(skip)]
    pub master_format: Option<String>,
    /// The master's.
    pub container_format: Option<String>,
    /// GiB.
    pub min_disk: u64,
    /// MiB.
    pub min_ram: u64,
    /// Its user properties, less kernel and ramdisk.
    pub properties: Properties,
    /// Its kernel and ramdisk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReference>,
}

/// One step of a plan. As JSON it has its word in `action`, beside its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Removes what an interrupted run left.
    DeleteLeftover {
        /// Its name.
        image: String,
        /// Its id.
        image_id: ImageId,
    },
    /// Renames an image of the region to `<name>_obsolete`, or brings one of that name up to date.
    MarkObsolete {
        /// The name with its suffix.
        image: String,
        /// Its id.
        image_id: ImageId,
        /// What is sent.
        change: MetadataChange,
    },
    /// Changes visibility or properties.
    UpdateMetadata {
        /// Its name.
        image: String,
        /// Its id.
        image_id: ImageId,
        /// What is sent.
        change: MetadataChange,
    },
    /// Creates an image, sends its content, publishes it, and deals with the old one.
    Upload(Box<Upload>),
    /// Points kernel and ramdisk at parts that this plan uploads.
    UpdateAmi {
        /// Its name.
        image: String,
        /// Its id.
        image_id: ImageId,
        /// What is re-pointed.
        parts: Vec<PartChange>,
    },
    /// Hides or deletes an image that nobody wants any more, after everything else.
    Cleanup(Cleanup),
}

/// A tag of an image that says nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untag {
    /// Its name.
    pub image: String,
    /// Its id.
    pub image_id: ImageId,
    /// The tags that stay.
    pub tags: BTreeSet<String>,
}

impl Action {
    /// The word of the events.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::DeleteLeftover { .. } => ActionKind::DeleteLeftover,
            Self::MarkObsolete { .. } => ActionKind::MarkObsolete,
            Self::UpdateMetadata { .. } => ActionKind::UpdateMetadata,
            Self::Upload(upload) => upload.kind(),
            Self::UpdateAmi { .. } => ActionKind::UpdateAmi,
            Self::Cleanup(cleanup) => cleanup.step.kind(),
        }
    }

    /// The name of the image that it is about.
    pub fn image(&self) -> &str {
        match self {
            Self::DeleteLeftover { image, .. }
            | Self::MarkObsolete { image, .. }
            | Self::UpdateMetadata { image, .. }
            | Self::UpdateAmi { image, .. } => image,
            Self::Upload(upload) => &upload.image,
            Self::Cleanup(cleanup) => &cleanup.image,
        }
    }

    /// The id of the region's image that is changed or taken up; none where a new one is made.
    pub fn image_id(&self) -> Option<&ImageId> {
        match self {
            Self::DeleteLeftover { image_id, .. }
            | Self::MarkObsolete { image_id, .. }
            | Self::UpdateMetadata { image_id, .. }
            | Self::UpdateAmi { image_id, .. } => Some(image_id),
            Self::Upload(upload) => upload.leftover.as_ref().map(|it| &it.image_id),
            Self::Cleanup(cleanup) => Some(&cleanup.image_id),
        }
    }

    /// The bytes of content that it brings into the region.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Upload(upload) => upload.bytes,
            _ => 0,
        }
    }

    /// Which way the content takes; none where it brings none.
    pub fn delivery(&self) -> Option<DeliveryWay> {
        match self {
            Self::Upload(upload) => upload.way(),
            _ => None,
        }
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// The fields of an action that changes an image of the region.
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Fields<'a> {
            Upload(&'a Upload),
            Existing {
                image: &'a str,
                image_id: &'a ImageId,
                #[serde(skip_serializing_if = "Option::is_none")]
                change: Option<&'a MetadataChange>,
                #[serde(skip_serializing_if = "Option::is_none")]
                parts: Option<&'a [PartChange]>,
            },
        }
        #[derive(Serialize)]
        struct Tagged<'a> {
            action: ActionKind,
            #[serde(flatten)]
            fields: Fields<'a>,
        }
        let fields = match self {
            Self::Upload(upload) => Fields::Upload(upload),
            Self::DeleteLeftover { image, image_id }
            | Self::Cleanup(Cleanup {
                image, image_id, ..
            }) => Fields::Existing {
                image,
                image_id,
                change: None,
                parts: None,
            },
            Self::MarkObsolete {
                image,
                image_id,
                change,
            }
            | Self::UpdateMetadata {
                image,
                image_id,
                change,
            } => Fields::Existing {
                image,
                image_id,
                change: Some(change),
                parts: None,
            },
            Self::UpdateAmi {
                image,
                image_id,
                parts,
            } => Fields::Existing {
                image,
                image_id,
                change: None,
                parts: Some(parts),
            },
        };
        let action = self.kind();
        Tagged { action, fields }.serialize(serializer)
    }
}

impl Upload {
    /// True where an earlier run has brought all of its content into the region.
    pub fn is_there(&self) -> bool {
        self.stage().is_some_and(Stage::is_there)
    }

    /// How far an earlier run got with it.
    pub fn stage(&self) -> Option<Stage> {
        self.leftover.as_ref().map(|leftover| leftover.stage)
    }

    /// Which way the content takes; none where an earlier run has brought all of it.
    pub fn way(&self) -> Option<DeliveryWay> {
        (!self.is_there()).then_some(self.delivery)
    }

    /// True where the region is to have another form of the content than the master.
    pub fn is_converted(&self) -> bool {
        self.disk_format != self.master_format
    }

    /// True where this host expands the content while it sends it.
    pub fn is_expanded_here(&self) -> bool {
        self.is_converted() && self.delivery == DeliveryWay::Upload
    }

    /// The format in which the image is created: where the region converts, it does so from the master's.
    pub fn created_format(&self) -> Option<&String> {
        match self.delivery {
            DeliveryWay::Upload => self.disk_format.as_ref(),
            DeliveryWay::Import | DeliveryWay::Pull => self.master_format.as_ref(),
        }
    }

    /// `upload`, `replace` or `rename`, by what happens to the old image.
    pub fn kind(&self) -> ActionKind {
        match &self.replaces {
            None => ActionKind::Upload,
            Some(old) if old.keep => ActionKind::Rename,
            Some(_) => ActionKind::Replace,
        }
    }
}
