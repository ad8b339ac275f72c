//! Images: made, changed, listed, deleted, and whose they are.

use glancesync::sandbox::{ImageSeed, KeystoneSpec, RegionSpec, Sandbox, SandboxSpec};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{ABC_MD5, Cloud, log_in, one_region, with_region};

#[tokio::test]
async fn an_image_is_made_filled_read_and_deleted() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let (_, image) = cloud
        .create(json!({"name": "abc", "nid": "7", "tags": ["a:b"]}))
        .await;
    let id = image["id"].as_str().unwrap();
    assert_eq!(
        (&image["status"], &image["visibility"]),
        (&json!("queued"), &json!("shared"))
    );
    assert_eq!(cloud.upload(id, b"abc").await.unwrap().status(), 204);
    let image = cloud.image(id).await;
    assert_eq!(image["status"], "active");
    assert_eq!(image["checksum"], ABC_MD5);
    assert_eq!(image["os_hash_algo"], "sha512");
    let file = sandbox.images_dir("One").unwrap().join(id);
    assert_eq!(std::fs::read(&file).unwrap(), b"abc");
    let download = cloud
        .request(Method::GET, &format!("/v2/images/{id}/file"))
        .header("Range", "bytes=1-")
        .send()
        .await
        .unwrap();
    assert_eq!(download.status(), 206);
    assert_eq!(download.headers()["content-md5"], ABC_MD5);
    assert_eq!(download.bytes().await.unwrap(), "bc");
    assert_eq!(cloud.upload(id, b"abc").await.unwrap().status(), 409);
    let deletion = cloud.request(Method::DELETE, &format!("/v2/images/{id}"));
    assert_eq!(deletion.send().await.unwrap().status(), 204);
    assert!(!file.exists());
    assert_eq!(cloud.create(json!({"id": id})).await.0, 409);
    let changes: Vec<String> = sandbox
        .requests("main:One")
        .unwrap()
        .iter()
        .filter(|request| request.is_change())
        .map(|request| format!("{} {}", request.method, request.status.unwrap()))
        .collect();
    assert_eq!(
        changes,
        ["POST 201", "PUT 204", "PUT 409", "DELETE 204", "POST 409"]
    );
}

#[tokio::test]
async fn a_patch_is_carried_out_whole_or_not_at_all() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    let set = |name: &str, value: Value| json!({"op": "add", "path": name, "value": value});
    assert_eq!(
        cloud
            .patch(
                &id,
                json!([set("/name", json!("one")), set("/x", json!("1"))])
            )
            .await,
        200
    );
    let half = json!([set("/name", json!("two")), {"op": "remove", "path": "/absent"}]);
    assert_eq!(cloud.patch(&id, half).await, 409);
    assert_eq!(cloud.patch(&id, json!([set("/size", json!(1))])).await, 403);
    assert_eq!(cloud.patch(&id, json!([set("/x", json!(null))])).await, 400);
    assert_eq!(
        cloud
            .patch(&id, json!([set("/kernel_id", json!(""))]))
            .await,
        400
    );
    let image = cloud.image(&id).await;
    assert_eq!((&image["name"], &image["x"]), (&json!("one"), &json!("1")));
    let bodies: Vec<Option<String>> = sandbox
        .requests("One")
        .unwrap()
        .into_iter()
        .filter(|request| request.method == "PATCH")
        .map(|request| request.body)
        .collect();
    assert!(bodies[0].as_deref().unwrap().contains("/name"));
}

#[tokio::test]
async fn pages_lead_to_each_other() {
    let mut region = RegionSpec::new("One");
    for number in 0..7 {
        region = region.image(ImageSeed::new(format!("image {number}"), "x"));
    }
    let sandbox = with_region(region);
    let cloud = Cloud::new(&sandbox, "One").await;
    let mut path = "/v2/images?limit=3&visibility=public".to_owned();
    let mut names = Vec::new();
    loop {
        let (_, page) = cloud.get(&path).await;
        let images = page["images"].as_array().unwrap().clone();
        names.extend(
            images
                .iter()
                .map(|image| image["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names.len(), 7);
    assert_eq!(names[0], "image 6");
    assert_eq!(
        cloud.get("/v2/images?colour=red").await.1["images"],
        json!([])
    );
    assert_eq!(cloud.get("/v2/images?marker=nowhere").await.0, 400);
}

#[tokio::test]
async fn what_another_project_owns_is_read_only() {
    let keystone = KeystoneSpec::new("main")
        .user("admin", "secret", "admin", ["admin"])
        .user("eve", "secret", "other", ["member"])
        .region(RegionSpec::new("One"));
    let sandbox = Sandbox::start(&SandboxSpec::new().keystone(keystone)).unwrap();
    let public = sandbox
        .add_image("One", &ImageSeed::new("public", "x"))
        .unwrap();
    let private = ImageSeed::new("private", "x").visibility("private");
    let private = sandbox.add_image("One", &private).unwrap();
    let mut cloud = Cloud::new(&sandbox, "One").await;
    cloud.token = log_in(&cloud.client, &sandbox, "eve", "secret", "other").await;
    let rename = || json!([{"op": "replace", "path": "/name", "value": "mine"}]);
    assert_eq!(cloud.patch(&public, rename()).await, 403);
    assert_eq!(cloud.patch(&private, rename()).await, 404);
    assert_eq!(
        cloud.get("/v2/images").await.1["images"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(cloud.create(json!({"visibility": "public"})).await.0, 403);
    assert_eq!(cloud.create(json!({"visibility": "private"})).await.0, 201);
}

#[tokio::test]
async fn an_image_in_use_or_protected_stays() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let busy = ImageSeed {
        in_use: true,
        ..ImageSeed::new("busy", "x")
    };
    let protected = ImageSeed {
        protected: true,
        ..ImageSeed::new("protected", "x")
    };
    for (seed, status) in [(busy, 409), (protected, 403)] {
        let id = sandbox.add_image("One", &seed).unwrap();
        let delete = cloud.request(Method::DELETE, &format!("/v2/images/{id}"));
        assert_eq!(delete.send().await.unwrap().status(), status);
        assert_eq!(cloud.image(&id).await["id"], id);
    }
}
