//! A real and an embedded fleet, to which the same requests go.

use serde_json::{Value, json};

use super::answer::{document, short};
use super::case::{Body, Case, Sender, Server, ask};
use super::difference::differences;
use super::names::{Images, Names};
use crate::common::cloud::MASTER;
use crate::common::http::{Answer, exchange};
use crate::common::{Fleet, Who};

/// Both fleets, and what has differed so far.
pub(super) struct Pair {
    real: Side,
    embedded: Side,
    images: Images,
    requests: usize,
    problems: Vec<String>,
}

/// Has both fleets answer the same requests; fails with all that differs.
#[track_caller]
pub(super) fn compare(cases: impl FnOnce(&mut Pair)) {
    let real = Fleet::start();
    assert!(
        real.cloud.control.is_some(),
        "run this with the lab, as tests/run does"
    );
    let mut pair = Pair {
        real: Side::new(real),
        embedded: Side::new(Fleet::embedded(|_| ())),
        images: Images::default(),
        requests: 0,
        problems: Vec::new(),
    };
    cases(&mut pair);
    assert!(
        pair.problems.is_empty(),
        "{} of {} requests:\n\n{}",
        pair.problems.len(),
        pair.requests,
        pair.problems.join("\n\n")
    );
}

impl Pair {
    /// Sends a request to both and compares the answers.
    #[track_caller]
    pub(super) fn check(&mut self, case: impl Into<Case>) {
        let case = case.into();
        self.requests += 1;
        let images = &mut self.images;
        let [real, embedded] =
            [&self.real, &self.embedded].map(|side| match side.send(&case, images) {
                Ok(answer) => document(&answer, &side.names, images),
                Err(error) => json!({"status": error.to_string()}),
            });
        let mut lines = differences(&real, &embedded);
        if real["status"] != case.status {
            lines.push(format!("the real status is {}", real["status"]));
        }
        if !lines.is_empty() {
            self.problems.push(format!(
                "{case}\n  real:     {}\n  embedded: {}\n    {}",
                short(&real.to_string()),
                short(&embedded.to_string()),
                lines.join("\n    ")
            ));
        }
    }

    /// The same for several requests.
    #[track_caller]
    pub(super) fn check_all<C: Into<Case>>(&mut self, cases: impl IntoIterator<Item = C>) {
        for case in cases {
            self.check(case);
        }
    }

    /// Creates an image of that name and id, raw and bare but for what is said of it.
    #[track_caller]
    pub(super) fn create(&mut self, name: &str, attributes: Value) {
        self.check(ask("POST /v2/images 201").json(image(name, attributes)));
    }

    /// Creates an image and sends its content.
    #[track_caller]
    pub(super) fn create_active(&mut self, name: &str, attributes: Value, content: &[u8]) {
        self.create(name, attributes);
        self.check(ask(&format!("PUT /v2/images/<{name}>/file 204")).content(content));
    }

    /// Shows an image, which must be there.
    #[track_caller]
    pub(super) fn show(&mut self, name: &str) {
        self.check(ask(&format!("GET /v2/images/<{name}> 200")));
    }
}

/// An image's attributes: of that name and id, raw and bare, and those.
pub(super) fn image(name: &str, attributes: Value) -> Value {
    let mut image = json!({
        "id": format!("<{name}>"), "name": name,
        "disk_format": "raw", "container_format": "bare",
    });
    let Value::Object(attributes) = attributes else {
        panic!("attributes are an object: {attributes}")
    };
    image.as_object_mut().expect("an object").extend(attributes);
    image
}

/// One of the fleets. Its names have `<sync:token>` and `<sync:user>` too, and the same of
/// `foreign`.
struct Side {
    names: Names,
    /// It ends with this.
    _fleet: Fleet,
}

impl Side {
    fn new(fleet: Fleet) -> Self {
        let mut names = Names::of(&fleet);
        let keystone = &fleet.cloud.keystones[MASTER];
        for (who, name) in [(Who::Sync, "sync"), (Who::Foreign, "foreign")] {
            let token = keystone.token(who);
            names.insert(&format!("{name}:user"), &user_of(&keystone.url, &token));
            names.insert(&format!("{name}:token"), &token);
        }
        Self {
            names,
            _fleet: fleet,
        }
    }

    fn send(&self, case: &Case, images: &mut Images) -> std::io::Result<Answer> {
        let names = &self.names;
        let token = match &case.sender {
            Sender::User(Who::Sync) => Some(names.get("sync:token").to_owned()),
            Sender::User(Who::Foreign) => Some(names.get("foreign:token").to_owned()),
            Sender::Nobody => None,
            Sender::Token(token) => Some(names.expand(token, images)),
        };
        let mut headers: Vec<(&str, String)> = Vec::new();
        headers.extend(token.map(|token| ("X-Auth-Token", token)));
        headers.extend(case.accept.clone().map(|accept| ("Accept", accept)));
        for (name, value) in &case.headers {
            headers.push((name, names.expand(value, images)));
        }
        let body = match &case.body {
            Body::None => Vec::new(),
            Body::Json(body) => names.expand_json(body, images).to_string().into_bytes(),
            Body::Text(body) => names.expand(body, images).into_bytes(),
            Body::Bytes(body) => body.clone(),
            Body::Chunked(body) => {
                headers.push(("Transfer-Encoding", "chunked".to_owned()));
                chunks(body)
            }
        };
        if matches!(case.body, Body::Json(_) | Body::Text(_) | Body::Bytes(_)) {
            headers.push(("Content-Length", body.len().to_string()));
        }
        let address = names.get(match case.server {
            Server::Keystone => "keystone",
            Server::Glance => "RegionTwo",
            Server::StrictGlance => "RegionThree",
        });
        let url = format!("{address}{}", names.expand(&case.path, images));
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        exchange(&case.method, &url, &headers, &body)
    }
}

/// The id of a token's user.
fn user_of(keystone: &str, token: &str) -> String {
    let headers = [("X-Auth-Token", token), ("X-Subject-Token", token)];
    let url = format!("{keystone}/auth/tokens");
    let answer = exchange("GET", &url, &headers, b"").expect("Keystone answers");
    let id = &answer.expect(200, "a token").json()["token"]["user"]["id"];
    id.as_str().expect("an id").to_owned()
}

/// The body in two chunks.
fn chunks(body: &[u8]) -> Vec<u8> {
    let mut chunked = Vec::new();
    let (first, second) = body.split_at(body.len() / 2);
    for chunk in [first, second] {
        if !chunk.is_empty() {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    chunked
}
