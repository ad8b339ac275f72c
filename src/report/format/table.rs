//! The status report as a matrix: images down, regions across, one sign per state.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::model::Status;
use crate::plan::Plan;
use crate::report::summary::RunSummary;
use crate::report::text::{OneLine, Paint, count, pad, shorten};

/// One column of the matrix.
struct Column {
    region: String,
    /// Nothing where the region's list could not be had.
    states: Option<BTreeMap<(u64, String), Status>>,
}

/// Writes the matrix in as many pages as `width` columns ask for, a legend of the signs that occur,
/// and how often they do. Regions come in the order of the summary; one that has no plan there
/// failed, and its column says so.
pub fn status_table<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    summary: &RunSummary,
    width: usize,
    paint: Paint,
) -> io::Result<()> {
    let columns = columns(plans, summary);
    let images: BTreeSet<&(u64, String)> = columns
        .iter()
        .filter_map(|column| column.states.as_ref())
        .flat_map(BTreeMap::keys)
        .collect();
    let labels: Vec<String> = images
        .iter()
        .map(|(_, name)| OneLine(name).to_string())
        .collect();
    let longest = labels
        .iter()
        .chain(columns.iter().map(|column| &column.region))
        .map(|label| console::measure_text_width(label))
        .max()
        .unwrap_or(0);
    // Half of the width is for the signs, two columns each.
    let label_width = longest.min((width / 2).max(8));
    let per_page = (width.saturating_sub(label_width + 1) / 2).max(1);
    for (number, page) in columns.chunks(per_page).enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        header(out, page, label_width, paint)?;
        for (key, label) in images.iter().zip(&labels) {
            write!(out, "{}", pad(&shorten(label, label_width), label_width))?;
            for column in page {
                write!(out, " {}", cell(column, key, paint))?;
            }
            writeln!(out)?;
        }
    }
    legend(out, &columns, images.len(), paint)
}

fn columns<P: Borrow<Plan>>(plans: &[P], summary: &RunSummary) -> Vec<Column> {
    let by_region: BTreeMap<_, &Plan> = plans
        .iter()
        .map(|plan| (&plan.borrow().region, plan.borrow()))
        .collect();
    summary
        .regions
        .iter()
        .map(|region| {
            let name = region.region.to_string();
            Column {
                region: OneLine(&name).to_string(),
                states: by_region.get(&region.region).map(|plan| {
                    plan.images
                        .iter()
                        .map(|state| ((state.size, state.image.clone()), state.status))
                        .collect()
                }),
            }
        })
        .collect()
}

/// The regions' names, one a line, each with a line that leads down to its column.
fn header(
    out: &mut impl Write,
    page: &[Column],
    label_width: usize,
    paint: Paint,
) -> io::Result<()> {
    for (place, column) in page.iter().enumerate() {
        let name = shorten(&column.region, label_width);
        let used = console::measure_text_width(&name);
        // On its way right it crosses the stems of the names above.
        let room = label_width - used;
        let gap = if room > 0 { " " } else { "" };
        let lead = format!(
            "{gap}{}{}─┐",
            "─".repeat(room - gap.len()),
            "─│".repeat(place)
        );
        writeln!(out, "{}{}", paint.cyan(name), paint.dim(lead))?;
    }
    Ok(())
}

fn cell(column: &Column, key: &(u64, String), paint: Paint) -> String {
    match &column.states {
        None => paint.red(UNREAD),
        Some(states) => states.get(key).map_or_else(
            || " ".to_owned(),
            |status| colour(*status, sign(*status), paint),
        ),
    }
}

/// The sign of a region that could not be read.
const UNREAD: &str = "?";

fn sign(status: Status) -> &'static str {
    match status {
        Status::Ok => ".",
        Status::OkStalledChecksum => "s",
        Status::PendingUpload => "U",
        Status::PendingMetadata => "M",
        Status::PendingRename => "N",
        Status::PendingReplace => "R",
        Status::PendingAmi => "A",
        Status::ErrorChecksum => "!",
        Status::ErrorAmi => "X",
    }
}

fn colour(status: Status, text: &str, paint: Paint) -> String {
    if status.is_error() {
        paint.red(text)
    } else if status.is_pending() {
        paint.yellow(text)
    } else {
        paint.green(text)
    }
}

fn legend(out: &mut impl Write, columns: &[Column], images: usize, paint: Paint) -> io::Result<()> {
    let mut counts: BTreeMap<Status, usize> = BTreeMap::new();
    for status in columns
        .iter()
        .filter_map(|column| column.states.as_ref())
        .flat_map(BTreeMap::values)
    {
        *counts.entry(*status).or_insert(0) += 1;
    }
    let unread = columns
        .iter()
        .filter(|column| column.states.is_none())
        .count();
    writeln!(
        out,
        "\n{} in {}",
        count(images, "image"),
        count(columns.len(), "region")
    )?;
    for (status, number) in &counts {
        let sign = colour(*status, sign(*status), paint);
        writeln!(out, "  {sign} {} {number}", pad(status.as_str(), 20))?;
    }
    if unread > 0 {
        let what = pad("region failed", 20);
        writeln!(out, "  {} {what} {unread}", paint.red(UNREAD))?;
    }
    Ok(())
}
