//! What goes to standard output, as it looks.

use std::collections::BTreeSet;

use base64::Engine as _;
use insta::assert_snapshot;
use sha2::Digest as _;

use super::*;
use crate::event::{Mode, RegionResult};
use crate::model::{ErrorCode, ImageId, Status};
use crate::plan::{Plan, Reason};
use crate::report::fixtures::{full_plan, quiet_plan, region, summary};
use crate::report::looks::looks;
use crate::report::style::{Paint, Style};
use crate::report::summary::RunSummary;
use crate::state::LastTime;

/// Lines that are not broken, without colours.
const WHOLE: Style = Style {
    paint: Paint::OFF,
    width: None,
};

/// What a function writes.
fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn compared(mode: Mode) -> RunSummary {
    let plans = [full_plan(), quiet_plan()];
    let ends = [
        ("Trento", Some(RegionResult::Synchronised), 0),
        ("other:Prague", Some(RegionResult::Synchronised), 0),
        ("Lannion", Some(RegionResult::Failed), 0),
    ];
    summary(mode, &plans, &ends)
}

#[test]
fn status_as_csv_moves_no_cursor_of_a_terminal() {
    let mut plan = quiet_plan();
    plan.images[0].image = "a\u{1b}[2J\u{202e}b\nok,Trento,forged".to_owned();
    let text = written(|out| status_csv(out, &[plan], Reader::Terminal));
    assert_eq!(
        text,
        "ok,other:Prague,\"a\\u{1b}[2J\\u{202e}b\\nok,Trento,forged\"\n"
    );
}

#[test]
fn status_as_csv_keeps_exact_names() {
    let plans = [full_plan(), quiet_plan()];
    let text = written(|out| status_csv(out, &plans, Reader::Program));
    assert_snapshot!(text.escape_debug().to_string().replace("\\n", "\n"));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let images: Vec<String> = reader
        .records()
        .map(|record| record.unwrap()[2].to_owned())
        .collect();
    let expected: Vec<String> = plans
        .iter()
        .flat_map(|plan| plan.images.iter().map(|state| state.image.clone()))
        .collect();
    assert_eq!(images, expected);
}

#[test]
fn status_as_json_is_one_document() {
    let plans = [full_plan(), quiet_plan()];
    let summary = compared(Mode::Status);
    assert_snapshot!(written(|out| status_json(out, &plans, &summary)));
}

#[test]
fn status_as_table() {
    let plans = [full_plan(), quiet_plan()];
    let summary = compared(Mode::Status);
    assert_snapshot!(looks(|style| {
        let width = style.width.unwrap();
        written(|out| status_table(out, &plans, &summary, width, style.paint))
    }));
}

#[test]
fn a_table_of_many_regions_is_cut_into_pages_that_fit() {
    let names: Vec<String> = (1..=50).map(|number| format!("Region{number}")).collect();
    let plans: Vec<Plan> = names
        .iter()
        .map(|name| Plan {
            region: region(name),
            ..full_plan()
        })
        .collect();
    let ends: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some(RegionResult::Synchronised), 0))
        .collect();
    let summary = summary(Mode::Status, &plans, &ends);
    for width in [1, 10, 40, 80, 200] {
        let text = written(|out| status_table(out, &plans, &summary, width, Paint::OFF));
        let table = text.split("\n\n9 images").next().unwrap();
        let widest = table.lines().map(console::measure_text_width).max();
        assert!(widest <= Some(width.max(10)), "{widest:?} at {width}");
    }
    assert_snapshot!(written(|out| status_table(
        out,
        &plans,
        &summary,
        60,
        Paint::OFF
    )));
}

#[test]
fn images_in_step_as_they_look() {
    let mut plans = [full_plan(), quiet_plan()];
    for (place, plan) in plans.iter_mut().enumerate() {
        for state in &mut plan.images {
            let id = format!("00000000-0000-4000-8000-00000000000{place}");
            state.image_id = Some(ImageId::new(&id));
        }
    }
    assert_snapshot!(looks(|style| written(|out| images_table(
        out, &plans, style
    ))));
}

