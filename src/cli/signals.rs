//! What the signals of the operating system mean to a run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::process::Signal;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal as UnixSignal, SignalKind, signal};

use super::{output, temporary};
use crate::engine::{OVERTIME, Stop, StopSignal, Stopper};
use crate::event::Failure;
use crate::exit_codes;
use crate::host;
use crate::model::{ErrorCode, TimeSpan};
use crate::report::{OneLine, Terminal};

/// Of what is under way, no more is named.
const MOST_NAMED: usize = 5;

/// Whether a session takes signals. They are the process's, of which there is one.
static IS_LISTENING: AtomicBool = AtomicBool::new(false);

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
    pub(super) fn listen(terminal: Terminal) -> io::Result<Self> {
        let mut ending = EndingSignals::listen()?;
        IS_LISTENING.store(true, Ordering::Relaxed);
        // What was registered once is never the end of the process again.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
        let (stopper, stop) = Stopper::new();
        actix::spawn(tell_time(stop.clone(), terminal.clone()));
        let busy = stop.clone();
        let is_orderly = Arc::new(AtomicBool::new(false));
        let is_asked = Arc::clone(&is_orderly);
        actix::spawn(async move {
            loop {
                ending.received().await;
                let reached = if is_asked.load(Ordering::Relaxed) {
                    stopper.step()
                } else {
                    None
                };
                let Some(reached) = reached else {
                    interrupted(&terminal);
                };
                terminal.say(&words(reached, &busy.waits_for()));
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

/// The signals that end a program.
struct EndingSignals {
    interrupt: UnixSignal,
    terminate: UnixSignal,
    /// None where it was ignored from the start.
    hangup: Option<UnixSignal>,
}

impl EndingSignals {
    fn listen() -> io::Result<Self> {
        let hangup = if host::is_ignored(Signal::HUP) {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for one of them.
    async fn received(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// The first signal of a program that runs no fleet, or not yet: it ends the program, until somebody
/// waits for it or [`Signals`] listen.
#[derive(Debug)]
pub(super) struct FirstSignal {
    is_awaited: Arc<AtomicBool>,
    received: Receiver<()>,
}

impl FirstSignal {
    /// Takes signals from now on, on a thread of its own.
    ///
    /// # Errors
    ///
    /// Signals cannot be taken.
    pub(super) fn listen(terminal: Terminal) -> io::Result<Self> {
        let is_awaited = Arc::new(AtomicBool::new(false));
        let is_asked = Arc::clone(&is_awaited);
        let (sender, received) = mpsc::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut ending = {
            let _inside = runtime.enter();
            EndingSignals::listen()?
        };
        let wait = move || {
            runtime.block_on(ending.received());
            if is_asked.load(Ordering::Relaxed) {
                // Received as long as the program runs.
                let _ = sender.send(());
            } else if !IS_LISTENING.load(Ordering::Relaxed) {
                interrupted(&terminal);
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(wait)?;
        Ok(Self {
            is_awaited,
            received,
        })
    }

    /// Waits for it.
    pub(super) fn wait(self) {
        self.is_awaited.store(true, Ordering::Relaxed);
        // The sender is gone only once the program ends.
        let _ = self.received.recv();
    }
}

/// Ends the program at once.
fn interrupted(terminal: &Terminal) -> ! {
    terminal.clear();
    let code = ErrorCode::Interrupted;
    let message = "the program was interrupted".to_owned();
    let failure = Failure::new(code, message, code.hint());
    output::print_errors(&[failure], exit_codes::INTERRUPTED);
    let _no_other_end = temporary::remove_all();
    std::process::exit(i32::from(exit_codes::INTERRUPTED));
}

/// Says when the run's time is over, and what becomes of what is under way.
async fn tell_time(stop: StopSignal, terminal: Terminal) {
    stop.out_of_time(Stop::AfterAction).await;
    terminal.say(&time_words(&stop.waits_for()));
    stop.out_of_time(Stop::Now).await;
    terminal.say("stopping now, because the time of `max_duration` is long over: connections are closed, and images sent in part are deleted");
}

fn time_words(busy: &[String]) -> String {
    let over = "stopping, because the time of `max_duration` is over: nothing new is begun";
    match named(busy) {
        None => format!("{over}, and nothing is under way"),
        Some(named) => format!(
            "{over}; waiting for {named}, for {} more at most",
            TimeSpan(OVERTIME)
        ),
    }
}

/// What is under way; none where nothing is.
fn named(busy: &[String]) -> Option<String> {
    let named: Vec<String> = busy
        .iter()
        .take(MOST_NAMED)
        .map(|what| OneLine(what).to_string())
        .collect();
    let more = match busy.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!busy.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}

/// What is said of a step: what is waited for, and what a further signal does.
fn words(step: Stop, busy: &[String]) -> String {
    match (step, named(busy)) {
        (Stop::Now, _) => "stopping now: connections are closed, and images sent in part are deleted; a third signal ends the program at once".to_owned(),
        (_, None) => "stopping: nothing new is begun, and nothing is under way".to_owned(),
        (_, Some(named)) => format!(
            "stopping: nothing new is begun; waiting for {named}; a second signal drops that"
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
        let over = time_words(&["upload `a` in Region1".to_owned()]);
        insta::assert_snapshot!(over, @"stopping, because the time of `max_duration` is over: nothing new is begun; waiting for upload `a` in Region1, for 15m more at most");
        insta::assert_snapshot!(time_words(&[]), @"stopping, because the time of `max_duration` is over: nothing new is begun, and nothing is under way");
    }
}
