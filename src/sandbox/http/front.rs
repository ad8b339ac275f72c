//! One request's way in and out: log entry, fault, service, answer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::apply_fault::apply_fault;
use super::call::{Call, ResponseFault, Service};
use super::conn::Switch;
use super::{AcceptGate, Incoming, locked};
use crate::sandbox::record::RecordedRequest;
use crate::sandbox::spec::DateHeader;

/// Accepts connections until the future is dropped; those that are open then go on.
pub(in crate::sandbox) async fn serve<S: Service>(gate: AcceptGate, service: Arc<S>) {
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
    let effect = locked(&front.faults).effect_on(method.as_str(), &path, &query, &parts.headers);
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
        response_fault: ResponseFault::default(),
        front,
        number,
    };
    let answer = match effect {
        None => Some(service.answer(call).await),
        Some(effect) => apply_fault(service, call, effect).await,
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
