//! The third step: from layers of text to settings that are checked and typed.
//!
//! Whatever is wrong is collected and told at once. The rest of the program knows the
//! configuration by the types of this file alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::check::Checker;
use super::credential::{self, Login};
use super::digest;
use super::effective::{self, EffectiveValue};
use super::error::{ConfigError, ConfigErrors, Origin};
use super::keys::{self, MAIN, MASTER};
use super::layers::{Layers, target_names};
use super::parts::Parts;
use super::parts::{OVERRIDE_REGION, REGION};
use super::slips::slip;
use super::sources::Sources;
use super::value;
use crate::condition::Condition;
use crate::model::{
    Bandwidth, ByteSize, ContentSource, Credential, DeliveryRules, Interface, RegionName,
    SyncRules, TargetName, TimeSpan, Warning, WarningCode, WaveRules,
};

/// A configuration that is checked as a whole.
#[derive(Debug)]
pub struct Settings {
    /// The region whose images are the reference.
    pub master_region: RegionName,
    /// The order of expanded region lists; unknown regions in it are ignored.
    pub preferable_order: Vec<RegionName>,
    /// Regions at once under `--parallel`; at least 1.
    pub max_children: usize,
    /// A failed image does not stop its region.
    pub keep_going: bool,
    /// The most that is sent to all regions together.
    pub bwlimit_total: Bandwidth,
    /// After which a run begins no action any more; none for as long as it takes.
    pub max_duration: Option<TimeSpan>,
    /// In which order a fleet is changed, and what halts it.
    pub waves: WaveRules,
    /// Where the lock and the installation's id are kept; none for the user's state folder.
    pub state_dir: Option<PathBuf>,
    /// Who this installation is; none for the id that is kept in the state folder.
    pub installation: Option<String>,
    /// Where the files named by the master image's UUID are.
    pub images_dir: PathBuf,
    /// Where content comes from.
    pub source: ContentSource,
    /// Where content from Glance is kept while regions read it; none for `cache_dir`.
    pub spool_dir: Option<PathBuf>,
    /// The folder of this program in the user's cache; none where the environment knows of none.
    pub cache_dir: Option<PathBuf>,
    /// The most that is kept there; none for the smaller of 20 GiB and 80 % of what is free.
    pub spool_limit: Option<ByteSize>,
    /// Where `sync_<date>` folders are made.
    pub log_dir: PathBuf,
    /// `log_dir` is set: every sync leaves its logs there, and not only parallel runs.
    pub log_dir_is_set: bool,
    /// `master` first, the others in the order of their sections.
    pub targets: Vec<Arc<TargetSettings>>,
    /// What should be looked at, although the configuration can be used.
    pub warnings: Vec<Warning>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    effective: Vec<EffectiveValue>,
}

/// The settings of one target.
#[derive(Debug)]
pub struct TargetSettings {
    /// The name of its section.
    pub name: TargetName,
    /// How it is logged in to, or why it cannot be. That is an error only for a run that uses the
    /// target; see [`Settings::check_credentials`].
    pub credential: Result<Credential, Vec<ConfigError>>,
    /// What in the values of its log-in was hardly meant, to be said where that fails.
    pub doubts: Vec<String>,
    /// Which images are selected, and what is done when they differ.
    pub rules: SyncRules,
    /// `metadata_condition`, when it is set and not blank.
    pub condition: Option<Condition>,
    /// Regions that are in no expansion of the target.
    pub ignore_regions: BTreeSet<RegionName>,
    /// Which endpoints of the catalogue are used: of these the first that a region has. Never empty.
    pub interfaces: Vec<Interface>,
    /// The endpoint of one region in place of the catalogue's.
    pub image_endpoint: Option<ImageEndpointOverride>,
    /// A file of certificates to trust in place of the system's.
    pub cacert: Option<PathBuf>,
    /// A file with the certificate, and maybe the key, that this program shows to servers.
    pub cert: Option<PathBuf>,
    /// The file with its key, where that is another.
    pub key: Option<PathBuf>,
    /// The server's certificate is not verified.
    pub insecure: bool,
    /// For the whole image list of a region.
    pub list_images_timeout: Duration,
    /// In which 64 KiB must get through, or an upload has failed.
    pub upload_stall_timeout: Duration,
    /// Tries after the first, of what may be repeated.
    pub retries: u32,
    /// For a region to make an image `active` after its last byte.
    pub save_timeout: Duration,
    /// The most that is sent to each of its regions.
    pub bwlimit: Bandwidth,
    /// How content gets into its regions.
    pub delivery: DeliveryRules,
    /// Published images say what they are a copy of.
    pub provenance: bool,
}

