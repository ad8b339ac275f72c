//! Which variables of the environment, and which keys, a log-in is put together from. `credential`
//! looks them up.

use super::parts::REGION;

/// The variable that a message names for a key of `master`.
pub(super) fn variable_of(key: &str) -> &'static str {
    VARIABLES
        .iter()
        .find(|variable| variable.key == key)
        .and_then(|variable| variable.names.first().or(variable.ids.last()))
        .copied()
        .unwrap_or_default()
}

/// The variables that give a key to `master`: ids go before names, for an id says more than a name,
/// which needs a domain.
pub(super) struct Variable {
    pub key: &'static str,
    pub ids: &'static [&'static str],
    pub names: &'static [&'static str],
}

const fn named(key: &'static str, names: &'static [&'static str]) -> Variable {
    Variable {
        key,
        ids: &[],
        names,
    }
}

pub(super) const VARIABLES: [Variable; 27] = [
    named("keystone_url", &["OS_AUTH_URL"]),
    Variable {
        key: "user",
        ids: &["OS_USER_ID"],
        names: &["OS_USERNAME"],
    },
    Variable {
        key: "user_domain",
        ids: &["OS_USER_DOMAIN_ID"],
        names: &["OS_USER_DOMAIN_NAME"],
    },
    named("password", &["OS_PASSWORD"]),
    Variable {
        key: "tenant",
        ids: &["OS_PROJECT_ID", "OS_TENANT_ID"],
        names: &["OS_PROJECT_NAME", "OS_TENANT_NAME"],
    },
    Variable {
        key: "project_domain",
        ids: &["OS_PROJECT_DOMAIN_ID"],
        names: &["OS_PROJECT_DOMAIN_NAME"],
    },
    Variable {
        key: "application_credential_id",
        ids: &["OS_APPLICATION_CREDENTIAL_ID"],
        names: &["OS_APPLICATION_CREDENTIAL_NAME"],
    },
    named(
        "application_credential_secret",
        &["OS_APPLICATION_CREDENTIAL_SECRET"],
    ),
    named("token", &["OS_TOKEN", "OS_AUTH_TOKEN"]),
    named("passcode", &["OS_PASSCODE"]),
    named("auth_methods", &["OS_AUTH_METHODS"]),
    named("identity_provider", &["OS_IDENTITY_PROVIDER"]),
    named("protocol", &["OS_PROTOCOL"]),
    named("discovery_endpoint", &["OS_DISCOVERY_ENDPOINT"]),
    named("access_token_endpoint", &["OS_ACCESS_TOKEN_ENDPOINT"]),
    named("client_id", &["OS_CLIENT_ID"]),
    named("client_secret", &["OS_CLIENT_SECRET"]),
    named("access_token", &["OS_ACCESS_TOKEN"]),
    named("access_token_type", &["OS_ACCESS_TOKEN_TYPE"]),
    named("openid_scope", &["OS_OPENID_SCOPE"]),
    named("interface", &["OS_INTERFACE", "OS_ENDPOINT_TYPE"]),
    named("cacert", &["OS_CACERT"]),
    named("cert", &["OS_CERT"]),
    named("key", &["OS_KEY"]),
    named("insecure", &["OS_INSECURE"]),
    named("image_endpoint_override", &["OS_IMAGE_ENDPOINT_OVERRIDE"]),
    named(REGION, &["OS_REGION_NAME"]),
];

/// Keys of a target that say who logs in, and where.
pub(super) const SINGLE: [&str; 20] = [
    "keystone_url",
    "user",
    "user_domain",
    "password",
    "tenant",
    "project_domain",
    "application_credential_id",
    "application_credential_secret",
    "token",
    "passcode",
    "auth_methods",
    "identity_provider",
    "protocol",
    "discovery_endpoint",
    "access_token_endpoint",
    "client_id",
    "client_secret",
    "access_token",
    "access_token_type",
    "openid_scope",
];
