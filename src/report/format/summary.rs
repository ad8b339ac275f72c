//! What a run came to, for people and as JSON.

use std::collections::HashMap;
use std::io::{self, Write};

use super::json;
use crate::model::{ByteSize, ErrorCode, RegionName};
use crate::report::event::{Failure, Mode, RegionResult};
use crate::report::summary::{RegionSummary, RunSummary};
use crate::report::text::{OneLine, Paint, count, rate, seconds};
use crate::report::wording::{counts_text, failure_text};

/// Writes what happened, what failed and what to do about it, and where the logs lie.
pub fn summary_text(out: &mut impl Write, summary: &RunSummary, paint: Paint) -> io::Result<()> {
    writeln!(out, "{}", paint.bold(headline(summary)))?;
    if let Some(line) = done(summary) {
        writeln!(out, "{line}")?;
    }
    if summary.mode != Mode::Sync && !summary.counts.is_empty() {
        writeln!(out, "Images: {}.", counts_text(&summary.counts))?;
    }
    for target in &summary.empty_selections {
        let name = target.to_string();
        writeln!(out, "No image is selected for [{}].", OneLine(&name))?;
    }
    if let Some(slowest) = &summary.slowest
        && summary.regions.len() > 1
        && summary.seconds >= 10.0
    {
        let name = slowest.region.to_string();
        let time = seconds(slowest.seconds);
        writeln!(out, "Slowest region: {} ({time}).", OneLine(&name))?;
    }
    failures(out, summary, paint)?;
    if summary.warnings > 0 {
        let warnings = count(summary.warnings, "warning");
        writeln!(out, "{}", paint.yellow(format!("{warnings}.")))?;
    }
    if let Some(folder) = &summary.log_folder {
        let folder = folder.to_string_lossy();
        writeln!(out, "Logs: {}", OneLine(&folder))?;
    }
    Ok(())
}

/// Writes one document.
pub fn summary_json(out: &mut impl Write, summary: &RunSummary) -> io::Result<()> {
    json(out, summary)
}

/// `12 regions in 3 min 12 s: 9 in step, 2 changed, 1 failed.`
fn headline(summary: &RunSummary) -> String {
    let ended = |result| {
        summary
            .regions
            .iter()
            .filter(|region| region.result == Some(result))
            .count()
    };
    let mut parts = Vec::new();
    let mut part = |number: usize, word: &str| {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    };
    match summary.mode {
        Mode::Sync => {
            part(ended(RegionResult::Synchronised), "in step");
            part(ended(RegionResult::Changed), "changed");
        }
        Mode::DryRun | Mode::Status => {
            let (in_step, other): (Vec<_>, Vec<_>) = summary
                .regions
                .iter()
                .filter(|region| {
                    region
                        .result
                        .is_some_and(|result| result != RegionResult::Failed)
                })
                .partition(|region| region.is_in_step());
            part(in_step.len(), "in step");
            part(other.len(), "not in step");
        }
        Mode::Restore => part(summary.regions_ok, "compared"),
        Mode::Backup => part(summary.regions_ok, "written"),
    }
    part(summary.regions_failed, "failed");
    part(summary.regions_unfinished, "not finished");
    let regions = count(summary.regions.len(), "region");
    let time = seconds(summary.seconds);
    if parts.is_empty() {
        format!("{regions} in {time}.")
    } else {
        format!("{regions} in {time}: {}.", parts.join(", "))
    }
}

