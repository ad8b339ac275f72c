//! A saved plan, for people: all that `apply` may do, region by region. Nothing but what is in the file is
//! shown, so that what is approved is what is carried out.

use std::io::{self, Write};

use chrono::Local;

use crate::model::{ActionKind, ByteSize};
use crate::plan::{PlanFile, SavedAction, SavedFailure, SavedPart, SavedRegion, SavedValue};
use crate::report::messages::counts_text;
use crate::report::style::Style;
use crate::report::text::{OneLine, count, pad};

/// Writes the whole plan, each action with what results.
pub fn saved_plan_text(out: &mut impl Write, plan: &PlanFile, style: Style) -> io::Result<()> {
    let paint = style.paint;
    writeln!(out, "{}", OneLine(&made(plan)))?;
    for region in &plan.regions {
        let name = OneLine(&region.region).to_string();
        writeln!(out, "\n{}: {}", paint.bold(name), sums(region))?;
        for action in &region.actions {
            let sign = sign(action);
            writeln!(out, "  {} {}", sign.painted(paint), OneLine(&title(action)))?;
            for line in results(action) {
                writeln!(out, "      {}", OneLine(&line))?;
            }
        }
        for failure in &region.will_fail {
            writeln!(out, "  x {}", OneLine(&failure_text(failure)))?;
        }
    }
    for failure in &plan.failed {
        writeln!(out, "\nnot planned: {}", OneLine(&failure_text(failure)))?;
    }
    writeln!(out, "\n{}", total(plan))
}

/// Writes one action a line.
pub fn saved_plan_table(out: &mut impl Write, plan: &PlanFile, width: usize) -> io::Result<()> {
    let mut rows = vec![[
        "REGION".to_owned(),
        "ACTION".to_owned(),
        "IMAGE".to_owned(),
        "SIZE".to_owned(),
        "WHAT".to_owned(),
    ]];
    for region in &plan.regions {
        let cell = |text: &str| OneLine(text).to_string();
        for action in &region.actions {
            let size = if action.bytes > 0 {
                ByteSize(action.bytes).to_string()
            } else {
                String::new()
            };
            rows.push([
                cell(&region.region),
                action.action.to_string(),
                cell(&action.image),
                size,
                cell(&fate(action).unwrap_or_default()),
            ]);
        }
        for failure in &region.will_fail {
            let what = format!("will fail: {}", failure.code);
            let action = "-".to_owned();
            let image = cell(&failure.what);
            rows.push([cell(&region.region), action, image, String::new(), what]);
        }
    }
    let widths: Vec<usize> = (0..4)
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].as_str());
            let widest = cells.map(console::measure_text_width).max();
            widest.unwrap_or_default().min(width / 3)
        })
        .collect();
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| pad(cell, *width));
        let line = format!("{}  {}", cells.collect::<Vec<_>>().join("  "), row[4]);
        writeln!(out, "{}", line.trim_end())?;
    }
    for failure in &plan.failed {
        writeln!(out, "not planned: {}", OneLine(&failure_text(failure)))?;
    }
    writeln!(out, "{}", total(plan))
}

/// What becomes of an image.
fn sign(action: &SavedAction) -> super::plan::Sign {
    use super::plan::Sign;
    let is_kept = action.old_image.as_ref().is_some_and(|old| old.kept);
    match action.action {
        ActionKind::Upload => Sign::Upload,
        ActionKind::Replace | ActionKind::Rename if is_kept => Sign::Rename,
        ActionKind::Replace | ActionKind::Rename => Sign::Replace,
        ActionKind::MarkObsolete if action.attributes.contains_key("name") => Sign::Rename,
        ActionKind::MarkObsolete
        | ActionKind::UpdateMetadata
        | ActionKind::UpdateAmi
        | ActionKind::HideOrphan => Sign::Metadata,
        ActionKind::DeleteLeftover | ActionKind::DeleteOld | ActionKind::DeleteOrphan => {
            Sign::Delete
        }
    }
}

/// From when the plan is, and for what.
pub(super) fn made(plan: &PlanFile) -> String {
    let made = plan.created_at.with_timezone(&Local);
    let mut text = format!(
        "plan of {} for the master {}, by glancesync {}",
        made.format("%Y-%m-%d %H:%M:%S %:z"),
        plan.master,
        plan.glancesync
    );
    for (option, globs) in [
        ("--image", &plan.images),
        ("--exclude-image", &plan.excluded_images),
    ] {
        for glob in globs {
            text = format!("{text}, {option} {glob}");
        }
    }
    text
}

