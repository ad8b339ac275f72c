//! SIGKILL: between any two requests, in the middle of an upload, and whenever it happens to come.

use std::time::{Duration, Instant};

use glancesync::sandbox::{Effect, Fault, RecordedRequest, When};

use crate::common::wait::at_a_drawn_moment;
use crate::common::{Outcome, wait_until};
use crate::invariants;
use crate::many::{many, number};
use crate::rng::SeededRng;
use crate::schedules::recover;
use crate::world::{FIRST, REGIONS, World};

/// A run that has not come to its point by then never will.
const LIMIT: Duration = Duration::from_mins(2);

/// Where a run is killed: at a request that asks for a change.
#[derive(Debug, Clone)]
struct Point {
    region: &'static str,
    method: String,
    path: &'static str,
    /// Which of the requests to that method and path, from 1.
    nth: u64,
    moment: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The server has the request, and has done nothing yet.
    Before,
    /// Content is on its way.
    Amid,
    /// The server has done it, and its answer is on the way.
    After,
}

/// Every point of an undisturbed run.
fn points(seed: u64) -> Vec<Point> {
    let world = World::draw(&mut SeededRng::new(seed));
    let outcome = world.program(FIRST).args(world.sync_words()).start();
    let outcome = outcome.wait_within(LIMIT);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let mut points = Vec::new();
    for region in REGIONS {
        let requests = world.fleet.sandbox().requests(region).unwrap();
        let changes: Vec<&RecordedRequest> = requests
            .iter()
            .filter(|request| request.is_change())
            .collect();
        for (place, request) in changes.iter().enumerate() {
            let nth = 1 + changes[..place]
                .iter()
                .filter(|before| before.method == request.method)
                .count() as u64;
            let path = match request.method.as_str() {
                "POST" => "/v2/images",
                "PUT" => "/v2/images/*/file",
                _ => "/v2/images/*",
            };
            let mut moments = vec![Moment::Before, Moment::After];
            if request.bytes_received > 4096 && request.method == "PUT" {
                moments.push(Moment::Amid);
            }
            points.extend(moments.into_iter().map(|moment| Point {
                region,
                method: request.method.clone(),
                path,
                nth,
                moment,
            }));
        }
    }
    points
}

/// Kills a run of that world at that point.
fn kill_at(seed: u64, point: &Point) {
    let world = World::draw(&mut SeededRng::new(seed));
    let effect = match point.moment {
        Moment::Before => Effect::Hang { when: When::Before },
        Moment::After => Effect::Hang { when: When::After },
        Moment::Amid => Effect::Slow {
            bytes_per_sec: 2000,
        },
    };
    let fault = Fault::new(&point.method, point.path, effect).on(point.nth, 1);
    let sandbox = world.fleet.sandbox();
    sandbox.set_faults(point.region, vec![fault]).unwrap();
    let running = world.program(FIRST).args(world.sync_words()).start();
    let is_reached = || match point.moment {
        Moment::Amid => world
            .now(point.region)
            .values()
            .any(|image| image["status"] == "saving"),
        _ => sandbox
            .requests(point.region)
            .unwrap()
            .iter()
            .any(|request| request.held),
    };
    wait_until(&format!("{point:?}"), is_reached);
    running.signal("KILL");
    let outcome = running.wait_within(LIMIT);
    assert_eq!(outcome.code, None, "{outcome}");
    sandbox.set_faults(point.region, Vec::new()).unwrap();
    after_a_kill(&world, &format!("{point:?}"), &outcome);
}

fn after_a_kill(world: &World, what: &str, outcome: &Outcome) {
    let complaints = invariants::always(world);
    assert!(
        complaints.is_empty(),
        "{what}: {}\n{outcome}",
        complaints.join("\n")
    );
    recover(world, FIRST, &format!("{what}\n{outcome}"));
}

/// Kills one run after another whenever it happens to be, up to three of them.
fn kill_anytime(seed: u64) -> Duration {
    let mut rng = SeededRng::new(seed);
    let world = World::draw(&mut rng);
    let sandbox = world.fleet.sandbox();
    // So that a run takes a while, and the moments are spread over all of it.
    let slow = || Fault::always(Effect::Delay { millis: 15 });
    let upload = || {
        Fault::new(
            "PUT",
            "/v2/images/*/file",
            Effect::Slow {
                bytes_per_sec: 400_000,
            },
        )
    };
    for region in REGIONS {
        sandbox.set_faults(region, vec![upload(), slow()]).unwrap();
    }
    let mut last = None;
    for _ in 0..=rng.below(3) {
        let running = world.program(FIRST).args(world.sync_words()).start();
        at_a_drawn_moment(Duration::from_millis(60 + rng.below(1800)));
        running.signal("KILL");
        last = Some(running.wait_within(LIMIT));
    }
    for region in REGIONS {
        sandbox.set_faults(region, Vec::new()).unwrap();
    }
    let started = Instant::now();
    after_a_kill(&world, "killed anytime", &last.expect("a run"));
    started.elapsed()
}

/// All points of some worlds, a seed each.
fn kill_everywhere(first: u64, worlds: u64, every: usize) {
    let all: Vec<(u64, Point)> = (first..first + worlds)
        .flat_map(|seed| points(seed).into_iter().map(move |point| (seed, point)))
        .step_by(every)
        .collect();
    many("kills at a request", 0, all.len() as u64, |place| {
        let started = Instant::now();
        let (seed, point) = &all[usize::try_from(place).expect("a place")];
        kill_at(*seed, point);
        started.elapsed()
    });
}

#[test]
fn a_kill_between_two_requests_loses_nothing() {
    kill_everywhere(3, 2, 9);
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    many("kills at any moment", 0, 12, kill_anytime);
}

#[test]
#[ignore = "many; GLANCESYNC_CHAOS_NIGHT says of how many worlds"]
fn night_of_kills_between_requests() {
    let first = number("GLANCESYNC_CHAOS_FIRST", 1000);
    kill_everywhere(first, number("GLANCESYNC_CHAOS_NIGHT", 20), 1);
}

#[test]
#[ignore = "many; GLANCESYNC_CHAOS_NIGHT says how many"]
fn night_of_kills_at_any_moment() {
    let first = number("GLANCESYNC_CHAOS_FIRST", 1000);
    let count = number("GLANCESYNC_CHAOS_NIGHT", 200);
    many("kills at any moment", first, count, kill_anytime);
}
