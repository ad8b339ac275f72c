//! All that is known before the first region starts: log-ins, the master inventory, what each target
//! wants of it, and the regions in run order.
//!
//! Whatever is wrong with the master ends the run here, before a single change. Another target that
//! cannot be logged in to fails its own regions only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use url::Url;

use super::names::UnknownName;
use super::region_selection::TargetRegions;
use crate::config::{ConfigErrors, Settings, TargetSettings};
use crate::content::SpoolError;
use crate::event::Events;
use crate::host;
use crate::model::{
    Credential, ErrorCode, Image, Interface, RegionName, TargetName, Warning, WarningCode,
};
use crate::openstack::{
    GlanceOptions, GlanceReader, HttpClient, HttpClients, Listing, MasterEndpoints, OpenStackError,
    RetryPolicy, Session, TlsOptions,
};
use crate::plan::{MasterInventory, PlanFileError, Selection};

/// Between two looks at how far a condition is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Why a run ends before it begins.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A target that the run needs has no usable credential.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The master's Keystone or Glance could not be read.
    #[error("the master region cannot be read: {0}")]
    Master(#[source] OpenStackError),
    /// The command line names regions or targets that nothing has.
    #[error("{}", lines(.0))]
    UnknownNames(Vec<UnknownName>),
    /// Endpoints are for regions that nothing names; never empty.
    #[error("{}", lines(.0))]
    Overrides(Vec<OpenStackError>),
    /// The saved plan cannot be carried out.
    #[error("the plan {}: {source}", path.display())]
    SavedPlan {
        /// Its file.
        path: std::path::PathBuf,
        /// Why.
        source: PlanFileError,
    },
    /// The run was stopped.
    #[error("the run was interrupted before any region was begun")]
    Interrupted,
    /// The folder for content from the master's Glance cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The thread that opened that folder is gone.
    #[error("the opening of the spool ended unexpectedly")]
    SpoolLost,
    /// The coordinator is gone.
    #[error("the coordinator ended unexpectedly")]
    CoordinatorLost,
    /// A thread that evaluated conditions is gone.
    #[error("the selection of images ended unexpectedly")]
    SelectionLost,
}

impl StartError {
    /// The public code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Master(error) => error.code(),
            Self::Config(_) => ErrorCode::AuthFailed,
            Self::Spool(_) | Self::Overrides(_) => ErrorCode::ConfigInvalid,
            Self::UnknownNames(_) => ErrorCode::RegionUnknown,
            Self::SavedPlan { .. } => ErrorCode::PlanInvalid,
            Self::Interrupted => ErrorCode::Interrupted,
            Self::SpoolLost | Self::SelectionLost | Self::CoordinatorLost => ErrorCode::Internal,
        }
    }

    /// What is wrong, one message each.
    pub fn messages(&self) -> Vec<String> {
        match self {
            Self::UnknownNames(names) => names.iter().map(ToString::to_string).collect(),
            Self::Overrides(errors) => errors.iter().map(ToString::to_string).collect(),
            error => vec![error.to_string()],
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Master(error) => error.hint(),
            Self::Overrides(errors) => errors.first().map_or("", OpenStackError::hint),
            Self::UnknownNames(_) => {
                "Nothing was changed. A region is written `Region` or `target:Region`; see `glancesync --show-regions`."
            }
            Self::SavedPlan { source, .. } => source.hint(),
            Self::Interrupted => "Nothing was changed: run again.",
            Self::Spool(_) => {
                "Set `spool_dir` to a folder that can be written to, on a disk with room, or take it out for the default."
            }
            Self::Config(_) | Self::SpoolLost | Self::SelectionLost | Self::CoordinatorLost => {
                self.code().hint()
            }
        }
    }
}

/// A target that could be logged in to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Its section.
    pub settings: Arc<TargetSettings>,
    /// Its log-in.
    pub session: Session,
}

