//! A whole run through the reporter's state: what each sink makes of the same reports.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use super::fixtures::{
    NASTY, at, failure, full_plan, quiet_plan, region, region_finished, run_finished, run_started,
};
use super::options::{LoggedRuns, ReportOptions};
use super::reporter::ReporterState;
use super::summary::RunSummary;
use super::terminal::tests::Kept;
use super::terminal::{LogFormat, TerminalOptions, Verbosity};
use crate::event::Report;
use crate::event::{ActionFacts, EventKind, Mode, RegionResult};
use crate::model::{ActionKind, Warning, WarningCode};
use crate::plan::Plan;

fn planned(plan: Plan) -> Report {
    Report::Planned {
        plan: Arc::new(plan),
        at: at(None, 1, EventKind::RegionStarted).ts,
    }
}

/// Everything that can be reported, about three regions.
fn reports(mode: Mode, parallel: bool) -> Vec<Report> {
    let facts = ActionFacts {
        bytes: 512 << 20,
        ..ActionFacts::of_metadata(ActionKind::Replace, NASTY, None)
    };
    let warning = Warning::new(WarningCode::ForeignOwner, "Another project owns `debian`.")
        .image("debian")
        .owner(Some("p1"));
    let started = |name| Report::Event(at(Some(name), 1, EventKind::RegionStarted));
    let mut reports = vec![
        Report::Event(run_started(
            mode,
            parallel,
            &["Trento", "other:Prague", "Lannion"],
        )),
        started("Trento"),
        Report::Note {
            region: Some(region("Trento")),
            message: "lists images".to_owned(),
        },
        planned(full_plan()),
        Report::Event(at(Some("Trento"), 2, EventKind::Warning(warning))),
    ];
    if mode == Mode::Sync {
        reports.extend([
            Report::Event(at(
                Some("Trento"),
                3,
                EventKind::ActionStarted(facts.clone()),
            )),
            Report::Event(at(
                Some("Trento"),
                15,
                EventKind::ActionFinished {
                    facts,
                    seconds: 12.3456,
                },
            )),
        ]);
    }
    let uploaded = if mode == Mode::Sync { 3 } else { 0 };
    reports.extend([
        Report::Event(region_finished("Trento", RegionResult::Changed, uploaded)),
        started("other:Prague"),
        planned(quiet_plan()),
        Report::Event(region_finished(
            "other:Prague",
            RegionResult::Synchronised,
            0,
        )),
        started("Lannion"),
        Report::Event(at(Some("Lannion"), 4, EventKind::Error(failure()))),
        Report::Event(region_finished("Lannion", RegionResult::Failed, 0)),
        Report::Event(run_finished(1)),
    ]);
    reports
}

fn run(options: TerminalOptions, log_dir: &Path, reports: Vec<Report>) -> (String, RunSummary) {
    let kept = Kept::default();
    let options = ReportOptions {
        terminal: kept.terminal(options),
        log_dir: log_dir.to_owned(),
        logged_runs: LoggedRuns::Parallel,
        stats: None,
    };
    let now = Instant::now();
    let mut state = ReporterState::new(options, now);
    for report in reports {
        state.report(report, now);
    }
    let summary = state.finish();
    (kept.text(), summary)
}

fn text(mode: Mode, verbosity: Verbosity) -> String {
    let options = TerminalOptions {
        verbosity,
        ..TerminalOptions::default()
    };
    run(options, Path::new("."), reports(mode, false)).0
}

#[test]
fn lines_of_a_sync() {
    assert_snapshot!(text(Mode::Sync, Verbosity::Normal));
}

#[test]
fn lines_of_a_sync_when_asked_for_more() {
    assert_snapshot!(text(Mode::Sync, Verbosity::Verbose));
}

#[test]
fn lines_of_a_quiet_sync_and_of_a_status_report() {
    assert_snapshot!("lines_quiet", text(Mode::Sync, Verbosity::Quiet));
    assert_snapshot!("lines_status", text(Mode::Status, Verbosity::Normal));
}