/// What was sent and changed, or would be.
fn done(summary: &RunSummary) -> Option<String> {
    if summary.mode == Mode::DryRun {
        let actions: usize = summary
            .regions
            .iter()
            .map(|region| region.planned_actions)
            .sum();
        let bytes = summary
            .regions
            .iter()
            .map(|region| region.bytes_pending)
            .sum();
        return (actions > 0).then(|| {
            let actions = count(actions, "action");
            format!(
                "{actions} planned, {} to send; nothing was changed.",
                ByteSize(bytes)
            )
        });
    }
    let mut parts = Vec::new();
    if summary.uploaded_images > 0 {
        let images = count(summary.uploaded_images, "image");
        let rate = rate(summary.uploaded_bytes, summary.seconds)
            .map_or_else(String::new, |rate| format!(", {rate}"));
        let bytes = ByteSize(summary.uploaded_bytes);
        parts.push(format!("{images} uploaded ({bytes}{rate})"));
    }
    if summary.updated_images > 0 {
        let images = count(summary.updated_images, "image");
        parts.push(format!("{images} updated"));
    }
    (!parts.is_empty()).then(|| format!("{}.", parts.join(", ")))
}

fn failures(out: &mut impl Write, summary: &RunSummary, paint: Paint) -> io::Result<()> {
    let mut groups = Groups::default();
    for error in &summary.errors {
        groups.add(None, error);
    }
    for region in &summary.regions {
        for error in &region.errors {
            groups.add(Some(&region.region), error);
        }
    }
    if groups.0.is_empty() && summary.regions_failed == 0 {
        return Ok(());
    }
    writeln!(out, "{}", paint.red("Failed:"))?;
    let speechless = |region: &&RegionSummary| {
        region.result == Some(RegionResult::Failed) && region.errors.is_empty()
    };
    let speechless: Vec<_> = summary.regions.iter().filter(speechless).collect();
    if !speechless.is_empty() {
        let regions: Vec<_> = speechless.iter().map(|region| &region.region).collect();
        writeln!(out, "  {}see the log", who(&regions, paint))?;
    }
    for group in &groups.0 {
        for (text, regions) in group.failures.iter().take(FAILURES_MAX) {
            writeln!(out, "  {}{text} [{}]", who(regions, paint), group.code)?;
        }
        let more = group.failures.len().saturating_sub(FAILURES_MAX);
        if more > 0 {
            writeln!(out, "  and {more} more like these")?;
        }
        if !group.hint.is_empty() {
            let label = paint.bold("hint:");
            writeln!(out, "    {label} {}", OneLine(group.hint))?;
        }
    }
    Ok(())
}

/// Failures of one kind that are named, and regions of one failure: of more, the logs tell.
const FAILURES_MAX: usize = 20;

/// Failures for which the same is to be done.
struct Group<'a> {
    code: ErrorCode,
    hint: &'a str,
    /// What failed, and in which regions.
    failures: Vec<(String, Vec<&'a RegionName>)>,
    /// Where each text is in there.
    places: HashMap<String, usize>,
}

/// All failures of a run, in the order of their first ones.
#[derive(Default)]
struct Groups<'a>(Vec<Group<'a>>);

impl<'a> Groups<'a> {
    fn add(&mut self, region: Option<&'a RegionName>, failure: &'a Failure) {
        let known = self
            .0
            .iter()
            .position(|group| group.code == failure.code && group.hint == failure.hint);
        let place = known.unwrap_or_else(|| {
            self.0.push(Group {
                code: failure.code,
                hint: &failure.hint,
                failures: Vec::new(),
                places: HashMap::new(),
            });
            self.0.len() - 1
        });
        let group = &mut self.0[place];
        let text = failure_text(failure, region);
        let next = group.failures.len();
        let place = *group.places.entry(text.clone()).or_insert(next);
        if place == next {
            group.failures.push((text, Vec::new()));
        }
        group.failures[place].1.extend(region);
    }
}

/// `Trento, Lannion: `, or nothing for what is about no region.
fn who(regions: &[&RegionName], paint: Paint) -> String {
    if regions.is_empty() {
        return String::new();
    }
    let names: Vec<String> = regions
        .iter()
        .take(FAILURES_MAX)
        .map(|region| {
            let name = region.to_string();
            paint.cyan(OneLine(&name))
        })
        .collect();
    let more = regions.len() - names.len();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}: ", names.join(", "))
}
