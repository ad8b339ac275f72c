//! A whole run that compares: inventory and selection, what the regions came to, the exit code. What
//! it has in common with other runs is in `prepare`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::contents;
use super::coordinator::{ProofTurns, VerifiedCopies};
use super::orphan_doubts::OrphanDoubts;
use super::outcome::{FailOn, RunOutcome};
use super::prepare::{Names, Prepared, Scope, log_in, whole_targets};
use super::region::{Pipeline, RegionTask, RunContext, failure_of};
use super::region_selection::{ChoiceKind, SelectedRegions};
use super::saved_plan::SavedPlan;
use super::shutdown::StopSignal;
use super::targets::{Fleet, StartError, select};
use super::verdict::Verdict;
use crate::config::Settings;
use crate::delivery::RateLimiter;
use crate::event::Events;
use crate::event::{Failure, Mode};
use crate::model::{ImageId, PullFrom, RegionName, TargetName, Warning, WarningCode, did_you_mean};
use crate::openstack::Listing;
use crate::plan::{
    ImageFilter, MasterInventory, OwnIncomplete, Selection, TargetChoice, lists_hidden_masters,
    unmatched,
};
use crate::state::{FailedProofs, FoundHashes};

/// What the command line asks for.
#[derive(Debug)]
pub struct RunOptions {
    /// What the run does.
    pub mode: Mode,
    /// In which regions.
    pub scope: Scope,
    /// `--image`
    pub filter: ImageFilter,
    /// The saved plan that is carried out, where one is.
    pub saved_plan: Option<Arc<SavedPlan>>,
    /// Where a dry run's plan will be written.
    pub plan_out: Option<PathBuf>,
    /// `--keep-going`
    pub keep_going: bool,
    /// `--fail-on`
    pub fail_on: Option<FailOn>,
    /// The random id of this installation, for the tags of images on their way.
    pub installation: String,
    /// What the incomplete images of this installation are.
    pub own_incomplete: OwnIncomplete,
    /// The hashes of other kinds that contents of the master were found to have.
    pub hashes: FoundHashes,
    /// Deliveries that could not be verified, and are not tried again yet.
    pub failed_proofs: FailedProofs,
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
    let begun = stop.unless_stopping(async {
        let (scope, mode) = (&options.scope, options.mode);
        // A region that a saved plan has, and the catalogue no more, fails alone.
        let names = match &options.saved_plan {
            Some(_) => Names::Unchecked,
            None => Names::Checked,
        };
        let run = Prepared::new(settings, scope, mode, names, events, stop).await?;
        events.phase(format!("listing the images of {}", run.fleet.master), "");
        let targets = used_targets(&run.fleet, &run.chosen);
        let listing = if targets.iter().any(|it| lists_hidden_masters(&it.rules)) {
            Listing::WithHidden
        } else {
            Listing::Visible
        };
        let inventory = Arc::new(run.fleet.inventory(&listing).await?);
        if let Some(saved) = &options.saved_plan {
            let checked = saved.file.check_master(&run.fleet.master, &inventory);
            checked.map_err(|error| saved.error(error))?;
        }
        let masters = if targets.iter().any(|it| it.rules.counts_hidden_masters()) {
            Arc::new(inventory.with_hidden())
        } else {
            Arc::clone(&inventory)
        };
        let selections = select(&inventory, targets, events).await?;
        let doubts = OrphanDoubts::new(settings, &run.fleet, &listing);
        Ok::<_, StartError>((run, inventory, masters, selections, doubts))
    });
    let (run, inventory, masters, selections, orphan_doubts) =
        begun.await.ok_or(StartError::Interrupted)??;
    let tasks = run.tasks();
    let counted = regions_by_image(&tasks, &selections);
    let contents = contents::open(settings, &run.fleet, counted, options.mode, events).await?;
    let passed_over = masters.passed_over.clone();
    let plan_file = options.saved_plan.as_ref().map(|saved| &saved.path);
    let plan_file = plan_file.or(options.plan_out.as_ref());
    run.announce(
        &tasks,
        &options.filter,
        plan_file.map(PathBuf::as_path),
        passed_over,
    );
    let planned = tasks.len();
    let mut warnings = master_warnings(&run.fleet, &masters);
    warnings.extend(selection_warnings(&run.fleet, &inventory, &selections));
    if !tasks.is_empty() {
        warnings.extend(filter_warnings(&options.filter, &selections));
    }
    for warning in warnings {
        events.warning(None, warning);
    }
    // With nothing to compare with, a sync is wrong whatever it does.
    let nothing_to_do = masters.images.is_empty() && !options.mode.only_compares();
    let conditions_failed = selections
        .values()
        .any(|selection| selection.condition_failed());
    let context = Arc::new(RunContext {
        mode: options.mode,
        filter: options.filter,
        saved_plan: options.saved_plan,
        keep_going: options.keep_going,
        selections,
        contents,
        master: run.fleet.master_endpoints.clone(),
        inventory: Arc::clone(&inventory),
        orphan_doubts,
        installation: options.installation,
        own_incomplete: options.own_incomplete,
        hashes: Arc::new(options.hashes),
        failed_proofs: Arc::new(options.failed_proofs),
        proofs: ProofTurns::default(),
        copies: Arc::new(VerifiedCopies::of(
            run.fleet.master.clone(),
            run.fleet.master_target.keystone(),
            are_copies_asked_for(settings),
        )),
        bandwidth: RateLimiter::new(&settings.bwlimit_total),
        events: events.clone(),
        stop: stop.clone(),
    });
    let tasks = if nothing_to_do { Vec::new() } else { tasks };
    let regions = run.carry_out(Arc::new(Pipeline(context)), tasks).await?;
    let verdict = Verdict {
        nothing_to_do,
        conditions_failed,
        fail_on: options.fail_on,
    };
    let outcome = run.finish(regions, planned, &verdict);
    let masters = Some((run.fleet.master.clone(), masters));
    Ok(RunOutcome { masters, ..outcome })
}

