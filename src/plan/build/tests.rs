//! One rule of the contract after another, each on a region of a few images.

use super::*;
use crate::model::{
    ContentHash, ErrorCode, Image, KERNEL_ID, MultiHash, RAMDISK_ID, Status, Visibility,
    WarningCode,
};
use crate::plan::fixture::{
    PROJECT, actions, codes, content, image, list, plan, plan_of, plan_with_hidden, replace_all,
    selection, set, statuses,
};
use crate::plan::{Action, Change, Replaced};

fn none() -> SyncRules {
    SyncRules::default()
}

#[test]
fn an_absent_image_is_uploaded_and_one_in_step_is_left_alone() {
    let master = [image("b").size(2).build(), image("a").size(3).build()];
    let plan = plan(&master, &[image("b").build()], &none());
    assert_eq!(statuses(&plan), ["ok b", "pending_upload a"]);
    assert_eq!(actions(&plan), ["upload a"]);
    assert_eq!(plan.bytes_pending(), 3);
    assert!(plan.warnings.is_empty());
}

#[test]
fn images_of_0_bytes_are_images_like_any_other() {
    let master = [image("empty").size(0).build()];
    assert_eq!(actions(&plan(&master, &[], &none())), ["upload empty"]);
    let region = [image("empty").size(5).build()];
    assert_eq!(statuses(&plan(&master, &region, &none())), ["ok empty"]);
}

#[test]
fn differing_metadata_is_sent_and_nothing_else() {
    let master = [image("a").property("nid", "1").build()];
    let region = [image("a")
        .property("local", "x")
        .visibility(Visibility::Private)
        .build()];
    let rules = SyncRules {
        metadata_set: set(&["nid"]),
        ..none()
    };
    let plan = plan(&master, &region, &rules);
    assert_eq!(statuses(&plan), ["pending_metadata a"]);
    let [Action::UpdateMetadata { change, .. }] = &plan.actions[..] else {
        panic!("{:?}", plan.actions);
    };
    assert_eq!(change.properties.keys().collect::<Vec<_>>(), ["nid"]);
    assert_eq!(
        change.attributes.visibility,
        Some(Change {
            from: Visibility::Private,
            to: Visibility::Public
        })
    );
}

#[test]
fn a_stalled_checksum_costs_neither_content_nor_metadata() {
    let master = [image("a").property("nid", "1").build()];
    let region = [image("a").content(content("old")).build()];
    let rules = SyncRules {
        dontupdate: [crate::plan::fixture::listed("old")].into(),
        replace: list(true, &[]),
        ..none()
    };
    let plan = plan(&master, &region, &rules);
    assert_eq!(statuses(&plan), ["ok_stalled_checksum a"]);
    assert!(plan.actions.is_empty());
    assert_eq!(codes(&plan.warnings), [WarningCode::StalledChecksum]);
}

#[test]
fn an_unlisted_checksum_is_an_error_with_its_warning() {
    let region = [image("a").content(content("old")).build()];
    let plan = plan(&[image("a").build()], &region, &none());
    assert_eq!(statuses(&plan), ["error_checksum a"]);
    assert!(plan.actions.is_empty());
    assert_eq!(codes(&plan.warnings), [WarningCode::ChecksumConflict]);
    assert_eq!(plan.warnings[0].checksum, content("old").listed());
}

#[test]
fn replacing_deletes_the_old_image_and_renaming_keeps_it() {
    let master = [image("a").build(), image("b").build()];
    let region = [
        image("a").content(content("old a")).build(),
        image("b").content(content("old b")).build(),
    ];
    let rules = SyncRules {
        rename: list(false, &["old a"]),
        replace: list(true, &[]),
        ..none()
    };
    let plan = plan(&master, &region, &rules);
    assert_eq!(statuses(&plan), ["pending_rename a", "pending_replace b"]);
    assert_eq!(actions(&plan), ["rename a", "replace b"]);
    let Action::Upload(upload) = &plan.actions[0] else {
        panic!()
    };
    assert_eq!(
        upload.replaces,
        Some(Replaced {
            visibility: Visibility::Public,
            image_id: region[0].id.clone(),
            keep: true,
            needed_by: None,
            referrers: Vec::new(),
        })
    );
}

