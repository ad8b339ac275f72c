//! What runs a fleet: `sync`, `plan`, `status` and `images`; `backup` and `regions` begin here too.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use chrono::Local;

use super::args::{Format, RunArgs, Verb, command_names};
use super::error::CliError;
use super::findings::Findings;
use super::metrics::MetricsFile;
use super::output::OutputError;
use super::session::Session;
use super::{backup, known_regions, output, plan_file, regions, run_lock, session};
use crate::config::Draft;
use crate::engine::{self, RunOptions, RunOutcome, SavedPlan, Scope, StartError};
use crate::event::Mode;
use crate::exit_codes;
use crate::model::{Warning, WarningCode};
use crate::plan::{ImageFilter, OwnIncomplete, Plan};
use crate::report::format::{self, PlanDetail};
use crate::report::{ColorChoice, RunSummary, Style, Terminal, Verbosity, stdout_width};
use crate::state::{
    FAILED_PROOFS, FailedProofs, FoundHashes, HASHES, Keeps, check_records, last_times,
};

/// Whether what a run leaves on the disk is still there when the program has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traces {
    /// It is.
    Kept,
    /// It goes with the fleet: there is no use in naming it.
    Removed,
}

/// Runs a fleet as the command line says.
pub(super) fn run(args: &RunArgs, traces: Traces) -> u8 {
    if let Some(path) = &args.output.read {
        return plan_file::print(path, args);
    }
    let sources = session::sources(&args.config, args.overrides());
    let saved_plan = OnceCell::new();
    let metrics = args
        .output
        .metrics_file
        .as_deref()
        .map(|path| MetricsFile::new(path, args.mode()));
    let metrics = metrics.as_ref();
    let code = session::run(
        &args.messages,
        args.output.stats,
        &sources,
        |draft, findings| check(args, metrics, &saved_plan, draft, findings),
        async |session| {
            let format = args.output_format().map_err(CliError::Usage)?;
            if args.pace.parallel {
                session.say_how_many_at_once();
            }
            let saved_plan = saved_plan.get().map(Arc::clone);
            let scope = scope(args, saved_plan.as_deref())?;
            if args.verb == Verb::Regions {
                return regions::print(scope, session, format).await;
            }
            if args.verb == Verb::Backup {
                return backup::run(&scope, session, format, metrics).await;
            }
            run_fleet(args, scope, saved_plan, traces, session, format, metrics).await
        },
    );
    match metrics.map(|metrics| metrics.write(code)) {
        Some(Err(error)) => {
            let terminal = Terminal::stderr(args.messages.terminal_options());
            let what = format!("the file of --metrics-file could not be written: {error}");
            session::file_lost(&terminal, what);
            code.max(exit_codes::FAILED)
        }
        _ => code,
    }
}

/// What of a run can be wrong before any cloud is asked.
fn check(
    args: &RunArgs,
    metrics: Option<&MetricsFile>,
    saved_plan: &OnceCell<Arc<SavedPlan>>,
    draft: &Draft,
    findings: &mut Findings,
) {
    let settings = &draft.settings;
    if let Some(metrics) = metrics {
        metrics.master(&settings.master_region.region);
        findings.usage(metrics.check());
    }
    findings.usage(args.output_format());
    findings.usage(filter(args));
    findings.usage(check_wave(args, draft));
    findings.usage(plan_file::check_out(args));
    let mode = args.mode();
    if matches!(args.verb, Verb::Sync | Verb::Plan | Verb::Apply) {
        findings.usage(session::check_source(settings));
        if session::logged_runs(settings).include(mode, args.pace.parallel) {
            let checked = check_records(&settings.log_dir);
            findings.usage(checked.map_err(|error| format!("`log_dir`: {error}")));
        }
    }
    if args.verb == Verb::Regions {
        // Targets that cannot be logged in to are passed over.
        return;
    }
    if let Some(wanted) = &args.saved_plan {
        match plan_file::load(wanted) {
            Ok(saved) => {
                if let Err(error) = plan_file::check_settings(&saved, draft) {
                    findings.error(error);
                }
                saved_plan.get_or_init(|| Arc::new(saved));
            }
            Err(error) => return findings.error(error),
        }
    }
    match scope(args, saved_plan.get().map(Arc::as_ref)) {
        Ok(scope) => findings.targets(draft, &scope),
        Err(error) => findings.error(error),
    }
}

