//! Which regions have a verified copy of a content, and who fetches from them right now. All regions of a run
//! share it: a region tells what it has, and another that pulls is lent a copy.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::host;
use crate::model::{ImageId, PullFrom, RegionName};

/// A region's copy of a content of the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedCopy {
    /// The region.
    pub region: RegionName,
    /// The image there.
    pub image_id: ImageId,
    /// Its disk format; none of the master's own, which has the format that is asked for.
    disk_format: Option<String>,
}

/// A region that has copies, or wants one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyPlace<'a> {
    /// Its name.
    pub region: &'a RegionName,
    /// The URL of its Keystone.
    pub keystone: &'a str,
}

/// What a region asks for that pulls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyRequest<'a> {
    /// The region.
    pub place: CopyPlace<'a>,
    /// The master's image.
    pub master_id: &'a ImageId,
    /// From which regions.
    pub from: PullFrom,
    /// In which disk formats: the wanted one, and the master's, which the region may convert.
    pub formats: [Option<&'a String>; 2],
}

impl CopyRequest<'_> {
    fn key(&self) -> CopyKey {
        (self.place.keystone.to_owned(), self.master_id.clone())
    }
}

/// The verified copies of a run.
#[derive(Debug)]
pub(crate) struct VerifiedCopies {
    master: RegionName,
    /// The URL of the master's Keystone.
    keystone: String,
    /// Some target pulls from any region.
    are_asked_for: bool,
    known: Mutex<Known>,
    /// A copy was returned, or a new one is known.
    changed: Notify,
}

/// A Keystone, and a content of the master by its image.
type CopyKey = (String, ImageId);

#[derive(Debug, Default)]
struct Known {
    /// In the order in which they became known.
    copies: HashMap<CopyKey, Vec<VerifiedCopy>>,
    /// What some region is bringing that others wait for.
    claimed: HashSet<CopyKey>,
    /// How many fetch from a region.
    lent: HashMap<RegionName, usize>,
}

