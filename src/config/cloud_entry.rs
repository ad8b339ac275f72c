//! What an entry of `clouds.yaml` says about a log-in, key by key, with the precedence of
//! openstacksdk; and which of its keys are not used. `credential` asks.

use std::sync::Arc;

use super::clouds::Cloud;
use super::parts::{Given, OVERRIDE_REGION, Parts, REGION};
use super::tree::Node;
use super::value;
use crate::model::{Warning, WarningCode, did_you_mean};

/// Keys of `auth`, or of the entry itself, that say who logs in and where.
struct Known {
    key: &'static str,
    /// Names that hold an id, the first that is there counts.
    ids: &'static [&'static str],
    /// Names that hold a name or anything else.
    names: &'static [&'static str],
}

const fn plain(key: &'static str, names: &'static [&'static str]) -> Known {
    Known {
        key,
        ids: &[],
        names,
    }
}

const KNOWN: [Known; 18] = [
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
const KNOWN_TOO: [&str; 2] = ["access_token_type", "openid_scope"];

/// Both domains at once, for whichever is not given on its own: ids, then names, then either.
const BOTH_DOMAINS: [(&str, Option<bool>); 5] = [
    ("domain_id", Some(true)),
    ("domain_name", Some(false)),
    ("default_domain_id", Some(true)),
    ("default_domain_name", Some(false)),
    ("default_domain", None),
];

/// Keys that count in the entry itself before they count in `auth`.
const ENTRY_FIRST: [&str; 12] = [
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
const ENTRY: [&str; 17] = [
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
const IRRELEVANT: [&str; 18] = [
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
const OF_ONE_SERVICE: [&str; 11] = [
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

impl Cloud {
    /// A scalar of `auth`, else of the entry; the other way round for what openstacksdk takes so.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        let find = |entries: &[(String, Arc<Node>)]| {
            let found = entries.iter().find(|(known, _)| known == key);
            found.and_then(|(_, node)| joined(node))
        };
        match key {
            "auth_type" => find(&self.entry).or_else(|| self.of_entry("auth_plugin")),
            key if ENTRY_FIRST.contains(&key) => find(&self.entry).or_else(|| find(&self.auth)),
            _ => find(&self.auth).or_else(|| find(&self.entry)),
        }
    }

    /// Everything that it says.
    pub(super) fn parts(&self) -> Parts {
        let mut parts = Parts::default();
        let given = |text: String, by_id| Given {
            text,
            origin: self.origin.clone(),
            by_id,
        };
        for Known { key, ids, names } in KNOWN {
            let id = ids.iter().find_map(|name| self.get(name));
            let name = || names.iter().find_map(|name| self.get(name));
            parts.set(
                key,
                match id {
                    Some(id) => Some(given(id, true)),
                    None => name().map(|name| given(self.expanded(key, name), false)),
                },
            );
        }
        for key in KNOWN_TOO {
            parts.set(key, self.get(key).map(|text| given(text, false)));
        }
        for key in ["user_domain", "project_domain"] {
            if parts.get(key).is_none() {
                let both = BOTH_DOMAINS.iter().find_map(|(name, by_id)| {
                    let given = given(self.get(name)?, false);
                    Some(match by_id {
                        Some(by_id) => Given {
                            by_id: *by_id,
                            ..given
                        },
                        None => given.guessed(),
                    })
                });
                parts.set(key, both);
            }
        }
        let entry = |keys: &[&str]| keys.iter().find_map(|key| self.of_entry(key));
        let interface = entry(&[
            "image_interface",
            "image_endpoint_type",
            "interface",
            "endpoint_type",
        ]);
        parts.set("interface", interface.map(|text| given(text, false)));
        let (insecure, bundle) = self.verification();
        parts.set(
            "insecure",
            insecure.map(|flag| given(flag.to_string(), false)),
        );
        let cacert = entry(&["cacert"]).or(bundle);
        parts.set("cacert", cacert.map(|text| given(text, false)));
        for key in ["cert", "key"] {
            parts.set(key, self.of_entry(key).map(|text| given(text, false)));
        }
        let region = self.of_entry("image_region_name").or(self.region.clone());
        let region = region.map(|name| given(name, false));
        parts.set(REGION, region.clone());
        let url = entry(&["image_endpoint_override", "image_endpoint"]);
        if let Some(url) = url {
            parts.set("image_endpoint_override", Some(given(url, false)));
            parts.set(OVERRIDE_REGION, region);
        }
        if let Some(kind) = self.get("auth_type") {
            parts.set("auth_type", Some(given(kind, false)));
        }
        parts
    }

    /// A scalar of the entry itself, in which `{region_name}` and the like stand for other keys.
    fn of_entry(&self, key: &str) -> Option<String> {
        let found = self.entry.iter().find(|(known, _)| known == key);
        let text = found.and_then(|(_, node)| joined(node))?;
        Some(self.expand(&text))
    }

    fn expanded(&self, key: &str, text: String) -> String {
        if key == "keystone_url" {
            self.expand(&text)
        } else {
            text
        }
    }

    fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            out.push_str(&rest[..start]);
            let tail = &rest[start..];
            if let Some(after) = tail.strip_prefix("{{") {
                out.push('{');
                rest = after;
            } else if let Some(after) = tail.strip_prefix("}}") {
                out.push('}');
                rest = after;
            } else if let Some((key, after)) =
                tail[1..].split_once('}').filter(|_| tail.starts_with('{'))
            {
                let value = match key {
                    "region_name" => self.region.clone(),
                    key => self
                        .entry
                        .iter()
                        .find(|(known, _)| known == key)
                        .and_then(|(_, node)| node.text().map(ToOwned::to_owned)),
                };
                match value {
                    Some(value) => out.push_str(&value),
                    None => out.extend(["{", key, "}"]),
                }
                rest = after;
            } else {
                out.push_str(&tail[..1]);
                rest = &tail[1..];
            }
        }
        out.push_str(rest);
        out
    }

    /// Whether certificates are not verified, and a file of certificates that `verify` names.
    fn verification(&self) -> (Option<bool>, Option<String>) {
        let flag = |key| {
            let text = self.of_entry(key)?;
            Some(value::boolean(&text).ok_or(text))
        };
        match (flag("insecure"), flag("verify")) {
            (Some(Ok(true)), _) | (_, Some(Ok(false))) => (Some(true), None),
            (_, Some(Err(path))) => (Some(false), Some(path)),
            (None, None) => (None, None),
            _ => (Some(false), None),
        }
    }

    /// True for a key of an entry that this program uses.
    pub(super) fn is_used(key: &str) -> bool {
        let key = key.replace('-', "_");
        key == "auth" || ENTRY.contains(&key.as_str()) || key == "insecure" || is_known(&key)
    }

    pub(super) fn warn(&mut self, what: &str) {
        let stop = if what.ends_with('?') { "" } else { "." };
        let message = format!("{}: {what}{stop}", self.origin);
        self.warnings
            .push(Warning::new(WarningCode::UnknownKey, message));
    }

    pub(super) fn warn_of_unused_keys(&mut self) {
        let mut problems = Vec::new();
        for (key, value) in &self.entry {
            let is_old_keystone = key == "identity_api_version"
                && !value.text().is_some_and(|version| version.starts_with('3'));
            if is_old_keystone {
                problems
                    .push("`identity_api_version` is ignored: Keystone v3 is always used".into());
            } else if !Self::is_used(key) && !is_irrelevant(key) {
                problems.push(not_used(key));
            }
        }
        for (key, _) in self.auth.iter().filter(|(key, _)| !is_known(key)) {
            problems.push(not_used(&format!("auth.{key}")));
        }
        let key_alone = self.of_entry("key").is_some() && self.of_entry("cert").is_none();
        if key_alone {
            problems.push("`key` is ignored without `cert`".to_owned());
        }
        for problem in problems {
            self.warn(&problem);
        }
        if let Some(profile) = self.unknown_profile.clone() {
            self.warn(&profile);
        }
    }
}

fn known_names() -> impl Iterator<Item = &'static str> {
    KNOWN
        .iter()
        .flat_map(|known| known.ids.iter().chain(known.names))
        .chain(&KNOWN_TOO)
        .copied()
        .chain(BOTH_DOMAINS.iter().map(|(name, _)| *name))
}

fn is_known(key: &str) -> bool {
    known_names().any(|known| known == key)
}

fn is_irrelevant(key: &str) -> bool {
    IRRELEVANT.contains(&key)
        || key.ends_with("_api_version")
        || !key.starts_with("image_")
            && !key.starts_with("identity_")
            && OF_ONE_SERVICE.iter().any(|ending| key.ends_with(ending))
}

fn not_used(key: &str) -> String {
    let (place, word) = match key.strip_prefix("auth.") {
        Some(word) => ("auth.", word),
        None => ("", key),
    };
    match did_you_mean(word, known_names().chain(ENTRY)) {
        Some(near) => format!("`{place}{word}` is not used; did you mean `{near}`?"),
        None => format!("`{place}{word}` is not used by glancesync"),
    }
}

/// A scalar; the scalars of a list, with commas between them.
fn joined(node: &Node) -> Option<String> {
    match node {
        Node::List(items) => {
            let texts: Vec<&str> = items.iter().filter_map(|item| item.text()).collect();
            (!texts.is_empty()).then(|| texts.join(","))
        }
        node => node.text().map(ToOwned::to_owned),
    }
}
