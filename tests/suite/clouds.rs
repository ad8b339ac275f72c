//! The same files of clouds lead to the same log-in and the same endpoint as with openstacksdk.
//!
//! Ignored unless asked for: the lab brings openstacksdk, and `tests/run` asks.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::common::Fleet;

/// What openstacksdk would use, asked of it without a request to the image service.
const ASK: &str = "
import sys
from openstack.config import OpenStackConfig
cloud = OpenStackConfig().get_one(cloud='lab')
session = cloud.get_session()
session.get_token()
print(cloud.get_endpoint('image') or session.get_endpoint(
    service_type='image', interface=cloud.get_interface('image'),
    region_name=cloud.get_region_name('image')))
";

type Seen = Arc<Mutex<Vec<(String, Value)>>>;

/// A Keystone that takes every log-in, and Glances without images; gives its URL.
fn start(seen: &Seen) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, base) = (Arc::clone(seen), url.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (seen, base) = (Arc::clone(&seen), base.clone());
            std::thread::spawn(move || answer(stream, &base, &seen));
        }
    });
    url
}

fn answer(stream: TcpStream, base: &str, seen: &Seen) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (mut length, mut header) = (0, String::new());
    while reader.read_line(&mut header).ok()? > 2 {
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let asked = serde_json::from_slice(&body).unwrap_or_default();
    seen.lock().unwrap().push((path.clone(), asked));
    let token = path.ends_with("/auth/tokens");
    let document = if token {
        let endpoints: Vec<Value> = [
            ("A", "public"),
            ("A", "internal"),
            ("B", "public"),
            ("B", "admin"),
        ]
        .iter()
        .map(|(region, interface)| {
            json!({
                "id": format!("{region}{interface}"), "region": region, "region_id": region,
                "interface": interface, "url": format!("{base}/{region}-{interface}")})
        })
        .collect();
        json!({"token": {
            "project": {"id": "p1", "name": "t", "domain": {"id": "default"}},
            "user": {"id": "u1", "name": "u", "domain": {"id": "default"}}, "roles": [],
            "methods": ["password"],
            "issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2100-01-01T00:00:00.000000Z",
            "catalog": [{"type": "image", "name": "glance", "id": "g", "endpoints": endpoints}]}})
    } else if path.contains("/v2/images") {
        json!({"images": []})
    } else {
        json!({"version": {"id": "v3.14", "status": "stable", "links": [
            {"rel": "self", "href": format!("{base}{}/", path.trim_end_matches('/'))}]}})
    };
    let (status, more) = if token {
        ("201 Created", "X-Subject-Token: t\r\n")
    } else {
        ("200 OK", "")
    };
    let document = document.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
        document.len()
    );
    let mut stream = reader.into_inner();
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(document.as_bytes()).ok()
}

