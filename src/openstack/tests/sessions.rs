//! Log-in, renewal, and what of it is never shown.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;

use crate::model::{ErrorCode, Interface};
use crate::openstack::testing::{FakeCloud, Script, options};
use crate::openstack::{GlanceReader, GlanceWriter, Listing, MasterEndpoints, OpenStackError};

const TOKENS: &str = "/v3/auth/tokens";

#[tokio::test]
async fn a_session_knows_its_project_and_catalogue() {
    let cloud = FakeCloud::start(|_| None).await;
    let session = cloud.log_in().await;
    assert_eq!(session.project_id(), "p1");
    assert_eq!(session.user_name(), "sync");
    assert_eq!(session.roles(), ["member"]);
    assert_eq!(session.catalogue().regions().len(), 3);
    let seen = cloud.last();
    assert_eq!(seen.headers["accept"], "application/json");
    assert!(seen.headers["user-agent"].starts_with("glancesync/"));
    assert_eq!(seen.json()["auth"]["scope"]["project"]["name"], "images");
}

#[tokio::test]
async fn many_refused_tokens_make_one_new_log_in() {
    let stale = OnceLock::new();
    let cloud = FakeCloud::start(move |seen| {
        let token = seen.headers.get("x-auth-token")?;
        Some(if stale.get_or_init(|| token.clone()) == token {
            Script::status(401)
        } else {
            Script::json(200, &json!({"images": []}))
        })
    })
    .await;
    let session = cloud.log_in().await;
    let readers: Vec<_> = (0..20)
        .map(|_| GlanceReader::new(&session, "R", Interface::Public, options()).unwrap())
        .collect();
    let lists = join_all(readers.iter().map(|r| r.list(&Listing::Visible))).await;
    assert!(lists.into_iter().all(|list| list.is_ok()));
    assert_eq!(cloud.count("POST", TOKENS), 2);
    assert_eq!(cloud.count("GET", "/v2/images"), 40);
}

#[tokio::test]
async fn a_token_that_stays_refused_ends_after_one_renewal() {
    let cloud = FakeCloud::start(|seen| (seen.method == "GET").then(|| Script::status(401))).await;
    let session = cloud.log_in().await;
    let reader = GlanceReader::new(&session, "R", Interface::Public, options()).unwrap();
    let error = reader.list(&Listing::Visible).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AuthFailed);
    assert_eq!(cloud.count("POST", TOKENS), 2);
    assert_eq!(cloud.count("GET", "/v2/images"), 2);
}

