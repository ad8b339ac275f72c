//! A region as data: its Glance, its store, and what it answers otherwise than usual.

use serde::{Deserialize, Serialize};

use super::import::ImportSpec;
use crate::sandbox::fault::Fault;
use crate::sandbox::seed::ImageSeed;

/// One region: a Glance v2 with a store of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegionSpec {
    /// The region's name in the catalogue.
    pub name: String,
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Makes this no region of its own but another name in the catalogue for the Glance of that
    /// region, `keystone:Region` or `Region`. Everything else here is then ignored.
    pub is_same_content: Option<String>,
    /// What is appended to the endpoint URL in the catalogue: `/`, `/v2` …
    pub endpoint_suffix: String,
    /// The URL in the catalogue, instead of the usual one; `{port}` stands for the region's port.
    pub endpoint: Option<String>,
    /// The ids of its stores, the default one first.
    pub stores: Vec<String>,
    /// Whether content may be sent by `PUT …/file`.
    pub upload: UploadPolicy,
    /// Which imports it takes, and what its plugins make of them.
    pub imports: ImportSpec,
    /// What may be stored.
    pub limits: StoreLimits,
    /// Whether and how content is kept.
    pub content: ContentMode,
    /// Which hashes images get.
    pub hashes: HashSpec,
    /// How the ids are written that Glance itself gives to images. An id that is asked for is
    /// kept as it was written.
    pub ids: Letters,
    /// Whether answers have a `Date`.
    pub date: DateHeader,
    /// Whether the deployment ships Glance's `schema-image.json`, which takes `kernel_id` and
    /// `ramdisk_id` as a UUID or null only.
    pub schema_image_json: bool,
    /// Whether content is compared with `disk_format` (`require_image_format_match`).
    pub inspect_format: bool,
    /// Roles that may make an image public (`publicize_image`).
    pub publicize_roles: Vec<String>,
    /// Seconds without a byte after which an upload is given up.
    pub stall_timeout_secs: u64,
    /// Images that are there from the start.
    pub images: Vec<ImageSeed>,
    /// Faults of this region from its start.
    pub faults: Vec<Fault>,
}

impl Default for RegionSpec {
    fn default() -> Self {
        Self {
            name: "RegionOne".to_owned(),
            port: 0,
            is_same_content: None,
            endpoint_suffix: String::new(),
            endpoint: None,
            stores: vec!["local".to_owned()],
            upload: UploadPolicy::default(),
            imports: ImportSpec::default(),
            limits: StoreLimits::default(),
            content: ContentMode::default(),
            hashes: HashSpec::default(),
            ids: Letters::default(),
            date: DateHeader::default(),
            schema_image_json: true,
            inspect_format: true,
            publicize_roles: vec!["admin".to_owned()],
            stall_timeout_secs: 60,
            images: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl RegionSpec {
    /// A region of that name with Glance's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Adds an image.
    #[must_use]
    pub fn image(mut self, image: ImageSeed) -> Self {
        self.images.push(image);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// Glance's limits; what goes beyond one is answered with 413.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreLimits {
    /// Bytes of one image (`image_size_cap`).
    pub image_size_cap: u64,
    /// Bytes of all images of one project (`user_storage_quota`); none means no limit.
    pub user_storage_quota: Option<u64>,
    /// Bytes that the store holds in all, as a disk does; none means no limit.
    pub capacity: Option<u64>,
    /// The limits of every project that Keystone keeps (`use_keystone_limits`), which
    /// `GET /v2/info/usage` tells; none means that there are none.
    pub project: Option<ProjectLimits>,
    /// Custom properties of one image (`image_property_quota`).
    pub properties: usize,
    /// Tags of one image (`image_tag_quota`).
    pub tags: usize,
    /// Members of one image (`image_member_quota`).
    pub members: usize,
    /// Images in a page of a list that names no limit (`limit_param_default`).
    pub page_default: usize,
    /// The most images in a page (`api_limit_max`).
    pub page_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            image_size_cap: 1 << 40,
            user_storage_quota: None,
            capacity: None,
            project: None,
            properties: 128,
            tags: 128,
            members: 128,
            page_default: 25,
            page_max: 1000,
        }
    }
}

/// What one project may have, by the names of the resources in Keystone; -1 means any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectLimits {
    /// MiB in stores.
    pub image_size_total: i64,
    /// MiB that are staged.
    pub image_stage_total: i64,
    /// Images.
    pub image_count_total: i64,
    /// Images whose content is on its way.
    pub image_count_uploading: i64,
}

impl Default for ProjectLimits {
    fn default() -> Self {
        Self {
            image_size_total: -1,
            image_stage_total: -1,
            image_count_total: -1,
            image_count_uploading: -1,
        }
    }
}

/// Whether `PUT …/file` is allowed (`upload_image`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadPolicy {
    /// To whoever may change the image.
    #[default]
    Allowed,
    /// To nobody (403): content gets in by import only.
    Refused,
}

/// Which hashes the images of a region get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashSpec {
    /// Whether they get an md5 as their `checksum`; on a host in FIPS mode they have none.
    pub md5: bool,
    /// What `os_hash_value` is made with (`hashing_algorithm`); none gives images neither
    /// `os_hash_algo` nor `os_hash_value`.
    pub algorithm: Option<HashAlgorithm>,
}

impl Default for HashSpec {
    fn default() -> Self {
        Self {
            md5: true,
            algorithm: Some(HashAlgorithm::Sha512),
        }
    }
}

/// How hexadecimal digits are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// As Glance writes them.
    #[default]
    Small,
    /// In capitals.
    Capital,
}

/// Whether answers say what time it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateHeader {
    /// They have a `Date`.
    #[default]
    Sent,
    /// They have none.
    Missing,
}

/// How a region makes `os_hash_value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512, which is Glance's default.
    Sha512,
}

impl HashAlgorithm {
    /// Its name in `os_hash_algo`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// What becomes of content that is uploaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentMode {
    /// Hashed, and kept in a file named by the image's UUID.
    #[default]
    Store,
    /// Hashed, but not kept: the image is active and has no data.
    Hash,
    /// Neither hashed nor kept. The checksums are those of the image of the same name and size in
    /// another region of the sandbox, or of nothing where there is none. For benches, which
    /// measure the client and not the server's hashing.
    Discard,
}
