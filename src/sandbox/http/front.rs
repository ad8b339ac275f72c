//! One request's way in and out: log entry, fault, service, answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::conn::Peer;
use super::{Gate, Incoming, Switchboard, body, locked};
use crate::sandbox::fault::{Effect, Fault, FaultBook, When};
use crate::sandbox::record::{RecordedRequest, RequestLog};

/// What every service has: its log, its faults, its connections.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Front {
    pub(in crate::sandbox) log: Mutex<RequestLog>,
    pub(in crate::sandbox) faults: Mutex<FaultBook>,
    pub(in crate::sandbox) board: Arc<Switchboard>,
}

impl Front {
    /// The front of a service that has these faults from its start.
    pub(in crate::sandbox) fn new(faults: &[Fault]) -> Arc<Self> {
        Arc::new(Self {
            faults: Mutex::new(FaultBook::new(faults.to_vec())),
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
    front: Arc<Front>,
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

    /// Enters the request's text into the log.
    pub(in crate::sandbox) fn note_body(&self, text: &str) {
        locked(&self.front.log).amend(self.number, |request| request.body = Some(text.to_owned()));
    }
}

/// What a fault asks of the service itself.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sandbox) struct Tampering {
    /// Store or send damaged content.
    pub(in crate::sandbox) wrong_content: bool,
    /// Refuse an upload's content at its end.
    pub(in crate::sandbox) wrong_format: bool,
    /// Treat the token as expired.
    pub(in crate::sandbox) expire_token: bool,
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

/// Serves connections until the future is dropped.
pub(in crate::sandbox) async fn serve<S: Service>(gate: Gate, service: Arc<S>) {
    let router = Router::new().fallback(handle::<S>).with_state(service);
    let _ = axum::serve(gate, router.into_make_service_with_connect_info::<Peer>()).await;
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
    State(service): State<Arc<S>>,
    ConnectInfo(Peer(switch)): ConnectInfo<Peer>,
    request: Request<Body>,
) -> Response<Body> {
    let front = Arc::clone(service.front());
    let (parts, body) = request.into_parts();
    let method = parts.method;
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let effect = locked(&front.faults).strike(method.as_str(), &path, &query);
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
        headers: parts.headers,
        body: Incoming::new(body, received, Arc::clone(&switch)),
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

/// The answer of a request under a fault; none when the connection is to be dropped.
async fn strike<S: Service>(
    service: Arc<S>,
    mut call: Call,
    effect: Effect,
) -> Option<Response<Body>> {
    match effect {
        Effect::Answer {
            status,
            headers,
            body,
            when,
            early,
        } => {
            let status = status_of(status);
            let accept = call.header("accept").map(str::to_owned);
            match when {
                When::Before if early => {}
                When::Before => call.body.drain().await,
                When::After => drop(Arc::clone(&service).answer(call).await),
            }
            let mut answer = match body {
                Some(body) => Response::new(Body::from(body)),
                None => service.refuse(&Refusal {
                    status,
                    accept: accept.as_deref(),
                }),
            };
            *answer.status_mut() = status;
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) =
                    (HeaderName::try_from(name), HeaderValue::try_from(value))
                {
                    answer.headers_mut().insert(name, value);
                }
            }
            Some(answer)
        }
        Effect::Delay { millis } => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Some(service.answer(call).await)
        }
        Effect::Hang { when } => {
            let (front, number) = (Arc::clone(&call.front), call.number);
            match when {
                When::Before => call.body.drain().await,
                When::After => drop(service.answer(call).await),
            }
            locked(&front.log).amend(number, |request| request.held = true);
            std::future::pending().await
        }
        Effect::Drop { when } => {
            if when == When::After {
                drop(service.answer(call).await);
            }
            None
        }
        Effect::DropUpload { bytes } => {
            call.body.set_drop_after(bytes);
            Some(service.answer(call).await)
        }
        Effect::Crash { bytes } => {
            call.body.set_crash_after(bytes);
            Some(service.answer(call).await)
        }
        Effect::CutBody { bytes } => Some(
            service
                .answer(call)
                .await
                .map(|body| body::cut(body, bytes)),
        ),
        Effect::WrongJson => {
            let mut answer = service.answer(call).await;
            answer.headers_mut().remove("content-length");
            Some(answer.map(|_| Body::from("{\"images\": [{\"id\": \"")))
        }
        Effect::Slow { bytes_per_sec } => {
            call.body.set_pace(bytes_per_sec);
            let answer = service.answer(call).await;
            Some(answer.map(|body| body::slowed(body, bytes_per_sec)))
        }
        Effect::WrongContent => {
            call.tampering.wrong_content = true;
            Some(service.answer(call).await)
        }
        Effect::WrongFormat => {
            call.tampering.wrong_format = true;
            Some(service.answer(call).await)
        }
        Effect::Echo { status } => Some(echo(call, status).await),
        Effect::Endless {
            status,
            start,
            piece,
        } => {
            let mut answer = Response::new(body::endless(start, &piece));
            *answer.status_mut() = status_of(status);
            Some(answer)
        }
        Effect::ExpireToken => {
            call.tampering.expire_token = true;
            Some(service.answer(call).await)
        }
    }
}

/// An answer with all that the request held.
async fn echo(mut call: Call, status: u16) -> Response<Body> {
    let head = format!("{} {} {:?} ", call.method, call.path, call.headers);
    let sent = call.body.document().await.unwrap_or_default();
    let mut answer = Response::new(Body::from([head.as_bytes(), sent.as_slice()].concat()));
    *answer.status_mut() = status_of(status);
    if let Some(token) = call.headers.get("x-auth-token") {
        let headers = answer.headers_mut();
        headers.insert("x-openstack-request-id", token.clone());
        headers.insert("location", token.clone());
    }
    answer
}

fn status_of(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::BAD_GATEWAY)
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
