//! Looking at one image, and changing it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::model::{ErrorCode, ImageId};
use crate::openstack::testing::{FakeCloud, Script};
use crate::openstack::{NewImage, PatchOp};

fn new_id() -> ImageId {
    ImageId::new(&uuid::Uuid::new_v4().to_string())
}

fn image() -> NewImage {
    NewImage {
        name: "base".to_owned(),
        disk_format: Some("raw".to_owned()),
        container_format: Some("bare".to_owned()),
        tags: ["t".to_owned()].into(),
        properties: [("nid", "7"), ("name", "not this")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..NewImage::default()
    }
}

#[tokio::test]
async fn a_new_image_is_private_and_unprotected_whatever_its_properties() {
    let cloud = FakeCloud::start(|seen| {
        seen.is("POST", "/v2/images")
            .then(|| Script::json(201, &json!({"id": "x", "name": "base", "status": "queued"})))
    })
    .await;
    let id = ImageId::new("x");
    let made = cloud.writer().await.create(&id, &image()).await.unwrap();
    assert_eq!(made.id, id);
    assert_eq!(
        cloud.last().json(),
        json!({
            "id": "x", "name": "base", "visibility": "private", "protected": false,
            "disk_format": "raw", "container_format": "bare", "min_disk": 0, "min_ram": 0,
            "tags": ["t"], "nid": "7",
        })
    );
}

#[tokio::test]
async fn an_answer_about_another_image_is_not_believed() {
    let cloud = FakeCloud::start(|seen| match seen.method.as_str() {
        "POST" if seen.target == "/v2/images" => Some(Script::json(
            201,
            &json!({"id": "other", "status": "queued"}),
        )),
        "GET" if seen.target == "/v2/images/x" => Some(Script::json(200, &json!({"id": "."}))),
        "PATCH" => Some(Script::json(200, &json!({"id": "other"}))),
        "DELETE" => Some(Script::status(204)),
        _ => None,
    })
    .await;
    let writer = cloud.writer().await;
    let id = ImageId::new("x");
    let error = writer.create(&id, &image()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CreateFailed);
    assert!(error.to_string().contains("other"), "{error}");
    assert_eq!(cloud.count("DELETE", "/v2/images/x"), 1);
    assert_eq!(cloud.count("DELETE", "/v2/images/other"), 0);
    writer.show(&id).await.unwrap_err();
    let ops = [PatchOp::remove("p")];
    let error = writer.patch(&id, &ops).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UpdateFailed);
}

