//! OS-FEDERATION, and a small `OpenID` Connect provider to go with it: below `/idp/<name>` it has a
//! discovery document and a token endpoint, and knows one user and one client.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded;
use uuid::Uuid;

use super::replies::reply;
use crate::sandbox::http::{Call, locked};
use crate::sandbox::spec::IdentityProviderSpec;

/// The identity providers of a Keystone.
#[derive(Debug)]
pub(super) struct Federation {
    providers: Vec<IdentityProviderSpec>,
    /// Access tokens that are out, and the names of the providers that gave them.
    access_tokens: Mutex<HashMap<String, String>>,
}

impl Federation {
    pub(super) fn new(providers: &[IdentityProviderSpec]) -> Self {
        Self {
            providers: providers.to_vec(),
            access_tokens: Mutex::default(),
        }
    }

    fn provider(&self, name: &str) -> Option<&IdentityProviderSpec> {
        let mut providers = self.providers.iter();
        providers.find(|provider| provider.name == name)
    }

    /// Answers for a provider: `rest` is its name and what comes after that in the path, below
    /// `/idp/` of that address. None where nothing answers.
    pub(super) fn answer(
        &self,
        address: &str,
        call: &Call,
        rest: &str,
        document: &[u8],
    ) -> Option<Response<Body>> {
        let (name, place) = rest.split_once('/')?;
        let provider = self.provider(name)?;
        match (call.method.as_str(), place) {
            ("GET", ".well-known/openid-configuration") => {
                let document = json!({
                    "issuer": format!("{address}/idp/{name}"),
                    "token_endpoint": format!("{address}/idp/{name}/token"),
                    "grant_types_supported": ["client_credentials", "password"],
                });
                Some(reply(StatusCode::OK, &document))
            }
            ("POST", "token") => Some(self.access_token(call, provider, document)),
            _ => None,
        }
    }

    fn access_token(
        &self,
        call: &Call,
        provider: &IdentityProviderSpec,
        document: &[u8],
    ) -> Response<Body> {
        let refuse = |status, code: &str| reply(status, &json!({"error": code}));
        let client = format!("{}:{}", provider.client_id, provider.client_secret);
        let basic = format!("Basic {}", STANDARD.encode(client));
        if call.header("authorization") != Some(basic.as_str()) {
            return refuse(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let field = |name: &str| {
            form_urlencoded::parse(document)
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let is_right = match field("grant_type").as_str() {
            "client_credentials" => true,
            "password" => {
                field("username") == provider.username && field("password") == provider.password
            }
            _ => return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        };
        if !is_right {
            return refuse(StatusCode::BAD_REQUEST, "invalid_grant");
        }
        let token = format!("access-{}", Uuid::new_v4());
        locked(&self.access_tokens).insert(token.clone(), provider.name.clone());
        let document = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
        reply(StatusCode::OK, &document)
    }

    /// The name of the user that an access token in the request is for; `rest` is the path below
    /// `identity_providers`.
    pub(super) fn user_name(&self, call: &Call, rest: &str) -> Option<&str> {
        let (name, protocol) = rest.strip_suffix("/auth")?.split_once("/protocols/")?;
        let provider = self
            .provider(name)
            .filter(|known| known.protocol == protocol)?;
        let token = call.header("authorization")?.strip_prefix("Bearer ")?;
        let issuer = locked(&self.access_tokens).get(token).cloned();
        (issuer.as_deref() == Some(name)).then_some(&provider.user)
    }
}
