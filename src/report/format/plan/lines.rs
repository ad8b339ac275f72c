//! A region's decision in full: every action with what it changes and why, for region logs and `-v`.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::{ByteSize, ContentOrigin};
use crate::plan::{
    Action, AttributeChange, Change, CleanupStep, ImageState, MetadataChange, PartChange, Plan,
    Reason, Stage, Upload,
};
use crate::report::messages::warning_text;
use crate::report::text::OneLine;

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

/// A region's whole decision: its actions in order with their reasons, what is left as it is and
/// why, what will fail, and the warnings.
pub(in crate::report) fn region_lines(plan: &Plan) -> Vec<PlanLine> {
    let mut lines = Vec::new();
    let states = states_by_name(plan);
    for action in &plan.actions {
        lines.push(PlanLine::Action(action_text(action)));
        let state = states.get(action.image()).copied();
        let why = why(action, state).map(|why| format!("why: {why}"));
        let details = why.into_iter().chain(details(action, state));
        lines.extend(details.map(PlanLine::Detail));
    }
    for state in &plan.images {
        if let Reason::InProgress { image_id } = &state.reason {
            lines.push(PlanLine::InProgress(format!(
                "{} `{}` ({})",
                state.status,
                OneLine(&state.image),
                OneLine(image_id.as_str())
            )));
        }
    }
    lines.extend(left_alone(plan).map(|state| PlanLine::Left(state_text(state))));
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

/// Every image of the plan by its name.
pub(super) fn states_by_name(plan: &Plan) -> HashMap<&str, &ImageState> {
    let states = plan.images.iter();
    states.map(|state| (state.image.as_str(), state)).collect()
}

/// The images that are not in step, and that the plan leaves as they are.
pub(super) fn left_alone(plan: &Plan) -> impl Iterator<Item = &ImageState> {
    let acted_upon: HashSet<&str> = plan
        .actions
        .iter()
        // A leftover of that name is another image.
        .filter(|action| match action {
            Action::DeleteLeftover { .. } => false,
            Action::Cleanup(cleanup) => !cleanup.comes_last(),
            _ => true,
        })
        .map(Action::image)
        .chain(plan.failures.iter().map(|failure| failure.image.as_str()))
        .collect();
    plan.images.iter().filter(move |state| {
        !matches!(state.reason, Reason::InStep | Reason::InProgress { .. })
            && !acted_upon.contains(state.image.as_str())
    })
}

/// An image's status and its reason.
pub(super) fn state_text(state: &ImageState) -> String {
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

/// Why an action is to be done, as far as that is known of it.
pub(super) fn why(action: &Action, state: Option<&ImageState>) -> Option<String> {
    match (action, state) {
        (Action::DeleteLeftover { .. }, _) => Some("an interrupted run left it".to_owned()),
        (Action::Cleanup(cleanup), _) => Some(why_cleanup(cleanup.step).to_owned()),
        (Action::MarkObsolete { change, .. }, _) if change.name.is_some() => Some(
            "the master has it as obsolete, with this checksum (`support_obsolete_images`)"
                .to_owned(),
        ),
        (Action::MarkObsolete { .. }, _) => Some(
            "it differs from the master's (`support_obsolete_images`, `obsolete_syncprops`)"
                .to_owned(),
        ),
        (_, Some(state)) => Some(OneLine(&state.reason.to_string()).to_string()),
        (_, None) => None,
    }
}

fn why_cleanup(step: CleanupStep) -> &'static str {
    match step {
        CleanupStep::DeleteOld => "newer ones of that name are kept (`keep_old`)",
        CleanupStep::HideOrphan(_) => "no rule selects it any more: it is hidden (`orphans`)",
        CleanupStep::ShowAgain(_) => {
            "it is selected again: its orphan tag comes off, and it is shown"
        }
        CleanupStep::DeleteOrphan => {
            "no rule selects it any more, and it was hidden long enough (`orphans`, `orphan_grace`)"
        }
    }
}

/// By which rule the image is wanted, and what an action changes, property by property.
pub(super) fn details(action: &Action, state: Option<&ImageState>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(state) = state
        && !matches!(
            action,
            Action::DeleteLeftover { .. } | Action::MarkObsolete { .. } | Action::Cleanup(_)
        )
    {
        lines.push(format!("wanted: {}", state.selected_by));
    }
    match action {
        Action::DeleteLeftover { .. } | Action::Cleanup(_) => {}
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
            Stage::Importing => "the import that an earlier run began is waited for",
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
    if upload.os_hidden {
        kind.push("hidden".to_owned());
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
    for (name, value) in [("min_disk", upload.min_disk), ("min_ram", upload.min_ram)] {
        if value > 0 {
            lines.push(format!("{name}: {value}"));
        }
    }
    if !upload.tags.is_empty() {
        lines.push(format!("tags: {}", all_quoted(&upload.tags)));
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
    lines.extend(attribute_changes(&change.attributes));
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

fn attribute_change<T>(
    name: &str,
    change: Option<&Change<T>>,
    text: impl Fn(&T) -> String,
) -> Option<String> {
    let Change { from, to } = change?;
    Some(format!("{name}: {} → {}", text(from), text(to)))
}

fn attribute_changes(change: &AttributeChange) -> Vec<String> {
    let AttributeChange {
        visibility,
        min_disk,
        min_ram,
        protected,
        os_hidden,
        tags,
    } = change;
    let lines = [
        attribute_change("visibility", visibility.as_ref(), ToString::to_string),
        attribute_change("min_disk", min_disk.as_ref(), ToString::to_string),
        attribute_change("min_ram", min_ram.as_ref(), ToString::to_string),
        attribute_change("protected", protected.as_ref(), ToString::to_string),
        attribute_change("os_hidden", os_hidden.as_ref(), ToString::to_string),
        attribute_change("tags", tags.as_ref(), all_quoted),
    ];
    lines.into_iter().flatten().collect()
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

fn all_quoted(texts: &BTreeSet<String>) -> String {
    if texts.is_empty() {
        return "none".to_owned();
    }
    let texts: Vec<String> = texts.iter().map(|text| quoted(Some(text))).collect();
    texts.join(", ")
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(
        || "absent".to_owned(),
        |value| format!("`{}`", OneLine(value)),
    )
}