fn made() -> chrono::DateTime<chrono::FixedOffset> {
    chrono::DateTime::parse_from_rfc3339("2026-11-24T02:48:10+01:00").unwrap()
}

#[test]
fn status_as_a_page() {
    let plans = [full_plan(), quiet_plan()];
    let summary = compared(Mode::Status);
    let page = written(|out| status_html(out, &plans, &summary, made()));
    let page = page.replace(env!("CARGO_PKG_VERSION"), "<version>");
    // Style and script are files of their own.
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (body, _) = rest.split_once("<script>").unwrap();
    assert_snapshot!(format!("{head}{body}"));
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_runs_nothing_but_its_own() {
    let name = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let mut plan = full_plan();
    for (state, name) in plan
        .images
        .iter_mut()
        .zip([name, "</style>", "</td></table>"])
    {
        name.clone_into(&mut state.image);
    }
    let plans = [plan];
    let ends = [("Trento", Some(RegionResult::Synchronised), 0)];
    let summary = summary(Mode::Status, &plans, &ends);
    let page = written(|out| status_html(out, &plans, &summary, made()));
    for once in [
        "<script",
        "</script>",
        "<style",
        "</style>",
        "<table",
        "</table>",
        "<tfoot",
    ] {
        assert_eq!(page.matches(once).count(), 1, "{once}");
    }
    for never in [
        "<img", "<link", "url(", "@import", "http:", "https:", "fetch(", "ellipsis", "nowrap",
    ] {
        assert!(!page.contains(never), "{never}");
    }
    let script = page.split_once("<script>").unwrap().1;
    let script = script.split_once("</script>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(page.contains(&format!("script-src 'sha256-{hash}'\"")));
}

/// So many regions with so many images, no two cells of which are alike.
fn large(regions: usize, images: usize) -> (Vec<Plan>, RunSummary) {
    let template = full_plan();
    let names: Vec<String> = (0..regions)
        .map(|number| format!("Region{number}"))
        .collect();
    let plans: Vec<Plan> = names
        .iter()
        .enumerate()
        .map(|(place, name)| Plan {
            region: region(name),
            images: (0..images)
                .map(|image| {
                    let mut state = template.images[(image * 7 + place) % 9].clone();
                    state.image = format!("image-{image}");
                    state.size = image as u64;
                    if state.status == Status::ErrorAmi {
                        state.reason = Reason::PartPending {
                            part: format!("kernel-{image}-{place}"),
                        };
                    }
                    state
                })
                .collect(),
            ..quiet_plan()
        })
        .collect();
    let ends: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some(RegionResult::Synchronised), 0))
        .collect();
    let summary = summary(Mode::Status, &plans, &ends);
    (plans, summary)
}

#[test]
fn five_hundred_regions_with_five_hundred_images_stay_readable() {
    let (plans, summary) = large(500, 500);
    let length = |write: &dyn Fn(&mut Vec<u8>) -> io::Result<()>| written(write).len();
    assert!(length(&|out| status_csv(out, &plans, Reader::Program)) < 16 << 20);
    assert!(length(&|out| status_html(out, &plans, &summary, made())) < 12 << 20);
    let table = written(|out| status_table(out, &plans, &summary, 200, Paint::OFF));
    let widest = table.lines().map(console::measure_text_width).max();
    assert!(widest <= Some(200), "{widest:?}");
    // A page has each image and each of its regions once.
    let pages = table.matches("\n\nRegion").count() + 1;
    assert!(table.lines().count() <= pages * 501 + 500 + 12);
    let text = written(|out| summary_text(out, &summary, WHOLE));
    assert!(text.lines().count() < 10, "{text}");
}

