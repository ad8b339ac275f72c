//! A credential in the making: its parts, how those of one source complete those of another, and what
//! is still missing. `credential` goes through the places; `assemble` makes the whole.

use std::collections::BTreeMap;

use super::error::Origin;
use crate::model::{AuthType, DomainRef};

/// A text, and where it stands. It may be a secret: no `Debug`.
#[derive(Clone)]
pub(super) struct Given {
    pub text: String,
    pub origin: Origin,
    /// It is the id of something that may also be named.
    pub by_id: bool,
}

impl Given {
    /// A domain that may be given by its id or its name.
    pub(super) fn guessed(self) -> Self {
        let by_id = matches!(DomainRef::guess(&self.text), DomainRef::Id(_));
        Self { by_id, ..self }
    }
}

/// The region of a cloud, which no key of a target sets.
pub(super) const REGION: &str = "region";
/// The region that the source of `image_endpoint_override` names.
pub(super) const OVERRIDE_REGION: &str = "image_endpoint_override region";

/// What says where Keystone is and for which project the token is, whoever logs in.
const PLACE: [&str; 3] = ["keystone_url", "tenant", "project_domain"];

/// What a log-in that is whole may still take from places further down.
const DOMAINS: [&str; 2] = ["user_domain", "project_domain"];

/// How a target's servers are reached, which is independent of who logs in.
pub(super) const CONNECTION: [&str; 8] = [
    "interface",
    "cacert",
    "cert",
    "key",
    "insecure",
    "image_endpoint_override",
    OVERRIDE_REGION,
    REGION,
];

/// Keys that only an identity provider is asked with.
const FEDERATION: [&str; 6] = [
    "identity_provider",
    "discovery_endpoint",
    "access_token_endpoint",
    "client_id",
    "client_secret",
    "access_token",
];

/// What kind of source parts come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PartsSource {
    /// The configuration itself, whose sections inherit from `[DEFAULT]`: an `auth_type` further
    /// down is meant for what stands further up.
    Configuration,
    /// An entry of `clouds.yaml`, which is a log-in of its own.
    Cloud,
    /// The environment.
    Environment,
}

/// What is known of a log-in, key by key.
#[derive(Default)]
pub(super) struct Parts {
    /// The `auth_type` that was written down, or that a cloud has by its keys.
    pub auth_type: Option<AuthType>,
    /// The type that the keys of the first source with a secret ask for.
    derived: Option<AuthType>,
    given: BTreeMap<&'static str, Given>,
}

