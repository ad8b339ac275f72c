//! A server for tests of what no proper server does: it follows a script to the byte. It also
//! answers log-ins, with a catalogue in which region `R` is at `/` and `Master` at `/master`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{
    GlanceOptions, GlanceWriter, HttpClients, MasterEndpoints, RetryPolicy, Session, TlsOptions,
};
use crate::model::{
    Auth, Credential, DomainRef, Interface, ProjectRef, Secret, TargetName, UserRef,
};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.target.split('?').next() == Some(path)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Reads all of the body, then answers.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Reads so much of the body, answers, and closes with the rest unread.
    AnswerAfter(usize, u16, String),
    /// Reads so much of the body and then no more, but stays.
    StopAfter(usize),
    /// Reads so much of the body and closes.
    CloseAfter(usize),
    /// Reads the body at some MiB a second, then answers 204.
    Slowly,
    /// Reads all of the body and never answers.
    NeverAnswer,
}

impl Script {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, Vec::new(), body.to_string())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }
}

type Handler = dyn Fn(&Seen) -> Option<Script> + Send + Sync;

/// The server; it ends with the runtime.
pub(crate) struct FakeCloud {
    pub(crate) url: String,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) body_bytes: Arc<AtomicU64>,
    /// Bodies that ended before their length.
    pub(crate) broken_off: Arc<AtomicU64>,
}

impl FakeCloud {
    /// Starts a server that asks `handler` first, and answers log-ins where it has no script.
    pub(crate) async fn start(
        handler: impl Fn(&Seen) -> Option<Script> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cloud = Self {
            url: url.clone(),
            seen: Arc::default(),
            body_bytes: Arc::default(),
            broken_off: Arc::default(),
        };
        let (seen, body_bytes) = (Arc::clone(&cloud.seen), Arc::clone(&cloud.body_bytes));
        let broken_off = Arc::clone(&cloud.broken_off);
        let handler: Arc<Handler> = Arc::new(handler);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = Connection {
                    stream: BufReader::new(stream),
                    url: url.clone(),
                    seen: Arc::clone(&seen),
                    body_bytes: Arc::clone(&body_bytes),
                    broken_off: Arc::clone(&broken_off),
                };
                tokio::spawn(connection.serve(Arc::clone(&handler)));
            }
        });
        cloud
    }

    pub(crate) fn credential(&self) -> Credential {
        Credential {
            keystone_url: self.url.parse().unwrap(),
            auth: Auth::Password {
                user: UserRef::Name {
                    name: "sync".to_owned(),
                    domain: DomainRef::default(),
                },
                password: Secret::new("hunter2"),
                project: ProjectRef::Name {
                    name: "images".to_owned(),
                    domain: DomainRef::default(),
                },
            },
        }
    }

    pub(crate) async fn try_log_in(&self) -> Result<Session, super::OpenStackError> {
        let http = HttpClients::default().get(&TlsOptions::default()).unwrap();
        Session::log_in(http, TargetName::master(), self.credential(), quick()).await
    }

    pub(crate) async fn log_in(&self) -> Session {
        self.try_log_in().await.unwrap()
    }

    pub(crate) async fn writer(&self) -> GlanceWriter {
        let session = self.log_in().await;
        let master = MasterEndpoints::of(&session, "Master").unwrap();
        GlanceWriter::new(&session, "R", Interface::Public, options(), &master).unwrap()
    }

    /// How many requests of that kind came.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|seen| seen.is(method, path))
            .count()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

/// Three retries with next to no pauses.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy {
        retries: 3,
        first_pause: Duration::from_millis(4),
        longest_pause: Duration::from_millis(20),
    }
}

pub(crate) fn options() -> GlanceOptions {
    GlanceOptions {
        list_timeout: Duration::from_secs(5),
        retry: quick(),
    }
}

struct Connection {
    stream: BufReader<TcpStream>,
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    body_bytes: Arc<AtomicU64>,
    broken_off: Arc<AtomicU64>,
}

