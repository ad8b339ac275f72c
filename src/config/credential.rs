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
use crate::model::{
    ApplicationCredentialRef, Auth, Credential, DomainRef, KeystoneUrl, ProjectRef, Secret,
    UserRef, Warning,
};

/// A text, and where it stands. It may be a secret: no `Debug`.
#[derive(Clone)]
pub(super) struct Given {
    pub text: String,
    pub origin: Origin,
    /// It is the id of something that may also be named.
    pub by_id: bool,
}

/// What is known of a log-in, field by field.
#[derive(Default)]
pub(super) struct Parts {
    kind: Option<Kind>,
    pub user: Option<Given>,
    pub user_domain: Option<Given>,
    pub password: Option<Given>,
    pub keystone_url: Option<Given>,
    pub project: Option<Given>,
    pub project_domain: Option<Given>,
    pub application_credential: Option<Given>,
    pub application_credential_secret: Option<Given>,
    pub interface: Option<Given>,
    pub cacert: Option<Given>,
    pub insecure: Option<Given>,
    pub region: Option<Given>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Password,
    ApplicationCredential,
}

impl Kind {
    /// The kind that an `auth_type` names.
    fn from_auth_type(word: &str) -> Option<Self> {
        match word {
            "password" | "v3password" | "v2password" => Some(Self::Password),
            "v3applicationcredential" => Some(Self::ApplicationCredential),
            _ => None,
        }
    }
}

impl Parts {
    /// Takes from a place further down what no place further up gave.
    fn fill(&mut self, lower: Self) {
        fn fill(field: &mut Option<Given>, lower: Option<Given>) {
            if field.is_none() {
                *field = lower;
            }
        }
        self.kind = self.kind.or(lower.kind).or_else(|| {
            if lower.application_credential.is_some()
                || lower.application_credential_secret.is_some()
            {
                Some(Kind::ApplicationCredential)
            } else if lower.user.is_some() || lower.password.is_some() {
                Some(Kind::Password)
            } else {
                None
            }
        });
        fill(&mut self.user, lower.user);
        fill(&mut self.user_domain, lower.user_domain);
        fill(&mut self.password, lower.password);
        fill(&mut self.keystone_url, lower.keystone_url);
        fill(&mut self.project, lower.project);
        fill(&mut self.project_domain, lower.project_domain);
        fill(
            &mut self.application_credential,
            lower.application_credential,
        );
        fill(
            &mut self.application_credential_secret,
            lower.application_credential_secret,
        );
        fill(&mut self.interface, lower.interface);
        fill(&mut self.cacert, lower.cacert);
        fill(&mut self.insecure, lower.insecure);
        fill(&mut self.region, lower.region);
    }

    /// The same from an entry of `clouds.yaml`, whose domains belong to its own user and project,
    /// and whose way to connect belongs to its own Keystone.
    fn fill_from_cloud(&mut self, mut cloud: Self) {
        if self.user.is_some() {
            cloud.user_domain = None;
        }
        if self.project.is_some() {
            cloud.project_domain = None;
        }
        if self.keystone_url.is_some() {
            cloud.interface = None;
            cloud.cacert = None;
            cloud.insecure = None;
            cloud.region = None;
        }
        self.fill(cloud);
    }

    /// What a credential still needs, in the words of the configuration's keys.
    fn missing(&self) -> Vec<&'static str> {
        let by_name = |field: &Option<Given>| field.as_ref().is_some_and(|given| !given.by_id);
        let needed: &[(&Option<Given>, &'static str)] = match self.kind {
            Some(Kind::ApplicationCredential) => &[
                (&self.keystone_url, "keystone_url"),
                (&self.application_credential, "application_credential_id"),
                (
                    &self.application_credential_secret,
                    "application_credential_secret",
                ),
            ],
            _ => &[
                (&self.keystone_url, "keystone_url"),
                (&self.user, "user"),
                (&self.password, "password"),
                (&self.project, "tenant"),
            ],
        };
        let mut missing: Vec<&'static str> = needed
            .iter()
            .filter(|(field, _)| field.is_none())
            .map(|(_, key)| *key)
            .collect();
        if self.kind == Some(Kind::ApplicationCredential)
            && by_name(&self.application_credential)
            && self.user.is_none()
        {
            missing.push("user");
        }
        missing
    }

    fn is_empty(&self) -> bool {
        self.kind.is_none() && self.keystone_url.is_none() && self.project.is_none()
    }

    /// The credential, of parts of which none is missing.
    fn credential(&self) -> Result<Credential, String> {
        let text = |field: &Option<Given>| {
            field
                .as_ref()
                .map_or_else(String::new, |given| given.text.clone())
        };
        let secret = |field| Secret::new(text(field));
        let domain = |field: &Option<Given>| match field {
            Some(given) if given.by_id => DomainRef::Id(given.text.clone()),
            Some(given) => DomainRef::Name(given.text.clone()),
            None => DomainRef::default(),
        };
        let is_id = |field: &Option<Given>| field.as_ref().is_some_and(|given: &Given| given.by_id);
        let user = || match text(&self.user) {
            id if is_id(&self.user) => UserRef::Id(id),
            name => UserRef::Name {
                name,
                domain: domain(&self.user_domain),
            },
        };
        let url = text(&self.keystone_url);
        let keystone_url: KeystoneUrl = url
            .parse()
            .map_err(|error| format!("`keystone_url` is wrong: {error}"))?;
        let auth = if self.kind == Some(Kind::ApplicationCredential) {
            Auth::ApplicationCredential {
                credential: match text(&self.application_credential) {
                    id if is_id(&self.application_credential) => ApplicationCredentialRef::Id(id),
                    name => ApplicationCredentialRef::Name { name, user: user() },
                },
                secret: secret(&self.application_credential_secret),
            }
        } else {
            Auth::Password {
                user: user(),
                password: secret(&self.password),
                project: match text(&self.project) {
                    id if is_id(&self.project) => ProjectRef::Id(id),
                    name => ProjectRef::Name {
                        name,
                        domain: domain(&self.project_domain),
                    },
                },
            }
        };
        Ok(Credential { keystone_url, auth })
    }
}

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
    let parts: Vec<&str> = credential.text.splitn(4, ',').map(str::trim).collect();
    let [user, password, keystone_url, tenant] = parts[..] else {
        return Err(format!(
            "`credential` has {} of 4 parts; write `user,base64(password),keystone_url,tenant`",
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