#[tokio::test]
async fn a_server_may_spell_a_uuid_its_own_way() {
    let id = new_id();
    let upper = id.as_str().to_uppercase();
    let answer = json!({"id": upper, "status": "queued"});
    let cloud = FakeCloud::start(move |seen| {
        seen.is("POST", "/v2/images")
            .then(|| Script::json(201, &answer))
    })
    .await;
    let made = cloud.writer().await.create(&id, &image()).await.unwrap();
    assert_eq!(made.id.as_str(), upper);
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_makes_no_second_image() {
    let made = Mutex::new(String::new());
    let posts = AtomicUsize::new(0);
    let cloud = FakeCloud::start(move |seen| {
        if seen.is("POST", "/v2/images") {
            return Some(match posts.fetch_add(1, Ordering::SeqCst) {
                0 => Script::CloseAfter(usize::MAX),
                _ => Script::status(409),
            });
        }
        let id = seen.target.strip_prefix("/v2/images/")?;
        made.lock().unwrap().push_str(id);
        Some(Script::json(200, &json!({"id": id, "status": "queued"})))
    })
    .await;
    let image = cloud
        .writer()
        .await
        .create(&new_id(), &image())
        .await
        .unwrap();
    assert_eq!(image.id.as_str().len(), 36);
    assert_eq!(cloud.count("POST", "/v2/images"), 2);
}

#[tokio::test]
async fn a_refused_creation_says_why() {
    for (status, code) in [
        (403, ErrorCode::CreateFailed),
        (409, ErrorCode::CreateFailed),
        (413, ErrorCode::QuotaExceeded),
    ] {
        let cloud = FakeCloud::start(move |seen| {
            seen.is("POST", "/v2/images")
                .then(|| Script::json(status, &json!({"message": "no<br /><br />"})))
        })
        .await;
        let error = cloud
            .writer()
            .await
            .create(&new_id(), &image())
            .await
            .unwrap_err();
        assert_eq!(error.code(), code);
        assert!(
            error.to_string().ends_with(&format!("HTTP {status}: no")),
            "{error}"
        );
        assert_eq!(cloud.count("POST", "/v2/images"), 1);
    }
}

#[tokio::test]
async fn a_patch_is_one_call_with_its_own_media_type() {
    let cloud = FakeCloud::start(|seen| {
        (seen.method == "PATCH").then(|| Script::json(200, &json!({"id": "x"})))
    })
    .await;
    let ops = [
        PatchOp::replace("visibility", "public"),
        PatchOp::add("a/b", "1"),
        PatchOp::remove("c"),
    ];
    cloud
        .writer()
        .await
        .patch(&ImageId::new("x"), &ops)
        .await
        .unwrap();
    let seen = cloud.last();
    assert_eq!(
        seen.headers["content-type"],
        "application/openstack-images-v2.1-json-patch"
    );
    assert_eq!(seen.json()[1]["path"], "/a~1b");
}

#[tokio::test]
async fn refused_patches_are_told_apart() {
    for (ops, status, code) in [
        (
            vec![PatchOp::replace("visibility", "public")],
            403,
            ErrorCode::PublishRefused,
        ),
        (
            vec![PatchOp::replace("visibility", "private")],
            403,
            ErrorCode::UpdateFailed,
        ),
        (
            vec![PatchOp::replace("name", "x.old")],
            403,
            ErrorCode::RenameFailed,
        ),
        (vec![PatchOp::add("p", "1")], 413, ErrorCode::QuotaExceeded),
        (vec![PatchOp::add("p", "1")], 401, ErrorCode::AuthFailed),
        (vec![PatchOp::remove("p")], 409, ErrorCode::UpdateFailed),
    ] {
        let cloud =
            FakeCloud::start(move |seen| (seen.method == "PATCH").then(|| Script::status(status)))
                .await;
        let writer = cloud.writer().await;
        let error = writer.patch(&ImageId::new("x"), &ops).await.unwrap_err();
        assert_eq!(error.code(), code, "{ops:?}");
    }
}

#[tokio::test]
async fn a_patch_whose_end_is_not_known_is_repeated_after_a_look() {
    for (shown, tries) in [
        (json!({"id": "x", "p": "1"}), 4),
        (json!({"id": "x"}), 1),
        (json!(7), 4),
    ] {
        let cloud = FakeCloud::start(move |seen| match seen.method.as_str() {
            "PATCH" => Some(Script::CloseAfter(usize::MAX)),
            "GET" => Some(Script::json(200, &shown)),
            _ => None,
        })
        .await;
        let writer = cloud.writer().await;
        let patched = writer
            .patch(&ImageId::new("x"), &[PatchOp::remove("p")])
            .await;
        assert_eq!(patched.is_ok(), tries == 1);
        assert_eq!(cloud.count("PATCH", "/v2/images/x"), tries);
        if let Err(error) = patched {
            assert_eq!(error.call().unwrap().tries, 4);
        }
    }
}

#[tokio::test]
async fn what_a_repeated_deletion_does_not_find_has_been_deleted() {
    for (first, then, is_deleted) in [(503, 404, true), (404, 404, false), (204, 204, true)] {
        let calls = AtomicUsize::new(0);
        let cloud = FakeCloud::start(move |seen| {
            (seen.method == "DELETE").then(|| {
                let call = calls.fetch_add(1, Ordering::SeqCst);
                Script::status(if call == 0 { first } else { then })
            })
        })
        .await;
        let result = cloud.writer().await.delete(&ImageId::new("x")).await;
        assert_eq!(result.is_ok(), is_deleted, "{first} {then}");
    }
}

#[tokio::test]
async fn an_image_in_use_is_known_as_such() {
    let cloud =
        FakeCloud::start(|seen| (seen.method == "DELETE").then(|| Script::status(409))).await;
    let writer = cloud.writer().await;
    let error = writer.delete(&ImageId::new("x")).await.unwrap_err();
    assert!(error.is_in_use());
    assert_eq!(error.code(), ErrorCode::DeleteFailed);
    assert!(error.hint().contains("in use"));
}

#[tokio::test]
async fn content_comes_in_pieces_and_an_end_before_its_time_is_an_error() {
    let cloud = FakeCloud::start(|seen| match seen.target.as_str() {
        "/v2/images/x/file" => Some(Script::Answer(200, Vec::new(), "content".to_owned())),
        "/v2/images/queued/file" => Some(Script::status(204)),
        _ => None,
    })
    .await;
    let writer = cloud.writer().await;
    let mut download = writer.download(&ImageId::new("x"), 0).await.unwrap();
    assert_eq!(download.size(), Some(7));
    let mut all = Vec::new();
    while let Some(piece) = download.chunk(Duration::from_secs(5)).await.unwrap() {
        all.extend_from_slice(&piece);
    }
    assert_eq!(all, b"content");
    for id in ["queued", "absent"] {
        let error = writer.download(&ImageId::new(id), 0).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::DownloadFailed, "{id}");
    }
}

#[tokio::test]
async fn an_image_is_shown_or_gone() {
    let cloud = FakeCloud::start(|seen| {
        (seen.target == "/v2/images/x").then(|| Script::json(200, &json!({"id": "x", "size": 5})))
    })
    .await;
    let writer = cloud.writer().await;
    assert_eq!(writer.show(&ImageId::new("x")).await.unwrap().size, Some(5));
    assert!(writer.show(&ImageId::new("y")).await.unwrap_err().is_gone());
}
