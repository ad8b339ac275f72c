//! An entry of `clouds.yaml`: what it says about a log-in, key by key, with the precedence of
//! openstacksdk; and which of its keys are not used. `clouds` finds it, `credential` asks it.

use std::sync::Arc;

use super::cloud_keys::{
    BOTH_DOMAINS, ENTRY_FIRST, KNOWN, KNOWN_TOO, Known, is_irrelevant, is_known, is_used, not_used,
};
use super::error::Origin;
use super::parts::{Given, OVERRIDE_REGION, Parts, REGION};
use super::tree::{Node, set};
use super::value;
use crate::model::{Warning, WarningCode};

type Entries = Vec<(String, Arc<Node>)>;

/// An entry of `clouds.yaml`: `secure.yaml` laid over it, a vendor's profile below it, and the
/// values of one region on top.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) entry: Entries,
    pub(super) auth: Entries,
    /// The region whose values hold.
    pub(super) region: Option<String>,
    pub(super) origin: Origin,
    /// What is wrong with the `profile`.
    pub(super) unknown_profile: Option<String>,
    /// Files with a secret that everybody can read, and what is not used.
    pub(super) warnings: Vec<Warning>,
}

impl Cloud {
    /// Takes over every key, and of `auth` key by key. Nothing (`null`) changes nothing.
    pub(super) fn lay_over(&mut self, upper: &Node) {
        for (key, value) in upper.entries() {
            let key = key.replace('-', "_");
            if **value == Node::Null {
                continue;
            }
            if key == "auth" {
                for (key, value) in value.entries() {
                    set(&mut self.auth, &key.replace('-', "_"), Arc::clone(value));
                }
            } else {
                set(&mut self.entry, &key, Arc::clone(value));
            }
        }
    }

    pub(super) fn choose_region(&mut self, regions: &[Region], wanted: Option<&str>) {
        let chosen = wanted
            .and_then(|wanted| regions.iter().find(|region| region.name == wanted))
            .or_else(|| regions.first());
        let Some(chosen) = chosen else { return };
        self.region = Some(chosen.name.clone());
        if let Some(values) = &chosen.values {
            self.lay_over(values);
        }
        for other in regions.iter().filter(|other| other.name != chosen.name) {
            let differs = other.values.as_ref().is_some_and(|values| {
                values.entries().iter().any(|(key, _)| is_used(key))
                    && chosen.values.as_ref() != Some(values)
            });
            if differs {
                self.warn(&format!(
                    "the values of region `{}` are not used, for a target logs in once, with those of `{}`; make a cloud and a target of it",
                    other.name, chosen.name
                ));
            }
        }
    }

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
            } else if !is_used(key) && !is_irrelevant(key) {
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

/// A region of an entry, and the values that hold for it alone.
pub(super) struct Region {
    pub(super) name: String,
    pub(super) values: Option<Arc<Node>>,
}

/// `regions`, else the names in `region_name`.
pub(super) fn regions(entry: &Node) -> Vec<Region> {
    let named = |name: &str| Region {
        name: name.to_owned(),
        values: None,
    };
    if let Some(Node::List(regions)) = entry.get("regions").map(|node| &**node) {
        let region = |node: &Arc<Node>| match node.text() {
            Some(name) => Some(named(name)),
            None => Some(Region {
                name: node.get("name")?.text()?.to_owned(),
                values: node.get("values").cloned(),
            }),
        };
        return regions.iter().filter_map(region).collect();
    }
    match entry
        .get("region_name")
        .or_else(|| entry.get("region-name"))
        .map(|node| &**node)
    {
        Some(Node::List(list)) => list
            .iter()
            .filter_map(|name| name.text().map(named))
            .collect(),
        Some(Node::Text(text)) => text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(named)
            .collect(),
        _ => Vec::new(),
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
