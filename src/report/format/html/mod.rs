//! The status report as one HTML page: it needs nothing but itself, and can be mailed, printed and
//! filtered.
//!
//! Foreign text (names, servers' words) only ever gets into the page through [`Text`]. The page's own
//! script is named by its hash in the page's policy, so no other one would run.

mod saved_plan;
mod table;
mod text;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine as _;
use chrono::{DateTime, FixedOffset};
use sha2::{Digest, Sha256};

pub use self::saved_plan::saved_plan_html;
use self::table::{class, filters, shown, table};
use self::text::Text;
use super::matrix::{Cell, Matrix};
use super::orphans::orphan_text;
use crate::event::Mode;
use crate::event::{Failure, RegionResult};
use crate::model::{RegionName, Status};
use crate::plan::Plan;
use crate::report::messages::{counts_text, failure_text, warning_text};
use crate::report::summary::Standing;
use crate::report::summary::{RegionSummary, RunSummary};
use crate::report::text::{count, seconds};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Entries of one list: a page that is longer helps nobody, and the JSON has them all.
const ENTRIES_MAX: usize = 5000;
/// Regions that are named as failed before everything else.
const FAILED_MAX: usize = 20;

/// Writes the page. `made` is the time that it says, as it is; `plans` and `summary` as in the other
/// formats of the report.
pub fn status_html<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    summary: &RunSummary,
    made: DateTime<FixedOffset>,
) -> io::Result<()> {
    let matrix = Matrix::new(plans, summary);
    let master = summary.master.as_ref().map(ToString::to_string);
    head(out, master.as_deref())?;
    title(out, &matrix, summary, master.as_deref(), made)?;
    filters(out, &matrix)?;
    table(out, &matrix)?;
    reasons(out, &matrix)?;
    regions(out, &matrix)?;
    write!(
        out,
        "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn head(out: &mut impl Write, master: Option<&str>) -> io::Result<()> {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
    let of_master = master.map_or_else(String::new, |master| format!(" of {}", Text(master)));
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'sha256-{hash}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>State of images{of_master}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )
}

fn title(
    out: &mut impl Write,
    matrix: &Matrix,
    summary: &RunSummary,
    master: Option<&str>,
    made: DateTime<FixedOffset>,
) -> io::Result<()> {
    let (mut in_step, mut other) = (0, 0);
    for region in &summary.regions {
        match region.result {
            None | Some(RegionResult::Failed) => {}
            Some(_) if region.standing(Mode::Status) == Standing::InStep => in_step += 1,
            Some(_) => other += 1,
        }
    }
    writeln!(
        out,
        "<header><h1>Images of {} in {}</h1>\n\
         <p>{} · made <time datetime=\"{}\">{}</time> by glancesync {} in {}</p>\n<ul class=\"sums\">",
        Text(master.unwrap_or("no master region")),
        count(matrix.columns.len(), "region"),
        count(matrix.images.len(), "image"),
        made.to_rfc3339(),
        made.format("%Y-%m-%d %H:%M:%S %:z"),
        env!("CARGO_PKG_VERSION"),
        seconds(summary.seconds),
    )?;
    let failed = summary.regions_failed + summary.regions_unfinished;
    for (number, class, word) in [
        (in_step, "ok", "in step"),
        (other, "pending", "not in step"),
        (failed, "error", "failed"),
    ] {
        writeln!(out, "<li class=\"{class}\"><b>{number}</b> {word}</li>")?;
    }
    writeln!(out, "</ul></header>\n<main>")?;
    failures(out, matrix, summary)
}

/// What failed stands first: it is what the page is looked at for.
fn failures(out: &mut impl Write, matrix: &Matrix, summary: &RunSummary) -> io::Result<()> {
    for error in &summary.errors {
        failure(out, error, None)?;
    }
    let failed = matrix.columns.iter().enumerate();
    let failed = failed.filter(|(_, column)| !column.region.errors.is_empty());
    for (place, column) in failed.clone().take(FAILED_MAX) {
        let name = column.region.region.to_string();
        writeln!(
            out,
            "<p class=\"failure\"><a href=\"#r{place}\"><b>{}</b></a> {}</p>",
            Text(&name),
            Text(&failure_text(
                &column.region.errors[0],
                Some(&column.region.region)
            ))
        )?;
    }
    let more = failed.count().saturating_sub(FAILED_MAX);
    if more > 0 {
        let more = count(more, "more region");
        writeln!(
            out,
            "<p class=\"failure\">{more} failed: see <a href=\"#regions\">below</a>.</p>"
        )?;
    }
    Ok(())
}

/// What is not `ok`, by image; regions with the same reason stand together.
fn reasons(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    writeln!(out, "<section id=\"reasons\"><h2>Reasons, by image</h2>")?;
    let (mut entries, mut left_out) = (0, 0);
    for (row, image) in matrix.images.iter().enumerate() {
        let mut groups: BTreeMap<(Status, String), Vec<String>> = BTreeMap::new();
        for column in &matrix.columns {
            if let Cell::State(state) = column.cell(row)
                && state.status != Status::Ok
            {
                groups
                    .entry((state.status, state.reason.to_string()))
                    .or_default()
                    .push(column.region.region.to_string());
            }
        }
        if groups.is_empty() {
            continue;
        }
        if entries + groups.len() > ENTRIES_MAX {
            left_out += groups.len();
            continue;
        }
        entries += groups.len();
        writeln!(out, "<div id=\"i{row}\"><h3>{}</h3><dl>", Text(image))?;
        for ((status, reason), regions) in &groups {
            let regions: Vec<String> = regions.iter().map(|name| Text(name).to_string()).collect();
            writeln!(
                out,
                "<dt><span class=\"sign {}\">{}</span> {status}: {}<dd>{}",
                class(*status),
                shown(*status),
                Text(reason),
                regions.join(", ")
            )?;
        }
        writeln!(out, "</dl></div>")?;
    }
    if entries == 0 && left_out == 0 {
        writeln!(
            out,
            "<p>Every image is ok in every region that could be read.</p>"
        )?;
    }
    rest(out, left_out)?;
    writeln!(out, "</section>")
}

fn rest(out: &mut impl Write, left_out: usize) -> io::Result<()> {
    if left_out > 0 {
        writeln!(
            out,
            "<p>{left_out} more are left out here; <code>--format json</code> has them all.</p>"
        )?;
    }
    Ok(())
}

/// What each region came to, its errors, its warnings and its orphans.
fn regions(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    writeln!(out, "<section id=\"regions\"><h2>Regions</h2>")?;
    let (mut entries, mut left_out) = (0, 0);
    for (place, column) in matrix.columns.iter().enumerate() {
        let region = column.region;
        let name = region.region.to_string();
        writeln!(
            out,
            "<div id=\"r{place}\"><h3>{}</h3>\n<p>{}</p>",
            Text(&name),
            Text(&outcome(region))
        )?;
        for error in &region.errors {
            failure(out, error, Some(&region.region))?;
        }
        let warnings = column.plan.map_or(&[][..], |plan| &plan.warnings);
        let room = (ENTRIES_MAX - entries).min(warnings.len());
        if room > 0 {
            let word = count(warnings.len(), "warning");
            writeln!(out, "<details><summary>{word}</summary><ul>")?;
            for warning in &warnings[..room] {
                writeln!(out, "<li>{}", Text(&warning_text(warning)))?;
            }
            writeln!(out, "</ul></details>")?;
        }
        entries += room;
        left_out += warnings.len() - room;
        let orphans = column.plan.map_or(&[][..], |plan| &plan.orphans);
        let room = (ENTRIES_MAX - entries).min(orphans.len());
        if room > 0 {
            let word = count(orphans.len(), "orphan");
            writeln!(out, "<details><summary>{word}</summary><ul>")?;
            for orphan in &orphans[..room] {
                writeln!(out, "<li>{}", Text(&orphan_text(orphan)))?;
            }
            writeln!(out, "</ul></details>")?;
        }
        entries += room;
        left_out += orphans.len() - room;
        writeln!(out, "</div>")?;
    }
    rest(out, left_out)?;
    writeln!(out, "</section>")
}

fn outcome(region: &RegionSummary) -> String {
    let time = seconds(region.seconds);
    match region.result {
        None => "not finished".to_owned(),
        Some(RegionResult::Failed) if region.counts.is_empty() => format!("failed after {time}"),
        Some(RegionResult::Failed) => {
            format!("failed after {time}; {}", counts_text(&region.counts))
        }
        Some(_) if region.counts.is_empty() => "no image is selected for it".to_owned(),
        Some(_) => counts_text(&region.counts),
    }
}

fn failure(out: &mut impl Write, failure: &Failure, region: Option<&RegionName>) -> io::Result<()> {
    writeln!(
        out,
        "<p class=\"failure\">{} <code>{}</code><br>{}</p>",
        Text(&failure_text(failure, region)),
        failure.code,
        Text(&failure.hint)
    )
}