pub(super) fn title(action: &SavedAction) -> String {
    let id = action.image_id.as_ref();
    let id = id.map_or_else(String::new, |id| format!(" ({})", id.as_str()));
    let size = if action.bytes > 0 {
        format!(", {}", ByteSize(action.bytes))
    } else {
        String::new()
    };
    format!("{} `{}`{id}{size}", action.action, action.image)
}

/// What becomes of an image that is there.
pub(super) fn fate(action: &SavedAction) -> Option<String> {
    if let Some(old) = &action.old_image {
        let id = old.image_id.as_str();
        return Some(if old.kept {
            format!("the old image {id} is kept as `{}.old`", action.image)
        } else {
            format!("the old image {id} is deleted")
        });
    }
    action
        .action
        .is_deletion()
        .then(|| "it is deleted".to_owned())
}

/// Why, what becomes of the old image, and what results, a line each.
pub(super) fn results(action: &SavedAction) -> Vec<String> {
    let mut lines = Vec::new();
    if !action.why.is_empty() {
        lines.push(format!("why: {}", action.why));
    }
    lines.extend(fate(action));
    if let Some(content) = &action.content {
        let (hash, id) = (&content.hash, content.master_id.as_str());
        lines.push(format!("content: {hash}, the master's {id}"));
    }
    if let Some(from) = &action.from {
        lines.push(format!("pulled from {from}"));
    }
    // Of a new image, what it has like most others is not said.
    let attributes = action.attributes.iter();
    let attributes = attributes.filter(|(_, value)| action.content.is_none() || !is_usual(value));
    let values = attributes.chain(&action.properties);
    lines.extend(values.map(|(name, value): (_, &SavedValue)| format!("{name}: {value}")));
    let parts = action.parts.iter();
    lines.extend(parts.map(|(name, part)| format!("{name}: {}", part_text(part))));
    lines
}

fn is_usual(value: &SavedValue) -> bool {
    match value {
        SavedValue::Absent | SavedValue::Flag(false) | SavedValue::Number(0) => true,
        SavedValue::Many(values) => values.is_empty(),
        _ => false,
    }
}

fn part_text(part: &SavedPart) -> String {
    match (&part.part, &part.image_id) {
        (Some(name), Some(id)) => format!("`{name}` ({})", id.as_str()),
        (Some(name), None) => format!("`{name}`, which this plan uploads"),
        (None, Some(id)) => id.as_str().to_owned(),
        (None, None) => "absent".to_owned(),
    }
}

pub(super) fn failure_text(failure: &SavedFailure) -> String {
    format!("{}: {} [{}]", failure.what, failure.message, failure.code)
}

/// `2 actions, 3 MiB; ok 4, pending_upload 2`.
pub(super) fn sums(region: &SavedRegion) -> String {
    let actions = match region.actions.len() {
        0 => "nothing to do".to_owned(),
        some => count(some, "action"),
    };
    let bytes: u64 = region.actions.iter().map(|action| action.bytes).sum();
    let bytes = if bytes > 0 {
        format!(", {}", ByteSize(bytes))
    } else {
        String::new()
    };
    let counts = counts_text(&region.counts);
    if counts.is_empty() {
        format!("{actions}{bytes}")
    } else {
        format!("{actions}{bytes}; {counts}")
    }
}

pub(super) fn total(plan: &PlanFile) -> String {
    let all = || plan.regions.iter().flat_map(|region| &region.actions);
    let bytes = all().fold(0_u64, |sum, action| sum.saturating_add(action.bytes));
    let (regions, actions) = (
        count(plan.regions.len(), "region"),
        count(all().count(), "action"),
    );
    let goes = |action: &&SavedAction| {
        action.action.is_deletion() || action.old_image.as_ref().is_some_and(|old| !old.kept)
    };
    let deleted = count(all().filter(goes).count(), "image");
    let deleted = format!("{deleted} deleted");
    let failed = match plan.failed.len() {
        0 => String::new(),
        _ => format!("; {} not planned", count(plan.failed.len(), "region")),
    };
    let size = ByteSize(bytes);
    format!("{regions}, {actions}, {size} of content, {deleted}{failed}.")
}