impl VerifiedCopies {
    /// Those of a run before its first region: the master's own images, for the regions of its Keystone.
    /// Others are kept where some target pulls from any region.
    pub(crate) fn of(master: RegionName, keystone: &str, are_asked_for: bool) -> Self {
        Self {
            master,
            keystone: keystone.to_owned(),
            are_asked_for,
            known: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        host::locked(&self.known)
    }

    /// Tells that a region has a verified copy of a content of the master.
    pub(crate) fn add(
        &self,
        place: CopyPlace<'_>,
        master_id: &ImageId,
        image_id: &ImageId,
        disk_format: Option<&String>,
    ) {
        if !self.are_asked_for {
            return;
        }
        let key = (place.keystone.to_owned(), master_id.clone());
        let copy = VerifiedCopy {
            region: place.region.clone(),
            image_id: image_id.clone(),
            disk_format: disk_format.cloned(),
        };
        self.known().copies.entry(key).or_default().push(copy);
        self.changed.notify_waiters();
    }

    /// All copies that a region may fetch from: of another region of its Keystone.
    fn candidates(&self, known: &Known, request: &CopyRequest<'_>) -> Vec<VerifiedCopy> {
        let place = request.place;
        let key = request.key();
        let masters = (self.keystone == place.keystone).then(|| VerifiedCopy {
            region: self.master.clone(),
            image_id: request.master_id.clone(),
            disk_format: None,
        });
        let others = known.copies.get(&key).into_iter().flatten();
        let others = others.filter(|copy| {
            request.from == PullFrom::Any
                && copy.region != *place.region
                && request.formats.contains(&copy.disk_format.as_ref())
        });
        others.cloned().chain(masters).collect()
    }

    /// The region that would be lent now; none where none has a copy.
    pub(crate) fn nearest(&self, request: &CopyRequest<'_>) -> Option<RegionName> {
        let known = self.known();
        let candidates = self.candidates(&known, request);
        let least = candidates.into_iter().min_by_key(|copy| known.lent(copy));
        least.map(|copy| copy.region)
    }

    /// Lends a copy to a region: of those that fewest fetch from, unless as many as `fanout` fetch from
    /// each of them.
    pub(crate) fn lend(self: &Arc<Self>, request: &CopyRequest<'_>, fanout: usize) -> Lending {
        let mut known = self.known();
        let candidates = self.candidates(&known, request);
        let Some(least) = candidates.into_iter().min_by_key(|copy| known.lent(copy)) else {
            return Lending::Nobody;
        };
        if known.lent(&least) >= fanout {
            return Lending::AllBusy;
        }
        *known.lent.entry(least.region.clone()).or_default() += 1;
        let copies = Arc::clone(self);
        Lending::Copy(LentCopy {
            copy: least,
            copies,
        })
    }

    /// The same for a region that brings the content itself where no other has a copy: then it is the one that
    /// does, and others that ask meanwhile wait for its copy.
    pub(crate) fn lend_or_claim(
        self: &Arc<Self>,
        request: &CopyRequest<'_>,
        fanout: usize,
    ) -> Lending {
        let lending = self.lend(request, fanout);
        if !matches!(lending, Lending::Nobody) {
            return lending;
        }
        let key = request.key();
        if !self.known().claimed.insert(key.clone()) {
            return Lending::AllBusy;
        }
        let copies = Arc::clone(self);
        Lending::Claimed(CopyClaim { key, copies })
    }

    /// Ends when a copy is returned, or another one is known, after this was called.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// What comes of asking for a copy.
#[derive(Debug)]
pub(crate) enum Lending {
    /// One to fetch.
    Copy(LentCopy),
    /// There are some, and as many fetch from each as may at once.
    AllBusy,
    /// No other region has one.
    Nobody,
    /// No other region has one: who asked brings the content itself.
    Claimed(CopyClaim),
}

impl Known {
    fn lent(&self, copy: &VerifiedCopy) -> usize {
        self.lent.get(&copy.region).copied().unwrap_or_default()
    }
}

/// A content that a region brings itself; others may when this is dropped.
#[derive(Debug)]
pub(crate) struct CopyClaim {
    key: CopyKey,
    copies: Arc<VerifiedCopies>,
}

impl Drop for CopyClaim {
    fn drop(&mut self) {
        self.copies.known().claimed.remove(&self.key);
        self.copies.changed.notify_waiters();
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
    use super::*;

    /// A region that pulls a qcow2 of the master from any region.
    struct Puller {
        region: RegionName,
        keystone: &'static str,
        image: ImageId,
        qcow2: String,
    }

    impl Puller {
        fn request(&self) -> CopyRequest<'_> {
            CopyRequest {
                place: CopyPlace {
                    region: &self.region,
                    keystone: self.keystone,
                },
                master_id: &self.image,
                from: PullFrom::Any,
                formats: [Some(&self.qcow2); 2],
            }
        }

        /// Tells of its copy in that format.
        fn has(&self, copies: &VerifiedCopies, format: &str) {
            let (place, id) = (self.request().place, ImageId::new("copy"));
            copies.add(place, &self.image, &id, Some(&format.to_owned()));
        }
    }

    fn lend(copies: &Arc<VerifiedCopies>, request: &CopyRequest<'_>) -> Option<LentCopy> {
        match copies.lend(request, 1) {
            Lending::Copy(lent) => Some(lent),
            Lending::AllBusy => panic!("all are busy"),
            Lending::Nobody | Lending::Claimed(_) => None,
        }
    }

    fn at(region: &str, keystone: &'static str) -> Puller {
        Puller {
            region: region.parse().unwrap(),
            keystone,
            image: ImageId::new("one"),
            qcow2: "qcow2".to_owned(),
        }
    }

    fn copies() -> Arc<VerifiedCopies> {
        Arc::new(VerifiedCopies::of("Spain".parse().unwrap(), "one", true))
    }

    #[test]
    fn the_masters_images_are_within_reach_of_its_own_keystone_alone() {
        let copies = copies();
        for near in [at("Trento", "one"), at("alias:Milan", "one")] {
            let lent = lend(&copies, &near.request()).unwrap();
            assert_eq!(lent.copy.region.to_string(), "Spain");
            assert_eq!(lent.copy.image_id, near.image);
        }
        let (berlin, paris) = (at("other:Berlin", "two"), at("other:Paris", "two"));
        assert!(lend(&copies, &berlin.request()).is_none());
        paris.has(&copies, "qcow2");
        let lent = lend(&copies, &berlin.request()).unwrap();
        assert_eq!(lent.copy.region, paris.region);
        assert!(lend(&copies, &paris.request()).is_none());
    }

    #[test]
    fn a_copy_is_lent_in_the_wanted_format_to_who_asks_any_region() {
        let copies = copies();
        let (berlin, paris) = (at("other:Berlin", "two"), at("other:Paris", "two"));
        let raw = "raw".to_owned();
        paris.has(&copies, "raw");
        assert_eq!(copies.nearest(&berlin.request()), None);
        let wants_raw = CopyRequest {
            formats: [Some(&raw), Some(&berlin.qcow2)],
            ..berlin.request()
        };
        assert_eq!(copies.nearest(&wants_raw), Some(paris.region.clone()));
        let of_master = CopyRequest {
            from: PullFrom::Master,
            ..wants_raw
        };
        assert_eq!(copies.nearest(&of_master), None);
    }

    #[tokio::test]
    async fn the_least_busy_lends_and_who_finds_none_free_waits() {
        let copies = copies();
        at("Trento", "one").has(&copies, "qcow2");
        let [a, b, c] = ["A", "B", "C"].map(|name| at(name, "one"));
        let first = lend(&copies, &a.request()).unwrap();
        let second = lend(&copies, &b.request()).unwrap();
        assert_ne!(first.copy.region, second.copy.region);
        let changed = copies.changed();
        assert!(matches!(copies.lend(&c.request(), 1), Lending::AllBusy));
        let freed = second.copy.region.clone();
        drop(second);
        changed.await;
        assert_eq!(lend(&copies, &c.request()).unwrap().copy.region, freed);
    }

    #[tokio::test]
    async fn of_those_that_could_bring_a_content_one_does_and_the_others_wait_for_its_copy() {
        let copies = copies();
        let [a, b] = ["other:A", "other:B"].map(|name| at(name, "two"));
        let ask = |puller: &Puller| copies.lend_or_claim(&puller.request(), 1);
        let Lending::Claimed(first) = ask(&a) else {
            panic!()
        };
        assert!(matches!(ask(&b), Lending::AllBusy));
        // It failed: another one may.
        let changed = copies.changed();
        drop(first);
        changed.await;
        let Lending::Claimed(second) = ask(&b) else {
            panic!()
        };
        b.has(&copies, "qcow2");
        drop(second);
        assert_eq!(lend(&copies, &a.request()).unwrap().copy.region, b.region);
        // Of the master's own Keystone there is always a copy.
        assert!(matches!(ask(&at("C", "one")), Lending::Copy(_)));
    }
}
