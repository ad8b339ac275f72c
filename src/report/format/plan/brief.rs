//! A region's decision as one line an image: a sign, its size, and the reason.

use std::collections::{BTreeMap, HashMap};

use super::lines::{states_by_name, why};
use crate::model::{ByteSize, DeliveryWay, ImageId};
use crate::plan::{Action, CleanupStep, ImageState, Plan, Reason};
use crate::report::style::Paint;
use crate::report::text::{OneLine, count, pad};

/// What becomes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::report::format) enum Sign {
    /// It is new in the region.
    Upload,
    /// Its metadata is changed.
    Metadata,
    /// A new one takes its name, and it gets another one.
    Rename,
    /// A new one takes its place, and it is deleted.
    Replace,
    /// It is deleted.
    Delete,
    /// A sync under way has it in progress.
    InProgress,
    /// It will fail.
    Fails,
}

impl Sign {
    fn of(action: &Action) -> Self {
        match action {
            Action::DeleteLeftover { .. } => Self::Delete,
            Action::Cleanup(cleanup) => match cleanup.step {
                CleanupStep::HideOrphan(_) | CleanupStep::ShowAgain(_) => Self::Metadata,
                CleanupStep::DeleteOld | CleanupStep::DeleteOrphan => Self::Delete,
            },
            Action::MarkObsolete { change, .. } if change.name.is_some() => Self::Rename,
            Action::MarkObsolete { .. }
            | Action::UpdateMetadata { .. }
            | Action::UpdateAmi { .. } => Self::Metadata,
            Action::Upload(upload) => match &upload.replaces {
                None => Self::Upload,
                Some(old) if old.is_kept() => Self::Rename,
                Some(_) => Self::Replace,
            },
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "+",
            Self::Metadata => "~",
            Self::Rename => ">",
            Self::Replace => "!",
            Self::Delete => "-",
            Self::InProgress => "*",
            Self::Fails => "x",
        }
    }

    /// What the sign stands for.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Metadata => "metadata",
            Self::Rename => "rename",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::InProgress => "in progress",
            Self::Fails => "will fail",
        }
    }

    /// `3 uploads`; of those that are no actions `1 in progress`, `2 will fail`.
    pub(super) fn counted(self, number: usize) -> String {
        match self {
            Self::Upload => count(number, "upload"),
            Self::Metadata => count(number, "metadata change"),
            Self::Rename => count(number, "rename"),
            Self::Replace => count(number, "replacement"),
            Self::Delete => count(number, "deletion"),
            Self::InProgress | Self::Fails => format!("{number} {}", self.meaning()),
        }
    }

    pub(in crate::report::format) fn painted(self, paint: Paint) -> String {
        let sign = self.as_str();
        match self {
            Self::Upload => paint.green(sign),
            Self::Metadata | Self::Rename => paint.yellow(sign),
            Self::Replace | Self::Delete | Self::Fails => paint.red(sign),
            Self::InProgress => paint.cyan(sign),
        }
    }
}

/// What becomes of one image, and why.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) sign: Sign,
    /// Its name, as it is shown.
    pub(super) image: String,
    /// Bytes; none where that is not known.
    pub(super) size: Option<u64>,
    /// Why, as it is shown.
    pub(super) reason: String,
    /// What is done, in order.
    pub(super) actions: Vec<&'a Action>,
    /// What it is in the region.
    pub(super) state: Option<&'a ImageState>,
}

