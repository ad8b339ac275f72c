//! What a restore found and did, region by region, attribute by attribute.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{RegionError, json, region_errors};
use crate::model::ImageId;
use crate::plan::{Change, ImageRestore, RestorePlan, Skipped, UnrestorableReason};
use crate::report::messages::failure_text;
use crate::report::style::Style;
use crate::report::summary::RunSummary;
use crate::report::text::{OneLine, before, count};

/// What is known of one region.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RestoreView<'a> {
    /// What differs.
    #[serde(flatten)]
    pub plan: &'a RestorePlan,
    /// The images whose metadata was put back.
    pub restored: &'a BTreeSet<ImageId>,
}

/// Writes the plan of each region, what was done of it, what failed, and what to do next.
pub fn restore_text(
    out: &mut impl Write,
    apply: bool,
    regions: &[RestoreView<'_>],
    summary: &RunSummary,
    style: Style,
) -> io::Result<()> {
    let paint = style.paint;
    for view in regions {
        let name = before(&view.plan.region.to_string());
        let line = format!("{} {}", paint.cyan(name), headline(view, apply));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
        for image in &view.plan.images {
            image_text(out, image, view, apply, style)?;
        }
    }
    if !regions.is_empty() {
        writeln!(out)?;
    }
    for region in &summary.regions {
        for failure in &region.errors {
            let name = before(&region.region.to_string());
            let text = failure_text(failure, Some(&region.region));
            let line = format!("{} [{}]", paint.red(format!("{name} {text}")), failure.code);
            writeln!(out, "{}", style.wrapped(&line, 2))?;
            let line = format!("  {} {}", paint.bold("hint:"), OneLine(&failure.hint));
            writeln!(out, "{}", style.wrapped(&line, 2))?;
        }
    }
    let wanted: usize = regions.iter().map(|view| view.plan.wanted().count()).sum();
    let restored: usize = regions.iter().map(|view| view.restored.len()).sum();
    let end = match (apply, wanted) {
        (_, 0) if summary.regions_failed > 0 => "Nothing was changed.".to_owned(),
        (_, 0) => "Nothing was changed: there is nothing to restore.".to_owned(),
        (false, wanted) => format!(
            "Nothing was changed. To restore the metadata of {}, run this again with --apply.",
            count(wanted, "image")
        ),
        (true, wanted) if restored == wanted => {
            format!("The metadata of {} was restored.", count(wanted, "image"))
        }
        (true, wanted) => format!(
            "The metadata of {restored} of {} was restored. See the errors above, then run this again for the rest.",
            count(wanted, "image")
        ),
    };
    writeln!(out, "{}", style.wrapped(&paint.bold(end), 2))
}

/// Writes one document: the folder, whether anything was to be written, what differs in each region,
/// and what failed.
pub fn restore_json(
    out: &mut impl Write,
    folder: &Path,
    apply: bool,
    regions: &[RestoreView<'_>],
    summary: &RunSummary,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        folder: &'a Path,
        apply: bool,
        regions: &'a [RestoreView<'a>],
        errors: Vec<RegionError<'a>>,
    }
    json(
        out,
        &Document {
            folder,
            apply,
            regions,
            errors: region_errors(summary),
        },
    )
}

/// `2 images to restore, 1 image not restored, 9 images as in the backup; 3 images that the backup does not have`.
fn headline(view: &RestoreView<'_>, apply: bool) -> String {
    let RestorePlan {
        images,
        unchanged,
        not_in_backup,
        ..
    } = view.plan;
    let wanted = view.plan.wanted().count();
    let mut parts = Vec::new();
    if apply && wanted > 0 {
        let restored = view.restored.len();
        parts.push(format!("{restored} of {} restored", count(wanted, "image")));
    } else if wanted > 0 {
        parts.push(format!("{} to restore", count(wanted, "image")));
    }
    let left = images.len() - wanted;
    if left > 0 {
        parts.push(format!("{} that cannot be restored", count(left, "image")));
    }
    parts.push(format!("{} as in the backup", count(*unchanged, "image")));
    let mut text = parts.join(", ");
    if *not_in_backup > 0 {
        text = format!(
            "{text}; {} of the region not in the backup and not changed",
            count(*not_in_backup, "image")
        );
    }
    text
}

