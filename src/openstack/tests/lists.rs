//! The list of images and its pages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{ErrorCode, Interface};
use crate::openstack::testing::{FakeCloud, Script, Seen, options};
use crate::openstack::{GlanceReader, Listing, OpenStackError};

async fn reader(
    list_timeout: Duration,
    pages: impl Fn(&Seen) -> Script + Send + Sync + 'static,
) -> (FakeCloud, GlanceReader) {
    let cloud =
        FakeCloud::start(move |seen| (seen.is("GET", "/v2/images")).then(|| pages(seen))).await;
    let mut options = options();
    options.list_timeout = list_timeout;
    let session = cloud.log_in().await;
    let reader = GlanceReader::new(&session, "R", Interface::Public, options).unwrap();
    (cloud, reader)
}

fn page(ids: &[&str], next: Option<&str>) -> Script {
    let images: Vec<Value> = ids.iter().map(|id| json!({"id": id, "name": id})).collect();
    let mut page = json!({"images": images});
    if let Some(next) = next {
        page["next"] = next.into();
    }
    Script::json(200, &page)
}

const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn pages_are_followed_to_the_end_without_doubles() {
    let (cloud, reader) = reader(LONG, |seen| match seen.target.as_str() {
        "/v2/images?limit=1000" => page(&["a", "b"], Some("/v2/images?limit=1000&marker=b")),
        "/v2/images?limit=1000&marker=b" => {
            page(&["b", "c"], Some("/v2/images?limit=1000&marker=c"))
        }
        "/v2/images?limit=1000&marker=c" => page(&["d"], None),
        other => panic!("{other}"),
    })
    .await;
    let images = reader.list(&Listing::Visible).await.unwrap();
    let names: Vec<_> = images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert!(cloud.last().headers.contains_key("x-auth-token"));
}

#[tokio::test]
async fn an_image_whose_id_a_path_would_lose_makes_the_list_an_error() {
    for id in ["", ".", "..", "%2e%2E", "a\nb"] {
        let (_cloud, reader) = reader(LONG, move |_| page(&["a", id], None)).await;
        let error = reader.list(&Listing::Visible).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ListFailed);
        assert!(error.to_string().contains(&format!("{id:?}")), "{error}");
    }
}

#[tokio::test]
async fn hidden_and_named_lists_are_filters() {
    let (cloud, reader) = reader(LONG, |seen| {
        if seen.target.contains("os_hidden=true") {
            page(&["h"], None)
        } else {
            page(&["v"], None)
        }
    })
    .await;
    assert_eq!(reader.list(&Listing::Hidden).await.unwrap()[0].name, "h");
    assert_eq!(reader.list(&Listing::All).await.unwrap().len(), 2);
    reader
        .list(&Listing::Named("a, b&c".to_owned()))
        .await
        .unwrap();
    assert_eq!(
        cloud.last().target,
        "/v2/images?limit=1000&name=eq%3Aa%2C+b%26c"
    );
    reader.list_raw(&Listing::Visible).await.unwrap();
}

#[tokio::test]
async fn a_list_that_goes_in_a_circle_is_an_error() {
    // The same page for ever; and the same marker with other images.
    for (first, again) in [("a", "a"), ("a", "b")] {
        let (cloud, reader) = reader(LONG, move |seen| {
            let next = Some("/v2/images?limit=1000&marker=a");
            if seen.target.contains("marker") {
                page(&[again], next)
            } else {
                page(&[first], next)
            }
        })
        .await;
        let error = reader.list(&Listing::Visible).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ListFailed);
        assert!(error.to_string().contains("circle"), "{error}");
        assert!(cloud.count("GET", "/v2/images") <= 3);
    }
}

#[tokio::test]
async fn a_list_leaves_its_server_never() {
    for next in [
        "http://127.0.0.1:1/v2/images?marker=a",
        "//evil.example.org/v2/images?marker=a",
    ] {
        let (_cloud, reader) = reader(LONG, move |_| page(&["a"], Some(next))).await;
        let error = reader.list(&Listing::Visible).await.unwrap_err();
        assert!(error.to_string().contains("another server"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_page_is_an_error() {
    for body in ["<html>busy</html>", "[]", "{}", r#"{"images": null}"#, ""] {
        let script = Script::Answer(200, Vec::new(), body.to_owned());
        let (_cloud, reader) = reader(LONG, move |_| script.clone()).await;
        let error = reader.list(&Listing::Visible).await.unwrap_err();
        assert!(matches!(error, OpenStackError::BadAnswer { .. }), "{body}");
        assert_eq!(error.code(), ErrorCode::ListFailed);
    }
}

#[tokio::test]
async fn redirections_are_reported_and_not_followed() {
    let (cloud, reader) = reader(LONG, |_| {
        let place = "http://127.0.0.1:1/elsewhere?token=x".to_owned();
        Script::Answer(302, vec![("location", place)], String::new())
    })
    .await;
    let error = reader.list(&Listing::Visible).await.unwrap_err();
    assert_eq!(error.status(), Some(302));
    let text = error.to_string();
    assert!(
        text.contains("/elsewhere") && !text.contains("token=x"),
        "{text}"
    );
    assert_eq!(cloud.count("GET", "/v2/images"), 1);
}

#[tokio::test]
async fn one_limit_holds_for_the_whole_list() {
    let (_cloud, reader) = reader(Duration::from_millis(300), |_| Script::NeverAnswer).await;
    let started = std::time::Instant::now();
    let error = reader.list(&Listing::Visible).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ListTimeout);
    assert!(started.elapsed() < Duration::from_secs(2));

    // Retries end with the limit too, and the server's own word is reported.
    let (cloud, reader) = self::reader(Duration::from_secs(5), |_| {
        Script::Answer(503, vec![("retry-after", "60".to_owned())], String::new())
    })
    .await;
    let error = reader.list(&Listing::Visible).await.unwrap_err();
    assert_eq!(error.status(), Some(503));
    assert_eq!(cloud.count("GET", "/v2/images"), 1);
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_stays_is_named() {
    let (cloud, reader) = reader(LONG, |_| {
        let headers = vec![("x-openstack-request-id", "req-7".to_owned())];
        let body = r#"{"message": "database is<br />locked", "code": "500 X"}"#;
        Script::Answer(500, headers, body.to_owned())
    })
    .await;
    let error = reader.list(&Listing::Visible).await.unwrap_err();
    assert_eq!(cloud.count("GET", "/v2/images"), 4);
    let text = error.to_string();
    for part in [
        "R: could not list the images: GET http://127",
        "/v2/images (4 tries",
        "HTTP 500: database is locked [req-7]",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("limit=1000"), "{text}");
}

#[tokio::test]
async fn connections_that_are_lost_are_made_again() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let (_cloud, reader) = reader(LONG, move |_| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            Script::CloseAfter(0)
        } else {
            page(&["a"], None)
        }
    })
    .await;
    assert_eq!(reader.list(&Listing::Visible).await.unwrap().len(), 1);
}
