//! Which regions have a verified copy of a content, and who fetches from them right now. All regions of a run
//! share it: a region tells what it has, and another that pulls is lent a copy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::host;
use crate::model::{ImageId, RegionName, TargetName};

/// A region's copy of a content of the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copy {
    /// The region.
    pub region: RegionName,
    /// The image there.
    pub image_id: ImageId,
}

/// The verified copies of a run.
#[derive(Debug)]
pub(crate) struct VerifiedCopies {
    master: RegionName,
    known: Mutex<Known>,
    /// A copy was returned, or a new one is known.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// By target and the master's image, in the order in which they became known.
    copies: HashMap<(TargetName, ImageId), Vec<Copy>>,
    /// How many fetch from a region.
    lent: HashMap<RegionName, usize>,
}

impl VerifiedCopies {
    /// Those of a run before its first region: the master's own images, for its own target.
    pub(crate) fn of(master: RegionName) -> Self {
        Self {
            master,
            known: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        host::locked(&self.known)
    }

    /// Tells that a region has a verified copy of a content of the master.
    pub(crate) fn add(&self, region: &RegionName, master_id: &ImageId, image_id: &ImageId) {
        let key = (region.target.clone(), master_id.clone());
        let copy = Copy {
            region: region.clone(),
            image_id: image_id.clone(),
        };
        self.known().copies.entry(key).or_default().push(copy);
        self.changed.notify_waiters();
    }

    /// All copies that a region may fetch from: of another region of its target.
    fn candidates(&self, known: &Known, region: &RegionName, master_id: &ImageId) -> Vec<Copy> {
        let key = (region.target.clone(), master_id.clone());
        let masters = (self.master.target == region.target).then(|| Copy {
            region: self.master.clone(),
            image_id: master_id.clone(),
        });
        let others = known.copies.get(&key).into_iter().flatten().cloned();
        others
            .chain(masters)
            .filter(|copy| copy.region != *region)
            .collect()
    }

    /// The region that would be lent now; none where none has a copy.
    pub(crate) fn nearest(&self, region: &RegionName, master_id: &ImageId) -> Option<RegionName> {
        let known = self.known();
        let candidates = self.candidates(&known, region, master_id);
        let least = candidates.into_iter().min_by_key(|copy| known.lent(copy));
        least.map(|copy| copy.region)
    }

    /// Lends a copy to a region: of those that fewest fetch from, and waits where as many as `fanout` fetch
    /// from each of them; none where no other region has one.
    pub(crate) async fn lend(
        self: &Arc<Self>,
        region: &RegionName,
        master_id: &ImageId,
        fanout: usize,
    ) -> Option<LentCopy> {
        loop {
            // Whatever changes from now on is not missed.
            let changed = self.changed.notified();
            {
                let mut known = self.known();
                let candidates = self.candidates(&known, region, master_id);
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
    fn lent(&self, copy: &Copy) -> usize {
        self.lent.get(&copy.region).copied().unwrap_or_default()
    }
}

/// A copy that a region fetches; it is returned when this is dropped.
#[derive(Debug)]
pub(crate) struct LentCopy {
    /// Which.
    pub copy: Copy,
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

    fn copies() -> Arc<VerifiedCopies> {
        Arc::new(VerifiedCopies::of(region("Spain")))
    }

    #[tokio::test]
    async fn the_masters_images_are_within_reach_of_its_own_target_alone() {
        let copies = copies();
        let image = ImageId::new("one");
        let lent = copies.lend(&region("Trento"), &image, 1).await.unwrap();
        assert_eq!(lent.copy.region, region("Spain"));
        assert_eq!(lent.copy.image_id, image);
        assert!(
            copies
                .lend(&region("other:Berlin"), &image, 1)
                .await
                .is_none()
        );
        copies.add(&region("other:Paris"), &image, &ImageId::new("copy"));
        let lent = copies
            .lend(&region("other:Berlin"), &image, 1)
            .await
            .unwrap();
        assert_eq!(lent.copy.region, region("other:Paris"));
        assert!(
            copies
                .lend(&region("other:Paris"), &image, 1)
                .await
                .is_none()
        );
    }

    #[tokio::test]
    async fn the_least_busy_lends_and_who_finds_none_free_waits() {
        let copies = copies();
        let image = ImageId::new("one");
        copies.add(&region("Trento"), &image, &ImageId::new("copy"));
        let first = copies.lend(&region("A"), &image, 1).await.unwrap();
        let second = copies.lend(&region("B"), &image, 1).await.unwrap();
        assert_ne!(first.copy.region, second.copy.region);
        let waiting = region("C");
        let third = copies.lend(&waiting, &image, 1);
        tokio::pin!(third);
        let none_free = tokio::time::timeout(Duration::ZERO, &mut third).await;
        assert!(none_free.is_err());
        let freed = second.copy.region.clone();
        drop(second);
        assert_eq!(third.await.unwrap().copy.region, freed);
    }
}