impl Target {
    /// The limits for calls to its regions.
    pub(super) fn glance_options(&self) -> GlanceOptions {
        GlanceOptions {
            list_timeout: self.settings.list_images_timeout,
            retry: RetryPolicy::new(self.settings.retries),
        }
    }

    /// The Keystone that it is logged in to: regions of the same one can fetch from each other.
    pub(super) fn keystone(&self) -> &str {
        let credential = self.settings.credential.as_ref();
        credential.map_or("", |it| it.keystone_url.as_str())
    }

    /// The interface by which one of its regions is reached.
    pub(super) fn interface(&self, region: &str) -> Interface {
        let catalogue = self.session.catalogue();
        catalogue.choose(region, &self.settings.interfaces)
    }

    /// A reader of one of its regions.
    pub(super) fn reader(&self, region: &str) -> Result<GlanceReader, OpenStackError> {
        GlanceReader::new(
            &self.session,
            region,
            self.interface(region),
            self.glance_options(),
        )
    }
}

/// The log-ins of a run.
#[derive(Debug)]
pub(super) struct Fleet {
    /// The master region.
    pub master: RegionName,
    /// Every endpoint that leads to it.
    pub master_endpoints: MasterEndpoints,
    /// The target `master`.
    pub master_target: Target,
    /// Every target that is needed, `master` among them.
    pub targets: BTreeMap<TargetName, Result<Target, OpenStackError>>,
    /// Targets without a usable credential, which this run does not need, and those whose servers
    /// need not prove who they are.
    pub warnings: Vec<Warning>,
}

fn unverified(target: &TargetSettings) -> Warning {
    Warning::new(
        WarningCode::InsecureConnection,
        format!(
            "`insecure` is set for [{}]: the certificates of its servers are not verified",
            target.name
        ),
    )
}

fn insecure_endpoints(target: &Target, regions: &BTreeSet<&str>) -> Option<Warning> {
    let settings = &target.settings;
    let keystone = settings.credential.as_ref().ok()?.keystone_url.base();
    let plain: Vec<(&str, Url)> = regions
        .iter()
        .filter_map(|region| {
            let catalogue = target.session.catalogue();
            let endpoint = catalogue.find(region, target.interface(region))?;
            let url: Url = endpoint.url.parse().ok()?;
            (url.scheme() == "http").then_some((*region, url))
        })
        .collect();
    let proxy = plain
        .iter()
        .map(|(_, url)| url)
        .chain((keystone.scheme() == "http").then_some(keystone))
        .find_map(HttpClient::proxy_in_the_clear);
    if keystone.scheme() == "http" && proxy.is_none() || plain.is_empty() && proxy.is_none() {
        return None;
    }
    let name = &settings.name;
    let names: Vec<&str> = plain.iter().map(|(region, _)| *region).collect();
    let mut message = if keystone.scheme() == "https" {
        format!(
            "[{name}] is logged in to over https, and the image endpoints of {} are plain http: the token is sent there unencrypted",
            names.join(", ")
        )
    } else {
        format!(
            "[{name}] is reached over plain http: what it is logged in with is sent unencrypted"
        )
    };
    if let Some(proxy) = proxy {
        message.push_str(", through the proxy of $");
        message.push_str(proxy);
    }
    message.push_str(
        "; give it https endpoints, or `interface` or `image_endpoint_override` that lead to some.",
    );
    Some(Warning::new(WarningCode::InsecureConnection, message))
}

