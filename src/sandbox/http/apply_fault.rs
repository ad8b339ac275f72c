//! What a fault does to a request: before its answer, instead of it, or to it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};

use super::call::{Call, Refusal, ResponseFault, Service};
use super::{body, locked};
use crate::sandbox::effect::{Effect, Reply, When};

/// The answer of a request under a fault; none when the connection is to be dropped.
pub(super) async fn apply_fault<S: Service>(
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
            for (name, value) in &headers {
                insert(&mut answer, name, value);
            }
            Some(answer)
        }
        Effect::Delay { millis } => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Some(service.answer(call).await)
        }
        Effect::Hang { when } => {
            let (front, number) = (Arc::clone(&call.front), call.number());
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
        Effect::SaveLater {
            millis,
            answer,
            end,
        } => {
            let wait = Duration::from_millis(millis);
            call.response_fault = ResponseFault::SaveLater { wait, end };
            let usual = service.answer(call).await;
            match answer {
                Reply::Status(status) if usual.status().is_success() => Some(gateway(status)),
                Reply::Drop if usual.status().is_success() => None,
                _ => Some(usual),
            }
        }
        Effect::Rewrite { values } => {
            Some(body::rewritten(service.answer(call).await, &values).await)
        }
        prepared => {
            prepare(&mut call, prepared);
            Some(service.answer(call).await)
        }
    }
}

/// Sets a header, unless HTTP has no such header or value.
fn insert(answer: &mut Response<Body>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        answer.headers_mut().insert(name, value);
    }
}

/// Does what an effect does before the request is answered as usual.
fn prepare(call: &mut Call, effect: Effect) {
    match effect {
        Effect::DropUpload { bytes } => call.body.set_drop_after(bytes),
        Effect::Crash { bytes } => call.body.set_crash_after(bytes),
        Effect::WrongContent => call.response_fault = ResponseFault::WrongContent,
        Effect::WrongFormat => call.response_fault = ResponseFault::WrongFormat,
        Effect::ExpireToken => call.response_fault = ResponseFault::ExpireToken,
        Effect::EndlessList => call.response_fault = ResponseFault::EndlessList,
        Effect::Unseen { millis } => {
            call.response_fault = ResponseFault::Unseen(Duration::from_millis(millis));
        }
        Effect::Import {
            wait_at,
            millis,
            end,
        } => {
            call.response_fault = ResponseFault::Import {
                wait_at,
                wait: millis.map(Duration::from_millis),
                end,
            };
        }
        Effect::IgnoreHeader { name } => drop(call.headers.remove(name)),
        _ => {}
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

/// The error page of a proxy before the service.
fn gateway(status: u16) -> Response<Body> {
    let status = status_of(status);
    let page = format!("<html><body><h1>{status}</h1></body></html>");
    let mut answer = Response::new(Body::from(page));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    answer
}

fn status_of(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::BAD_GATEWAY)
}
