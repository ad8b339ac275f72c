//! Steps and their ends, without a server.

use super::*;
use crate::model::SyncRules;
use crate::plan::fixture::{content, image, outdated_pair, plan, replace_all};

fn id(text: &str) -> ImageId {
    ImageId::new(text)
}

/// What is done next, where nothing is under way that would have to end before.
fn step(state: &mut PlanExecution) -> Option<Step> {
    match state.next(|_| true) {
        Next::Step(step) => Some(step),
        Next::End => None,
        Next::Wait => panic!("something is under way"),
    }
}

/// `k` is to be replaced, `m` refers to it and is there, `z` is absent and larger.
fn replaced_kernel() -> Plan {
    let kernel = image("k").size(1).build();
    let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
    let last = image("z").size(2000).build();
    let old = image("k").content(content("old")).build();
    let region = [image("m").property(KERNEL_ID, old.id.as_str()).build(), old];
    plan(&[kernel, machine, last], &region, &replace_all())
}

fn upload(step: Option<Step>) -> Upload {
    match step {
        Some(Step::Apply(Action::Upload(upload))) => *upload,
        other => panic!("{other:?}"),
    }
}

fn act(step: Option<Step>) -> Action {
    match step {
        Some(Step::Apply(action)) => action,
        other => panic!("{other:?}"),
    }
}

/// Which image is pointed at which.
fn re_pointed(action: &Action) -> Vec<(&str, &str)> {
    let Action::UpdateAmi { image, parts, .. } = action else {
        panic!("{action:?}");
    };
    parts
        .iter()
        .map(|part| (image.as_str(), part.to.image_id.as_ref().unwrap().as_str()))
        .collect()
}

/// `m` refers to `k`, and both are to be replaced.
fn replaced_pair() -> Plan {
    let kernel = image("k").size(1).build();
    let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
    plan(&[kernel, machine], &outdated_pair(), &replace_all())
}

