//! Servers that mean no good: endless answers, answers that point elsewhere, silence.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use glancesync::sandbox::{Effect, Fault, When};
use serde_json::json;

use crate::common::{Config, Fleet, NewImage, Program};
use crate::many::many_at_once;

fn fleet() -> Fleet {
    let fleet = Fleet::embedded(|_| ());
    for name in ["a", "b"] {
        fleet.master().create(NewImage::new(name, name));
    }
    fleet
}

fn impatient(fleet: &Fleet) -> Config {
    let mut config = fleet.config();
    for target in ["master", "other"] {
        config = config
            .set(target, "retries", "0")
            .set(target, "list_images_timeout", "5")
            .set(target, "upload_stall_timeout", "2")
            .set(target, "save_timeout", "2");
    }
    config
}

/// A server that does that with each connection, and counts them.
fn server(act: impl Fn(TcpStream) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let act = Arc::new(act);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            counted.fetch_add(1, Ordering::SeqCst);
            let act = Arc::clone(&act);
            std::thread::spawn(move || act(stream));
        }
    });
    (url, count)
}

#[test]
fn answers_without_an_end_fail_their_region_within_a_bounded_memory() {
    let image = json!({"id": "00000000-0000-4000-8000-000000000000", "name": "x".repeat(2000)});
    let endless = |status, start: &str, piece: &str| Effect::Endless {
        status,
        start: start.to_owned(),
        piece: piece.to_owned(),
    };
    let list = ("GET", "/v2/images");
    let cases = [
        (list, endless(200, "{\"images\": [", &format!("{image},"))),
        (list, endless(200, "{\"images\": [", " ")),
        (list, endless(200, "{\"images\": [], \"next\": \"", "x")),
        (list, endless(200, "", "[")),
        (list, endless(500, "{\"message\": \"", "<br />x")),
        (("POST", "/v2/images"), endless(201, "{\"id\": \"", "x")),
        (("PUT", "/v2/images/*/file"), endless(500, "", "x")),
        (("PUT", "/v2/images/*/file"), endless(204, "", "x")),
        (("GET", "/v2/images/*"), endless(200, "{", " ")),
        (("PATCH", "/v2/images/*"), endless(200, "", "x")),
    ];
    for ((method, path), effect) in cases {
        let fleet = fleet();
        let fault = Fault::new(method, path, effect.clone());
        fleet
            .sandbox()
            .set_faults("RegionTwo", vec![fault])
            .unwrap();
        let program = Program::with(&fleet, &impatient(&fleet)).events();
        let program = program
            .args(["RegionTwo", "RegionThree"])
            .after("ulimit -v 900000");
        let outcome = program.run();
        assert!(
            matches!(outcome.code, Some(0 | 1)),
            "{method} {effect:?}: {outcome}"
        );
        let results = outcome.results();
        assert!(
            results.contains(&"RegionThree changed".to_owned()),
            "{effect:?}: {outcome}"
        );
    }
}

