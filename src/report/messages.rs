//! What an event says to a person: the lines that the screen and the region logs have in common.
//!
//! A line never holds a line break, whatever images are called and servers answer.

use std::collections::BTreeMap;

use super::action_words::{Tense, action, took};
use super::text::{OneLine, before, count, rate, seconds};
use crate::event::{EventKind, Failure, Mode, RegionResult, SkipReason, WaveResult};
use crate::model::{ByteSize, RegionName, RunWave, Status, Warning};
use crate::plan::passed_over_text;

/// How much must be asked for before a line is shown; a region's log holds them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Always.
    Essential,
    /// Unless `-q`.
    Normal,
    /// The same, but not where bars show it already.
    Step,
    /// With `-v`.
    Detail,
}

/// What a line is, as a word before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// What happens: no word.
    None,
    /// What somebody should look at.
    Warning,
    /// What failed.
    Error,
    /// What to do about the error above.
    Hint,
    /// How a region ended.
    Ended(RegionResult),
}

impl Label {
    /// The word and a colon; empty for what merely happens.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None | Self::Ended(_) => "",
            Self::Warning => "warning:",
            Self::Error => "error:",
            Self::Hint => "hint:",
        }
    }
}

/// One line, without its region and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) label: Label,
    pub(super) weight: Weight,
    pub(super) text: String,
}

impl Line {
    pub(super) fn info(weight: Weight, text: String) -> Self {
        Self {
            label: Label::None,
            weight,
            text,
        }
    }
}

/// The lines of an event, for where its region stands beside them; none for those that only machines
/// read.
pub(super) fn lines(kind: &EventKind, region: Option<&RegionName>, mode: Mode) -> Vec<Line> {
    // What a read-only mode found is on standard output; its steps would only be noise.
    let step = if mode.is_sync() {
        Weight::Step
    } else {
        Weight::Detail
    };
    match kind {
        EventKind::RunStarted { .. } => vec![Line::info(step, run_started(kind))],
        EventKind::RegionStarted => vec![Line::info(step, "started".to_owned())],
        EventKind::Plan {
            counts,
            bytes_pending,
            bytes_pulled,
            ..
        } => {
            let quiet = counts
                .keys()
                .all(|status| matches!(status, Status::Ok | Status::OkStalledChecksum));
            let weight = if quiet { Weight::Detail } else { step };
            vec![Line::info(
                weight,
                found(counts, *bytes_pending, *bytes_pulled),
            )]
        }
        EventKind::Orphan(orphan) => vec![Line::info(
            Weight::Detail,
            format!(
                "orphan `{}` ({}): {}",
                OneLine(&orphan.image),
                OneLine(orphan.image_id.as_str()),
                orphan.reason
            ),
        )],
        EventKind::ActionStarted(facts) => {
            vec![Line::info(Weight::Detail, action(facts, Tense::Present))]
        }
        EventKind::ActionFinished { facts, seconds } => {
            let how = took(facts.bytes, *seconds);
            let text = format!("{} in {how}", action(facts, Tense::Past));
            vec![Line::info(step, text)]
        }
        EventKind::ActionPlanned { facts, .. } => {
            vec![Line::info(
                Weight::Detail,
                action(facts, Tense::Conditional),
            )]
        }
        EventKind::WaveStarted(wave) => vec![Line::info(Weight::Normal, wave_started(wave))],
        EventKind::WaveFinished { .. } => vec![Line::info(Weight::Normal, wave_finished(kind))],
        EventKind::RegionSkipped { reason } => {
            let why = match reason {
                SkipReason::WaveHalted => "an earlier wave halted the run",
                SkipReason::UntilWave => "the run ends before its wave (`--until-wave`)",
                // An error says it.
                SkipReason::Interrupted | SkipReason::OutOfTime => return Vec::new(),
            };
            vec![Line::info(Weight::Normal, format!("skipped: {why}"))]
        }
        EventKind::Progress { .. } => Vec::new(),
        EventKind::Warning(warning) => vec![Line {
            label: Label::Warning,
            weight: Weight::Normal,
            text: warning_text(warning),
        }],
        EventKind::Error(failure) => failure_lines(failure, region),
        EventKind::RegionFinished { result, .. } => vec![Line {
            label: Label::Ended(*result),
            weight: if mode.is_sync() {
                Weight::Normal
            } else {
                Weight::Detail
            },
            text: region_finished(kind, mode),
        }],
        EventKind::RunFinished {
            seconds: time,
            exit_code,
            reason,
            ..
        } => {
            let why = reason
                .as_deref()
                .map_or_else(String::new, |why| format!(": {}", OneLine(why)));
            let text = format!("finished in {}, exit code {exit_code}{why}", seconds(*time));
            vec![Line::info(Weight::Detail, text)]
        }
    }
}

