//! What goes wrong during a run: faults of servers, servers that stop, tokens that end, signals.

use std::collections::BTreeMap;
use std::time::Duration;

use glancesync::sandbox::{Effect, Fault, Reply, SaveEnd, When};

use crate::dice::SeededRng;
use crate::world::{MASTER, REGIONS};

/// Everything that goes wrong during one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule {
    /// By region.
    pub(crate) faults: Vec<(&'static str, Vec<Fault>)>,
    /// By Keystone.
    pub(crate) keystone_faults: Vec<(&'static str, Vec<Fault>)>,
    /// What is done from outside, and how long after the one before it.
    pub(crate) blows: Vec<(Duration, Blow)>,
    /// Whether a second host works on the same regions meanwhile.
    pub(crate) has_second_host: bool,
}

/// Something done to the servers, or to the program, while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    KillRegion(&'static str),
    StartRegion(&'static str),
    StopKeystone(&'static str),
    StartKeystone(&'static str),
    ExpireTokens(&'static str),
    Signal(&'static str),
}

impl Schedule {
    /// Draws what goes wrong; `reads_glance` tells whether content comes from the master's Glance.
    pub(crate) fn draw(dice: &mut SeededRng, reads_glance: bool) -> Self {
        let mut schedule = Self::default();
        for region in REGIONS {
            let count = dice.pick(&[0, 1, 1, 2, 3]);
            let faults = (0..count).map(|_| glance_fault(dice)).collect();
            schedule.faults.push((region, faults));
        }
        let mut of_master = Vec::new();
        if dice.once_in(8) {
            of_master.push(list_fault(dice));
        }
        if reads_glance {
            of_master.extend(download_faults(dice));
        }
        schedule.faults.push((MASTER, of_master));
        for keystone in ["master", "other"] {
            if dice.once_in(6) {
                schedule
                    .keystone_faults
                    .push((keystone, vec![login_fault(dice)]));
            }
        }
        schedule.blows = blows(dice);
        schedule.has_second_host = dice.once_in(5);
        schedule
    }

    /// Whether the program gets a signal.
    pub(crate) fn has_signal(&self) -> bool {
        let mut blows = self.blows.iter();
        blows.any(|(_, blow)| matches!(blow, Blow::Signal(_)))
    }
}

fn blows(dice: &mut SeededRng) -> Vec<(Duration, Blow)> {
    let region = dice.pick(&REGIONS);
    let keystone = dice.pick(&["master", "other"]);
    let blows = match dice.below(12) {
        0 | 1 => vec![Blow::KillRegion(region), Blow::StartRegion(region)],
        2 => vec![Blow::StopKeystone(keystone), Blow::StartKeystone(keystone)],
        3 => vec![Blow::ExpireTokens("master"), Blow::ExpireTokens("other")],
        4 => vec![Blow::Signal("INT")],
        5 => vec![Blow::Signal("TERM"), Blow::Signal("INT")],
        _ => Vec::new(),
    };
    let mut pause = || Duration::from_millis(30 + dice.below(700));
    blows.into_iter().map(|blow| (pause(), blow)).collect()
}

fn drawn(dice: &mut SeededRng, (method, path): (&str, &str), effect: Effect) -> Fault {
    let fault = Fault::new(method, path, effect);
    if dice.once_in(5) {
        fault
    } else {
        fault.on(1 + dice.below(3), 1 + dice.below(2))
    }
}

fn glance_fault(dice: &mut SeededRng) -> Fault {
    match dice.below(13) {
        12 => {
            let millis = 100 + dice.below(1200);
            drawn(dice, ("POST", "/v2/images"), Effect::Unseen { millis })
        }
        0 => list_fault(dice),
        1 | 2 => {
            let effect = change_effect(dice, &[400, 401, 403, 409, 413, 429, 500, 503]);
            drawn(dice, ("POST", "/v2/images"), effect)
        }
        3 => {
            let effect = read_effect(dice);
            drawn(dice, ("GET", "/v2/images/*"), effect)
        }
        4..=6 => {
            let effect = change_effect(dice, &[400, 403, 404, 409, 413, 429, 500, 503]);
            drawn(dice, ("PATCH", "/v2/images/*"), effect)
        }
        7 | 8 => {
            let effect = change_effect(dice, &[401, 403, 404, 409, 500, 503]);
            drawn(dice, ("DELETE", "/v2/images/*"), effect)
        }
        _ => {
            let effect = upload_effect(dice);
            drawn(dice, ("PUT", "/v2/images/*/file"), effect)
        }
    }
}

fn when(dice: &mut SeededRng) -> When {
    dice.pick(&[When::Before, When::After])
}

/// An error, before or after what was asked for was done.
fn error(dice: &mut SeededRng, statuses: &[u16], early: bool) -> Effect {
    let Effect::Answer { headers, .. } = Effect::retry_after(503, 1) else {
        unreachable!("an answer")
    };
    let status = dice.pick(statuses);
    Effect::Answer {
        status,
        headers: if status == 503 && dice.once_in(3) {
            headers
        } else {
            BTreeMap::new()
        },
        body: dice.pick(&[
            None,
            None,
            Some("<html>502".to_owned()),
            Some(String::new()),
        ]),
        when: if early { When::Before } else { when(dice) },
        early,
    }
}

fn read_effect(dice: &mut SeededRng) -> Effect {
    match dice.below(8) {
        0 => Effect::Drop { when: when(dice) },
        1 => Effect::CutBody {
            bytes: dice.below(80),
        },
        2 => Effect::WrongJson,
        3 => Effect::ExpireToken,
        4 => Effect::Delay {
            millis: dice.below(600),
        },
        _ => error(dice, &[400, 401, 403, 404, 429, 500, 502, 503], false),
    }
}

fn list_fault(dice: &mut SeededRng) -> Fault {
    let effect = match dice.below(6) {
        0 => Effect::Hang { when: When::Before },
        1 => Effect::Slow { bytes_per_sec: 200 },
        _ => read_effect(dice),
    };
    drawn(dice, ("GET", "/v2/images"), effect)
}

fn login_fault(dice: &mut SeededRng) -> Fault {
    let effect = match dice.below(5) {
        0 => Effect::Drop { when: when(dice) },
        1 => Effect::WrongJson,
        2 => Effect::CutBody {
            bytes: dice.below(300),
        },
        _ => error(dice, &[401, 403, 429, 500, 503], false),
    };
    drawn(dice, ("POST", "/v3/auth/tokens"), effect)
}

fn change_effect(dice: &mut SeededRng, statuses: &[u16]) -> Effect {
    match dice.below(8) {
        0 | 1 => Effect::Drop { when: when(dice) },
        2 => Effect::CutBody {
            bytes: dice.below(80),
        },
        3 => Effect::ExpireToken,
        4 => Effect::WrongJson,
        _ => error(dice, statuses, false),
    }
}

/// A store that refuses or ignores a range, and a download that breaks off.
fn download_faults(dice: &mut SeededRng) -> Vec<Fault> {
    let path = "/v2/images/*/file";
    let name = "range".to_owned();
    let range = dice.pick(&[Effect::status(400), Effect::IgnoreHeader { name }]);
    let bytes = dice.below(60_000);
    let cut = Fault::new("GET", path, Effect::CutBody { bytes }).on(2, 1 + dice.below(3));
    vec![Fault::new("GET", path, range).with_header("range"), cut]
}

/// An answer that is not the state: the image is stored later than a proxy, or the client, waits.
fn later(dice: &mut SeededRng) -> Effect {
    Effect::SaveLater {
        millis: dice.pick(&[1, 200, 1500, 60_000]),
        answer: dice.pick(&[
            Reply::Usual,
            Reply::Usual,
            Reply::Status(502),
            Reply::Status(503),
            Reply::Status(504),
            Reply::Drop,
        ]),
        end: dice.pick(&[
            SaveEnd::Active,
            SaveEnd::Active,
            SaveEnd::Active,
            SaveEnd::Damaged,
            SaveEnd::Queued,
        ]),
    }
}

fn upload_effect(dice: &mut SeededRng) -> Effect {
    let bytes = 1 + dice.below(60_000);
    match dice.below(18) {
        14..=17 => later(dice),
        0 => Effect::Drop { when: when(dice) },
        1 | 2 => Effect::DropUpload { bytes },
        3 | 4 => Effect::Crash { bytes },
        5 => Effect::Hang { when: when(dice) },
        6 => Effect::Slow {
            bytes_per_sec: 200_000,
        },
        7 => Effect::WrongContent,
        8 => Effect::WrongFormat,
        9 => Effect::ExpireToken,
        10 => error(dice, &[401, 413, 503], true),
        _ => error(
            dice,
            &[400, 401, 403, 404, 409, 410, 413, 415, 500, 503],
            false,
        ),
    }
}
