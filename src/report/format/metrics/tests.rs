//! A run as metrics.

use std::collections::BTreeSet;

use super::*;
use crate::report::fixtures::{full_plan, quiet_plan, region, summary};

const EARLIER: &str =
    "glancesync_last_success_timestamp_seconds{mode=\"sync\",master=\"Spain\"} 1795000000\n";

fn run(summary: Option<&RunSummary>, exit_code: u8) -> RunMetrics<'_> {
    RunMetrics {
        mode: Mode::Sync,
        master: Some("Spain"),
        finished: "2026-11-24T02:51:22Z".parse().unwrap(),
        seconds: 192.2504,
        exit_code,
        earlier: EarlierRuns::read(EARLIER),
        summary,
        images: BTreeMap::from([(region("Trento"), full_plan().counts())]),
    }
}

fn text(run: &RunMetrics) -> String {
    let mut out = Vec::new();
    metrics(&mut out, run).unwrap();
    String::from_utf8(out)
        .unwrap()
        .replace(env!("CARGO_PKG_VERSION"), "<version>")
}

#[test]
fn a_run_as_metrics() {
    let ends = [
        ("Trento", Some(RegionResult::Changed), 3),
        ("other:Prague", Some(RegionResult::Synchronised), 0),
        ("Lannion", Some(RegionResult::Failed), 0),
        ("Late", None, 0),
    ];
    let mut summary = summary(Mode::Sync, &[full_plan(), quiet_plan()], &ends);
    (summary.pulled_bytes, summary.pulled_images) = (3 << 20, 2);
    summary.regions[0].pulled_bytes = 3 << 20;
    insta::assert_snapshot!(text(&run(Some(&summary), 1)));
}

#[test]
fn a_run_that_ended_early_has_what_is_known_of_it() {
    insta::assert_snapshot!(text(&RunMetrics {
        master: None,
        earlier: EarlierRuns::default(),
        ..run(None, 2)
    }));
}

#[test]
fn the_last_success_is_kept_from_file_to_file() {
    let at = |file: &str, mode: &str, master: &str| EarlierRuns::read(file).at(mode, master);
    let failed = text(&run(None, 1));
    assert_eq!(at(&failed, "sync", "Spain"), Some(1_795_000_000));
    assert_eq!(at(&failed, "status", "Spain"), None);
    assert_eq!(at(&failed, "sync", "Pain"), None);
    let succeeded = text(&run(None, 0));
    let finished = run(None, 0).finished.timestamp();
    assert_eq!(at(&succeeded, "sync", "Spain"), Some(finished));
    for damaged in ["", "glancesync_last_success_timestamp_seconds{", "x\u{0}y"] {
        assert_eq!(at(damaged, "sync", ""), None);
    }
}

#[test]
fn a_run_that_never_knew_its_master_does_not_forget_the_last_success() {
    let mut file = text(&run(None, 0));
    let finished = run(None, 0).finished.timestamp();
    for (mode, master, exit_code) in [
        (Mode::Sync, None, 2),
        (Mode::DryRun, None, 2),
        (Mode::DryRun, Some("Spain"), 1),
        (Mode::Sync, Some("Spian"), 2),
        (Mode::Sync, None, 3),
        (Mode::Sync, Some("Spain"), 1),
    ] {
        file = text(&RunMetrics {
            mode,
            master,
            earlier: EarlierRuns::read(&file),
            ..run(None, exit_code)
        });
        let sample = format!("{LAST_SUCCESS}{{mode=\"sync\",master=\"Spain\"}} {finished}\n");
        assert_eq!(file.matches(&sample).count(), 1, "{file}");
    }
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("glancesync_"))
        .collect()
}

#[test]
fn the_page_and_the_samples_name_what_is_there_and_nothing_else() {
    let ends = [("Lannion", Some(RegionResult::Failed), 0)];
    let summary = summary(Mode::Sync, &[], &ends);
    let written = text(&run(Some(&summary), 1));
    let written = named(&written);
    assert_eq!(named(include_str!("../../../../docs/metrics.md")), written);
    for sample in [
        include_str!("../../../../packaging/monitoring/alerts.yml"),
        include_str!("../../../../packaging/monitoring/dashboard.json"),
    ] {
        let unknown: Vec<_> = named(sample).difference(&written).copied().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn names_are_escaped_as_prometheus_wants() {
    let label = Label("region", "a\\b\"c\nd").to_string();
    assert_eq!(label, r#"region="a\\b\"c\nd""#);
    let label = Label("region", "a\0b\u{1b}[1m\u{202e}c\r\u{85}").to_string();
    assert_eq!(
        label,
        r#"region="a\\u{0}b\\u{1b}[1m\\u{202e}c\\u{d}\\u{85}""#
    );
}
