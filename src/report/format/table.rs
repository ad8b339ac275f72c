//! The status report as a matrix: images down, regions across, one sign per state.

use std::borrow::Borrow;
use std::io::{self, Write};

use super::matrix::{Cell, Matrix, UNREAD, sign};
use crate::model::Status;
use crate::plan::Plan;
use crate::report::style::{Paint, Style};
use crate::report::summary::RunSummary;
use crate::report::text::{OneLine, count, pad, shorten};

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
    let matrix = Matrix::new(plans, summary);
    let labels: Vec<String> = matrix
        .images
        .iter()
        .map(|name| OneLine(name).to_string())
        .collect();
    let regions: Vec<String> = matrix
        .columns
        .iter()
        .map(|column| OneLine(&column.region.region.to_string()).to_string())
        .collect();
    let longest = labels
        .iter()
        .chain(&regions)
        .map(|label| console::measure_text_width(label))
        .max()
        .unwrap_or(0);
    // Half of the width is for the signs, two columns each.
    let label_width = longest.min((width / 2).max(8));
    let per_page = (width.saturating_sub(label_width + 1) / 2).max(1);
    let labels: Vec<String> = labels
        .iter()
        .map(|label| pad(&shorten(label, label_width), label_width))
        .collect();
    let pages = matrix
        .columns
        .chunks(per_page)
        .zip(regions.chunks(per_page));
    for (number, (page, regions)) in pages.enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        header(out, regions, label_width, paint)?;
        for (row, label) in labels.iter().enumerate() {
            let mut line = label.clone();
            for column in page {
                line.push(' ');
                line += &cell(column.cell(row), paint);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    legend(out, &matrix, paint)?;
    let parts = matrix.columns.len().div_ceil(per_page);
    if parts > 1 {
        let line = format!(
            "The regions are shown in {parts} parts, since {width} columns have room for {per_page}; \
             `--format html` shows all of them at once."
        );
        writeln!(
            out,
            "{}",
            Style {
                paint,
                width: Some(width)
            }
            .wrapped(&line, 2)
        )?;
    }
    if longest > label_width {
        let line = "Names with … in them are shortened; `--format csv` has them whole.";
        writeln!(
            out,
            "{}",
            Style {
                paint,
                width: Some(width)
            }
            .wrapped(line, 2)
        )?;
    }
    Ok(())
}

/// The regions' names, one a line, each with a line that leads down to its column.
fn header(
    out: &mut impl Write,
    regions: &[String],
    label_width: usize,
    paint: Paint,
) -> io::Result<()> {
    for (place, region) in regions.iter().enumerate() {
        let name = shorten(region, label_width);
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

fn cell(cell: Cell, paint: Paint) -> String {
    match cell {
        Cell::Unread => paint.red(UNREAD),
        Cell::NotSelected => " ".to_owned(),
        Cell::State(state) => colour(state.status, sign(state.status), paint),
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

fn legend(out: &mut impl Write, matrix: &Matrix, paint: Paint) -> io::Result<()> {
    writeln!(
        out,
        "\n{} in {}",
        count(matrix.images.len(), "image"),
        count(matrix.columns.len(), "region")
    )?;
    for (status, number) in matrix.counts() {
        let sign = colour(status, sign(status), paint);
        writeln!(out, "  {sign} {} {number}", pad(status.as_str(), 20))?;
    }
    let unread = matrix.unread();
    if unread > 0 {
        let what = pad("region failed", 20);
        writeln!(out, "  {} {what} {unread}", paint.red(UNREAD))?;
    }
    Ok(())
}
