//! Whether what a region needs today is what its saved plan has.

use super::SavedRegion;
use super::saved_action::{SavedAction, SavedPart};
use crate::model::ActionKind;
use crate::plan::{Action, Plan, Stage};

/// What of today's plan its saved one has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SavedComparison {
    /// What today's plan has and the saved one has not, a sentence each; empty where all of it was saved.
    pub differs: Vec<String>,
    /// Old images, by name, that are one too many only since the saved plan renamed another: their deletion was
    /// taken out of today's plan.
    pub left_for_later: Vec<String>,
}

/// Compares the plan of today with the saved one. What the saved one has besides was done already. What an
/// interrupted run left is completed or deleted without an entry, as long as no other image gives way to it.
pub fn compare_with_saved(saved: &SavedRegion, today: &mut Plan) -> SavedComparison {
    let mut comparison = SavedComparison::default();
    let mut stays = Vec::with_capacity(today.actions.len());
    for action in &today.actions {
        let now = SavedAction::new(action, today);
        let found = if is_own_leftover(action) || changes_nothing(action, today) {
            Vec::new()
        } else {
            differences(saved, &now)
        };
        let is_later = !found.is_empty() && renames_to(saved, &now);
        stays.push(!is_later);
        if is_later {
            comparison.left_for_later.push(now.image);
        } else {
            comparison.differs.extend(found);
        }
    }
    let mut stays = stays.into_iter();
    today.actions.retain(|_| stays.next().unwrap_or(true));
    comparison
}

/// True for an old image that is one too many because of what this plan renamed.
fn renames_to(region: &SavedRegion, now: &SavedAction) -> bool {
    now.action == ActionKind::DeleteOld
        && region.actions.iter().any(|saved| {
            let is_kept = saved.old_image.as_ref().is_some_and(|old| old.kept);
            is_kept && now.image == format!("{}{}", saved.image, crate::plan::OLD_SUFFIX)
        })
}

fn differences(region: &SavedRegion, now: &SavedAction) -> Vec<String> {
    if now.is_change() {
        change_differences(region, now)
    } else if now.action == ActionKind::MarkObsolete {
        let mut entries = entries(region, now);
        let entry = entries.find(|saved| saved.image_id == now.image_id);
        entry.map_or_else(
            || vec![not_saved(now)],
            |saved| results_beyond(now, &[saved]),
        )
    } else {
        let entries: Vec<_> = entries(region, now).collect();
        let found = entries
            .iter()
            .map(|saved| new_image_differences(now, saved));
        let nearest = found.min_by_key(Vec::len);
        nearest.unwrap_or_else(|| vec![not_saved(now)])
    }
}

/// The saved actions of that kind for the image of that name.
fn entries<'a>(
    region: &'a SavedRegion,
    now: &'a SavedAction,
) -> impl Iterator<Item = &'a SavedAction> {
    let entries = region.actions.iter();
    entries.filter(|saved| saved.action == now.action && saved.image == now.image)
}

/// Of an image that stays: everything that it gets must be among what it was to get.
fn change_differences(region: &SavedRegion, now: &SavedAction) -> Vec<String> {
    let of_image = |saved: &&SavedAction| {
        saved.is_change() && saved.image == now.image && saved.image_id == now.image_id
    };
    let saved: Vec<&SavedAction> = region.actions.iter().filter(of_image).collect();
    if saved.is_empty() {
        vec![not_saved(now)]
    } else {
        results_beyond(now, &saved)
    }
}

/// What an interrupted run left, and nothing else is touched by it.
fn is_own_leftover(action: &Action) -> bool {
    match action {
        Action::DeleteLeftover { .. } => true,
        Action::Upload(upload) => upload.leftover.is_some() && upload.replaces.is_none(),
        _ => false,
    }
}

/// True for references to parts that an interrupted run published and pointed at already.
fn changes_nothing(action: &Action, today: &Plan) -> bool {
    let Action::UpdateAmi { parts, .. } = action else {
        return false;
    };
    let published = |name: &str| {
        today.actions.iter().find_map(|other| match other {
            Action::Upload(upload) if upload.image == name => {
                let leftover = upload.leftover.as_ref();
                leftover.filter(|leftover| leftover.stage == Stage::Published)
            }
            _ => None,
        })
    };
    parts.iter().all(|part| {
        let there = published(&part.to.part);
        there.is_some_and(|there| part.from.as_deref() == Some(there.image_id.as_str()))
    })
}

