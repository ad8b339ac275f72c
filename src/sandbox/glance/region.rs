//! The state of one region: its images and where their content is.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use uuid::Uuid;

use super::fail::Fail;
use super::hashes::Hashes;
use super::image::{Image, Status};
use super::policy::Caller;
use super::task::Task;
use super::{schema, store};
use crate::sandbox::http::locked;
use crate::sandbox::record::RegionState;
use crate::sandbox::spec::{Letters, RegionSpec};

/// One region's images, store and settings.
#[derive(Debug)]
pub(in crate::sandbox) struct Region {
    pub(in crate::sandbox) spec: RegionSpec,
    /// The store's folder; files in it are named by image UUID.
    pub(in crate::sandbox) images_dir: PathBuf,
    pub(super) images: Mutex<Images>,
    /// The imports that there were, oldest first.
    pub(super) tasks: Mutex<Vec<Task>>,
    /// Counts how often the region was killed; an upload that began before leaves its traces.
    pub(super) lives: AtomicU64,
    /// The other regions of the sandbox, where [`crate::sandbox::ContentMode::Discard`] looks
    /// checksums up.
    pub(super) siblings: OnceLock<Vec<Weak<Region>>>,
    /// What the region was like after each change, once somebody wants to know.
    history: Mutex<Option<Vec<RegionState>>>,
}

/// The table of images.
#[derive(Debug, Default)]
pub(super) struct Images {
    by_id: HashMap<String, Image>,
    /// Ids are never used again, as they are kept in the database when an image is deleted.
    deleted: HashMap<String, Image>,
}

impl Images {
    pub(super) fn get(&self, id: &str) -> Option<&Image> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Image> {
        self.by_id.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Image> {
        self.by_id.values()
    }

    /// The image, if the caller may see it.
    pub(super) fn seen(&self, id: &str, caller: &Caller) -> Result<&Image, Fail> {
        self.get(id)
            .filter(|image| caller.sees(image))
            .ok_or_else(|| Fail::no_image(id))
    }

    /// The image at which a page begins; admins may name a deleted one.
    pub(super) fn marker(&self, id: &str, caller: &Caller) -> Result<&Image, Fail> {
        let deleted = || self.deleted.get(id).filter(|_| caller.is_admin());
        let image = self
            .get(id)
            .or_else(deleted)
            .ok_or_else(|| Fail::bad_request(format!("No image found with ID {id}")))?;
        if caller.sees(image) {
            Ok(image)
        } else {
            Err(Fail::forbidden(format!(
                "Forbidding request, image {id} not visible"
            )))
        }
    }

    /// The image for a change of it that the rule names.
    pub(super) fn changeable(
        &mut self,
        id: &str,
        caller: &Caller,
        rule: &str,
    ) -> Result<&mut Image, Fail> {
        let image = self.by_id.get_mut(id).ok_or_else(|| Fail::no_image(id))?;
        caller.check_change(rule, image)?;
        Ok(image)
    }

    /// Adds an image; false when its id was ever used.
    pub(super) fn add(&mut self, image: Image) -> bool {
        if self.by_id.contains_key(&image.id) || self.deleted.contains_key(&image.id) {
            return false;
        }
        self.by_id.insert(image.id.clone(), image);
        true
    }

    /// Takes an image away for ever.
    pub(super) fn remove(&mut self, id: &str) -> Option<Image> {
        let image = self.by_id.remove(id)?;
        self.deleted.insert(id.to_owned(), image.clone());
        Some(image)
    }

    /// Bytes that the images of a project take, one image left out.
    pub(super) fn usage(&self, owner: Option<&str>, except: &str) -> u64 {
        self.by_id
            .values()
            .filter(|image| image.owner.as_deref() == owner && image.id != except)
            .map(stored_bytes)
            .sum()
    }

    /// Bytes in the store.
    pub(super) fn total(&self) -> u64 {
        self.by_id.values().map(stored_bytes).sum()
    }
}

/// The bytes that an image takes, in all of its stores.
fn stored_bytes(image: &Image) -> u64 {
    image.size.unwrap_or_default() * image.stores.len() as u64
}

impl Region {
    pub(in crate::sandbox) fn new(spec: RegionSpec, images_dir: PathBuf) -> Self {
        Self {
            spec,
            images_dir,
            images: Mutex::default(),
            tasks: Mutex::default(),
            lives: AtomicU64::new(0),
            siblings: OnceLock::new(),
            history: Mutex::default(),
        }
    }

    /// Tells the region of all regions of the sandbox, itself included.
    pub(in crate::sandbox) fn introduce(&self, regions: &[Arc<Region>]) {
        let _ = self
            .siblings
            .set(regions.iter().map(Arc::downgrade).collect());
    }

