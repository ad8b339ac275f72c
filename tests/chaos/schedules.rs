//! Runs under faults that were drawn, each followed by an undisturbed one that puts everything right.

use std::time::{Duration, Instant};

use crate::common::Outcome;
use crate::common::wait::at_a_drawn_moment;
use crate::draw::{Disruption, Schedule};
use crate::many::{many, number};
use crate::rng::SeededRng;
use crate::world::{FIRST, REGIONS, SECOND, World};
use crate::{invariants, truth};

/// A run that takes longer than this hangs: a few calls that are never answered, one after another.
const LIMIT: Duration = Duration::from_mins(6);

/// Draws a fleet and what goes wrong, and gives how long the disturbed run took.
fn run(seed: u64) -> Duration {
    let mut rng = SeededRng::new(seed);
    let world = World::draw(&mut rng);
    let schedule = Schedule::draw(&mut rng, world.reads_glance);
    let started = Instant::now();
    let (outcome, second) = disturbed(&world, &schedule);
    let took = started.elapsed();
    let mut complaints = invariants::always(&world);
    complaints.extend(truth::contradictions(
        &world,
        &outcome,
        schedule.has_signal(),
    ));
    let mut what = format!("{schedule:#?}\n{outcome}");
    match &second {
        Some(second) => {
            complaints.extend(truth::contradictions(&world, second, false));
            what = format!("{what}\nand the second host\n{second}");
        }
        None if outcome.code == Some(0) => complaints.extend(invariants::in_step(&world)),
        None => {}
    }
    assert!(complaints.is_empty(), "{}\n{what}", complaints.join("\n"));
    if second.is_some() {
        // What a host left is that host's to put right.
        let again = world.program(SECOND).args(world.sync_words()).run();
        assert_eq!(again.code, Some(0), "{again}\nafter {what}");
    }
    recover(&world, FIRST, &what);
    took
}

/// A run during which everything of the schedule happens, and that of a second host.
fn disturbed(world: &World, schedule: &Schedule) -> (Outcome, Option<Outcome>) {
    let sandbox = world.fleet.sandbox();
    for (region, faults) in &schedule.faults {
        sandbox.set_faults(region, faults.clone()).unwrap();
    }
    for (keystone, faults) in &schedule.keystone_faults {
        sandbox
            .set_keystone_faults(keystone, faults.clone())
            .unwrap();
    }
    let running = world.program(FIRST).args(world.sync_words()).start();
    let second = schedule
        .has_second_host
        .then(|| world.program(SECOND).args(world.sync_words()).start());
    for (pause, disruption) in &schedule.disruptions {
        at_a_drawn_moment(*pause);
        match disruption {
            Disruption::KillRegion(region) => sandbox.kill_region(region).unwrap(),
            Disruption::StartRegion(region) => sandbox.start_region(region).unwrap(),
            Disruption::StopKeystone(keystone) => sandbox.stop_keystone(keystone).unwrap(),
            Disruption::StartKeystone(keystone) => sandbox.start_keystone(keystone).unwrap(),
            Disruption::ExpireTokens(keystone) => sandbox.expire_tokens(keystone).unwrap(),
            Disruption::Signal(name) => running.signal(name),
        }
    }
    let outcome = running.wait_within(LIMIT);
    let second = second.map(|second| second.wait_within(LIMIT));
    for (region, _) in &schedule.faults {
        sandbox.set_faults(region, Vec::new()).unwrap();
    }
    for (keystone, _) in &schedule.keystone_faults {
        sandbox.set_keystone_faults(keystone, Vec::new()).unwrap();
    }
    (outcome, second)
}

/// One undisturbed run of that installation puts everything right, and the next finds nothing to do.
pub(crate) fn recover(world: &World, installation: &str, what_was: &str) {
    let clean = || world.program(installation).args(world.sync_words()).run();
    let outcome = clean();
    let mut complaints = invariants::always(world);
    complaints.extend(truth::contradictions(world, &outcome, false));
    complaints.extend(invariants::in_step(world));
    if outcome.code != Some(0) {
        complaints.push("an undisturbed run fails".to_owned());
    }
    if complaints.is_empty() {
        let again = clean();
        for region in REGIONS {
            if !again.changes(region).is_empty() {
                complaints.push(format!("{region} is changed again: {again}"));
            }
        }
        complaints.extend(truth::contradictions(world, &again, false));
    }
    assert!(
        complaints.is_empty(),
        "after an undisturbed run: {}\n{what_was}\n{outcome}",
        complaints.join("\n")
    );
}

#[test]
fn drawn_faults_harm_nothing_and_one_run_puts_all_right() {
    many("schedules", 0, 24, run);
}

#[test]
#[ignore = "many; GLANCESYNC_CHAOS_NIGHT says how many, GLANCESYNC_CHAOS_FIRST where to begin"]
fn night_of_schedules() {
    let count = number("GLANCESYNC_CHAOS_NIGHT", 500);
    many(
        "schedules",
        number("GLANCESYNC_CHAOS_FIRST", 1000),
        count,
        run,
    );
}

#[test]
#[ignore = "GLANCESYNC_CHAOS_SEED says which"]
fn one_seed() {
    run(number("GLANCESYNC_CHAOS_SEED", 0));
}
