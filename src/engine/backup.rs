//! A backup: the coordinator runs over the chosen regions and the master region, and the actor of
//! each writes a file. Nothing is compared, and nothing is changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::outcome::RunOutcome;
use super::prepare::{Names, Prepared, Scope};
use super::region::{Backup, RegionTask};
use super::shutdown::StopSignal;
use super::targets::StartError;
use super::verdict::Verdict;
use crate::config::Settings;
use crate::event::Events;
use crate::event::Mode;
use crate::plan::ImageFilter;
use crate::state::BackupFolder;

/// Writes the metadata of every image into a file for each region, the master region first, unless
/// `--exclude` names it. Needs a running actix system.
///
/// # Errors
///
/// Whatever is wrong before the first region starts. A master region that does not answer fails
/// alone, as any other.
pub async fn backup(
    settings: &Settings,
    scope: &Scope,
    folder: Arc<BackupFolder>,
    events: &Events,
    stop: &StopSignal,
) -> Result<RunOutcome, StartError> {
    let prepared = Prepared::new(settings, scope, Mode::Backup, Names::Checked, events, stop);
    let prepared = stop.unless_stopping(prepared).await;
    let run = prepared.ok_or(StartError::Interrupted)??;
    let mut tasks = run.tasks();
    let master = &run.fleet.master;
    if !scope.excludes(master) {
        tasks.insert(0, RegionTask::new(master, &run.fleet.master_target));
    }
    run.announce(&tasks, &ImageFilter::default(), None, BTreeMap::new());
    let planned = tasks.len();
    let work = Backup {
        folder,
        events: events.clone(),
        stop: stop.clone(),
    };
    let regions = run.carry_out(Arc::new(work), tasks).await?;
    Ok(run.finish(regions, planned, &Verdict::default()))
}
