//! How a target is logged in to: parts of a credential from every place that may give one, put
//! together by precedence. `settings` asks, once for each target.
//!
//! The command line goes before the target's own section, that before `[DEFAULT]`, that (for
//! `master`) before the environment. Within each of them `cloud` goes before single keys, those
//! before `credential`. What is missing is taken from the next ones down.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::clouds::Cloud;
use super::error::{ConfigError, Origin};
use super::keys::MASTER;
use super::layers::{Layers, Level, Sources, Value};
use super::parts::{Given, Kind, Parts};
use crate::model::{Credential, Warning};

/// All that was found out about the log-in to a target.
pub(super) struct Login {
    pub credential: Result<Credential, ConfigError>,
    /// No place gives any part of a credential.
    pub nothing_found: bool,
    pub parts: Parts,
    pub warnings: Vec<Warning>,
}

/// Puts together how `target` is logged in to.
pub(super) fn resolve(target: &str, layers: &Layers, sources: &Sources) -> Login {
    let mut search = Search {
        target,
        sources,
        parts: Parts::default(),
        problem: None,
        warnings: Vec::new(),
    };
    for level in Level::ALL {
        search.level(layers, level);
    }
    if target == MASTER {
        search.environment();
    }
    let Search {
        parts,
        problem,
        warnings,
        ..
    } = search;
    let missing = parts.missing();
    let nothing_found = parts.is_empty() && problem.is_none();
    let error = |origin: Option<Origin>, problem: String| {
        let origin = origin.unwrap_or_else(|| layers.origin_of(target));
        ConfigError::new(origin, format!("no usable credential: {problem}")).section(target)
    };
    let credential = if let Some((origin, problem)) = problem {
        Err(error(Some(origin), problem))
    } else if missing.is_empty() {
        parts.credential().map_err(|problem| {
            let origin = parts
                .keystone_url
                .as_ref()
                .map(|given| given.origin.clone());
            error(origin, problem)
        })
    } else {
        Err(error(None, what_is_missing(target, &missing)))
    };
    Login {
        credential,
        nothing_found,
        parts,
        warnings,
    }
}

/// The variable that gives a key to `master`.
fn variable_of(key: &str) -> &'static str {
    match key {
        "keystone_url" => "OS_AUTH_URL",
        "user" => "OS_USERNAME",
        "password" => "OS_PASSWORD",
        "tenant" => "OS_PROJECT_NAME",
        "application_credential_id" => "OS_APPLICATION_CREDENTIAL_ID",
        _ => "OS_APPLICATION_CREDENTIAL_SECRET",
    }
}

fn what_is_missing(target: &str, missing: &[&str]) -> String {
    let named: Vec<String> = missing
        .iter()
        .map(|key| {
            if target == MASTER {
                format!("`{key}` (or ${})", variable_of(key))
            } else {
                format!("`{key}`")
            }
        })
        .collect();
    let (verb, it) = if named.len() == 1 {
        ("is", "it")
    } else {
        ("are", "them")
    };
    format!(
        "{} {verb} missing; set {it} in [{target}], or name a `cloud` of clouds.yaml there",
        named.join(", ")
    )
}

struct Search<'a> {
    target: &'a str,
    sources: &'a Sources,
    parts: Parts,
    /// The first thing that was wrong.
    problem: Option<(Origin, String)>,
    warnings: Vec<Warning>,
}

