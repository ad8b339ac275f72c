//! The coordinator actor: a shell over the queue. It hands out permits, spawns region actors on its
//! arbiters in turn, and takes a lost actor for that region's failure.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, MailboxError,
    Message, ResponseFuture, WrapFuture,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::state::{Exclusive, Queue};
use crate::engine::outcome::RegionOutcome;
use crate::engine::region::{RegionActor, RegionTask, RegionWork, RunRegion, stopped};
use crate::engine::shutdown::{StopCause, StopSignal};
use crate::event::Events;
use crate::event::{EventKind, Failure, RegionResult, SkipReason};
use crate::model::{ErrorCode, RegionName};
use crate::openstack::EndpointUrl;

impl Exclusive for RegionTask {
    type Key = EndpointUrl;

    fn key(&self) -> Option<EndpointUrl> {
        self.job.as_ref().ok().map(|job| job.endpoint.clone())
    }
}

/// Runs the regions of a run, at most as many at once as there are permits.
pub(crate) struct Coordinator {
    work: Arc<dyn RegionWork>,
    events: Events,
    stop: StopSignal,
    permits: Arc<Semaphore>,
    arbiters: Vec<Arbiter>,
    next_arbiter: usize,
    queue: Queue<RegionTask, RegionOutcome>,
    done: Option<oneshot::Sender<Vec<RegionOutcome>>>,
}

impl Coordinator {
    /// A coordinator of that work, for `max_children` regions at once.
    pub(crate) fn new(
        work: Arc<dyn RegionWork>,
        events: Events,
        stop: StopSignal,
        max_children: usize,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            work,
            events,
            stop,
            permits: Arc::new(Semaphore::new(max_children)),
            arbiters: (0..threads.min(max_children))
                .map(|_| Arbiter::new())
                .collect(),
            next_arbiter: 0,
            queue: Queue::new(Vec::new()),
            done: None,
        }
    }

    fn start_regions(&mut self, context: &mut Context<Self>) {
        if self.stop.is_stopping() {
            for task in self.queue.abandon() {
                let cause = self.stop.cause();
                let reason = match cause {
                    StopCause::Signal => SkipReason::Interrupted,
                    StopCause::OutOfTime => SkipReason::OutOfTime,
                };
                let skipped = EventKind::RegionSkipped { reason };
                self.events.emit(Some(&task.region), skipped);
                let failure = stopped(cause, &task.region, "before this region was begun");
                self.events.error(Some(&task.region), failure);
            }
        }
        while let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            let Some((place, task)) = self.queue.start_next() else {
                break;
            };
            self.start_region(place, task, permit, context);
        }
        if let Some(outcomes) = self.queue.take_results()
            && let Some(done) = self.done.take()
        {
            // Where nobody waits any more, nobody is to be told.
            let _ = done.send(outcomes);
        }
    }

    fn start_region(
        &mut self,
        place: usize,
        task: RegionTask,
        permit: OwnedSemaphorePermit,
        context: &mut Context<Self>,
    ) {
        let region = task.region.clone();
        let key = task.key();
        let actor = RegionActor::new(Arc::clone(&self.work));
        let address = RegionActor::start_in_arbiter(&self.arbiter(), |_| actor);
        let ended = async move { address.send(RunRegion(task)).await };
        context.spawn(
            ended
                .into_actor(self)
                .map(move |result, coordinator, context| {
                    drop(permit);
                    let outcome = result.unwrap_or_else(|error| coordinator.lost(region, error));
                    coordinator.queue.ended(place, key.as_ref(), outcome);
                    coordinator.start_regions(context);
                }),
        );
    }

    fn arbiter(&mut self) -> ArbiterHandle {
        self.next_arbiter = (self.next_arbiter + 1) % self.arbiters.len();
        self.arbiters[self.next_arbiter].handle()
    }

    /// A region whose actor is gone without an answer has failed.
    fn lost(&self, region: RegionName, error: MailboxError) -> RegionOutcome {
        self.events.error(
            Some(&region),
            Failure::new(
                ErrorCode::Internal,
                format!("{region}: its work ended unexpectedly ({error})"),
                ErrorCode::Internal.hint(),
            ),
        );
        self.events.emit(
            Some(&region),
            EventKind::RegionFinished {
                result: RegionResult::Failed,
                uploaded_bytes: 0,
                uploaded_images: 0,
                pulled_bytes: 0,
                pulled_images: 0,
                updated_images: 0,
                deleted_images: 0,
                hidden_images: 0,
                left: std::collections::BTreeMap::new(),
                seconds: 0.0,
            },
        );
        RegionOutcome::failed(region)
    }
}