fn not_saved(now: &SavedAction) -> String {
    let id = now
        .image_id
        .as_ref()
        .or(now.old_image.as_ref().map(|old| &old.image_id));
    let id = id.map_or_else(String::new, |id| format!(" ({})", id.as_str()));
    format!(
        "`{}`{id}: `{}` is needed now, and is not in the plan",
        now.image, now.action
    )
}

/// What results now and is in none of the saved actions.
fn results_beyond(now: &SavedAction, saved: &[&SavedAction]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in &now.attributes {
        let planned = saved.iter().find_map(|it| it.attributes.get(name));
        if planned != Some(value) {
            found.push(differs(now, name, value, planned));
        }
    }
    for (name, value) in &now.properties {
        let planned = saved.iter().find_map(|it| it.properties.get(name));
        if planned != Some(value) {
            found.push(differs(now, name, value, planned));
        }
    }
    for (name, part) in &now.parts {
        let planned = saved.iter().find_map(|it| it.parts.get(name));
        if planned.is_none_or(|planned| !is_same_part(part, planned)) {
            found.push(differs(now, name, shown(part), planned.map(shown)));
        }
    }
    found
}

/// Of a new image, or one that goes: everything must be as it was saved.
fn new_image_differences(now: &SavedAction, saved: &SavedAction) -> Vec<String> {
    let mut found = Vec::new();
    // A new image has no id before it is made; one that was made meanwhile is an own leftover.
    if now.content.is_none() && now.image_id != saved.image_id {
        return vec![not_saved(now)];
    }
    if let (Some(content), Some(planned)) = (&now.content, &saved.content)
        && content != planned
    {
        let of = |it: &super::SavedContent| format!("{} of {}", it.hash, it.master_id.as_str());
        found.push(differs(now, "the content", of(content), Some(of(planned))));
    }
    if now.old_image != saved.old_image {
        let of = |it: &super::SavedOldImage| {
            let fate = if it.kept { "kept" } else { "deleted" };
            format!("{}, {fate}", it.image_id.as_str())
        };
        let today = now.old_image.as_ref().map_or("none".to_owned(), of);
        let planned = saved.old_image.as_ref().map(of);
        found.push(differs(now, "the old image", today, planned));
    }
    found.extend(results_beyond(now, &[saved]));
    // Of one that an earlier run published, today's plan has only the rest.
    if now.content.is_some() && now.image_id.is_some() {
        return found;
    }
    let lost = |name: &&String| {
        !now.attributes.contains_key(*name)
            && !now.properties.contains_key(*name)
            && !now.parts.contains_key(*name)
    };
    let names = saved.attributes.keys().chain(saved.properties.keys());
    for name in names.chain(saved.parts.keys()).filter(lost) {
        found.push(differs(now, name, "absent", Some("a value")));
    }
    found
}

/// A part that the plan uploads has no id in it.
fn is_same_part(now: &SavedPart, saved: &SavedPart) -> bool {
    let may_be_any = saved.part.is_some() && saved.image_id.is_none();
    now.part == saved.part && (may_be_any || now.image_id == saved.image_id)
}

fn shown(part: &SavedPart) -> String {
    let id = part.image_id.as_ref().map(crate::model::ImageId::as_str);
    match (&part.part, id) {
        (Some(part), Some(id)) => format!("`{part}` ({id})"),
        (Some(part), None) => format!("`{part}`, which is uploaded"),
        (None, Some(id)) => id.to_owned(),
        (None, None) => "absent".to_owned(),
    }
}

fn differs(
    now: &SavedAction,
    what: &str,
    today: impl std::fmt::Display,
    planned: Option<impl std::fmt::Display>,
) -> String {
    let planned = planned.map_or("nothing".to_owned(), |planned| planned.to_string());
    format!(
        "`{}`: {what} would become {today}, and the plan has {planned}",
        now.image
    )
}
