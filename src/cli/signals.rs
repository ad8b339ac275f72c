//! What the signals of the operating system mean to a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use tokio::signal::unix::{Signal as UnixSignal, SignalKind, signal};

use super::output;
use crate::engine::{Stop, StopSignal, Stopper};
use crate::event::Failure;
use crate::exit_codes;
use crate::host;
use crate::model::ErrorCode;
use crate::report::{OneLine, Terminal};

/// Of what is under way, no more is named.
const MOST_NAMED: usize = 5;

/// The signals of this process.
#[derive(Debug)]
pub(super) struct Signals {
    stop: StopSignal,
    is_orderly: Arc<AtomicBool>,
}

impl Signals {
    /// Takes signals from now on. SIGINT and SIGTERM end the process at once, with the exit code of
    /// an interrupt, until somebody asks for an orderly stop. So does SIGHUP, of a terminal that closes,
    /// unless it was ignored from the start (`nohup`). A file that grows beyond `ulimit -f` is an error
    /// of whoever writes it, and no end of the process.
    pub(super) fn listen(terminal: Terminal) -> std::io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = if host::is_ignored(Signal::HUP) {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        // What was registered once is never the end of the process again.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
        let (stopper, stop) = Stopper::new();
        let is_orderly = Arc::new(AtomicBool::new(false));
        let is_asked = Arc::clone(&is_orderly);
        actix::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = heard(&mut hangup) => {}
                }
                let reached = if is_asked.load(Ordering::Relaxed) {
                    stopper.step()
                } else {
                    None
                };
                let Some(reached) = reached else {
                    terminal.clear();
                    let code = ErrorCode::Interrupted;
                    let message = "the program was interrupted".to_owned();
                    let failure = Failure::new(code, message, code.hint());
                    output::print_errors(&[failure], exit_codes::INTERRUPTED);
                    std::process::exit(i32::from(exit_codes::INTERRUPTED));
                };
                terminal.say(&words(reached, &stopper.waits_for()));
            }
        });
        Ok(Self { stop, is_orderly })
    }

    /// From now on signals stop the run step by step.
    pub(super) fn orderly(&self) -> StopSignal {
        self.is_orderly.store(true, Ordering::Relaxed);
        self.stop.clone()
    }
}

/// Waits for a signal; for ever where it is not listened to.
async fn heard(signal: &mut Option<UnixSignal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// What is said of a step: what is waited for, and what a further signal does.
fn words(step: Stop, busy: &[String]) -> String {
    let named: Vec<String> = busy
        .iter()
        .take(MOST_NAMED)
        .map(|what| OneLine(what).to_string())
        .collect();
    let more = match busy.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = named.join(", ");
    match (step, busy.is_empty()) {
        (Stop::Now, _) => "stopping now: connections are dropped, and what was half sent is deleted; a third signal ends at once".to_owned(),
        (_, true) => "stopping: nothing new is begun, and nothing is under way".to_owned(),
        (_, false) => format!(
            "stopping: nothing new is begun; waiting for {named}{more}; a second signal drops that"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_named() {
        let busy: Vec<String> = (1..=7)
            .map(|n| format!("upload `a` in Region{n}\n"))
            .collect();
        let one = words(Stop::AfterAction, &busy[..1]);
        assert!(one.contains("waiting for upload `a` in Region1"), "{one}");
        assert!(
            !one.contains('\n') && one.contains("second signal"),
            "{one}"
        );
        assert!(words(Stop::AfterAction, &busy).contains("and 2 more"));
        assert!(words(Stop::AfterAction, &[]).contains("nothing is under way"));
        assert!(words(Stop::Now, &busy).contains("third signal"));
    }
}
