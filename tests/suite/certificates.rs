//! Which servers are trusted, what is shown to them, and what goes out in the clear.
//!
//! The embedded Keystone is put behind TLS; its catalogue still leads to plain http.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use glancesync::sandbox::{Effect, Fault};

use crate::common::{Config, Fleet, NewImage, Outcome, Program, wait_until};

/// A file with a certificate or key; they are valid for a hundred years.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tls")
        .join(name)
}

fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file(&format!("{name}.pem")))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Puts a server that has that certificate before one in the clear, and gives its URL. Clients may
/// have to show a certificate of `authority`.
fn before(plain: &str, certificate: &str, asks_clients: bool) -> String {
    let key = PrivateKeyDer::from_pem_file(file(&format!("{certificate}.key"))).unwrap();
    let builder = ServerConfig::builder();
    let builder = if asks_clients {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain("authority"));
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
            .build()
            .unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let config = builder.with_single_cert(chain(certificate), key).unwrap();
    let config = Arc::new(config);
    let backend = plain
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v3", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let backend = backend.clone();
            // A client that refuses the certificate ends its connection, and nothing else.
            std::thread::spawn(move || forward(StreamOwned::new(connection, stream), &backend));
        }
    });
    url
}

/// Takes one request to the server behind, and its answer back.
fn forward(mut client: StreamOwned<ServerConnection, TcpStream>, backend: &str) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).ok()?;
    let length = text
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    let mut server = TcpStream::connect(backend).ok()?;
    let head = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    client.write_all(&answer).ok()?;
    client.conn.send_close_notify();
    client.flush().ok()
}

/// The usual configuration of one target whose Keystone is there.
fn config(fleet: &Fleet, url: &str) -> Config {
    let user = &fleet.cloud.keystones["master"].sync;
    fleet
        .config()
        .without_section("other")
        .without("master", "credential")
        .master("user", &user.name)
        .master("password", &user.password)
        .master("tenant", &user.project)
        .master("keystone_url", url)
        .master("retries", "0")
}

fn path(name: &str) -> String {
    file(name).display().to_string()
}

/// What comes of a log-in to a server with that certificate where `cacert` holds those.
fn log_in(fleet: &Fleet, certificate: &str, trusted: &[&str]) -> Outcome {
    let url = before(&fleet.cloud.keystones["master"].url, certificate, false);
    let bundle: String = trusted
        .iter()
        .map(|name| std::fs::read_to_string(file(&format!("{name}.pem"))).unwrap())
        .collect();
    let bundle = fleet.write_private("bundle.pem", &bundle);
    let config = config(fleet, &url).master("cacert", &bundle.display().to_string());
    fleet.run(&config, &["--show-regions"])
}

#[test]
fn a_servers_own_certificate_is_trusted_as_an_authoritys_is() {
    let fleet = Fleet::embedded(|_| ());
    for (certificate, trusted) in [
        ("self-signed-authority", &["self-signed-authority"][..]),
        ("self-signed-server", &["self-signed-server"]),
        ("self-signed-server", &["authority", "self-signed-server"]),
        ("issued", &["authority"]),
        ("issued", &["issued"]),
        ("issued", &["self-signed-authority", "authority"]),
    ] {
        let outcome = log_in(&fleet, certificate, trusted);
        assert_eq!(
            outcome.code,
            Some(0),
            "{certificate} by {trusted:?}: {outcome}"
        );
    }
}

#[test]
fn no_other_certificate_and_none_of_another_host_or_time_is_trusted() {
    let fleet = Fleet::embedded(|_| ());
    for (certificate, trusted, words) in [
        (
            "self-signed-authority",
            "authority",
            "not one of those that are trusted",
        ),
        (
            "self-signed-server",
            "authority",
            "authority that is not trusted",
        ),
        (
            "issued",
            "self-signed-authority",
            "authority that is not trusted",
        ),
        ("another-host", "another-host", "is for another host"),
        ("expired", "expired", "has expired"),
    ] {
        let outcome = log_in(&fleet, certificate, &[trusted]).expect(2);
        outcome.assert_says(words);
        outcome.assert_says("cacert");
    }
    assert_eq!(
        fleet.sandbox().keystone_requests("master").unwrap().len(),
        0
    );
}

#[test]
fn a_certificate_is_shown_to_servers_that_ask_for_one() {
    let fleet = Fleet::embedded(|_| ());
    let url = before(&fleet.cloud.keystones["master"].url, "issued", true);
    let base = config(&fleet, &url).master("cacert", &path("authority.pem"));
    fleet.run(&base, &["--show-regions"]).expect(2);
    let shown = base.clone().master("cert", &path("client.pem"));
    let whole = shown.clone().master("key", &path("client.key"));
    fleet.run(&whole, &["--show-regions"]).expect(0);
    let both =
        ["client.pem", "client.key"].map(|name| std::fs::read_to_string(file(name)).unwrap());
    let both = fleet.write_private("both.pem", &both.concat());
    let both = base.clone().master("cert", &both.display().to_string());
    fleet.run(&both, &["--show-regions"]).expect(0);
    // Without the key, or with a file that is none, it says which file is wrong.
    fleet
        .run(&shown, &["--show-regions"])
        .expect(2)
        .assert_says("client.pem");
    let wrong = shown.master("key", &path("nowhere.key"));
    fleet
        .run(&wrong, &["--show-regions"])
        .expect(2)
        .assert_says("nowhere.key");
    let alone = base
        .master("insecure", "true")
        .master("cert", &path("client.pem"));
    let alone = alone.master("key", &path("client.key"));
    fleet.run(&alone, &["--show-regions"]).expect(0);
}