fn wave_started(wave: &RunWave) -> String {
    let regions: Vec<String> = wave.regions.iter().map(ToString::to_string).collect();
    format!(
        "wave `{}` begins: {}",
        OneLine(&wave.wave),
        OneLine(&regions.join(", "))
    )
}

fn wave_finished(kind: &EventKind) -> String {
    let EventKind::WaveFinished {
        wave,
        result,
        regions_failed,
        gate_exit_code,
        seconds: time,
    } = kind
    else {
        return String::new();
    };
    let name = OneLine(&wave.wave);
    let regions = count(wave.regions.len(), "region");
    let failed = match regions_failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let gate = match gate_exit_code {
        Some(0) => ", its gate lets the run go on",
        _ => "",
    };
    let time = seconds(*time);
    match result {
        WaveResult::Done => format!("wave `{name}` is done in {time}: {regions}{failed}{gate}"),
        WaveResult::Halted => {
            format!("wave `{name}` halts the run after {time}: {regions}{failed}")
        }
    }
}

fn run_started(kind: &EventKind) -> String {
    let EventKind::RunStarted {
        master,
        regions,
        mode,
        parallel,
        max_children,
        images,
        excluded_images,
        passed_over,
        plan_file,
        waves,
    } = kind
    else {
        return String::new();
    };
    let master = master.to_string();
    let master = OneLine(&master);
    let regions = count(regions.len(), "region");
    let at_once = if *parallel {
        format!(", at most {max_children} at once")
    } else {
        String::new()
    };
    let at_once = match (images.is_empty(), excluded_images.is_empty()) {
        (true, true) => at_once,
        (false, true) => format!("{at_once}; only the images that --image chose"),
        (true, false) => format!("{at_once}; without the images that --exclude-image excludes"),
        (false, false) => {
            format!("{at_once}; only the images that --image and --exclude-image chose")
        }
    };
    let at_once = if passed_over.is_empty() {
        at_once
    } else {
        let reasons = passed_over_text(passed_over);
        format!("{at_once}; of the images of {master} these do not count: {reasons}")
    };
    let at_once = if waves.is_empty() {
        at_once
    } else {
        let names = waves.iter().map(|wave| OneLine(&wave.wave).to_string());
        let names = names.collect::<Vec<_>>().join(", ");
        format!("{at_once}; in {}: {names}", count(waves.len(), "wave"))
    };
    match mode {
        Mode::Sync => format!("synchronising {regions} with {master}{at_once}"),
        Mode::Apply => {
            let file = plan_file.as_deref().unwrap_or_default();
            let file = OneLine(file);
            format!("carrying out the plan {file} in {regions}; master is {master}{at_once}")
        }
        Mode::DryRun => {
            format!("comparing {regions} with {master}{at_once}; nothing is changed (dry run)")
        }
        Mode::Status | Mode::Images => format!("comparing {regions} with {master}{at_once}"),
        Mode::Restore => format!("comparing {regions} with their backups; master is {master}"),
        Mode::Backup => {
            format!("writing the metadata of the images of {regions}{at_once}; master is {master}")
        }
    }
}

/// How many images have each status, and what has to be sent.
pub(super) fn found(
    counts: &BTreeMap<Status, usize>,
    bytes_pending: u64,
    bytes_pulled: u64,
) -> String {
    if counts.is_empty() {
        return "no image is selected for it".to_owned();
    }
    let mut text = counts_text(counts);
    if bytes_pending > 0 {
        text = format!("{text}; {} to send", ByteSize(bytes_pending));
    }
    if bytes_pulled > 0 {
        text = format!("{text}; {} to pull", ByteSize(bytes_pulled));
    }
    text
}