fn retirement(step: Option<Step>) -> Retirement {
    match step {
        Some(Step::RetireOld(retirement)) => *retirement,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_old_kernel_goes_only_after_the_old_machine() {
    let mut state = PlanExecution::new(&replaced_pair(), NonZeroUsize::MIN, false);
    let kernel = upload(step(&mut state));
    state.published(&kernel, &id("new k"));
    let machine = upload(step(&mut state));
    assert_eq!(machine.parts[0].image_id, Some(id("new k")));
    state.published(&machine, &id("new m"));
    let first = retirement(step(&mut state));
    assert_eq!(first.upload.image, "m");
    state.deleted(&first.old.image_id);
    state.retired("m");
    assert_eq!(retirement(step(&mut state)).upload.image, "k");
}

#[test]
fn an_old_machine_that_stays_is_pointed_at_the_new_kernel() {
    // Its own replacement fails, or Glance does not delete it because it is in use.
    for is_published in [false, true] {
        let mut state = PlanExecution::new(&replaced_pair(), NonZeroUsize::MIN, true);
        let kernel = upload(step(&mut state));
        state.published(&kernel, &id("new k"));
        let machine = upload(step(&mut state));
        if is_published {
            state.published(&machine, &id("new m"));
            assert_eq!(retirement(step(&mut state)).upload.image, "m");
            state.retired("m");
        } else {
            state.action_failed("m");
        }
        let old_machine = act(step(&mut state));
        assert_eq!(re_pointed(&old_machine), [("m", "new k")]);
        state.updated(&old_machine);
        assert_eq!(retirement(step(&mut state)).upload.image, "k");
        state.retired("k");
        assert_eq!(step(&mut state), None);
        assert!(state.withheld_actions().is_empty());
    }
}

#[test]
fn what_was_deleted_before_is_not_waited_for() {
    let [kernel, machine] = [image("k").size(2).build(), image("m").size(1).build()];
    let plan = plan(&[kernel, machine], &outdated_pair(), &replace_all());
    let mut state = PlanExecution::new(&plan, NonZeroUsize::MIN, false);
    for name in ["m", "k"] {
        let sent = upload(step(&mut state));
        assert_eq!(sent.image, name);
        state.published(&sent, &id(name));
        let due = retirement(step(&mut state));
        state.deleted(&due.old.image_id);
        state.retired(name);
    }
    assert_eq!(step(&mut state), None);
}

#[test]
fn an_image_that_was_published_fails_nobody_with_it() {
    let plan = replaced_kernel();
    let mut state = PlanExecution::new(&plan, NonZeroUsize::MIN, true);
    let kernel = upload(step(&mut state));
    state.published(&kernel, &id("new"));
    assert!(state.action_failed("k").is_empty());
    let last = upload(step(&mut state));
    assert_eq!(last.image, "z");
    state.published(&last, &id("zz"));
    assert_eq!(re_pointed(&act(step(&mut state))), [("m", "new")]);
}

#[test]
fn an_image_that_is_pointed_at_one_of_its_parts_only_is_not_finished() {
    let kernel = image("k").size(1).build();
    let ramdisk = image("r").size(2).build();
    let machine = image("m")
        .property(KERNEL_ID, kernel.id.as_str())
        .property(RAMDISK_ID, ramdisk.id.as_str())
        .build();
    let plan = plan(
        &[kernel, ramdisk, machine],
        &[image("m").build()],
        &SyncRules::default(),
    );
    let mut state = PlanExecution::new(&plan, NonZeroUsize::MIN, false);
    let kernel = upload(step(&mut state));
    state.published(&kernel, &id("new"));
    assert_eq!(upload(step(&mut state)).image, "r");
    state.action_failed("r");
    let machine = act(step(&mut state));
    assert_eq!(re_pointed(&machine), [("m", "new")]);
    state.updated(&machine);
    assert_eq!(step(&mut state), None);
    let now = state.now(&plan.images);
    assert_eq!(now[2], ("m".to_owned(), Status::PendingAmi));
}

#[test]
fn an_interrupt_that_leaves_re_pointing_only_leaves_nothing_undone() {
    let mut state = PlanExecution::new(&replaced_kernel(), NonZeroUsize::MIN, false);
    for (name, new_id) in [("k", "new"), ("z", "zz")] {
        let sent = upload(step(&mut state));
        assert_eq!(sent.image, name);
        state.published(&sent, &id(new_id));
    }
    assert!(!state.interrupt());
    assert_eq!(re_pointed(&act(step(&mut state))), [("m", "new")]);
}

#[test]
fn the_old_kernel_goes_only_after_the_machine_was_re_pointed() {
    let plan = replaced_kernel();
    let mut state = PlanExecution::new(&plan, NonZeroUsize::MIN, false);
    let kernel = upload(step(&mut state));
    assert!(!state.published(&kernel, &id("new")));
    let last = upload(step(&mut state));
    assert_eq!(last.image, "z");
    assert!(state.published(&last, &id("zz")));
    let machine = act(step(&mut state));
    assert_eq!(re_pointed(&machine), [("m", "new")]);
    state.updated(&machine);
    let Some(Step::RetireOld(retirement)) = step(&mut state) else {
        panic!()
    };
    assert_eq!(retirement.upload.image, "k");
    state.retired("k");
    assert_eq!(step(&mut state), None);
    assert!(state.withheld_actions().is_empty());
    assert!(
        state
            .now(&plan.images)
            .iter()
            .all(|(_, status)| *status == Status::Ok)
    );
}

#[test]
fn a_stopped_region_still_re_points_what_needs_a_published_part() {
    let plan = replaced_kernel();
    let mut state = PlanExecution::new(&plan, NonZeroUsize::MIN, false);
    let kernel = upload(step(&mut state));
    state.published(&kernel, &id("new"));
    assert_eq!(upload(step(&mut state)).image, "z");
    assert!(state.action_failed("z").is_empty());
    let machine = act(step(&mut state));
    assert_eq!(re_pointed(&machine), [("m", "new")]);
    state.updated(&machine);
    assert_eq!(retirement(step(&mut state)).upload.image, "k");
    state.retired("k");
    assert_eq!(step(&mut state), None);
}

#[test]
fn a_stopped_region_starts_nothing_else() {
    let mut state = PlanExecution::new(&replaced_kernel(), NonZeroUsize::MIN, false);
    assert_eq!(upload(step(&mut state)).image, "k");
    state.action_failed("k");
    assert_eq!(step(&mut state), None);
    assert!(!state.interrupt());
}

#[test]
fn the_old_kernel_stays_where_the_machine_was_not_re_pointed() {
    let mut state = PlanExecution::new(&replaced_kernel(), NonZeroUsize::MIN, true);
    let kernel = upload(step(&mut state));
    state.published(&kernel, &id("new"));
    let last = upload(step(&mut state));
    state.published(&last, &id("zz"));
    assert!(matches!(
        step(&mut state),
        Some(Step::Apply(Action::UpdateAmi { .. }))
    ));
    state.action_failed("m");
    assert_eq!(step(&mut state), None);
    let kept = state.withheld_actions();
    assert_eq!(kept.len(), 1);
    assert!(
        kept[0].message.contains("`m` still refers"),
        "{}",
        kept[0].message
    );
}

#[test]
fn keep_going_passes_over_what_needs_the_failed_image_only() {
    let plan = replaced_kernel();
    let mut state = PlanExecution::new(&plan, NonZeroUsize::MIN, true);
    upload(step(&mut state));
    let dependents = state.action_failed("k");
    assert_eq!(dependents[0].image, "m");
    let last = upload(step(&mut state));
    assert_eq!(last.image, "z");
    state.published(&last, &id("zz"));
    assert_eq!(step(&mut state), None);
    let now: Vec<_> = state
        .now(&plan.images)
        .into_iter()
        .map(|(_, s)| s)
        .collect();
    assert_eq!(
        now,
        [Status::PendingReplace, Status::PendingAmi, Status::Ok]
    );
}

#[test]
fn an_interrupt_says_whether_it_left_something_undone() {
    let mut state = PlanExecution::new(&replaced_kernel(), NonZeroUsize::MIN, true);
    assert!(state.interrupt());
    assert_eq!(step(&mut state), None);
    let mut idle = PlanExecution::default();
    assert!(!idle.interrupt());
}

/// Four images, and `m`, which needs the kernel `k`.
fn several() -> Plan {
    let kernel = image("k").size(1).build();
    let machine = image("m")
        .size(2)
        .property(KERNEL_ID, kernel.id.as_str())
        .build();
    let others = ["x", "y", "z"].map(|name| image(name).size(9).build());
    let master: Vec<_> = [kernel, machine].into_iter().chain(others).collect();
    plan(&master, &[], &SyncRules::default())
}

fn begin(state: &mut PlanExecution) -> Upload {
    match state.next(|_| true) {
        Next::Step(Step::Apply(Action::Upload(upload))) => *upload,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_content_goes_alone_and_others_follow_side_by_side() {
    let two = NonZeroUsize::new(2).unwrap();
    let mut state = PlanExecution::new(&several(), two, true);
    let first = begin(&mut state);
    assert_eq!(state.next(|_| true), Next::Wait);
    // It says nothing about the region that is not published.
    state.image_failed(&first.image);
    let second = begin(&mut state);
    assert_eq!(state.next(|_| true), Next::Wait);
    state.published(&second, &id("x"));
    let third = begin(&mut state);
    let fourth = begin(&mut state);
    assert_eq!([&third.image, &fourth.image], ["y", "z"]);
    assert_eq!(state.next(|_| true), Next::Wait);
    state.published(&fourth, &id("z"));
    assert_eq!(state.next(|_| true), Next::Wait);
    state.published(&third, &id("y"));
    assert_eq!(state.next(|_| true), Next::End);
}

#[test]
fn who_cannot_begin_or_needs_a_part_on_its_way_is_passed_over_for_now() {
    let many = NonZeroUsize::new(9).unwrap();
    let mut state = PlanExecution::new(&several(), many, false);
    let busy = |upload: &Upload| upload.image != "k";
    let first = match state.next(busy) {
        Next::Step(Step::Apply(Action::Upload(upload))) => *upload,
        other => panic!("{other:?}"),
    };
    assert_eq!(first.image, "x");
    state.published(&first, &id("x"));
    assert_eq!(begin(&mut state).image, "k");
    let (second, third) = (begin(&mut state), begin(&mut state));
    assert_eq!([&second.image, &third.image], ["y", "z"]);
    assert_eq!(state.next(|_| true), Next::Wait);
    let kernel = Upload {
        image: "k".to_owned(),
        ..first
    };
    state.published(&kernel, &id("new k"));
    let machine = begin(&mut state);
    assert_eq!(machine.parts[0].image_id, Some(id("new k")));
}

#[test]
fn after_a_failure_what_is_under_way_ends_and_nothing_begins() {
    let many = NonZeroUsize::new(9).unwrap();
    let mut state = PlanExecution::new(&several(), many, false);
    let kernel = begin(&mut state);
    state.published(&kernel, &id("k"));
    let machine = begin(&mut state);
    assert_eq!(begin(&mut state).image, "x");
    state.action_failed("x");
    assert_eq!(state.next(|_| true), Next::Wait);
    state.published(&machine, &id("m"));
    assert_eq!(state.next(|_| true), Next::End);
}
