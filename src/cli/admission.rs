//! One run at a time: what a sync needs before it may change anything.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::session::{CliError, Session};
use crate::engine::{StartError, StopSignal};
use crate::model::{Auth, ProjectRef, TargetName, TimeSpan, TimeSpanError, Warning, WarningCode};
use crate::state::{self, Holder, LockError, RunLock, StateError};

/// Between two tries to take a lock that another run has.
const RETRY: Duration = Duration::from_millis(200);

/// How long a run waits for another one to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LockWait {
    /// Not at all.
    #[default]
    None,
    /// Up to so long.
    UpTo(TimeSpan),
    /// As long as it takes.
    Unlimited,
}

/// What `--wait-lock` says when nothing follows it.
pub(super) const UNLIMITED: &str = "unlimited";

impl FromStr for LockWait {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == UNLIMITED {
            Ok(Self::Unlimited)
        } else {
            text.parse().map(Self::UpTo)
        }
    }
}

impl LockWait {
    fn is_over(self, since: Instant) -> bool {
        match self {
            Self::None => true,
            Self::UpTo(span) => since.elapsed() >= span.0,
            Self::Unlimited => false,
        }
    }
}

impl fmt::Display for LockWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpTo(span) => write!(f, "waiting up to {span} for it to end"),
            Self::None | Self::Unlimited => f.write_str("waiting for it to end"),
        }
    }
}

/// The right to run, for as long as this lives.
#[derive(Debug)]
pub(super) struct Admission {
    /// Who this installation is; empty where that is not known.
    pub(super) installation: String,
    /// The sync that is under way, where this mode only looks.
    pub(super) sync: Option<Holder>,
    _lock: Option<RunLock>,
}

/// The state folder of the user.
pub(super) fn state_folder() -> PathBuf {
    state::state_folder(|name| std::env::var_os(name).map(PathBuf::from))
}

/// Takes the lock of this user and master, and waits for it as long as `wait`, unless the run is
/// stopped meanwhile.
///
/// Where the folder cannot be used the run goes on without, with a warning: what it leaves is then
/// told by an id that no later run knows, and left alone until it is a day old.
pub(super) async fn enter(
    session: &Session,
    state: &Path,
    wait: LockWait,
    stop: &StopSignal,
) -> Result<Admission, CliError> {
    let folder = master_folder(session, state);
    let since = Instant::now();
    let mut is_told = false;
    loop {
        match RunLock::take(&folder) {
            Ok(lock) => {
                return Ok(Admission {
                    installation: installation(session, &folder),
                    sync: None,
                    _lock: Some(lock),
                });
            }
            Err(LockError::State(error)) => {
                warn(session, &error);
                return Ok(Admission {
                    installation: uuid::Uuid::new_v4().to_string(),
                    sync: None,
                    _lock: None,
                });
            }
            Err(_) if stop.is_stopping() => return Err(StartError::Interrupted.into()),
            Err(held) if wait.is_over(since) => return Err(held.into()),
            Err(held) => {
                if !is_told {
                    is_told = true;
                    session.terminal.say(&format!("{held}: {wait}"));
                }
                stop.unless_stopping(tokio::time::sleep(RETRY)).await;
            }
        }
    }
}

/// What a mode that changes nothing needs: no lock, and whose images are its own.
pub(super) fn look(session: &Session, state: &Path) -> Admission {
    let folder = master_folder(session, state);
    Admission {
        installation: state::known_installation(&folder).unwrap_or_default(),
        sync: state::lock_holder(&folder),
        _lock: None,
    }
}

fn installation(session: &Session, folder: &Path) -> String {
    state::installation(folder).unwrap_or_else(|error| {
        warn(session, &error);
        uuid::Uuid::new_v4().to_string()
    })
}

fn warn(session: &Session, error: &StateError) {
    session.events.warning(
        None,
        Warning::new(
            WarningCode::StateUnwritable,
            format!(
                "{error}; the run goes on, and a later one will not know what this one may leave behind"
            ),
        ),
    );
}

/// The state of this master: told by Keystone, project and region.
fn master_folder(session: &Session, state: &Path) -> PathBuf {
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
    state::master_folder(
        state,
        &keystone.unwrap_or_default(),
        &project.unwrap_or_default(),
        &settings.master_region.region,
    )
}