#[test]
fn a_keystone_without_an_end_ends_the_run() {
    let endless = |start: &'static [u8], piece: &'static [u8]| {
        server(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(start);
            while stream.write_all(piece).is_ok() {}
        })
    };
    for (start, piece) in [
        (
            &b"HTTP/1.1 200 OK\r\n"[..],
            &b"X-Header: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"[..],
        ),
        (
            b"HTTP/1.1 201 Created\r\n\r\n",
            b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
        (
            b"",
            b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
        (
            b"HTTP/1.1 200 ",
            b"OKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOK",
        ),
    ] {
        let fleet = fleet();
        let (url, _) = endless(start, piece);
        let config = impatient(&fleet)
            .without("master", "credential")
            .master("keystone_url", &url)
            .master("user", "u")
            .master("password", "p")
            .master("tenant", "t");
        let program = Program::with(&fleet, &config).events().args(["RegionTwo"]);
        program.after("ulimit -v 900000").run().expect(2);
    }
}

#[test]
fn nobody_is_followed_to_another_server() {
    let (elsewhere, visits) = server(drop);
    let places = [
        ("GET", "/v2/images"),
        ("POST", "/v2/images"),
        ("PUT", "/v2/images/*/file"),
        ("PATCH", "/v2/images/*"),
    ];
    for (method, path) in places {
        for status in [301, 302, 307, 308] {
            let fleet = fleet();
            let redirect = Effect::Answer {
                status,
                headers: [("Location".to_owned(), format!("{elsewhere}/v2/images"))].into(),
                body: None,
                when: When::Before,
                early: false,
            };
            let fault = Fault::new(method, path, redirect);
            fleet
                .sandbox()
                .set_faults("RegionTwo", vec![fault])
                .unwrap();
            let outcome = fleet.run(&impatient(&fleet), &["RegionTwo"]).expect(1);
            outcome.assert_says(&elsewhere);
        }
    }
    let fleet = fleet();
    let next = json!({"images": [{"id": "x"}], "next": format!("{elsewhere}/v2/images?marker=x")});
    let page = Effect::Answer {
        status: 200,
        headers: [].into(),
        body: Some(next.to_string()),
        when: When::Before,
        early: false,
    };
    let fault = Fault::new("GET", "/v2/images", page);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    fleet
        .run(&impatient(&fleet), &["RegionTwo"])
        .expect(1)
        .assert_fails("list_failed");
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[test]
fn a_server_that_takes_connections_and_never_answers_is_given_up() {
    let (silent, visits) = server(|mut stream| {
        // Until the client goes.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let fleet = fleet();
    let config = impatient(&fleet)
        .without("other", "credential")
        .set("other", "keystone_url", &silent)
        .set("other", "user", "u")
        .set("other", "password", "p")
        .set("other", "tenant", "t");
    let outcome = fleet.run(&config, &["other:", "RegionTwo"]).expect(1);
    outcome.assert_fails("keystone_unreachable");
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b"]);
    assert!(visits.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_slow_upload_that_moves_is_never_cut() {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", vec![7; 20 << 20]));
    let slow = Effect::Slow {
        bytes_per_sec: 4 << 20,
    };
    let fault = Fault::new("PUT", "/v2/images/*/file", slow);
    fleet
        .sandbox()
        .set_faults("RegionTwo", vec![fault])
        .unwrap();
    // Five seconds of sending, and a limit of one on standing still.
    let config = impatient(&fleet).master("upload_stall_timeout", "1");
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn every_mode_says_that_certificates_are_not_verified() {
    let fleet = fleet();
    let config = fleet.config().master("insecure", "true");
    for words in [
        &["--show-status"][..],
        &["--dry-run"],
        &["--make-backup"],
        &["--show-regions"],
        &["RegionTwo"],
    ] {
        let outcome = fleet.run(&config, words).expect(0);
        outcome.assert_warns("insecure_connection");
    }
}

/// Every call, never answered however often it is tried: what it costs until the run ends.
#[test]
#[ignore = "half an hour of waiting"]
fn night_of_calls_that_are_never_answered() {
    let calls = [
        ("GET", "/v2/images"),
        ("POST", "/v2/images"),
        ("PUT", "/v2/images/*/file"),
        ("GET", "/v2/images/*"),
        ("PATCH", "/v2/images/*"),
        ("DELETE", "/v2/images/*"),
        ("POST", "/v3/auth/tokens"),
    ];
    let whens = [When::Before, When::After];
    let count = calls.len() * whens.len();
    let what = "calls that are never answered";
    many_at_once(count, what, 0, count as u64, |place| {
        let place = usize::try_from(place).unwrap();
        let ((method, path), when) = (calls[place / 2], whens[place % 2]);
        let fleet = fleet();
        fleet.region("RegionTwo").create(NewImage::new("a", "old"));
        let fault = Fault::new(method, path, Effect::Hang { when });
        let sandbox = fleet.sandbox();
        if path.starts_with("/v3") {
            sandbox.set_keystone_faults("other", vec![fault]).unwrap();
        } else {
            sandbox.set_faults("RegionTwo", vec![fault]).unwrap();
        }
        let config = fleet.config().master("replace", "any");
        let words = ["RegionTwo", "RegionThree", "other:"];
        let started = Instant::now();
        let program = Program::with(&fleet, &config).events().args(words);
        let outcome = program.start().wait_within(Duration::from_mins(40));
        println!(
            "{method} {path} {when:?}: {:.0} s",
            started.elapsed().as_secs_f64()
        );
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert_eq!(fleet.region("RegionThree").names(), ["a", "b"], "{outcome}");
        started.elapsed()
    });
}
