//! What goes wrong during a run: faults of servers, servers that stop, tokens that end, signals.

use std::collections::BTreeMap;
use std::time::Duration;

use glancesync::sandbox::{Effect, Fault, Reply, SaveEnd, When};

use crate::rng::SeededRng;
use crate::world::{MASTER, REGIONS};

/// Everything that goes wrong during one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule {
    /// By region.
    pub(crate) faults: Vec<(&'static str, Vec<Fault>)>,
    /// By Keystone.
    pub(crate) keystone_faults: Vec<(&'static str, Vec<Fault>)>,
    /// What is done from outside, and how long after the one before it.
    pub(crate) disruptions: Vec<(Duration, Disruption)>,
    /// Whether a second host works on the same regions meanwhile.
    pub(crate) has_second_host: bool,
}

/// Something done to the servers, or to the program, while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disruption {
    KillRegion(&'static str),
    StartRegion(&'static str),
    StopKeystone(&'static str),
    StartKeystone(&'static str),
    ExpireTokens(&'static str),
    Signal(&'static str),
}

impl Schedule {
    /// Draws what goes wrong; `reads_glance` tells whether content comes from the master's Glance.
    pub(crate) fn draw(rng: &mut SeededRng, reads_glance: bool) -> Self {
        let mut schedule = Self::default();
        for region in REGIONS {
            let count = rng.pick(&[0, 1, 1, 2, 3]);
            let faults = (0..count).map(|_| glance_fault(rng)).collect();
            schedule.faults.push((region, faults));
        }
        let mut of_master = Vec::new();
        if rng.once_in(8) {
            of_master.push(list_fault(rng));
        }
        if reads_glance {
            of_master.extend(download_faults(rng));
        }
        schedule.faults.push((MASTER, of_master));
        for keystone in ["master", "other"] {
            if rng.once_in(6) {
                schedule
                    .keystone_faults
                    .push((keystone, vec![login_fault(rng)]));
            }
        }
        schedule.disruptions = disruptions(rng);
        schedule.has_second_host = rng.once_in(5);
        schedule
    }

    /// Whether the program gets a signal.
    pub(crate) fn has_signal(&self) -> bool {
        let mut disruptions = self.disruptions.iter();
        disruptions.any(|(_, disruption)| matches!(disruption, Disruption::Signal(_)))
    }
}

fn disruptions(rng: &mut SeededRng) -> Vec<(Duration, Disruption)> {
    let region = rng.pick(&REGIONS);
    let keystone = rng.pick(&["master", "other"]);
    let disruptions = match rng.below(12) {
        0 | 1 => vec![
            Disruption::KillRegion(region),
            Disruption::StartRegion(region),
        ],
        2 => vec![
            Disruption::StopKeystone(keystone),
            Disruption::StartKeystone(keystone),
        ],
        3 => vec![
            Disruption::ExpireTokens("master"),
            Disruption::ExpireTokens("other"),
        ],
        4 => vec![Disruption::Signal("INT")],
        5 => vec![Disruption::Signal("TERM"), Disruption::Signal("INT")],
        _ => Vec::new(),
    };
    let mut pause = || Duration::from_millis(30 + rng.below(700));
    disruptions
        .into_iter()
        .map(|disruption| (pause(), disruption))
        .collect()
}

fn drawn(rng: &mut SeededRng, (method, path): (&str, &str), effect: Effect) -> Fault {
    let fault = Fault::new(method, path, effect);
    if rng.once_in(5) {
        fault
    } else {
        fault.on(1 + rng.below(3), 1 + rng.below(2))
    }
}

fn glance_fault(rng: &mut SeededRng) -> Fault {
    match rng.below(13) {
        12 => {
            let millis = 100 + rng.below(1200);
            drawn(rng, ("POST", "/v2/images"), Effect::Unseen { millis })
        }
        0 => list_fault(rng),
        1 | 2 => {
            let effect = change_effect(rng, &[400, 401, 403, 409, 413, 429, 500, 503]);
            drawn(rng, ("POST", "/v2/images"), effect)
        }
        3 => {
            let effect = read_effect(rng);
            drawn(rng, ("GET", "/v2/images/*"), effect)
        }
        4..=6 => {
            let effect = change_effect(rng, &[400, 403, 404, 409, 413, 429, 500, 503]);
            drawn(rng, ("PATCH", "/v2/images/*"), effect)
        }
        7 | 8 => {
            let effect = change_effect(rng, &[401, 403, 404, 409, 500, 503]);
            drawn(rng, ("DELETE", "/v2/images/*"), effect)
        }
        _ => {
            let effect = upload_effect(rng);
            drawn(rng, ("PUT", "/v2/images/*/file"), effect)
        }
    }
}

fn when(rng: &mut SeededRng) -> When {
    rng.pick(&[When::Before, When::After])
}

/// An error, before or after what was asked for was done.
fn error(rng: &mut SeededRng, statuses: &[u16], early: bool) -> Effect {
    let Effect::Answer { headers, .. } = Effect::retry_after(503, 1) else {
        unreachable!("an answer")
    };
    let status = rng.pick(statuses);
    Effect::Answer {
        status,
        headers: if status == 503 && rng.once_in(3) {
            headers
        } else {
            BTreeMap::new()
        },
        body: rng.pick(&[
            None,
            None,
            Some("<html>502".to_owned()),
            Some(String::new()),
        ]),
        when: if early { When::Before } else { when(rng) },
        early,
    }
}

fn read_effect(rng: &mut SeededRng) -> Effect {
    match rng.below(8) {
        0 => Effect::Drop { when: when(rng) },
        1 => Effect::CutBody {
            bytes: rng.below(80),
        },
        2 => Effect::WrongJson,
        3 => Effect::ExpireToken,
        4 => Effect::Delay {
            millis: rng.below(600),
        },
        _ => error(rng, &[400, 401, 403, 404, 429, 500, 502, 503], false),
    }
}

fn list_fault(rng: &mut SeededRng) -> Fault {
    let effect = match rng.below(6) {
        0 => Effect::Hang { when: When::Before },
        1 => Effect::Slow { bytes_per_sec: 200 },
        _ => read_effect(rng),
    };
    drawn(rng, ("GET", "/v2/images"), effect)
}

fn login_fault(rng: &mut SeededRng) -> Fault {
    let effect = match rng.below(5) {
        0 => Effect::Drop { when: when(rng) },
        1 => Effect::WrongJson,
        2 => Effect::CutBody {
            bytes: rng.below(300),
        },
        _ => error(rng, &[401, 403, 429, 500, 503], false),
    };
    drawn(rng, ("POST", "/v3/auth/tokens"), effect)
}

fn change_effect(rng: &mut SeededRng, statuses: &[u16]) -> Effect {
    match rng.below(8) {
        0 | 1 => Effect::Drop { when: when(rng) },
        2 => Effect::CutBody {
            bytes: rng.below(80),
        },
        3 => Effect::ExpireToken,
        4 => Effect::WrongJson,
        _ => error(rng, statuses, false),
    }
}

/// A store that refuses or ignores a range, and a download that breaks off.
fn download_faults(rng: &mut SeededRng) -> Vec<Fault> {
    let path = "/v2/images/*/file";
    let name = "range".to_owned();
    let range = rng.pick(&[Effect::status(400), Effect::IgnoreHeader { name }]);
    let bytes = rng.below(60_000);
    let cut = Fault::new("GET", path, Effect::CutBody { bytes }).on(2, 1 + rng.below(3));
    vec![Fault::new("GET", path, range).with_header("range"), cut]
}

/// An answer that is not the state: the image is stored later than a proxy, or the client, waits.
fn later(rng: &mut SeededRng) -> Effect {
    Effect::SaveLater {
        millis: rng.pick(&[1, 200, 1500, 60_000]),
        answer: rng.pick(&[
            Reply::Usual,
            Reply::Usual,
            Reply::Status(502),
            Reply::Status(503),
            Reply::Status(504),
            Reply::Drop,
        ]),
        end: rng.pick(&[
            SaveEnd::Active,
            SaveEnd::Active,
            SaveEnd::Active,
            SaveEnd::Damaged,
            SaveEnd::Queued,
        ]),
    }
}

fn upload_effect(rng: &mut SeededRng) -> Effect {
    let bytes = 1 + rng.below(60_000);
    match rng.below(18) {
        14..=17 => later(rng),
        0 => Effect::Drop { when: when(rng) },
        1 | 2 => Effect::DropUpload { bytes },
        3 | 4 => Effect::Crash { bytes },
        5 => Effect::Hang { when: when(rng) },
        6 => Effect::Slow {
            bytes_per_sec: 200_000,
        },
        7 => Effect::WrongContent,
        8 => Effect::WrongFormat,
        9 => Effect::ExpireToken,
        10 => error(rng, &[401, 413, 503], true),
        _ => error(
            rng,
            &[400, 401, 403, 404, 409, 410, 413, 415, 500, 503],
            false,
        ),
    }
}