/// Refuses a wave that the configuration does not have.
fn check_wave(args: &RunArgs, draft: &Draft) -> Result<(), String> {
    let waves = &draft.settings.waves;
    let Some(wanted) = args.pace.until_wave.as_deref() else {
        return Ok(());
    };
    // What is missing may be in what cannot be read.
    if draft.is_partial || waves.names().any(|name| name == wanted) {
        return Ok(());
    }
    let names: Vec<String> = waves.names().map(|name| format!("`{name}`")).collect();
    let has = if names.is_empty() {
        "`waves` of [main] is not set".to_owned()
    } else {
        format!("`waves` has {}", names.join(", "))
    };
    Err(format!("--until-wave `{wanted}` is not a wave: {has}"))
}

fn filter(args: &RunArgs) -> Result<ImageFilter, String> {
    let scope = &args.scope;
    ImageFilter::new(scope.image.iter().map(String::as_str))
        .map_err(|error| format!("--image {error}"))?
        .without(scope.exclude_image.iter().map(String::as_str))
        .map_err(|error| format!("--exclude-image {error}"))
}

fn scope(args: &RunArgs, saved_plan: Option<&SavedPlan>) -> Result<Scope, StartError> {
    let selectors = match saved_plan {
        Some(saved) => plan_file::regions(saved, args)?,
        None => args.scope.regions.clone(),
    };
    Ok(Scope {
        selectors,
        exclude: args.scope.exclude.iter().cloned().collect(),
        all: args.scope.all,
        commands: command_names(),
        until_wave: args.pace.until_wave.clone(),
        parallel: args.pace.parallel,
    })
}

async fn run_fleet(
    args: &RunArgs,
    scope: Scope,
    saved_plan: Option<Arc<SavedPlan>>,
    traces: Traces,
    session: Session,
    format: Format,
    metrics: Option<&MetricsFile>,
) -> Result<u8, CliError> {
    let mode = args.mode();
    let state = &run_lock::state_folders(&session.settings);
    let stop = session.stop_signal();
    let wait = args.failure.wait_lock.unwrap_or_default();
    let admission = match mode {
        mode if mode.is_sync() => run_lock::acquire_run_lock(&session, state, wait, &stop).await?,
        _ => run_lock::admit_read_only(&session, state),
    };
    let keeps = match mode {
        mode if mode.is_sync() => Keeps::InFolder,
        _ => Keeps::Nothing,
    };
    let (mut hashes, mut failed_proofs) = (FoundHashes::default(), FailedProofs::default());
    if let Some(folder) = &admission.folder {
        let damaged;
        (hashes, damaged) = FoundHashes::read(folder, keeps);
        let lost_hashes = damaged.then_some(HASHES);
        let damaged;
        (failed_proofs, damaged) = FailedProofs::read(folder, keeps);
        let lost_proofs = damaged.then_some(FAILED_PROOFS);
        for name in lost_hashes.into_iter().chain(lost_proofs) {
            session.events.warning(None, damaged_state(name, folder));
        }
    }
    let options = RunOptions {
        mode,
        scope,
        filter: match &saved_plan {
            Some(saved) => saved.file.filter().map_err(|error| saved.error(error))?,
            None => filter(args).map_err(CliError::Usage)?,
        },
        saved_plan,
        plan_out: args.output.out.clone(),
        keep_going: args.failure.keep_going || session.settings.keep_going,
        fail_on: args.failure.fail_on.map(Into::into),
        installation: admission.installation.clone(),
        own_incomplete: match &admission.sync {
            Some(_) => OwnIncomplete::InProgress,
            None => OwnIncomplete::Leftovers,
        },
        hashes,
        failed_proofs,
    };
    let outcome = engine::run(&session.settings, options, &session.events, &stop).await?;
    if traces == Traces::Kept {
        let names = outcome
            .regions
            .iter()
            .map(|region| region.region.to_string());
        known_regions::keep(names.collect(), args.scope.regions.is_empty());
    }
    let terminal = session.terminal.clone();
    let log_dir = session.settings.log_dir.clone();
    let digests = session.settings.digests();
    let mut summary = session.finish().await?;
    if traces == Traces::Removed {
        summary.log_folder = None;
    }
    summary.sync_under_way = admission.sync.as_ref().map(ToString::to_string);
    if let Some(metrics) = metrics {
        metrics.ended(&summary, &outcome);
    }
    let mut exit_code = outcome.exit_code;
    if let Some(path) = &args.output.out {
        match plan_file::write(path, args, digests, &outcome, &summary) {
            Ok(said) => terminal.say(&said),
            Err(lost) => {
                session::file_lost(&terminal, lost);
                exit_code = exit_code.max(exit_codes::FAILED);
            }
        }
    }
    let options = PrintOptions {
        style: ColorChoice::from(args.messages.color).style_of_stdout(),
        detail: if terminal.verbosity() >= Verbosity::Verbose {
            PlanDetail::Full
        } else {
            PlanDetail::Brief
        },
        orphans: args.output.orphans,
    };
    if let Err(error) = print(mode, format, &outcome, &summary, &log_dir, options) {
        return Ok(session::output_lost(&terminal, &summary, error, exit_code));
    }
    if mode.only_compares() {
        session::say_summary(&terminal, &summary);
    }
    Ok(exit_code)
}

