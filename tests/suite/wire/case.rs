//! One request to be sent to both fleets, and the status that it must get.

use serde_json::Value;

use crate::common::Who;

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    User(Who),
    /// Somebody without a token.
    Nobody,
    /// Somebody whose token is that.
    Token(String),
}

/// Whom a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Keystone,
    /// The usual region.
    Glance,
    /// The region whose schema restricts the ids of kernel and ramdisk.
    StrictGlance,
}

/// A request's body, and how its length is said.
#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    Json(Value),
    /// A text in which names are replaced, JSON or not.
    Text(String),
    Bytes(Vec<u8>),
    Chunked(Vec<u8>),
}

/// A request in the making.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) sender: Sender,
    pub(super) server: Server,
    /// The header `Accept`.
    pub(super) accept: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

/// A request to Glance as the program sends it: by the sync user, who wants JSON.
#[track_caller]
pub(super) fn ask(line: &str) -> Case {
    let words: Vec<&str> = line.split(' ').collect();
    let [method, path, status] = words[..] else {
        panic!("METHOD PATH STATUS: {line}")
    };
    Case {
        method: method.to_owned(),
        path: path.to_owned(),
        status: status.parse().expect("a status"),
        sender: Sender::User(Who::Sync),
        server: Server::Glance,
        accept: Some("application/json".to_owned()),
        headers: Vec::new(),
        body: Body::None,
    }
}

impl From<&str> for Case {
    #[track_caller]
    fn from(line: &str) -> Self {
        ask(line)
    }
}

impl Case {
    /// To Keystone, and without a token.
    pub(super) fn keystone(mut self) -> Self {
        self.server = Server::Keystone;
        self.nobody()
    }

    /// To the region with the strict schema.
    pub(super) fn strict(mut self) -> Self {
        self.server = Server::StrictGlance;
        self
    }

    pub(super) fn foreign(mut self) -> Self {
        self.sender = Sender::User(Who::Foreign);
        self
    }

    /// Without a token.
    pub(super) fn nobody(mut self) -> Self {
        self.sender = Sender::Nobody;
        self
    }

    /// With that token, whatever it is.
    pub(super) fn token(mut self, token: &str) -> Self {
        self.sender = Sender::Token(token.to_owned());
        self
    }

    /// With that header `Accept`; without any for an empty text.
    pub(super) fn accept(mut self, accept: &str) -> Self {
        self.accept = Some(accept.to_owned()).filter(|accept| !accept.is_empty());
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With that document, under the media type of JSON.
    pub(super) fn json(self, body: Value) -> Self {
        self.document("application/json", body)
    }

    /// With those changes of an image.
    pub(super) fn changes(self, changes: Value) -> Self {
        self.document("application/openstack-images-v2.1-json-patch", changes)
    }

    /// With that document, under that media type.
    pub(super) fn document(mut self, kind: &str, body: Value) -> Self {
        self.body = Body::Json(body);
        self.header("Content-Type", kind)
    }

    /// With those bytes, under that media type.
    pub(super) fn bytes(mut self, kind: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = Body::Bytes(body.as_ref().to_vec());
        self.header("Content-Type", kind)
    }

    /// With an image's content.
    pub(super) fn content(self, content: impl AsRef<[u8]>) -> Self {
        self.bytes("application/octet-stream", content)
    }

    /// With an image's content of which the length is not said beforehand.
    pub(super) fn chunked(mut self, content: impl AsRef<[u8]>) -> Self {
        self.body = Body::Chunked(content.as_ref().to_vec());
        self.header("Content-Type", "application/octet-stream")
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.method, self.path, self.status)?;
        write!(f, "\n  to {:?} from {:?}", self.server, self.sender)?;
        for (name, value) in &self.headers {
            write!(f, "\n  {name}: {value}")?;
        }
        if self.accept.as_deref() != Some("application/json") {
            write!(f, "\n  accept: {:?}", self.accept)?;
        }
        match &self.body {
            Body::None => Ok(()),
            Body::Json(body) => write!(f, "\n  {}", super::answer::short(&body.to_string())),
            Body::Text(body) => write!(f, "\n  {}", super::answer::short(body)),
            Body::Bytes(body) => write!(f, "\n  {} bytes", body.len()),
            Body::Chunked(body) => write!(f, "\n  {} bytes, chunked", body.len()),
        }
    }
}
