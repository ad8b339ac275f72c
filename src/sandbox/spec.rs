//! What a sandbox consists of, as data: Keystones with their users, and the regions behind each.
//!
//! The specification is read once, by [`Sandbox::start`](super::Sandbox::start); it knows nothing
//! of sockets or tasks. Everything in it can be written as JSON, and every field has a default.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::seed::ImageSeed;

/// A whole fleet: one or more Keystones, each with the regions of its catalogue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSpec {
    /// The Keystones, whose names must differ.
    pub keystones: Vec<KeystoneSpec>,
}

impl SandboxSpec {
    /// An empty specification, to be filled with [`Self::keystone`].
    pub fn new() -> Self {
        Self::default()
    }

    /// One Keystone called `main` with these regions and the user `admin`, password `secret`, who
    /// has the role `admin` in the project `admin`.
    pub fn fleet<N: Into<String>>(regions: impl IntoIterator<Item = N>) -> Self {
        let mut keystone = KeystoneSpec::new("main").user("admin", "secret", "admin", ["admin"]);
        for region in regions {
            keystone = keystone.region(RegionSpec::new(region));
        }
        Self::new().keystone(keystone)
    }

    /// Adds a Keystone.
    #[must_use]
    pub fn keystone(mut self, keystone: KeystoneSpec) -> Self {
        self.keystones.push(keystone);
        self
    }
}

/// One Keystone v3: who may log in, for how long, and which regions its catalogue lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeystoneSpec {
    /// By what name the sandbox's accessors know it; no client ever sees it.
    pub name: String,
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Lifetime of every token, in seconds.
    pub token_lifetime_secs: u64,
    /// Projects with a fixed id or domain. A project that only [`UserSpec::roles`] names is made
    /// in the domain `Default`.
    pub projects: Vec<ProjectSpec>,
    /// Who may log in.
    pub users: Vec<UserSpec>,
    /// Application credentials of those users.
    pub application_credentials: Vec<ApplicationCredentialSpec>,
    /// Identity providers whose users may log in.
    pub identity_providers: Vec<IdentityProviderSpec>,
    /// The regions of the catalogue, in its order.
    pub regions: Vec<RegionSpec>,
    /// Faults of this Keystone from its start.
    pub faults: Vec<Fault>,
}

impl Default for KeystoneSpec {
    fn default() -> Self {
        Self {
            name: "main".to_owned(),
            port: 0,
            token_lifetime_secs: 3600,
            projects: Vec::new(),
            users: Vec::new(),
            application_credentials: Vec::new(),
            identity_providers: Vec::new(),
            regions: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl KeystoneSpec {
    /// A Keystone without users and regions.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Adds a user of the domain `Default` with roles in one project of the same domain.
    #[must_use]
    pub fn user<R: Into<String>>(
        mut self,
        name: &str,
        password: &str,
        project: &str,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        let assignment = RoleAssignment {
            project: project.to_owned(),
            roles: roles.into_iter().map(Into::into).collect(),
        };
        match self.users.iter_mut().find(|user| user.name == name) {
            Some(user) => user.roles.push(assignment),
            None => self.users.push(UserSpec {
                name: name.to_owned(),
                password: password.to_owned(),
                roles: vec![assignment],
                ..UserSpec::default()
            }),
        }
        self
    }

    /// Adds a region.
    #[must_use]
    pub fn region(mut self, region: RegionSpec) -> Self {
        self.regions.push(region);
        self
    }

    /// Sets the lifetime of tokens, in seconds.
    #[must_use]
    pub fn token_lifetime_secs(mut self, secs: u64) -> Self {
        self.token_lifetime_secs = secs;
        self
    }
}

/// A project (a tenant, in the words of Keystone v2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectSpec {
    /// Its name, unique within its domain.
    pub name: String,
    /// Its id; without one, 32 hexadecimal digits that depend on the names alone.
    pub id: Option<String>,
    /// Its domain's name; `Default` when absent.
    pub domain: Option<String>,
}

/// A user with a password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSpec {
    /// Login name, unique within its domain.
    pub name: String,
    /// The password in clear; the sandbox holds no real secret.
    pub password: String,
    /// The user's id; without one, 32 hexadecimal digits that depend on the names alone.
    pub id: Option<String>,
    /// The user's domain; `Default` when absent.
    pub domain: Option<String>,
    /// One-time passcodes, each of which is good for one log-in; without any the method `totp` is
    /// not offered.
    pub passcodes: Vec<String>,
    /// What the user may do in which project.
    pub roles: Vec<RoleAssignment>,
}

/// An `OpenID` Connect provider, which answers below `/idp/<name>` of its Keystone's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityProviderSpec {
    /// Keystone's name for it.
    pub name: String,
    /// Keystone's name for the protocol.
    pub protocol: String,
    /// The id of its one client.
    pub client_id: String,
    /// That client's secret.
    pub client_secret: String,
    /// The name of its one user.
    pub username: String,
    /// That user's password, which is not Keystone's.
    pub password: String,
    /// The name of the Keystone's user that whoever it vouches for is mapped to.
    pub user: String,
}

/// Roles of one user in one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleAssignment {
    /// The project's name.
    pub project: String,
    /// Role names. As in a bootstrapped Keystone, `admin` implies `manager`, that `member`, that
    /// `reader`.
    pub roles: Vec<String>,
}

/// An application credential: a login bound to one user and one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApplicationCredentialSpec {
    /// Its id, by which clients name it.
    pub id: String,
    /// Its name, unique per user.
    pub name: String,
    /// Its secret.
    pub secret: String,
    /// Name of the user it belongs to.
    pub user: String,
    /// Name of the project it is scoped to.
    pub project: String,
    /// Its roles; none means all that the user has in the project.
    pub roles: Vec<String>,
}

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
    /// Whether the token is looked at again at the end of an upload.
    pub recheck_token_after_upload: bool,
    /// What `GET /v2/info/import` lists. None of them has paths here.
    pub import_methods: Vec<String>,
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
            limits: StoreLimits::default(),
            content: ContentMode::default(),
            hashes: HashSpec::default(),
            ids: Letters::default(),
            date: DateHeader::default(),
            schema_image_json: true,
            inspect_format: true,

            publicize_roles: vec!["admin".to_owned()],
            stall_timeout_secs: 60,
            recheck_token_after_upload: false,
            import_methods: Vec::new(),
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
            properties: 128,
            tags: 128,
            members: 128,
            page_default: 25,
            page_max: 1000,
        }
    }
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