#[test]
fn failures_that_ask_for_the_same_stand_together_however_many_they_are() {
    let names: Vec<String> = (0..500).map(|number| format!("Region{number}")).collect();
    let ends: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some(RegionResult::Failed), 0))
        .collect();
    let mut summary = summary(Mode::Sync, &[], &ends);
    for (place, region) in summary.regions.iter_mut().enumerate() {
        let mut interrupted = region.errors[0].clone();
        interrupted.code = ErrorCode::Interrupted;
        interrupted.hint = ErrorCode::Interrupted.hint().to_owned();
        (interrupted.image, interrupted.action) = (None, None);
        interrupted.message = format!("{}: the run was interrupted", region.region);
        region.errors[0].message = format!("{}: GET http://192.0.2.1/{place}", region.region);
        region.errors.push(interrupted);
    }
    assert_snapshot!(written(|out| summary_text(out, &summary, WHOLE)));
}

fn times() -> LastTimes {
    let time = LastTime {
        started: Some("2026-11-23T02:48:10Z".parse().unwrap()),
        seconds: 64.5,
        uploaded_bytes: 1 << 30,
    };
    [("Trento".to_owned(), time)].into()
}

fn plan(plans: &[Plan], summary: &RunSummary, detail: PlanDetail, style: Style) -> String {
    written(|out| plan_text(out, plans, &times(), summary, detail, style))
}

#[test]
fn plan_as_text() {
    let plans = [full_plan(), quiet_plan()];
    let summary = compared(Mode::DryRun);
    assert_snapshot!(looks(|style| plan(
        &plans,
        &summary,
        PlanDetail::Brief,
        style
    )));
}

#[test]
fn plan_as_text_in_full() {
    let plans = [full_plan(), quiet_plan()];
    let summary = compared(Mode::DryRun);
    assert_snapshot!(plan(&plans, &summary, PlanDetail::Full, WHOLE));
}

/// A fleet of so many regions, each with that plan.
fn fleet(regions: usize, template: &Plan) -> (Vec<Plan>, RunSummary) {
    let names: Vec<String> = (1..=regions)
        .map(|number| format!("Region{number}"))
        .collect();
    let plan = |name: &String| Plan {
        region: region(name),
        ..template.clone()
    };
    let plans: Vec<Plan> = names.iter().map(plan).collect();
    let ends: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some(RegionResult::Synchronised), 0))
        .collect();
    let summary = summary(Mode::DryRun, &plans, &ends);
    (plans, summary)
}

#[test]
fn a_plan_fits_a_screen_however_many_regions_are_alike() {
    let (plans, summary) = fleet(300, &quiet_plan());
    assert_snapshot!(
        "plan_in_step",
        looks(|style| plan(&plans, &summary, PlanDetail::Brief, style))
    );
    let (plans, summary) = fleet(300, &full_plan());
    let text = plan(&plans, &summary, PlanDetail::Brief, WHOLE);
    assert!(text.lines().count() <= 28, "{text}");
    assert_snapshot!("plan_of_a_fleet", text);
}

#[test]
fn plan_as_json_has_its_summary_inside() {
    let plans = [full_plan()];
    let ends = [("Trento", Some(RegionResult::Synchronised), 0)];
    let summary = summary(Mode::DryRun, &plans, &ends);
    assert_snapshot!(written(|out| plan_json(out, &plans, &times(), &summary)));
}

