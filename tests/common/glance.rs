//! A region as the tests see and prepare it: images made, listed, changed and deleted over HTTP.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::cloud::{Keystone, RegionFacts, User};
use super::http::{Answer, request};
use super::wait::wait_until;

/// The media type of Glance's patches.
const PATCH: &str = "application/openstack-images-v2.1-json-patch";

/// Whose hand does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The user whom the product works for.
    Sync,
    /// The ordinary member of another project.
    Foreign,
}

impl Keystone {
    pub(crate) fn user(&self, who: Who) -> &User {
        match who {
            Who::Sync => &self.sync,
            Who::Foreign => &self.foreign,
        }
    }

    /// Logs in and gives the token.
    pub(crate) fn token(&self, who: Who) -> String {
        self.token_of(self.user(who))
    }

    /// The same for any of its users.
    pub(crate) fn token_of(&self, user: &User) -> String {
        let domain = json!({"name": self.domain});
        let person = json!({"name": user.name, "password": user.password, "domain": domain});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": person}},
            "scope": {"project": {"name": user.project, "domain": domain}},
        }});
        let headers = [("Content-Type", "application/json")];
        let url = format!("{}/auth/tokens", self.url);
        let answer = request("POST", &url, &headers, body.to_string().as_bytes())
            .expect("Keystone answers")
            .expect(201, "log in");
        answer
            .header("x-subject-token")
            .expect("a token")
            .to_owned()
    }
}

/// An image to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewImage {
    attributes: Map<String, Value>,
    content: Option<Vec<u8>>,
    who: Who,
}

impl NewImage {
    /// A public raw image of the sync user's project, with that content.
    pub(crate) fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut image = Self {
            content: Some(content.as_ref().to_vec()),
            ..Self::queued(name)
        };
        image
            .attributes
            .insert("visibility".to_owned(), json!("public"));
        image
    }

    /// An image that content was never sent to.
    pub(crate) fn queued(name: &str) -> Self {
        let attributes = json!({
            "name": name, "visibility": "private", "disk_format": "raw", "container_format": "bare",
        });
        let Value::Object(attributes) = attributes else {
            unreachable!("an object")
        };
        Self {
            attributes,
            content: None,
            who: Who::Sync,
        }
    }

    /// Sets any attribute or property.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn private(self) -> Self {
        self.with("visibility", "private")
    }

    /// Has the other project's member make it. Only an admin may make it public at once.
    pub(crate) fn by(mut self, who: Who) -> Self {
        self.who = who;
        self
    }
}

/// The tokens of all users of all Keystones, by Keystone and user. Fleets share them, for a login
/// is the slowest thing that a real Keystone does.
static TOKENS: Mutex<BTreeMap<(String, String), String>> = Mutex::new(BTreeMap::new());

/// A region, as its users reach it.
#[derive(Debug)]
pub(crate) struct Region<'a> {
    pub(crate) facts: &'a RegionFacts,
    keystone: &'a Keystone,
}

impl<'a> Region<'a> {
    pub(crate) fn new(facts: &'a RegionFacts, keystone: &'a Keystone) -> Self {
        Self { facts, keystone }
    }

    /// A token that was used before, or a fresh one.
    fn token(&self, who: Who, fresh: bool) -> String {
        let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (
            self.keystone.url.clone(),
            self.keystone.user(who).name.clone(),
        );
        if fresh {
            tokens.remove(&key);
        }
        tokens
            .entry(key)
            .or_insert_with(|| self.keystone.token(who))
            .clone()
    }