#[test]
fn a_protected_old_image_is_kept_with_a_warning() {
    let region = [image("a").content(content("old")).protected().build()];
    let rules = SyncRules {
        replace: list(true, &[]),
        ..none()
    };
    let plan = plan(&[image("a").build()], &region, &rules);
    assert_eq!(statuses(&plan), ["pending_rename a"]);
    assert_eq!(actions(&plan), ["rename a"]);
    assert_eq!(codes(&plan.warnings), [WarningCode::ProtectedImage]);
}

#[test]
fn a_name_too_long_for_the_suffix_fails_before_anything_is_sent() {
    let long = "n".repeat(252);
    let fits = "ñ".repeat(251);
    let master = [image(&long).build(), image(&fits).build()];
    let region = [
        image(&long).content(content("old")).build(),
        image(&fits).content(content("old")).build(),
    ];
    let rules = SyncRules {
        rename: list(true, &[]),
        ..none()
    };
    let plan = plan(&master, &region, &rules);
    assert_eq!(actions(&plan), [format!("rename {fits}")]);
    assert_eq!(plan.failures.len(), 1);
    assert_eq!(plan.failures[0].image, long);
    assert_eq!(plan.failures[0].code, ErrorCode::RenameFailed);
}

#[test]
fn a_deactivated_image_is_left_as_it_is() {
    let master = [image("a").property("x", "1").build(), image("b").build()];
    let region = [
        image("a").status("deactivated").build(),
        image("b")
            .status("deactivated")
            .content(content("old"))
            .build(),
    ];
    let rules = SyncRules {
        replace: list(true, &[]),
        ..none()
    };
    let plan = plan(&master, &region, &rules);
    assert_eq!(statuses(&plan), ["ok a", "pending_replace b"]);
    assert!(plan.actions.is_empty());
    assert_eq!(
        codes(&plan.warnings),
        [WarningCode::ImageNotActive, WarningCode::ImageNotActive]
    );
}

#[test]
fn a_protected_image_that_is_deactivated_is_not_said_to_be_kept_under_another_name() {
    let old = image("a").status("deactivated").content(content("old"));
    let rules = SyncRules {
        replace: list(true, &[]),
        ..none()
    };
    let plan = plan(&[image("a").build()], &[old.protected().build()], &rules);
    assert_eq!(statuses(&plan), ["pending_rename a"]);
    assert_eq!(codes(&plan.warnings), [WarningCode::ImageNotActive]);
}

#[test]
fn a_deactivated_part_is_never_replaced_and_counts_as_present() {
    let kernel = image("k")
        .status("deactivated")
        .content(content("old"))
        .build();
    let ramdisk = image("r").build();
    let machine = |kernel_id: &str| {
        image("m")
            .property(KERNEL_ID, kernel_id)
            .property(RAMDISK_ID, ramdisk.id.as_str())
            .build()
    };
    let rules = SyncRules {
        replace: list(true, &[]),
        ..none()
    };
    for (reference, status) in [
        (kernel.id.as_str(), "ok m"),
        ("nothing", "pending_metadata m"),
    ] {
        let region = [kernel.clone(), ramdisk.clone(), machine(reference)];
        let plan = plan(&triple(), &region, &rules);
        assert_eq!(statuses(&plan), [status, "ok r", "pending_replace k"]);
    }
}

#[test]
fn what_is_neither_active_nor_deactivated_is_absent() {
    for word in ["queued", "saving", "killed", "pending_delete", "importing"] {
        let plan = plan(
            &[image("a").build()],
            &[image("a").status(word).build()],
            &none(),
        );
        assert_eq!(statuses(&plan), ["pending_upload a"], "{word}");
        assert_eq!(codes(&plan.warnings), [WarningCode::ImageNotActive]);
    }
}

#[test]
fn an_incomplete_image_is_absent() {
    let region = [image("a").tag(crate::plan::tags::INCOMPLETE).build()];
    let plan = plan(&[image("a").build()], &region, &none());
    assert_eq!(statuses(&plan), ["pending_upload a"]);
    assert_eq!(codes(&plan.warnings), [WarningCode::LeftoverImage]);
}

