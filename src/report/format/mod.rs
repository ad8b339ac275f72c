//! What goes to standard output: status report, plan, regions, summary, for people and for programs.
//!
//! Functions that write a value to a writer; the command line chooses which, and owns the stream.

mod backup;
mod html;
mod images;
mod logs;
mod matrix;
mod metrics;
mod orphans;
mod plan;
mod restore;
mod saved_plan;
mod status;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde::Serialize;

use super::summary::RunSummary;
use super::text::{OneLine, visible_json};
use crate::event::Failure;
use crate::model::RegionName;

pub use backup::{backup_json, backup_text};
pub use html::{saved_plan_html, status_html};
pub use images::{images_csv, images_json, images_table};
pub use logs::{
    LogDocument, LoggedErrors, errors_json, errors_text, log_line, run_json, run_text, runs_json,
    runs_text,
};
pub use metrics::{EarlierRuns, RunMetrics, metrics};
pub use orphans::{orphans_csv, orphans_text};
pub use plan::{LastTimes, PlanDetail, plan_json, plan_text};
pub(super) use plan::{PlanLine, region_lines};
pub use restore::{RestoreView, restore_json, restore_text};
pub use saved_plan::{saved_plan_table, saved_plan_text};
pub use status::{Reader, status_csv, status_json};
pub use summary::{summary_json, summary_text};
pub use table::status_table;

/// An error of a region, as documents list it.
#[derive(Serialize)]
struct RegionError<'a> {
    region: String,
    #[serde(flatten)]
    failure: &'a Failure,
}

/// What went wrong in all regions, in run order.
fn region_errors(summary: &RunSummary) -> Vec<RegionError<'_>> {
    let errors = summary.regions.iter().flat_map(|region| {
        region.errors.iter().map(|failure| RegionError {
            region: region.region.to_string(),
            failure,
        })
    });
    errors.collect()
}

/// Writes one region a line.
pub fn regions_text(out: &mut impl Write, regions: &[RegionName]) -> io::Result<()> {
    for region in regions {
        let name = region.to_string();
        writeln!(out, "{}", OneLine(&name))?;
    }
    Ok(())
}

/// Writes an array of the regions' names.
pub fn regions_json(out: &mut impl Write, regions: &[RegionName]) -> io::Result<()> {
    json(out, &regions)
}

/// Writes the document of a program that ends without any other: its exit code, and why.
pub fn errors_document(out: &mut impl Write, errors: &[Failure], exit_code: u8) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        exit_code: u8,
        errors: &'a [Failure],
    }
    json(out, &Document { exit_code, errors })
}

/// Writes one document, indented, with a line break at its end.
pub fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let document = serde_json::to_string_pretty(value)?;
    writeln!(out, "{}", visible_json(document))
}