impl Search<'_> {
    fn level(&mut self, layers: &Layers, level: Level) {
        let value = |key| layers.get_at(level, self.target, key);
        let given = |key| value(key).map(|value| given(value, false));
        let options = Parts {
            interface: given("interface"),
            cacert: given("cacert"),
            insecure: given("insecure"),
            ..Parts::default()
        };
        let single = Parts {
            user: given("user"),
            user_domain: given("user_domain"),
            password: given("password"),
            keystone_url: given("keystone_url"),
            project: given("tenant"),
            project_domain: given("project_domain"),
            application_credential: value("application_credential_id")
                .map(|value| self::given(value, true)),
            application_credential_secret: given("application_credential_secret"),
            ..Parts::default()
        };
        let cloud = given("cloud");
        let combined = given("credential");
        self.parts.fill(options);
        if let Some(cloud) = cloud {
            self.cloud(&cloud);
        }
        self.parts.fill(single);
        if let Some(combined) = combined {
            match split_credential(&combined) {
                Ok(parts) => self.parts.fill(parts),
                Err(problem) => self.note(combined.origin, problem),
            }
        }
    }

    fn environment(&mut self) {
        let environment = &self.sources.environment;
        let variable = |name: &str, by_id| {
            let text = environment.get(name).filter(|text| !text.is_empty())?;
            Some(Given {
                text: text.clone(),
                origin: Origin::Environment(name.to_owned()),
                by_id,
            })
        };
        let text = |name: &str| variable(name, false);
        // An id says more than a name, which needs a domain.
        let id_or = |id: &str, names: &[&str]| {
            variable(id, true).or_else(|| names.iter().find_map(|name| text(name)))
        };
        let options = Parts {
            interface: text("OS_INTERFACE").or_else(|| text("OS_ENDPOINT_TYPE")),
            cacert: text("OS_CACERT"),
            insecure: text("OS_INSECURE"),
            region: text("OS_REGION_NAME"),
            ..Parts::default()
        };
        let single = Parts {
            kind: text("OS_AUTH_TYPE").and_then(|given| Kind::from_auth_type(&given.text)),
            user: id_or("OS_USER_ID", &["OS_USERNAME"]),
            user_domain: id_or("OS_USER_DOMAIN_ID", &["OS_USER_DOMAIN_NAME"]),
            password: text("OS_PASSWORD"),
            keystone_url: text("OS_AUTH_URL"),
            project: variable("OS_PROJECT_ID", true)
                .or_else(|| id_or("OS_TENANT_ID", &["OS_PROJECT_NAME", "OS_TENANT_NAME"])),
            project_domain: id_or("OS_PROJECT_DOMAIN_ID", &["OS_PROJECT_DOMAIN_NAME"]),
            application_credential: id_or(
                "OS_APPLICATION_CREDENTIAL_ID",
                &["OS_APPLICATION_CREDENTIAL_NAME"],
            ),
            application_credential_secret: text("OS_APPLICATION_CREDENTIAL_SECRET"),
            ..Parts::default()
        };
        self.parts.fill(options);
        if let Some(cloud) = text("OS_CLOUD") {
            self.cloud(&cloud);
        }
        self.parts.fill(single);
    }

    fn cloud(&mut self, name: &Given) {
        let cloud = match Cloud::find(&name.text, self.sources) {
            Ok(cloud) => cloud,
            Err(problem) => return self.note(name.origin.clone(), problem),
        };
        let kind = match cloud.text("auth_type") {
            None => None,
            Some(word) => match Kind::from_auth_type(&word) {
                None => {
                    let problem = format!(
                        "auth_type `{word}` is not supported; `password` and \
                         `v3applicationcredential` are"
                    );
                    return self.note(cloud.origin, problem);
                }
                kind => kind,
            },
        };
        let whole = |text: Option<String>, by_id| {
            text.map(|text| Given {
                text,
                origin: cloud.origin.clone(),
                by_id,
            })
        };
        let named = |keys: &[&str]| whole(cloud.auth(keys), false);
        let id_or =
            |ids: &[&str], names: &[&str]| whole(cloud.auth(ids), true).or_else(|| named(names));
        let insecure = cloud.insecure().map(|flag| flag.to_string());
        let parts = Parts {
            kind,
            user: id_or(&["user_id"], &["username", "user_name"]),
            user_domain: id_or(
                &["user_domain_id", "default_domain_id", "default_domain"],
                &["user_domain_name", "default_domain_name"],
            ),
            password: named(&["password"]),
            keystone_url: named(&["auth_url"]),
            project: id_or(
                &["project_id", "tenant_id"],
                &["project_name", "tenant_name"],
            ),
            project_domain: id_or(
                &["project_domain_id", "default_domain_id", "default_domain"],
                &["project_domain_name", "default_domain_name"],
            ),
            application_credential: id_or(
                &["application_credential_id"],
                &["application_credential_name"],
            ),
            application_credential_secret: named(&["application_credential_secret"]),
            interface: whole(
                cloud
                    .text("interface")
                    .or_else(|| cloud.text("endpoint_type")),
                false,
            ),
            cacert: whole(cloud.text("cacert"), false),
            insecure: whole(insecure, false),
            region: whole(cloud.region(), false),
        };
        self.warnings.extend(cloud.warnings);
        self.parts.fill_from_cloud(parts);
    }

    /// Keeps the first problem. A place that is reached only after the credential is whole cannot
    /// spoil it; one that is reached before must not be passed over for another credential.
    fn note(&mut self, origin: Origin, problem: String) {
        if self.problem.is_none() && !self.parts.missing().is_empty() {
            self.problem = Some((origin, problem));
        }
    }
}

fn given(value: &Value, by_id: bool) -> Given {
    Given {
        text: value.text.clone(),
        origin: value.origin.clone(),
        by_id,
    }
}

/// The parts of `user,base64(password),keystone_url,tenant`. An empty one counts as missing.
fn split_credential(credential: &Given) -> Result<Parts, String> {
    let parts: Vec<&str> = credential.text.split(',').map(str::trim).collect();
    let [user, password, keystone_url, tenant] = parts[..] else {
        return Err(format!(
            "`credential` has {} parts instead of 4; write `user,base64(password),keystone_url,tenant`, \
             or, for a name with a comma in it, set `user`, `password`, `keystone_url` and `tenant`",
            parts.len()
        ));
    };
    let password = decode_password(password).ok_or(
        "the second part of `credential` is no base64 of a UTF-8 text; make it with \
         `printf %s 'the password' | base64`, or set `user`, `password`, `keystone_url` and `tenant`",
    )?;
    let part = |text: &str| {
        (!text.is_empty()).then(|| Given {
            text: text.to_owned(),
            origin: credential.origin.clone(),
            by_id: false,
        })
    };
    Ok(Parts {
        user: part(user),
        password: part(&password),
        keystone_url: part(keystone_url),
        project: part(tenant),
        ..Parts::default()
    })
}

fn decode_password(encoded: &str) -> Option<String> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let bytes = GeneralPurpose::new(&STANDARD, LENIENT)
        .decode(encoded)
        .ok()?;
    String::from_utf8(bytes).ok()
}