    /// The store that content gets into where none is named.
    pub(super) fn default_store(&self) -> &str {
        self.spec.stores.first().map_or("local", String::as_str)
    }

    /// The store of that id; none where the region has no such store.
    pub(super) fn store(&self, id: &str) -> Option<&str> {
        let mut stores = self.spec.stores.iter();
        stores.find(|store| *store == id).map(String::as_str)
    }

    /// The names of the methods of import that it offers.
    pub(super) fn import_methods(&self) -> Vec<&'static str> {
        let methods = self.spec.imports.methods.iter();
        methods.map(|method| method.as_str()).collect()
    }

    /// Where a store keeps the content of an image.
    pub(super) fn path_in(&self, store: &str, id: &str) -> PathBuf {
        self.store_dir(store).join(id)
    }

    fn store_dir(&self, store: &str) -> PathBuf {
        let place = self.spec.stores.iter().position(|known| known == store);
        match place {
            None | Some(0) => self.images_dir.clone(),
            Some(place) => self.images_dir.with_file_name(format!("store-{place}")),
        }
    }

    /// Where content is staged.
    pub(super) fn staged(&self, id: &str) -> PathBuf {
        self.staging_dir().join(id)
    }

    fn staging_dir(&self) -> PathBuf {
        self.images_dir.with_file_name("staging")
    }

    /// Makes the folders of the stores, and of what is staged.
    pub(in crate::sandbox) fn make_folders(&self) -> io::Result<()> {
        std::fs::create_dir_all(self.staging_dir())?;
        for store in &self.spec.stores {
            std::fs::create_dir_all(self.store_dir(store))?;
        }
        Ok(())
    }

    /// Removes an image's content, wherever it is.
    pub(super) fn discard(&self, image: &Image) {
        for store in &image.stores {
            store::discard(&self.path_in(store, &image.id));
        }
        store::discard(&self.staged(&image.id));
    }

    /// An id for a new image.
    pub(super) fn fresh_id(&self) -> String {
        let id = Uuid::new_v4().to_string();
        if self.spec.ids == Letters::Capital {
            id.to_uppercase()
        } else {
            id
        }
    }

    /// Whether `schema-image.json` describes a property as possibly null.
    pub(super) fn nullable_properties(&self) -> &'static [&'static str] {
        if self.spec.schema_image_json {
            &schema::SHIPPED
        } else {
            &[]
        }
    }

    /// The hashes of an image of that name and size anywhere else in the sandbox.
    pub(super) fn hashes_elsewhere(&self, name: Option<&str>, size: u64) -> Option<Hashes> {
        let siblings = self.siblings.get()?;
        siblings
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|other| !std::ptr::eq(Arc::as_ptr(other), self))
            .find_map(|other| {
                let images = locked(&other.images);
                let twin = images.iter().find(|image| {
                    image.status == Status::Active
                        && image.name.as_deref() == name
                        && image.size == Some(size)
                })?;
                let algorithm = twin.os_hash_algo.clone();
                Some(Hashes {
                    md5: twin.checksum.clone(),
                    multi: algorithm.zip(twin.os_hash_value.clone()),
                })
            })
    }

    /// From now on uploads that are under way stay `saving` for ever, with their partial files.
    pub(in crate::sandbox) fn kill_uploads(&self) {
        self.lives.fetch_add(1, Ordering::SeqCst);
    }

    /// From now on the region's state is written down after each request that may have changed it.
    pub(in crate::sandbox) fn keep_history(&self) {
        *locked(&self.history) = Some(vec![self.state(0)]);
    }

    /// Writes the state down, if anybody wants to know.
    pub(super) fn remember(&self, request: u64) {
        let mut history = locked(&self.history);
        if let Some(states) = history.as_mut() {
            states.push(self.state(request));
        }
    }

    /// The states since [`Self::keep_history`], the present one last.
    pub(in crate::sandbox) fn history(&self) -> Vec<RegionState> {
        let mut states = locked(&self.history).clone().unwrap_or_default();
        states.push(self.state(0));
        states
    }

    fn state(&self, request: u64) -> RegionState {
        RegionState {
            request,
            images: self.snapshot(),
        }
    }

    /// Every image as an admin sees it, without HTTP, by id.
    pub(in crate::sandbox) fn snapshot(&self) -> BTreeMap<String, serde_json::Value> {
        let nullable = self.nullable_properties();
        locked(&self.images)
            .iter()
            .map(|image| (image.id.clone(), image.view(true, nullable)))
            .collect()
    }
}
