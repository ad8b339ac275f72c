//! Plans and events that the tests of this module share.

use std::collections::{BTreeMap, BTreeSet};

use super::run_id::RunId;
use super::summary::RunSummary;
use super::summary_builder::SummaryBuilder;
use crate::event::{Event, EventKind, Failure, Mode, RegionResult};
use crate::model::{
    ActionKind, ContentHash, DeliveryWay, ErrorCode, ImageId, RegionName, Status, SyncAttribute,
    Visibility, Warning, WarningCode,
};
use crate::plan::{
    Action, AttributeChange, Change, Cleanup, CleanupStep, ImageState, MetadataChange, Orphan,
    OrphanReason, PartChange, PartProblem, PartReference, Plan, PlannedFailure, Reason, Replaced,
    SelectedBy, Upload,
};

/// A name that tries everything.
pub(super) const NASTY: &str = "a\nRegion: \"done\", \u{1b}[31m\u{202e}\u{1f600}";

pub(super) fn region(name: &str) -> RegionName {
    name.parse().unwrap()
}

fn id(last: u8) -> ImageId {
    ImageId::new(&format!("00000000-0000-4000-8000-0000000000{last:02x}"))
}

fn state(image: &str, status: Status, reason: Reason, size: u64) -> ImageState {
    ImageState {
        image: image.to_owned(),
        status,
        reason,
        selected_by: SelectedBy::MetadataSet,
        size,
        master_id: id(0xaa),
        image_id: None,
        disk_format: None,
    }
}

fn upload(image: &str, bytes: u64, replaces: Option<Replaced>) -> Upload {
    Upload {
        image: image.to_owned(),
        master_id: id(0xaa),
        leftover: None,
        size: bytes,
        bytes,
        content: ContentHash {
            md5: Some("9046fd22131a96502cb0d85b4a406a5a".parse().unwrap()),
            ..ContentHash::default()
        },
        hashed_as: None,
        delivery: DeliveryWay::Upload,
        from: None,
        source: None,
        may_be_pulled: false,
        streamed: false,
        replaces,
        visibility: Visibility::Public,
        protected: false,
        os_hidden: false,
        tags: BTreeSet::new(),
        disk_format: Some("qcow2".to_owned()),
        stored_size: 0,
        region_algorithm: None,
        master_format: Some("qcow2".to_owned()),
        container_format: Some("bare".to_owned()),
        min_disk: 0,
        min_ram: 0,
        properties: BTreeMap::from([("nid".to_owned(), "7".to_owned())]),
        parts: Vec::new(),
    }
}

/// An image of every status.
fn every_state() -> Vec<ImageState> {
    let checksum = Some("d41d8cd98f00b204e9800998ecf8427e".parse().unwrap());
    let listed = |key, entry: &str, protected| Reason::Listed {
        key,
        entry: entry.to_owned(),
        checksum: checksum.clone(),
        protected,
        needed_by: None,
    };
    vec![
        state("vmlinuz", Status::PendingUpload, Reason::Absent, 8 << 20),
        state(
            "stalled",
            Status::OkStalledChecksum,
            listed("dontupdate", "d41d8cd98f00b204e9800998ecf8427e", false),
            9 << 20,
        ),
        state("fine", Status::Ok, Reason::InStep, 10 << 20),
        state(
            "metadata",
            Status::PendingMetadata,
            Reason::MetadataDiffers {
                visibility: true,
                attributes: vec![SyncAttribute::Visibility, SyncAttribute::Tags],
                properties: vec!["nid".to_owned()],
            },
            20 << 20,
        ),
        state(
            NASTY,
            Status::PendingReplace,
            listed("replace", "any", false),
            512 << 20,
        ),
        state(
            "debian-12",
            Status::PendingRename,
            listed("replace", "any", true),
            700 << 20,
        ),
        state(
            "ami",
            Status::PendingAmi,
            Reason::PartPending {
                part: "vmlinuz".to_owned(),
            },
            800 << 20,
        ),
        state(
            "conflict",
            Status::ErrorChecksum,
            Reason::Unlisted { checksum },
            900 << 20,
        ),
        state(
            "orphan",
            Status::ErrorAmi,
            Reason::PartUnavailable {
                part: "initrd".to_owned(),
                problem: PartProblem::NotSelected,
            },
            901 << 20,
        ),
    ]
}

