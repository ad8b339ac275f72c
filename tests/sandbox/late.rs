//! Answers that are not the state: uploads that are stored later, images not seen yet, lists and
//! ids that are not true, and regions that have other hashes than most.

use std::time::{Duration, Instant};

use glancesync::sandbox::{
    DateHeader, Effect, Fault, HashAlgorithm, HashSpec, ImageSeed, Letters, RegionSpec, Reply,
    Sandbox, SaveEnd,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{ABC_MD5, Cloud, one_region, with_region};
use crate::wait::until;

const FILE: &str = "/v2/images/*/file";

fn set(sandbox: &Sandbox, fault: Fault) {
    sandbox.set_faults("One", vec![fault]).unwrap();
}

#[tokio::test]
async fn an_answer_may_come_before_the_image_is_stored() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    for (effect, answer, end) in [
        (Effect::saving(200), Some(204), "active"),
        (Effect::late(504, 200), Some(504), "active"),
        (
            Effect::SaveLater {
                millis: 200,
                answer: Reply::Drop,
                end: SaveEnd::Queued,
            },
            None,
            "queued",
        ),
    ] {
        let id = cloud.queued().await;
        set(&sandbox, Fault::new("PUT", FILE, effect));
        let sent = Instant::now();
        let answered = cloud.upload(&id, b"abc").await.ok();
        assert_eq!(answered.map(|answer| answer.status().as_u16()), answer);
        let status = cloud.image(&id).await["status"].clone();
        assert!(status == "saving" || sent.elapsed() > Duration::from_millis(200));
        cloud.wait_for(&id, end).await;
        let stored = sandbox.images_dir("One").unwrap().join(&id).exists();
        assert_eq!(stored, end == "active");
        if end == "active" {
            assert_eq!(cloud.image(&id).await["checksum"], ABC_MD5);
        }
    }
}

#[tokio::test]
async fn what_is_stored_later_may_be_damaged_or_deleted_meanwhile() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let damaged = Effect::SaveLater {
        millis: 1,
        answer: Reply::Status(502),
        end: SaveEnd::Damaged,
    };
    set(&sandbox, Fault::new("PUT", FILE, damaged));
    let id = cloud.queued().await;
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 502);
    cloud.wait_for(&id, "active").await;
    assert_ne!(cloud.image(&id).await["checksum"], ABC_MD5);

    set(&sandbox, Fault::new("PUT", FILE, Effect::saving(100)));
    let id = cloud.queued().await;
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 204);
    let path = format!("/v2/images/{id}");
    let deletion = cloud.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deletion.status(), 204);
    let file = sandbox.images_dir("One").unwrap().join(&id);
    until("a file that is gone", async || !file.exists()).await;
    assert_eq!(cloud.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_new_image_may_not_be_seen_yet() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let unseen = Effect::Unseen { millis: 300 };
    set(&sandbox, Fault::new("POST", "/v2/images", unseen).on(1, 1));
    let created = Instant::now();
    let id = cloud.queued().await;
    let uploaded = cloud.upload(&id, b"abc").await.unwrap().status();
    let listed = cloud.get("/v2/images").await.1["images"].clone();
    assert!(
        (uploaded == 404 && listed == json!([])) || created.elapsed() > Duration::from_millis(300)
    );
    cloud.wait_for(&id, "queued").await;
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_store_may_not_read_from_the_middle() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = sandbox
        .add_image("One", &ImageSeed::new("seeded", "abc"))
        .unwrap();
    let path = format!("/v2/images/{id}/file");
    let name = "range".to_owned();
    for (effect, status) in [
        (Effect::status(400), 400),
        (Effect::IgnoreHeader { name }, 200),
    ] {
        set(
            &sandbox,
            Fault::new("GET", FILE, effect).with_header("range"),
        );
        let part = cloud
            .request(Method::GET, &path)
            .header("Range", "bytes=1-")
            .send()
            .await
            .unwrap();
        assert_eq!(part.status(), status);
        let whole = cloud.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(
            (whole.status().as_u16(), whole.text().await.unwrap()),
            (200, "abc".to_owned())
        );
    }
}

