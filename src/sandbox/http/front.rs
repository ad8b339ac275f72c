//! One request's way in and out: log entry, fault, service, answer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::conn::Switch;
use super::strike::strike;
use super::{Gate, Incoming, Switchboard, locked};
use crate::sandbox::effect::SaveEnd;
use crate::sandbox::fault::{Fault, FaultBook};
use crate::sandbox::record::{RecordedRequest, RequestLog};
use crate::sandbox::spec::DateHeader;

/// What every service has: its log, its faults, its connections.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Front {
    pub(in crate::sandbox) log: Mutex<RequestLog>,
    pub(in crate::sandbox) faults: Mutex<FaultBook>,
    pub(in crate::sandbox) board: Arc<Switchboard>,
    date: DateHeader,
}

impl Front {
    /// The front of a service that has these faults from its start.
    pub(in crate::sandbox) fn new(faults: &[Fault], date: DateHeader) -> Arc<Self> {
        Arc::new(Self {
            faults: Mutex::new(FaultBook::new(faults.to_vec())),
            date,
            ..Self::default()
        })
    }
}

/// A request as a service sees it.
#[derive(Debug)]
pub(in crate::sandbox) struct Call {
    pub(in crate::sandbox) method: Method,
    /// Path, still percent-encoded.
    pub(in crate::sandbox) path: String,
    pub(in crate::sandbox) query: String,
    pub(in crate::sandbox) headers: HeaderMap,
    pub(in crate::sandbox) body: Incoming,
    pub(in crate::sandbox) tampering: Tampering,
    pub(super) front: Arc<Front>,
    number: u64,
}

impl Call {
    /// A header's value, when it is there and text.
    pub(in crate::sandbox) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Closes every connection of the service.
    pub(in crate::sandbox) fn cut_all(&self) {
        self.front.board.cut_all();
    }

    /// The request's number in the log.
    pub(in crate::sandbox) fn number(&self) -> u64 {
        self.number
    }

    /// Enters the request's text into the log.
    pub(in crate::sandbox) fn note_body(&self, text: &str) {
        locked(&self.front.log).amend(self.number, |request| request.body = Some(text.to_owned()));
    }
}

/// What a fault asks of the service itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sandbox) enum Tampering {
    #[default]
    None,
    /// Store or send damaged content.
    WrongContent,
    /// Refuse an upload's content at its end.
    WrongFormat,
    /// Treat the token as expired.
    ExpireToken,
    /// Answer an upload before it is stored, which it is after that time.
    SaveLater { wait: Duration, end: SaveEnd },
    /// Do not find a new image for that long.
    Unseen(Duration),
    /// List images that do not exist, for ever.
    EndlessList,
}

impl Tampering {
    /// Whether content is to be damaged.
    pub(in crate::sandbox) fn damages(self) -> bool {
        matches!(
            self,
            Self::WrongContent
                | Self::SaveLater {
                    end: SaveEnd::Damaged,
                    ..
                }
        )
    }
}

/// An error answer that a fault asks for, to be written in the service's own words.
#[derive(Debug)]
pub(in crate::sandbox) struct Refusal<'a> {
    pub(in crate::sandbox) status: StatusCode,
    /// The request's `Accept` header.
    pub(in crate::sandbox) accept: Option<&'a str>,
}

/// Keystone or Glance.
pub(in crate::sandbox) trait Service: Send + Sync + 'static {
    fn front(&self) -> &Arc<Front>;

    /// Does what the request asks, and answers.
    fn answer(self: Arc<Self>, call: Call) -> impl Future<Output = Response<Body>> + Send;

    /// A request that asked for a change is over, whatever became of it.
    fn changed(&self, _request: u64) {}

    /// The service's error body of a status.
    fn refuse(&self, refusal: &Refusal<'_>) -> Response<Body>;
}

/// Accepts connections until the future is dropped; those that are open then go on.
pub(in crate::sandbox) async fn serve<S: Service>(gate: Gate, service: Arc<S>) {
    let mut server = http1::Builder::new();
    server.auto_date_header(service.front().date == DateHeader::Sent);
    loop {
        let (wire, switch) = gate.accept().await;
        let service = Arc::clone(&service);
        let answered = service_fn(move |request: Request<hyper::body::Incoming>| {
            let answer = handle(Arc::clone(&service), Arc::clone(&switch), request);
            async { Ok::<_, Infallible>(answer.await) }
        });
        // An error is the client's to notice: its connection is closed.
        let connection = server.serve_connection(TokioIo::new(wire), answered);
        tokio::spawn(async { drop(connection.await) });
    }
}

/// A log entry that is completed when the request is over, however it ends.
struct Entry<S: Service> {
    service: Arc<S>,
    number: u64,
    is_change: bool,
    started: Instant,
    received: Arc<AtomicU64>,
    status: Option<u16>,
}

impl<S: Service> Drop for Entry<S> {
    fn drop(&mut self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let received = self.received.load(Ordering::Relaxed);
        let status = self.status;
        locked(&self.service.front().log).amend(self.number, |request| {
            request.status = status;
            request.millis = millis;
            request.bytes_received = received;
            request.held = false;
        });
        if self.is_change {
            self.service.changed(self.number);
        }
    }
}

async fn handle<S: Service>(
    service: Arc<S>,
    switch: Arc<Switch>,
    request: Request<hyper::body::Incoming>,
) -> Response<Body> {
    let front = Arc::clone(service.front());
    let (parts, body) = request.into_parts();
    let method = parts.method;
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let effect = locked(&front.faults).strike(method.as_str(), &path, &query, &parts.headers);
    let recorded = RecordedRequest {
        number: 0,
        method: method.to_string(),
        path: path.clone(),
        query: query.clone(),
        headers: loggable(&parts.headers),
        body: None,
        bytes_received: 0,
        status: None,
        millis: 0,
        faulted: effect.is_some(),
        held: false,
    };
    let is_change = recorded.is_change();
    let number = locked(&front.log).enter(recorded);
    let received = Arc::new(AtomicU64::new(0));
    let mut entry = Entry {
        service: Arc::clone(&service),
        number,
        is_change,
        started: Instant::now(),
        received: Arc::clone(&received),
        status: None,
    };
    let call = Call {
        method,
        path,
        query,
        headers: joined(parts.headers),
        body: Incoming::new(Body::new(body), received, Arc::clone(&switch)),
        tampering: Tampering::default(),
        front,
        number,
    };
    let answer = match effect {
        None => Some(service.answer(call).await),
        Some(effect) => strike(service, call, effect).await,
    };
    let Some(answer) = answer else {
        switch.cut();
        return Response::new(Body::empty());
    };
    entry.status = Some(answer.status().as_u16());
    answer
}

/// The headers with each name once: values of a name that occurs again are joined, as a WSGI
/// server does it.
fn joined(headers: HeaderMap) -> HeaderMap {
    if headers.len() == headers.keys_len() {
        return headers;
    }
    let mut single = HeaderMap::new();
    for name in headers.keys() {
        let values: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
            single.insert(name, value);
        }
    }
    single
}

fn loggable(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| *name != "x-auth-token" && *name != "x-subject-token")
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
