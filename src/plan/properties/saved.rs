//! A plan that is carried out later: whatever happened meanwhile, nothing is done that it does not have, and
//! what was interrupted can be gone on with.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::conduct::{carry_out, conduct};
use super::fleet::{fleet, names};
use super::glance::Trouble;
use super::stopped::{has_unfinished, trouble};
use crate::model::{ActionKind, Image, ImageId, ImageStatus, KERNEL_ID, RAMDISK_ID};
use crate::plan::fixture::content;
use crate::plan::{OLD_SUFFIX, Plan, SavedRegion, SavedValue, compare_with_saved, tags};

/// What anybody does to an image between plan and apply.
#[derive(Debug, Clone)]
enum Meddling {
    Deleted,
    Content(String),
    Renamed(String),
    Protected(bool),
    Deactivated,
    GivenAway,
    Hidden(bool),
    Property(String),
    /// Another of the same name comes.
    Copied(String),
    Uncovered,
}

/// Where, to which image, and what.
type Event = (bool, Index, Meddling);

fn meddling() -> impl Strategy<Value = Meddling> {
    let text = || select(vec!["0", "1", "2", "x"]).prop_map(ToOwned::to_owned);
    prop_oneof![
        2 => Just(Meddling::Deleted),
        2 => text().prop_map(Meddling::Content),
        2 => select(names()).prop_map(Meddling::Renamed),
        1 => any::<bool>().prop_map(Meddling::Protected),
        1 => Just(Meddling::Deactivated),
        1 => Just(Meddling::GivenAway),
        1 => any::<bool>().prop_map(Meddling::Hidden),
        2 => text().prop_map(Meddling::Property),
        2 => text().prop_map(Meddling::Copied),
        1 => Just(Meddling::Uncovered),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    vec(
        (prop::bool::weighted(0.3), any::<Index>(), meddling()),
        0..4,
    )
}

fn meddle(images: &mut Vec<Image>, number: usize, index: Index, what: &Meddling) {
    if images.is_empty() {
        return;
    }
    let place = index.index(images.len());
    let image = &mut images[place];
    match what {
        Meddling::Deleted => {
            images.remove(place);
        }
        Meddling::Content(text) => image.content = content(text),
        Meddling::Renamed(name) => image.name.clone_from(name),
        Meddling::Protected(is) => image.protected = *is,
        Meddling::Deactivated => image.status = ImageStatus::Deactivated,
        Meddling::GivenAway => image.owner = Some("another".to_owned()),
        Meddling::Hidden(is) => image.os_hidden = *is,
        Meddling::Property(value) => {
            image.properties.insert("nid".to_owned(), value.clone());
        }
        Meddling::Copied(text) => {
            let mut copy = image.clone();
            copy.id = ImageId::new(&format!("c000000{number}-0000-4000-8000-000000000000"));
            copy.content = content(text);
            copy.tags.clear();
            images.insert(0, copy);
        }
        Meddling::Uncovered => image.tags.clear(),
    }
}

/// Today's plan, if all of it was saved.
fn approved(saved: &SavedRegion, mut today: Plan) -> Option<Plan> {
    let compared = compare_with_saved(saved, &mut today);
    compared.differs.is_empty().then_some(today)
}

/// What an interrupted run of this program left.
fn is_leftover(image: &Image) -> bool {
    tags::is_incomplete(image)
}

/// True where the saved plan has that image deleted.
fn may_delete(saved: &SavedRegion, image: &Image) -> bool {
    saved.actions.iter().any(|action| {
        let is_old = action.old_image.as_ref();
        is_old.is_some_and(|old| old.image_id == image.id && !old.kept)
            || action.action.is_deletion() && action.image_id.as_ref() == Some(&image.id)
    })
}

/// True where the saved plan has that image renamed so, or deleted: what is in use is renamed instead.
fn may_rename(saved: &SavedRegion, image: &Image, name: &str) -> bool {
    saved.actions.iter().any(|action| {
        let is_old = action.old_image.as_ref();
        is_old.is_some_and(|old| old.image_id == image.id)
            && name == format!("{}{OLD_SUFFIX}", action.image)
            || action.image_id.as_ref() == Some(&image.id)
                && action.attributes.get("name") == Some(&SavedValue::Text(name.to_owned()))
    })
}

/// True where the saved plan has that property of an image that stays.
fn may_set(saved: &SavedRegion, image: &Image, name: &str, value: Option<&str>) -> bool {
    let changes = saved.actions.iter().filter(|action| {
        action.image_id.as_ref() == Some(&image.id)
            && matches!(
                action.action,
                ActionKind::UpdateMetadata | ActionKind::UpdateAmi | ActionKind::MarkObsolete
            )
    });
    // What is in use stays instead of going, and refers to the parts that are there.
    let is_part = [KERNEL_ID, RAMDISK_ID].contains(&name);
    let goes = is_part && may_delete(saved, image);
    goes || changes.into_iter().any(|action| {
        action.properties.get(name) == Some(&SavedValue::of_property(value))
            || action.parts.contains_key(name)
    })
}

/// Each attribute before and after.
fn attributes(image: &Image, now: &Image) -> [(&'static str, SavedValue, SavedValue); 6] {
    let of = |image: &Image| {
        let tags = image.tags.iter().filter(|tag| !tags::is_ours(tag));
        [
            ("visibility", SavedValue::Text(image.visibility.to_string())),
            ("protected", SavedValue::Flag(image.protected)),
            ("os_hidden", SavedValue::Flag(image.os_hidden)),
            ("min_disk", SavedValue::Number(image.min_disk)),
            ("min_ram", SavedValue::Number(image.min_ram)),
            (
                "tags",
                SavedValue::Many(tags.map(|tag| SavedValue::text(tag)).collect()),
            ),
        ]
    };
    let mut now = of(now).into_iter();
    of(image).map(|(name, was)| (name, was, now.next().unwrap().1))
}

/// True where the saved plan has that attribute of an image that stays, or has another take its place.
fn may_have(saved: &SavedRegion, image: &Image, name: &str, value: &SavedValue) -> bool {
    saved.actions.iter().any(|action| {
        let old = action.old_image.as_ref();
        old.is_some_and(|old| old.image_id == image.id)
            || action.image_id.as_ref() == Some(&image.id)
                && (action.attributes.get(name) == Some(value)
                    || action.action == ActionKind::HideOrphan && name == "os_hidden")
    })
}

fn check_effects(
    saved: &SavedRegion,
    before: &[Image],
    after: &[Image],
) -> Result<(), TestCaseError> {
    for image in before.iter().filter(|image| !is_leftover(image)) {
        let Some(now) = after.iter().find(|other| other.id == image.id) else {
            prop_assert!(may_delete(saved, image), "{} is gone", image.id);
            continue;
        };
        if now.name != image.name {
            prop_assert!(
                may_rename(saved, image, &now.name),
                "{} is {}",
                image.id,
                now.name
            );
        }
        for name in image.properties.keys().chain(now.properties.keys()) {
            let value = now.properties.get(name).map(String::as_str);
            if value != image.properties.get(name).map(String::as_str) {
                prop_assert!(
                    may_set(saved, image, name, value),
                    "{} has {name}",
                    image.id
                );
            }
        }
        prop_assert_eq!(&now.content, &image.content);
        for (name, was, is) in attributes(image, now) {
            let may = was == is || may_have(saved, image, name, &is);
            prop_assert!(may, "{} has {name} {is}", image.id);
        }
    }
    for image in after {
        let is_new = !before.iter().any(|other| other.id == image.id);
        let mut actions = saved.actions.iter();
        let entry = actions.find(|action| action.image == image.name && action.content.is_some());
        prop_assert!(!is_new || entry.is_some(), "{} is new", image.name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn nothing_is_done_that_was_not_saved(
        mut fleet in fleet(),
        events in events(),
        trouble in trouble(),
        conduct in conduct(),
    ) {
        let saved = SavedRegion::new(&fleet.plan());
        for (number, (is_master, index, what)) in events.iter().enumerate() {
            let images = if *is_master { &mut fleet.master } else { &mut fleet.region };
            meddle(images, number, *index, what);
        }
        if let Some(today) = approved(&saved, fleet.plan()) {
            let run = carry_out(&today, &fleet.region, trouble, &conduct);
            check_effects(&saved, &fleet.region, run.glance.images())?;
        }
    }

    #[test]
    fn what_was_interrupted_is_gone_on_with_until_all_is_done(
        fleet in fleet(),
        first in trouble(),
        second in trouble(),
        conduct in conduct(),
    ) {
        // What an earlier run did not finish takes two runs, and so two plans.
        prop_assume!(!has_unfinished(&fleet.plan()));
        let saved = SavedRegion::new(&fleet.plan());
        let mut region = fleet.region.clone();
        for trouble in [first, second, Trouble::None] {
            let mut today = fleet.plan_for(&region);
            let differences = compare_with_saved(&saved, &mut today).differs;
            prop_assert_eq!(differences, Vec::<String>::new(), "it is outdated by itself");
            let run = carry_out(&today, &region, trouble, &conduct);
            check_effects(&saved, &fleet.region, run.glance.images())?;
            region = run.glance.images().to_vec();
        }
    }

    #[test]
    fn a_plan_that_was_just_saved_holds(fleet in fleet()) {
        let saved = SavedRegion::new(&fleet.plan());
        let today = fleet.plan();
        let actions = today.actions.len();
        prop_assert_eq!(approved(&saved, today).map(|plan| plan.actions.len()), Some(actions));
        let again: SavedRegion = serde_json::from_slice(&serde_json::to_vec(&saved).unwrap()).unwrap();
        prop_assert_eq!(again, saved);
    }
}