impl Fleet {
    /// Logs in to `master` and to the targets of those names; to those that are only `checked` where
    /// they have a usable credential.
    pub(super) async fn log_in(
        settings: &Settings,
        others: BTreeSet<TargetName>,
        checked: &BTreeSet<TargetName>,
    ) -> Result<Self, StartError> {
        let mut warnings =
            settings.check_credentials(others.iter().chain([&TargetName::master()]))?;
        let is_needed = |target: &TargetSettings| {
            let name = &target.name;
            name.is_master() || others.contains(name) || checked.contains(name)
        };
        for target in settings.targets.iter().filter(|target| target.insecure) {
            if is_needed(target) {
                warnings.push(unverified(target));
            }
        }
        let needed = settings.targets.iter().filter(|target| is_needed(target));
        let targets = log_in(needed).await;
        let failed = targets.values().filter_map(|target| target.as_ref().err());
        let ambiguous: Vec<_> = failed
            .filter(|error| error.code() == ErrorCode::ConfigInvalid)
            .cloned()
            .collect();
        if !ambiguous.is_empty() {
            return Err(StartError::Overrides(ambiguous));
        }
        let master_target = match targets.get(&TargetName::master()) {
            Some(Ok(target)) => target.clone(),
            Some(Err(error)) => return Err(StartError::Master(error.clone())),
            None => return Err(StartError::UnknownNames(vec![UnknownName::master()])),
        };
        let mut master_endpoints =
            MasterEndpoints::of(&master_target.session, &settings.master_region.region)
                .map_err(StartError::Master)?;
        let sessions = targets.values().flatten().map(|target| &target.session);
        master_endpoints.resolve(sessions).await;
        Ok(Self {
            master: settings.master_region.clone(),
            master_endpoints,
            master_target,
            targets,
            warnings,
        })
    }

    /// The regions of every target, as the choice wants to know them.
    pub(super) fn regions(&self) -> BTreeMap<TargetName, TargetRegions> {
        self.targets
            .iter()
            .map(|(name, target)| {
                let regions = match target {
                    Err(_) => TargetRegions::Failed,
                    Ok(target) => self.regions_of(target),
                };
                (name.clone(), regions)
            })
            .collect()
    }

    fn regions_of(&self, target: &Target) -> TargetRegions {
        let (master, regions) = target
            .session
            .catalogue()
            .regions()
            .into_iter()
            .map(ToOwned::to_owned)
            .partition(|region: &String| self.master_endpoints.lead_to(&target.session, region));
        TargetRegions::Known { regions, master }
    }

    /// Warns of targets whose token leaves this machine in the clear, on its way to these regions or
    /// to the master region.
    pub(super) fn in_the_clear(&self, regions: &[RegionName]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (name, target) in &self.targets {
            let Ok(target) = target else { continue };
            let master = name.is_master().then_some(&self.master);
            let chosen = regions.iter().filter(|region| region.target == *name);
            let regions: BTreeSet<&str> = master
                .into_iter()
                .chain(chosen)
                .map(|region| region.region.as_str())
                .collect();
            warnings.extend(insecure_endpoints(target, &regions));
        }
        warnings
    }

    /// Reads the master region's images.
    pub(super) async fn inventory(&self, listing: &Listing) -> Result<MasterInventory, StartError> {
        let listed = self.master_list(listing).await;
        let listed = listed.map_err(StartError::Master)?;
        Ok(MasterInventory::build(
            &self.master.region,
            listed,
            self.master_target.session.project_id(),
        ))
    }

    async fn master_list(&self, listing: &Listing) -> Result<Vec<Image>, OpenStackError> {
        let reader = self.master_target.reader(&self.master.region)?;
        reader.list(listing).await
    }
}

/// Logs in for each of these targets that has a usable credential: to all Keystones at once, and once
/// only for targets with the same credential.
pub(super) async fn log_in(
    targets: impl IntoIterator<Item = &Arc<TargetSettings>>,
) -> BTreeMap<TargetName, Result<Target, OpenStackError>> {
    let clients = HttpClients::default();
    let mut log_ins: Vec<LogIn<'_>> = Vec::new();
    for target in targets {
        let Ok(credential) = &target.credential else {
            continue;
        };
        let tls = TlsOptions {
            cacert: target.cacert.clone(),
            cert: target.cert.clone(),
            key: target.key.clone(),
            insecure: target.insecure,
        };
        match log_ins
            .iter_mut()
            .find(|log_in| log_in.credential == credential && log_in.tls == tls)
        {
            Some(shared) => shared.targets.push(target),
            None => log_ins.push(LogIn {
                credential,
                tls,
                retries: target.retries,
                targets: vec![target],
            }),
        }
    }
    let logged_in = join_all(log_ins.iter().map(|log_in| log_in.carry_out(&clients))).await;
    logged_in.into_iter().flatten().collect()
}

