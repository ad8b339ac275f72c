//! The spool against an embedded master.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Item, RegionLease, Spool, SpoolOptions};
use crate::content::qcow2::fixture::Fixture;
use crate::content::{Content, SourceError};
use crate::model::{
    Auth, ByteSize, Credential, DomainRef, ErrorCode, ImageId, Interface, ProjectRef, Secret,
    TargetName, UserRef, WarningCode,
};
use crate::openstack::{
    GlanceOptions, GlanceReader, HttpClients, RetryPolicy, Session, TlsOptions,
};
use crate::sandbox::{
    Content as Seed, Effect, Fault, ImageSeed, KeystoneSpec, RegionSpec, Sandbox, SandboxSpec,
};
use crate::wait::until;

const MIB: u64 = 1 << 20;
const FILE: &str = "/v2/images/*/file";

struct Master {
    sandbox: Sandbox,
    reader: GlanceReader,
    home: tempfile::TempDir,
    warned: Arc<Mutex<Vec<WarningCode>>>,
}

impl Master {
    async fn start(faults: impl IntoIterator<Item = Fault>) -> Self {
        let region = faults
            .into_iter()
            .fold(RegionSpec::new("Master"), RegionSpec::fault);
        let keystone = KeystoneSpec::new("main")
            .user("admin", "secret", "images", ["admin"])
            .region(region);
        let sandbox = Sandbox::start(&SandboxSpec::new().keystone(keystone)).unwrap();
        let credential = Credential {
            keystone_url: sandbox.keystone_url("main").unwrap().parse().unwrap(),
            auth: Auth::Password {
                user: UserRef::Name {
                    name: "admin".to_owned(),
                    domain: DomainRef::default(),
                },
                password: Secret::new("secret"),
                project: ProjectRef::Name {
                    name: "images".to_owned(),
                    domain: DomainRef::default(),
                },
            },
        };
        let http = HttpClients::default().get(&TlsOptions::default()).unwrap();
        let session = Session::log_in(http, TargetName::master(), credential, quick())
            .await
            .unwrap();
        let options = GlanceOptions {
            retry: quick(),
            ..GlanceOptions::default()
        };
        Self {
            reader: GlanceReader::new(&session, "Master", Interface::Public, options).unwrap(),
            sandbox,
            home: tempfile::tempdir().unwrap(),
            warned: Arc::default(),
        }
    }

    async fn image(&self, size: u64) -> Item {
        self.image_of(size, Seed::Generated { size, seed: size })
            .await
    }

    async fn image_of(&self, size: u64, content: Seed) -> Item {
        let seed = ImageSeed::new("image", content);
        let id = ImageId::new(&self.sandbox.add_image("Master", &seed).unwrap());
        let image = self.reader.show(&id).await.unwrap();
        Item {
            id,
            size,
            content: image.content,
        }
    }

    fn spool(&self, limit: u64, regions: &[(&Item, usize)]) -> Arc<Spool> {
        let warned = Arc::clone(&self.warned);
        Arc::new(Spool::new(SpoolOptions {
            reader: self.reader.clone(),
            retry: quick(),
            stall_timeout: Duration::from_secs(30),
            folder: Some(self.home.path().join("spool")),
            limit: Some(ByteSize(limit)),
            regions: regions
                .iter()
                .map(|(item, count)| (item.id.clone(), *count))
                .collect::<HashMap<_, _>>(),
            warn: Box::new(move |warning| warned.lock().unwrap().push(warning.code)),
        }))
    }

    /// The `Range` of each download so far; empty for a whole one.
    fn downloads(&self) -> Vec<String> {
        let requests = self.sandbox.requests("Master").unwrap();
        requests
            .iter()
            .filter(|request| request.path.ends_with("/file"))
            .map(|request| {
                let header = request
                    .headers
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("range"));
                header.map_or_else(String::new, |(_, value)| value.clone())
            })
            .collect()
    }

    fn stored(&self, item: &Item) -> Vec<u8> {
        let folder = self.sandbox.images_dir("Master").unwrap();
        std::fs::read(folder.join(item.id.as_str())).unwrap()
    }
}

fn quick() -> RetryPolicy {
    RetryPolicy {
        first_pause: Duration::from_millis(10),
        ..RetryPolicy::new(3)
    }
}

/// A region's lease for that image, already decided.
fn lease(spool: &Arc<Spool>, item: &Item) -> Arc<RegionLease> {
    let lease = RegionLease::new(spool, [item.id.clone()]);
    lease.decide([item.id.clone()]);
    lease
}

/// Reads all of it; gives the bytes that came with the error.
fn drain(lease: &Arc<RegionLease>, item: &Item) -> (Vec<u8>, Option<SourceError>) {
    drain_once(lease, item, || ())
}