/// `image_endpoint_override`: where the images of one region are, whatever the catalogue says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEndpointOverride {
    /// An `http` or `https` URL.
    pub url: Url,
    /// The region that the place of the URL names; without one, the only region of the target.
    pub region: Option<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// A configuration as far as it can be read, and all that is wrong with it: for those who have more to
/// check before they say what is wrong.
#[derive(Debug)]
pub struct Draft {
    /// What is wrong has its default here.
    pub settings: Settings,
    /// Everything that is wrong, each with its place, in the order of the file.
    pub errors: Vec<ConfigError>,
    /// Some of the file cannot be read: what seems to be missing may be there.
    pub is_partial: bool,
}

impl Draft {
    /// Reads and checks the whole configuration. A target other than `master` without a usable
    /// credential is no error.
    pub fn read(sources: &Sources) -> Self {
        let mut layers = Layers::load(sources);
        let is_partial = layers.is_partial;
        let mut checker = Checker::new(&sources.environment);
        checker.warnings.append(&mut layers.warnings);
        checker.errors.append(&mut layers.errors);
        let mut explained = false;
        let mut targets = Vec::new();
        let mut effective = effective::of_main(&layers);
        let mut region = None;
        for name in target_names(&layers.sections) {
            let login = credential::resolve(name, &layers, sources);
            effective.extend(effective::of_target(name, &layers, &login.parts));
            checker.warnings.extend(login.warnings.iter().cloned());
            if name == MASTER {
                region = login.parts.get(REGION).cloned();
                explained = login.nothing_found || is_partial;
                if login.nothing_found && !is_partial {
                    checker.errors.push(no_configuration(&layers));
                } else if let Err(errors) = &login.credential {
                    checker.errors.extend(errors.iter().cloned());
                }
            }
            targets.push(Arc::new(target(name, &layers, login, &mut checker)));
        }
        let master_region = layers
            .get(MAIN, "master_region")
            .map(|value| (value.text.clone(), value.origin.clone()))
            .or_else(|| region.map(|given| (given.text, given.origin)));
        if let Some((text, origin)) = &master_region {
            effective::set(&mut effective, MAIN, "master_region", text, origin);
        } else if !explained {
            let problem = "missing: set it, or $OS_REGION_NAME, to the name of the region whose \
                           images are the reference";
            checker
                .errors
                .push(ConfigError::new(layers.origin_of(MAIN), problem).key(MAIN, "master_region"));
        }
        let master_region = master_region.map_or_else(String::new, |(text, _)| text);
        let mut settings = Settings {
            master_region: bare_master_region(&master_region),
            preferable_order: checker.regions(&layers, MAIN, "preferable_order"),
            max_children: checker.at_least_one(&layers, MAIN, "max_children").get(),
            keep_going: checker.flag(&layers, MAIN, "keep_going"),
            bwlimit_total: checker.bandwidth(&layers, MAIN, "bwlimit_total"),
            max_duration: checker.optional_duration(&layers, MAIN, "max_duration"),
            waves: checker.waves(&layers),
            state_dir: checker.optional_path(&layers, MAIN, "state_dir"),
            installation: checker.installation(&layers),
            images_dir: checker.path(&layers, MAIN, "images_dir"),
            source: checker.source(&layers),
            spool_dir: checker.optional_path(&layers, MAIN, "spool_dir"),
            cache_dir: cache_folder(&sources.environment),
            spool_limit: checker.size(&layers, MAIN, "spool_limit"),
            log_dir: checker.path(&layers, MAIN, "log_dir"),
            log_dir_is_set: layers.get(MAIN, "log_dir").is_some(),
            targets,
            warnings: Vec::new(),
            file: layers.file.clone(),
            effective,
        };
        let errors;
        (errors, settings.warnings) = checker.finish();
        Self {
            settings,
            errors,
            is_partial,
        }
    }
}

