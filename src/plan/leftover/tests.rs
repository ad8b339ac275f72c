//! What is taken up again, what is deleted, and what is left alone.

use super::Stage;
use crate::model::{Image, Status, SyncRules, Visibility, WarningCode};
use crate::plan::fixture::{
    INSTALLATION, actions, codes, content, image, list, plan, replace_all, selection, statuses,
};
use crate::plan::{Action, ImageFilter, Plan, Upload, tags};

const OTHER: &str = "another-installation";

fn rules() -> SyncRules {
    SyncRules::default()
}

fn master() -> [Image; 1] {
    [image("a").property("nid", "1").build()]
}

fn taken(plan: &Plan) -> (&Upload, Stage) {
    let uploads = plan.actions.iter().find_map(|action| match action {
        Action::Upload(upload) => Some(upload),
        _ => None,
    });
    let upload = uploads.unwrap();
    (upload, upload.stage().unwrap())
}

#[test]
fn complete_content_is_published_and_not_sent_again() {
    let left = image("a").incomplete(INSTALLATION).build();
    let plan = plan(&master(), std::slice::from_ref(&left), &rules());
    assert_eq!(statuses(&plan), ["pending_upload a"]);
    assert_eq!(actions(&plan), ["upload a"]);
    assert_eq!(plan.actions[0].image_id(), Some(&left.id));
    assert_eq!((plan.bytes_pending(), taken(&plan).1), (0, Stage::Complete));
    assert_eq!(codes(&plan.warnings), [WarningCode::LeftoverImage]);
}

#[test]
fn an_image_without_content_is_sent_to() {
    let left = image("a").incomplete(INSTALLATION).queued().build();
    let plan = plan(&master(), &[left], &rules());
    assert_eq!(
        (plan.bytes_pending(), taken(&plan).1),
        (1000, Stage::Queued)
    );
}

#[test]
fn the_furthest_is_taken_and_then_the_newest_and_the_others_go() {
    let queued = || image("a").incomplete(INSTALLATION).queued().build();
    let complete = || image("a").incomplete(INSTALLATION).build();
    let (newest, newer, older) = (queued(), complete(), complete());
    let listed = [newest.clone(), newer.clone(), older.clone()];
    let both = plan(&master(), &listed, &rules());
    let deleted: Vec<_> = both.actions[..2].iter().map(Action::image_id).collect();
    assert_eq!(deleted, [Some(&newest.id), Some(&older.id)]);
    assert_eq!(both.actions[2].image_id(), Some(&newer.id));
    let queued = plan(&master(), &[newest.clone(), queued()], &rules());
    assert_eq!(actions(&queued), ["delete_leftover a", "upload a"]);
    assert_eq!(queued.actions[1].image_id(), Some(&newest.id));
}

#[test]
fn what_cannot_become_a_copy_is_deleted_and_the_image_uploaded_anew() {
    let of_format = |disk: &str, container: &str| Image {
        disk_format: Some(disk.to_owned()),
        container_format: Some(container.to_owned()),
        ..image("a").incomplete(INSTALLATION).queued().build()
    };
    for left in [
        image("a")
            .incomplete(INSTALLATION)
            .content(content("x"))
            .build(),
        image("a").incomplete(INSTALLATION).size(999).build(),
        image("a")
            .incomplete(INSTALLATION)
            .queued()
            .status("saving")
            .build(),
        image("a")
            .incomplete(INSTALLATION)
            .status("deactivated")
            .build(),
        image("a").incomplete(INSTALLATION).status("killed").build(),
        of_format("raw", "bare"),
        of_format("qcow2", "ovf"),
    ] {
        let plan = plan(&master(), std::slice::from_ref(&left), &rules());
        assert_eq!(
            actions(&plan),
            ["delete_leftover a", "upload a"],
            "{left:?}"
        );
        assert_eq!(plan.actions[0].image_id(), Some(&left.id));
        assert_eq!(plan.actions[1].image_id(), None);
    }
}

#[test]
fn what_is_not_wanted_any_more_is_deleted() {
    let left = image("a").incomplete(INSTALLATION).build();
    let there = image("a").property("nid", "1").build();
    let in_step = plan(&master(), &[left.clone(), there], &rules());
    assert_eq!(statuses(&in_step), ["ok a"]);
    assert_eq!(actions(&in_step), ["delete_leftover a"]);
    let conflict = image("a").content(content("x")).build();
    let in_conflict = plan(&master(), &[left, conflict], &rules());
    assert_eq!(statuses(&in_conflict), ["error_checksum a"]);
    assert_eq!(actions(&in_conflict), ["delete_leftover a"]);
    let unselected = image("b").incomplete(INSTALLATION).build();
    let unselected = plan(&[], &[unselected], &rules());
    assert_eq!(actions(&unselected), ["delete_leftover b"]);
}

#[test]
fn what_another_left_is_not_touched_until_it_is_a_day_old() {
    for (hours, expected) in [(23, &["upload a"][..]), (24, &["upload a"])] {
        let left = image("a").incomplete(OTHER).hours_old(hours).build();
        let plan = plan(&master(), std::slice::from_ref(&left), &rules());
        assert_eq!(actions(&plan), expected);
        let is_taken = plan.actions[0].image_id() == Some(&left.id);
        assert_eq!(is_taken, hours == 24);
        assert_eq!(codes(&plan.warnings), [WarningCode::LeftoverImage]);
    }
    let unselected = |hours| image("b").incomplete(OTHER).hours_old(hours).build();
    let young = plan(&[], &[unselected(1)], &rules());
    assert!(young.actions.is_empty());
    assert_eq!(codes(&young.warnings), [WarningCode::LeftoverImage]);
    let old = plan(&[], &[unselected(25)], &rules());
    assert_eq!(actions(&old), ["delete_leftover b"]);
}

