//! Which contents are in the spool, and who may come to need them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cached_content::Entry;
use super::read_window::Key;
use crate::model::ImageId;

/// The contents by their image, each with those that may need it.
#[derive(Debug, Default)]
pub(super) struct ContentRegistry {
    entries: HashMap<ImageId, Arc<Entry>>,
    needs: HashMap<ImageId, Need>,
}

/// Who may come to need a content.
#[derive(Debug, Default)]
struct Need {
    /// Regions that have not said yet.
    undecided: usize,
    /// Those that have declared it, and whether they read it now.
    wanted_by: BTreeMap<Key, bool>,
}

impl ContentRegistry {
    pub(super) fn new(regions: HashMap<ImageId, usize>) -> Self {
        let needs = regions.into_iter().map(|(id, undecided)| {
            let need = Need {
                undecided,
                wanted_by: BTreeMap::new(),
            };
            (id, need)
        });
        Self {
            entries: HashMap::new(),
            needs: needs.collect(),
        }
    }

    pub(super) fn entry(&self, id: &ImageId) -> Option<&Arc<Entry>> {
        self.entries.get(id)
    }

    pub(super) fn put(&mut self, id: &ImageId, entry: &Arc<Entry>) {
        self.entries.insert(id.clone(), Arc::clone(entry));
    }

    /// One region less has yet to say whether it needs that content.
    pub(super) fn decided(&mut self, id: &ImageId) {
        if let Some(need) = self.needs.get_mut(id) {
            need.undecided = need.undecided.saturating_sub(1);
        }
    }

    /// A region needs it.
    pub(super) fn wanted(&mut self, id: &ImageId, key: Key) {
        let need = self.needs.entry(id.clone()).or_default();
        need.wanted_by.insert(key, false);
    }

    /// A region needs it no more.
    pub(super) fn unwanted(&mut self, id: &ImageId, key: Key) {
        if let Some(need) = self.needs.get_mut(id) {
            need.wanted_by.remove(&key);
        }
        if let Some(entry) = self.entries.get(id) {
            entry.leave_expected(key);
        }
    }

    /// A region that needs it begins to read it, or has ended.
    pub(super) fn reads(&mut self, id: &ImageId, key: Key, does: bool) {
        let need = self.needs.get_mut(id);
        if let Some(reads) = need.and_then(|need| need.wanted_by.get_mut(&key)) {
            *reads = does;
        }
    }

    /// The regions that need it and do not read it yet.
    pub(super) fn expected(&self, id: &ImageId) -> Vec<Key> {
        let wanted_by = self
            .needs
            .get(id)
            .into_iter()
            .flat_map(|need| &need.wanted_by);
        wanted_by
            .filter(|(_, reads)| !**reads)
            .map(|(key, _)| *key)
            .collect()
    }

    /// Lets a content go that nobody can need any more, or that nobody could begin to read.
    pub(super) fn sweep(&mut self, id: &ImageId) {
        let need = self.needs.get(id);
        let is_needed = need.is_some_and(|need| need.undecided > 0 || !need.wanted_by.is_empty());
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if entry.is_spent() || (!is_needed && entry.has_no_readers()) {
            entry.abandon();
            self.entries.remove(id);
        }
    }
}