impl Settings {
    /// Reads and checks the whole configuration.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its place. A target other than `master` without a
    /// usable credential is none of it.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        let draft = Draft::read(sources);
        if draft.errors.is_empty() {
            Ok(draft.settings)
        } else {
            Err(ConfigErrors(draft.errors, draft.settings.warnings))
        }
    }

    /// The target of that name, when the configuration has it.
    pub fn target(&self, name: &TargetName) -> Option<&Arc<TargetSettings>> {
        self.targets.iter().find(|target| target.name == *name)
    }

    /// Checks the credentials, once it is known which targets a run uses: warnings for the others
    /// that cannot be logged in to.
    ///
    /// # Errors
    ///
    /// Each used target without a usable credential, and those warnings.
    pub fn check_credentials<'a>(
        &self,
        used: impl IntoIterator<Item = &'a TargetName>,
    ) -> Result<Vec<Warning>, ConfigErrors> {
        let used: BTreeSet<&TargetName> = used.into_iter().collect();
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        for target in &self.targets {
            let wrong = target.credential.as_ref().err().into_iter().flatten();
            if used.contains(&target.name) {
                errors.extend(wrong.cloned());
            } else {
                warnings.extend(wrong.map(|error| {
                    let message = format!("{error} (a target that this run does not use)");
                    Warning::new(WarningCode::NoCredential, message)
                }));
            }
        }
        if errors.is_empty() {
            Ok(warnings)
        } else {
            Err(ConfigErrors(errors, warnings))
        }
    }

    /// By target, the SHA-256 of the settings that decide which images are selected, what is done with
    /// them, and where: two configurations with the same digests lead to the same plans. Nothing about
    /// log-ins is in them, nor about how fast or how much at once.
    pub fn digests(&self) -> BTreeMap<String, String> {
        digest::of_targets(&self.effective)
    }

    /// Every value that counts, with its place, for `check-config`; secrets are hidden.
    pub fn effective(&self) -> &[EffectiveValue] {
        &self.effective
    }
}

/// `log_dir` alone, for what reads old logs: nothing else needs to be right.
///
/// # Errors
///
/// The configuration file cannot be read.
pub fn log_dir(sources: &Sources) -> Result<PathBuf, ConfigErrors> {
    let layers = Layers::load(sources);
    if !layers.errors.is_empty() {
        return Err(ConfigErrors(layers.errors, layers.warnings));
    }
    let mut checker = Checker::new(&sources.environment);
    Ok(checker.path(&layers, MAIN, "log_dir"))
}

/// The master region's name without the prefix that may be left out.
fn bare_master_region(text: &str) -> RegionName {
    let bare = text.strip_prefix("master:").map_or(text, str::trim_start);
    RegionName::new(TargetName::master(), bare)
}