/// Every key of a document, at any depth; those of objects that are keyed by names are names.
fn keys(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key.clone());
                if !["properties", "counts", "left", "content"].contains(&key.as_str()) {
                    keys(value, found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_field_of_the_documents_is_on_their_page() {
    let plans = [full_plan(), quiet_plan()];
    let mut found = BTreeSet::new();
    for text in [
        written(|out| plan_json(out, &plans, &times(), &compared(Mode::DryRun))),
        written(|out| status_json(out, &plans, &compared(Mode::Status))),
    ] {
        keys(&serde_json::from_str(&text).unwrap(), &mut found);
    }
    let page = include_str!("../../../docs/json.md");
    let unknown: Vec<_> = found
        .iter()
        .filter(|key| !page.contains(&format!("`{key}`")))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn regions_as_text_and_json() {
    let regions = [region("Spain"), region("other:Prague")];
    assert_snapshot!(written(|out| regions_text(out, &regions)), @r"
    Spain
    other:Prague
    ");
    assert_snapshot!(written(|out| regions_json(out, &regions)), @r#"
    [
      "Spain",
      "other:Prague"
    ]
    "#);
}

#[test]
fn a_summary_says_little_when_nothing_happened() {
    let ends = [("other:Prague", Some(RegionResult::Synchronised), 0)];
    let mut summary = summary(Mode::Sync, &[quiet_plan()], &ends);
    summary.seconds = 0.8;
    assert_snapshot!(written(|out| summary_text(out, &summary, WHOLE)), @"1 region in 0.80 s: 1 in step.");
}

#[test]
fn a_summary_names_every_failure_and_what_to_do() {
    let ends = [
        ("Trento", Some(RegionResult::Changed), 3),
        ("other:Prague", Some(RegionResult::Synchronised), 0),
        ("Lannion", Some(RegionResult::Failed), 1),
        ("Late", None, 0),
    ];
    let mut summary = summary(Mode::Sync, &[full_plan(), quiet_plan()], &ends);
    summary.log_folder = Some("/var/log/glancesync/sync_20261124_0248".into());
    summary.warnings = 1984;
    assert_snapshot!(looks(|style| written(|out| summary_text(
        out, &summary, style
    ))));
    assert_snapshot!("summary_json", written(|out| summary_json(out, &summary)));
}

#[test]
fn a_target_that_fails_as_a_whole_is_named_once() {
    let ends = [("Trento", Some(RegionResult::Failed), 0)];
    let mut summary = summary(Mode::Status, &[], &ends);
    let region = &mut summary.regions[0];
    region.region = crate::model::RegionName::new(crate::model::TargetName::new("partner"), "");
    let failure = &mut region.errors[0];
    (failure.image, failure.action) = (None, None);
    failure.message = "partner: could not log in: POST http://192.0.2.1/v3/auth/tokens".to_owned();
    let plans: [Plan; 0] = [];
    for text in [
        written(|out| summary_text(out, &summary, WHOLE)),
        written(|out| status_html(out, &plans, &summary, made())),
        written(|out| restore_text(out, false, &[], &summary, WHOLE)),
    ] {
        assert!(text.contains("could not log in"), "{text}");
        for twice in ["partner::", "partner: partner", "partner:</b></a> partner"] {
            assert!(!text.contains(twice), "{twice}: {text}");
        }
    }
}

#[test]
fn a_run_without_a_region_says_why() {
    let mut summary = summary(Mode::Sync, &[], &[]);
    assert_snapshot!(written(|out| summary_text(out, &summary, WHOLE)), @"Nothing to do: no region is left.");
    summary.master_skipped = true;
    assert_snapshot!(written(|out| summary_text(out, &summary, WHOLE)), @"Nothing to do: Spain is the master region, which is never written to, and no other was chosen.");
}

#[test]
fn a_summary_of_what_changes_nothing() {
    for mode in [Mode::Status, Mode::Backup] {
        let summary = compared(mode);
        assert_snapshot!(
            format!("summary_{mode:?}"),
            written(|out| summary_text(out, &summary, WHOLE))
        );
    }
}

#[test]
fn a_closed_pipe_is_told_apart() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let plans = vec![full_plan(); 1000];
    let summary = compared(Mode::Status);
    for result in [
        status_csv(&mut Closed, &plans, Reader::Program),
        status_json(&mut Closed, &plans, &summary),
        status_table(&mut Closed, &plans, &summary, 80, Paint::OFF),
        status_html(&mut Closed, &plans, &summary, made()),
        plan_text(
            &mut Closed,
            &plans,
            &times(),
            &summary,
            PlanDetail::Brief,
            WHOLE,
        ),
    ] {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
