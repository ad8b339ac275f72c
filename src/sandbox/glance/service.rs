//! Glance's paths: authentication, and which code answers what.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use axum::http::{Method, Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::about::about;
use super::fail::Fail;
use super::patch_document::Style;
use super::policy::Caller;
use super::region::Region;
use super::replies::reply;
use super::versions::{Negotiated, negotiate, versions};
use super::{create, data, import, list, patch, sharing, stage, upload};
use crate::sandbox::http::{Call, Front, Refusal, ResponseFault, Service, locked};
use crate::sandbox::keystone::Identity;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// A region's Glance as its port serves it.
#[derive(Debug)]
pub(in crate::sandbox) struct Glance {
    pub(in crate::sandbox) front: Arc<Front>,
    pub(in crate::sandbox) identity: Arc<Identity>,
    pub(in crate::sandbox) region: Arc<Region>,
    /// Its URL without a path.
    pub(in crate::sandbox) url: String,
    /// Tokens that Keystone confirmed, which are good for a while without it.
    pub(in crate::sandbox) confirmed: Mutex<HashSet<String>>,
}

impl Service for Glance {
    fn front(&self) -> &Arc<Front> {
        &self.front
    }

    async fn answer(self: Arc<Self>, mut call: Call) -> Response<Body> {
        if call.method == Method::OPTIONS && call.path != "/versions" {
            // Answered by what is in front of Glance for browsers.
            return Response::new(Body::empty());
        }
        let rest = match negotiate(&call.path) {
            Negotiated::Versions(status) => return reply(status, &versions(&self.url)),
            Negotiated::V2(rest) => rest,
        };
        let accept = call.header("accept").map(str::to_owned);
        // What `WebOb` writes when there is none: its own placeholder.
        let content_type = call
            .header("content-type")
            .unwrap_or("${CONTENT_TYPE}")
            .to_owned();
        let method = call.method.to_string();
        let render = |fail: Fail| fail.render(accept.as_deref(), (&method, &content_type));
        let caller = match self.caller(&call) {
            Ok(caller) => caller,
            // Refused before there is a request's context that an id could belong to.
            Err(fail) => return render(fail),
        };
        let request_id = request_id(call.header("x-openstack-request-id"));
        let mut answer = self
            .version2(&mut call, &caller, &rest, &request_id)
            .await
            .unwrap_or_else(render);
        if call.method == Method::HEAD {
            // No path here can be asked for its head; of the refusal only that is sent.
            answer = answer.map(|_| Body::empty());
            let kind = HeaderValue::from_static("text/html; charset=UTF-8");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer.headers_mut().insert(CONTENT_LENGTH, 0.into());
        }
        stamped(answer, &request_id)
    }

    fn changed(&self, request: u64) {
        self.region.remember(request);
    }

    fn refuse(&self, refusal: &Refusal<'_>) -> Response<Body> {
        stamped(
            Fail::bare(refusal.status).render(refusal.accept, ("", "")),
            &request_id(None),
        )
    }
}

