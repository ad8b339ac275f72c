//! The images that nothing happens to until somebody decides: how many, where, and what to write down.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::model::{RegionName, Status};
use crate::report::style::Style;
use crate::report::summary::{Question, RunSummary};
use crate::report::text::{OneLine, count, listed, thousands};

/// Regions that are named for one status.
const REGIONS_NAMED: usize = 10;
/// Checksums, or parts, that are named for one status.
const QUESTIONS_MAX: usize = 5;
/// Images that are named for one of them.
const IMAGES_NAMED: usize = 3;

/// Writes how many images of each `error_*` status there are, in which regions, and what to do.
pub(super) fn decisions(
    out: &mut impl Write,
    summary: &RunSummary,
    style: Style,
) -> io::Result<()> {
    let mut open: BTreeMap<Status, Vec<(&RegionName, usize)>> = BTreeMap::new();
    let mut questions: BTreeMap<Status, BTreeMap<&Question, BTreeSet<&str>>> = BTreeMap::new();
    for region in &summary.regions {
        for (status, number) in region.left.iter().filter(|(status, _)| status.is_error()) {
            open.entry(*status)
                .or_default()
                .push((&region.region, *number));
        }
        for (image, question) in &region.questions {
            let of_status = questions.entry(question.status()).or_default();
            of_status.entry(question).or_default().insert(image);
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", style.paint.yellow("Need a decision:"))?;
    for (status, regions) in open {
        let images = count(regions.iter().map(|(_, number)| number).sum(), "image");
        let named = regions.iter().map(|(region, number)| {
            let name = region.to_string();
            format!(
                "{} ({})",
                style.paint.cyan(OneLine(&name)),
                thousands(*number)
            )
        });
        let line = format!("  {images} {status}: {}", listed(named, REGIONS_NAMED));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
        let label = style.paint.bold("hint:");
        let line = format!("    {label} {}", what_to_do(status));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
        let questions = questions.remove(&status).unwrap_or_default();
        for (question, images) in questions.iter().take(QUESTIONS_MAX) {
            let images = images.iter().map(|image| format!("`{}`", OneLine(image)));
            let line = format!("      {question}: {}", listed(images, IMAGES_NAMED));
            writeln!(out, "{}", style.wrapped(&line, 2))?;
        }
        if let more @ 1.. = questions.len().saturating_sub(QUESTIONS_MAX) {
            writeln!(out, "      and {} more, which -v names", thousands(more))?;
        }
    }
    Ok(())
}

fn what_to_do(status: Status) -> &'static str {
    if status == Status::ErrorAmi {
        "Have the rules select these kernels and ramdisks, or correct the reference at the master:"
    } else {
        "Add these checksums, or `any`, to `replace` in the configuration, to `rename` to keep the old image, or to `dontupdate` to leave it:"
    }
}
