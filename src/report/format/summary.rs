//! What a run came to, for people and as JSON.

use std::io::{self, Write};

use super::json;
use crate::model::ByteSize;
use crate::report::event::{Failure, Mode, RegionResult};
use crate::report::summary::RunSummary;
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
    if !summary.errors.is_empty() {
        writeln!(out, "{}", paint.red("The run failed:"))?;
        for error in &summary.errors {
            failure(out, error, paint)?;
        }
    }
    for region in &summary.regions {
        let name = region.region.to_string();
        if !region.errors.is_empty() {
            writeln!(out, "{}", paint.red(format!("{} failed:", OneLine(&name))))?;
        } else if region.result == Some(RegionResult::Failed) {
            writeln!(out, "{}", paint.red(format!("{} failed.", OneLine(&name))))?;
        }
        for error in &region.errors {
            failure(out, error, paint)?;
        }
    }
    Ok(())
}

fn failure(out: &mut impl Write, failure: &Failure, paint: Paint) -> io::Result<()> {
    writeln!(out, "  {} [{}]", failure_text(failure), failure.code)?;
    if !failure.hint.is_empty() {
        let label = paint.bold("hint:");
        writeln!(out, "    {label} {}", OneLine(&failure.hint))?;
    }
    Ok(())
}
