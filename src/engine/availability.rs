//! Asks every target and region of the configuration whether it answers, for `check-config`. Talks
//! to the clouds by itself: there is no run, so there are no actors and no events.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;

use super::prepare::Scope;
use super::region::failure_of;
use super::targets::{self, Target};
use crate::config::Settings;
use crate::event::Failure;
use crate::model::{RegionName, TargetName};
use crate::openstack::{Listing, MasterEndpoints, OpenStackError};
use crate::plan::{MasterInventory, PassedOver};

/// Lists that are read at the same time.
const AT_ONCE: usize = 8;

/// To publish is for this role, unless a Glance's policy `publicize_image` says otherwise.
const PUBLISHING_ROLE: &str = "admin";

/// What came of the log-in to a target.
#[derive(Debug, Serialize)]
pub struct TargetSurvey {
    /// The target.
    pub target: TargetName,
    /// Why it cannot be logged in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// The user's name; empty where the log-in failed.
    pub user: String,
    /// The project's name; empty where the log-in failed.
    pub project: String,
    /// The names of the user's roles in the project.
    pub roles: Vec<String>,
    /// True where they are those that may publish by Glance's usual policy.
    pub may_publish: bool,
    /// The master region first, then the others in run order, less `ignore_regions`.
    pub regions: Vec<RegionSurvey>,
}

/// What came of the list of a region.
#[derive(Debug, Serialize)]
pub struct RegionSurvey {
    /// The region.
    pub region: RegionName,
    /// True for the master region.
    pub is_master: bool,
    /// How many images the credential sees; none where the list failed.
    pub images: Option<usize>,
    /// Of the master region, how many own images do not count, by why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub passed_over: BTreeMap<PassedOver, usize>,
    /// How long the list took.
    pub seconds: f64,
    /// The version of the Image API that its Glance calls the current one; none where it does not
    /// say.
    pub api_version: Option<String>,
    /// Why the list failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Logs in to each target that has a usable credential, and reads the list of each of its regions.
/// Changes nothing.
pub async fn survey(settings: &Settings) -> Vec<TargetSurvey> {
    let targets = targets::log_in(&settings.targets).await;
    let master = targets.get(&TargetName::master());
    let master_region = &settings.master_region;
    let mut master_endpoints = master
        .and_then(|target| target.as_ref().ok())
        .and_then(|target| MasterEndpoints::of(&target.session, &master_region.region).ok());
    if let Some(endpoints) = &mut master_endpoints {
        let sessions = targets.values().flatten().map(|target| &target.session);
        endpoints.resolve(sessions).await;
    }
    let mut surveys = Vec::new();
    for target_settings in &settings.targets {
        surveys.push(match targets.get(&target_settings.name) {
            Some(Ok(target)) => {
                let regions = regions(settings, target, master_endpoints.as_ref());
                of_target(target, regions, settings).await
            }
            Some(Err(error)) => of_failure(&target_settings.name, error),
            // Without a usable credential it has its warning, and no run can use it.
            None => continue,
        });
    }
    surveys
}

/// The regions of a target that a run would go to, and the master region.
fn regions(
    settings: &Settings,
    target: &Target,
    master_endpoints: Option<&MasterEndpoints>,
) -> Vec<RegionName> {
    let name = &target.settings.name;
    let catalogue = target.session.catalogue().regions();
    let others = catalogue
        .into_iter()
        .filter(|region| {
            !master_endpoints.is_some_and(|master| master.lead_to(&target.session, region))
        })
        .map(ToOwned::to_owned)
        .collect();
    let mut regions = Scope::default().wishes(settings).expand(name, &others);
    if name.is_master() {
        regions.retain(|region| *region != settings.master_region);
        regions.insert(0, settings.master_region.clone());
    }
    regions
}

async fn of_target(target: &Target, regions: Vec<RegionName>, settings: &Settings) -> TargetSurvey {
    let session = &target.session;
    let surveys = regions.into_iter();
    let surveys = surveys.map(async |region| of_region(target, region, settings).await);
    TargetSurvey {
        target: target.settings.name.clone(),
        error: None,
        user: session.user_name().to_owned(),
        project: session.project_name().to_owned(),
        roles: session.roles().to_vec(),
        may_publish: session
            .roles()
            .iter()
            .any(|role| role.eq_ignore_ascii_case(PUBLISHING_ROLE)),
        regions: stream::iter(surveys).buffered(AT_ONCE).collect().await,
    }
}

fn of_failure(target: &TargetName, error: &OpenStackError) -> TargetSurvey {
    TargetSurvey {
        target: target.clone(),
        error: Some(failure_of(error)),
        user: String::new(),
        project: String::new(),
        roles: Vec::new(),
        may_publish: false,
        regions: Vec::new(),
    }
}

async fn of_region(target: &Target, region: RegionName, settings: &Settings) -> RegionSurvey {
    let started = Instant::now();
    let is_master = region == settings.master_region;
    let listed = if is_master {
        count_masters(target, &region.region, settings).await
    } else {
        count_images(target, &region.region).await
    };
    let seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let ((images, passed_over), api_version, error) = match listed {
        Ok((images, passed_over)) => (
            (Some(images), passed_over),
            api_version(target, &region.region).await,
            None,
        ),
        Err(error) => ((None, BTreeMap::new()), None, Some(failure_of(&error))),
    };
    RegionSurvey {
        region,
        is_master,
        images,
        passed_over,
        seconds,
        api_version,
        error,
    }
}

/// How many images a region has, and how many of the master's do not count.
type Counted = Result<(usize, BTreeMap<PassedOver, usize>), OpenStackError>;

async fn count_images(target: &Target, region: &str) -> Counted {
    let images = target.reader(region)?.list_raw(&Listing::All).await?;
    Ok((images.len(), BTreeMap::new()))
}

async fn count_masters(target: &Target, region: &str, settings: &Settings) -> Counted {
    let images = target.reader(region)?.list(&Listing::All).await?;
    let count = images.len();
    let mut inventory = MasterInventory::build(region, images, target.session.project_id());
    let mut targets = settings.targets.iter();
    if targets.any(|target| target.rules.counts_hidden_masters()) {
        inventory = inventory.with_hidden();
    }
    Ok((count, inventory.passed_over))
}

/// A proxy may keep the list of versions to itself, which is no fault of the region.
async fn api_version(target: &Target, region: &str) -> Option<String> {
    target.reader(region).ok()?.api_version().await.ok()?
}