/// `12 ok, 3 pending_upload`.
pub(super) fn counts_text(counts: &BTreeMap<Status, usize>) -> String {
    counts
        .iter()
        .map(|(status, number)| format!("{number} {status}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What was found, with the image where the sentence does not name it, and the code.
pub(super) fn warning_text(warning: &Warning) -> String {
    let message = about(warning.image.as_deref(), &warning.message);
    format!("{message} [{}]", warning.code)
}

/// The sentence, begun with the image unless it names it already.
fn about(image: Option<&str>, message: &str) -> String {
    match image {
        Some(image) if !message.contains(&format!("`{image}`")) => {
            format!("image `{}`: {}", OneLine(image), OneLine(message))
        }
        _ => OneLine(message).to_string(),
    }
}

/// What failed and why, without the code and the hint, for where the region stands beside it.
pub(super) fn failure_text(failure: &Failure, region: Option<&RegionName>) -> String {
    let message = without_region(&failure.message, region);
    match (failure.action, &failure.image) {
        (Some(action), Some(image)) => {
            format!(
                "{action} of `{}` failed: {}",
                OneLine(image),
                OneLine(message)
            )
        }
        (Some(action), None) => format!("{action} failed: {}", OneLine(message)),
        (None, image) => about(image.as_deref(), message),
    }
}

/// The message without the region that it begins with.
pub(super) fn without_region<'a>(message: &'a str, region: Option<&RegionName>) -> &'a str {
    region
        .and_then(|region| {
            let rest = message.strip_prefix(&before(&region.to_string()))?;
            rest.strip_prefix(' ')
        })
        .unwrap_or(message)
}

fn failure_lines(failure: &Failure, region: Option<&RegionName>) -> Vec<Line> {
    let line = |label, text| Line {
        label,
        weight: Weight::Essential,
        text,
    };
    let error = format!("{} [{}]", failure_text(failure, region), failure.code);
    let mut lines = vec![line(Label::Error, error)];
    if !failure.hint.is_empty() {
        lines.push(line(Label::Hint, OneLine(&failure.hint).to_string()));
    }
    lines
}

/// What was done: `3 images uploaded (1.5 GiB, 40.0 MiB/s), 1 updated`; empty where nothing was.
pub(super) fn done(uploaded: usize, bytes: u64, updated: usize, seconds: f64) -> String {
    let mut parts = Vec::new();
    if uploaded > 0 {
        let size = ByteSize(bytes);
        let speed = rate(bytes, seconds).map_or_else(String::new, |rate| format!(", {rate}"));
        parts.push(format!(
            "{} uploaded ({size}{speed})",
            count(uploaded, "image")
        ));
    }
    if updated > 0 {
        let what = if uploaded > 0 {
            updated.to_string()
        } else {
            count(updated, "image")
        };
        parts.push(format!("{what} updated"));
    }
    parts.join(", ")
}

/// `2 images deleted, 1 hidden`; empty where none was.
pub(super) fn removed(deleted: usize, hidden: usize) -> String {
    match (deleted, hidden) {
        (0, 0) => String::new(),
        (_, 0) => format!("{} deleted", count(deleted, "image")),
        (0, _) => format!("{} hidden", count(hidden, "image")),
        _ => format!("{} deleted, {hidden} hidden", count(deleted, "image")),
    }
}

fn region_finished(kind: &EventKind, mode: Mode) -> String {
    let EventKind::RegionFinished {
        result,
        uploaded_bytes,
        uploaded_images,
        pulled_bytes,
        pulled_images,
        updated_images,
        deleted_images,
        hidden_images,
        left,
        seconds: time,
    } = kind
    else {
        return String::new();
    };
    let mut done = done(*uploaded_images, *uploaded_bytes, *updated_images, *time);
    if *pulled_images > 0 {
        let separator = if done.is_empty() { "" } else { ", " };
        let (images, bytes) = (count(*pulled_images, "image"), ByteSize(*pulled_bytes));
        done = format!("{done}{separator}{images} pulled from other regions ({bytes})");
    }
    let removed = removed(*deleted_images, *hidden_images);
    let parts = [done, removed].into_iter().filter(|part| !part.is_empty());
    let done = parts.collect::<Vec<_>>().join(", ");
    let time = seconds(*time);
    match (result, mode, done.as_str()) {
        (RegionResult::Failed, _, "") => format!("failed after {time}"),
        (RegionResult::Failed, _, done) => format!("failed after {time}; {done}"),
        (_, Mode::Status | Mode::Images | Mode::DryRun, _) | (_, Mode::Restore, "") => {
            format!("compared in {time}")
        }
        (_, Mode::Restore, done) => format!("restored in {time}: {done}"),
        (_, Mode::Backup, _) => format!("written in {time}"),
        (RegionResult::Synchronised, Mode::Sync | Mode::Apply, _) if !left.is_empty() => {
            format!("not in step: {} ({time})", counts_text(left))
        }
        (RegionResult::Synchronised, Mode::Sync | Mode::Apply, _) => format!("in step ({time})"),
        (RegionResult::Changed, Mode::Sync | Mode::Apply, "") => format!("changed in {time}"),
        (RegionResult::Changed, Mode::Sync | Mode::Apply, done) => {
            format!("changed in {time}: {done}")
        }
    }
}