#[tokio::test]
async fn ids_are_kept_and_compared_as_they_are_written() {
    let sandbox = with_region(RegionSpec {
        ids: Letters::Capital,
        ..RegionSpec::new("One")
    });
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    assert_eq!(id, id.to_uppercase());
    assert_eq!(cloud.get(&format!("/v2/images/{id}")).await.0, 200);
    let lower = id.to_lowercase();
    assert_eq!(cloud.get(&format!("/v2/images/{lower}")).await.0, 404);
    let (status, image) = cloud.create(json!({"id": lower})).await;
    assert_eq!((status.as_u16(), &image["id"]), (201, &json!(lower)));
}

#[tokio::test]
async fn a_region_may_have_other_hashes_or_none() {
    for (md5, algorithm) in [
        (false, Some(HashAlgorithm::Sha256)),
        (true, None),
        (false, None),
    ] {
        let sandbox = with_region(RegionSpec {
            hashes: HashSpec { md5, algorithm },
            ..RegionSpec::new("One")
        });
        let cloud = Cloud::new(&sandbox, "One").await;
        let seeded = sandbox
            .add_image("One", &ImageSeed::new("seeded", "abc"))
            .unwrap();
        let id = cloud.queued().await;
        assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 204);
        for id in [id, seeded] {
            let image = cloud.image(&id).await;
            assert_eq!(
                image["checksum"],
                if md5 { json!(ABC_MD5) } else { json!(null) }
            );
            let algorithm = algorithm.map(HashAlgorithm::as_str);
            assert_eq!(image["os_hash_algo"], json!(algorithm));
            let value = image["os_hash_value"].as_str();
            assert_eq!(value.is_some(), algorithm.is_some());
            assert!(value.is_none_or(|value| value.starts_with("ba7816bf8f01cfea")));
        }
    }
}

#[tokio::test]
async fn a_region_may_not_say_what_time_it_is() {
    for (date, sent) in [(DateHeader::Sent, true), (DateHeader::Missing, false)] {
        let sandbox = with_region(RegionSpec {
            date,
            ..RegionSpec::new("One")
        });
        let cloud = Cloud::new(&sandbox, "One").await;
        let answer = cloud
            .request(Method::GET, "/v2/images")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers().contains_key("date"), sent);
    }
}

#[tokio::test]
async fn a_list_may_go_on_for_ever() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    set(
        &sandbox,
        Fault::new("GET", "/v2/images", Effect::EndlessList),
    );
    let mut seen = std::collections::BTreeSet::new();
    let mut next = "/v2/images?limit=7".to_owned();
    for _ in 0..20 {
        let page = cloud.get(&next).await.1;
        assert_eq!(page["images"].as_array().unwrap().len(), 7);
        next = page["next"].as_str().unwrap().to_owned();
        assert!(seen.insert(next.clone()));
    }
}

#[tokio::test]
async fn what_an_answer_says_can_be_changed() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let other = "01234567-89ab-cdef-0123-456789abcdef";
    set(
        &sandbox,
        Fault::new("POST", "/v2/images", Effect::rewrite("/id", other)),
    );
    let asked = "11234567-89ab-cdef-0123-456789abcdef";
    let (status, image) = cloud.create(json!({"id": asked})).await;
    assert_eq!((status.as_u16(), &image["id"]), (201, &json!(other)));
    set(
        &sandbox,
        Fault::new("GET", "/v2/images", Effect::rewrite("/images/0/id", "..")),
    );
    assert_eq!(cloud.get("/v2/images").await.1["images"][0]["id"], "..");
    let ids: Vec<Value> = sandbox
        .images("One")
        .unwrap()
        .iter()
        .map(|image| image["id"].clone())
        .collect();
    assert_eq!(ids, [asked]);
}
