//! The life of images in a region, through sessions, readers, writers and transfers, against the
//! embedded OpenStack. Nothing here asks for more than any real Glance and Keystone do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{TransferError, UploadLimits, upload};
use crate::content::{self, ImagesDir};
use crate::model::{
    ApplicationCredentialRef, Auth, Credential, DomainRef, ErrorCode, Image, ImageId, ImageStatus,
    Interface, ProjectRef, Secret, TargetName, UserRef, Visibility,
};
use crate::openstack::{
    ContentTarget, GlanceOptions, GlanceReader, GlanceWriter, HttpClients, Listing,
    MasterEndpoints, NewImage, OpenStackError, PatchOp, RetryPolicy, Session, TlsOptions,
};
use crate::sandbox::{
    ApplicationCredentialSpec, Content, Effect, Fault, ImageSeed, KeystoneSpec, RegionSpec,
    Sandbox, SandboxSpec,
};
use crate::wait::until;

const UPLOADS: &str = "/v2/images/*/file";
const LIMITS: UploadLimits = UploadLimits {
    stall_timeout: Duration::from_secs(30),
    save_timeout: Duration::from_mins(15),
    bandwidth: Vec::new(),
};

struct Cloud {
    sandbox: Sandbox,
    session: Session,
}

impl Cloud {
    async fn start(region: RegionSpec) -> Self {
        Self::start_as("admin", region).await
    }

    async fn start_as(user: &str, region: RegionSpec) -> Self {
        let keystone = KeystoneSpec::new("main")
            .user("admin", "secret", "images", ["admin"])
            .user("member", "secret", "images", ["member"])
            .region(RegionSpec::new("Master"))
            .region(region);
        Self::of(user, keystone).await
    }

    async fn of(user: &str, keystone: KeystoneSpec) -> Self {
        let sandbox = Sandbox::start(&SandboxSpec::new().keystone(keystone)).unwrap();
        let auth = Auth::Password {
            user: UserRef::Name {
                name: user.to_owned(),
                domain: DomainRef::default(),
            },
            password: Secret::new("secret"),
            project: ProjectRef::Name {
                name: "images".to_owned(),
                domain: DomainRef::default(),
            },
        };
        let session = log_in(&sandbox, auth).await.unwrap();
        Self { sandbox, session }
    }

    fn reader(&self) -> GlanceReader {
        GlanceReader::new(&self.session, "R", Interface::Public, options()).unwrap()
    }

    fn writer(&self) -> GlanceWriter {
        let master = MasterEndpoints::of(&self.session, "Master").unwrap();
        GlanceWriter::new(&self.session, "R", Interface::Public, options(), &master).unwrap()
    }

    /// Puts an image into the master, and a new one of its formats and content into `R`.
    async fn copy(&self, seed: &ImageSeed) -> Result<Image, TransferError> {
        let writer = self.writer();
        let id = ImageId::new(&self.sandbox.add_image("Master", seed).unwrap());
        let master = GlanceReader::new(&self.session, "Master", Interface::Public, options())?;
        let image = master.show(&id).await?;
        let folder = ImagesDir::new(self.sandbox.images_dir("Master").unwrap());
        let content = content::Content::from(folder.find(&id, image.size.unwrap())?);
        let made = writer
            .create(
                &ImageId::new(&uuid::Uuid::new_v4().to_string()),
                &NewImage {
                    name: image.name.clone(),
                    disk_format: image.disk_format.clone(),
                    container_format: image.container_format.clone(),
                    properties: image.properties.clone(),
                    tags: ["glancesync-incomplete".to_owned()].into(),
                    ..NewImage::default()
                },
            )
            .await?;
        assert_eq!(made.status, ImageStatus::Queued);
        assert_eq!(made.visibility, Visibility::Private);
        let bytes_sent = Arc::new(AtomicU64::new(0));
        upload(
            &writer,
            &made.id,
            &ContentTarget::DefaultStore,
            &content,
            &bytes_sent,
            &LIMITS,
        )
        .await?;
        let sent = writer.show(&made.id).await?;
        assert!(sent.content.is_same_content(&image.content));
        assert_eq!(sent.size, image.size);
        assert_eq!(bytes_sent.load(Ordering::Relaxed), image.size.unwrap());
        Ok(sent)
    }

