//! The requests of a log-in: one to Keystone, or, where an identity provider vouches for the user,
//! those to it first. Only [`Session`](super::Session) asks.
//!
//! Each secret goes to one party: what is an identity provider's is never sent to Keystone, which
//! gets the access token alone (OpenID Connect, and Identity API v3 OS-FEDERATION).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::error::Operation;
use super::keystone::{self, Identity, Token};
use super::request::{Answer, Request};
use super::retry::{Repeat, RetryPolicy, Tries};
use super::{HttpClient, OpenStackError};
use crate::model::{
    Auth, Client, Credential, Federation, Grant, ProjectRef, RegionName, Secret, TargetName,
    TokenEndpoint,
};

/// The limit of one try of each request.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose log-in it is, and how it is sent.
pub(super) struct Login<'a> {
    pub(super) http: &'a HttpClient,
    pub(super) target: &'a TargetName,
    pub(super) credential: &'a Credential,
    pub(super) retry: &'a RetryPolicy,
}

impl Login<'_> {
    /// Logs in; the token gets that number.
    pub(super) async fn carry_out(&self, number: u64) -> Result<(Token, Identity), OpenStackError> {
        let auth = &self.credential.auth;
        match auth {
            Auth::Federated {
                federation,
                project,
            } => self.federated(federation, project, number).await,
            auth => {
                let body = keystone::login_body(auth).unwrap_or_default();
                self.scoped(&body, &keystone::secrets_of(auth), number)
                    .await
            }
        }
    }

    async fn scoped(
        &self,
        body: &Value,
        secrets: &[&Secret],
        number: u64,
    ) -> Result<(Token, Identity), OpenStackError> {
        let url = self.credential.keystone_url.v3("auth/tokens");
        let mut request = self.request(self.log_in(), Method::POST, url);
        let body = Bytes::from(body.to_string());
        request.body = Some((HeaderValue::from_static("application/json"), body));
        let read = |answer: &Answer| keystone::read_answer(&answer.headers, &answer.body, number);
        self.send(&request, secrets, read).await
    }

    async fn federated(
        &self,
        federation: &Federation,
        project: &ProjectRef,
        number: u64,
    ) -> Result<(Token, Identity), OpenStackError> {
        let access_token = match &federation.grant {
            Grant::AccessToken(token) => token.clone(),
            Grant::ClientCredentials(client) => {
                let form = [("grant_type", "client_credentials")];
                self.access_token(client, &form).await?
            }
            Grant::Password {
                client,
                username,
                password,
            } => {
                let form = [
                    ("grant_type", "password"),
                    ("username", username),
                    ("password", password.expose()),
                ];
                self.access_token(client, &form).await?
            }
        };
        let url = self.credential.keystone_url.v3_parts(&[
            "OS-FEDERATION",
            "identity_providers",
            &federation.identity_provider,
            "protocols",
            &federation.protocol,
            "auth",
        ]);
        let mut request = self.request(self.log_in(), Method::POST, url);
        request.authorization = Some(sensitive(&format!("Bearer {}", access_token.expose())));
        let read = |answer: &Answer| keystone::subject_token(&answer.headers);
        let unscoped = self.send(&request, &[&access_token], read).await?;
        let body = keystone::token_body(&unscoped, project);
        self.scoped(&body, &[&unscoped], number).await
    }

    /// An access token of the identity provider (RFC 6749, "Issuing an Access Token").
    async fn access_token(
        &self,
        client: &Client,
        form: &[(&str, &str)],
    ) -> Result<Secret, OpenStackError> {
        let endpoint = match &client.endpoint {
            TokenEndpoint::Known(url) => url.clone(),
            TokenEndpoint::Discovered(url) => self.discover(url, form[0].1).await?,
        };
        let mut request = self.request(self.ask_provider(), Method::POST, endpoint);
        if let Some(secret) = &client.secret {
            let pair = format!("{}:{}", client.id, secret.expose());
            let basic = format!("Basic {}", STANDARD.encode(pair));
            request.authorization = Some(sensitive(&basic));
        }
        let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.body = Some((media_type, Bytes::from(form_body(client, form))));
        let read = |answer: &Answer| {
            let answer: Value = serde_json::from_slice(&answer.body)
                .map_err(|_| "the identity provider's answer is not JSON")?;
            answer[&client.token_field]
                .as_str()
                .filter(|token| !token.is_empty())
                .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
                .map(Secret::new)
                .ok_or("the identity provider's answer has no token")
        };
        let secrets = keystone::secrets_of(&self.credential.auth);
        self.send(&request, &secrets, read).await
    }

    /// Where the identity provider gives out access tokens (OpenID Connect Discovery 1.0).
    async fn discover(&self, document: &Url, grant: &str) -> Result<Url, OpenStackError> {
        let request = self.request(self.ask_provider(), Method::GET, document.clone());
        let read = |answer: &Answer| {
            let found: Value = serde_json::from_slice(&answer.body)
                .map_err(|_| "the discovery document is not JSON")?;
            let is_offered = found["grant_types_supported"]
                .as_array()
                .is_none_or(|types| types.is_empty() || types.iter().any(|known| known == grant));
            if !is_offered {
                return Err("the identity provider does not offer this way of logging in");
            }
            let endpoint = found["token_endpoint"]
                .as_str()
                .ok_or("the discovery document names no `token_endpoint`")?;
            let url = Url::parse(endpoint)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .ok_or("the `token_endpoint` of the discovery document is not a valid URL")?;
            if document.scheme() == "https" && url.scheme() == "http" {
                return Err(
                    "the discovery document leads from https to plain http; if that is meant, set `access_token_endpoint`",
                );
            }
            Ok(url)
        };
        self.send(&request, &[], read).await
    }

    fn log_in(&self) -> Operation {
        Operation::LogIn(self.credential.auth.auth_type())
    }

    fn ask_provider(&self) -> Operation {
        Operation::AskProvider(self.credential.auth.auth_type())
    }

    fn request(&self, operation: Operation, method: Method, url: Url) -> Request {
        let region = RegionName::new(self.target.clone(), "");
        Request::new(&region, operation, method, url)
    }

    /// Sends a request until it succeeds or is not to be repeated, and reads the answer.
    async fn send<T>(
        &self,
        request: &Request,
        secrets: &[&Secret],
        read: impl Fn(&Answer) -> Result<T, &'static str>,
    ) -> Result<T, OpenStackError> {
        // A passcode may have been used up by a try whose answer was lost.
        let repeat = match &self.credential.auth {
            Auth::Factors { .. } => Repeat::IfNotReceived,
            _ => Repeat::Freely,
        };
        let client = self.http.for_url(&request.url)?;
        let mut tries = Tries::new(self.retry, repeat, None);
        loop {
            let failure = match request.send(&client, None, LOGIN_TIMEOUT).await {
                Ok(answer) => {
                    return read(&answer).map_err(|what| OpenStackError::BadAnswer {
                        call: Box::new(request.record(&tries)),
                        what: what.to_owned(),
                    });
                }
                Err(failure) => failure,
            };
            let Some(pause) = tries.next(&failure) else {
                return Err(failure.into_error(request.record(&tries), secrets));
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// The form for the token endpoint. It holds the user's password.
fn form_body(client: &Client, form: &[(&str, &str)]) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form).append_pair("scope", &client.scope);
    // A client with a secret is told by its header.
    if client.secret.is_none() {
        body.append_pair("client_id", &client.id);
    }
    body.finish()
}

/// A header that no debug output shows.
fn sensitive(text: &str) -> HeaderValue {
    // What is put into one is checked to be printable where it is read.
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
