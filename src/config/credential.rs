//! How a target is logged in to: parts of a credential from every place that may give one, put
//! together by precedence. `settings` asks, once for each target.
//!
//! The command line goes before the target's own section, that before `[DEFAULT]`, that (for
//! `master`) before the environment. Within each of them `cloud` goes before single keys, those
//! before `credential`. What is missing is taken from the next ones down.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::error::{ConfigError, Origin};
use super::keys::{MAIN, MASTER};
use super::layers::{Layers, Level, Value};
use super::parts::{CONNECTION, Given, OVERRIDE_REGION, Parts, PartsSource, REGION};
use super::sources::Sources;
use super::variables::{SINGLE, VARIABLES, Variable, variable_of};
use super::{assemble, clouds};
use crate::model::{AuthType, AuthTypeError, Credential, Warning};

/// All that was found out about the log-in to a target.
pub(super) struct Login {
    /// The credential, or why there is none: no reason where only what cannot be read of the file is
    /// missing.
    pub credential: Result<Credential, Vec<ConfigError>>,
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
        search.environment(layers);
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
        Err(vec![error(Some(origin), problem)])
    } else {
        match assemble::credential(&parts) {
            Ok(credential) if missing.is_empty() => Ok(credential),
            assembled => {
                let is_said = !missing.is_empty() && !layers.is_partial;
                let missing = is_said.then(|| error(None, what_is_missing(target, &missing)));
                let wrong = assembled.err().unwrap_or_default().into_iter();
                let wrong = wrong.map(|(key, problem)| {
                    error(parts.get(key).map(|given| given.origin.clone()), problem)
                });
                Err(missing.into_iter().chain(wrong).collect())
            }
        }
    };
    Login {
        credential,
        nothing_found,
        parts,
        warnings,
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
        let mut options = Parts::default();
        for key in CONNECTION {
            options.set(key, given(key));
        }
        if self.target == MASTER && options.get("image_endpoint_override").is_some() {
            let region = layers.get(MAIN, "master_region");
            options.set(
                OVERRIDE_REGION,
                region.map(|value| self::given(value, false)),
            );
        }
        let mut single = Parts::default();
        for key in SINGLE {
            let by_id = key == "application_credential_id";
            single.set(key, value(key).map(|value| self::given(value, by_id)));
        }
        let written = given("auth_type");
        single.set("auth_type", written.clone());
        let cloud = given("cloud");
        let combined = given("credential");
        self.parts.fill(options, PartsSource::Configuration);
        if let Some(cloud) = cloud {
            self.cloud(&cloud, layers.get(MAIN, "master_region"));
        }
        single.auth_type = self.auth_type(written);
        self.parts.fill(single, PartsSource::Configuration);
        if let Some(combined) = combined {
            match split_credential(&combined) {
                Ok(parts) => self.parts.fill(parts, PartsSource::Configuration),
                Err(problem) => self.note(combined.origin, problem),
            }
        }
    }

    fn environment(&mut self, layers: &Layers) {
        let environment = &self.sources.environment;
        let variable = |name: &str, by_id| {
            let text = environment.get(name).filter(|text| !text.is_empty())?;
            Some(Given {
                text: text.clone(),
                origin: Origin::Environment(name.to_owned()),
                by_id,
            })
        };
        let found = |ids: &[&str], names: &[&str]| {
            ids.iter()
                .find_map(|name| variable(name, true))
                .or_else(|| names.iter().find_map(|name| variable(name, false)))
        };
        let mut options = Parts::default();
        let mut single = Parts::default();
        for Variable { key, ids, names } in VARIABLES {
            let parts = if CONNECTION.contains(&key) {
                &mut options
            } else {
                &mut single
            };
            parts.set(key, found(ids, names));
        }
        if options.get("image_endpoint_override").is_some() {
            options.set(OVERRIDE_REGION, options.get(REGION).cloned());
        }
        let domain = found(&["OS_DEFAULT_DOMAIN_ID"], &["OS_DEFAULT_DOMAIN_NAME"])
            .or_else(|| variable("OS_DEFAULT_DOMAIN", false).map(Given::guessed));
        for key in ["user_domain", "project_domain"] {
            if single.get(key).is_none() {
                single.set(key, domain.clone());
            }
        }
        let written = variable("OS_AUTH_TYPE", false);
        single.set("auth_type", written.clone());
        let cloud = variable("OS_CLOUD", false);
        let region = options.get(REGION).map(|given| Value {
            text: given.text.clone(),
            origin: given.origin.clone(),
            section: MAIN.to_owned(),
            pieces: Vec::new(),
        });
        self.parts.fill(options, PartsSource::Environment);
        if let Some(cloud) = cloud {
            self.cloud(
                &cloud,
                layers.get(MAIN, "master_region").or(region.as_ref()),
            );
        }
        single.auth_type = self.auth_type(written);
        self.parts.fill(single, PartsSource::Environment);
    }

    /// The type that is written down there; one that is not understood is a problem, where this
    /// place still has a say.
    fn auth_type(&mut self, written: Option<Given>) -> Option<AuthType> {
        let written = written?;
        match written.text.parse::<AuthType>() {
            Ok(kind) => Some(kind),
            Err(error) => {
                self.wrong_type(written.origin, &error);
                None
            }
        }
    }

    fn wrong_type(&mut self, origin: Origin, error: &AuthTypeError) {
        // In the configuration a type says what the keys beside it and above it are for.
        let has_a_say = !matches!(origin, Origin::Environment(_) | Origin::Cloud { .. })
            && self.parts.auth_type.is_none();
        if has_a_say && self.problem.is_none() {
            self.problem = Some((origin, format!("auth_type {error}")));
        } else {
            self.note(origin, format!("auth_type {error}"));
        }
    }

    fn cloud(&mut self, name: &Given, region: Option<&Value>) {
        let region = region
            .filter(|_| self.target == MASTER)
            .map(|value| value.text.trim_start_matches("master:").trim());
        let cloud = match clouds::find(&name.text, region, self.sources) {
            Ok(cloud) => cloud,
            Err(problem) => return self.note(name.origin.clone(), problem),
        };
        if let Some(profile) = &cloud.unknown_profile
            && cloud.get("auth_url").is_none()
        {
            return self.note(cloud.origin.clone(), profile.clone());
        }
        let mut parts = cloud.parts();
        match cloud.get("auth_type").map(|word| word.parse::<AuthType>()) {
            None => {}
            Some(Ok(kind)) => parts.auth_type = Some(kind),
            Some(Err(error)) => return self.wrong_type(cloud.origin.clone(), &error),
        }
        self.warnings.extend(cloud.warnings);
        self.parts.fill_from_cloud(parts);
    }

    /// Keeps the first problem. A place that is reached only after the credential is whole cannot
    /// spoil it; one that is reached before must not be passed over for another credential.
    fn note(&mut self, origin: Origin, problem: String) {
        if self.problem.is_none() && !self.parts.is_whole() {
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
        "the second part of `credential` is not base64 of a UTF-8 text; make it with \
         `printf %s 'the password' | base64`, or set `user`, `password`, `keystone_url` and `tenant`",
    )?;
    // Whatever is in it is for Keystone.
    let mut parts = Parts::of(AuthType::Password);
    for (key, text) in [
        ("user", user),
        ("password", &password),
        ("keystone_url", keystone_url),
        ("tenant", tenant),
    ] {
        parts.set(
            key,
            (!text.is_empty()).then(|| Given {
                text: text.to_owned(),
                origin: credential.origin.clone(),
                by_id: false,
            }),
        );
    }
    Ok(parts)
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
