//! Which regions have a verified copy of a content, and who fetches from them right now. All regions of a run
//! share it: a region tells what it has, and another that pulls is lent a copy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::host;
use crate::model::{ImageId, RegionName};

/// A region's copy of a content of the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedCopy {
    /// The region.
    pub region: RegionName,
    /// The image there.
    pub image_id: ImageId,
}

/// A region that has copies, or wants one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyPlace<'a> {
    /// Its name.
    pub region: &'a RegionName,
    /// The URL of its Keystone.
    pub keystone: &'a str,
}

/// The verified copies of a run.
#[derive(Debug)]
pub(crate) struct VerifiedCopies {
    master: RegionName,
    /// The URL of the master's Keystone.
    keystone: String,
    known: Mutex<Known>,
    /// A copy was returned, or a new one is known.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// By Keystone and the master's image, in the order in which they became known.
    copies: HashMap<(String, ImageId), Vec<VerifiedCopy>>,
    /// How many fetch from a region.
    lent: HashMap<RegionName, usize>,
}

impl VerifiedCopies {
    /// Those of a run before its first region: the master's own images, for the regions of its Keystone.
    pub(crate) fn of(master: RegionName, keystone: String) -> Self {
        Self {
            master,
            keystone,
            known: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        host::locked(&self.known)
    }

    /// Tells that a region has a verified copy of a content of the master.
    pub(crate) fn add(&self, place: CopyPlace<'_>, master_id: &ImageId, image_id: &ImageId) {
        let key = (place.keystone.to_owned(), master_id.clone());
        let copy = VerifiedCopy {
            region: place.region.clone(),
            image_id: image_id.clone(),
        };
        self.known().copies.entry(key).or_default().push(copy);
        self.changed.notify_waiters();
    }

    /// All copies that a region may fetch from: of another region of its Keystone.
    fn candidates(
        &self,
        known: &Known,
        place: CopyPlace<'_>,
        master_id: &ImageId,
    ) -> Vec<VerifiedCopy> {
        let key = (place.keystone.to_owned(), master_id.clone());
        let masters = (self.keystone == place.keystone).then(|| VerifiedCopy {
            region: self.master.clone(),
            image_id: master_id.clone(),
        });
        let others = known.copies.get(&key).into_iter().flatten().cloned();
        others
            .chain(masters)
            .filter(|copy| copy.region != *place.region)
            .collect()
    }

    /// The region that would be lent now; none where none has a copy.
    pub(crate) fn nearest(&self, place: CopyPlace<'_>, master_id: &ImageId) -> Option<RegionName> {
        let known = self.known();
        let candidates = self.candidates(&known, place, master_id);
        let least = candidates.into_iter().min_by_key(|copy| known.lent(copy));
        least.map(|copy| copy.region)
    }

    /// Lends a copy to a region: of those that fewest fetch from, and waits where as many as `fanout` fetch
    /// from each of them; none where no other region has one.
    pub(crate) async fn lend(
        self: &Arc<Self>,
        place: CopyPlace<'_>,
        master_id: &ImageId,
        fanout: usize,
    ) -> Option<LentCopy> {
        loop {
            // Whatever changes from now on is not missed.
            let changed = self.changed.notified();
            {
                let mut known = self.known();
                let candidates = self.candidates(&known, place, master_id);
                let least = candidates.into_iter().min_by_key(|copy| known.lent(copy))?;
                if known.lent(&least) < fanout {
                    *known.lent.entry(least.region.clone()).or_default() += 1;
                    let copies = Arc::clone(self);
                    return Some(LentCopy {
                        copy: least,
                        copies,
                    });
                }
            }
            changed.await;
        }
    }
}

impl Known {
    fn lent(&self, copy: &VerifiedCopy) -> usize {
        self.lent.get(&copy.region).copied().unwrap_or_default()
    }
}

/// A copy that a region fetches; it is returned when this is dropped.
#[derive(Debug)]
pub(crate) struct LentCopy {
    /// Which.
    pub copy: VerifiedCopy,
    copies: Arc<VerifiedCopies>,
}

impl Drop for LentCopy {
    fn drop(&mut self) {
        if let Some(lent) = self.copies.known().lent.get_mut(&self.copy.region) {
            *lent = lent.saturating_sub(1);
        }
        self.copies.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn region(name: &str) -> RegionName {
        name.parse().unwrap()
    }

    fn at<'a>(region: &'a RegionName, keystone: &'a str) -> CopyPlace<'a> {
        CopyPlace { region, keystone }
    }

    fn copies() -> Arc<VerifiedCopies> {
        Arc::new(VerifiedCopies::of(region("Spain"), "one".to_owned()))
    }

    #[tokio::test]
    async fn the_masters_images_are_within_reach_of_its_own_keystone_alone() {
        let copies = copies();
        let image = ImageId::new("one");
        let [trento, alias, berlin, paris] =
            ["Trento", "alias:Milan", "other:Berlin", "other:Paris"].map(region);
        for near in [&trento, &alias] {
            let lent = copies.lend(at(near, "one"), &image, 1).await.unwrap();
            assert_eq!(lent.copy.region, region("Spain"));
            assert_eq!(lent.copy.image_id, image);
        }
        assert!(copies.lend(at(&berlin, "two"), &image, 1).await.is_none());
        copies.add(at(&paris, "two"), &image, &ImageId::new("copy"));
        let lent = copies.lend(at(&berlin, "two"), &image, 1).await.unwrap();
        assert_eq!(lent.copy.region, paris);
        assert!(copies.lend(at(&paris, "two"), &image, 1).await.is_none());
    }

    #[tokio::test]
    async fn the_least_busy_lends_and_who_finds_none_free_waits() {
        let copies = copies();
        let image = ImageId::new("one");
        let [trento, a, b, c] = ["Trento", "A", "B", "C"].map(region);
        copies.add(at(&trento, "one"), &image, &ImageId::new("copy"));
        let first = copies.lend(at(&a, "one"), &image, 1).await.unwrap();
        let second = copies.lend(at(&b, "one"), &image, 1).await.unwrap();
        assert_ne!(first.copy.region, second.copy.region);
        let third = copies.lend(at(&c, "one"), &image, 1);
        tokio::pin!(third);
        let none_free = tokio::time::timeout(Duration::ZERO, &mut third).await;
        assert!(none_free.is_err());
        let freed = second.copy.region.clone();
        drop(second);
        assert_eq!(third.await.unwrap().copy.region, freed);
    }
}
