//! Uploads, and all the ways in which they end.

use glancesync::sandbox::{ContentMode, ImageSeed, KeystoneSpec, RegionSpec, Sandbox, SandboxSpec};
use reqwest::{Client, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::cloud::{ABC_MD5, Cloud, one_region, with_region};

#[tokio::test]
async fn a_dropped_upload_can_be_sent_again() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    let stream = cloud.begin_upload(&id, 1000, 500).await;
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 409);
    drop(stream);
    cloud.wait_for(&id, "queued").await;
    assert!(!sandbox.images_dir("One").unwrap().join(&id).exists());
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_kill_leaves_an_image_saving_for_ever() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    let _stream = cloud.begin_upload(&id, 1000, 500).await;
    sandbox.kill_region("One").unwrap();
    // The old client may have a connection in its pool.
    let client = Client::builder().no_proxy().build().unwrap();
    let refused = client.get(&cloud.glance).send().await.unwrap_err();
    assert!(refused.is_connect());
    sandbox.start_region("One").unwrap();
    assert_eq!(cloud.image(&id).await["status"], "saving");
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 409);
}

#[tokio::test]
async fn what_is_deleted_in_mid_upload_is_gone() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    let mut stream = cloud.begin_upload(&id, 1000, 500).await;
    let deletion = cloud.request(Method::DELETE, &format!("/v2/images/{id}"));
    assert_eq!(deletion.send().await.unwrap().status(), 204);
    stream.write_all(&[b'x'; 500]).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 410");
    assert!(!sandbox.images_dir("One").unwrap().join(&id).exists());
}

#[tokio::test]
async fn an_upload_that_stalls_is_given_up() {
    let mut region = RegionSpec::new("One");
    region.stall_timeout_secs = 1;
    let sandbox = with_region(region);
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    let mut stream = cloud.begin_upload(&id, 1000, 500).await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 500");
    assert_eq!(cloud.image(&id).await["status"], "queued");
}

#[tokio::test]
async fn content_of_another_format_spoils_the_image() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let (_, image) = cloud.create(json!({"disk_format": "qcow2"})).await;
    let id = image["id"].as_str().unwrap();
    assert_eq!(cloud.upload(id, b"no qcow2").await.unwrap().status(), 415);
    assert_eq!(cloud.image(id).await["status"], "queued");
    assert_eq!(cloud.upload(id, b"no qcow2").await.unwrap().status(), 500);
    let deletion = cloud.request(Method::DELETE, &format!("/v2/images/{id}"));
    assert_eq!(deletion.send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn limits_are_answered_with_413() {
    let mut region = RegionSpec::new("One");
    region.limits.image_size_cap = 10;
    region.limits.properties = 1;
    region.limits.user_storage_quota = Some(8);
    let sandbox = with_region(region);
    let cloud = Cloud::new(&sandbox, "One").await;
    assert_eq!(cloud.create(json!({"a": "1", "b": "2"})).await.0, 413);
    let id = cloud.queued().await;
    assert_eq!(cloud.upload(&id, b"123456789").await.unwrap().status(), 413);
    assert_eq!(cloud.image(&id).await["status"], "queued");
    assert_eq!(cloud.upload_chunked(&id, "12345678901").await, "413");
    assert_eq!(cloud.image(&id).await["status"], "queued");
    // Glance finds out too late, when it has the image as active already.
    assert_eq!(cloud.upload_chunked(&id, "123456789").await, "413");
    assert_eq!(cloud.image(&id).await["status"], "saving");
}

#[tokio::test]
async fn discarded_content_gets_the_checksums_of_its_twin() {
    let mut sink = RegionSpec::new("Sink");
    sink.content = ContentMode::Discard;
    let keystone = KeystoneSpec::new("main")
        .user("admin", "secret", "admin", ["admin"])
        .region(RegionSpec::new("Master"))
        .region(sink);
    let sandbox = Sandbox::start(&SandboxSpec::new().keystone(keystone)).unwrap();
    sandbox
        .add_image("Master", &ImageSeed::new("twin", "abc"))
        .unwrap();
    let cloud = Cloud::new(&sandbox, "Sink").await;
    let (_, image) = cloud.create(json!({"name": "twin"})).await;
    let id = image["id"].as_str().unwrap();
    assert_eq!(cloud.upload(id, b"xyz").await.unwrap().status(), 204);
    assert_eq!(cloud.image(id).await["checksum"], ABC_MD5);
    assert_eq!(
        std::fs::read_dir(sandbox.images_dir("Sink").unwrap())
            .unwrap()
            .count(),
        0
    );
}
