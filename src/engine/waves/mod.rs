//! Waves: the regions of a run in groups, one after another, as long as nothing halts the run.
//!
//! [`WaveRun::carry_out`] has the coordinator run each wave; between two of them it asks `gate`.

mod gate;

use std::time::Instant;

use actix::Addr;

use self::gate::{Gate, GateOutcome};
use super::coordinator::{Coordinator, RunRegions};
use super::outcome::RegionOutcome;
use super::region::RegionTask;
use super::shutdown::StopSignal;
use crate::event::{EventKind, Events, Failure, Mode, RegionResult, SkipReason, WaveResult};
use crate::model::{ErrorCode, RunWave, WaveRules};

/// The waves of a run.
pub(super) struct WaveRun<'a> {
    pub(super) rules: &'a WaveRules,
    /// In order.
    pub(super) waves: Vec<RunWave>,
    /// `--until-wave`
    pub(super) until: Option<&'a str>,
    pub(super) mode: Mode,
    pub(super) events: &'a Events,
    pub(super) stop: &'a StopSignal,
}

/// What all waves came to.
#[derive(Debug, Default)]
pub(super) struct WavesOutcome {
    /// The regions that were begun, in run order.
    pub(super) regions: Vec<RegionOutcome>,
    /// The wave that halted the run, and why.
    pub(super) halted: Option<(String, Failure)>,
    /// How many regions were not to be begun, by `--until-wave`.
    pub(super) left_out: usize,
}

impl WaveRun<'_> {
    /// Runs the tasks wave by wave; none where the coordinator is gone. `tasks` are in run order, those of a
    /// wave together.
    pub(super) async fn carry_out(
        &self,
        coordinator: &Addr<Coordinator>,
        mut tasks: Vec<RegionTask>,
    ) -> Option<WavesOutcome> {
        let mut all = WavesOutcome::default();
        let is_wanted = |wave: &&RunWave| {
            let until = self.until;
            until.is_none_or(|until| !self.rules.is_after(&wave.wave, until))
        };
        let wanted: Vec<&RunWave> = self.waves.iter().take_while(is_wanted).collect();
        for (place, wave) in wanted.iter().enumerate() {
            let later = tasks.split_off(wave.regions.len().min(tasks.len()));
            let tasks_of_wave = std::mem::replace(&mut tasks, later);
            if self.stop.is_stopping() {
                // It says of each that its turn has not come.
                coordinator.send(RunRegions(tasks_of_wave)).await.ok()??;
                continue;
            }
            let started = Instant::now();
            self.events
                .emit(None, EventKind::WaveStarted((*wave).clone()));
            let regions = coordinator.send(RunRegions(tasks_of_wave)).await.ok()??;
            let next = wanted.get(place + 1);
            let (failure, gate_exit_code) = match next {
                Some(_) if !self.stop.is_stopping() => self.decide(wave, &regions).await,
                _ => (None, None),
            };
            // Who stops the run has an error for each region that is left.
            let is_halted = failure.is_some() || (next.is_some() && self.stop.is_stopping());
            let regions_failed = regions.iter().filter(|it| it.is_failed()).count();
            let has_changed = has_changed(&regions);
            all.regions.extend(regions);
            self.events.emit(
                None,
                EventKind::WaveFinished {
                    wave: (*wave).clone(),
                    result: if is_halted {
                        WaveResult::Halted
                    } else {
                        WaveResult::Done
                    },
                    regions_failed,
                    gate_exit_code,
                    seconds: started.elapsed().as_secs_f64(),
                },
            );
            if let Some(failure) = failure {
                self.events.error(None, failure.clone());
                all.halted = Some((wave.wave.clone(), failure));
                self.skip(&tasks, SkipReason::WaveHalted);
                return Some(all);
            }
            if let Some(next) = next.filter(|_| has_changed) {
                self.soak(wave, next).await;
            }
        }
        self.skip(&tasks, SkipReason::UntilWave);
        all.left_out = tasks.len();
        Some(all)
    }

    /// Why no later wave may begin; none where it may. With the exit code of the gate, where it was asked.
    async fn decide(
        &self,
        wave: &RunWave,
        regions: &[RegionOutcome],
    ) -> (Option<Failure>, Option<i32>) {
        if !self.mode.is_sync() {
            return (None, None);
        }
        let failed = regions.iter().filter(|it| it.is_failed()).count();
        if failed > self.rules.max_failures {
            let code = ErrorCode::WaveHalted;
            let (name, most) = (&wave.wave, self.rules.max_failures);
            let message = format!(
                "the wave `{name}` halted the run: {failed} of its regions failed, and `wave_max_failures` is {most}"
            );
            return (Some(Failure::new(code, message, code.hint())), None);
        }
        if self.rules.gate.is_empty() || !has_changed(regions) {
            return (None, None);
        }
        let gate = Gate {
            command: &self.rules.gate,
            timeout: self.rules.gate_timeout,
            events: self.events,
            stop: self.stop,
        };
        let failed = |what: String| {
            let code = ErrorCode::GateFailed;
            let message = format!(
                "the gate after the wave `{}` halted the run: {what}",
                wave.wave
            );
            Some(Failure::new(code, message, code.hint()))
        };
        match gate.ask(wave, regions).await {
            GateOutcome::Ended(0) => (None, Some(0)),
            GateOutcome::Ended(code) => (
                failed(format!("it ended with exit code {code}")),
                Some(code),
            ),
            GateOutcome::Failed(what) => (failed(what), None),
            // What stops the run says so of every region that is left.
            GateOutcome::Stopped => (None, None),
        }
    }

    /// Waits between two waves, unless the run is to stop.
    async fn soak(&self, wave: &RunWave, next: &RunWave) {
        let soak = self.rules.soak;
        if soak.0.is_zero() || !self.mode.is_sync() {
            return;
        }
        self.events.note_of_run(format!(
            "after the wave `{}` the run waits {soak} before the wave `{}` (`wave_soak`)",
            wave.wave, next.wave
        ));
        let waited = self.stop.unless_stopping(tokio::time::sleep(soak.0)).await;
        if waited.is_none() {
            self.events.note_of_run("the wait is over: the run stops");
        }
    }

    fn skip(&self, tasks: &[RegionTask], reason: SkipReason) {
        for task in tasks {
            let skipped = EventKind::RegionSkipped { reason };
            self.events.emit(Some(&task.region), skipped);
        }
    }
}

/// A region that failed may have been changed before.
fn has_changed(regions: &[RegionOutcome]) -> bool {
    let mut regions = regions.iter();
    regions.any(|region| region.result != RegionResult::Synchronised)
}
