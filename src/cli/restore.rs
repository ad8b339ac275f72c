//! `glancesync restore`: compares a backup with its regions and, with `--apply`, restores the metadata.

use std::path::{Path, PathBuf};

use super::args::{DocumentFormat, RestoreArgs};
use super::error::CliError;
use super::findings::Findings;
use super::output;
use super::run_lock;
use super::session::{self, Session};
use crate::config::Draft;
use crate::engine::{self, RegionOutcome, RestoreOptions, Scope};
use crate::model::{RegionName, RegionSelector, did_you_mean};
use crate::report::{ColorChoice, OneLine, format};
use crate::state::{backup_files, file_stem};

/// The regions that have a file.
type BackupFiles = Vec<(RegionName, PathBuf)>;

pub(super) fn run(args: &RestoreArgs) -> u8 {
    let sources = session::sources(&args.config, args.config.overrides());
    session::run(
        &args.messages,
        session::STATS,
        &sources,
        |draft, findings| check(args, draft, findings),
        async |session| restore(args, session).await,
    )
}

/// What of a restore can be wrong before any cloud is asked. Folder and targets may be in what cannot be
/// read.
fn check(args: &RestoreArgs, draft: &Draft, findings: &mut Findings) {
    if draft.is_partial {
        return;
    }
    match backup(args, &draft.settings.log_dir) {
        Ok((_, files)) => {
            let regions = files.into_iter().map(|(region, _)| region);
            let scope = Scope {
                selectors: regions.map(RegionSelector::Region).collect(),
                ..Scope::default()
            };
            findings.targets(draft, &scope);
        }
        Err(error) => findings.error(error),
    }
}

async fn restore(args: &RestoreArgs, session: Session) -> Result<u8, CliError> {
    let (folder, files) = backup(args, &session.settings.log_dir)?;
    let stop = session.stop_signal();
    let state = run_lock::state_folders(&session.settings);
    let admission = if args.apply {
        let wait = args.wait_lock.unwrap_or_default();
        run_lock::acquire_run_lock(&session, &state, wait, &stop).await?
    } else {
        run_lock::admit_read_only(&session, &state)
    };
    let options = RestoreOptions {
        files,
        is_named: args.region.is_some(),
        apply: args.apply,
    };
    let outcome = engine::restore(&session.settings, options, &session.events, &stop).await?;
    drop(admission);
    let style = ColorChoice::from(args.messages.color).style_of_stdout();
    let terminal = session.terminal.clone();
    let summary = session.finish().await?;
    let regions: Vec<_> = outcome
        .regions
        .iter()
        .filter_map(RegionOutcome::restore)
        .map(|done| format::RestoreView {
            plan: &done.plan,
            restored: &done.restored,
        })
        .collect();
    let printed = output::print(|out| match args.format {
        DocumentFormat::Json => format::restore_json(out, &folder, args.apply, &regions, &summary),
        DocumentFormat::Text => format::restore_text(out, args.apply, &regions, &summary, style),
    });
    match printed {
        Ok(()) => Ok(outcome.exit_code),
        Err(error) => {
            let exit_code = outcome.exit_code;
            Ok(session::output_lost(&terminal, &summary, error, exit_code))
        }
    }
}

/// The folder of the backup, and its files.
fn backup(args: &RestoreArgs, log_dir: &Path) -> Result<(PathBuf, BackupFiles), CliError> {
    let folder = folder(&args.folder, log_dir)?;
    let files = files(&folder, args.region.as_ref())?;
    if files.is_empty() {
        let folder = folder.to_string_lossy();
        let message = format!(
            "`{}` is not a backup: it has no file named REGION.json",
            OneLine(&folder)
        );
        return Err(CliError::Usage(message));
    }
    Ok((folder, files))
}

/// The folder of a backup: as it was written, or its name within `log_dir`.
fn folder(word: &Path, log_dir: &Path) -> Result<PathBuf, CliError> {
    let within = log_dir.join(word);
    [word.to_owned(), within]
        .into_iter()
        .find(|path| path.is_dir())
        .ok_or_else(|| {
            let shown = word.to_string_lossy();
            let mut message = format!("there is no backup `{}`", OneLine(&shown));
            let names = backups(log_dir);
            let names = names.iter().map(String::as_str);
            if let Some(near) = did_you_mean(&shown, names.clone()).or(names.max()) {
                let near = log_dir.join(near);
                let near = near.to_string_lossy();
                message = format!("{message}; did you mean `{}`?", OneLine(&near));
            }
            CliError::Usage(message)
        })
}

fn backups(log_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(log_dir).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with("backup_glance_"))
        .collect()
}

/// The regions that have a file, by the names of the files; or the one that was named.
fn files(folder: &Path, named: Option<&RegionName>) -> Result<BackupFiles, CliError> {
    let found = backup_files(folder).map_err(|error| {
        let folder = folder.to_string_lossy();
        CliError::Usage(format!(
            "the backup `{}` cannot be read: {error}",
            OneLine(&folder)
        ))
    })?;
    let Some(region) = named else {
        let region = |(stem, path): (String, PathBuf)| Some((stem.parse().ok()?, path));
        return Ok(found.into_iter().filter_map(region).collect());
    };
    let wanted = file_stem(region);
    let stems = || found.iter().map(|(stem, _)| stem.as_str());
    if let Some((_, path)) = found.iter().find(|(stem, _)| *stem == wanted) {
        return Ok(vec![(region.clone(), path.clone())]);
    }
    let name = region.to_string();
    let end = if let Some(near) = did_you_mean(&wanted, stems()) {
        format!("did you mean `{}`?", OneLine(near))
    } else {
        let stems: Vec<String> = stems().map(|stem| OneLine(stem).to_string()).collect();
        format!("it has: {}", stems.join(", "))
    };
    let folder = folder.to_string_lossy();
    Err(CliError::Usage(format!(
        "the backup `{}` does not have the region `{}`; {end}",
        OneLine(&folder),
        OneLine(&name)
    )))
}
