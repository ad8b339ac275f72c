//! The modes that run a fleet: sync, `--dry-run`, `--show-status`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::args::{Format, RunArgs};
use super::session::{CliError, Session};
use super::{output, regions, session, signals};
use crate::engine::{self, RunOptions, RunOutcome, Stopper};
use crate::model::{RegionSelector, Warning, WarningCode};
use crate::plan::{ImageFilter, Plan};
use crate::report::event::Mode;
use crate::report::{ColorChoice, Paint, RunSummary, format, stdout_width};
use crate::state;

/// Runs a fleet as the command line says. `default_regions` stand for no region at all on the
/// command line.
pub(super) fn run(args: &RunArgs, default_regions: Option<&[RegionSelector]>) -> u8 {
    session::run(args, async |session| {
        let format = args.output_format().map_err(CliError::Usage)?;
        if args.show_regions {
            return regions::print(session, format).await;
        }
        run_fleet(args, default_regions, session, format).await
    })
}

async fn run_fleet(
    args: &RunArgs,
    default_regions: Option<&[RegionSelector]>,
    session: Session,
    format: Format,
) -> Result<u8, CliError> {
    let mode = args.mode();
    if mode != Mode::Status {
        session.check_source()?;
    }
    let (stopper, stop) = Stopper::new();
    signals::listen(stopper, session.terminal.clone())
        .map_err(|error| CliError::Machine(format!("signals cannot be taken: {error}")))?;
    let selectors = match default_regions {
        Some(regions) if args.regions.is_empty() => regions.to_vec(),
        _ => args.regions.clone(),
    };
    let options = RunOptions {
        mode,
        selectors,
        exclude: args.exclude.iter().cloned().collect::<BTreeSet<_>>(),
        filter: ImageFilter::new(args.image.iter().map(String::as_str))
            .map_err(|error| CliError::Usage(format!("--image {error}")))?,
        parallel: args.parallel,
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
        let mut text = Vec::new();
        // Writing into memory does not fail.
        let _ = format::summary_text(&mut text, &summary, terminal.paint());
        terminal.say(&String::from_utf8_lossy(&text));
    }
    Ok(outcome.exit_code)
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
