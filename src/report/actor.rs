//! The reporter actor: a shell over `ReporterState`, which knows nothing of actix.
//!
//! It lives on a thread of its own, since writing to a disk or a terminal may block, and a stopped
//! terminal must not stop an upload. Every module sends it [`Report`]s through [`Events`]; the command
//! line asks it to [`Finish`].

use std::time::{Duration, Instant};

use actix::{
    Actor, Addr, Arbiter, AsyncContext, Context, Handler, MailboxError, Message, MessageResult,
};

use super::options::ReportOptions;
use super::reporter::ReporterState;
use super::summary::RunSummary;
use super::terminal::Terminal;
use crate::event::{EventSink, Events, Report};

/// Between two looks at the counters of uploads, and two drawings of the bars.
const TICK: Duration = Duration::from_millis(150);

/// Receives every report and fans it out.
pub struct Reporter {
    state: ReporterState,
}

impl Reporter {
    /// Starts it on a thread of its own. Needs a running actix system.
    pub fn start(options: ReportOptions) -> ReporterHandle {
        let arbiter = Arbiter::new();
        let terminal = options.terminal.clone();
        let address = Self::start_in_arbiter(&arbiter.handle(), |_| Self {
            state: ReporterState::new(options, Instant::now()),
        });
        ReporterHandle {
            address,
            arbiter,
            terminal,
        }
    }
}

impl Actor for Reporter {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(TICK, |reporter, _| reporter.state.tick(Instant::now()));
    }
}

/// One report, as a message of the actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Received(Report);

/// The sink that every module sends to.
#[derive(Debug)]
struct ReporterSink(Addr<Reporter>);

impl EventSink for ReporterSink {
    fn send(&self, report: Report) {
        // The mailbox's bound is for commands; events are small facts that must not be lost.
        self.0.do_send(Received(report));
    }
}

impl Handler<Received> for Reporter {
    type Result = ();

    fn handle(&mut self, received: Received, _: &mut Self::Context) {
        self.state.report(received.0, Instant::now());
    }
}

/// Flushes every sink, takes the bars off the screen, and answers with the summary of all that was
/// reported before.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "RunSummary")]
pub struct Finish;

impl Handler<Finish> for Reporter {
    type Result = MessageResult<Finish>;

    fn handle(&mut self, _: Finish, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.state.finish())
    }
}

/// The reporter is gone: there is no summary.
#[derive(Debug, thiserror::Error)]
#[error("the reporter stopped before the run was over")]
pub struct ReporterLost(#[from] MailboxError);

/// A running reporter. Dropping it, as an early end of the program does, takes the bars off the
/// screen.
pub struct ReporterHandle {
    address: Addr<Reporter>,
    arbiter: Arbiter,
    terminal: Terminal,
}

impl Drop for ReporterHandle {
    fn drop(&mut self) {
        self.terminal.clear();
        self.arbiter.stop();
    }
}

impl ReporterHandle {
    /// The way to it, for every module.
    pub fn events(&self) -> Events {
        Events::new(ReporterSink(self.address.clone()))
    }

    /// Waits until everything that was sent is written, and stops the reporter.
    pub async fn finish(self) -> Result<RunSummary, ReporterLost> {
        Ok(self.address.send(Finish).await?)
    }
}