impl Parts {
    /// Nothing but the type.
    pub(super) fn of(auth_type: AuthType) -> Self {
        Self {
            auth_type: Some(auth_type),
            ..Self::default()
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Given> {
        self.given.get(key)
    }

    /// Sets a key, where there is a value for it.
    pub(super) fn set(&mut self, key: &'static str, given: Option<Given>) {
        if let Some(given) = given {
            self.given.insert(key, given);
        }
    }

    fn has(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// Takes from a source further down what no source further up gave.
    pub(super) fn fill(&mut self, mut lower: Self, source: PartsSource) {
        let is_whole = self.is_whole();
        if self.auth_type.is_none() && (source == PartsSource::Configuration || !is_whole) {
            self.auth_type = lower.auth_type;
        }
        let theirs = lower.asked_for();
        let is_meant_for_another = match (self.auth_type.or(self.derived), theirs) {
            (Some(own), Some(theirs)) if lower.auth_type.is_some() => {
                own.is_federated() != theirs.is_federated()
            }
            // What an identity provider is asked with turns a user and a password of the same
            // configuration into that provider's.
            (Some(own), Some(theirs)) => {
                theirs.is_federated()
                    && !own.is_federated()
                    && (source != PartsSource::Configuration || self.auth_type.is_some())
            }
            _ => false,
        };
        if is_meant_for_another {
            lower
                .given
                .retain(|key, _| PLACE.contains(key) || CONNECTION.contains(key));
            lower.auth_type = None;
        } else if is_whole && source != PartsSource::Configuration {
            lower
                .given
                .retain(|key, _| DOMAINS.contains(key) || CONNECTION.contains(key));
            lower.auth_type = None;
        }
        let theirs = lower.asked_for();
        for (key, given) in lower.given {
            self.given.entry(key).or_insert(given);
        }
        self.derived = match (self.derived, theirs) {
            (Some(own), Some(theirs)) if theirs.is_federated() && !own.is_federated() => {
                Some(theirs)
            }
            (own, theirs) => own.or(theirs),
        };
    }

    /// The same from an entry of `clouds.yaml`, whose domains belong to its own user and project,
    /// and whose way to connect belongs to its own Keystone.
    pub(super) fn fill_from_cloud(&mut self, mut cloud: Self) {
        if self.has("user") {
            cloud.given.remove("user_domain");
        }
        if self.has("tenant") {
            cloud.given.remove("project_domain");
        }
        if self.has("keystone_url") {
            cloud.given.retain(|key, _| !CONNECTION.contains(key));
        }
        cloud.auth_type = cloud.asked_for();
        self.fill(cloud, PartsSource::Cloud);
    }

    /// The type that is written down, or that the keys which are there ask for: the most particular
    /// of them decides.
    fn asked_for(&self) -> Option<AuthType> {
        if self.auth_type.is_some() {
            return self.auth_type;
        }
        let any = |keys: &[&str]| keys.iter().any(|key| self.has(key));
        if any(&["application_credential_id", "application_credential_secret"]) {
            Some(AuthType::ApplicationCredential)
        } else if any(&FEDERATION) {
            Some(self.federated())
        } else if self.has("passcode") {
            Some(if self.has("password") {
                AuthType::MultiFactor
            } else {
                AuthType::Totp
            })
        } else if self.has("password") {
            Some(AuthType::Password)
        } else if self.has("token") {
            Some(AuthType::Token)
        } else {
            None
        }
    }

    fn federated(&self) -> AuthType {
        if self.has("access_token") {
            AuthType::OidcAccessToken
        } else if self.has("user") || self.has("password") {
            AuthType::OidcPassword
        } else {
            AuthType::OidcClientCredentials
        }
    }

    /// How it is logged in.
    pub(super) fn kind(&self) -> AuthType {
        match (self.auth_type, self.derived) {
            (Some(written), _) => written,
            (None, Some(derived)) if derived.is_federated() => self.federated(),
            (None, Some(AuthType::Password | AuthType::Totp))
                if self.has("passcode") && self.has("password") =>
            {
                AuthType::MultiFactor
            }
            (None, derived) => derived.unwrap_or(AuthType::Password),
        }
    }

    /// True where nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.missing().is_empty()
    }

    /// What a credential still needs, in the words of the configuration's keys.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let kind = self.kind();
        let mut needed = vec!["keystone_url"];
        if kind.is_federated() {
            needed.extend(["identity_provider", "protocol"]);
        }
        match kind {
            AuthType::Password => needed.extend(["user", "password"]),
            AuthType::ApplicationCredential => {
                needed.extend(["application_credential_id", "application_credential_secret"]);
                let is_named = |given: &Given| !given.by_id;
                if self.get("application_credential_id").is_some_and(is_named) {
                    needed.push("user");
                }
            }
            AuthType::Token => needed.push("token"),
            AuthType::Totp => needed.extend(["user", "passcode"]),
            AuthType::MultiFactor => needed.push("auth_methods"),
            AuthType::OidcClientCredentials => needed.extend(["client_id", "client_secret"]),
            AuthType::OidcPassword => needed.extend(["user", "password", "client_id"]),
            AuthType::OidcAccessToken => needed.push("access_token"),
        }
        if matches!(
            kind,
            AuthType::OidcClientCredentials | AuthType::OidcPassword
        ) && !self.has("access_token_endpoint")
        {
            needed.push("discovery_endpoint");
        }
        if kind == AuthType::MultiFactor {
            for method in self.methods() {
                needed.extend(match method {
                    "v3password" | "password" => ["user", "password"].iter(),
                    "v3totp" | "totp" => ["user", "passcode"].iter(),
                    "v3token" | "token" => ["token"].iter(),
                    _ => [].iter(),
                });
            }
        }
        if kind != AuthType::ApplicationCredential {
            needed.push("tenant");
        }
        let mut missing: Vec<&'static str> = Vec::new();
        for key in needed {
            let is_there = self.has(key) || key == "auth_methods" && !self.methods().is_empty();
            if !is_there && !missing.contains(&key) {
                missing.push(key);
            }
        }
        missing
    }

    /// The entries of `auth_methods`; without it, those whose keys are there.
    pub(super) fn methods(&self) -> Vec<&str> {
        if let Some(given) = self.get("auth_methods") {
            return super::value::list(&given.text).collect();
        }
        let by_keys = [("password", "v3password"), ("passcode", "v3totp")];
        by_keys
            .into_iter()
            .filter(|(key, _)| self.has(key))
            .map(|(_, method)| method)
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.auth_type.is_none()
            && !self
                .given
                .keys()
                .any(|key| !CONNECTION.contains(key) && !DOMAINS.contains(key))
    }
}
