//! Keystone's paths: versions, tokens, catalogue, and the few lists that clients look into.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, VARY, WWW_AUTHENTICATE,
};
use axum::http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::authentication::LoginError;
use super::documents::{catalogue, describe};
use super::federation::Federation;
use super::form::expecting;
use super::identity::{Endpoint, Identity};
use super::lists::Listed;
use super::login::login;
use super::replies::{error, error_document, forbidden, reply};
use super::token::{Origin, Token};
use crate::sandbox::error::SandboxError;
use crate::sandbox::http::{Call, Front, Refusal, ResponseFault, Service};
use crate::sandbox::spec::{DateHeader, KeystoneSpec};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");

/// Where identity providers are below.
const FEDERATION: &str = "v3/OS-FEDERATION/identity_providers/";

/// A Keystone as its port serves it.
#[derive(Debug)]
pub(in crate::sandbox) struct Keystone {
    pub(in crate::sandbox) front: Arc<Front>,
    pub(in crate::sandbox) identity: Arc<Identity>,
    federation: Federation,
}

impl Service for Keystone {
    fn front(&self) -> &Arc<Front> {
        &self.front
    }

    async fn answer(self: Arc<Self>, mut call: Call) -> Response<Body> {
        let document = call.body.document().await.unwrap_or_default();
        if call.response_fault == ResponseFault::ExpireToken {
            self.identity.tokens.revoke_all();
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
    /// The Keystone of a specification at that address, with that catalogue.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Spec`] when names of the specification lead nowhere.
    pub(in crate::sandbox) fn new(
        spec: &KeystoneSpec,
        url: String,
        endpoints: Vec<Endpoint>,
    ) -> Result<Self, SandboxError> {
        Ok(Self {
            front: Front::new(&spec.faults, DateHeader::Sent),
            identity: Arc::new(Identity::new(spec, url, endpoints)?),
            federation: Federation::new(&spec.identity_providers),
        })
    }

    fn route(&self, call: &Call, document: &[u8]) -> Response<Body> {
        let path = call.path.trim_matches('/');
        match (call.method.as_str(), path) {
            ("GET" | "HEAD", "") => self.versions(),
            ("GET" | "HEAD", "v3") => reply(StatusCode::OK, &json!({"version": self.version()})),
            ("POST", "v3/auth/tokens") => self.log_in(call, document),
            ("GET" | "HEAD" | "DELETE", "v3/auth/tokens") => self.subject(call),
            (_, "v3/auth/tokens") => method_not_allowed("DELETE, HEAD, OPTIONS, POST, GET"),
            (_, path) if path.starts_with(FEDERATION) => self.federated(call, path),
            (_, path) if path.starts_with("idp/") => {
                let address = self.identity.url.trim_end_matches("/v3");
                self.federation
                    .answer(address, call, &path["idp/".len()..], document)
                    .unwrap_or_else(no_such_path)
            }
            (method, path) => match (Listed::at(path), method) {
                (Some(listed), "GET" | "HEAD") => match self.caller(call) {
                    Some(token) => listed.answer(&self.identity, &token, path, &call.query),
                    None => self.unauthorized(),
                },
                (Some(listed), _) => method_not_allowed(listed.methods()),
                (None, _) => no_such_path(),
            },
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
        let request = match document {
            [] => Some(json!({})),
            document => serde_json::from_slice(document).ok(),
        };
        if let Some(kind) = call.header("content-type")
            && !kind.starts_with("application/json")
        {
            let place = "Content-Type header";
            return error(
                StatusCode::BAD_REQUEST,
                &expecting("application/json", place),
            );
        }
        let Some(request) = request.filter(Value::is_object) else {
            return error(
                StatusCode::BAD_REQUEST,
                "Expecting to find valid JSON in request body. The server could not comply with \
                 the request since it is either malformed or otherwise incorrect. The client is \
                 assumed to be in error.",
            );
        };
        match login(&self.identity, &request) {
            Ok((id, token)) => {
                let catalogue =
                    (!call.query.contains("nocatalog")).then(|| catalogue(&self.identity));
                let mut answer = reply(StatusCode::CREATED, &describe(&token, catalogue));
                if let Ok(id) = HeaderValue::try_from(id) {
                    answer.headers_mut().insert(SUBJECT_TOKEN, id);
                }
                answer
            }
            Err(LoginError::Malformed(message)) => error(StatusCode::BAD_REQUEST, &message),
            Err(LoginError::Unauthorized) => self.unauthorized(),
            Err(LoginError::NotFound(message)) => error(StatusCode::NOT_FOUND, &message),
            Err(LoginError::Method { message, identity }) => {
                let mut document = error_document(StatusCode::UNAUTHORIZED, message);
                document["error"]["identity"] = identity;
                self.challenge(reply(StatusCode::UNAUTHORIZED, &document))
            }
        }
    }

    /// A token for no project, for whoever an identity provider vouches for.
    fn federated(&self, call: &Call, path: &str) -> Response<Body> {
        let rest = path.strip_prefix(FEDERATION).unwrap_or_default();
        let name = self.federation.user_name(call, rest);
        let mut users = self.identity.users.iter();
        let Some(user) = users.find(|user| Some(user.name.as_str()) == name) else {
            return self.unauthorized();
        };
        let methods = vec!["mapped"];
        let (id, token) =
            self.identity
                .tokens
                .issue(user.clone(), methods, None, Vec::new(), Origin::Password);
        let mut answer = reply(StatusCode::CREATED, &describe(&token, None));
        if let Ok(id) = HeaderValue::try_from(id) {
            answer.headers_mut().insert(SUBJECT_TOKEN, id);
        }
        answer
    }

    fn subject(&self, call: &Call) -> Response<Body> {
        let Some(caller) = self.caller(call) else {
            return self.unauthorized();
        };
        let is_trusted = caller
            .roles
            .iter()
            .any(|role| role == "admin" || role == "service");
        let refused = || {
            let action = if call.method == Method::DELETE {
                "revoke_token"
            } else {
                "validate_token"
            };
            forbidden(&format!(": identity:{action}"))
        };
        let id = match call.header("x-subject-token") {
            None if !is_trusted => return refused(),
            None | Some("") => return error(StatusCode::NOT_FOUND, "No token in the request"),
            Some(id) => id,
        };
        let Some(token) = self.identity.tokens.get(id) else {
            return error(StatusCode::NOT_FOUND, "Could not recognize Fernet token");
        };
        if !is_trusted && token.user.id != caller.user.id {
            return refused();
        }
        if call.method == Method::DELETE {
            self.identity.tokens.revoke(id);
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            return answer;
        }
        let catalogue = (!call.query.contains("nocatalog")).then(|| catalogue(&self.identity));
        let mut answer = reply(StatusCode::OK, &describe(&token, catalogue));
        if let Ok(id) = HeaderValue::try_from(id) {
            answer.headers_mut().insert(SUBJECT_TOKEN, id);
        }
        answer
    }

    /// The answer with the address to log in at.
    fn challenge(&self, mut answer: Response<Body>) -> Response<Body> {
        let challenge = format!("Keystone uri=\"{}\"", self.identity.url);
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }

    fn caller(&self, call: &Call) -> Option<Arc<Token>> {
        self.identity.tokens.get(call.header("x-auth-token")?)
    }

    fn unauthorized(&self) -> Response<Body> {
        self.challenge(error(
            StatusCode::UNAUTHORIZED,
            "The request you have made requires authentication.",
        ))
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

fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut answer = reply(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({"message": "The method is not allowed for the requested URL."}),
    );
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// What Flask says of a path that nothing is registered for.
fn no_such_path() -> Response<Body> {
    let mut answer = Response::new(Body::from(
        "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n\
         <p>The requested URL was not found on the server. If you entered the URL manually please \
         check your spelling and try again.</p>\n",
    ));
    *answer.status_mut() = StatusCode::NOT_FOUND;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