fn damaged_state(name: &str, folder: &Path) -> Warning {
    let message = format!(
        "the file `{name}` in the state folder {} is damaged: what it cannot tell is found out again; delete it if this is said again",
        folder.display()
    );
    Warning::new(WarningCode::StateDamaged, message)
}

/// How what is for people looks.
#[derive(Clone, Copy)]
struct PrintOptions {
    style: Style,
    detail: PlanDetail,
    orphans: bool,
}

fn print(
    mode: Mode,
    wanted: Format,
    outcome: &RunOutcome,
    summary: &RunSummary,
    log_dir: &Path,
    options: PrintOptions,
) -> Result<(), OutputError> {
    let times = match mode {
        Mode::DryRun => {
            let regions = outcome.regions.iter();
            let regions: Vec<_> = regions.map(|region| region.region.to_string()).collect();
            last_times(log_dir, &regions)
        }
        _ => BTreeMap::new(),
    };
    let plans: Vec<&Plan> = outcome
        .regions
        .iter()
        .filter_map(|region| Some(&*region.sync()?.plan))
        .collect();
    let reader = if std::io::stdout().is_terminal() {
        format::Reader::Terminal
    } else {
        format::Reader::Program
    };
    output::print(|out| match (mode, wanted) {
        (Mode::Status, Format::Csv) => {
            format::status_csv(out, &plans, reader)?;
            if options.orphans {
                format::orphans_csv(out, &plans, reader)?;
            }
            Ok(())
        }
        (Mode::Status, Format::Table) => {
            let (width, paint) = (stdout_width(), options.style.paint);
            format::status_table(out, &plans, summary, width, paint)?;
            if options.orphans {
                format::orphans_text(out, &plans, options.style)?;
            }
            Ok(())
        }
        (Mode::Status, Format::Html) => {
            format::status_html(out, &plans, summary, Local::now().fixed_offset())
        }
        (Mode::Status, _) => format::status_json(out, &plans, summary),
        (Mode::Images, Format::Csv) => format::images_csv(out, &plans, reader),
        (Mode::Images, Format::Table) => format::images_table(out, &plans, options.style),
        (Mode::Images, _) => format::images_json(out, &plans, summary),
        (Mode::DryRun, Format::Json) => format::plan_json(out, &plans, &times, summary),
        (Mode::DryRun, _) => {
            format::plan_text(out, &plans, &times, summary, options.detail, options.style)
        }
        (_, Format::Json) => format::summary_json(out, summary),
        _ => format::summary_text(out, summary, options.style),
    })
}
