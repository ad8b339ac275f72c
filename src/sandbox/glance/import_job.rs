//! An import under way: what was asked for, and how it changes its image and its task.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::Utc;

use super::image::{Image, Status};
use super::region::Region;
use super::task::{Task, TaskStatus};
use crate::sandbox::effect::{ImportEnd, ImportStage};
use crate::sandbox::http::{ResponseFault, locked};

/// The property that has the id of the task which may change the image.
pub(super) const LOCK: &str = "os_glance_import_task";
/// The property that names the stores that the content is still to get into.
const IMPORTING: &str = "os_glance_importing_to_stores";
/// The property that names the stores that it did not get into.
const FAILED: &str = "os_glance_failed_import";

/// Where the content comes from.
#[derive(Debug, Clone)]
pub(super) enum Method {
    /// From the staging area.
    Direct,
    /// From another Glance.
    Download {
        /// None where the catalogue has no such region.
        endpoint: Option<String>,
        image: String,
        token: String,
    },
}

/// An import under way.
#[derive(Debug)]
pub(super) struct ImportJob {
    pub(super) region: Arc<Region>,
    pub(super) image: String,
    pub(super) task: String,
    /// The project whose limits count.
    pub(super) owner: Option<String>,
    /// The number of the request that began it.
    pub(super) request: u64,
    pub(super) life: u64,
    pub(super) method: Method,
    pub(super) stores: Vec<String>,
    pub(super) all_must_succeed: bool,
    pub(super) fault: ResponseFault,
}

/// Why an import goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// Glance was killed: nothing is tidied up.
    Killed,
    /// The image was deleted.
    Deleted,
    /// A limit of the project, in Glance's words.
    Limit(String),
    /// The source could not be asked about its image.
    Metadata,
    /// The source did not send the content.
    Download,
    /// A plugin.
    Plugin,
    /// The store of that number among those that were asked for.
    Store(usize),
    /// No store has it.
    NoStore,
}

impl ImportJob {
    /// Changes the image, unless it or this Glance is gone.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Image) -> T) -> Result<T, Stop> {
        if self.region.lives.load(Ordering::SeqCst) != self.life {
            return Err(Stop::Killed);
        }
        let mut images = locked(&self.region.images);
        let image = images.get_mut(&self.image).ok_or(Stop::Deleted)?;
        let changed = change(image);
        image.updated_at = Utc::now();
        drop(images);
        self.region.remember(self.request);
        Ok(changed)
    }

    /// How a fault has it end.
    pub(super) fn end(&self) -> ImportEnd {
        match self.fault {
            ResponseFault::Import { end, .. } => end,
            _ => ImportEnd::Usual,
        }
    }

    /// How long a fault has it wait there; none is for ever.
    pub(super) fn wait_at(&self, stage: ImportStage) -> Option<Duration> {
        match self.fault {
            ResponseFault::Import { wait_at, wait, .. } if wait_at == stage => wait,
            _ => Some(Duration::ZERO),
        }
    }

    /// Ends the task.
    pub(super) fn end_task(&self, status: TaskStatus, message: &str) {
        self.with_task(|task| task.end(status, message));
        self.region.remember(self.request);
    }

    /// Changes the task.
    pub(super) fn with_task(&self, change: impl FnOnce(&mut Task)) {
        let mut tasks = locked(&self.region.tasks);
        if let Some(task) = tasks.iter_mut().find(|task| task.id == self.task) {
            change(task);
        }
    }

    /// Lists every store as one that the content is still to get into.
    pub(super) fn announce(&self, image: &mut Image) {
        add(image, IMPORTING, &self.stores);
        remove(image, FAILED, &self.stores);
    }

    /// Takes every store off that list.
    pub(super) fn renounce(&self, image: &mut Image) {
        remove(image, IMPORTING, &self.stores);
    }

    /// Lists every store as one that failed.
    pub(super) fn fail_all(&self, image: &mut Image) {
        remove(image, IMPORTING, &self.stores);
        add(image, FAILED, &self.stores);
    }

    /// Lists the store of that number as one that failed, and takes those before it off the list too.
    pub(super) fn fail_at(&self, image: &mut Image, place: usize) {
        remove(image, IMPORTING, &self.stores[..=place]);
        add(image, FAILED, &self.stores[place..=place]);
    }

    /// Puts a store's content into the image.
    pub(super) fn stored(&self, image: &mut Image, place: usize) {
        image.stores.push(self.stores[place].clone());
        remove(image, IMPORTING, &self.stores[place..=place]);
        if !self.all_must_succeed || place + 1 == self.stores.len() {
            image.status = Status::Active;
        }
    }
}

/// Lets other tasks change the image.
pub(super) fn unlock(image: &mut Image) {
    image.properties.remove(LOCK);
}

/// The stores that a property lists.
fn listed(image: &Image, property: &str) -> Vec<String> {
    let list = image.properties.get(property).cloned().flatten();
    let list = list.unwrap_or_default();
    let stores = list.split(',').filter(|store| !store.is_empty());
    stores.map(str::to_owned).collect()
}

fn add(image: &mut Image, property: &str, stores: &[String]) {
    let mut list = listed(image, property);
    list.extend_from_slice(stores);
    list.sort_unstable();
    list.dedup();
    let list = Some(list.join(","));
    image.properties.insert(property.to_owned(), list);
}

fn remove(image: &mut Image, property: &str, stores: &[String]) {
    let mut list = listed(image, property);
    list.retain(|store| !stores.contains(store));
    let list = Some(list.join(","));
    image.properties.insert(property.to_owned(), list);
}