/// Some target pulls from any region.
fn are_copies_asked_for(settings: &Settings) -> bool {
    let mut targets = settings.targets.iter();
    targets.any(|target| target.delivery.pull_from == PullFrom::Any)
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

/// Looks at the catalogues: where no region is named, at that of every target that has a usable
/// credential. Needs no actix system.
pub async fn regions(settings: &Settings, mut scope: Scope) -> Result<FleetRegions, StartError> {
    if scope.selectors.is_empty() && !scope.all {
        let targets = settings.targets.iter();
        scope.selectors = whole_targets(targets.filter(|target| target.credential.is_ok()));
    }
    let (fleet, chosen) = log_in(settings, &scope, Names::Checked).await?;
    let chosen = chosen.regions.into_iter();
    let failures = chosen
        .clone()
        .filter_map(|(name, _)| {
            let error = fleet.targets.get(&name.target)?.as_ref().err()?;
            Some((name, failure_of(error)))
        })
        .collect();
    Ok(FleetRegions {
        regions: chosen
            .filter(|(_, kind)| *kind == ChoiceKind::Region)
            .map(|(name, _)| name)
            .collect(),
        failures,
        warnings: fleet.warnings,
    })
}

/// How many regions may come to need each image.
fn regions_by_image(
    tasks: &[RegionTask],
    selections: &BTreeMap<TargetName, Arc<Selection>>,
) -> HashMap<ImageId, usize> {
    let mut counted = HashMap::new();
    let selected = tasks
        .iter()
        .filter_map(|task| selections.get(&task.region.target));
    for id in selected.flat_map(|selection| selection.master_ids()) {
        *counted.entry(id).or_default() += 1;
    }
    counted
}

fn used_targets(
    fleet: &Fleet,
    chosen: &SelectedRegions,
) -> Vec<Arc<crate::config::TargetSettings>> {
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

fn filter_warnings(
    filter: &ImageFilter,
    selections: &BTreeMap<TargetName, Arc<Selection>>,
) -> Vec<Warning> {
    let unmatched = filter.unmatched(selections.values().map(Arc::as_ref));
    let names: Vec<&str> = selections.values().flat_map(|it| it.names()).collect();
    let warning = |(option, glob): (&str, &str)| {
        let near = did_you_mean(glob, names.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let message = format!("{option} `{glob}` matches no image that is synchronised{near}");
        Warning::new(WarningCode::NoMatch, message)
    };
    unmatched.into_iter().map(warning).collect()
}

fn master_warnings(fleet: &Fleet, masters: &MasterInventory) -> Vec<Warning> {
    let mut warnings = masters.warnings.clone();
    if masters.images.is_empty() {
        warnings.push(Warning::new(
            WarningCode::EmptyInventory,
            format!(
                "the master region {} has no image that counts: nothing is done in any region; check project and region of [master]",
                fleet.master
            ),
        ));
    }
    warnings
}

fn selection_warnings(
    fleet: &Fleet,
    inventory: &MasterInventory,
    selections: &BTreeMap<TargetName, Arc<Selection>>,
) -> Vec<Warning> {
    let all = selections.values();
    let mut warnings: Vec<Warning> = all
        .flat_map(|selection| selection.warnings.iter().cloned())
        .collect();
    let choices: Vec<_> = selections
        .iter()
        .filter_map(|(target, selection)| {
            let settings = &fleet.targets.get(target)?.as_ref().ok()?.settings;
            Some(TargetChoice {
                target,
                rules: &settings.rules,
                selection,
            })
        })
        .collect();
    warnings.extend(unmatched(inventory, &choices));
    warnings
}