fn cleanup(image: &str, last: u8, step: CleanupStep) -> Action {
    Action::Cleanup(Cleanup {
        image: image.to_owned(),
        image_id: id(last),
        step,
    })
}

/// Every action.
fn every_action() -> Vec<Action> {
    let old = |last, keep| {
        Some(Replaced {
            image_id: id(last),
            visibility: Visibility::Private,
            keep,
            needed_by: None,
            referrers: Vec::new(),
        })
    };
    let mut protected = upload("debian-12", 700 << 20, old(3, true));
    protected.protected = true;
    protected.parts = vec![PartReference {
        property: "kernel_id",
        part: "vmlinuz".to_owned(),
        image_id: None,
    }];
    vec![
        Action::DeleteLeftover {
            image: "fine".to_owned(),
            image_id: id(1),
        },
        Action::MarkObsolete {
            image: "centos_obsolete".to_owned(),
            image_id: id(2),
            change: MetadataChange {
                name: Some(Change {
                    from: "centos".to_owned(),
                    to: "centos_obsolete".to_owned(),
                }),
                ..MetadataChange::default()
            },
        },
        Action::UpdateMetadata {
            image: "metadata".to_owned(),
            image_id: id(4),
            change: MetadataChange {
                name: None,
                attributes: Box::new(AttributeChange {
                    visibility: Some(Change {
                        from: Visibility::Private,
                        to: Visibility::Public,
                    }),
                    min_disk: Some(Change { from: 0, to: 10 }),
                    protected: Some(Change {
                        from: false,
                        to: true,
                    }),
                    tags: Some(Change {
                        from: BTreeSet::new(),
                        to: BTreeSet::from(["a".to_owned(), "b\n".to_owned()]),
                    }),
                    ..AttributeChange::default()
                }),
                properties: BTreeMap::from([
                    (
                        "nid".to_owned(),
                        Change {
                            from: Some("1\n2".to_owned()),
                            to: Some("7".to_owned()),
                        },
                    ),
                    (
                        "old".to_owned(),
                        Change {
                            from: Some("x".to_owned()),
                            to: None,
                        },
                    ),
                ]),
            },
        },
        Action::Upload(Box::new(upload("vmlinuz", 8 << 20, None))),
        Action::Upload(Box::new(upload(NASTY, 512 << 20, old(5, false)))),
        Action::Upload(Box::new(protected)),
        Action::UpdateAmi {
            image: "ami".to_owned(),
            image_id: id(6),
            parts: vec![PartChange {
                from: None,
                to: PartReference {
                    property: "kernel_id",
                    part: "vmlinuz".to_owned(),
                    image_id: None,
                },
            }],
        },
        cleanup("debian-12.old", 8, CleanupStep::DeleteOld),
        cleanup(
            "shelved",
            9,
            CleanupStep::HideOrphan("2026-11-24".parse().unwrap()),
        ),
        cleanup("retired", 10, CleanupStep::DeleteOrphan),
    ]
}

/// A plan with every action and every reason in it.
pub(super) fn full_plan() -> Plan {
    Plan {
        region: region("Trento"),
        images: every_state(),
        actions: every_action(),
        untags: Vec::new(),
        failures: vec![PlannedFailure {
            action: ActionKind::Rename,
            image: "too-long".to_owned(),
            code: ErrorCode::RenameFailed,
            message: "`.old` makes its name longer than 255 characters".to_owned(),
            hint: "Shorten the name.",
        }],
        orphans: vec![
            orphan("shelved", OrphanReason::Deselected, None),
            orphan("retired", OrphanReason::Gone, Some("2026-10-20")),
        ],
        too_many_deletions: None,
        warnings: vec![
            Warning::new(
                WarningCode::ForeignOwner,
                "Another project owns this image: it is ignored.",
            )
            .image(NASTY),
        ],
    }
}

/// A plan for a region where nothing has to be done.
pub(super) fn quiet_plan() -> Plan {
    Plan {
        region: region("other:Prague"),
        images: vec![state("fine", Status::Ok, Reason::InStep, 10 << 20)],
        actions: Vec::new(),
        untags: Vec::new(),
        failures: Vec::new(),
        orphans: Vec::new(),
        too_many_deletions: None,
        warnings: Vec::new(),
    }
}

