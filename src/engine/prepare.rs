//! What every run over regions has in common: log-ins and choice before, coordinator, outcome and
//! the events around it all. `run` and `backup` say what is done in between.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, Addr};

use super::coordinator::{Coordinator, RunRegions};
use super::names::KnownNames;
use super::outcome::{RegionOutcome, RunOutcome};
use super::region::{RegionTask, RegionWork, failure_of, unknown_region};
use super::region_selection::{
    ChoiceKind, RegionCriteria, SelectedRegions, TargetRegions, excludes,
};
use super::shutdown::{OVERTIME, StopCause, StopSignal};
use super::targets::{Fleet, StartError};
use super::verdict::Verdict;
use super::waves::{WaveRun, WavesOutcome};
use crate::config::{Settings, TargetSettings};
use crate::event::Events;
use crate::event::{EventKind, Mode};
use crate::exit_codes;
use crate::host::regions_at_once;
use crate::model::{
    RegionName, RegionSelector, RunWave, TargetName, TimeSpan, Warning, WarningCode, WaveMember,
    WaveRules,
};
use crate::plan::{ImageFilter, PassedOver};

/// Which regions, and how many of them at once.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The regions; none stand for all regions of `master`.
    pub selectors: Vec<RegionSelector>,
    /// Every region of every target, in place of `selectors`.
    pub all: bool,
    /// `--exclude`
    pub exclude: BTreeSet<RegionSelector>,
    /// What else a word of the command line may have been meant as.
    pub commands: Vec<String>,
    /// After which wave the run ends, where not after the last.
    pub until_wave: Option<String>,
    /// At most `max_children` regions at once; otherwise one after another.
    pub parallel: bool,
}

impl Scope {
    /// True where `--exclude` names the region or its target.
    pub(super) fn excludes(&self, name: &RegionName) -> bool {
        excludes(&self.exclude, name)
    }

    pub(super) fn wishes(&self, settings: &Settings) -> RegionCriteria {
        RegionCriteria {
            selectors: if self.all {
                whole_targets(settings.targets.iter())
            } else {
                self.selectors.clone()
            },
            exclude: self.exclude.clone(),
            preferable_order: settings.preferable_order.clone(),
            ignore_regions: settings
                .targets
                .iter()
                .map(|target| (target.name.clone(), target.ignore_regions.clone()))
                .collect(),
        }
    }
}

/// A warning for each region that a wave names, and no target that was logged in to has.
fn unknown_members(settings: &Settings, fleet: &Fleet) -> Vec<Warning> {
    let configured: BTreeSet<&TargetName> = settings.targets.iter().map(|it| &it.name).collect();
    let known = fleet.regions();
    let is_unknown = |selector: &RegionSelector| {
        let target = selector.target();
        match (selector, known.get(target)) {
            (RegionSelector::Region(name), Some(TargetRegions::Known { regions, master })) => {
                !regions.contains(&name.region) && !master.contains(&name.region)
            }
            _ => !configured.contains(target),
        }
    };
    let waves = settings.waves.waves.iter();
    let members = waves.flat_map(|wave| wave.members.iter().map(move |member| (wave, member)));
    let unknown = members.filter_map(|(wave, member)| match member {
        WaveMember::Regions(selector) if is_unknown(selector) => Some((wave, selector)),
        _ => None,
    });
    unknown
        .map(|(wave, selector)| {
            let message = format!(
                "`waves`: `{selector}` of the wave `{}` is a region of no target",
                wave.name
            );
            Warning::new(WarningCode::NoMatch, message)
        })
        .collect()
}

/// Each of these targets as a whole.
pub(super) fn whole_targets<'a>(
    targets: impl Iterator<Item = &'a Arc<TargetSettings>>,
) -> Vec<RegionSelector> {
    targets
        .map(|target| RegionSelector::WholeTarget(target.name.clone()))
        .collect()
}

fn known_names<'a>(
    settings: &'a Settings,
    targets: &'a BTreeMap<TargetName, TargetRegions>,
    commands: &'a [String],
) -> KnownNames<'a> {
    KnownNames {
        targets,
        configured: settings.targets.iter().map(|target| &target.name).collect(),
        commands,
    }
}

/// Refuses the names of the command line that neither the configuration nor these catalogues have.
pub(super) fn check(
    settings: &Settings,
    targets: &BTreeMap<TargetName, TargetRegions>,
    commands: &[String],
    wishes: &RegionCriteria,
) -> Result<(), StartError> {
    let unknown = known_names(settings, targets, commands).unknown(wishes);
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(StartError::UnknownNames(unknown))
    }
}

/// Refuses targets that the configuration lacks.
///
/// # Errors
///
/// Each name of the command line that is of no target.
pub fn check_targets(settings: &Settings, scope: &Scope) -> Result<(), StartError> {
    let wishes = scope.wishes(settings);
    check(settings, &BTreeMap::new(), &scope.commands, &wishes)
}