/// The same, with something else done once a first piece is ready.
fn drain_once(
    lease: &Arc<RegionLease>,
    item: &Item,
    first: impl FnOnce(),
) -> (Vec<u8>, Option<SourceError>) {
    drain_content_once(&Content::of_glance(item.clone(), lease), first)
}

fn drain_content(content: &Content) -> (Vec<u8>, Option<SourceError>) {
    drain_content_once(content, || ())
}

fn drain_content_once(content: &Content, first: impl FnOnce()) -> (Vec<u8>, Option<SourceError>) {
    let mut all = Vec::new();
    let mut opened = match content.open() {
        Ok(opened) => opened,
        Err(error) => return (all, Some(error)),
    };
    let mut first = Some(first);
    while (all.len() as u64) < opened.size() {
        let offset = all.len() as u64;
        match opened.ready(offset, Duration::from_secs(1)) {
            Ok(Some(ready)) => {
                if let Some(first) = first.take() {
                    first();
                }
                let length = usize::try_from(ready.length).unwrap();
                all.resize(all.len() + length, 0);
                let start = all.len() - length;
                opened.read(&ready, offset, &mut all[start..]).unwrap();
            }
            Ok(None) => {}
            Err(error) => return (all, Some(error)),
        }
    }
    (all, None)
}

fn drain_all(leases: &[&Arc<RegionLease>], item: &Item) -> Vec<Vec<u8>> {
    thread::scope(|scope| {
        let threads: Vec<_> = leases
            .iter()
            .map(|lease| scope.spawn(|| drain(lease, item)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let (bytes, error) = thread.join().unwrap();
                assert_eq!(error, None);
                bytes
            })
            .collect()
    })
}

/// What a slow region reads, which has a first piece when another begins, and reads on once that has
/// all; and what the other reads.
fn drain_behind(slow: &Arc<RegionLease>, quick: &Arc<RegionLease>, item: &Item) -> [Vec<u8>; 2] {
    let mut read = Vec::new();
    let (late, error) = drain_once(slow, item, || {
        let (bytes, error) = drain(quick, item);
        assert_eq!(error, None);
        read = bytes;
    });
    assert_eq!(error, None);
    [late, read]
}

