//! Two installations, each with a state folder of its own, that work on the same regions at once.

use std::time::{Duration, Instant};

use glancesync::sandbox::{Effect, Fault};

use crate::common::wait::at_a_drawn_moment;
use crate::many::{many, number};
use crate::rng::SeededRng;
use crate::schedules::recover;
use crate::world::{FIRST, REGIONS, SECOND, World};
use crate::{invariants, truth};

const LIMIT: Duration = Duration::from_mins(2);

/// Both run at once; every third time the second one is killed.
fn both(seed: u64) -> Duration {
    let mut rng = SeededRng::new(seed);
    let world = World::draw(&mut rng);
    let sandbox = world.fleet.sandbox();
    // So that their requests mix in ever other ways.
    for region in REGIONS {
        let delays = (0..40).map(|place| {
            let millis = rng.below(60);
            Fault::always(Effect::Delay { millis }).on(place * 2, 1)
        });
        sandbox.set_faults(region, delays.collect()).unwrap();
    }
    let started = Instant::now();
    let first = world.program(FIRST).args(world.sync_words()).start();
    at_a_drawn_moment(Duration::from_millis(rng.below(300)));
    let second = world.program(SECOND).args(world.sync_words()).start();
    let is_killed = rng.once_in(3);
    if is_killed {
        at_a_drawn_moment(Duration::from_millis(100 + rng.below(900)));
        second.signal("KILL");
    }
    let first = first.wait_within(LIMIT);
    let second = second.wait_within(LIMIT);
    let took = started.elapsed();
    for region in REGIONS {
        sandbox.set_faults(region, Vec::new()).unwrap();
    }
    let mut complaints = invariants::always(&world);
    complaints.extend(truth::contradictions(&world, &first, false));
    if !is_killed {
        complaints.extend(truth::contradictions(&world, &second, false));
    }
    let what = format!("{first}\nand\n{second}");
    assert!(complaints.is_empty(), "{}\n{what}", complaints.join("\n"));
    let words = world.sync_words();
    let first_again = world.program(FIRST).args(&words).start().wait_within(LIMIT);
    assert_eq!(first_again.code, Some(0), "{first_again}\nafter {what}");
    // What the second one left is the second one's to put right.
    recover(&world, SECOND, &what);
    took
}

#[test]
fn two_installations_at_once_do_each_other_no_harm() {
    many("two installations", 0, 10, both);
}

#[test]
#[ignore = "many; GLANCESYNC_CHAOS_NIGHT says how many"]
fn night_of_two_installations() {
    let first = number("GLANCESYNC_CHAOS_FIRST", 1000);
    many(
        "two installations",
        first,
        number("GLANCESYNC_CHAOS_NIGHT", 200),
        both,
    );
}