    /// The only image of `R`.
    async fn only(&self) -> Image {
        let mut images = self.reader().list(&Listing::Visible).await.unwrap();
        assert_eq!(images.len(), 1);
        images.remove(0)
    }

    async fn wait_for(&self, status: &ImageStatus) {
        let what = format!("an image that is {status}");
        until(&what, async || self.only().await.status == *status).await;
    }
}

async fn log_in(sandbox: &Sandbox, auth: Auth) -> Result<Session, OpenStackError> {
    let credential = Credential {
        keystone_url: sandbox.keystone_url("main").unwrap().parse().unwrap(),
        auth,
    };
    let http = HttpClients::default().get(&TlsOptions::default())?;
    Session::log_in(http, TargetName::master(), credential, options().retry).await
}

fn options() -> GlanceOptions {
    GlanceOptions {
        retry: RetryPolicy {
            first_pause: Duration::from_millis(10),
            ..RetryPolicy::new(3)
        },
        ..GlanceOptions::default()
    }
}

fn seed(size: u64) -> ImageSeed {
    ImageSeed::new("base", Content::Generated { size, seed: 1 }).property("nid", "7")
}

#[tokio::test]
async fn an_image_lives_from_its_creation_to_its_deletion() {
    let cloud = Cloud::start(RegionSpec::new("R")).await;
    let image = cloud.copy(&seed(3_000_001)).await.unwrap();
    assert_eq!(image.properties["nid"], "7");
    assert!(image.is_own(cloud.session.project_id()));
    let writer = cloud.writer();
    let tags: Vec<String> = Vec::new();
    let published = writer
        .patch(
            &image.id,
            &[
                PatchOp::replace("visibility", "public"),
                PatchOp::replace("tags", tags),
                PatchOp::add("a/b~c", "1"),
                PatchOp::remove("nid"),
            ],
        )
        .await
        .unwrap();
    assert_eq!(published.visibility, Visibility::Public);
    assert!(published.tags.is_empty());
    assert_eq!(published.properties.keys().collect::<Vec<_>>(), ["a/b~c"]);
    assert_eq!(cloud.only().await, published);

    let mut download = writer.download(&image.id, 0).await.unwrap();
    let mut received = 0;
    while let Some(piece) = download.chunk(Duration::from_secs(10)).await.unwrap() {
        received += piece.len();
    }
    assert_eq!(received, 3_000_001);

    writer.delete(&image.id).await.unwrap();
    assert!(writer.show(&image.id).await.unwrap_err().is_gone());
    let changes = cloud.sandbox.requests("Master").unwrap();
    assert!(changes.iter().all(|request| !request.is_change()));
}

#[tokio::test]
async fn contents_of_odd_sizes_arrive_as_they_are() {
    for size in [0, 1, 512 << 10, (2 << 20) + 1] {
        let cloud = Cloud::start(RegionSpec::new("R")).await;
        let image = cloud.copy(&seed(size)).await.unwrap();
        assert_eq!(image.status, ImageStatus::Active, "{size}");
    }
}

#[tokio::test]
async fn long_lists_come_whole_and_hidden_ones_by_themselves() {
    let mut region = RegionSpec::new("R");
    for number in 0..2_500 {
        let mut image = ImageSeed::new(format!("image-{number}"), Content::None);
        image.os_hidden = number % 1000 == 0;
        region.images.push(image);
    }
    let cloud = Cloud::start(region).await;
    let reader = cloud.reader();
    assert_eq!(reader.list(&Listing::Visible).await.unwrap().len(), 2_497);
    assert_eq!(reader.list(&Listing::Hidden).await.unwrap().len(), 3);
    let all = reader.list(&Listing::All).await.unwrap();
    assert_eq!(all.len(), 2_500);
    assert_eq!(all.iter().filter(|image| image.os_hidden).count(), 3);
    let named = Listing::Named("image-7".to_owned());
    assert_eq!(reader.list(&named).await.unwrap().len(), 1);
}

