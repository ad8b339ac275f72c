//! A restore: the coordinator runs over the regions that a backup holds, one after another, and the
//! actor of each compares its file with the region.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::outcome::RunOutcome;
use super::prepare::{Names, Prepared, Scope, check};
use super::region::{RegionTask, Restore, failure};
use super::region_selection::ChoiceKind;
use super::shutdown::StopSignal;
use super::targets::StartError;
use super::verdict::Verdict;
use crate::config::Settings;
use crate::event::Events;
use crate::event::Mode;
use crate::model::{ErrorCode, RegionName, RegionSelector};
use crate::openstack::Listing;
use crate::plan::ImageFilter;
use crate::state::file_stem;

/// What the command line asks for.
#[derive(Debug)]
pub struct RestoreOptions {
    /// The regions that have a file, as its name says, in this order.
    pub files: Vec<(RegionName, PathBuf)>,
    /// The region was named, so that it is an error where it must not be written to; otherwise such
    /// a region is passed over.
    pub is_named: bool,
    /// Whether anything is written; otherwise it is only compared.
    pub apply: bool,
}

/// Compares the regions with their backups and puts back what differs. Needs a running actix system.
///
/// # Errors
///
/// Whatever is wrong before the first region starts: nothing was changed then.
pub async fn restore(
    settings: &Settings,
    options: RestoreOptions,
    events: &Events,
    stop: &StopSignal,
) -> Result<RunOutcome, StartError> {
    let names = options.files.iter().map(|(region, _)| region.clone());
    let scope = Scope {
        selectors: names.map(RegionSelector::Region).collect(),
        ..Scope::default()
    };
    let wishes = scope.wishes(settings);
    check(settings, &BTreeMap::new(), &[], &wishes)?;
    let mode = Mode::Restore;
    let mut run = Prepared::new(settings, &scope, mode, Names::Unchecked, events, stop).await?;
    let mut files: BTreeMap<RegionName, PathBuf> = options.files.into_iter().collect();
    let mut regions = std::mem::take(&mut run.chosen.regions);
    for (region, kind) in &mut regions {
        if *kind == ChoiceKind::Unknown
            && let Some(real) = resolve_alias(region, &run)
            && let Some(path) = files.remove(region)
        {
            files.insert(real.clone(), path);
            (*region, *kind) = (real, ChoiceKind::Region);
        }
    }
    let is_unknown = regions.iter().any(|(_, kind)| *kind == ChoiceKind::Unknown);
    if options.is_named && is_unknown {
        check(settings, &run.fleet.regions(), &[], &wishes)?;
    }
    run.chosen.regions = regions;
    let mut tasks = run.tasks();
    if options.is_named {
        let refused = run.chosen.skipped_master.iter().map(|region| {
            let code = ErrorCode::MasterRefused;
            let message = format!(
                "{region}: this is the master region under another name, and the master region is never changed"
            );
            RegionTask::failing(region, failure(code, message, code.hint()))
        });
        tasks.extend(refused);
    }
    run.announce(&tasks, &ImageFilter::default(), None, BTreeMap::new());
    let planned = tasks.len();
    // A master that does not give its list is one that nothing can be put back into.
    let inventory = run
        .fleet
        .inventory(&Listing::Visible)
        .await
        .unwrap_or_default();
    let work = Restore {
        files,
        inventory: Arc::new(inventory),
        is_named: options.is_named,
        apply: options.apply,
        master: run.fleet.master_endpoints.clone(),
        events: events.clone(),
        stop: stop.clone(),
    };
    let regions = run.carry_out(Arc::new(work), tasks).await?;
    Ok(run.finish(regions, planned, &Verdict::default()))
}

/// The region whose file has that name because its own does not do for a file; none unless there is
/// exactly one.
fn resolve_alias(name: &RegionName, run: &Prepared<'_>) -> Option<RegionName> {
    let target = run.fleet.targets.get(&name.target)?.as_ref().ok()?;
    let stem = name.to_string();
    let catalogue = target.session.catalogue().regions().into_iter();
    let mut candidates = catalogue
        .map(|region| RegionName::new(name.target.clone(), region))
        .filter(|region| file_stem(region) == stem);
    let found = candidates.next()?;
    candidates.next().is_none().then_some(found)
}
