//! Runs under faults that were drawn, each followed by an undisturbed one that puts everything right.

use std::time::{Duration, Instant};

use crate::common::Outcome;
use crate::dice::Dice;
use crate::draw::{Blow, Schedule};
use crate::many::{many, number};
use crate::world::{FIRST, REGIONS, World};
use crate::{invariants, truth};

/// A run that takes longer than this hangs: a few calls that are never answered, one after another.
const LIMIT: Duration = Duration::from_mins(6);

/// Draws a fleet and what goes wrong, and gives how long the disturbed run took.
fn run(seed: u64) -> Duration {
    let mut dice = Dice::new(seed);
    let world = World::draw(&mut dice);
    let schedule = Schedule::draw(&mut dice);
    let started = Instant::now();
    let outcome = disturbed(&world, &schedule);
    let took = started.elapsed();
    let mut complaints = invariants::always(&world);
    complaints.extend(truth::lies(&world, &outcome, schedule.has_signal()));
    if outcome.code == Some(0) {
        complaints.extend(invariants::in_step(&world));
    }
    assert!(
        complaints.is_empty(),
        "{}\n{schedule:#?}\n{outcome}",
        complaints.join("\n")
    );
    heal(&world, FIRST, &format!("{schedule:#?}\n{outcome}"));
    took
}

/// A run during which everything of the schedule happens.
fn disturbed(world: &World, schedule: &Schedule) -> Outcome {
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
    for (pause, blow) in &schedule.blows {
        std::thread::sleep(*pause);
        match blow {
            Blow::KillRegion(region) => sandbox.kill_region(region).unwrap(),
            Blow::StartRegion(region) => sandbox.start_region(region).unwrap(),
            Blow::StopKeystone(keystone) => sandbox.stop_keystone(keystone).unwrap(),
            Blow::StartKeystone(keystone) => sandbox.start_keystone(keystone).unwrap(),
            Blow::ExpireTokens(keystone) => sandbox.expire_tokens(keystone).unwrap(),
            Blow::Signal(name) => running.signal(name),
        }
    }
    let outcome = running.wait_within(LIMIT);
    for (region, _) in &schedule.faults {
        sandbox.set_faults(region, Vec::new()).unwrap();
    }
    for (keystone, _) in &schedule.keystone_faults {
        sandbox.set_keystone_faults(keystone, Vec::new()).unwrap();
    }
    outcome
}

/// One undisturbed run of that installation puts everything right, and the next finds nothing to do.
pub(crate) fn heal(world: &World, installation: &str, what_was: &str) {
    let clean = || world.program(installation).args(world.sync_words()).run();
    let outcome = clean();
    let mut complaints = invariants::always(world);
    complaints.extend(truth::lies(world, &outcome, false));
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
        complaints.extend(truth::lies(world, &again, false));
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