impl Actor for Coordinator {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

/// Run these regions, in this order. The answer holds the outcome of each that was begun; it is
/// missing where the coordinator itself is gone.
#[derive(Debug, Message)]
#[rtype(result = "Option<Vec<RegionOutcome>>")]
pub(crate) struct RunRegions(pub Vec<RegionTask>);

impl Handler<RunRegions> for Coordinator {
    type Result = ResponseFuture<Option<Vec<RegionOutcome>>>;

    fn handle(
        &mut self,
        RunRegions(tasks): RunRegions,
        context: &mut Self::Context,
    ) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.queue = Queue::new(tasks);
        self.done = Some(sender);
        self.start_regions(context);
        Box::pin(async { receiver.await.ok() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::LocalBoxFuture;

    use super::*;
    use crate::engine::shutdown::Stopper;
    use crate::wait::until;

    /// Panics in the region `Boom` and stops the run in `Stop`, each once as many regions as may have
    /// been at work at once.
    struct Work {
        running: AtomicUsize,
        most: AtomicUsize,
        at_once: usize,
        stopper: Stopper,
    }

    impl RegionWork for Arc<Work> {
        fn run(&self, task: RegionTask) -> LocalBoxFuture<'static, RegionOutcome> {
            let work = Arc::clone(self);
            Box::pin(async move {
                let running = work.running.fetch_add(1, Ordering::SeqCst) + 1;
                work.most.fetch_max(running, Ordering::SeqCst);
                let are_all = async || work.most.load(Ordering::SeqCst) >= work.at_once;
                until("as many regions as may", are_all).await;
                // Any more would begin now.
                tokio::task::yield_now().await;
                assert_ne!(task.region.region, "Boom");
                if task.region.region == "Stop" {
                    work.stopper.step();
                }
                work.running.fetch_sub(1, Ordering::SeqCst);
                RegionOutcome {
                    region: task.region,
                    result: RegionResult::Synchronised,
                    work: None,
                }
            })
        }
    }

    /// The outcomes as `region: result`, the failures reported, and the most regions at once.
    fn run(regions: &[&str], max_children: usize) -> (Vec<String>, Vec<Failure>, usize) {
        let (stopper, stop) = Stopper::new();
        let work = Arc::new(Work {
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            at_once: max_children.min(regions.len()),
            stopper,
        });
        let (events, collected) = crate::event::collected();
        let tasks = regions
            .iter()
            .map(|region| RegionTask {
                region: region.parse().unwrap(),
                job: Err(Failure {
                    code: ErrorCode::RegionUnknown,
                    message: String::new(),
                    hint: String::new(),
                    image: None,
                    action: None,
                    differs: Vec::new(),
                }),
            })
            .collect();
        let shared: Arc<dyn RegionWork> = Arc::new(Arc::clone(&work));
        let outcomes = actix::System::new().block_on(async {
            let coordinator = Coordinator::new(shared, events, stop, max_children).start();
            coordinator.send(RunRegions(tasks)).await.unwrap().unwrap()
        });
        let outcomes = outcomes
            .iter()
            .map(|outcome| format!("{}: {:?}", outcome.region, outcome.result))
            .collect();
        (
            outcomes,
            collected.failures(),
            work.most.load(Ordering::SeqCst),
        )
    }

    #[test]
    fn outcomes_come_in_run_order_whatever_ends_first() {
        let (outcomes, failures, most) = run(&["C", "A", "B"], 2);
        assert_eq!(
            outcomes,
            ["C: Synchronised", "A: Synchronised", "B: Synchronised"]
        );
        assert!(failures.is_empty());
        assert_eq!(most, 2);
    }

    #[test]
    fn a_panic_is_that_regions_failure_and_the_run_ends() {
        for max_children in [1, 3] {
            let (outcomes, failures, _) = run(&["A", "Boom", "C"], max_children);
            assert_eq!(
                outcomes,
                ["A: Synchronised", "Boom: Failed", "C: Synchronised"]
            );
            assert_eq!(failures.len(), 1);
            assert_eq!(failures[0].code, ErrorCode::Internal);
            assert!(
                failures[0].message.contains("Boom"),
                "{}",
                failures[0].message
            );
        }
    }

    #[test]
    fn no_region_starts_after_a_stop() {
        let (outcomes, failures, _) = run(&["A", "Stop", "C", "D"], 1);
        assert_eq!(outcomes, ["A: Synchronised", "Stop: Synchronised"]);
        let codes: Vec<_> = failures.iter().map(|failure| failure.code).collect();
        assert_eq!(codes, [ErrorCode::Interrupted; 2]);
    }

    #[test]
    fn no_region_at_all_is_a_run_that_ends_at_once() {
        assert!(run(&[], 4).0.is_empty());
    }
}
