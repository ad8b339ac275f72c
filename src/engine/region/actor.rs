//! The actor of one region: a shell around the work, so that its panic is its own failure.

use std::sync::Arc;

use actix::{
    Actor, ActorContext, ActorFutureExt, Context, Handler, Message, ResponseActFuture, WrapFuture,
};
use futures_util::future::LocalBoxFuture;

use super::task::RegionTask;
use crate::engine::outcome::RegionOutcome;

/// What is done for a region.
pub(crate) trait RegionWork: Send + Sync + 'static {
    /// Does it, and reports everything about it.
    fn run(&self, task: RegionTask) -> LocalBoxFuture<'static, RegionOutcome>;
}

/// One region, for as long as it takes. It talks to nobody but the one that started it.
pub(crate) struct RegionActor {
    work: Arc<dyn RegionWork>,
}

impl RegionActor {
    /// An actor that does this work.
    pub(crate) fn new(work: Arc<dyn RegionWork>) -> Self {
        Self { work }
    }
}

impl Actor for RegionActor {
    type Context = Context<Self>;
}

/// Do the work for this region. Where the work panics, the sender gets `MailboxError::Closed`.
#[derive(Debug, Message)]
#[rtype(result = "RegionOutcome")]
pub(crate) struct RunRegion(pub RegionTask);

impl Handler<RunRegion> for RegionActor {
    type Result = ResponseActFuture<Self, RegionOutcome>;

    fn handle(&mut self, RunRegion(task): RunRegion, _: &mut Self::Context) -> Self::Result {
        let work = self.work.run(task).into_actor(self);
        Box::pin(work.map(|outcome, _, context: &mut Context<Self>| {
            context.stop();
            outcome
        }))
    }
}
