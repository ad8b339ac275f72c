//! The plan of a dry run: what would be done in each region, and why.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{json, summary_text};
use crate::model::{ActionKind, ByteSize, ContentOrigin};
use crate::plan::{
    Action, Change, ImageState, MetadataChange, PartChange, Plan, Reason, Stage, Upload,
};
use crate::report::messages::{counts_text, warning_text};
use crate::report::summary::RunSummary;
use crate::report::text::{OneLine, Paint, count, rate, seconds};
use crate::state::LastTime;

/// How long regions took in the past, by their names as they are printed.
pub type LastTimes = BTreeMap<String, LastTime>;

/// Writes each region's actions, what they change and why, and how long it took last time; then the
/// run's summary, which has the sums and the regions that failed.
pub fn plan_text<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    times: &LastTimes,
    summary: &RunSummary,
    paint: Paint,
) -> io::Result<()> {
    for plan in plans.iter().map(Borrow::borrow) {
        let name = plan.region.to_string();
        writeln!(out, "{}: {}", paint.cyan(OneLine(&name)), headline(plan))?;
        if let Some(time) = times.get(&name).filter(|_| !plan.actions.is_empty()) {
            let text = last_time(time, plan.bytes_pending());
            writeln!(out, "  {}", paint.dim(text))?;
        }
        for line in region_lines(plan) {
            writeln!(out, "  {}", paint_line(&line, paint))?;
        }
    }
    if !plans.is_empty() {
        writeln!(out)?;
    }
    summary_text(out, summary, paint)
}

/// Writes one document: the plans, with the run's summary inside.
pub fn plan_json<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    times: &LastTimes,
    summary: &RunSummary,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        plans: Vec<Entry<'a>>,
        summary: &'a RunSummary,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(flatten)]
        plan: &'a Plan,
        bytes_pending: u64,
        last_time: Option<&'a LastTime>,
    }
    let entry = |plan| Entry {
        plan,
        bytes_pending: plan.bytes_pending(),
        last_time: times.get(&plan.region.to_string()),
    };
    let plans = plans.iter().map(Borrow::borrow).map(entry).collect();
    json(out, &Document { plans, summary })
}

/// `last time (2026-11-24 02:48 UTC): 1 min 5 s for 1.5 GiB, 23.8 MiB/s; that rate makes 52.0 s of this`
fn last_time(time: &LastTime, bytes_pending: u64) -> String {
    let when = time.started.map_or_else(String::new, |started| {
        format!(" ({})", started.format("%Y-%m-%d %H:%M UTC"))
    });
    let mut text = format!("last time{when}: {}", seconds(time.seconds));
    if let Some(rate) = rate(time.uploaded_bytes, time.seconds) {
        text = format!("{text} for {}, {rate}", ByteSize(time.uploaded_bytes));
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let estimate = time.seconds / time.uploaded_bytes as f64 * bytes_pending as f64;
        if bytes_pending > 0 {
            text = format!("{text}; at that rate {} now", seconds(estimate));
        }
    }
    text
}

/// `3 actions, 1.5 GiB to send (12 ok, 3 pending_upload)`.
fn headline(plan: &Plan) -> String {
    let mut text = if plan.actions.is_empty() {
        "nothing to do".to_owned()
    } else {
        count(plan.actions.len(), "action")
    };
    if plan.bytes_pending() > 0 {
        text = format!("{text}, {} to send", ByteSize(plan.bytes_pending()));
    }
    if plan.images.is_empty() {
        text += " (no image is selected for it)";
    } else {
        text = format!("{text} ({})", counts_text(&plan.counts()));
    }
    text
}

/// A line of a region's plan, before it is coloured or timed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) enum PlanLine {
    /// The images that are what they should be.
    InStep(String),
    /// An action and its image.
    Action(String),
    /// Why, or what changes.
    Detail(String),
    /// An image that a sync under way brings.
    InProgress(String),
    /// An image that stays as it is although it is not right.
    Left(String),
    /// An image that will fail.
    Failure(String),
    /// What somebody should look at.
    Warning(String),
}

fn paint_line(line: &PlanLine, paint: Paint) -> String {
    match line {
        PlanLine::InStep(text) => paint.dim(text),
        PlanLine::Action(text) => paint.bold(text),
        PlanLine::Detail(text) => format!("    {text}"),
        PlanLine::InProgress(text) => format!("{} {text}", paint.bold("in progress:")),
        PlanLine::Left(text) => format!("{} {text}", paint.bold("left as it is:")),
        PlanLine::Failure(text) => format!("{} {text}", paint.red("will fail:")),
        PlanLine::Warning(text) => format!("{} {text}", paint.yellow("warning:")),
    }
}

/// A region's whole decision: its actions in order with their reasons, what is left as it is and
/// why, what will fail, and the warnings.
pub(in crate::report) fn region_lines(plan: &Plan) -> Vec<PlanLine> {
    let mut lines = Vec::new();
    for action in &plan.actions {
        lines.push(PlanLine::Action(action_text(action)));
        let state = plan
            .images
            .iter()
            .find(|state| state.image == action.image());
        lines.extend(details(action, state).into_iter().map(PlanLine::Detail));
    }
    for state in &plan.images {
        // A leftover of that name is another image.
        let acted_upon = plan.actions.iter().any(|action| {
            action.image() == state.image && action.kind() != ActionKind::DeleteLeftover
        });
        let fails = plan
            .failures
            .iter()
            .any(|failure| failure.image == state.image);
        if let Reason::InProgress { image_id } = &state.reason {
            lines.push(PlanLine::InProgress(format!(
                "{} `{}` ({})",
                state.status,
                OneLine(&state.image),
                OneLine(image_id.as_str())
            )));
        } else if state.reason != Reason::InStep && !acted_upon && !fails {
            lines.push(PlanLine::Left(state_text(state)));
        }
    }
    for failure in &plan.failures {
        lines.push(PlanLine::Failure(format!(
            "`{}`: {} [{}]",
            OneLine(&failure.image),
            OneLine(&failure.message),
            failure.code
        )));
    }
    for warning in &plan.warnings {
        lines.push(PlanLine::Warning(warning_text(warning)));
    }
    lines
}

