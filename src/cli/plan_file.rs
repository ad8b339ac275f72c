//! Saved plans: `plan --out` writes one, `plan --read` prints one, `apply` carries one out.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{Local, Utc};

use super::args::{Format, RunArgs, SavedPlanArgs};
use super::error::CliError;
use super::output;
use super::written_file;
use crate::config::Draft;
use crate::engine::{RunOutcome, SavedPlan, StartError};
use crate::exit_codes;
use crate::host::{Links, read_regular};
use crate::model::{RegionName, RegionSelector, redact_urls};
use crate::plan::{PlanFile, PlanFileError, SavedFailure, SavedMasterImage, SavedRegion};
use crate::report::{ColorChoice, RunSummary, Terminal, format, stdout_width};
use crate::state::write_atomic;

/// The most bytes of a saved plan: a hundred regions with five thousand actions each have fewer.
const BYTES_MAX: u64 = 512 << 20;
/// What is planned is nobody else's business.
const PERMISSIONS: u32 = 0o600;

/// Reads a plan that is to be carried out, and refuses one that cannot be.
pub(super) fn load(args: &SavedPlanArgs) -> Result<SavedPlan, CliError> {
    let saved = read(&args.plan_file)?;
    let checked = saved.file.check_age(Utc::now(), args.max_age);
    checked.map_err(|error| saved.error(error))?;
    Ok(saved)
}

fn read(path: &Path) -> Result<SavedPlan, CliError> {
    let bytes = read_regular(path, Links::Follow, BYTES_MAX)
        .map_err(|error| CliError::Usage(format!("the plan {}: {error}", path.display())))?;
    let error = |source| {
        let path = path.to_owned();
        CliError::Start(StartError::SavedPlan { path, source })
    };
    let file = PlanFile::parse(&bytes).map_err(error)?;
    let path = path.to_owned();
    Ok(SavedPlan { path, file })
}

/// Refuses a plan that was made with another configuration.
pub(super) fn check_settings(saved: &SavedPlan, draft: &Draft) -> Result<(), StartError> {
    // What seems to differ may be in what cannot be read.
    if draft.is_partial || !draft.errors.is_empty() {
        return Ok(());
    }
    let checked = saved.file.check_settings(&draft.settings.digests());
    checked.map_err(|error| saved.error(error))
}

/// The regions that are meant: those of the plan, or those of them that the command line names.
pub(super) fn regions(
    saved: &SavedPlan,
    args: &RunArgs,
) -> Result<Vec<RegionSelector>, StartError> {
    let planned = saved
        .file
        .region_names()
        .map_err(|error| saved.error(error))?;
    let named = &args.scope.regions;
    for selector in named {
        if let RegionSelector::Region(name) = selector
            && !planned.contains(name)
        {
            return Err(saved.error(PlanFileError::NoRegion(name.clone())));
        }
    }
    let is_meant = |region: &RegionName| {
        named.is_empty()
            || named.iter().any(|selector| match selector {
                RegionSelector::Region(name) => name == region,
                RegionSelector::WholeTarget(target) => *target == region.target,
            })
    };
    let regions = planned.into_iter().filter(is_meant);
    let regions: Vec<_> = regions.map(RegionSelector::Region).collect();
    if regions.is_empty() {
        return Err(saved.error(PlanFileError::NoRegions));
    }
    Ok(regions)
}

/// Says before the run whether the plan could be written.
pub(super) fn check_out(args: &RunArgs) -> Result<(), String> {
    let out = args.output.out.as_deref();
    out.map_or(Ok(()), |path| written_file::check("--out", path))
}

/// Writes what a dry run planned, and says where. A plan that was broken off is not written: nobody would see that
/// regions are missing.
pub(super) fn write(
    path: &Path,
    args: &RunArgs,
    settings: BTreeMap<String, String>,
    outcome: &RunOutcome,
    summary: &RunSummary,
) -> Result<String, String> {
    let shown = path.display();
    let masters = outcome.masters.as_ref();
    let whole = masters.filter(|_| outcome.exit_code != exit_codes::INTERRUPTED);
    let Some((master, inventory)) = whole else {
        return Ok(format!("The plan is not whole, and {shown} is as it was."));
    };
    let regions = outcome.regions.iter();
    let planned = regions.filter_map(|region| Some(&region.sync()?.plan));
    let regions: Vec<SavedRegion> = planned.map(|plan| SavedRegion::new(plan)).collect();
    let is_planned = |name: &str| regions.iter().any(|region| region.region == name);
    let failed = summary.regions.iter().flat_map(|region| {
        let name = region.region.to_string();
        let errors = region.errors.iter().filter(|_| !is_planned(&name));
        let failures = errors.map(|error| SavedFailure {
            what: name.clone(),
            code: error.code,
            message: redact_urls(&error.message).into_owned(),
        });
        failures.collect::<Vec<_>>()
    });
    let file = PlanFile {
        created_at: Utc::now(),
        glancesync: env!("CARGO_PKG_VERSION").to_owned(),
        master: master.to_string(),
        master_fingerprint: inventory.fingerprint.to_string(),
        images: args.scope.image.clone(),
        excluded_images: args.scope.exclude_image.clone(),
        settings,
        master_images: SavedMasterImage::all(inventory),
        failed: failed.collect(),
        regions,
    };
    let bytes = file.to_bytes().map_err(|error| error.to_string())?;
    write_atomic(path, &bytes, PERMISSIONS)
        .map_err(|error| format!("the plan could not be written into {shown}: {error}"))?;
    Ok(format!(
        "The plan is in {shown}: `glancesync apply {shown}` carries it out."
    ))
}

/// `plan --read`
pub(super) fn print(path: &Path, args: &RunArgs) -> u8 {
    let terminal = Terminal::stderr(args.messages.terminal_options());
    let printed = args.output_format().map_err(CliError::Usage);
    let printed = printed.and_then(|wanted| {
        let plan = read(path)?.file;
        let style = ColorChoice::from(args.messages.color).style_of_stdout();
        output::print(|out| match wanted {
            Format::Table => format::saved_plan_table(out, &plan, stdout_width()),
            Format::Html => format::saved_plan_html(out, &plan, Local::now().fixed_offset()),
            Format::Json => format::json(out, &plan),
            _ => format::saved_plan_text(out, &plan, style),
        })?;
        Ok(exit_codes::OK)
    });
    printed.unwrap_or_else(|error: CliError| {
        output::end_with(&terminal, &error.failures(), error.exit_code())
    })
}