#[test]
fn an_upload_of_another_that_began_lately_is_left_alone_however_old_the_image_is() {
    let mut left = image("a").incomplete(OTHER).hours_old(30).build();
    left.status = "saving".to_owned().into();
    assert_eq!(
        actions(&plan(&master(), &[left.clone()], &rules())),
        ["delete_leftover a", "upload a"]
    );
    left.updated_at = Some(crate::plan::fixture::now());
    assert_eq!(actions(&plan(&master(), &[left], &rules())), ["upload a"]);
}

#[test]
fn without_all_tags_or_of_another_project_nothing_is_a_leftover() {
    for left in [
        image("a").tag(tags::INCOMPLETE).hours_old(99).build(),
        image("a")
            .incomplete(INSTALLATION)
            .owner(Some("somebody"))
            .build(),
        image("a")
            .tag(&tags::installation(INSTALLATION))
            .status("queued")
            .build(),
        image("a")
            .incomplete(OTHER)
            .tag(&tags::installation(INSTALLATION))
            .hours_old(1)
            .build(),
        image("a")
            .incomplete(INSTALLATION)
            .protected()
            .queued()
            .hidden()
            .build(),
    ] {
        for only_tenant_images in [true, false] {
            let rules = SyncRules {
                only_tenant_images,
                ..rules()
            };
            let plan = plan(&master(), std::slice::from_ref(&left), &rules);
            assert!(
                plan.actions
                    .iter()
                    .all(|action| action.image_id() != Some(&left.id)),
                "{left:?}"
            );
        }
    }
}

#[test]
fn the_filter_leaves_alone_what_it_filters_out() {
    let unwanted = |name| image(name).incomplete(INSTALLATION).build();
    let region = [
        unwanted("b"),
        unwanted("c"),
        image("a").incomplete(INSTALLATION).queued().build(),
    ];
    let of = |glob| {
        let mut plan = plan(&master(), &region, &rules());
        let filter = ImageFilter::new([glob]).unwrap();
        filter.apply(&mut plan, &selection(&master(), &rules()));
        actions(&plan)
    };
    assert_eq!(of("b"), ["delete_leftover b"]);
    assert_eq!(of("a"), ["upload a"]);
}

/// A published `a` whose old image still has the name.
fn published() -> [Image; 2] {
    let old = image("a").content(content("old")).build();
    let new = image("a")
        .property("nid", "1")
        .tag(&tags::replaces(&old.id))
        .tag("mine")
        .build();
    [new, old]
}

#[test]
fn of_a_published_image_only_the_rest_is_done() {
    for (rules, status, is_kept) in [
        (replace_all(), "pending_replace a", false),
        (rules(), "pending_rename a", true),
        (
            SyncRules {
                rename: list(true, &[]),
                ..rules()
            },
            "pending_rename a",
            true,
        ),
        (
            SyncRules {
                dontupdate: [crate::plan::fixture::listed("old")].into(),
                ..replace_all()
            },
            "pending_rename a",
            true,
        ),
    ] {
        let region = published();
        let plan = plan(&master(), &region, &rules);
        assert_eq!(statuses(&plan), [status]);
        assert_eq!(plan.bytes_pending(), 0);
        let (upload, stage) = taken(&plan);
        let old = upload.replaces.as_ref().unwrap();
        assert_eq!(stage, Stage::Published);
        assert_eq!((&old.image_id, old.is_kept()), (&region[1].id, is_kept));
        let leftover = upload.leftover.as_ref().unwrap();
        assert_eq!(leftover.image_id, region[0].id);
        assert_eq!(leftover.tags, ["mine".to_owned()].into());
        assert_eq!(leftover.then, Status::Ok);
    }
}

#[test]
fn a_protected_old_image_of_a_published_one_is_kept() {
    let [new, old] = published();
    let old = Image {
        protected: true,
        ..old
    };
    let plan = plan(&master(), &[new, old], &replace_all());
    assert_eq!(actions(&plan), ["rename a"]);
    assert!(codes(&plan.warnings).contains(&WarningCode::ProtectedImage));
}

#[test]
fn what_differs_of_a_published_image_is_left_to_the_next_run() {
    let [new, old] = published();
    let new = Image {
        visibility: Visibility::Private,
        ..new
    };
    let plan = plan(&master(), &[new, old], &replace_all());
    assert_eq!(actions(&plan), ["replace a"]);
    let leftover = taken(&plan).0.leftover.as_ref().unwrap();
    assert_eq!(leftover.then, Status::PendingMetadata);
}

#[test]
fn a_tag_that_says_nothing_any_more_is_taken_off_silently() {
    let [new, old] = published();
    let renamed = Image {
        name: "a.old".to_owned(),
        ..old
    };
    for region in [vec![new.clone()], vec![new.clone(), renamed]] {
        let plan = plan(&master(), &region, &rules());
        assert_eq!(statuses(&plan), ["ok a"]);
        assert!(plan.actions.is_empty() && plan.warnings.is_empty());
        assert_eq!(plan.untags.len(), 1);
        assert_eq!(plan.untags[0].image_id, new.id);
        assert_eq!(plan.untags[0].tags, ["mine".to_owned()].into());
    }
}

#[test]
fn an_old_image_that_may_not_be_touched_keeps_its_name_and_the_tag_stays() {
    let [new, old] = published();
    for old in [
        Image {
            owner: Some("somebody".to_owned()),
            ..old.clone()
        },
        Image {
            status: "deactivated".to_owned().into(),
            ..old
        },
    ] {
        let plan = plan(&master(), &[new.clone(), old], &replace_all());
        assert_eq!(statuses(&plan), ["ok a"]);
        assert!(plan.actions.is_empty() && plan.untags.is_empty());
    }
}