/// Refuses targets that cannot be logged in to; what is wrong with those that `scope` does not name are
/// warnings.
///
/// # Errors
///
/// Each target of `scope` without a usable credential.
pub fn check_credentials(settings: &Settings, scope: &Scope) -> Result<Vec<Warning>, StartError> {
    let used = scope.wishes(settings).other_targets();
    Ok(settings.check_credentials(used.iter().chain([&TargetName::master()]))?)
}

/// Whether a name that its catalogue lacks ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// It does.
    Checked,
    /// It is for the caller to judge.
    Unchecked,
}

/// Logs in, chooses the regions, and refuses names that are not known.
pub(super) async fn log_in(
    settings: &Settings,
    scope: &Scope,
    names: Names,
) -> Result<(Fleet, SelectedRegions), StartError> {
    let wishes = scope.wishes(settings);
    let excluded = wishes.excluded_targets();
    let mut fleet = match Fleet::log_in(settings, wishes.other_targets(), &excluded).await {
        Ok(fleet) => fleet,
        // No catalogue is known; a target that the configuration lacks is wrong all the same.
        Err(error) => {
            check(settings, &BTreeMap::new(), &scope.commands, &wishes)?;
            return Err(error);
        }
    };
    let regions = fleet.regions();
    if names == Names::Checked {
        check(settings, &regions, &scope.commands, &wishes)?;
    }
    let ignored = known_names(settings, &regions, &[]).unmatched_ignores(&wishes);
    fleet.warnings.extend(ignored);
    let chosen = wishes.choose(&regions);
    let names: Vec<RegionName> = chosen
        .regions
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let insecure = fleet.in_the_clear(&names);
    fleet.warnings.extend(insecure);
    Ok((fleet, chosen))
}

/// A run whose regions are known and none of which has started.
pub(super) struct Prepared<'a> {
    /// The log-ins.
    pub fleet: Fleet,
    /// The regions.
    pub chosen: SelectedRegions,
    /// What in the values of each target's log-in was hardly meant.
    doubts: BTreeMap<TargetName, Vec<String>>,
    mode: Mode,
    /// The waves; empty where the run has none.
    waves: Vec<RunWave>,
    wave_rules: &'a WaveRules,
    until_wave: Option<String>,
    /// What the waves came to, but for the regions.
    waves_outcome: OnceCell<WavesOutcome>,
    parallel: bool,
    max_children: usize,
    /// After which no action begins.
    max_duration: Option<TimeSpan>,
    events: &'a Events,
    stop: &'a StopSignal,
    started: Instant,
}

impl<'a> Prepared<'a> {
    /// Logs in and chooses the regions.
    pub(super) async fn new(
        settings: &'a Settings,
        scope: &Scope,
        mode: Mode,
        names: Names,
        events: &'a Events,
        stop: &'a StopSignal,
    ) -> Result<Self, StartError> {
        let started = Instant::now();
        events.phase("logging in", "");
        let (mut fleet, mut chosen) = log_in(settings, scope, names).await?;
        let waves = if mode.is_sync() || mode == Mode::DryRun || mode.only_compares() {
            fleet.warnings.extend(unknown_members(settings, &fleet));
            chosen.sort_into(&settings.waves)
        } else {
            Vec::new()
        };
        Ok(Self {
            fleet,
            chosen,
            waves,
            wave_rules: &settings.waves,
            until_wave: scope.until_wave.clone(),
            waves_outcome: OnceCell::new(),
            doubts: settings
                .targets
                .iter()
                .map(|target| (target.name.clone(), target.doubts.clone()))
                .collect(),
            mode,
            parallel: scope.parallel,
            max_children: if scope.parallel {
                settings.max_children.min(regions_at_once())
            } else {
                1
            },
            max_duration: settings.max_duration.filter(|_| mode.may_change_regions()),
            events,
            stop,
            started,
        })
    }

    /// A task for each chosen region, in run order.
    pub(super) fn tasks(&self) -> Vec<RegionTask> {
        let task = |(region, kind): &(RegionName, ChoiceKind)| match self
            .fleet
            .targets
            .get(&region.target)
        {
            Some(Ok(target)) if *kind != ChoiceKind::TargetFailed => {
                RegionTask::new(region, target)
            }
            Some(Err(error)) => {
                let mut failure = failure_of(error);
                let doubts = self.doubts.get(&region.target);
                failure.add_doubts(doubts.map_or(&[], Vec::as_slice));
                RegionTask::failing(region, failure)
            }
            _ => RegionTask::failing(region, unknown_region(region)),
        };
        self.chosen.regions.iter().map(task).collect()
    }

