//! The modes that run a fleet: sync, `--dry-run`, `--show-status`; `--make-backup` and
//! `--show-regions` begin here too.

use std::path::PathBuf;

use super::args::{Format, RunArgs};
use super::session::{CliError, Session};
use super::{backup, output, regions, session};
use crate::engine::{self, RunOptions, RunOutcome, Scope};
use crate::model::{RegionSelector, Warning, WarningCode};
use crate::plan::{ImageFilter, Plan};
use crate::report::event::Mode;
use crate::report::{ColorChoice, Paint, RunSummary, Terminal, format, stdout_width};
use crate::state;

/// Runs a fleet as the command line says. `default_regions` stand for no region at all on the
/// command line.
pub(super) fn run(args: &RunArgs, default_regions: Option<&[RegionSelector]>) -> u8 {
    let sources = session::sources(&args.config, args.overrides());
    session::run(&args.messages, &sources, async |session| {
        let format = args.output_format().map_err(CliError::Usage)?;
        if args.show_regions {
            return regions::print(session, format).await;
        }
        let scope = scope(args, default_regions);
        if args.make_backup {
            return backup::run(args, &scope, session, format).await;
        }
        run_fleet(args, scope, session, format).await
    })
}

fn scope(args: &RunArgs, default_regions: Option<&[RegionSelector]>) -> Scope {
    Scope {
        selectors: match default_regions {
            Some(regions) if args.regions.is_empty() => regions.to_vec(),
            _ => args.regions.clone(),
        },
        exclude: args.exclude.iter().cloned().collect(),
        parallel: args.parallel,
    }
}

async fn run_fleet(
    args: &RunArgs,
    scope: Scope,
    session: Session,
    format: Format,
) -> Result<u8, CliError> {
    let mode = args.mode();
    if mode != Mode::Status {
        session.check_source()?;
    }
    let stop = session.listen_to_signals()?;
    let options = RunOptions {
        mode,
        scope,
        filter: ImageFilter::new(args.image.iter().map(String::as_str))
            .map_err(|error| CliError::Usage(format!("--image {error}")))?,
        keep_going: args.keep_going,
        fail_on: args.fail_on.map(Into::into),
        installation: installation(&session, mode),
    };
    let outcome = engine::run(&session.settings, options, &session.events, &stop).await?;
    let terminal = session.terminal.clone();
    let summary = session.finish().await?;
    let paint = ColorChoice::from(args.messages.color).for_stdout();
    print(mode, format, &outcome, &summary, paint)
        .map_err(|error| CliError::Machine(format!("standard output: {error}")))?;
    if mode == Mode::Status {
        say_summary(&terminal, &summary);
    }
    Ok(outcome.exit_code)
}

/// Puts the summary on standard error, where standard output holds something else.
pub(super) fn say_summary(terminal: &Terminal, summary: &RunSummary) {
    let mut text = Vec::new();
    // Writing into memory does not fail.
    let _ = format::summary_text(&mut text, summary, terminal.paint());
    terminal.say(&String::from_utf8_lossy(&text));
}

fn print(
    mode: Mode,
    wanted: Format,
    outcome: &RunOutcome,
    summary: &RunSummary,
    paint: Paint,
) -> std::io::Result<()> {
    let plans: Vec<&Plan> = outcome
        .regions
        .iter()
        .filter_map(|region| region.plan.as_deref())
        .collect();
    output::print(|out| match (mode, wanted) {
        (Mode::Status, Format::Csv) => format::status_csv(out, &plans),
        (Mode::Status, Format::Table) => {
            format::status_table(out, &plans, summary, stdout_width(), paint)
        }
        (Mode::Status, _) => format::status_json(out, &plans, summary),
        (Mode::DryRun, Format::Json) => format::plan_json(out, &plans, summary),
        (Mode::DryRun, _) => format::plan_text(out, &plans, summary, paint),
        (_, Format::Json) => format::summary_json(out, summary),
        _ => format::summary_text(out, summary, paint),
    })
}

/// Who this installation is. A sync goes on without a state folder: its images are then told by an
/// id that no later run knows, and left alone until they are a day old.
fn installation(session: &Session, mode: Mode) -> String {
    if mode != Mode::Sync {
        return String::new();
    }
    let folder = state::state_folder(|name| std::env::var_os(name).map(PathBuf::from));
    state::installation(&folder).unwrap_or_else(|error| {
        session.events.warning(
            None,
            Warning::new(
                WarningCode::StateUnwritable,
                format!("{error}; the run goes on, and a later one will not know what this one may leave behind"),
            ),
        );
        uuid::Uuid::new_v4().to_string()
    })
}
