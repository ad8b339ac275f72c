//! `clouds.yaml`, `secure.yaml` and `clouds-public.yaml`: where openstacksdk looks for them, and how
//! it lays them over each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cloud_entry::{Cloud, regions};
use super::error::Origin;
use super::files::{NOT_UTF8, ReadError, permission_warning, read_text};
use super::sources::{Environment, Sources};
use super::tree::{Broken, Node, read_json, read_yaml, set};

/// Mappings that lie deeper are taken as a whole.
const DEEPEST_MERGE: usize = 8;

/// Whatever keeps a secret in an entry.
const SECRETS: [&str; 7] = [
    "password",
    "application_credential_secret",
    "token",
    "auth_token",
    "passcode",
    "client_secret",
    "access_token",
];

/// A file and what is in it.
struct Read {
    path: PathBuf,
    root: Node,
}

/// Finds the entry of that name, or says what is missing. Of its regions the wanted one counts,
/// else the first.
pub(super) fn find(name: &str, region: Option<&str>, sources: &Sources) -> Result<Cloud, String> {
    let files = find_file("clouds", "OS_CLIENT_CONFIG_FILE", None, sources)?;
    let beside = files.as_ref().map(|file| file.path.as_path());
    let secure = find_file("secure", "OS_CLIENT_SECURE_FILE", beside, sources)?;
    let found: Vec<Read> = files.into_iter().chain(secure).collect();
    let Some(first) = found.first() else {
        let folders = folders(&sources.environment);
        let shown = |folder: &PathBuf| match folder.to_string_lossy() {
            current if current.is_empty() => "the current folder".to_owned(),
            other => other.into_owned(),
        };
        let folders: Vec<String> = folders.iter().map(shown).collect();
        return Err(format!(
            "cloud `{name}`: there is no clouds.yaml, clouds.yml or clouds.json (looked in {})",
            folders.join(", ")
        ));
    };
    let path = first.path.clone();
    let root = found.iter().fold(Arc::new(Node::Null), |base, file| {
        merged(&base, &Arc::new(file.root.clone()), 0)
    });
    let clouds = root.get("clouds").cloned();
    let entry = clouds
        .as_ref()
        .and_then(|clouds| clouds.get(name))
        .filter(|entry| matches!(***entry, Node::Map(_)));
    let Some(entry) = entry else {
        let known = known_clouds(clouds.as_deref());
        return Err(format!("{} has no cloud `{name}`{known}", path.display()));
    };
    let origin = Origin::Cloud {
        path,
        cloud: name.to_owned(),
    };
    let mut warnings = Vec::new();
    for file in &found {
        let known = file.root.get("clouds").and_then(|clouds| clouds.get(name));
        if known.is_some_and(|entry| holds_secret(entry)) {
            let full = sources.working_dir.join(&file.path);
            warnings.extend(permission_warning(&full, &file.path));
        }
    }
    let mut cloud = Cloud {
        entry: Vec::new(),
        auth: Vec::new(),
        region: None,
        origin,
        unknown_profile: None,
        warnings,
    };
    let profile = ["profile", "cloud"]
        .iter()
        .find_map(|key| entry.get(key)?.text());
    let profile = match profile {
        Some(profile) => profile_of(&mut cloud, profile, sources)?,
        None => None,
    };
    if let Some(profile) = &profile {
        cloud.lay_over(profile);
    }
    cloud.lay_over(entry);
    let own = regions(entry);
    let regions = match (own.is_empty(), &profile) {
        (true, Some(profile)) => regions(profile),
        _ => own,
    };
    cloud.choose_region(&regions, region);
    cloud.warn_of_unused_keys();
    Ok(cloud)
}

/// The vendor's profile, where a file has it.
fn profile_of(
    cloud: &mut Cloud,
    name: &str,
    sources: &Sources,
) -> Result<Option<Arc<Node>>, String> {
    let file = find_file("clouds-public", "OS_CLIENT_VENDOR_FILE", None, sources)?;
    let found = file
        .as_ref()
        .and_then(|file| file.root.get("public-clouds")?.get(name).cloned());
    if found.is_none() {
        let place = match &file {
            Some(file) => format!("{} does not have it", file.path.display()),
            None => "there is no clouds-public.yaml".to_owned(),
        };
        cloud.unknown_profile = Some(format!(
            "the profile `{name}` is unknown: {place}, and those built into openstacksdk are not \
             known here; write its `auth_url` and regions into the entry"
        ));
    }
    Ok(found)
}