impl Connection {
    async fn serve(mut self, handler: Arc<Handler>) {
        while let Some((mut seen, length)) = self.read_head().await {
            let script = handler(&seen).unwrap_or_else(|| default_answer(&self.url, &seen));
            let wanted = match script {
                Script::Answer(..) | Script::NeverAnswer | Script::Slowly => length,
                Script::AnswerAfter(wanted, ..)
                | Script::StopAfter(wanted)
                | Script::CloseAfter(wanted) => wanted.min(length),
            };
            let place = {
                let mut all = self.seen.lock().unwrap();
                all.push(seen.clone());
                all.len() - 1
            };
            let is_slow = matches!(script, Script::Slowly);
            if !self.read_body(wanted, is_slow, &mut seen.body).await {
                self.broken_off.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.seen.lock().unwrap()[place].body = seen.body;
            match script {
                Script::Answer(status, headers, body) => {
                    self.answer(status, &headers, &body).await;
                }
                Script::AnswerAfter(_, status, body) => {
                    return self
                        .answer(status, &[("connection", "close".to_owned())], &body)
                        .await;
                }
                Script::Slowly => self.answer(204, &[], "").await,
                Script::CloseAfter(_) => return,
                Script::StopAfter(_) | Script::NeverAnswer => std::future::pending().await,
            }
        }
    }

    async fn read_head(&mut self) -> Option<(Seen, usize)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        let text = String::from_utf8(head).unwrap();
        let mut lines = text.lines();
        let mut words = lines.next()?.split(' ').map(ToOwned::to_owned);
        let seen = Seen {
            method: words.next()?,
            target: words.next()?,
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: Vec::new(),
        };
        let length = seen
            .headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        Some((seen, length))
    }

    /// Keeps the first MiB.
    async fn read_body(&mut self, wanted: usize, is_slow: bool, body: &mut Vec<u8>) -> bool {
        let mut left = wanted;
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            let most = left.min(buffer.len());
            let Ok(length @ 1..) = self.stream.read(&mut buffer[..most]).await else {
                return false;
            };
            left -= length;
            if is_slow {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.body_bytes.fetch_add(length as u64, Ordering::Relaxed);
            if body.len() < 1 << 20 {
                body.extend_from_slice(&buffer[..length]);
            }
        }
        true
    }

    async fn answer(&mut self, status: u16, headers: &[(&'static str, String)], body: &str) {
        let mut head = format!("HTTP/1.1 {status} X\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if status != 204 {
            head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
        }
        let answer = format!("{head}\r\n{body}");
        let _ = self.stream.get_mut().write_all(answer.as_bytes()).await;
    }
}

fn default_answer(url: &str, seen: &Seen) -> Script {
    if !seen.is("POST", "/v3/auth/tokens") {
        return Script::status(404);
    }
    let endpoint = |region: &str, interface: &str, url: String| json!({"region_id": region, "interface": interface, "url": url});
    let token = json!({"token": {
        "project": {"id": "p1", "name": "images"},
        "user": {"id": "u1", "name": "sync"},
        "roles": [{"name": "member"}],
        "issued_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-01T01:00:00Z",
        "catalog": [{"type": "image", "endpoints": [
            endpoint("R", "public", format!("{url}/v2")),
            endpoint("Master", "public", format!("{url}/master")),
            endpoint("Master", "internal", "http://master.internal:9292".to_owned()),
            endpoint("Alias", "public", "http://alias.example.org".to_owned()),
            endpoint("Alias", "admin", "HTTP://Master.Internal:9292/v2/".to_owned()),
        ]}],
    }});
    Script::Answer(
        201,
        vec![(
            "x-subject-token",
            format!("token-{}", TOKENS.fetch_add(1, Ordering::Relaxed)),
        )],
        token.to_string(),
    )
}

/// No two log-ins of a test run give the same token.
static TOKENS: AtomicU64 = AtomicU64::new(0);
