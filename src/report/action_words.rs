//! What an action is called while it is done, afterwards, and before.

use super::text::{OneLine, rate, seconds};
use crate::event::ActionFacts;
use crate::model::{ActionKind, ByteSize};

/// Whether it happens, has happened, or would.
#[derive(Clone, Copy)]
pub(super) enum Tense {
    Present,
    Past,
    Conditional,
}

fn verb(kind: ActionKind, tense: Tense) -> &'static str {
    use Tense::{Conditional, Past, Present};
    match (kind, tense) {
        (ActionKind::Upload, Present) => "uploading",
        (ActionKind::Upload, Past) => "uploaded",
        (ActionKind::Upload, Conditional) => "would upload",
        (ActionKind::Replace | ActionKind::Rename, Present) => "replacing",
        (ActionKind::Replace | ActionKind::Rename, Past) => "replaced",
        (ActionKind::Replace | ActionKind::Rename, Conditional) => "would replace",
        (ActionKind::UpdateMetadata, Present) => "updating metadata of",
        (ActionKind::UpdateMetadata, Past) => "updated metadata of",
        (ActionKind::UpdateMetadata, Conditional) => "would update metadata of",
        (ActionKind::MarkObsolete, Present) => "marking as obsolete",
        (ActionKind::MarkObsolete, Past) => "marked as obsolete",
        (ActionKind::MarkObsolete, Conditional) => "would mark as obsolete",
        (ActionKind::UpdateAmi, Present) => "re-pointing kernel and ramdisk of",
        (ActionKind::UpdateAmi, Past) => "re-pointed kernel and ramdisk of",
        (ActionKind::UpdateAmi, Conditional) => "would re-point kernel and ramdisk of",
        (ActionKind::DeleteLeftover, Present) => "deleting leftover",
        (ActionKind::DeleteLeftover, Past) => "deleted leftover",
        (ActionKind::DeleteLeftover, Conditional) => "would delete leftover",
        (ActionKind::DeleteOld, Present) => "deleting old image",
        (ActionKind::DeleteOld, Past) => "deleted old image",
        (ActionKind::DeleteOld, Conditional) => "would delete old image",
        (ActionKind::HideOrphan, Present) => "hiding orphan",
        (ActionKind::HideOrphan, Past) => "hid orphan",
        (ActionKind::HideOrphan, Conditional) => "would hide orphan",
        (ActionKind::DeleteOrphan, Present) => "deleting orphan",
        (ActionKind::DeleteOrphan, Past) => "deleted orphan",
        (ActionKind::DeleteOrphan, Conditional) => "would delete orphan",
    }
}

/// `uploading`, `replacing` …: what a region does right now.
pub(super) fn doing(kind: ActionKind) -> &'static str {
    verb(kind, Tense::Present)
}

/// What is done to which image, and how much is sent, in that tense.
pub(super) fn action(facts: &ActionFacts, tense: Tense) -> String {
    let mut text = format!("{} `{}`", verb(facts.action, tense), OneLine(&facts.image));
    if facts.action == ActionKind::Rename {
        text += ", the old image kept";
    }
    if let Some(id) = &facts.image_id {
        text = format!("{text} ({})", OneLine(id.as_str()));
    }
    if facts.bytes > 0 {
        text = format!("{text}: {}", ByteSize(facts.bytes));
    }
    text
}

/// How long it took, and how fast that was.
pub(super) fn took(bytes: u64, time: f64) -> String {
    match rate(bytes, time) {
        Some(rate) => format!("{}, {rate}", seconds(time)),
        None => seconds(time),
    }
}