#[test]
fn a_fleet_with_one_cause_of_warning_has_one_line_for_it() {
    let names: Vec<String> = (0..300).map(|number| format!("Region{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut reports = vec![Report::Event(run_started(Mode::Sync, true, &names))];
    for name in names {
        reports.push(Report::Event(at(Some(name), 1, EventKind::RegionStarted)));
        for image in 0..500 {
            let message = format!("the image `i{image}` of {name} has another checksum");
            let warning = Warning::new(WarningCode::ChecksumConflict, message);
            let kind = EventKind::Warning(warning.image(format!("i{image}")));
            reports.push(Report::Event(at(Some(name), 2, kind)));
        }
    }
    reports.push(Report::Event(run_finished(0)));
    let folder = tempfile::tempdir().unwrap();
    let (text, summary) = run(TerminalOptions::default(), folder.path(), reports);
    assert_eq!(summary.warnings, 150_000);
    let warned = text
        .lines()
        .filter(|line| line.contains("warning:"))
        .count();
    let logs = std::fs::read_dir(summary.log_folder.unwrap()).unwrap();
    let logged: usize = logs
        .map(|log| std::fs::read_to_string(log.unwrap().path()).unwrap())
        .map(|log| log.matches("warning:").count())
        .sum();
    assert_eq!(logged, 150_000, "each is in its region's log");
    assert_eq!(warned, 1, "{text}");
}

#[test]
fn where_no_bars_show_it_what_is_under_way_is_said_now_and_then() {
    let said = |verbosity, stats| {
        let kept = Kept::default();
        let now = Instant::now();
        let options = ReportOptions {
            terminal: kept.terminal(TerminalOptions {
                verbosity,
                ..TerminalOptions::default()
            }),
            log_dir: ".".into(),
            logged_runs: LoggedRuns::Parallel,
            stats,
        };
        let mut state = ReporterState::new(options, now);
        let at_second = |second| now + Duration::from_secs(second);
        let phase = |progress: &str| Report::Phase {
            doing: "evaluating `metadata_condition` of [master]".to_owned(),
            progress: progress.to_owned(),
        };
        state.report(phase("1 of 500 images"), now);
        state.tick(at_second(2));
        state.report(phase("2 of 500 images"), at_second(2));
        for second in [3, 4, 59, 60, 61] {
            state.tick(at_second(second));
        }
        let started = run_started(Mode::Status, false, &["Trento", "Lannion"]);
        state.report(Report::Event(started), at_second(62));
        let region = at(Some("Trento"), 1, EventKind::RegionStarted);
        state.report(Report::Event(region), at_second(62));
        for second in [119, 120, 121, 180] {
            state.tick(at_second(second));
        }
        let ended = region_finished("Trento", RegionResult::Synchronised, 0);
        state.report(Report::Event(ended), at_second(181));
        state.tick(at_second(300));
        kept.text()
    };
    let every_minute = Some(Duration::from_mins(1));
    assert_snapshot!(said(Verbosity::Normal, every_minute), @r"
    still evaluating `metadata_condition` of [master]: 2 of 500 images
    still evaluating `metadata_condition` of [master]: 2 of 500 images
    under way: 0 of 2 regions done; Trento: listing images for 58.0 s
    under way: 0 of 2 regions done; Trento: listing images for 1 min 58 s
    ");
    assert_snapshot!(said(Verbosity::Normal, None), @"still evaluating `metadata_condition` of [master]: 2 of 500 images");
    assert_eq!(said(Verbosity::Quiet, every_minute), "");
}

#[test]
fn ndjson_is_what_the_contract_says() {
    let options = TerminalOptions {
        log_format: LogFormat::Json,
        // Machines are told everything, whatever people asked for.
        verbosity: Verbosity::Quiet,
        ..TerminalOptions::default()
    };
    for mode in [Mode::Sync, Mode::DryRun] {
        let (text, _) = run(options, Path::new("."), reports(mode, false));
        let lines: Vec<String> = text
            .lines()
            .map(|line| {
                let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
                // Events made of a plan happen now.
                assert!(value["ts"].as_str().unwrap().ends_with('Z'), "{line}");
                value["ts"] = "…".into();
                value.to_string()
            })
            .collect();
        assert_snapshot!(format!("ndjson_{mode:?}"), lines.join("\n"));
    }
}

#[test]
fn a_regions_log_tells_its_whole_story() {
    let folder = tempfile::tempdir().unwrap();
    let (_, summary) = run(
        TerminalOptions::default(),
        folder.path(),
        reports(Mode::Sync, true),
    );
    let logs = summary.log_folder.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&logs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["Lannion.txt", "Trento.txt", "other:Prague.txt"]);
    for name in ["Trento", "Lannion"] {
        let text = std::fs::read_to_string(logs.join(format!("{name}.txt"))).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|line| {
                let (time, rest) = line.split_once(' ').unwrap();
                assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
                rest
            })
            .collect();
        let log = lines
            .join("\n")
            .replace(env!("CARGO_PKG_VERSION"), "<version>");
        assert_snapshot!(format!("region_log_{name}"), log);
    }
}

#[test]
fn only_a_parallel_sync_or_dry_run_has_region_logs() {
    for (mode, parallel, expected) in [
        (Mode::Sync, true, true),
        (Mode::DryRun, true, true),
        (Mode::Sync, false, false),
        (Mode::Status, true, false),
        (Mode::Backup, true, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = TerminalOptions::default();
        let (_, summary) = run(options, folder.path(), reports(mode, parallel));
        assert_eq!(summary.log_folder.is_some(), expected, "{mode:?}");
        // The folder with the logs, and the one with the record of the run.
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            2 * usize::from(expected)
        );
    }
}

#[test]
fn logs_that_cannot_be_written_are_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let options = TerminalOptions::default();
    let (text, summary) = run(options, &file, reports(Mode::Sync, true));
    assert_eq!(text.matches("[log_unwritable]").count(), 1, "{text}");
    assert_eq!(summary.log_folder, None);
    assert_eq!(summary.regions.len(), 3);
}

