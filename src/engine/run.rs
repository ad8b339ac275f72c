//! A whole run: log-ins, inventory, choice of regions, then the coordinator, then the exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use actix::Actor;

use super::choose::{ChoiceKind, Chosen, Wishes};
use super::coordinator::{Coordinator, RunRegions};
use super::fleet::{Fleet, StartError, check_targets, select};
use super::outcome::{EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, FailOn, RegionOutcome, RunOutcome};
use super::region::{Pipeline, RegionJob, RegionTask, RunContext, failure_of};
use super::shutdown::StopSignal;
use crate::config::Settings;
use crate::model::{ErrorCode, RegionName, RegionSelector, TargetName, Warning, WarningCode};
use crate::openstack::OpenStackError;
use crate::plan::{ImageFilter, MasterInventory, Selection};
use crate::report::Events;
use crate::report::event::{EventKind, Failure, Mode};
use crate::transfer::ImagesDir;

/// What the command line asks for.
#[derive(Debug)]
pub struct RunOptions {
    /// What the run does.
    pub mode: Mode,
    /// The regions; none stand for all regions of `master`.
    pub selectors: Vec<RegionSelector>,
    /// `--exclude`
    pub exclude: BTreeSet<RegionName>,
    /// `--image`
    pub filter: ImageFilter,
    /// Several regions at once; otherwise one after another.
    pub parallel: bool,
    /// `--keep-going`
    pub keep_going: bool,
    /// `--fail-on`
    pub fail_on: Option<FailOn>,
    /// The random id of this installation, for the tags of images on their way.
    pub installation: String,
}

/// Runs the fleet. Needs a running actix system.
///
/// # Errors
///
/// Whatever is wrong before the first region starts: nothing was changed then.
pub async fn run(
    settings: &Settings,
    options: RunOptions,
    events: &Events,
    stop: &StopSignal,
) -> Result<RunOutcome, StartError> {
    let started = Instant::now();
    check_targets(&options.selectors, settings)?;
    let wishes = wishes(settings, options.selectors, options.exclude);
    let fleet = Fleet::log_in(settings, wishes.other_targets()).await?;
    let inventory = Arc::new(fleet.inventory().await?);
    let chosen = fleet.choose(&wishes);
    let selections = select(&inventory, used_targets(&fleet, &chosen)).await?;

    let max_children = if options.parallel {
        settings.max_children
    } else {
        1
    };
    events.emit(
        None,
        EventKind::RunStarted {
            master: fleet.master.clone(),
            regions: chosen
                .regions
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            mode: options.mode,
            parallel: options.parallel,
            max_children,
        },
    );
    let warnings = start_warnings(&fleet, &chosen, &inventory, &selections);
    for warning in warnings {
        events.warning(None, warning);
    }
    // With nothing to compare with, a sync is wrong whatever it does.
    let is_pointless = inventory.images.is_empty() && options.mode != Mode::Status;
    let tasks = if is_pointless {
        Vec::new()
    } else {
        tasks(&fleet, &chosen, &selections)
    };
    let context = Arc::new(RunContext {
        mode: options.mode,
        filter: options.filter,
        keep_going: options.keep_going,
        images: ImagesDir::new(&settings.images_dir),
        master: fleet.master_endpoints.clone(),
        installation: options.installation,
        events: events.clone(),
        stop: stop.clone(),
    });
    let coordinator = Coordinator::new(
        Arc::new(Pipeline(context)),
        events.clone(),
        stop.clone(),
        max_children,
    )
    .start();
    let regions = coordinator
        .send(RunRegions(tasks))
        .await
        .ok()
        .flatten()
        .ok_or(StartError::CoordinatorLost)?;

    let conditions_failed = selections
        .values()
        .any(|selection| selection.condition_failed());
    let exit_code = if stop.is_stopping() {
        EXIT_INTERRUPTED
    } else if is_pointless
        || conditions_failed
        || regions
            .iter()
            .any(|region| is_unwelcome(region, options.fail_on))
    {
        EXIT_FAILED
    } else {
        EXIT_OK
    };
    let regions_failed = regions.iter().filter(|region| region.is_failed()).count();
    events.emit(
        None,
        EventKind::RunFinished {
            regions_ok: regions.len() - regions_failed,
            regions_failed,
            uploaded_bytes: regions.iter().map(|region| region.uploaded_bytes).sum(),
            seconds: started.elapsed().as_secs_f64(),
            exit_code,
        },
    );
    Ok(RunOutcome { regions, exit_code })
}

/// What `--show-regions` shows.
#[derive(Debug)]
pub struct FleetRegions {
    /// The regions of every target in run order, less `ignore_regions`.
    pub regions: Vec<RegionName>,
    /// Targets that cannot be logged in to; the others go on.
    pub failures: Vec<(RegionName, Failure)>,
    /// Targets without a usable credential.
    pub warnings: Vec<Warning>,
}

