//! Gathers what a run came to from its events.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::run_id::RunId;
use super::summary::{Question, RegionSummary, RunSummary, SlowestRegion, WaveSummary};
use crate::event::{Event, EventKind, Failure, Mode, RegionResult};
use crate::model::{RegionName, TargetName, WarningCode};
use crate::plan::{ImageState, Plan};

/// Gathers a summary, event by event.
#[derive(Debug, Default)]
pub(super) struct SummaryBuilder {
    mode: Option<Mode>,
    master: Option<RegionName>,
    exit_code: Option<u8>,
    reason: Option<String>,
    images: Vec<String>,
    seconds: f64,
    warnings: usize,
    empty_selections: Vec<TargetName>,
    master_skipped: bool,
    waves: Vec<WaveSummary>,
    errors: Vec<Failure>,
    regions: Vec<RegionSummary>,
    places: BTreeMap<RegionName, usize>,
}

impl SummaryBuilder {
    pub(super) fn event(&mut self, event: &Event) {
        if let EventKind::RunStarted {
            master,
            regions,
            mode,
            images,
            waves,
            ..
        } = &event.kind
        {
            self.waves = waves.iter().cloned().map(WaveSummary::new).collect();
            self.mode = Some(*mode);
            self.images.clone_from(images);
            self.master = Some(master.clone());
            for region in regions {
                self.region(region);
            }
        }
        match &event.region {
            Some(region) => update(self.region(region), &event.kind),
            None => self.run_event(&event.kind),
        }
    }

    /// What only the plan of a region says: its actions, and what is to be decided.
    pub(super) fn planned(&mut self, plan: &Plan) {
        let region = self.region(&plan.region);
        region.planned_actions = plan.actions.len();
        let question = |state: &ImageState| {
            let question = Question::of(&state.reason)?;
            (state.status == question.status()).then(|| (state.image.clone(), question))
        };
        region.questions = plan.images.iter().filter_map(question).collect();
    }

    fn run_event(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Warning(warning) => {
                self.warnings += 1;
                self.master_skipped |= warning.code == WarningCode::MasterRegionSkipped;
                if warning.code == WarningCode::EmptySelection {
                    self.empty_selections.extend(warning.target.clone());
                }
            }
            EventKind::Error(failure) => self.errors.push(failure.clone()),
            EventKind::WaveFinished {
                wave,
                result,
                regions_failed,
                gate_exit_code,
                ..
            } => {
                let mut waves = self.waves.iter_mut();
                if let Some(known) = waves.find(|known| known.wave.wave == wave.wave) {
                    known.result = Some(*result);
                    known.regions_failed = *regions_failed;
                    known.gate_exit_code = *gate_exit_code;
                }
            }
            EventKind::RunFinished {
                seconds,
                exit_code,
                reason,
                ..
            } => {
                self.seconds = *seconds;
                self.reason.clone_from(reason);
                self.exit_code = Some(*exit_code);
            }
            _ => {}
        }
    }

    fn region(&mut self, name: &RegionName) -> &mut RegionSummary {
        let next = self.regions.len();
        let place = *self.places.entry(name.clone()).or_insert(next);
        if place == next {
            self.regions.push(RegionSummary::new(name.clone()));
        }
        &mut self.regions[place]
    }

    pub(super) fn finish(&self, run_id: RunId, log_folder: Option<PathBuf>) -> RunSummary {
        let regions = &self.regions;
        let ended = |failed: bool| {
            regions
                .iter()
                .filter(|region| {
                    region
                        .result
                        .is_some_and(|result| (result == RegionResult::Failed) == failed)
                })
                .count()
        };
        let (regions_ok, regions_failed) = (ended(false), ended(true));
        let mut counts = BTreeMap::new();
        for (status, number) in regions.iter().flat_map(|region| &region.counts) {
            *counts.entry(*status).or_insert(0) += number;
        }
        let something_failed = regions_failed > 0
            || !self.errors.is_empty()
            || regions.iter().any(|region| !region.errors.is_empty());
        RunSummary {
            run_id,
            mode: self.mode.unwrap_or(Mode::Sync),
            master: self.master.clone(),
            exit_code: self.exit_code.unwrap_or(u8::from(something_failed)),
            reason: self.reason.clone(),
            images: self.images.clone(),
            sync_under_way: None,
            seconds: self.seconds,
            regions_ok,
            regions_failed,
            regions_unfinished: regions.len() - regions_ok - regions_failed,
            uploaded_bytes: regions.iter().map(|region| region.uploaded_bytes).sum(),
            uploaded_images: regions.iter().map(|region| region.uploaded_images).sum(),
            pulled_bytes: regions.iter().map(|region| region.pulled_bytes).sum(),
            pulled_images: regions.iter().map(|region| region.pulled_images).sum(),
            updated_images: regions.iter().map(|region| region.updated_images).sum(),
            deleted_images: regions.iter().map(|region| region.deleted_images).sum(),
            hidden_images: regions.iter().map(|region| region.hidden_images).sum(),
            orphans: regions.iter().map(|region| region.orphans).sum(),
            warnings: self.warnings + regions.iter().map(|region| region.warnings).sum::<usize>(),
            counts,
            slowest: regions
                .iter()
                .filter(|region| region.result.is_some())
                .max_by(|one, other| one.seconds.total_cmp(&other.seconds))
                .map(|region| SlowestRegion {
                    region: region.region.clone(),
                    seconds: region.seconds,
                }),
            log_folder,
            empty_selections: self.empty_selections.clone(),
            master_skipped: self.master_skipped,
            waves: self.waves.clone(),
            errors: self.errors.clone(),
            regions: regions.clone(),
        }
    }
}

fn update(region: &mut RegionSummary, kind: &EventKind) {
    match kind {
        EventKind::Plan {
            counts,
            bytes_pending,
            bytes_pulled,
            deletions,
            orphans,
        } => {
            region.deletions = *deletions;
            region.orphans = *orphans;
            region.counts.clone_from(counts);
            region.bytes_pending = *bytes_pending;
            region.bytes_pulled = *bytes_pulled;
        }
        EventKind::Warning(_) => region.warnings += 1,
        EventKind::Error(failure) => region.errors.push(failure.clone()),
        EventKind::RegionFinished {
            result,
            uploaded_bytes,
            uploaded_images,
            pulled_bytes,
            pulled_images,
            updated_images,
            deleted_images,
            hidden_images,
            left,
            seconds,
        } => {
            region.left.clone_from(left);
            region.result = Some(*result);
            region.uploaded_bytes = *uploaded_bytes;
            region.uploaded_images = *uploaded_images;
            region.pulled_bytes = *pulled_bytes;
            region.pulled_images = *pulled_images;
            region.updated_images = *updated_images;
            region.deleted_images = *deleted_images;
            region.hidden_images = *hidden_images;
            region.seconds = *seconds;
        }
        _ => {}
    }
}