#[tokio::test]
async fn however_many_regions_come_and_when_there_is_one_download() {
    let master = Master::start([]).await;
    for size in [0, 1, 5 * MIB + 3] {
        let item = master.image(size).await;
        let before = master.downloads().len();
        let spool = master.spool(8 * MIB, &[(&item, 3)]);
        let [first, second] = [lease(&spool, &item), lease(&spool, &item)];
        let both = if size == 0 {
            drain_all(&[&first, &second], &item)
        } else {
            drain_behind(&second, &first, &item).into()
        };
        for bytes in both {
            assert!(bytes == master.stored(&item), "{size}");
        }
        drop((first, second));
        let third = lease(&spool, &item);
        let (bytes, _) = drain(&third, &item);
        assert!(bytes == master.stored(&item), "{size}");
        // Once more, as when a token was refused at the end of an upload.
        assert_eq!(drain(&third, &item).1, None);
        assert_eq!(
            master.downloads().len() - before,
            usize::from(size > 0),
            "{size}"
        );
        third.done(&item.id);
        assert!(spool.registry().entry(&item.id).is_none());
    }
    assert_eq!(
        std::fs::read_dir(master.home.path().join("spool"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn what_no_region_can_need_any_more_makes_room_for_the_next() {
    let master = Master::start([]).await;
    let [first, second] = [master.image(3 * MIB).await, master.image(3 * MIB + 1).await];
    let spool = master.spool(4 * MIB, &[(&first, 2), (&second, 1)]);
    let region = lease(&spool, &first);
    drain(&region, &first);
    region.done(&first.id);
    assert!(
        spool.registry().entry(&first.id).is_some(),
        "another region may need it"
    );
    let other = RegionLease::new(&spool, [first.id.clone()]);
    other.decide([]);
    assert!(spool.registry().entry(&first.id).is_none());
    let region = lease(&spool, &second);
    drain(&region, &second);
    assert_eq!(drain(&region, &second).1, None);
    assert_eq!(master.downloads().len(), 2);
}

#[tokio::test]
async fn an_image_larger_than_the_limit_goes_to_the_regions_at_work_at_once() {
    let master = Master::start([]).await;
    let item = master.image(30 * MIB).await;
    let spool = master.spool(5 * MIB, &[(&item, 3)]);
    let regions = [0; 3].map(|_| lease(&spool, &item));
    for bytes in drain_all(&regions.each_ref(), &item) {
        assert!(bytes == master.stored(&item));
    }
    assert_eq!(master.downloads(), [""]);
}

#[tokio::test]
async fn a_region_that_is_too_slow_gets_a_reading_of_its_own_and_stops_nobody() {
    let master = Master::start([]).await;
    let item = master.image(24 * MIB).await;
    let spool = master.spool(4 * MIB, &[(&item, 2)]);
    let [quick, slow] = [lease(&spool, &item), lease(&spool, &item)];
    for bytes in drain_behind(&slow, &quick, &item) {
        assert!(bytes == master.stored(&item));
    }
    let downloads = master.downloads();
    assert_eq!(downloads.len(), 2, "{downloads:?}");
    assert!(downloads[1].starts_with("bytes="), "{downloads:?}");
}

#[tokio::test]
async fn a_download_that_breaks_goes_on_where_it_was() {
    let cut = |bytes| Fault::new("GET", FILE, Effect::CutBody { bytes });
    let expired = Fault::new("GET", FILE, Effect::ExpireToken).on(3, 1);
    let master = Master::start([cut(3 * MIB).on(1, 1), cut(MIB).on(2, 1), expired]).await;
    let item = master.image(8 * MIB).await;
    let spool = master.spool(20 * MIB, &[(&item, 1)]);
    let (bytes, error) = drain(&lease(&spool, &item), &item);
    assert_eq!(error, None);
    assert!(bytes == master.stored(&item));
    let downloads = master.downloads();
    assert_eq!(downloads.len(), 4, "{downloads:?}");
    assert!(
        downloads[1..]
            .iter()
            .all(|range| range.starts_with("bytes=")),
        "{downloads:?}"
    );
}

#[tokio::test]
async fn a_download_that_never_gets_on_is_given_up() {
    let cut = Fault::new("GET", FILE, Effect::CutBody { bytes: 0 });
    let master = Master::start([cut]).await;
    let item = master.image(MIB).await;
    let spool = master.spool(20 * MIB, &[(&item, 1)]);
    let (bytes, error) = drain(&lease(&spool, &item), &item);
    assert_eq!(error.unwrap().code(), ErrorCode::DownloadFailed);
    assert!(bytes.is_empty());
    assert_eq!(master.downloads().len(), 4);
}

#[tokio::test]
async fn what_the_master_refuses_fails_and_says_so() {
    for (status, code) in [
        (403, ErrorCode::SourceUnreadable),
        (404, ErrorCode::SourceMissing),
    ] {
        let master = Master::start([Fault::new("GET", FILE, Effect::status(status))]).await;
        let item = master.image(MIB).await;
        let spool = master.spool(20 * MIB, &[(&item, 1)]);
        let content = Content::of_glance(item.clone(), &lease(&spool, &item));
        let error = content.begin().await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(master.downloads().len(), 1);
    }
}

#[tokio::test]
async fn damaged_content_is_found_out_and_fetched_no_more() {
    let wrong = || Fault::new("GET", FILE, Effect::WrongContent);
    let master = Master::start([wrong()]).await;
    let item = master.image(3 * MIB).await;
    let spool = master.spool(20 * MIB, &[(&item, 2)]);
    let region = lease(&spool, &item);
    drain(&region, &item);
    let content = Content::of_glance(item.clone(), &region);
    assert_eq!(content.is_right(&item.content), Ok(Some(false)));
    drop((content, region));
    let (bytes, error) = drain(&lease(&spool, &item), &item);
    let error = error.unwrap();
    assert_eq!(error.code(), ErrorCode::ChecksumMismatch);
    assert!(
        error
            .to_string()
            .contains(item.content.md5.as_ref().unwrap().as_str())
    );
    assert!(bytes.is_empty());
    assert_eq!(master.downloads().len(), 1);
}

#[tokio::test]
async fn damaged_content_that_is_not_kept_never_ends() {
    let master = Master::start([Fault::new("GET", FILE, Effect::WrongContent)]).await;
    let item = master.image(9 * MIB).await;
    let spool = master.spool(0, &[(&item, 1)]);
    let (bytes, error) = drain(&lease(&spool, &item), &item);
    assert_eq!(error.unwrap().code(), ErrorCode::ChecksumMismatch);
    assert!((bytes.len() as u64) < item.size);
}

#[tokio::test]
async fn a_full_disk_is_a_warning_and_memory_takes_over() {
    let master = Master::start([]).await;
    let item = master.image(12 * MIB).await;
    let spool = master.spool(20 * MIB, &[(&item, 2)]);
    spool.disk.room().unwrap().fill_up();
    let regions = [lease(&spool, &item), lease(&spool, &item)];
    for bytes in drain_all(&regions.each_ref(), &item) {
        assert!(bytes == master.stored(&item));
    }
    assert_eq!(
        *master.warned.lock().unwrap(),
        [WarningCode::SpoolUnwritable]
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_warning_or_an_error_at_once() {
    let master = Master::start([]).await;
    let item = master.image(MIB).await;
    let in_the_way = master.home.path().join("spool");
    std::fs::write(&in_the_way, "somebody's").unwrap();
    let spool = master.spool(20 * MIB, &[(&item, 1)]);
    let error = spool.open_folder().unwrap_err();
    assert!(error.to_string().contains("spool"), "{error}");
    assert_eq!(drain(&lease(&spool, &item), &item).1, None);
    assert_eq!(
        *master.warned.lock().unwrap(),
        [WarningCode::SpoolUnwritable]
    );
    assert_eq!(
        std::fs::read(Path::new(&in_the_way)).unwrap(),
        b"somebody's"
    );
}

#[tokio::test]
async fn a_reading_that_nobody_wants_ends() {
    let slow = Fault::new("GET", FILE, Effect::Slow { bytes_per_sec: MIB });
    let master = Master::start([slow]).await;
    let item = master.image(100 * MIB).await;
    let spool = master.spool(200 * MIB, &[(&item, 1)]);
    let region = lease(&spool, &item);
    let content = Content::of_glance(item.clone(), &region);
    content.begin().await.unwrap();
    let entry = Arc::clone(spool.registry().entry(&item.id).unwrap());
    drop((content, region));
    // The threads let go of it in their own time.
    until("an end of the writing thread", async || {
        spool.registry().entry(&item.id).is_none() && Arc::strong_count(&entry) == 1
    })
    .await;
}

/// An image whose content is a qcow2, and what it expands to.
async fn qcow2(master: &Master) -> (Item, Vec<u8>) {
    let fixture = Fixture::mixed(3, 16, 40);
    let bytes = fixture.build();
    let item = master.image_of(bytes.len() as u64, Seed::Bytes { bytes });
    (item.await, fixture.expanded())
}

#[tokio::test]
async fn a_qcow2_is_expanded_by_every_region_out_of_one_download() {
    let master = Master::start([]).await;
    let (item, disk) = qcow2(&master).await;
    let spool = master.spool(20 * MIB, &[(&item, 2)]);
    for region in [lease(&spool, &item), lease(&spool, &item)] {
        let content = Content::of_glance(item.clone(), &region);
        let expanded = content.expanded().await.unwrap();
        assert_eq!(expanded.size(), disk.len() as u64);
        expanded.begin().await.unwrap();
        assert!(drain_content(&expanded).0 == disk);
        assert_eq!(expanded.is_right(&item.content), Ok(Some(true)));
        region.done(&item.id);
    }
    assert_eq!(master.downloads().len(), 1);
}

#[tokio::test]
async fn a_qcow2_that_the_spool_does_not_keep_is_not_expanded() {
    let master = Master::start([]).await;
    let (item, _) = qcow2(&master).await;
    let spool = master.spool(MIB, &[(&item, 1)]);
    let region = lease(&spool, &item);
    let content = Content::of_glance(item.clone(), &region);
    let error = content.expanded().await.unwrap_err();
    assert_eq!(error, SourceError::NotKept { size: item.size });
    assert_eq!(error.code(), ErrorCode::SourceUnsupported);
    assert!(error.hint().contains("spool_limit"), "{}", error.hint());
}

#[tokio::test]
async fn a_disk_that_fills_up_meanwhile_ends_the_expansion() {
    let master = Master::start([]).await;
    let (item, _) = qcow2(&master).await;
    let spool = master.spool(20 * MIB, &[(&item, 1)]);
    spool.disk.room().unwrap().fill_up();
    let region = lease(&spool, &item);
    let content = Content::of_glance(item.clone(), &region);
    let error = content.expanded().await.unwrap_err();
    assert_eq!(error, SourceError::NotKept { size: item.size });
}

#[tokio::test]
async fn the_first_bytes_are_fetched_and_no_more() {
    let slow = Fault::new("GET", FILE, Effect::Slow { bytes_per_sec: MIB });
    let master = Master::start([slow]).await;
    let item = master.image(50 * MIB).await;
    let spool = master.spool(0, &[]);
    let first = spool.first_bytes(&item, 112).await.unwrap();
    assert_eq!(first.len(), 112);
    let short = master.image(20).await;
    assert_eq!(spool.first_bytes(&short, 112).await.unwrap().len(), 20);
    let empty = master.image(0).await;
    assert!(spool.first_bytes(&empty, 112).await.unwrap().is_empty());
}