#[test]
fn a_token_that_leaves_in_the_clear_after_a_log_in_over_https_is_warned_about_once() {
    let fleet = Fleet::embedded(|_| ());
    fleet.master().create(NewImage::new("a", "abc"));
    let url = before(&fleet.cloud.keystones["master"].url, "issued", false);
    let config = config(&fleet, &url).master("cacert", &path("authority.pem"));
    let outcome = fleet.run(&config, &["RegionTwo", "RegionThree"]).expect(0);
    let said = outcome
        .warnings()
        .iter()
        .filter(|code| *code == "insecure_connection")
        .count();
    assert_eq!(said, 1, "{outcome}");
    outcome.assert_says("RegionOne, RegionThree, RegionTwo");
    let in_the_clear = config.master("keystone_url", &fleet.cloud.keystones["master"].url);
    let outcome = fleet.run(&in_the_clear, &["RegionTwo"]).expect(0);
    assert!(
        !outcome
            .warnings()
            .contains(&"insecure_connection".to_owned())
    );
}

/// `other:RegionOne` behind TLS that asks for a certificate of the client, and the configuration that leads
/// there.
fn region_behind_tls(fleet: &Fleet) -> Config {
    let plain = fleet.region("other:RegionOne").facts.url.clone();
    let url = before(&plain, "issued", true).replace("/v3", "");
    fleet
        .config()
        .set("other", "image_endpoint_override", &url)
        .set("other", "cacert", &path("authority.pem"))
        .set("other", "cert", &path("client.pem"))
        .set("other", "key", &path("client.key"))
        .set("DEFAULT", "retries", "0")
}

#[test]
fn contents_go_out_encrypted_several_at_once() {
    let fleet = Fleet::embedded(|_| ());
    for name in ["a", "b", "c", "d"] {
        let content = vec![name.as_bytes()[0]; 1_000_000];
        fleet.master().create(NewImage::new(name, content));
    }
    let config = region_behind_tls(&fleet).set("other", "transfers", "3");
    let outcome = fleet.run(&config, &["other:"]).expect(0);
    assert_eq!(outcome.events_named("action_finished").len(), 4);
    let again = fleet.run(&config, &["other:"]).expect(0);
    again.assert_changed_nothing();
    assert_eq!(fleet.region("other:RegionOne").images().len(), 4);
}

#[test]
fn the_answer_that_refuses_an_encrypted_upload_is_reported() {
    let fleet = Fleet::embedded(|_| ());
    fleet
        .master()
        .create(NewImage::new("a", vec![7; 1_000_000]));
    let full = Fault::new("PUT", "/v2/images/*/file", Effect::early(413));
    let sandbox = fleet.sandbox();
    sandbox.set_faults("other:RegionOne", vec![full]).unwrap();
    let outcome = fleet.run(&region_behind_tls(&fleet), &["other:"]).expect(1);
    outcome.assert_fails("quota_exceeded a");
    assert!(fleet.region("other:RegionOne").names().is_empty());
}

#[test]
fn an_encrypted_upload_ends_with_the_second_signal() {
    let fleet = Fleet::embedded(|_| ());
    fleet
        .master()
        .create(NewImage::new("a", vec![7; 1_000_000]));
    let config = region_behind_tls(&fleet).set("other", "bwlimit", "100K");
    let running = Program::with(&fleet, &config)
        .events()
        .args(["other:"])
        .start();
    let region = fleet.region("other:RegionOne");
    wait_until("an image on its way", || !region.names().is_empty());
    running.signal("TERM");
    running.signal("INT");
    let outcome = running.wait().expect(130);
    outcome.assert_fails("interrupted a");
    assert!(region.names().is_empty(), "{outcome}");
}

#[test]
fn without_any_authority_plain_http_works_and_https_names_the_key() {
    let fleet = Fleet::embedded(|_| ());
    let keystone = &fleet.cloud.keystones["master"].url;
    // An address of this machine that is not known to be one.
    let plain = keystone.replace("127.0.0.1", "0.0.0.0");
    let run = |url: &str| {
        Program::with(&fleet, &config(&fleet, url))
            .events()
            .args(["--show-regions"])
            .env("SSL_CERT_FILE", "/nonexistent/certificates.pem")
            .env("SSL_CERT_DIR", "/nonexistent")
            .run()
    };
    run(&plain).expect(0);
    let outcome = run(&plain.replace("http:", "https:")).expect(2);
    outcome.assert_says("no trusted certificate authorities");
    outcome.assert_says("cacert");
}