    /// Reports that the run starts with these regions, and what was found so far.
    pub(super) fn announce(
        &self,
        tasks: &[RegionTask],
        filter: &ImageFilter,
        plan_file: Option<&Path>,
        passed_over: BTreeMap<PassedOver, usize>,
    ) {
        let regions: Vec<_> = tasks.iter().map(|task| task.region.clone()).collect();
        // What is run is no longer skipped, as the master region in a backup.
        let skipped = self.chosen.skipped_master.iter();
        let skipped: Vec<_> = skipped.filter(|name| !regions.contains(name)).collect();
        let started = EventKind::RunStarted {
            master: self.fleet.master.clone(),
            regions,
            mode: self.mode,
            parallel: self.parallel,
            max_children: self.max_children,
            images: filter.globs(),
            excluded_images: filter.excluded(),
            plan_file: plan_file.map(|path| path.display().to_string()),
            waves: self.waves.clone(),
            passed_over,
        };
        self.events.emit(None, started);
        for warning in &self.fleet.warnings {
            self.events.warning(None, warning.clone());
        }
        for region in skipped {
            let message = if *region == self.fleet.master {
                format!(
                    "{region} is the master region, with which the others are compared: it is never written to, and is skipped"
                )
            } else {
                format!("{region} leads to the master region's own Glance, and is skipped")
            };
            self.warn(WarningCode::MasterRegionSkipped, message);
        }
    }

    fn warn(&self, code: WarningCode, message: String) {
        self.events.warning(None, Warning::new(code, message));
    }

    /// Has the work done for each task by an actor of its own, as long as the run has time.
    pub(super) async fn carry_out(
        &self,
        work: Arc<dyn RegionWork>,
        tasks: Vec<RegionTask>,
    ) -> Result<Vec<RegionOutcome>, StartError> {
        let (events, stop) = (self.events.clone(), self.stop.clone());
        let coordinator = Coordinator::new(work, events, stop, self.max_children).start();
        let regions = self.run_regions(&coordinator, tasks);
        let regions = match self.max_duration {
            None => regions.await,
            Some(limit) => {
                let left = limit.0.saturating_sub(self.started.elapsed());
                tokio::select! {
                    biased;
                    never = self.stop.limit(left, OVERTIME) => match never {},
                    regions = regions => regions,
                }
            }
        };
        regions.ok_or(StartError::CoordinatorLost)
    }

    /// Runs the tasks, wave by wave where there are waves; none where the coordinator is gone.
    async fn run_regions(
        &self,
        coordinator: &Addr<Coordinator>,
        tasks: Vec<RegionTask>,
    ) -> Option<Vec<RegionOutcome>> {
        // What only looks shows the waves, and waits for none.
        if self.waves.is_empty() || tasks.is_empty() || self.mode.only_compares() {
            return coordinator.send(RunRegions(tasks)).await.ok()?;
        }
        let run = WaveRun {
            rules: self.wave_rules,
            waves: self.waves.clone(),
            until: self.until_wave.as_deref(),
            mode: self.mode,
            events: self.events,
            stop: self.stop,
        };
        let mut outcome = run.carry_out(coordinator, tasks).await?;
        let regions = std::mem::take(&mut outcome.regions);
        self.waves_outcome.get_or_init(|| outcome);
        Some(regions)
    }

    /// Reports that the run over so many regions is over, and what it came to.
    pub(super) fn finish(
        &self,
        regions: Vec<RegionOutcome>,
        planned: usize,
        verdict: &Verdict,
    ) -> RunOutcome {
        let regions_failed = regions.iter().filter(|region| region.is_failed()).count();
        let mut reasons = verdict.reasons(&regions);
        let waves = self.waves_outcome.get();
        let halted = waves.and_then(|waves| waves.halted.as_ref());
        reasons.extend(halted.map(|(_, failure)| failure.message.clone()));
        let not_begun = planned.saturating_sub(regions.len());
        let left_out = waves.map_or(0, |waves| waves.left_out);
        let is_out_of_time = self.stop.cause() == StopCause::OutOfTime;
        let exit_code = if self.stop.is_stopping() && !is_out_of_time {
            reasons.insert(0, "a signal ended the run".to_owned());
            exit_codes::INTERRUPTED
        } else if is_out_of_time && regions_failed + not_begun > left_out {
            reasons.insert(0, self.out_of_time());
            exit_codes::FAILED
        } else if reasons.is_empty() {
            exit_codes::OK
        } else {
            exit_codes::FAILED
        };
        let synced = || regions.iter().filter_map(RegionOutcome::sync);
        self.events.emit(
            None,
            EventKind::RunFinished {
                regions_ok: regions.len() - regions_failed,
                regions_failed,
                regions_not_begun: not_begun,
                uploaded_bytes: synced().map(|sync| sync.uploaded_bytes).sum(),
                pulled_bytes: synced().map(|sync| sync.pulled_bytes).sum(),
                seconds: self.started.elapsed().as_secs_f64(),
                halted_by: halted.map(|(wave, _)| wave.clone()),
                exit_code,
                reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            },
        );
        RunOutcome {
            regions,
            masters: None,
            exit_code,
        }
    }

    fn out_of_time(&self) -> String {
        let limit = self.max_duration.unwrap_or_default();
        format!("the run took longer than `max_duration` ({limit})")
    }
}