/// An image's status and its reason.
fn state_text(state: &ImageState) -> String {
    let reason = state.reason.to_string();
    format!(
        "{} `{}`: {}",
        state.status,
        OneLine(&state.image),
        OneLine(&reason)
    )
}

fn action_text(action: &Action) -> String {
    let mut text = format!("{} `{}`", action.kind(), OneLine(action.image()));
    if let Action::Upload(upload) = action {
        text = format!("{text}: {}", ByteSize(upload.bytes));
    }
    if let Some(id) = action.image_id() {
        text = format!("{text} ({})", OneLine(id.as_str()));
    }
    text
}

fn details(action: &Action, state: Option<&ImageState>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(state) = state
        && action.kind() != ActionKind::DeleteLeftover
    {
        let reason = state.reason.to_string();
        lines.push(format!("why: {}", OneLine(&reason)));
        lines.push(format!("wanted: {}", state.selected_by));
    }
    match action {
        Action::DeleteLeftover { .. } => {
            lines.push("why: an interrupted run left it".to_owned());
        }
        Action::MarkObsolete { change, .. } if change.name.is_some() => {
            lines.push(
                "why: the master has it as obsolete, with this checksum (`support_obsolete_images`)"
                    .to_owned(),
            );
        }
        Action::MarkObsolete { .. } => {
            lines.push(
                "why: it differs from the master's (`support_obsolete_images`, `obsolete_syncprops`)"
                    .to_owned(),
            );
        }
        _ => {}
    }
    match action {
        Action::DeleteLeftover { .. } => {}
        Action::MarkObsolete { change, .. } | Action::UpdateMetadata { change, .. } => {
            lines.extend(changes(change));
        }
        Action::Upload(upload) => lines.extend(upload_details(upload)),
        Action::UpdateAmi { parts, .. } => lines.extend(parts.iter().map(part_change)),
    }
    lines
}

fn upload_details(upload: &Upload) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(stage) = upload.stage() {
        let how = match stage {
            Stage::Queued => "the content is sent to the image that an earlier run created",
            Stage::Complete => "an earlier run sent the content: it is only published",
            Stage::Published => "only the old image is dealt with",
        };
        lines.push(how.to_owned());
    }
    if let Some(old) = &upload.replaces {
        let id = OneLine(old.image_id.as_str());
        lines.push(if old.is_kept() {
            let name = format!("{}.old", upload.image);
            format!(
                "the old image {id} is kept, private, as `{}`",
                OneLine(&name)
            )
        } else {
            format!("the old image {id} is deleted")
        });
    }
    let mut kind = vec![upload.visibility.to_string()];
    if upload.protected {
        kind.push("protected".to_owned());
    }
    kind.extend(
        [&upload.disk_format, &upload.container_format]
            .into_iter()
            .flatten()
            .map(|format| OneLine(format).to_string()),
    );
    lines.push(format!("as: {}", kind.join(", ")));
    if let Some(source) = upload.source {
        lines.push(format!("content: {}", source_text(source, upload.streamed)));
    }
    for (name, value) in &upload.properties {
        lines.push(format!("{}: {}", OneLine(name), quoted(Some(value))));
    }
    for part in &upload.parts {
        lines.push(format!(
            "{}: `{}`{}",
            part.property,
            OneLine(&part.part),
            where_part_is(part.image_id.is_none())
        ));
    }
    lines
}

fn source_text(source: ContentOrigin, is_streamed: bool) -> &'static str {
    match (source, is_streamed) {
        (ContentOrigin::Directory, _) => "its file in `images_dir`",
        (ContentOrigin::Glance, false) => "the master's Glance",
        (ContentOrigin::Glance, true) => {
            "the master's Glance; larger than `spool_limit`, so fetched anew for regions that do not read it at the same time"
        }
    }
}

fn changes(change: &MetadataChange) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Change { from, to }) = &change.name {
        lines.push(format!(
            "name: {} → {}",
            quoted(Some(from)),
            quoted(Some(to))
        ));
    }
    if let Some(Change { from, to }) = &change.visibility {
        lines.push(format!("visibility: {from} → {to}"));
    }
    for (name, Change { from, to }) in &change.properties {
        lines.push(format!(
            "{}: {} → {}",
            OneLine(name),
            quoted(from.as_deref()),
            quoted(to.as_deref())
        ));
    }
    lines
}

fn part_change(change: &PartChange) -> String {
    format!(
        "{}: {} → `{}`{}",
        change.to.property,
        quoted(change.from.as_deref()),
        OneLine(&change.to.part),
        where_part_is(change.to.image_id.is_none())
    )
}

fn where_part_is(is_uploaded: bool) -> &'static str {
    if is_uploaded {
        ", which this plan uploads"
    } else {
        ""
    }
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(
        || "absent".to_owned(),
        |value| format!("`{}`", OneLine(value)),
    )
}
