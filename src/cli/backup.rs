//! `--make-backup`: the metadata of every image, in a file for each region.

use std::sync::Arc;

use chrono::Local;

use super::args::Format;
use super::error::CliError;
use super::metrics::MetricsFile;
use super::output;
use super::session::{self, Session};
use crate::engine::{self, Scope};
use crate::report::format;
use crate::state::{BackupFile, BackupFolder};

pub(super) async fn run(
    scope: &Scope,
    session: Session,
    wanted: Format,
    metrics: Option<&MetricsFile>,
) -> Result<u8, CliError> {
    let settings = &session.settings;
    let folder = BackupFolder::create(&settings.log_dir, Local::now().fixed_offset())?;
    let folder = Arc::new(folder);
    let stop = session.stop_signal();
    let outcome =
        engine::backup(settings, scope, Arc::clone(&folder), &session.events, &stop).await;
    folder.remove_if_empty();
    let outcome = outcome?;
    let terminal = session.terminal.clone();
    let summary = session.finish().await?;
    if let Some(metrics) = metrics {
        metrics.ended(&summary, &outcome);
    }
    let regions = outcome.regions.iter();
    let files: Vec<BackupFile> = regions
        .filter_map(|region| region.backup().cloned())
        .collect();
    let printed = output::print(|out| match wanted {
        Format::Json => format::backup_json(out, folder.path(), &files, &summary),
        _ => format::backup_text(out, &files),
    });
    if let Err(error) = printed {
        let exit_code = outcome.exit_code;
        return Ok(session::output_lost(&terminal, &summary, error, exit_code));
    }
    session::say_summary(&terminal, &summary);
    Ok(outcome.exit_code)
}
