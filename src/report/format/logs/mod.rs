//! Past runs and their logs, for people and as JSON.

mod errors;
mod lines;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::TimeZone;
use serde::Serialize;

use self::errors::{local, past_error};
use super::json;
use crate::report::messages;
use crate::report::past_log::LoggedRegion;
use crate::report::style::{Paint, Style};
use crate::report::text::{OneLine, count, pad, seconds};
use crate::state::{PastRegion, PastRun, RegionEnd, RunState};

pub use self::errors::{LoggedErrors, errors_json, errors_text};
pub use self::lines::{LogDocument, log_line};

/// Names of failed regions in a line of the list.
const NAMES_MAX: usize = 3;

/// Writes a table of runs.
pub fn runs_text<Z: TimeZone>(
    out: &mut impl Write,
    runs: &[PastRun],
    zone: &Z,
    style: Style,
) -> io::Result<()>
where
    Z::Offset: std::fmt::Display,
{
    let rows: Vec<[String; 5]> = runs
        .iter()
        .map(|run| {
            [
                run.run.clone(),
                run.started.map_or_else(String::new, |ts| local(ts, zone)),
                run.seconds.map_or_else(|| "-".to_owned(), seconds),
                mode(run).to_owned(),
                result(run),
            ]
        })
        .collect();
    let head = ["run", "began", "took", "mode", "result"].map(ToOwned::to_owned);
    let widths = widths(std::iter::once(&head).chain(&rows));
    let head = style.paint.bold(row(&head, &widths));
    writeln!(out, "{}", style.wrapped(&head, 4))?;
    for (run, cells) in runs.iter().zip(&rows) {
        let text = paint_result(run, row(cells, &widths), style.paint);
        writeln!(out, "{}", style.wrapped(&text, 4))?;
    }
    Ok(())
}

/// Writes one document: where the runs are, and the runs.
pub fn runs_json(out: &mut impl Write, log_dir: &Path, runs: &[PastRun]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        log_dir: &'a Path,
        runs: &'a [PastRun],
    }
    json(out, &Document { log_dir, runs })
}

/// Writes what a run came to, region by region, and how to read on.
pub fn run_text<Z: TimeZone>(
    out: &mut impl Write,
    run: &PastRun,
    logged: &[LoggedRegion],
    zone: &Z,
    style: Style,
) -> io::Result<()>
where
    Z::Offset: std::fmt::Display,
{
    let paint = style.paint;
    let headline = paint.bold(headline(run, zone));
    writeln!(out, "{}", style.wrapped(&headline, 2))?;
    writeln!(out, "Folder: {}\n", OneLine(&run.folder.to_string_lossy()))?;
    let regions = all_regions(run, logged);
    let rows: Vec<[String; 3]> = regions
        .iter()
        .map(|past| {
            let name = OneLine(&past.region).to_string();
            match &past.end {
                Some(end) => [name, result_of(end).to_owned(), region_end(run, past, end)],
                None => [name, "not finished".to_owned(), String::new()],
            }
        })
        .collect();
    let widths = widths(&rows);
    for (past, cells) in regions.iter().zip(&rows) {
        let text = row(cells, &widths);
        let is_failed = past.end.as_ref().is_some_and(|end| end.result == "failed");
        let text = if is_failed { paint.red(text) } else { text };
        writeln!(out, "{}", style.wrapped(&format!("  {text}"), 4))?;
    }
    for error in run.errors.iter().filter(|error| error.region.is_none()) {
        past_error(out, error, zone, style)?;
    }
    if run.damaged_lines > 0 {
        let lines = count(run.damaged_lines, "line");
        let text = format!("Damaged: {lines} of the run's record; there may be more than this.");
        writeln!(out, "{}", style.wrapped(&paint.yellow(text), 2))?;
    }
    if let Some(first) = logged.first() {
        let failed = run.failed_regions().next().unwrap_or(&first.region);
        writeln!(
            out,
            "\nA region's log: glancesync logs {} {}",
            run.run,
            shell_word(failed)
        )?;
        if !run.errors.is_empty() {
            writeln!(out, "All errors:     glancesync logs {} --errors", run.run)?;
        }
    }
    Ok(())
}

/// Writes one document: the run, with the file of each region's log.
pub fn run_json(out: &mut impl Write, run: &PastRun, logged: &[LoggedRegion]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        run: &'a PastRun,
        logs: Vec<File<'a>>,
    }
    #[derive(Serialize)]
    struct File<'a> {
        region: &'a str,
        path: &'a PathBuf,
    }
    let logs = logged
        .iter()
        .map(|LoggedRegion { region, path }| File { region, path });
    json(
        out,
        &Document {
            run,
            logs: logs.collect(),
        },
    )
}

fn mode(run: &PastRun) -> &str {
    match run.mode.as_deref() {
        Some("dry_run") => "dry run",
        Some(mode) => mode,
        None => "-",
    }
}

