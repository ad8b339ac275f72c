//! The keys of an entry of `clouds.yaml`: which of them are used, under which names, and which are
//! irrelevant here. `cloud_entry` reads their values.

use crate::model::did_you_mean;

/// Keys of `auth`, or of the entry itself, that say who logs in and where.
pub(super) struct Known {
    pub(super) key: &'static str,
    /// Names that hold an id, the first that is there counts.
    pub(super) ids: &'static [&'static str],
    /// Names that hold a name or anything else.
    pub(super) names: &'static [&'static str],
}

pub(super) const fn plain(key: &'static str, names: &'static [&'static str]) -> Known {
    Known {
        key,
        ids: &[],
        names,
    }
}

pub(super) const KNOWN: [Known; 18] = [
    plain("keystone_url", &["auth_url"]),
    Known {
        key: "user",
        ids: &["user_id"],
        names: &["username", "user_name"],
    },
    plain("password", &["password"]),
    Known {
        key: "tenant",
        ids: &["project_id", "tenant_id"],
        names: &["project_name", "tenant_name"],
    },
    Known {
        key: "user_domain",
        ids: &["user_domain_id"],
        names: &["user_domain_name"],
    },
    Known {
        key: "project_domain",
        ids: &["project_domain_id"],
        names: &["project_domain_name"],
    },
    Known {
        key: "application_credential_id",
        ids: &["application_credential_id"],
        names: &["application_credential_name"],
    },
    plain(
        "application_credential_secret",
        &["application_credential_secret"],
    ),
    plain("token", &["token", "auth_token"]),
    plain("passcode", &["passcode"]),
    plain("auth_methods", &["auth_methods"]),
    plain("identity_provider", &["identity_provider"]),
    plain("protocol", &["protocol"]),
    plain("discovery_endpoint", &["discovery_endpoint"]),
    plain("access_token_endpoint", &["access_token_endpoint"]),
    plain("client_id", &["client_id"]),
    plain("client_secret", &["client_secret"]),
    plain("access_token", &["access_token"]),
];

/// More of them, which are no more than that.
pub(super) const KNOWN_TOO: [&str; 2] = ["access_token_type", "openid_scope"];

/// Both domains at once, for whichever is not given on its own: ids, then names, then either.
pub(super) const BOTH_DOMAINS: [(&str, Option<bool>); 5] = [
    ("domain_id", Some(true)),
    ("domain_name", Some(false)),
    ("default_domain_id", Some(true)),
    ("default_domain_name", Some(false)),
    ("default_domain", None),
];

/// Keys that count in the entry itself before they count in `auth`.
pub(super) const ENTRY_FIRST: [&str; 12] = [
    "token",
    "auth_token",
    "passcode",
    "project_id",
    "project_name",
    "tenant_id",
    "tenant_name",
    "user_domain_id",
    "user_domain_name",
    "project_domain_id",
    "project_domain_name",
    "domain_id",
];

/// Keys of the entry that this program uses, beside those above.
pub(super) const ENTRY: [&str; 17] = [
    "auth_type",
    "auth_plugin",
    "profile",
    "cloud",
    "regions",
    "region_name",
    "image_region_name",
    "interface",
    "endpoint_type",
    "image_interface",
    "image_endpoint_type",
    "image_endpoint_override",
    "image_endpoint",
    "cacert",
    "cert",
    "key",
    "verify",
];

/// Keys that say nothing about where or as whom one logs in.
pub(super) const IRRELEVANT: [&str; 18] = [
    "networks",
    "external_network",
    "internal_network",
    "floating_ip_source",
    "nat_source",
    "nat_destination",
    "default_network",
    "secgroup_source",
    "disable_vendor_agent",
    "message",
    "status",
    "vendor_hook",
    "image_format",
    "image_api_use_tasks",
    "image_status_code_retries",
    "cache",
    "metrics",
    "requires_floating_ip",
];

/// Endings of keys about one service, which are irrelevant unless it is the image service.
pub(super) const OF_ONE_SERVICE: [&str; 11] = [
    "_endpoint_override",
    "_endpoint",
    "_endpoint_type",
    "_interface",
    "_region_name",
    "_service_type",
    "_service_name",
    "_default_microversion",
    "_min_version",
    "_max_version",
    "_retries",
];

/// True for a key of an entry that this program uses.
pub(super) fn is_used(key: &str) -> bool {
    let key = key.replace('-', "_");
    key == "auth" || ENTRY.contains(&key.as_str()) || key == "insecure" || is_known(&key)
}

pub(super) fn known_names() -> impl Iterator<Item = &'static str> {
    KNOWN
        .iter()
        .flat_map(|known| known.ids.iter().chain(known.names))
        .chain(&KNOWN_TOO)
        .copied()
        .chain(BOTH_DOMAINS.iter().map(|(name, _)| *name))
}

pub(super) fn is_known(key: &str) -> bool {
    known_names().any(|known| known == key)
}

pub(super) fn is_irrelevant(key: &str) -> bool {
    IRRELEVANT.contains(&key)
        || key.ends_with("_api_version")
        || !key.starts_with("image_")
            && !key.starts_with("identity_")
            && OF_ONE_SERVICE.iter().any(|ending| key.ends_with(ending))
}

pub(super) fn not_used(key: &str) -> String {
    let (place, word) = match key.strip_prefix("auth.") {
        Some(word) => ("auth.", word),
        None => ("", key),
    };
    match did_you_mean(word, known_names().chain(ENTRY)) {
        Some(near) => format!("`{place}{word}` is not used; did you mean `{near}`?"),
        None => format!("`{place}{word}` is not used by glancesync"),
    }
}