/// The folder of this user's cache: `$XDG_CACHE_HOME/glancesync`, or `~/.cache/glancesync`.
pub fn cache_folder(environment: &super::Environment) -> Option<PathBuf> {
    let variable = |name| {
        let text = environment.get(name)?;
        // The XDG specification has relative paths ignored.
        Some(PathBuf::from(text)).filter(|path| path.is_absolute())
    };
    variable("XDG_CACHE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("glancesync"))
}

/// The error of one who has just installed the program and started it.
fn no_configuration(layers: &Layers) -> ConfigError {
    let file = match &layers.file {
        Some(path) => format!("{} gives none", path.display()),
        None => "there is no configuration file".to_owned(),
    };
    ConfigError::new(
        Origin::Default,
        format!(
            "no credential for the master region: {file}, and there is none in the environment.\n\
             Give one in any of these ways:\n\
             - environment: set OS_USERNAME, OS_PASSWORD, OS_AUTH_URL, OS_PROJECT_NAME and \
             OS_REGION_NAME,\n  as an openrc file does that you `source`;\n\
             - file: write user, password, keystone_url and tenant under [master], and master_region\n  \
             under [main], into /etc/glancesync.conf or a file named with --config-file;\n\
             - clouds.yaml: set OS_CLOUD, or `cloud` under [master], to the name of an entry there.\n\
             To see glancesync at work without any cloud: glancesync demo"
        ),
    )
}

/// The values of a log-in with quotes around them or a comment behind them; never a value itself.
fn doubts(section: &str, parts: &Parts) -> Vec<String> {
    const KEYS: [&str; 8] = [
        "user",
        "password",
        "keystone_url",
        "tenant",
        "user_domain",
        "project_domain",
        "application_credential_id",
        "application_credential_secret",
    ];
    let doubt = |key: &&str| {
        let given = parts.get(key)?;
        let slip = slip(&given.text)?;
        Some(match &given.origin {
            origin @ (Origin::File { .. } | Origin::CommandLine) => {
                format!("{origin}: [{section}] {key}: {slip}")
            }
            origin => format!("{origin}: {slip}"),
        })
    };
    KEYS.iter().filter_map(doubt).collect()
}

fn target(name: &str, layers: &Layers, login: Login, checker: &mut Checker<'_>) -> TargetSettings {
    let near = keys::nearest_section(name)
        .filter(|near| *near != name && !layers.has_own_credential(name));
    let mut credential = login.credential;
    if let Some(near) = near {
        let hint = format!(
            "section [{name}] is taken for a target of that name, and it has no credential of its \
             own; did you mean [{near}]?"
        );
        match &mut credential {
            Err(errors) => {
                if let Some(error) = errors.first_mut() {
                    error.problem = format!("{}; {hint}", error.problem);
                }
            }
            Ok(_) => checker.warnings.push(Warning::new(
                WarningCode::NoCredential,
                format!("{}: {hint}", layers.origin_of(name)),
            )),
        }
    }
    let parts = login.parts;
    let interfaces = checker.given(name, "interface", parts.get("interface"), |text| {
        let interfaces: Result<Vec<Interface>, _> = value::list(text).map(str::parse).collect();
        interfaces
            .ok()
            .filter(|interfaces| !interfaces.is_empty())
            .ok_or_else(|| "is not an interface; set `public`, `internal` or `admin`".to_owned())
    });
    let override_region = parts.get(OVERRIDE_REGION).map(|given| {
        let text = given.text.trim_start_matches("master:").trim();
        text.to_owned()
    });
    let image_endpoint = parts.get("image_endpoint_override").and_then(|given| {
        let url = checker.given(name, "image_endpoint_override", Some(given), |text| {
            Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .filter(|url| url.username().is_empty() && url.password().is_none())
                .ok_or_else(|| {
                    "is not a valid endpoint; write it as `https://glance.example.org:9292`"
                        .to_owned()
                })
        })?;
        Some(ImageEndpointOverride {
            url,
            region: override_region,
            origin: given.origin.clone(),
        })
    });
    let insecure = checker.given(name, "insecure", parts.get("insecure"), |text| {
        value::boolean(text).ok_or_else(|| super::check::NO_FLAG.to_owned())
    });
    let path = |key| {
        let given = parts.get(key)?;
        Some(value::path(&given.text, checker.environment))
    };
    let (cert, key) = (path("cert"), path("key"));
    if cert.is_none()
        && let Some(given) = parts.get("key")
    {
        let message = format!(
            "{}: [{name}] `key` is ignored without `cert`.",
            given.origin
        );
        checker
            .warnings
            .push(Warning::new(WarningCode::UnknownKey, message));
    }
    TargetSettings {
        name: TargetName::new(name),
        credential,
        doubts: doubts(name, &parts),
        rules: checker.rules(layers, name),
        condition: checker.condition(layers, name),
        ignore_regions: checker
            .regions(layers, name, "ignore_regions")
            .into_iter()
            .collect(),
        interfaces: interfaces.unwrap_or_else(|| vec![Interface::default()]),
        image_endpoint,
        cacert: path("cacert"),
        cert,
        key,
        insecure: insecure.unwrap_or_default(),
        list_images_timeout: checker.duration(layers, name, "list_images_timeout"),
        upload_stall_timeout: checker.duration(layers, name, "upload_stall_timeout"),
        retries: checker.number(layers, name, "retries"),
        save_timeout: checker.duration(layers, name, "save_timeout"),
        bwlimit: checker.bandwidth(layers, name, "bwlimit"),
        delivery: checker.delivery(layers, name),
        provenance: checker.flag(layers, name, "provenance"),
    }
}