/// Looks at the catalogue of every target that has a usable credential.
pub async fn regions(settings: &Settings) -> Result<FleetRegions, StartError> {
    let usable = settings
        .targets
        .iter()
        .filter(|target| target.credential.is_ok());
    let selectors = usable
        .map(|target| RegionSelector::WholeTarget(target.name.clone()))
        .collect();
    let wishes = wishes(settings, selectors, BTreeSet::new());
    let fleet = Fleet::log_in(settings, wishes.other_targets()).await?;
    let failures = fleet
        .targets
        .iter()
        .filter_map(|(name, target)| {
            let error = target.as_ref().err()?;
            Some((RegionName::new(name.clone(), ""), failure_of(error)))
        })
        .collect();
    let chosen = fleet.choose(&wishes).regions.into_iter();
    Ok(FleetRegions {
        regions: chosen
            .filter(|(_, kind)| *kind == ChoiceKind::Region)
            .map(|(name, _)| name)
            .collect(),
        failures,
        warnings: fleet.warnings,
    })
}

fn wishes(
    settings: &Settings,
    selectors: Vec<RegionSelector>,
    exclude: BTreeSet<RegionName>,
) -> Wishes {
    Wishes {
        selectors,
        exclude,
        preferable_order: settings.preferable_order.clone(),
        ignore_regions: settings
            .targets
            .iter()
            .map(|target| (target.name.clone(), target.ignore_regions.clone()))
            .collect(),
    }
}

fn is_unwelcome(region: &RegionOutcome, fail_on: Option<FailOn>) -> bool {
    region.is_failed()
        || fail_on.is_some_and(|fail_on| {
            region
                .statuses
                .iter()
                .any(|(_, status)| fail_on.finds(*status))
        })
}

fn used_targets(fleet: &Fleet, chosen: &Chosen) -> Vec<Arc<crate::config::TargetSettings>> {
    let used: BTreeSet<&TargetName> = chosen
        .regions
        .iter()
        .filter(|(_, kind)| *kind == ChoiceKind::Region)
        .map(|(name, _)| &name.target)
        .collect();
    used.into_iter()
        .filter_map(|name| fleet.targets.get(name)?.as_ref().ok())
        .map(|target| Arc::clone(&target.settings))
        .collect()
}

fn start_warnings(
    fleet: &Fleet,
    chosen: &Chosen,
    inventory: &MasterInventory,
    selections: &BTreeMap<TargetName, Arc<Selection>>,
) -> Vec<Warning> {
    let mut warnings = fleet.warnings.clone();
    for target in fleet.targets.values().flatten() {
        if target.settings.insecure {
            warnings.push(Warning::new(
                WarningCode::InsecureConnection,
                format!(
                    "`insecure` is set for [{}]: the certificates of its servers are not verified",
                    target.settings.name
                ),
            ));
        }
    }
    for region in &chosen.skipped_master {
        warnings.push(Warning::new(
            WarningCode::MasterRegionSkipped,
            format!("{region} leads to the master region's own Glance, and is skipped"),
        ));
    }
    warnings.extend(inventory.warnings.iter().cloned());
    if inventory.images.is_empty() {
        warnings.push(Warning::new(
            WarningCode::EmptyInventory,
            format!(
                "the master region {} has no image that counts: nothing is done in any region; check project and region of [master]",
                fleet.master
            ),
        ));
    }
    for selection in selections.values() {
        warnings.extend(selection.warnings.iter().cloned());
    }
    warnings
}

fn tasks(
    fleet: &Fleet,
    chosen: &Chosen,
    selections: &BTreeMap<TargetName, Arc<Selection>>,
) -> Vec<RegionTask> {
    chosen
        .regions
        .iter()
        .map(|(region, kind)| RegionTask {
            region: region.clone(),
            job: job(fleet, region, *kind, selections),
        })
        .collect()
}

fn job(
    fleet: &Fleet,
    region: &RegionName,
    kind: ChoiceKind,
    selections: &BTreeMap<TargetName, Arc<Selection>>,
) -> Result<RegionJob, Failure> {
    let target = match fleet.targets.get(&region.target) {
        Some(Ok(target)) if kind != ChoiceKind::TargetFailed => target,
        Some(Err(error)) => return Err(failure_of(error)),
        _ => return Err(missing(region)),
    };
    let reader = target
        .reader(&region.region)
        .map_err(|error: OpenStackError| failure_of(&error))?;
    let selection = selections
        .get(&region.target)
        .ok_or_else(|| missing(region))?;
    Ok(RegionJob {
        target: target.clone(),
        selection: Arc::clone(selection),
        endpoint: reader.endpoint().clone(),
    })
}

fn missing(region: &RegionName) -> Failure {
    Failure {
        code: ErrorCode::RegionUnknown,
        message: format!("{region}: nothing is known of this region"),
        hint: ErrorCode::RegionUnknown.hint().to_owned(),
        image: None,
        action: None,
    }
}