fn orphan(name: &str, reason: OrphanReason, since: Option<&str>) -> Orphan {
    Orphan {
        image: name.to_owned(),
        image_id: ImageId::new(name),
        reason,
        hidden_since: since.map(|day| day.parse().unwrap()),
        is_hidden: since.is_some(),
    }
}

pub(super) fn failure() -> Failure {
    Failure {
        code: ErrorCode::QuotaExceeded,
        message: "PUT http://glance.example.org/v2/images/1/file answered 413: \"too\nlarge\""
            .to_owned(),
        hint: ErrorCode::QuotaExceeded.hint().to_owned(),
        image: Some(NASTY.to_owned()),
        action: Some(ActionKind::Upload),
        differs: Vec::new(),
    }
}

pub(super) fn at(region: Option<&str>, second: u32, kind: EventKind) -> Event {
    let mut event = Event::now(region.map(self::region), kind);
    event.ts = format!("2026-11-24T02:48:{second:02}Z").parse().unwrap();
    event
}

pub(super) fn run_started(mode: Mode, parallel: bool, regions: &[&str]) -> Event {
    let kind = EventKind::RunStarted {
        master: region("Spain"),
        regions: regions.iter().map(|name| region(name)).collect(),
        mode,
        parallel,
        max_children: if parallel { 4 } else { 1 },
        images: Vec::new(),
        excluded_images: Vec::new(),
        plan_file: None,
        waves: Vec::new(),
        passed_over: BTreeMap::new(),
    };
    at(None, 0, kind)
}

pub(super) fn region_finished(name: &str, result: RegionResult, uploaded_images: usize) -> Event {
    let kind = EventKind::RegionFinished {
        result,
        uploaded_bytes: (512 << 20) * uploaded_images as u64,
        uploaded_images,
        pulled_bytes: 0,
        pulled_images: 0,
        updated_images: uploaded_images / 2,
        deleted_images: 0,
        hidden_images: 0,
        left: BTreeMap::new(),
        seconds: if uploaded_images == 0 { 0.25 } else { 64.5 },
    };
    at(Some(name), 30, kind)
}

pub(super) fn run_finished(exit_code: u8) -> Event {
    let kind = EventKind::RunFinished {
        regions_ok: 2,
        regions_failed: 1,
        regions_not_begun: 0,
        uploaded_bytes: 0,
        pulled_bytes: 0,
        seconds: 192.25,
        halted_by: None,
        exit_code,
        reason: (exit_code != 0).then(|| "1 region failed: Trento".to_owned()),
    };
    at(None, 59, kind)
}

/// A run of those regions and results, with the plans given, as its events tell it.
pub(super) fn summary(
    mode: Mode,
    plans: &[Plan],
    ends: &[(&str, Option<RegionResult>, usize)],
) -> RunSummary {
    let names: Vec<&str> = ends.iter().map(|(name, ..)| *name).collect();
    let mut builder = SummaryBuilder::default();
    builder.event(&run_started(mode, false, &names));
    for plan in plans {
        let kind = EventKind::Plan {
            counts: plan.counts(),
            bytes_pending: plan.bytes_pending(),
            bytes_pulled: plan.bytes_pulled(),
            deletions: plan.deletions(),
            orphans: plan.orphans.len(),
        };
        builder.planned(plan);
        builder.event(&Event::now(Some(plan.region.clone()), kind));
    }
    for (name, result, uploaded) in ends {
        if *result == Some(RegionResult::Failed) {
            builder.event(&at(Some(name), 20, EventKind::Error(failure())));
        }
        if let Some(result) = result {
            let mut finished = region_finished(name, *result, *uploaded);
            // What a run changes is in step afterwards.
            let plan = plans.iter().find(|plan| plan.region == region(name));
            if let (Some(plan), EventKind::RegionFinished { left, .. }) = (plan, &mut finished.kind)
            {
                let is_left = |status: &Status| {
                    status.is_error() || (status.is_pending() && mode != Mode::Sync)
                };
                *left = plan.counts();
                left.retain(|status, _| is_left(status));
            }
            builder.event(&finished);
        }
    }
    let failed = ends
        .iter()
        .any(|(_, result, _)| *result == Some(RegionResult::Failed));
    builder.event(&run_finished(u8::from(failed)));
    builder.finish(RunId::of_tests(), None)
}