/// `in order`, `1 of 12 regions failed: Trento`, `cut off …`.
fn result(run: &PastRun) -> String {
    let ended = run.regions.iter().filter(|past| past.end.is_some()).count();
    let regions = count(run.regions.len(), "region");
    let failed: Vec<&str> = run.failed_regions().collect();
    let so_far = match run.state {
        RunState::UnderWay => format!("under way, {ended} of {regions} done"),
        RunState::CutOff => format!("cut off, {ended} of {regions} done"),
        RunState::Unknown => return "no record".to_owned(),
        RunState::Finished => match run.exit_code {
            Some(0) => {
                let undecided = run.regions.iter().filter_map(|past| past.end.as_ref());
                return match undecided.filter(|end| has_error(end)).count() {
                    0 => format!("in order, {regions}"),
                    1 => format!("in order, {regions}, of which 1 needs a decision"),
                    more => format!("in order, {regions}, of which {more} need a decision"),
                };
            }
            Some(130) => format!("interrupted, {ended} of {regions} done"),
            _ if failed.is_empty() => {
                let why = run.reason.as_deref().unwrap_or("no reason was recorded");
                return format!("failed, {regions}: {}", OneLine(why));
            }
            _ => String::new(),
        },
    };
    if failed.is_empty() {
        return so_far;
    }
    let mut names: Vec<String> = failed
        .iter()
        .take(NAMES_MAX)
        .map(|region| OneLine(region).to_string())
        .collect();
    if failed.len() > NAMES_MAX {
        names.push(format!("and {} more", failed.len() - NAMES_MAX));
    }
    let comma = if so_far.is_empty() { "" } else { "; " };
    let number = failed.len();
    format!(
        "{so_far}{comma}{number} of {regions} failed: {}",
        names.join(", ")
    )
}

/// A region's result, as the summary calls it.
fn result_of(end: &RegionEnd) -> &str {
    match end.result.as_str() {
        "synchronised" | "changed" if has_error(end) => "needs a decision",
        "synchronised" if !end.left.is_empty() => "not in step",
        "synchronised" => "in step",
        other => other,
    }
}

fn has_error(end: &RegionEnd) -> bool {
    end.left.keys().any(|status| status.starts_with("error_"))
}

fn headline<Z: TimeZone>(run: &PastRun, zone: &Z) -> String
where
    Z::Offset: std::fmt::Display,
{
    let mut parts = vec![format!("{}: {}", run.run, result(run))];
    if run.mode.is_some() {
        parts.push(mode(run).to_owned());
    }
    if !run.images.is_empty() {
        let globs: Vec<String> = run
            .images
            .iter()
            .map(|glob| OneLine(glob).to_string())
            .collect();
        parts.push(format!("images chosen by --image {}", globs.join(", ")));
    }
    if let Some(master) = &run.master {
        parts.push(format!("master {}", OneLine(master)));
    }
    if let Some(ts) = run.started {
        parts.push(format!("began {}", local(ts, zone)));
    }
    if let Some(time) = run.seconds {
        parts.push(format!("took {}", seconds(time)));
    }
    if let (Some(code), Some(reason)) = (run.exit_code, &run.reason) {
        parts.push(format!("exit code {code}: {}", OneLine(reason)));
    }
    parts.join("\n  ")
}

/// Those of the record, and those that only have a log.
fn all_regions(run: &PastRun, logged: &[LoggedRegion]) -> Vec<PastRegion> {
    let mut regions = run.regions.clone();
    for LoggedRegion { region, .. } in logged {
        if !regions.iter().any(|past| past.region == *region) {
            let region = region.clone();
            regions.push(PastRegion { region, end: None });
        }
    }
    regions
}

fn region_end(run: &PastRun, past: &PastRegion, end: &RegionEnd) -> String {
    let done = messages::done(
        end.uploaded_images,
        end.uploaded_bytes,
        end.updated_images,
        end.seconds,
    );
    let errors = run
        .errors
        .iter()
        .filter(|error| error.region.as_ref() == Some(&past.region))
        .count();
    let mut parts = vec![seconds(end.seconds)];
    if errors > 0 {
        parts.push(count(errors, "error"));
    }
    if !done.is_empty() {
        parts.push(done);
    }
    let left = end.left.iter();
    parts.extend(left.map(|(status, number)| format!("{number} {}", OneLine(status))));
    parts.join(", ")
}

fn widths<'a, const N: usize>(rows: impl IntoIterator<Item = &'a [String; N]>) -> [usize; N] {
    let mut widths = [0; N];
    for cells in rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(console::measure_text_width(cell));
        }
    }
    widths
}

fn row<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| pad(cell, *width))
        .collect();
    padded.join("  ").trim_end().to_owned()
}

fn paint_result(run: &PastRun, text: String, paint: Paint) -> String {
    match (run.state, run.exit_code) {
        (RunState::Finished, Some(0)) => text,
        (RunState::UnderWay, _) => paint.cyan(text),
        (RunState::Unknown, _) => paint.dim(text),
        _ => paint.red(text),
    }
}

/// A word that a shell takes as it is, or in quotes.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._:-/@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", OneLine(word).to_string().replace('\'', r"'\''"))
}