#[test]
fn an_upload_is_told_once_a_second_while_it_lasts() {
    let kept = Kept::default();
    let terminal = kept.terminal(TerminalOptions {
        log_format: LogFormat::Json,
        ..TerminalOptions::default()
    });
    let start = Instant::now();
    let options = ReportOptions {
        terminal,
        log_dir: ".".into(),
        logged_runs: LoggedRuns::Parallel,
        stats: None,
    };
    let mut state = ReporterState::new(options, start);
    let sent = Arc::new(AtomicU64::new(0));
    let transfer = Report::TransferStarted {
        region: region("Trento"),
        image: "img".to_owned(),
        action: ActionKind::Upload,
        bytes_total: 100,
        bytes_sent: Arc::clone(&sent),
    };
    state.report(transfer, start);
    for tick in 1..=25 {
        sent.store(tick * 5, Ordering::Relaxed);
        state.tick(start + Duration::from_millis(tick * 100));
    }
    let finished = Report::TransferFinished {
        region: region("Trento"),
        image: "img".to_owned(),
    };
    state.report(finished, start);
    state.tick(start + Duration::from_mins(1));
    let events: Vec<serde_json::Value> = kept
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["event"], "progress");
    assert_eq!(events[0]["bytes_sent"], 50);
    // The counter may run ahead, as by headers; what is told never does.
    assert_eq!(events[1]["bytes_sent"], 100);
    assert_eq!(events[1]["bytes_total"], 100);
}

#[test]
fn the_actor_answers_with_everything_sent_before() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let options = ReportOptions {
        terminal: kept.terminal(TerminalOptions::default()),
        log_dir: folder.path().to_owned(),
        logged_runs: LoggedRuns::Parallel,
        stats: None,
    };
    let summary = actix::System::new().block_on(async {
        let reporter = super::Reporter::start(options);
        let events = reporter.events();
        for report in reports(Mode::Sync, true) {
            events.send(report);
        }
        reporter.finish().await.unwrap()
    });
    assert_eq!(summary.exit_code, 1);
    assert_eq!(summary.uploaded_images, 3);
    assert_eq!(summary.regions_failed, 1);
    assert!(kept.text().contains("Lannion: failed after 0.25 s"));
}
