//! What goes to standard output, as it looks.

use insta::assert_snapshot;

use super::*;
use crate::plan::Plan;
use crate::report::event::{Mode, RegionResult};
use crate::report::fixtures::{full_plan, quiet_plan, region, summary};
use crate::report::summary::RunSummary;
use crate::report::text::Paint;

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
fn status_as_csv_keeps_exact_names() {
    let plans = [full_plan(), quiet_plan()];
    let text = written(|out| status_csv(out, &plans));
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
    assert_snapshot!(written(|out| status_table(
        out,
        &plans,
        &summary,
        80,
        Paint::OFF
    )));
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
fn plan_as_text() {
    let plans = [full_plan(), quiet_plan()];
    let summary = compared(Mode::DryRun);
    assert_snapshot!(written(|out| plan_text(out, &plans, &summary, Paint::OFF)));
}

#[test]
fn plan_as_text_with_colours() {
    let plans = [quiet_plan()];
    let summary = compared(Mode::DryRun);
    let text = written(|out| plan_text(out, &plans, &summary, Paint { enabled: true }));
    assert_snapshot!(text.replace('\u{1b}', "ESC"));
}

#[test]
fn plan_as_json_has_its_summary_inside() {
    let plans = [full_plan()];
    let ends = [("Trento", Some(RegionResult::Synchronised), 0)];
    let summary = summary(Mode::DryRun, &plans, &ends);
    assert_snapshot!(written(|out| plan_json(out, &plans, &summary)));
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
    assert_snapshot!(written(|out| summary_text(out, &summary, Paint::OFF)), @"1 region in 0.80 s: 1 in step.");
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
    summary.warnings = 2;
    assert_snapshot!(written(|out| summary_text(out, &summary, Paint::OFF)));
    assert_snapshot!("summary_json", written(|out| summary_json(out, &summary)));
}

#[test]
fn a_summary_of_what_changes_nothing() {
    for mode in [Mode::Status, Mode::Backup] {
        let summary = compared(mode);
        assert_snapshot!(
            format!("summary_{mode:?}"),
            written(|out| summary_text(out, &summary, Paint::OFF))
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
        status_csv(&mut Closed, &plans),
        status_json(&mut Closed, &plans, &summary),
        status_table(&mut Closed, &plans, &summary, 80, Paint::OFF),
        plan_text(&mut Closed, &plans, &summary, Paint::OFF),
    ] {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
