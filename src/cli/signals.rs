//! What the signals of the operating system mean to a run.

use tokio::signal::unix::{SignalKind, signal};

use crate::engine::{EXIT_INTERRUPTED, Stop, Stopper};
use crate::report::Terminal;

/// Takes signals for as long as a run lasts: SIGINT and SIGTERM stop it step by step, SIGHUP does
/// not stop it half way.
pub(super) fn listen(stopper: Stopper, terminal: Terminal) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    actix::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => continue,
            }
            match stopper.step() {
                Some(Stop::AfterAction) => terminal.say(
                    "stopping: no new action starts, those under way are finished; a second signal drops them",
                ),
                Some(_) => terminal.say(
                    "stopping now: connections are dropped and what was half sent is deleted; a third signal ends at once",
                ),
                None => {
                    terminal.clear();
                    std::process::exit(i32::from(EXIT_INTERRUPTED));
                }
            }
        }
    });
    Ok(())
}
