//! Answers of any bytes: catalogues, lists, images and errors. They fail or they do not, but nothing
//! panics, nothing waits for ever, and what is said of them fits on a line.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::model::{ImageId, Interface};
use crate::openstack::testing::{FakeCloud, Script, options};
use crate::openstack::{GlanceReader, Listing, OpenStackError};

/// A document with pieces of it replaced: by what JSON is made of, and by anything.
fn damaged(document: String) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "null",
            "true",
            "-1",
            "1e999",
            "{}",
            "[]",
            "\"\"",
            "99999999999999999999",
            "\\u0000",
            "\\ud800",
            "\u{0}",
            "\u{1b}[2J",
            "\u{202e}",
            "\n",
            "images",
            "catalog",
            "next",
            "http://[",
            "http://127.0.0.1:1/",
            "\"id\":",
        ])
        .prop_map(str::to_owned),
        ".{0,9}",
        prop::sample::select(vec!["[", "{\"a\":", "<b>", "x"]).prop_map(|piece| piece.repeat(3000)),
    ];
    let splice = (any::<prop::sample::Index>(), 0_usize..12, piece);
    prop::collection::vec(splice, 0..4).prop_map(move |splices| {
        let mut characters: Vec<char> = document.chars().collect();
        for (place, length, piece) in splices {
            let from = place.index(characters.len() + 1);
            let to = (from + length).min(characters.len());
            characters.splice(from..to, piece.chars());
        }
        characters.into_iter().collect()
    })
}

fn fails_in_a_line(error: &OpenStackError) -> bool {
    let text = error.to_string();
    text.len() < 10_000 && !text.chars().any(char::is_control) && !error.hint().is_empty()
}

/// Runs `ask` for many documents, each of which the server answers such requests with.
fn many<F: Future<Output = Result<(), OpenStackError>>>(
    (method, path): (&'static str, &'static str),
    document: String,
    ask: impl Fn(Arc<FakeCloud>) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = Arc::new(Mutex::new((200, String::new())));
    let shared = Arc::clone(&answer);
    let cloud = Arc::new(runtime.block_on(FakeCloud::start(move |seen| {
        let (status, body) = shared.lock().unwrap().clone();
        let is_meant = status != 0 && seen.method == method && seen.target.starts_with(path);
        let headers = vec![("X-Subject-Token", "token".to_owned())];
        is_meant.then_some(Script::Answer(status, headers, body))
    })));
    let statuses = prop::sample::select(vec![200_u16, 200, 200, 201, 300, 400, 409, 503]);
    let config = Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&(statuses, damaged(document)), |drawn| {
            *answer.lock().unwrap() = drawn;
            let asked = ask(Arc::clone(&cloud));
            let result = runtime
                .block_on(async { tokio::time::timeout(Duration::from_mins(1), asked).await });
            prop_assert!(result.is_ok(), "no end");
            if let Ok(Err(error)) = result {
                prop_assert!(fails_in_a_line(&error), "{error}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_catalogue_is_read_or_refused() {
    let endpoint = json!({"interface": "public", "region": "R", "region_id": "R", "url": "http://127.0.0.1:1/v2"});
    let catalogue = json!([{"type": "image", "endpoints": [endpoint, endpoint]}]);
    let document = json!({"token": {
        "expires_at": "2030-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
        "project": {"id": "p", "name": "n"}, "user": {"name": "u"}, "roles": [{"name": "admin"}],
        "catalog": catalogue,
    }});
    many(
        ("POST", "/v3/auth/tokens"),
        document.to_string(),
        |cloud| async move {
            let session = cloud.try_log_in().await?;
            for region in session.catalogue().regions() {
                GlanceReader::new(&session, region, Interface::Public, options())?;
            }
            Ok(())
        },
    );
}

/// An image like any, its attributes in the types that they have.
fn image() -> serde_json::Value {
    json!({
        "id": "3e2b1a9c-0000-4000-8000-000000000001", "name": "a", "status": "active",
        "visibility": "public", "owner": "p", "checksum": "900150983cd24fb0d6963f7d28e17f72",
        "os_hash_algo": "sha512", "os_hash_value": "ab", "size": 3, "min_disk": 0, "min_ram": 0,
        "disk_format": "raw", "container_format": "bare", "protected": false, "os_hidden": false,
        "tags": ["glancesync-incomplete"], "created_at": "2026-01-02T03:04:05Z", "nid": "7",
        "kernel_id": null,
    })
}

#[test]
fn any_list_of_images_is_read_or_refused() {
    let document = json!({"images": [image(), image()], "next": "/v2/images?marker=x"});
    many(
        ("GET", "/v2/images"),
        document.to_string(),
        |cloud| async move {
            let session = cloud.log_in().await;
            let reader = GlanceReader::new(&session, "R", Interface::Public, options())?;
            reader.list(&Listing::All).await.map(drop)
        },
    );
}

#[test]
fn any_image_is_read_or_refused() {
    many(
        ("GET", "/v2/images/"),
        image().to_string(),
        |cloud| async move {
            let session = cloud.log_in().await;
            let reader = GlanceReader::new(&session, "R", Interface::Public, options())?;
            reader.show(&ImageId::new("x")).await.map(drop)
        },
    );
}
