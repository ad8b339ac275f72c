//! Keystone's paths: versions, tokens, catalogue, and the few lists that clients look into.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, VARY, WWW_AUTHENTICATE};
use axum::http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::identity::{Identity, Token, describe, domain_id};
use super::login::{LoginError, login};
use crate::sandbox::http::{Call, Front, Refusal, Service};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");

/// A Keystone as its port serves it.
#[derive(Debug)]
pub(in crate::sandbox) struct Keystone {
    pub(in crate::sandbox) front: Arc<Front>,
    pub(in crate::sandbox) identity: Arc<Identity>,
}

impl Service for Keystone {
    fn front(&self) -> &Arc<Front> {
        &self.front
    }

    async fn answer(self: Arc<Self>, mut call: Call) -> Response<Body> {
        let document = call.body.document().await.unwrap_or_default();
        if call.tampering.expire_token {
            self.identity.revoke_all();
        }
        let answer = self.route(&call, &document);
        Self::stamped(answer)
    }

    fn refuse(&self, refusal: &Refusal<'_>) -> Response<Body> {
        let reason = refusal.status.canonical_reason().unwrap_or("Unknown");
        Self::stamped(error(refusal.status, reason))
    }
}

impl Keystone {
    fn route(&self, call: &Call, document: &[u8]) -> Response<Body> {
        let path = call.path.trim_matches('/');
        match (call.method.as_str(), path) {
            ("GET" | "HEAD", "") => self.versions(),
            ("GET" | "HEAD", "v3") => reply(StatusCode::OK, &json!({"version": self.version()})),
            ("POST", "v3/auth/tokens") => self.log_in(call, document),
            ("GET" | "HEAD" | "DELETE", "v3/auth/tokens") => self.subject(call),
            ("GET", _) if path.starts_with("v3/") => self.lists(call, path),
            _ => not_found(),
        }
    }

    fn version(&self) -> Value {
        json!({
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": format!("{}/", self.identity.url)}],
            "media-types": [{
                "base": "application/json",
                "type": "application/vnd.openstack.identity-v3+json",
            }],
        })
    }

    fn versions(&self) -> Response<Body> {
        let mut answer = reply(
            StatusCode::MULTIPLE_CHOICES,
            &json!({"versions": {"values": [self.version()]}}),
        );
        if let Ok(location) = HeaderValue::try_from(format!("{}/", self.identity.url)) {
            answer.headers_mut().insert(LOCATION, location);
        }
        answer
    }

    fn log_in(&self, call: &Call, document: &[u8]) -> Response<Body> {
        let Ok(request) = serde_json::from_slice::<Value>(document) else {
            return error(
                StatusCode::BAD_REQUEST,
                "The request body could not be decoded as JSON.",
            );
        };
        match login(&self.identity, &request) {
            Ok((id, token)) => {
                let catalogue =
                    (!call.query.contains("nocatalog")).then(|| self.identity.catalogue());
                let mut answer = reply(StatusCode::CREATED, &describe(&token, catalogue));
                if let Ok(id) = HeaderValue::try_from(id) {
                    answer.headers_mut().insert(SUBJECT_TOKEN, id);
                }
                answer
            }
            Err(LoginError::Malformed(message)) => error(StatusCode::BAD_REQUEST, &message),
            Err(LoginError::Unauthorized) => self.unauthorized(),
        }
    }

    fn subject(&self, call: &Call) -> Response<Body> {
        if self.caller(call).is_none() {
            return self.unauthorized();
        }
        let Some(id) = call.header("x-subject-token") else {
            return error(StatusCode::BAD_REQUEST, "Missing X-Subject-Token.");
        };
        let Some(token) = self.identity.token(id) else {
            return error(StatusCode::NOT_FOUND, "Failed to validate token");
        };
        if call.method == Method::DELETE {
            self.identity.revoke(id);
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            return answer;
        }
        let catalogue = (!call.query.contains("nocatalog")).then(|| self.identity.catalogue());
        let mut answer = reply(StatusCode::OK, &describe(&token, catalogue));
        if let Ok(id) = HeaderValue::try_from(id) {
            answer.headers_mut().insert(SUBJECT_TOKEN, id);
        }
        answer
    }

    fn lists(&self, call: &Call, path: &str) -> Response<Body> {
        let Some(token) = self.caller(call) else {
            return self.unauthorized();
        };
        let links = json!({
            "self": format!("{}/{}", self.identity.url, path.trim_start_matches("v3/")),
            "previous": null,
            "next": null,
        });
        let asked = |name: &str| {
            url::form_urlencoded::parse(call.query.as_bytes())
                .find(|(key, _)| key == "name")
                .is_none_or(|(_, value)| value == name)
        };
        let projects = |all: bool| -> Vec<Value> {
            self.identity
                .projects
                .iter()
                .filter(|project| all || token.user.roles.contains_key(&project.id))
                .filter(|project| asked(&project.name))
                .map(|project| {
                    json!({
                        "id": project.id,
                        "name": project.name,
                        "domain_id": domain_id(&project.domain),
                        "parent_id": domain_id(&project.domain),
                        "enabled": true,
                        "is_domain": false,
                        "description": "",
                        "tags": [],
                        "options": {},
                    })
                })
                .collect()
        };
        let is_admin = token.roles.iter().any(|role| role == "admin");
        match path {
            "v3/auth/catalog" if token.project.is_some() => {
                let links = json!({"self": links["self"]});
                let catalogue = self.identity.catalogue();
                reply(
                    StatusCode::OK,
                    &json!({"catalog": catalogue, "links": links}),
                )
            }
            "v3/auth/catalog" => error(
                StatusCode::FORBIDDEN,
                "You are not authorized to perform the requested action: identity:get_auth_catalog.",
            ),
            "v3/auth/projects" => reply(
                StatusCode::OK,
                &json!({"projects": projects(false), "links": links}),
            ),
            "v3/projects" if is_admin => reply(
                StatusCode::OK,
                &json!({"projects": projects(true), "links": links}),
            ),
            _ => match path.strip_prefix("v3/projects/") {
                Some(id) if is_admin => projects(true)
                    .into_iter()
                    .find(|project| project["id"] == id)
                    .map_or_else(not_found, |project| {
                        reply(StatusCode::OK, &json!({ "project": project }))
                    }),
                _ => not_found(),
            },
        }
    }

    fn caller(&self, call: &Call) -> Option<Arc<Token>> {
        self.identity.token(call.header("x-auth-token")?)
    }

    fn unauthorized(&self) -> Response<Body> {
        let mut answer = error(
            StatusCode::UNAUTHORIZED,
            "The request you have made requires authentication.",
        );
        if let Ok(challenge) =
            HeaderValue::try_from(format!("Keystone uri=\"{}\"", self.identity.url))
        {
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }

    fn stamped(mut answer: Response<Body>) -> Response<Body> {
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("X-Auth-Token"));
        if let Ok(id) = HeaderValue::try_from(format!("req-{}", Uuid::new_v4())) {
            headers.insert(REQUEST_ID, id);
        }
        answer
    }
}

fn reply(status: StatusCode, document: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(document.to_string()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn error(status: StatusCode, message: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or("Unknown");
    reply(
        status,
        &json!({"error": {"code": status.as_u16(), "message": message, "title": title}}),
    )
}

fn not_found() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "The resource could not be found.")
}