#[tokio::test]
async fn waiters_share_the_failure_of_a_renewal() {
    let log_ins = AtomicUsize::new(0);
    let cloud = FakeCloud::start(move |seen| match seen.method.as_str() {
        "POST" if log_ins.fetch_add(1, Ordering::SeqCst) == 0 => None,
        _ => Some(Script::status(401)),
    })
    .await;
    let session = cloud.log_in().await;
    let stale = session.token().await.unwrap();
    for result in join_all((0..10).map(|_| session.renew(&stale))).await {
        assert!(result.is_err_and(|error| error.code() == ErrorCode::AuthFailed));
    }
    assert_eq!(cloud.count("POST", TOKENS), 2);
    // Whoever comes later tries again.
    assert!(session.renew(&stale).await.is_err());
    assert_eq!(cloud.count("POST", TOKENS), 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let cloud = FakeCloud::start(|seen| match seen.method.as_str() {
        "POST" => {
            let token = json!({"token": {
                "project": {"id": "p1"},
                "issued_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T00:00:00Z",
                "catalog": [{"type": "image", "endpoints": [
                    {"region_id": "R", "interface": "public",
                     "url": format!("http://{}", seen.headers["host"])}]}],
            }});
            let headers = vec![("x-subject-token", "t".to_owned())];
            Some(Script::Answer(201, headers, token.to_string()))
        }
        _ => Some(Script::json(200, &json!({"images": []}))),
    })
    .await;
    let session = cloud.log_in().await;
    let reader = GlanceReader::new(&session, "R", Interface::Public, options()).unwrap();
    reader.list(&Listing::Visible).await.unwrap();
    assert_eq!(cloud.count("POST", TOKENS), 2);
}

#[tokio::test]
async fn refusals_of_a_log_in_are_told_apart_and_hide_the_password() {
    for (status, code, tries) in [
        (401, ErrorCode::AuthFailed, 1),
        (403, ErrorCode::AuthFailed, 1),
        (404, ErrorCode::KeystoneFailed, 1),
        (300, ErrorCode::KeystoneFailed, 1),
        (503, ErrorCode::KeystoneUnreachable, 4),
    ] {
        let cloud = FakeCloud::start(move |seen| {
            let body = String::from_utf8_lossy(&seen.body).into_owned();
            let echo = json!({"error": {"message": format!("no: hunter2 {body}")}});
            Some(Script::json(status, &echo))
        })
        .await;
        let error = cloud.try_log_in().await.unwrap_err();
        assert_eq!(error.code(), code, "{status}");
        assert_eq!(cloud.count("POST", TOKENS), tries, "{status}");
        assert_eq!(error.call().unwrap().tries as usize, tries);
        let shown = format!("{error} {error:?} {}", error.hint());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("no: ***"), "{shown}");
        assert!(
            shown.starts_with("master: could not log in (v3password): POST http"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn answers_that_are_no_log_in_are_keystone_failed() {
    for script in [
        Script::json(201, &json!({"token": {}})),
        Script::Answer(
            200,
            vec![("x-subject-token", "t".to_owned())],
            "<html>".to_owned(),
        ),
        Script::Answer(
            201,
            vec![("x-subject-token", "t".to_owned())],
            json!({"token": {"user": {"id": "u"}}}).to_string(),
        ),
    ] {
        let cloud = FakeCloud::start(move |_| Some(script.clone())).await;
        let error = cloud.try_log_in().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::KeystoneFailed, "{error}");
    }
}

#[tokio::test]
async fn nothing_that_listens_is_unreachable_in_plain_words() {
    let mut cloud = FakeCloud::start(|_| None).await;
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    cloud.url = format!("http://127.0.0.1:{port}");
    let error = cloud.try_log_in().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeystoneUnreachable);
    assert!(
        error.to_string().contains("connection was refused"),
        "{error}"
    );

    cloud.url = "http://glance.invalid:9292".to_owned();
    let error = cloud.try_log_in().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeystoneUnreachable);
    assert!(
        error.to_string().contains("host name is not known"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_have_none() {
    let mut cloud = FakeCloud::start(|_| None).await;
    // The script's server would wait for the end of a head that never comes.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    cloud.url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = cloud.try_log_in().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeystoneUnreachable);
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
    assert!(error.hint().contains("cacert"));
    assert_eq!(error.call().unwrap().tries, 1);
}

#[tokio::test]
async fn the_master_is_refused_by_any_of_its_endpoints() {
    let cloud = FakeCloud::start(|_| None).await;
    let session = cloud.log_in().await;
    let master = MasterEndpoints::of(&session, "Master").unwrap();
    for region in ["Master", "Alias"] {
        let error =
            GlanceWriter::new(&session, region, Interface::Public, options(), &master).unwrap_err();
        assert!(
            matches!(error, OpenStackError::MasterRefused { .. }),
            "{region}"
        );
        assert_eq!(error.code(), ErrorCode::MasterRefused);
    }
    assert!(GlanceWriter::new(&session, "R", Interface::Public, options(), &master).is_ok());
    assert!(GlanceReader::new(&session, "Master", Interface::Public, options()).is_ok());
    assert!(MasterEndpoints::of(&session, "Nowhere").is_err());
}

#[tokio::test]
async fn an_unknown_region_names_those_that_are_known() {
    let cloud = FakeCloud::start(|_| None).await;
    let session = cloud.log_in().await;
    for (region, interface) in [("Nowhere", Interface::Public), ("R", Interface::Admin)] {
        let error = GlanceReader::new(&session, region, interface, options()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RegionUnknown);
        assert!(error.to_string().contains("Alias, Master, R"), "{error}");
    }
}
