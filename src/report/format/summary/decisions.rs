//! The images that nothing happens to until somebody decides: how many, where, and what to write down.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::model::{RegionName, Status, TargetName};
use crate::report::style::Style;
use crate::report::summary::{Question, RunSummary};
use crate::report::text::{OneLine, count, listed, thousands};

/// Regions that are named for one status.
const REGIONS_NAMED: usize = 10;
/// Checksums, or parts, that are named for one status.
const QUESTIONS_MAX: usize = 5;
/// Images that are named for one of them.
const IMAGES_NAMED: usize = 3;

/// Writes how many images of each `error_*` status there are, by target, in which regions, and what to do.
pub(super) fn decisions(
    out: &mut impl Write,
    summary: &RunSummary,
    style: Style,
) -> io::Result<()> {
    // The rules that a decision changes are those of a target.
    let mut open: BTreeMap<_, Vec<(&RegionName, usize)>> = BTreeMap::new();
    let mut questions: BTreeMap<_, BTreeMap<&Question, BTreeSet<&str>>> = BTreeMap::new();
    for region in &summary.regions {
        let target = &region.region.target;
        for (status, number) in region.left.iter().filter(|(status, _)| status.is_error()) {
            let regions = open.entry((*status, target)).or_default();
            regions.push((&region.region, *number));
        }
        for (image, question) in &region.questions {
            let of_status = questions.entry((question.status(), target)).or_default();
            of_status.entry(question).or_default().insert(image);
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", style.paint.yellow("Need a decision:"))?;
    for ((status, target), regions) in open {
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
        let line = format!("    {label} {}", what_to_do(status, target));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
        let questions = questions.remove(&(status, target)).unwrap_or_default();
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

/// What to write into the section of that target.
fn what_to_do(status: Status, target: &TargetName) -> String {
    if status == Status::ErrorAmi {
        format!(
            "Have the rules in [{target}] select these kernels and ramdisks, or correct the reference at the master:"
        )
    } else {
        format!(
            "In [{target}] of the configuration, add these checksums, or `any`, to `replace`, to `rename` to keep the old image, or to `dontupdate` to leave it:"
        )
    }
}
