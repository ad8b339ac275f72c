//! An image as a region's database has it, and as clients see it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::hashes::Hashes;

/// Where an image is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Queued,
    Saving,
    Active,
    Killed,
    PendingDelete,
    Deactivated,
    Importing,
    Uploading,
}

impl Status {
    pub(super) const ALL: [Self; 8] = [
        Self::Queued,
        Self::Saving,
        Self::Active,
        Self::Killed,
        Self::PendingDelete,
        Self::Deactivated,
        Self::Importing,
        Self::Uploading,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Saving => "saving",
            Self::Active => "active",
            Self::Killed => "killed",
            Self::PendingDelete => "pending_delete",
            Self::Deactivated => "deactivated",
            Self::Importing => "importing",
            Self::Uploading => "uploading",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Who sees an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    Community,
    Public,
    Private,
    Shared,
}

impl Visibility {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Community => "community",
            Self::Public => "public",
            Self::Private => "private",
            Self::Shared => "shared",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Community, Self::Public, Self::Private, Self::Shared]
            .into_iter()
            .find(|visibility| visibility.as_str() == text)
    }
}

/// An image shared with a project: what the project said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) status: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

/// One image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) status: Status,
    pub(super) visibility: Visibility,
    pub(super) protected: bool,
    pub(super) os_hidden: bool,
    pub(super) checksum: Option<String>,
    pub(super) os_hash_algo: Option<String>,
    pub(super) os_hash_value: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) virtual_size: Option<u64>,
    pub(super) disk_format: Option<String>,
    pub(super) container_format: Option<String>,
    pub(super) min_disk: i64,
    pub(super) min_ram: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) tags: BTreeSet<String>,
    pub(super) properties: BTreeMap<String, Option<String>>,
    pub(super) members: BTreeMap<String, Member>,
    /// The stores that have content for it, in the order in which they got it. After a refused
    /// format that is so for a queued one.
    pub(super) stores: Vec<String>,
    /// Whether the store refuses to delete it.
    pub(super) in_use: bool,
    /// Until when no request finds it.
    pub(super) unseen_until: Option<Instant>,
}

impl Image {
    /// A queued image without any attribute.
    pub(super) fn new(id: String, owner: Option<String>, now: DateTime<Utc>) -> Self {
        Self {
            id,
            name: None,
            status: Status::Queued,
            visibility: Visibility::Shared,
            protected: false,
            os_hidden: false,
            checksum: None,
            os_hash_algo: None,
            os_hash_value: None,
            owner,
            size: None,
            virtual_size: None,
            disk_format: None,
            container_format: None,
            min_disk: 0,
            min_ram: 0,
            created_at: now,
            updated_at: now,
            tags: BTreeSet::new(),
            properties: BTreeMap::new(),
            members: BTreeMap::new(),
            stores: Vec::new(),
            in_use: false,
            unseen_until: None,
        }
    }

    /// Whether requests do not find it yet.
    pub(super) fn is_unseen(&self) -> bool {
        self.unseen_until.is_some_and(|end| Instant::now() < end)
    }

    /// Gives it the hashes of its content.
    pub(super) fn set_hashes(&mut self, hashes: Hashes) {
        self.checksum = hashes.md5;
        (self.os_hash_algo, self.os_hash_value) = hashes.multi.unzip();
    }

    /// What `GET /v2/images/{id}` answers; `schema_properties` are those that may be null.
    pub(super) fn view(&self, is_admin: bool, schema_properties: &[&str]) -> Value {
        let stamp = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut view = Map::new();
        for (name, value) in &self.properties {
            let value = match value {
                None if !schema_properties.contains(&name.as_str()) => json!(""),
                value => json!(value),
            };
            view.insert(name.clone(), value);
        }
        let path = format!("/v2/images/{}", self.id);
        for (name, value) in [
            ("name", json!(self.name)),
            ("disk_format", json!(self.disk_format)),
            ("container_format", json!(self.container_format)),
            ("visibility", json!(self.visibility.as_str())),
            ("size", json!(self.size)),
            ("virtual_size", json!(self.virtual_size)),
            ("status", json!(self.status.as_str())),
            ("checksum", json!(self.checksum)),
            ("protected", json!(self.protected)),
            ("min_ram", json!(self.min_ram)),
            ("min_disk", json!(self.min_disk)),
            ("owner", json!(self.owner)),
            ("os_hidden", json!(self.os_hidden)),
            ("os_hash_algo", json!(self.os_hash_algo)),
            ("os_hash_value", json!(self.os_hash_value)),
            ("id", json!(self.id)),
            ("created_at", json!(stamp(self.created_at))),
            ("updated_at", json!(stamp(self.updated_at))),
            ("tags", json!(self.tags)),
            ("self", json!(path)),
            ("file", json!(format!("{path}/file"))),
            ("schema", json!("/v2/schemas/image")),
        ] {
            view.insert(name.to_owned(), value);
        }
        // Locations of a deactivated image are hidden from all but admins.
        if !self.stores.is_empty() && (is_admin || self.status != Status::Deactivated) {
            view.insert("stores".to_owned(), json!(self.stores.join(",")));
        }
        Value::Object(view)
    }
}