/// What becomes of every image for which something is done, is in progress, or will fail: in the order of
/// the actions, then the others.
pub(super) fn entries(plan: &Plan) -> Vec<Entry<'_>> {
    let states = states_by_name(plan);
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut by_id: HashMap<&ImageId, usize> = HashMap::new();
    for action in &plan.actions {
        // Kernel and ramdisk of an image whose metadata is changed as well.
        if let (Action::UpdateAmi { image_id, .. }, sign) = (action, Sign::Metadata)
            && let Some(place) = by_id.get(image_id)
            && entries[*place].sign == sign
        {
            entries[*place].actions.push(action);
            continue;
        }
        let state = states.get(action.image()).copied();
        let is_of_state = !matches!(
            action,
            Action::DeleteLeftover { .. } | Action::MarkObsolete { .. } | Action::Cleanup(_)
        );
        if let Some(id) = action.image_id() {
            by_id.insert(id, entries.len());
        }
        entries.push(Entry {
            sign: Sign::of(action),
            image: OneLine(action.image()).to_string(),
            size: match action {
                Action::Upload(upload) => Some(upload.size),
                _ => state.filter(|_| is_of_state).map(|state| state.size),
            },
            reason: with_way(why(action, state).unwrap_or_default(), action),
            actions: vec![action],
            state: state.filter(|_| is_of_state),
        });
    }
    for state in &plan.images {
        if let Reason::InProgress { .. } = &state.reason {
            entries.push(Entry {
                sign: Sign::InProgress,
                image: OneLine(&state.image).to_string(),
                size: Some(state.size),
                reason: format!("{}, which the sync under way is bringing", state.status),
                actions: Vec::new(),
                state: Some(state),
            });
        }
    }
    for failure in &plan.failures {
        let state = states.get(failure.image.as_str()).copied();
        entries.push(Entry {
            sign: Sign::Fails,
            image: OneLine(&failure.image).to_string(),
            size: state.map(|state| state.size),
            reason: format!(
                "{}: {} [{}]",
                failure.action,
                OneLine(&failure.message),
                failure.code
            ),
            actions: Vec::new(),
            state,
        });
    }
    entries
}

/// The lines of a region's entries, in columns: sign, name, size, reason.
pub(super) fn lines(entries: &[Entry<'_>], paint: Paint) -> Vec<String> {
    let shown = |entry: &Entry<'_>| console::measure_text_width(&entry.image);
    let widest = entries.iter().map(shown).max().unwrap_or(0).min(NAME_WIDTH);
    let line = |entry: &Entry<'_>| {
        let size = entry
            .size
            .map_or_else(String::new, |size| ByteSize(size).to_string());
        format!(
            "  {} {}  {size:>9}  {}",
            entry.sign.painted(paint),
            paint.bold(pad(&entry.image, widest)),
            entry.reason
        )
    };
    entries.iter().map(line).collect()
}

/// The reason, and how the content gets there where that is not sent by this host.
fn with_way(reason: String, action: &Action) -> String {
    match action {
        Action::Upload(upload) if !upload.is_there() => match (upload.delivery, &upload.from) {
            (DeliveryWay::Pull, Some(from)) => format!("{reason}; pulled from {from}"),
            (DeliveryWay::Import, _) => format!("{reason}; imported by the region"),
            _ => reason,
        },
        _ => reason,
    }
}

/// Columns for names at most: a longer one moves what is behind it.
const NAME_WIDTH: usize = 32;

/// `3 uploads, 1 replacement, 1.5 GiB to send`; empty where there is nothing.
pub(super) fn sums<'a, 'b: 'a>(
    entries: impl Iterator<Item = &'a Entry<'b>>,
    plans: impl IntoIterator<Item = &'a Plan>,
) -> String {
    let mut counts: BTreeMap<Sign, usize> = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.sign).or_default() += 1;
    }
    let mut parts: Vec<String> = counts
        .into_iter()
        .map(|(sign, number)| sign.counted(number))
        .collect();
    let (mut sent, mut pulled) = (0, 0);
    for plan in plans {
        sent += plan.bytes_pending();
        pulled += plan.bytes_pulled();
    }
    if sent > 0 {
        parts.push(format!("{} to send", ByteSize(sent)));
    }
    if pulled > 0 {
        parts.push(format!("{} to pull", ByteSize(pulled)));
    }
    parts.join(", ")
}