#[test]
fn another_projects_image_counts_only_where_the_rules_say_so() {
    let region = [image("a").owner(Some("other")).property("x", "1").build()];
    let passed_over = plan(&[image("a").build()], &region, &none());
    assert_eq!(statuses(&passed_over), ["pending_upload a"]);
    assert_eq!(codes(&passed_over.warnings), [WarningCode::ForeignOwner]);
    let rules = SyncRules {
        only_tenant_images: false,
        ..none()
    };
    let counted = plan(&[image("a").build()], &region, &rules);
    assert_eq!(statuses(&counted), ["pending_metadata a"]);
    assert_eq!(codes(&counted.warnings), [WarningCode::ForeignOwner]);
}

#[test]
fn of_duplicates_own_ones_win_then_the_masters_checksum_then_the_newest() {
    let master = [image("a").build()];
    let newest = image("a").content(content("x")).build();
    let same = image("a").property("p", "1").build();
    let foreign = image("a").owner(Some("other")).build();
    let rules = SyncRules {
        only_tenant_images: false,
        ..none()
    };
    let counted = |region: &[Image]| plan(&master, region, &rules).images[0].image_id.clone();
    assert_eq!(
        counted(&[foreign.clone(), newest.clone(), same.clone()]),
        Some(same.id.clone())
    );
    assert_eq!(
        counted(&[foreign.clone(), newest.clone()]),
        Some(newest.id.clone())
    );
    let second = image("a").content(content("y")).build();
    assert_eq!(
        counted(&[newest.clone(), second.clone()]),
        Some(newest.id.clone())
    );
    let winner = same.id.clone();
    let plan = plan(&master, &[newest, second, same], &none());
    assert_eq!(
        codes(&plan.warnings),
        [
            WarningCode::DuplicateRegionName,
            WarningCode::DuplicateRegionName
        ]
    );
    assert!(
        plan.warnings
            .iter()
            .all(|warning| warning.message.contains(&format!("as {winner}")))
    );
}

#[test]
fn hidden_images_count_for_names_that_are_otherwise_absent() {
    let master = [image("a").build(), image("b").build()];
    let listed = [image("a").build()];
    let hidden = [
        image("a").property("x", "1").hidden().build(),
        image("b").property("x", "1").hidden().build(),
    ];
    let plan = plan_with_hidden(&master, &listed, &hidden, &none());
    assert_eq!(statuses(&plan), ["ok a", "pending_metadata b"]);
    assert!(plan.warnings.is_empty());
}

/// kernel `k`, ramdisk `r`, machine image `m` that refers to both.
fn triple() -> [Image; 3] {
    let kernel = image("k").size(30).build();
    let ramdisk = image("r").size(20).build();
    let machine = image("m")
        .size(10)
        .property(KERNEL_ID, kernel.id.as_str())
        .property(RAMDISK_ID, &ramdisk.id.as_str().to_uppercase())
        .build();
    [kernel, ramdisk, machine]
}

#[test]
fn a_triple_is_uploaded_parts_first() {
    let plan = plan(&triple(), &[], &none());
    assert_eq!(actions(&plan), ["upload r", "upload k", "upload m"]);
    let Action::Upload(upload) = &plan.actions[2] else {
        panic!()
    };
    assert!(upload.parts.iter().all(|part| part.image_id.is_none()));
    assert!(upload.properties.is_empty());
}

#[test]
fn references_are_compared_by_the_ids_of_the_region() {
    let kernel = image("k").build();
    let ramdisk = image("r").build();
    let machine = image("m")
        .property(KERNEL_ID, kernel.id.as_str())
        .property(RAMDISK_ID, ramdisk.id.as_str())
        .build();
    let region = [kernel.clone(), ramdisk.clone(), machine];
    let in_step = plan(&triple(), &region, &none());
    assert_eq!(statuses(&in_step), ["ok m", "ok r", "ok k"]);

    let dangling = image("m").property(KERNEL_ID, "nothing").build();
    let plan = plan(&triple(), &[kernel.clone(), ramdisk, dangling], &none());
    assert_eq!(statuses(&plan)[0], "pending_metadata m");
    let [Action::UpdateMetadata { change, .. }] = &plan.actions[..] else {
        panic!("{:?}", plan.actions);
    };
    assert_eq!(
        change.properties[KERNEL_ID].to.as_deref(),
        Some(kernel.id.as_str())
    );
    assert_eq!(change.properties[RAMDISK_ID].from, None);
}

