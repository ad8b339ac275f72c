//! One run at a time: what a sync needs before it may change anything.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::error::CliError;
use super::lock_wait::LockWait;
use super::session::Session;
use crate::config::Settings;
use crate::engine::{StartError, StopSignal};
use crate::model::{Auth, ProjectRef, TargetName, Warning, WarningCode};
use crate::state::{self, LockError, LockOwner, MasterKey, RunLock, state_errors};

/// Between two tries to take a lock that another run has.
const RETRY: Duration = Duration::from_millis(200);

/// The right to run, for as long as this lives.
#[derive(Debug)]
pub(super) struct Admission {
    /// Who this installation is; empty where that is not known.
    pub(super) installation: String,
    /// The sync that is under way, where this mode only looks.
    pub(super) sync: Option<LockOwner>,
    /// Where the state of this master is kept; none where nothing can be written.
    pub(super) folder: Option<PathBuf>,
    _lock: Option<RunLock>,
}

/// Where the state of this run may be kept, best first.
pub(super) fn state_folders(settings: &Settings) -> Vec<PathBuf> {
    match &settings.state_dir {
        Some(folder) => vec![folder.clone()],
        None => state::state_folders(
            |name| std::env::var_os(name).map(PathBuf::from),
            rustix::process::geteuid().as_raw(),
        ),
    }
}

/// Takes the lock of this user and master, and waits for it as long as `wait`, unless the run is
/// stopped meanwhile.
///
/// # Errors
///
/// Another run has it; or none of the folders can be written to: nothing is changed without a lock.
pub(super) async fn acquire_run_lock(
    session: &Session,
    folders: &[PathBuf],
    wait: LockWait,
    stop: &StopSignal,
) -> Result<Admission, CliError> {
    let key = master_key(session);
    let since = Instant::now();
    let mut is_told = false;
    loop {
        match take(folders, key) {
            Ok((lock, folder)) => {
                let id = match &session.settings.installation {
                    Some(id) => id.clone(),
                    None => state::installation(&folder)
                        .map_err(|error| CliError::State(vec![error]))?,
                };
                return Ok(Admission {
                    installation: key.installation(&id),
                    sync: None,
                    folder: Some(folder),
                    _lock: Some(lock),
                });
            }
            Err(CliError::Locked(_)) if stop.is_stopping() => {
                return Err(StartError::Interrupted.into());
            }
            Err(CliError::Locked(held)) if !wait.is_over(since) => {
                if !is_told {
                    is_told = true;
                    session.terminal.say(&format!("{held}: {wait}"));
                }
                stop.unless_stopping(tokio::time::sleep(RETRY)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The lock in the first folder that can be written to.
fn take(folders: &[PathBuf], key: MasterKey) -> Result<(RunLock, PathBuf), CliError> {
    let mut errors = Vec::new();
    for folder in folders {
        let folder = key.folder(folder);
        match RunLock::take(&folder) {
            Ok(lock) => return Ok((lock, folder)),
            Err(LockError::State(error)) => {
                let is_unavailable = error.is_unavailable();
                errors.push(error);
                if !is_unavailable {
                    break;
                }
            }
            Err(held) => return Err(held.into()),
        }
    }
    Err(CliError::State(errors))
}

/// What a mode that changes nothing needs: no lock, and whose images are its own.
pub(super) fn admit_read_only(session: &Session, folders: &[PathBuf]) -> Admission {
    let key = master_key(session);
    let mut errors = Vec::new();
    let mut writable = None;
    for folder in folders.iter().map(|folder| key.folder(folder)) {
        match state::check_writable(&folder) {
            Ok(()) => {
                writable = Some(folder);
                break;
            }
            Err(error) => errors.push(error),
        }
    }
    if writable.is_none() {
        let message = format!("{}; a sync would not begin", state_errors(&errors));
        let warning = Warning::new(WarningCode::StateUnwritable, message);
        session.events.warning(None, warning);
    }
    let sync = writable.as_deref().and_then(state::lock_owner);
    let known = || state::known_installation(writable.as_deref()?);
    let id = session.settings.installation.clone().or_else(known);
    Admission {
        installation: id.map(|id| key.installation(&id)).unwrap_or_default(),
        sync,
        folder: writable,
        _lock: None,
    }
}

/// This master: told by Keystone, project and region.
fn master_key(session: &Session) -> MasterKey {
    let settings = &session.settings;
    let credential = settings
        .target(&TargetName::master())
        .and_then(|target| target.credential.as_ref().ok());
    let keystone = credential.map(|credential| credential.keystone_url.to_string());
    let project =
        credential.map(
            |credential| match (&credential.auth, credential.auth.project()) {
                (_, Some(ProjectRef::Id(id))) => id.clone(),
                (_, Some(ProjectRef::Name { name, domain })) => format!("{domain:?} {name}"),
                (Auth::ApplicationCredential { credential, .. }, _) => format!("{credential:?}"),
                _ => String::new(),
            },
        );
    MasterKey::new(
        &keystone.unwrap_or_default(),
        &project.unwrap_or_default(),
        &settings.master_region.region,
    )
}
