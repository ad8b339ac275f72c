//! What a run came to, for people and as JSON.

mod decisions;
mod failures;

use std::collections::BTreeMap;
use std::io::{self, Write};

use self::decisions::decisions;
use self::failures::failures;
use super::json;
use crate::event::{Mode, WaveResult};
use crate::model::ByteSize;
use crate::report::messages::{counts_text, removed};
use crate::report::style::Style;
use crate::report::summary::{RunSummary, Standing};
use crate::report::text::{OneLine, count, rate, seconds, thousands};

/// Writes what happened, what failed and what to do about it, and where the logs are.
pub fn summary_text(out: &mut impl Write, summary: &RunSummary, style: Style) -> io::Result<()> {
    summary_with(out, summary, done(summary), style)
}

/// The same, with another line for what was done.
pub(super) fn summary_with(
    out: &mut impl Write,
    summary: &RunSummary,
    done: Option<String>,
    style: Style,
) -> io::Result<()> {
    let paint = style.paint;
    let mut line = |text: String| writeln!(out, "{}", style.wrapped(&text, 2));
    line(paint.bold(headline(summary)))?;
    if let Some(sync) = &summary.sync_under_way {
        let text = format!(
            "A sync for this master is under way ({}): what it has in progress is called so.",
            OneLine(sync)
        );
        line(paint.yellow(text))?;
    }
    if let Some(done) = done {
        line(done)?;
    }
    if !summary.waves.is_empty() {
        line(waves(summary))?;
    }
    if !summary.mode.is_sync() && !summary.counts.is_empty() {
        line(format!("Images: {}.", counts_text(&summary.counts)))?;
    }
    if summary.orphans > 0 {
        let orphans = count(summary.orphans, "orphan");
        let how = "glancesync status --orphans";
        line(format!(
            "{orphans}: images that no rule selects any more ({how})."
        ))?;
    }
    for target in &summary.empty_selections {
        let name = target.to_string();
        line(format!("No image is selected for [{}].", OneLine(&name)))?;
    }
    if let Some(slowest) = &summary.slowest
        && summary.regions.len() > 1
        && summary.seconds >= 10.0
    {
        let name = slowest.region.to_string();
        let time = seconds(slowest.seconds);
        line(format!("Slowest region: {} ({time}).", OneLine(&name)))?;
    }
    failures(out, summary, style)?;
    decisions(out, summary, style)?;
    let mut line = |text: String| writeln!(out, "{}", style.wrapped(&text, 2));
    if summary.warnings > 0 {
        let warnings = count(summary.warnings, "warning");
        line(paint.yellow(format!("{warnings}.")))?;
    }
    if let Some(reason) = &summary.reason {
        let text = format!("Exit code {}: {}.", summary.exit_code, OneLine(reason));
        line(paint.bold(text))?;
    }
    if let Some(folder) = &summary.log_folder {
        let folder = folder.to_string_lossy();
        line(format!("Logs: {}", OneLine(&folder)))?;
    }
    Ok(())
}

/// Writes one document.
pub fn summary_json(out: &mut impl Write, summary: &RunSummary) -> io::Result<()> {
    json(out, summary)
}

/// `Waves: canary (Trento); rest (Lannion, other:Prague).`, or what became of each.
fn waves(summary: &RunSummary) -> String {
    let waves = summary.waves.iter().map(|known| {
        let what = match known.result {
            _ if !summary.mode.is_sync() => {
                let regions = known.wave.regions.iter();
                let regions: Vec<String> = regions.map(ToString::to_string).collect();
                regions.join(", ")
            }
            Some(WaveResult::Done) => "done".to_owned(),
            Some(WaveResult::Halted) => "halted the run".to_owned(),
            None => "not begun".to_owned(),
        };
        format!("{} ({})", OneLine(&known.wave.wave), OneLine(&what))
    });
    format!("Waves: {}.", waves.collect::<Vec<_>>().join("; "))
}

/// `12 regions in 3 min 12 s: 8 in step, 2 changed, 1 needs a decision, 1 failed.`
fn headline(summary: &RunSummary) -> String {
    if summary.regions.is_empty() {
        let master = summary.master.as_ref().map(ToString::to_string);
        return match master.filter(|_| summary.master_skipped) {
            Some(master) => format!(
                "Nothing to do: {} is the master region, which is never written to, and no other was chosen.",
                OneLine(&master)
            ),
            None => "Nothing to do: no region is left.".to_owned(),
        };
    }
    let mut parts = Vec::new();
    let mut part = |number: usize, one: &str, several: &str| {
        if number > 0 {
            let words = if number == 1 { one } else { several };
            parts.push(format!("{} {words}", thousands(number)));
        }
    };
    match summary.mode {
        Mode::Restore | Mode::Backup => {
            let word = if summary.mode == Mode::Backup {
                "written"
            } else {
                "compared"
            };
            part(summary.regions_ok, word, word);
            part(summary.regions_failed, "failed", "failed");
            part(summary.regions_unfinished, "not begun", "not begun");
        }
        Mode::Sync | Mode::Apply | Mode::DryRun | Mode::Status | Mode::Images => {
            let mut standings: BTreeMap<Standing, usize> = BTreeMap::new();
            for region in &summary.regions {
                *standings.entry(region.standing(summary.mode)).or_default() += 1;
            }
            for (standing, number) in standings {
                let (one, several) = match standing {
                    Standing::InStep => ("in step", "in step"),
                    Standing::Changed => ("changed", "changed"),
                    Standing::WouldChange => ("would change", "would change"),
                    Standing::NotInStep => ("not in step", "not in step"),
                    Standing::NeedsDecision => ("needs a decision", "need a decision"),
                    Standing::Failed => ("failed", "failed"),
                    Standing::NotBegun => ("not begun", "not begun"),
                };
                part(number, one, several);
            }
        }
    }
    let regions = count(summary.regions.len(), "region");
    let time = seconds(summary.seconds);
    let scope = if summary.images.is_empty() {
        ""
    } else {
        ", of the images that --image chose"
    };
    if parts.is_empty() {
        format!("{regions} in {time}.")
    } else {
        format!("{regions} in {time}{scope}: {}.", parts.join(", "))
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
    if summary.pulled_images > 0 {
        let images = count(summary.pulled_images, "image");
        let bytes = ByteSize(summary.pulled_bytes);
        parts.push(format!("{images} pulled from other regions ({bytes})"));
    }
    if summary.updated_images > 0 {
        let images = count(summary.updated_images, "image");
        parts.push(format!("{images} updated"));
    }
    let removed = removed(summary.deleted_images, summary.hidden_images);
    if !removed.is_empty() {
        parts.push(removed);
    }
    (!parts.is_empty()).then(|| format!("{}.", parts.join(", ")))
}