/// Files by their names, `URL` standing for the Keystone's, and what is unusual about them.
const TABLE: [(&str, &[(&str, &str)]); 18] = [
    (
        "names",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, auth: {auth_url: URL/v3, username: u, password: p, project_name: t, user_domain_name: Users, project_domain_name: Projects}}}",
        )],
    ),
    (
        "ids",
        &[(
            "clouds.yml",
            "clouds: {lab: {region_name: A, auth: {auth_url: URL/v3, user_id: u1, password: p, project_id: p1}}}",
        )],
    ),
    (
        "json at home",
        &[(
            "home/.config/openstack/clouds.json",
            r#"{"clouds": {"lab": {"region_name": "B", "auth": {"auth_url": "URL/v3", "username": "u", "password": "p", "project_name": "t", "user_domain_id": "d1", "project_domain_id": "d2"}}}}"#,
        )],
    ),
    (
        "a secret apart",
        &[
            (
                "clouds.yaml",
                "clouds: {lab: {region_name: A, auth: {auth_url: URL/v3, user_id: u1, password: open, project_id: p1}}}",
            ),
            ("secure.yml", "clouds: {lab: {auth: {password: hidden}}}"),
        ],
    ),
    (
        "a profile",
        &[
            (
                "clouds.yaml",
                "clouds: {lab: {profile: vendor, auth: {user_id: u1, password: p, project_id: p1}}}",
            ),
            (
                "clouds-public.yaml",
                "public-clouds: {vendor: {region_name: B, interface: admin, auth: {auth_url: URL/v3, project_id: other}}}",
            ),
        ],
    ),
    (
        "a profile by its old name",
        &[
            (
                "clouds.yaml",
                "clouds: {lab: {cloud: vendor, region_name: A, auth: {user_id: u1, password: p, project_id: p1}}}",
            ),
            (
                "clouds-public.yml",
                "public-clouds: {vendor: {region_name: B, auth: {auth_url: URL/v3}}}",
            ),
        ],
    ),
    (
        "values of a region",
        &[(
            "clouds.yaml",
            "clouds: {lab: {interface: public, auth: {user_id: u1, password: p, project_id: other}, regions: [{name: A, values: {interface: internal, auth: {auth_url: URL/v3, project_id: p1}}}, B]}}",
        )],
    ),
    (
        "regions before region_name",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, regions: [B, A], auth: {auth_url: URL/v3, user_id: u1, password: p, project_id: p1}}}",
        )],
    ),
    (
        "several names of regions",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: 'B,A', auth: {auth_url: URL/v3, user_id: u1, password: p, project_id: p1}}}",
        )],
    ),
    (
        "an endpoint",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, image_endpoint_override: URL/elsewhere, auth: {auth_url: URL/v3, user_id: u1, password: p, project_id: p1}}}",
        )],
    ),
    (
        "interfaces",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: B, interface: [internal, admin, public], auth: {auth_url: URL/v3, user_id: u1, password: p, project_id: p1}}}",
        )],
    ),
    (
        "an interface of images",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, interface: public, image_interface: internal, auth: {auth_url: URL/v3, user_id: u1, password: p, project_id: p1}}}",
        )],
    ),
    (
        "one domain for both",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, auth: {auth_url: URL/v3, username: u, password: p, project_name: t, domain_id: d1}}}",
        )],
    ),
    (
        "a default domain",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, auth: {auth_url: URL/v3, username: u, password: p, project_name: t, default_domain_id: default}}}",
        )],
    ),
    (
        "keys beside auth",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, username: u, password: 'p:1', project_name: t, user_domain_name: Default, project_domain_name: Default, auth: {auth_url: URL/v3}}}",
        )],
    ),
    (
        "an application credential",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, auth_type: v3applicationcredential, auth: {auth_url: URL/v3, application_credential_id: a1, application_credential_secret: '1e3'}}}",
        )],
    ),
    (
        "a token",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, auth_type: v3token, auth: {auth_url: URL/v3, token: gAAA, project_id: p1}}}",
        )],
    ),
    (
        "several factors",
        &[(
            "clouds.yaml",
            "clouds: {lab: {region_name: A, auth_type: v3multifactor, auth_methods: [v3password, v3totp], auth: {auth_url: URL/v3, user_id: u1, password: p, passcode: '012345', project_id: p1}}}",
        )],
    ),
];

/// What a program sent to log in.
fn log_in_of(seen: &Seen) -> Value {
    let seen = seen.lock().unwrap();
    let found = seen.iter().find(|(path, _)| path.ends_with("/auth/tokens"));
    found.map(|(_, body)| body.clone()).unwrap_or_default()
}

fn run(command: &mut Command, folder: &Path) -> String {
    let output = command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder.join("home"))
        .env("OS_CLOUD", "lab")
        .output()
        .unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
#[ignore = "needs the lab"]
fn openstacksdk_logs_in_alike_with_the_same_files() {
    let fleet = Fleet::start();
    let openstack = fleet.cloud.openstack_command.as_deref();
    let python = openstack
        .expect("run this with the lab, as tests/run does")
        .with_file_name("python");
    let mut different = BTreeSet::new();
    for (title, files) in TABLE {
        let folder = tempfile::tempdir().unwrap();
        let seen = Seen::default();
        let url = start(&seen);
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::create_dir_all(folder.path().join("home")).unwrap();
            std::fs::write(path, text.replace("URL", &url)).unwrap();
        }
        let said = run(Command::new(&python).args(["-c", ASK]), folder.path());
        let theirs = log_in_of(&seen);
        let endpoint = said.lines().next().unwrap_or_default().to_owned();
        seen.lock().unwrap().clear();
        let program = env!("CARGO_BIN_EXE_glancesync");
        let own_said = run(Command::new(program).arg("--show-status"), folder.path());
        let own = log_in_of(&seen);
        let paths: Vec<String> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|(path, _)| path.clone())
            .collect();
        let own_endpoint = paths
            .iter()
            .find_map(|path| Some(format!("{url}{}", path.split_once("/v2/images")?.0)));
        let is_same =
            theirs == own && own != Value::Null && own_endpoint.as_ref() == Some(&endpoint);
        if !is_same {
            different.insert(format!(
                "{title}:\n  {theirs} {said}\n  {own} {own_endpoint:?} {own_said}"
            ));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}
