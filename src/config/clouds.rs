//! `clouds.yaml` and `secure.yaml`: where they are looked for, how they are laid over each other,
//! and what one entry says. Only `credential` asks.

use std::path::{Path, PathBuf};

use yaml_serde::Value as Yaml;

use super::error::Origin;
use super::files::{NOT_UTF8, ReadError, permission_warning, read_text};
use super::layers::{Environment, Sources};
use crate::model::Warning;

/// An entry of `clouds.yaml`, `secure.yaml` laid over it.
#[derive(Debug)]
pub(super) struct Cloud {
    entry: Yaml,
    pub origin: Origin,
    /// Files with a secret that everybody can read.
    pub warnings: Vec<Warning>,
}

impl Cloud {
    /// Finds the entry of that name, or says what is missing.
    pub(super) fn find(name: &str, sources: &Sources) -> Result<Self, String> {
        let candidates = candidates(&sources.environment);
        let Some(path) = candidates
            .iter()
            .find(|path| sources.working_dir.join(path).is_file())
        else {
            let looked: Vec<String> = candidates
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            return Err(format!(
                "cloud `{name}`: there is no clouds.yaml (looked for {})",
                looked.join(", ")
            ));
        };
        let secure = match sources.environment.get("OS_CLIENT_SECURE_FILE") {
            Some(file) if !file.is_empty() => PathBuf::from(file),
            _ => path.with_file_name("secure.yaml"),
        };
        let mut clouds = read_yaml(path, sources)?;
        let mut files = vec![(path.clone(), secret_in(&clouds, name))];
        if sources.working_dir.join(&secure).is_file() {
            let overlay = read_yaml(&secure, sources)?;
            files.push((secure, secret_in(&overlay, name)));
            lay_over(&mut clouds, overlay);
        }
        let entry = clouds
            .get("clouds")
            .and_then(|clouds| clouds.get(name))
            .filter(|entry| entry.is_mapping());
        let Some(entry) = entry else {
            return Err(format!(
                "{} has no cloud `{name}`{}",
                path.display(),
                known_clouds(&clouds)
            ));
        };
        Ok(Self {
            entry: entry.clone(),
            origin: Origin::Cloud {
                path: path.clone(),
                cloud: name.to_owned(),
            },
            warnings: files
                .iter()
                .filter(|(_, secret)| *secret)
                .filter_map(|(file, _)| permission_warning(&sources.working_dir.join(file), file))
                .collect(),
        })
    }

    /// The first of these keys that the block `auth`, or the entry itself, holds.
    pub(super) fn auth(&self, keys: &[&str]) -> Option<String> {
        let auth = self.entry.get("auth");
        keys.iter().find_map(|key| {
            auth.and_then(|auth| auth.get(*key))
                .or_else(|| self.entry.get(*key))
                .and_then(text)
        })
    }

    /// A key of the entry itself.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.entry.get(key).and_then(text)
    }

    /// `region_name`, else the first of `regions`.
    pub(super) fn region(&self) -> Option<String> {
        self.text("region_name").or_else(|| {
            let first = self.entry.get("regions")?.get(0)?;
            text(first).or_else(|| first.get("name").and_then(text))
        })
    }

    /// The opposite of `verify`, else `insecure`.
    pub(super) fn insecure(&self) -> Option<bool> {
        let flag = |key| match self.entry.get(key)? {
            Yaml::Bool(flag) => Some(*flag),
            other => text(other).and_then(|word| super::value::boolean(&word)),
        };
        flag("verify")
            .map(|verify| !verify)
            .or_else(|| flag("insecure"))
    }
}

/// Where `clouds.yaml` may be, first to last.
fn candidates(environment: &Environment) -> Vec<PathBuf> {
    let variable = |name| environment.get(name).filter(|value| !value.is_empty());
    let named = variable("OS_CLIENT_CONFIG_FILE").map(PathBuf::from);
    let home = variable("HOME").map(|home| Path::new(home).join(".config/openstack/clouds.yaml"));
    named
        .into_iter()
        .chain([PathBuf::from("clouds.yaml")])
        .chain(home)
        .chain([PathBuf::from("/etc/openstack/clouds.yaml")])
        .collect()
}

fn read_yaml(path: &Path, sources: &Sources) -> Result<Yaml, String> {
    let name = path.display();
    let text = read_text(&sources.working_dir.join(path)).map_err(|error| match error {
        ReadError::Io(error) => format!("{name} cannot be read: {error}"),
        ReadError::NotUtf8 { line } => format!("{name}:{line}: {NOT_UTF8}"),
    })?;
    let mut yaml: Yaml = yaml_serde::from_str(&text).map_err(|error| {
        // The parser's own words may quote the file, and so a password.
        let place = error.location().map_or_else(String::new, |place| {
            format!(" at line {}, column {}", place.line(), place.column())
        });
        format!("{name} is no YAML{place}")
    })?;
    // A merge key that leads nowhere is no reason to refuse the rest of the file.
    let _ = yaml.apply_merge();
    Ok(yaml)
}

/// True where the file itself says a secret of that cloud.
fn secret_in(clouds: &Yaml, name: &str) -> bool {
    let entry = clouds.get("clouds").and_then(|clouds| clouds.get(name));
    let auth = entry.and_then(|entry| entry.get("auth"));
    ["password", "application_credential_secret"]
        .iter()
        .any(|key| {
            [entry, auth]
                .into_iter()
                .flatten()
                .any(|block| block.get(*key).is_some())
        })
}

/// Lays one tree over another: mappings key by key, all else as a whole.
fn lay_over(base: &mut Yaml, overlay: Yaml) {
    match (base, overlay) {
        (Yaml::Mapping(base), Yaml::Mapping(overlay)) => {
            for (key, value) in overlay {
                match base.get_mut(&key) {
                    Some(known) => lay_over(known, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, overlay) => *base = overlay,
    }
}

/// The names that `clouds.yaml` does have, for a message.
fn known_clouds(clouds: &Yaml) -> String {
    let names: Vec<&str> = clouds
        .get("clouds")
        .and_then(Yaml::as_mapping)
        .into_iter()
        .flat_map(|clouds| clouds.keys().filter_map(Yaml::as_str))
        .collect();
    if names.is_empty() {
        "; it has none at all".to_owned()
    } else {
        format!("; it has {}", names.join(", "))
    }
}

/// A scalar as text; nothing for an empty one.
fn text(value: &Yaml) -> Option<String> {
    let text = match value {
        Yaml::String(text) => text.clone(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