fn image_text(
    out: &mut impl Write,
    image: &ImageRestore,
    view: &RestoreView<'_>,
    apply: bool,
    style: Style,
) -> io::Result<()> {
    let paint = style.paint;
    let mut line = |text: String| writeln!(out, "{}", style.wrapped(&text, 2));
    let id = OneLine(image.image_id.as_str());
    let name = format!("`{}` ({id})", OneLine(&image.image));
    let name = paint.bold(name);
    if let Some(left) = &image.left {
        return line(format!("  {name} is not changed: {}", left_text(left)));
    }
    let done = if !apply || !image.is_wanted() {
        String::new()
    } else if view.restored.contains(&image.image_id) {
        paint.green(" restored")
    } else {
        paint.red(" not restored")
    };
    line(format!("  {name}{done}"))?;
    for (attribute, change) in &image.changes {
        line(format!("      {}", change_text(attribute, change)))?;
    }
    for (attribute, kept) in &image.kept {
        let why = match kept.why {
            UnrestorableReason::Fixed => "Glance does not allow this change",
            UnrestorableReason::PartGone => "the region no longer has that image",
        };
        let change = change_text(attribute, &kept.change);
        let text = format!("not restored: {change} ({why})");
        line(format!("      {}", paint.yellow(text)))?;
    }
    Ok(())
}

fn left_text(left: &Skipped) -> String {
    match left {
        Skipped::Gone { namesake: None } => {
            "the region no longer has it, and restore creates no images".to_owned()
        }
        Skipped::Gone { namesake: Some(id) } => format!(
            "the region no longer has it, and restore creates no images; image {} has its name now",
            OneLine(id.as_str())
        ),
        Skipped::Foreign { owner } => format!(
            "it belongs to project {}; set `only_tenant_images = false` if it is yours as well",
            OneLine(owner)
        ),
        Skipped::Incomplete => "a sync has not finished it; run a sync first".to_owned(),
        Skipped::NameTaken { by } => format!(
            "it was renamed, and image {} has its old name now; rename that one first",
            OneLine(by.as_str())
        ),
    }
}

fn change_text(attribute: &str, change: &Change<Option<Value>>) -> String {
    let (from, to) = (shown(change.from.as_ref()), shown(change.to.as_ref()));
    format!("{}: {from} → {to}", OneLine(attribute))
}

/// Text in backquotes, everything else as JSON has it.
fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "not set".to_owned(),
        Some(Value::String(text)) => format!("`{}`", OneLine(text)),
        Some(other) => OneLine(&other.to_string()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{Mode, RegionResult};
    use crate::plan::Unrestorable;
    use crate::report::fixtures::{region, summary};
    use crate::report::looks::looks;

    fn image(name: &str, id: &str) -> ImageRestore {
        let change = |from: &str, to: Option<&str>| Change {
            from: Some(Value::from(from)),
            to: to.map(Value::from),
        };
        ImageRestore {
            image: name.to_owned(),
            image_id: ImageId::new(id),
            changes: BTreeMap::from([
                ("nid".to_owned(), change("1", Some("7"))),
                (
                    "os_distro".to_owned(),
                    change("a value that is long enough for two lines", None),
                ),
            ]),
            kept: BTreeMap::from([(
                "disk_format".to_owned(),
                Unrestorable {
                    change: change("raw", Some("qcow2")),
                    why: UnrestorableReason::Fixed,
                },
            )]),
            left: None,
        }
    }

    #[test]
    fn a_restore_as_it_looks() {
        let gone = ImageRestore {
            changes: BTreeMap::new(),
            kept: BTreeMap::new(),
            left: Some(Skipped::Gone { namesake: None }),
            ..image("gone", "00000000-0000-4000-8000-000000000003")
        };
        let plan = RestorePlan {
            region: region("Trento"),
            images: vec![
                image("base", "00000000-0000-4000-8000-000000000001"),
                image("other", "00000000-0000-4000-8000-000000000002"),
                gone,
            ],
            unchanged: 9,
            not_in_backup: 1,
        };
        let restored = BTreeSet::from([plan.images[0].image_id.clone()]);
        let ends = [
            ("Trento", Some(RegionResult::Changed), 0),
            ("Lannion", Some(RegionResult::Failed), 0),
        ];
        let summary = summary(Mode::Restore, &[], &ends);
        let view = RestoreView {
            plan: &plan,
            restored: &restored,
        };
        insta::assert_snapshot!(looks(|style| {
            let mut out = Vec::new();
            restore_text(&mut out, true, &[view], &summary, style).unwrap();
            String::from_utf8(out).unwrap()
        }));
    }
}
