//! The status report: what every selected image is in every region.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::json;
use crate::event::Failure;
use crate::model::{RegionName, Status};
use crate::plan::{ImageState, Orphan, Plan};
use crate::report::summary::RunSummary;
use crate::report::text::OneLine;

/// Who reads a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A person at a terminal: characters that move the cursor or hide others are written as escapes.
    Terminal,
    /// A program, which gets names with their exact bytes.
    Program,
}

impl Reader {
    /// A name as that reader gets it.
    pub(super) fn shown(self, text: &str) -> String {
        match self {
            Self::Terminal => OneLine(text).to_string(),
            Self::Program => text.to_owned(),
        }
    }
}

/// Writes `status,region,image`, one line per image and region, without a header. For a program names
/// keep their exact bytes, quoted where CSV needs it. Regions come in the order of `plans`, the images of each
/// in the plan's, ascending by size, then name.
pub fn status_csv<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    reader: Reader,
) -> io::Result<()> {
    let mut writer = csv_writer(out);
    for plan in plans.iter().map(Borrow::borrow) {
        let region = reader.shown(&plan.region.to_string());
        for image in &plan.images {
            writer
                .write_record([image.status.as_str(), &region, &reader.shown(&image.image)])
                .map_err(io_error)?;
        }
    }
    writer.flush()
}

/// A writer of lines without a header.
pub(super) fn csv_writer<W: Write>(out: &mut W) -> csv::Writer<&mut W> {
    csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(out)
}

/// csv's own conversion hides the kind, by which a closed pipe is told from a full disk.
pub(super) fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Writes one document: the regions in the order of the summary, each with its images and their
/// reasons, or with what failed.
pub fn status_json<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    summary: &RunSummary,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        master: &'a Option<RegionName>,
        regions: Vec<Entry<'a>>,
        errors: &'a [Failure],
        exit_code: u8,
        reason: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        region: &'a RegionName,
        counts: &'a BTreeMap<Status, usize>,
        images: &'a [ImageState],
        orphans: &'a [Orphan],
        errors: &'a [Failure],
    }
    let by_region: BTreeMap<_, &Plan> = plans
        .iter()
        .map(|plan| (&plan.borrow().region, plan.borrow()))
        .collect();
    let regions = summary
        .regions
        .iter()
        .map(|region| Entry {
            region: &region.region,
            counts: &region.counts,
            images: by_region
                .get(&region.region)
                .map_or(&[], |plan| plan.images.as_slice()),
            orphans: by_region
                .get(&region.region)
                .map_or(&[], |plan| plan.orphans.as_slice()),
            errors: &region.errors,
        })
        .collect();
    let document = Document {
        master: &summary.master,
        regions,
        errors: &summary.errors,
        exit_code: summary.exit_code,
        reason: summary.reason.as_deref(),
    };
    json(out, &document)
}