/// The folders in which openstacksdk looks, first to last.
fn folders(environment: &Environment) -> Vec<PathBuf> {
    let variable = |name| environment.get(name).filter(|value| !value.is_empty());
    let mut folders = vec![PathBuf::new()];
    // The XDG specification has relative paths ignored.
    if let Some(home) = variable("XDG_CONFIG_HOME").filter(|home| home.starts_with('/')) {
        folders.push(Path::new(home).join("openstack"));
    }
    if let Some(home) = variable("HOME") {
        folders.push(Path::new(home).join(".config/openstack"));
    }
    folders.extend(["/etc/xdg/openstack".into(), "/etc/openstack".into()]);
    folders
}

/// The first file of that kind that is there: the one that the variable names, those of
/// [`folders`], and the one beside another file.
fn find_file(
    stem: &str,
    variable: &str,
    beside: Option<&Path>,
    sources: &Sources,
) -> Result<Option<Read>, String> {
    let named = sources
        .environment
        .get(variable)
        .filter(|file| !file.is_empty())
        .map(PathBuf::from);
    let folders = folders(&sources.environment);
    let beside = beside.and_then(Path::parent).map(Path::to_owned);
    let in_folders = folders.into_iter().chain(beside).flat_map(|folder| {
        [".yaml", ".yml", ".json"].map(|suffix| folder.join(format!("{stem}{suffix}")))
    });
    let path = named
        .into_iter()
        .chain(in_folders)
        .find(|path| sources.working_dir.join(path).is_file());
    path.map(|path| read(path, sources)).transpose()
}

fn read(path: PathBuf, sources: &Sources) -> Result<Read, String> {
    let name = path.display();
    let text = read_text(&sources.working_dir.join(&path)).map_err(|error| match error {
        ReadError::Io(error) => format!("{name} cannot be read: {error}"),
        ReadError::NotUtf8 { line } => format!("{name}:{line}: {NOT_UTF8}"),
    })?;
    let is_json = path.extension().is_some_and(|suffix| suffix == "json");
    let (read, kind) = if is_json {
        (read_json(&text), "JSON")
    } else {
        (read_yaml(&text), "YAML")
    };
    // The parser's own message may quote the file, and so a password.
    let root = read.map_err(|Broken { line, column }| {
        format!("{name} is not valid {kind} at line {line}, column {column}")
    })?;
    Ok(Read { path, root })
}

/// One tree laid over another: mappings key by key, all else as a whole.
fn merged(base: &Arc<Node>, upper: &Arc<Node>, depth: usize) -> Arc<Node> {
    match (&**base, &**upper) {
        (Node::Map(base), Node::Map(upper)) if depth < DEEPEST_MERGE => {
            let mut entries = base.clone();
            for (key, value) in upper {
                let known = entries.iter().find(|(known, _)| known == key);
                let value = match known {
                    Some((_, known)) => merged(known, value, depth + 1),
                    None => Arc::clone(value),
                };
                set(&mut entries, key, value);
            }
            Arc::new(Node::Map(entries))
        }
        _ => Arc::clone(upper),
    }
}

/// True where the entry itself says a secret.
fn holds_secret(entry: &Node) -> bool {
    let blocks = |node: &Node| {
        [Some(node), node.get("auth").map(|auth| &**auth)]
            .into_iter()
            .flatten()
            .flat_map(Node::entries)
            .any(|(key, value)| {
                SECRETS.contains(&key.replace('-', "_").as_str()) && value.text().is_some()
            })
    };
    let values = regions(entry)
        .into_iter()
        .filter_map(|region| region.values);
    blocks(entry) || values.into_iter().any(|values| blocks(&values))
}

/// The names that the file does have, for a message.
fn known_clouds(clouds: Option<&Node>) -> String {
    let entries = clouds.map(Node::entries).unwrap_or_default();
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        "; it has none at all".to_owned()
    } else {
        format!("; it has {}", names.join(", "))
    }
}
