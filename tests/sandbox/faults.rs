//! What goes wrong on purpose.

use glancesync::sandbox::{Effect, Fault, ImageSeed, When};
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cloud::{ABC_MD5, Cloud, log_in, one_region};
use crate::wait::until;

#[tokio::test]
async fn tokens_expire_and_a_silent_keystone_is_a_401() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let unseen = log_in(&cloud.client, &sandbox, "admin", "secret", "admin").await;
    assert_eq!(cloud.get("/v2/images").await.0, 200);
    sandbox.stop_keystone("main").unwrap();
    assert_eq!(cloud.get("/v2/images").await.0, 200);
    let fresh = Cloud {
        token: unseen,
        client: cloud.client.clone(),
        glance: cloud.glance.clone(),
    };
    assert_eq!(fresh.get("/v2/images").await.0, 401);
    sandbox.start_keystone("main").unwrap();
    assert_eq!(fresh.get("/v2/images").await.0, 200);
    sandbox.expire_tokens("main").unwrap();
    assert_eq!(cloud.get("/v2/images").await.0, 401);
    assert!(!sandbox.keystone_requests("main").unwrap().is_empty());
}

#[tokio::test]
async fn a_fault_strikes_before_or_after_the_effect() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    let path = "/v2/images/*/file";
    sandbox
        .set_faults(
            "One",
            vec![
                Fault::new("PUT", path, Effect::retry_after(503, 7)).on(1, 1),
                Fault::new("PUT", path, Effect::Drop { when: When::Before }).on(2, 1),
                Fault::new("PUT", path, Effect::DropUpload { bytes: 1 }).on(3, 1),
                Fault::new("PUT", path, Effect::Drop { when: When::After }).on(4, 1),
                Fault::new("GET", "/v2/images", Effect::WrongJson).on(1, 1),
                Fault::new("GET", "/v2/images", Effect::CutBody { bytes: 5 }).on(2, 1),
                Fault::new("GET", "/v2/images", Effect::ExpireToken).on(3, 1),
            ],
        )
        .unwrap();
    let refused = cloud.upload(&id, b"abc").await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    for _ in 0..2 {
        assert!(cloud.upload(&id, b"abc").await.is_err());
        cloud.wait_for(&id, "queued").await;
    }
    assert!(cloud.upload(&id, b"abc").await.is_err());
    assert_eq!(cloud.image(&id).await["status"], "active");
    let list = || async {
        cloud
            .request(Method::GET, "/v2/images")
            .send()
            .await
            .unwrap()
    };
    assert!(list().await.json::<Value>().await.is_err());
    assert!(list().await.bytes().await.is_err());
    assert_eq!(list().await.status(), 401);
    assert_eq!(list().await.status(), 401);
    let faulted = sandbox
        .requests("One")
        .unwrap()
        .iter()
        .filter(|request| request.faulted)
        .count();
    assert_eq!(faulted, 7);
}

#[tokio::test]
async fn content_can_be_damaged_on_its_way() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let seeded = sandbox
        .add_image("One", &ImageSeed::new("seeded", "abc"))
        .unwrap();
    sandbox
        .set_faults("One", vec![Fault::always(Effect::WrongContent)])
        .unwrap();
    let id = cloud.queued().await;
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 204);
    assert_ne!(cloud.image(&id).await["checksum"], ABC_MD5);
    let path = format!("/v2/images/{seeded}/file");
    let download = cloud.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(download.headers()["content-md5"], ABC_MD5);
    assert_ne!(download.bytes().await.unwrap(), "abc");
}

#[tokio::test]
async fn an_early_answer_does_not_wait_for_the_body() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    sandbox
        .set_faults("One", vec![Fault::new("PUT", "/v2/**", Effect::early(413))])
        .unwrap();
    let address = cloud.glance.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "PUT /v2/images/x/file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_service_that_dies_in_mid_upload_is_back_and_the_image_saving_for_ever() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    sandbox.keep_history("One").unwrap();
    let id = cloud.queued().await;
    let crash = Fault::new("PUT", "/v2/images/*/file", Effect::Crash { bytes: 2 }).on(1, 1);
    sandbox.set_faults("One", vec![crash]).unwrap();
    assert!(cloud.upload(&id, b"abc").await.is_err());
    assert_eq!(cloud.image(&id).await["status"], "saving");
    assert_eq!(cloud.upload(&id, b"abc").await.unwrap().status(), 409);
    let states = sandbox.history("One").unwrap();
    assert_eq!(states[0].images.len(), 0);
    assert_eq!(states.last().unwrap().images[&id]["status"], "saving");
}

#[tokio::test]
async fn what_is_held_back_can_be_waited_for() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let id = cloud.queued().await;
    let hang = Effect::Hang { when: When::After };
    let fault = Fault::new("DELETE", "/v2/images/*", hang);
    sandbox.set_faults("One", vec![fault]).unwrap();
    let request = cloud.request(Method::DELETE, &format!("/v2/images/{id}"));
    let held = tokio::spawn(request.send());
    until("a request that hangs", async || {
        let requests = sandbox.requests("One").unwrap();
        requests.iter().any(|request| request.held)
    })
    .await;
    assert_eq!(sandbox.images("One").unwrap(), Vec::<Value>::new());
    held.abort();
    let _ = held.await;
}

#[tokio::test]
async fn a_server_may_repeat_all_it_was_told_or_never_end() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    let faults = vec![
        Fault::always(Effect::Echo { status: 500 }).on(1, 1),
        Fault::always(Effect::Endless {
            status: 200,
            start: "[".to_owned(),
            piece: "1,".to_owned(),
        })
        .on(2, 1),
    ];
    sandbox.set_faults("One", faults).unwrap();
    let get = || cloud.request(Method::GET, "/v2/images").send();
    let echo = get().await.unwrap();
    assert_eq!(echo.status(), 500);
    assert!(echo.text().await.unwrap().contains(&cloud.token));
    let mut endless = get().await.unwrap();
    for _ in 0..100 {
        assert!(endless.chunk().await.unwrap().is_some());
    }
}