    pub(super) fn send(
        &self,
        who: Who,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> Answer {
        self.send_with(who, method, path, &[("Content-Type", kind)], body)
    }

    pub(super) fn send_with(
        &self,
        who: Who,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let url = format!("{}{path}", self.facts.url);
        let send = |fresh| {
            let token = self.token(who, fresh);
            let token = [("X-Auth-Token", token.as_str())];
            let headers = [&token, headers].concat();
            let answer = request(method, &url, &headers, body);
            answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"))
        };
        let answer = send(false);
        if answer.status == 401 {
            send(true)
        } else {
            answer
        }
    }

    /// Makes an image and gives its id.
    pub(crate) fn create(&self, image: NewImage) -> String {
        let body = Value::Object(image.attributes).to_string();
        let json = "application/json";
        let made = self
            .send(image.who, "POST", "/v2/images", json, body.as_bytes())
            .expect(201, &format!("create {body}"))
            .json();
        let id = made["id"].as_str().expect("an id").to_owned();
        if let Some(content) = image.content {
            let path = format!("/v2/images/{id}/file");
            self.send(
                image.who,
                "PUT",
                &path,
                "application/octet-stream",
                &content,
            )
            .expect(204, "upload");
        }
        id
    }

    /// Every image of every project, hidden ones too, newest first.
    pub(crate) fn images(&self) -> Vec<Value> {
        let mut images = Vec::new();
        for hidden in ["false", "true"] {
            let first = format!("/v2/images?visibility=all&limit=1000&os_hidden={hidden}");
            let mut next = Some(first);
            while let Some(path) = next {
                let page = self
                    .send(Who::Sync, "GET", &path, "", b"")
                    .expect(200, "list")
                    .json();
                images.extend(page["images"].as_array().expect("images").iter().cloned());
                next = page["next"].as_str().map(str::to_owned);
            }
        }
        images
    }

    /// The images of that name.
    pub(crate) fn named(&self, name: &str) -> Vec<Value> {
        let mut images = self.images();
        images.retain(|image| image["name"] == name);
        images
    }

    /// Waits until the region stores content.
    #[track_caller]
    pub(crate) fn wait_for_an_upload(&self) {
        wait_until("an upload under way", || {
            self.images()
                .iter()
                .any(|image| image["status"] == "saving")
        });
    }

    /// The image of that name, which must be the only one.
    pub(crate) fn the(&self, name: &str) -> Value {
        let mut images = self.named(name);
        assert_eq!(images.len(), 1, "images called {name:?}: {images:#?}");
        images.remove(0)
    }

    /// The names of all images, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .images()
            .iter()
            .map(|image| image["name"].to_string())
            .collect();
        for name in &mut names {
            *name = serde_json::from_str(name).expect("a name");
        }
        names.sort();
        names
    }

    /// The image with that id; none when it is gone.
    pub(crate) fn get(&self, id: &str) -> Option<Value> {
        let answer = self.send(Who::Sync, "GET", &format!("/v2/images/{id}"), "", b"");
        (answer.status != 404).then(|| answer.expect(200, "show").json())
    }

    /// What other projects' members get to see of it.
    pub(crate) fn seen_by_others(&self, id: &str) -> bool {
        self.send(Who::Foreign, "GET", &format!("/v2/images/{id}"), "", b"")
            .status
            == 200
    }

    pub(crate) fn content(&self, id: &str) -> Vec<u8> {
        let path = format!("/v2/images/{id}/file");
        self.send(Who::Sync, "GET", &path, "", b"")
            .expect(200, "download")
            .body
    }

    /// Sets attributes and properties of an image.
    pub(crate) fn set(&self, id: &str, values: &[(&str, Value)]) {
        let changes: Vec<Value> = values
            .iter()
            .map(|(name, value)| json!({"op": "add", "path": pointer(name), "value": value}))
            .collect();
        self.patch(id, &json!(changes));
    }

    /// Takes a property off an image.
    pub(crate) fn unset(&self, id: &str, name: &str) {
        self.patch(id, &json!([{"op": "remove", "path": pointer(name)}]));
    }

    fn patch(&self, id: &str, changes: &Value) {
        let path = format!("/v2/images/{id}");
        self.send(
            Who::Sync,
            "PATCH",
            &path,
            PATCH,
            changes.to_string().as_bytes(),
        )
        .expect(200, &format!("patch {changes}"));
    }

    /// Shares an image with a project.
    pub(crate) fn share(&self, id: &str, project: &str) {
        let path = format!("/v2/images/{id}/members");
        let body = json!({"member": project}).to_string();
        let json = "application/json";
        self.send(Who::Sync, "POST", &path, json, body.as_bytes())
            .expect(200, "share");
    }

    /// `deactivate` or `reactivate`.
    pub(crate) fn action(&self, id: &str, action: &str) {
        let path = format!("/v2/images/{id}/actions/{action}");
        self.send(Who::Sync, "POST", &path, "", b"")
            .expect(204, action);
    }

    pub(crate) fn delete(&self, id: &str) {
        self.send(Who::Sync, "DELETE", &format!("/v2/images/{id}"), "", b"")
            .expect(204, "delete");
    }

    /// Deletes every image, whosever it is.
    pub(crate) fn purge(&self) {
        for image in self.images() {
            let id = image["id"].as_str().expect("an id");
            if image["protected"] == true {
                self.set(id, &[("protected", json!(false))]);
            }
            self.delete(id);
        }
    }

    /// The id of the project whose images are the product's own here.
    pub(crate) fn own_project(&self) -> &str {
        &self.keystone.sync.project_id
    }

    /// The id of the other project.
    pub(crate) fn foreign_project(&self) -> &str {
        &self.keystone.foreign.project_id
    }
}

/// The JSON pointer of an attribute.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