#[tokio::test]
async fn names_with_signs_of_filters_are_found() {
    for name in [
        "a,b",
        "say \"hi\"",
        "back\\slash",
        "ümlaut & more",
        "in:a",
        "win:2019",
    ] {
        let region = RegionSpec::new("R").image(ImageSeed::new(name, Content::None));
        let cloud = Cloud::start(region.image(ImageSeed::new("other", Content::None))).await;
        let found = cloud
            .reader()
            .list(&Listing::Named(name.to_owned()))
            .await
            .unwrap();
        assert_eq!(found.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn tokens_that_end_are_renewed_once_for_all() {
    let cloud = Cloud::start(RegionSpec::new("R")).await;
    let reader = cloud.reader();
    cloud.sandbox.expire_tokens("main").unwrap();
    let lists = (0..8).map(|_| reader.list(&Listing::Visible));
    for list in futures_util::future::join_all(lists).await {
        list.unwrap();
    }
    let log_ins = cloud.sandbox.keystone_requests("main").unwrap();
    let log_ins = log_ins
        .iter()
        .filter(|request| request.method == "POST")
        .count();
    assert_eq!(log_ins, 2);
}

#[tokio::test]
async fn a_token_that_is_refused_at_the_end_of_an_upload_costs_one_more() {
    let region =
        RegionSpec::new("R").fault(Fault::new("PUT", UPLOADS, Effect::ExpireToken).on(1, 1));
    let cloud = Cloud::start(region).await;
    cloud.copy(&seed(1 << 20)).await.unwrap();
}

#[tokio::test]
async fn a_keystone_that_is_down_is_named_although_glance_says_401() {
    let cloud = Cloud::start(RegionSpec::new("R")).await;
    cloud.sandbox.stop_keystone("main").unwrap();
    let error = cloud.reader().list(&Listing::Visible).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeystoneUnreachable, "{error}");
    cloud.sandbox.start_keystone("main").unwrap();
    cloud.reader().list(&Listing::Visible).await.unwrap();
}

#[tokio::test]
async fn a_region_that_is_down_is_unreachable() {
    let cloud = Cloud::start(RegionSpec::new("R")).await;
    cloud.sandbox.kill_region("R").unwrap();
    let error = cloud.reader().list(&Listing::Visible).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RegionUnreachable, "{error}");
    assert_eq!(error.call().unwrap().tries, 4);
}

#[tokio::test]
async fn refusals_of_an_upload_are_told_apart() {
    let early = Fault::new("PUT", UPLOADS, Effect::early(413));
    let mut small = RegionSpec::new("R");
    small.limits.image_size_cap = 1 << 20;
    let mut full = RegionSpec::new("R");
    full.limits.capacity = Some(3 << 20);
    for region in [RegionSpec::new("R").fault(early), small, full] {
        let cloud = Cloud::start(region).await;
        let error = cloud.copy(&seed(20 << 20)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::QuotaExceeded, "{error}");
        cloud.wait_for(&ImageStatus::Queued).await;
    }

    let cloud = Cloud::start(RegionSpec::new("R")).await;
    let error = cloud
        .copy(&ImageSeed::new("base", vec![7; 1 << 20]).formats("qcow2", "bare"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::UploadFailed);
    assert!(error.to_string().contains("HTTP 415"), "{error}");
    assert!(error.hint().contains("disk format"));
}

#[tokio::test]
async fn a_broken_upload_leaves_an_image_that_can_be_sent_to_again() {
    let drop = Fault::new("PUT", UPLOADS, Effect::DropUpload { bytes: 1 << 20 }).on(1, 1);
    let cloud = Cloud::start(RegionSpec::new("R").fault(drop)).await;
    let error = cloud.copy(&seed(8 << 20)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UploadFailed, "{error}");
    cloud.wait_for(&ImageStatus::Queued).await;
    let image = cloud.only().await;
    let folder = tempfile::tempdir().unwrap();
    let id = ImageId::new("3e2b1a9c-0000-4000-8000-000000000001");
    std::fs::write(folder.path().join(id.as_str()), "content").unwrap();
    let content = content::Content::from(ImagesDir::new(folder.path()).find(&id, 7).unwrap());
    upload(
        &cloud.writer(),
        &image.id,
        &ContentTarget::DefaultStore,
        &content,
        &Arc::default(),
        &LIMITS,
    )
    .await
    .unwrap();
    cloud.wait_for(&ImageStatus::Active).await;
}

#[tokio::test]
async fn a_dropped_upload_goes_back_to_queued() {
    let slow = Effect::Slow {
        bytes_per_sec: 4 << 20,
    };
    let cloud = Cloud::start(RegionSpec::new("R").fault(Fault::new("PUT", UPLOADS, slow))).await;
    let seed = seed(64 << 20);
    let is_under_way = async || {
        let images = cloud.sandbox.images("R").unwrap();
        images.iter().any(|image| image["status"] == "saving")
    };
    tokio::select! {
        result = cloud.copy(&seed) => panic!("{result:?}"),
        () = until("an upload under way", is_under_way) => {}
    }
    cloud.wait_for(&ImageStatus::Queued).await;
}

#[tokio::test]
async fn what_glance_will_not_delete_stays_and_says_why() {
    let mut protected = seed(1);
    protected.protected = true;
    let mut in_use = seed(1);
    in_use.in_use = true;
    for (image, status, is_in_use) in [(protected, 403, false), (in_use, 409, true)] {
        let cloud = Cloud::start(RegionSpec::new("R").image(image)).await;
        let id = cloud.only().await.id;
        let error = cloud.writer().delete(&id).await.unwrap_err();
        assert_eq!(
            (error.status(), error.is_in_use()),
            (Some(status), is_in_use)
        );
        assert_eq!(error.code(), ErrorCode::DeleteFailed);
    }
}

#[tokio::test]
async fn who_may_not_publish_keeps_the_content() {
    let cloud = Cloud::start_as("member", RegionSpec::new("R")).await;
    let image = cloud.copy(&seed(1 << 10)).await.unwrap();
    let publish = [PatchOp::replace("visibility", "public")];
    let error = cloud.writer().patch(&image.id, &publish).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PublishRefused, "{error}");
    assert_eq!(cloud.only().await.status, ImageStatus::Active);
}

#[tokio::test]
async fn lost_answers_make_no_doubles_and_lose_nothing() {
    let lost = |method, path| {
        let when = crate::sandbox::When::After;
        Fault::new(method, path, Effect::Drop { when }).on(1, 1)
    };
    let region = RegionSpec::new("R")
        .fault(lost("POST", "/v2/images"))
        .fault(lost("PATCH", "/v2/images/*"))
        .fault(lost("DELETE", "/v2/images/*"));
    let cloud = Cloud::start(region).await;
    let image = cloud.copy(&seed(1 << 10)).await.unwrap();
    assert_eq!(cloud.only().await.id, image.id);
    let publish = [PatchOp::replace("visibility", "public")];
    let published = cloud.writer().patch(&image.id, &publish).await.unwrap();
    assert_eq!(published.visibility, Visibility::Public);
    cloud.writer().delete(&image.id).await.unwrap();
}

#[tokio::test]
async fn application_credentials_log_in_by_id_and_by_name() {
    let mut keystone = KeystoneSpec::new("main")
        .user("admin", "secret", "images", ["admin"])
        .region(RegionSpec::new("R"));
    keystone
        .application_credentials
        .push(ApplicationCredentialSpec {
            id: "ac1".to_owned(),
            name: "sync".to_owned(),
            secret: "hush".to_owned(),
            user: "admin".to_owned(),
            project: "images".to_owned(),
            roles: Vec::new(),
        });
    let cloud = Cloud::of("admin", keystone).await;
    let by_name = ApplicationCredentialRef::Name {
        name: "sync".to_owned(),
        user: UserRef::Name {
            name: "admin".to_owned(),
            domain: DomainRef::default(),
        },
    };
    for credential in [ApplicationCredentialRef::Id("ac1".to_owned()), by_name] {
        let good = Auth::ApplicationCredential {
            credential: credential.clone(),
            secret: Secret::new("hush"),
        };
        let session = log_in(&cloud.sandbox, good).await.unwrap();
        assert_eq!(session.project_id(), cloud.session.project_id());
        let bad = Auth::ApplicationCredential {
            credential,
            secret: Secret::new("wrong"),
        };
        let error = log_in(&cloud.sandbox, bad).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::AuthFailed);
    }
}