#[test]
fn an_image_whose_part_is_replaced_is_re_pointed_after_it() {
    let old_kernel = image("k").content(content("old")).build();
    let ramdisk = image("r").build();
    let machine = image("m")
        .property(KERNEL_ID, old_kernel.id.as_str())
        .property(RAMDISK_ID, ramdisk.id.as_str())
        .property("surplus", "1")
        .build();
    let rules = SyncRules {
        replace: list(true, &[]),
        ..none()
    };
    let plan = plan(&triple(), &[old_kernel, ramdisk, machine], &rules);
    assert_eq!(
        statuses(&plan),
        ["pending_ami m", "ok r", "pending_replace k"]
    );
    assert_eq!(
        actions(&plan),
        ["update_metadata m", "replace k", "update_ami m"]
    );
    let Action::UpdateAmi { parts, .. } = &plan.actions[2] else {
        panic!()
    };
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].to.part, "k");
}

#[test]
fn an_old_kernel_that_is_still_needed_is_kept_under_another_name() {
    let old = image("k").content(content("old")).build();
    let needing = |name: &str| image(name).property(KERNEL_ID, old.id.as_str());
    let rules = SyncRules {
        replace: list(true, &[]),
        dontupdate: [crate::plan::fixture::listed("stalled")].into(),
        ..none()
    };
    for needed_by in [
        needing("unselected").build(),
        needing("somebody's").owner(Some("somebody")).build(),
        needing("m").status("deactivated").build(),
        needing("m").content(content("stalled")).build(),
        // Protected, it is renamed itself.
        needing("m").content(content("other")).protected().build(),
    ] {
        let region = [image("r").build(), needed_by, old.clone()];
        let plan = plan(&triple(), &region, &rules);
        assert_eq!(plan.images[2].status, Status::PendingReplace);
        assert!(codes(&plan.warnings).contains(&WarningCode::ImageInUse));
        let keeps = plan.actions.iter().any(|action| {
            matches!(action, Action::Upload(upload)
                if upload.image == "k" && upload.replaces.as_ref().is_some_and(Replaced::is_kept))
        });
        assert!(keeps);
    }
}

#[test]
fn what_an_old_kernel_waits_for_is_named() {
    let old = image("k").content(content("old")).build();
    let rules = SyncRules {
        replace: list(true, &[]),
        ..none()
    };
    for machine in [image("m"), image("m").content(content("old"))] {
        let machine = machine.property(KERNEL_ID, old.id.as_str()).build();
        let region = [image("r").build(), machine.clone(), old.clone()];
        let plan = plan(&triple(), &region, &rules);
        let Some(replaced) = plan.actions.iter().find_map(|action| match action {
            Action::Upload(upload) if upload.image == "k" => upload.replaces.as_ref(),
            _ => None,
        }) else {
            panic!("{:?}", plan.actions);
        };
        assert!(!replaced.is_kept());
        assert_eq!(replaced.referrers.len(), 1);
        assert_eq!(replaced.referrers[0].image_id, machine.id);
    }
}

#[test]
fn a_conflicting_kernel_that_stays_counts_as_present() {
    let kernel = image("k").content(content("old")).build();
    let plan = plan(&triple(), std::slice::from_ref(&kernel), &none());
    assert_eq!(
        statuses(&plan),
        ["pending_upload m", "pending_upload r", "error_checksum k"]
    );
    let Some(Action::Upload(machine)) = plan.actions.last() else {
        panic!()
    };
    assert_eq!(machine.parts[0].image_id, Some(kernel.id));
}