/// The log-in with the endpoint of `image_endpoint_override`, where the target has one.
fn overridden(session: Session, settings: &TargetSettings) -> Result<Session, OpenStackError> {
    let Some(own) = &settings.image_endpoint else {
        return Ok(session);
    };
    let known = session.catalogue().regions();
    let region = match (&own.region, known.len()) {
        (Some(region), _) => region.clone(),
        (None, 1) => known.into_iter().collect(),
        (None, _) => {
            return Err(OpenStackError::AmbiguousOverride {
                target: settings.name.clone(),
                place: own.origin.to_string(),
                regions: known.into_iter().map(ToOwned::to_owned).collect(),
            });
        }
    };
    Ok(session.with_endpoint(&region, &own.url))
}

/// A log-in, and the targets that it is for.
struct LogIn<'a> {
    credential: &'a Credential,
    tls: TlsOptions,
    retries: u32,
    targets: Vec<&'a Arc<TargetSettings>>,
}

impl LogIn<'_> {
    async fn carry_out(
        &self,
        clients: &HttpClients,
    ) -> Vec<(TargetName, Result<Target, OpenStackError>)> {
        let session = self.session(clients).await;
        let of_target = |settings: &&Arc<TargetSettings>| {
            let name = &settings.name;
            let target = match &session {
                Ok(session) => {
                    overridden(session.for_target(name.clone()), settings).map(|session| Target {
                        settings: Arc::clone(settings),
                        session,
                    })
                }
                Err(error) => Err(error.clone().for_target(name)),
            };
            (name.clone(), target)
        };
        self.targets.iter().map(of_target).collect()
    }

    async fn session(&self, clients: &HttpClients) -> Result<Session, OpenStackError> {
        let http = clients.get(&self.tls)?;
        let name = self.targets[0].name.clone();
        let retry = RetryPolicy::new(self.retries);
        Session::log_in(http, name, self.credential.clone(), retry).await
    }
}

/// What each of the targets wants of the inventory. Conditions run on a thread of their own, one
/// after another, before any region starts; how far they are is reported meanwhile.
pub(super) async fn select(
    inventory: &Arc<MasterInventory>,
    targets: Vec<Arc<TargetSettings>>,
    events: &Events,
) -> Result<BTreeMap<TargetName, Arc<Selection>>, StartError> {
    let images = inventory.images.len();
    let inventory = Arc::clone(inventory);
    let under_way = Arc::new(Mutex::new(None));
    let at_work = Arc::clone(&under_way);
    let mut selecting = tokio::task::spawn_blocking(move || {
        targets
            .into_iter()
            .map(|target| {
                if let Some(condition) = &target.condition {
                    *host::locked(&at_work) = Some((target.name.clone(), condition.clone()));
                }
                let selection =
                    Selection::choose(&inventory, &target.rules, target.condition.as_ref());
                (target.name.clone(), Arc::new(selection))
            })
            .collect()
    });
    let selected = loop {
        tokio::select! {
            selected = &mut selecting => break selected,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let at_work = host::locked(&under_way).clone();
        if let Some((target, condition)) = at_work {
            let doing = format!("evaluating `metadata_condition` of [{target}]");
            let done = condition.evaluations().min(images);
            events.phase(doing, format!("{done} of {images} images"));
        }
    };
    selected.map_err(|_| StartError::SelectionLost)
}

fn lines(items: &[impl ToString]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join("\n")
}