impl Glance {
    async fn version2(
        &self,
        call: &mut Call,
        caller: &Caller,
        path: &[String],
        request_id: &str,
    ) -> Result<Response<Body>, Fail> {
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let region = &self.region;
        let method = call.method.as_str();
        match (segments.as_slice(), method) {
            ([], _) => {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::FOUND;
                if let Ok(location) = HeaderValue::try_from(format!("{}/v2/", self.url)) {
                    answer.headers_mut().insert(LOCATION, location);
                }
                Ok(answer)
            }
            // Only the path itself may end in a slash, and an id is not empty.
            (segments, _) if segments.last().is_some_and(|last| last.is_empty()) => {
                Err(Fail::bare(StatusCode::NOT_FOUND))
            }
            (["images"], "GET") if call.response_fault == ResponseFault::EndlessList => {
                list::endless(region, caller, &call.query)
            }
            (["images"], "GET") => list::list(region, caller, &call.query),
            (["images"], "POST") => {
                let body = document(call).await?;
                create::create(region, caller, &self.url, call.response_fault, &body)
            }
            (["images", id], "GET") => {
                let images = locked(&region.images);
                let image = images.seen(id, caller)?;
                let view = image.view(caller.is_admin(), region.nullable_properties());
                Ok(reply(StatusCode::OK, &view))
            }
            (["images", id], "PATCH") => {
                let style = Style::of(call.header("content-type"))?;
                let body = document(call).await?;
                patch::patch(region, caller, id, style, &body)
            }
            (["images", id], "DELETE") => create::delete(region, caller, id),
            (["images", id, "file"], "GET") => data::download(region, caller, id, call),
            (["images", id, "file"], "PUT") => upload::upload(region, caller, id, call).await,
            (["images", id, "tags", tag], "PUT") => {
                no_body(call).await?;
                sharing::add_tag(region, caller, id, tag)
            }
            (["images", id, "tags", tag], "DELETE") => {
                no_body(call).await?;
                sharing::remove_tag(region, caller, id, tag)
            }
            (
                [
                    "images",
                    id,
                    "actions",
                    action @ ("deactivate" | "reactivate"),
                ],
                "POST",
            ) => {
                no_body(call).await?;
                sharing::switch_off_or_on(region, caller, id, *action == "deactivate")
            }
            (["images", id, "members", rest @ ..], _) if rest.len() <= 1 => {
                let body = if matches!((method, rest), ("POST", []) | ("PUT", [_])) {
                    document(call).await?
                } else {
                    Value::Null
                };
                sharing::members(
                    region,
                    caller,
                    id,
                    rest.first().copied(),
                    call.method.as_str(),
                    &body,
                )
            }
            (["images", id, "stage"], "PUT") => stage::stage(region, caller, id, call).await,
            (["images", id, "import"], "POST") => {
                let body = document(call).await?;
                let here = (region, self.identity.as_ref());
                import::import(here, caller, id, call, (&body, request_id))
            }
            (["images", id, "tasks"], "GET") => import::tasks(region, caller, id),
            _ => about(region, caller, &segments, method),
        }
    }

    fn caller(&self, call: &Call) -> Result<Caller, Fail> {
        let id = call.header("x-auth-token").unwrap_or_default();
        if call.response_fault == ResponseFault::ExpireToken {
            self.identity.tokens.revoke(id);
        }
        let mut confirmed = locked(&self.confirmed);
        let token = if confirmed.contains(id) {
            self.identity.tokens.get(id)
        } else {
            self.identity.check(id)
        };
        match token {
            Some(token) => {
                confirmed.insert(id.to_owned());
                Ok(Caller::new(&token, &self.region.spec.publicize_roles))
            }
            None => Err(Fail {
                header: Some((
                    WWW_AUTHENTICATE,
                    format!("Keystone uri=\"{}\"", self.identity.url),
                )),
                ..Fail::bare(StatusCode::UNAUTHORIZED)
            }),
        }
    }
}

/// Refuses a request that has a body.
async fn no_body(call: &mut Call) -> Result<(), Fail> {
    if call.body.document().await.unwrap_or_default().is_empty() {
        return Ok(());
    }
    Err(Fail::bad_request(
        "A body is not expected with this request.",
    ))
}

/// The JSON document in a request's body.
async fn document(call: &mut Call) -> Result<Value, Fail> {
    let bytes = call.body.document().await.unwrap_or_default();
    if bytes.is_empty() {
        return Err(Fail::bad_request("Body expected in request."));
    }
    call.note_body(&String::from_utf8_lossy(&bytes));
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) if value.is_object() || value.is_array() => Ok(value),
        Ok(_) => Err(Fail::bad_request(
            "Unexpected body type. Expected list/dict.",
        )),
        Err(_) => Err(Fail::bad_request("Malformed JSON in request body.")),
    }
}

/// The id of a request, which may bring one of its own.
fn request_id(wanted: Option<&str>) -> String {
    match wanted {
        Some(id) if id.starts_with("req-") => id.to_owned(),
        Some(id) => format!("req-{id}"),
        None => format!("req-{}", Uuid::new_v4()),
    }
}

fn stamped(mut answer: Response<Body>, id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::try_from(id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}