#[test]
fn a_part_that_cannot_be_had_stops_everything_for_its_image() {
    let [kernel, ramdisk, machine] = triple();
    let private = Image {
        visibility: Visibility::Private,
        ..kernel
    };
    let outer = image("outer")
        .property(KERNEL_ID, machine.id.as_str())
        .build();
    let dangling = image("dangling").property(RAMDISK_ID, "nowhere").build();
    let master = [private, ramdisk, machine, outer, dangling];
    let plan = plan(&master, &[], &none());
    assert_eq!(
        statuses(&plan),
        [
            "error_ami m",
            "pending_upload r",
            "error_ami dangling",
            "error_ami outer"
        ]
    );
    assert_eq!(actions(&plan), ["upload r"]);
    let missing: Vec<_> = plan
        .warnings
        .iter()
        .map(|warning| warning.missing.as_deref().unwrap())
        .collect();
    assert_eq!(missing, ["k", "nowhere", "m"]);
}

#[test]
fn parts_that_run_in_a_circle_are_errors() {
    let a = "00000000-0000-4000-8000-00000000000a";
    let b = "00000000-0000-4000-8000-00000000000b";
    let master = [
        image("a").id(a).property(KERNEL_ID, b).build(),
        image("b").id(b).property(KERNEL_ID, a).build(),
        image("user").property(RAMDISK_ID, a).build(),
    ];
    let plan = plan(&master, &[], &none());
    assert_eq!(
        statuses(&plan),
        ["error_ami a", "error_ami b", "error_ami user"]
    );
    assert!(plan.actions.is_empty());
}

#[test]
fn a_chain_of_parts_may_be_long() {
    let id = |number: usize| format!("00000000-0000-4000-9000-{number:012}");
    let master: Vec<Image> = (0..20_000)
        .map(|number| {
            image(&format!("{number:05}"))
                .id(&id(number))
                .property(KERNEL_ID, &id(number + 1))
                .build()
        })
        .collect();
    let plan = plan(&master, &[], &none());
    assert!(
        plan.images
            .iter()
            .all(|state| state.status == Status::ErrorAmi)
    );
}

#[test]
fn a_conflict_that_stays_goes_before_a_missing_part() {
    let master = [image("a").property(KERNEL_ID, "nowhere").build()];
    let region = [image("a").content(content("old")).build()];
    assert_eq!(
        statuses(&plan(&master, &region, &none())),
        ["error_checksum a"]
    );
    let rules = SyncRules {
        replace: list(true, &[]),
        ..none()
    };
    assert_eq!(statuses(&plan(&master, &region, &rules)), ["error_ami a"]);
}

#[test]
fn a_region_whose_images_have_no_hash_gets_nothing() {
    let master = [image("a").build(), image("b").build()];
    let without = image("b").content(ContentHash::default());
    let local = [without.build()];
    let plan_of = |region: &[Image]| plan(&master, region, &replace_all());
    let failed = |plan: &Plan| {
        let failures = plan.failures.iter();
        failures
            .map(|it| (it.code, it.image.clone()))
            .collect::<Vec<_>>()
    };
    let plan = plan_of(&local);
    assert!(plan.actions.is_empty());
    let not_verifiable = |name: &str| (ErrorCode::NotVerifiable, name.to_owned());
    assert_eq!(failed(&plan), [not_verifiable("a"), not_verifiable("b")]);
    // One image with a hash, or none that tells, is reason enough to try.
    for (owner, is_enough) in [(PROJECT, true), ("somebody", false)] {
        let region = [local[0].clone(), image("x").owner(Some(owner)).build()];
        assert_eq!(failed(&plan_of(&region)).is_empty(), is_enough, "{owner}");
    }
    assert!(failed(&plan_of(&[])).is_empty());
}

#[test]
fn what_a_content_was_found_to_have_counts_as_its_own() {
    let sha256 = |value: &str| MultiHash::new("sha256", value).unwrap();
    let master = [image("a").build()];
    let region = [image("a")
        .content(ContentHash::new(None, Some(sha256("aa"))))
        .build()];
    let rules = none();
    let selection = selection(&master, &rules);
    let build = |found: &str| {
        let complete = |content: &ContentHash| ContentHash {
            found: [sha256(found)].into(),
            ..content.clone()
        };
        let selection = selection.with_hashes(complete).unwrap();
        plan_of(&selection, &region, &rules)
    };
    assert_eq!(statuses(&build("aa")), ["ok a"]);
    assert_eq!(statuses(&build("bb")), ["error_checksum a"]);
    assert_eq!(
        statuses(&plan(&master, &region, &rules)),
        ["error_checksum a"]
    );
}
