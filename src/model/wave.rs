//! Waves: in which order a fleet is changed, and what halts it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::region::{RegionName, RegionSelector};
use super::time_span::TimeSpan;

/// The word for all regions that no wave names.
const REST: &str = "rest";

/// `waves`, `wave_max_failures`, `wave_gate`, `wave_gate_timeout`, `wave_soak`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaveRules {
    /// In order; the last is `rest` unless that is written elsewhere. Empty where there are none.
    pub waves: Vec<Wave>,
    /// So many regions of a wave may fail, and the run goes on.
    pub max_failures: usize,
    /// The program that decides between two waves, and its arguments; empty where there is none.
    pub gate: Vec<String>,
    /// How long that may take.
    pub gate_timeout: TimeSpan,
    /// How long the run waits after a wave that changed something.
    pub soak: TimeSpan,
}

/// One wave, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// Its regions.
    pub members: Vec<WaveMember>,
}

/// What a wave is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaveMember {
    /// A region, or all of a target.
    Regions(RegionSelector),
    /// All that no wave names.
    Rest,
}

/// A wave of a run: its name, and its regions in run order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunWave {
    /// Its name.
    pub wave: String,
    /// Its regions; never empty.
    pub regions: Vec<RegionName>,
}

impl WaveRules {
    /// The names of the waves, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.waves.iter().map(|wave| wave.name.as_str())
    }

    /// Sorts the regions of a run into the waves; waves without any are left out. Without waves there are none.
    pub fn sorted(&self, regions: &[RegionName]) -> Vec<RunWave> {
        let mut sorted: BTreeMap<usize, Vec<RegionName>> = BTreeMap::new();
        if !self.waves.is_empty() {
            for region in regions {
                sorted
                    .entry(self.place(region))
                    .or_default()
                    .push(region.clone());
            }
        }
        let named = |(place, regions): (usize, Vec<RegionName>)| RunWave {
            wave: self.waves[place].name.clone(),
            regions,
        };
        sorted.into_iter().map(named).collect()
    }

    /// True where the wave of the first name comes after that of the second.
    pub fn is_after(&self, wave: &str, other: &str) -> bool {
        let place = |wanted: &str| self.names().position(|name| name == wanted);
        place(wave) > place(other)
    }

    /// The place of the wave that the region is in. A target whose regions nobody knows, since it cannot be logged
    /// in to, is in the first wave that names any of them.
    fn place(&self, region: &RegionName) -> usize {
        let is_whole_target = region.region.is_empty();
        let names_it = |member: &WaveMember| match member {
            WaveMember::Regions(selector) if is_whole_target => *selector.target() == region.target,
            WaveMember::Regions(RegionSelector::Region(name)) => name == region,
            WaveMember::Regions(RegionSelector::WholeTarget(target)) => *target == region.target,
            WaveMember::Rest => false,
        };
        let named = self
            .waves
            .iter()
            .position(|it| it.members.iter().any(names_it));
        let rest = || {
            let is_rest = |wave: &Wave| wave.members.contains(&WaveMember::Rest);
            self.waves.iter().position(is_rest)
        };
        named
            .or_else(rest)
            .unwrap_or(self.waves.len().saturating_sub(1))
    }
}

/// Reads `canary: Trento; eu: Lannion, partner:Berlin; rest`.
///
/// # Errors
///
/// What is wrong with it, for a person: no name, no region, a name or a region twice.
pub fn parse_waves(text: &str) -> Result<Vec<Wave>, String> {
    let mut waves: Vec<Wave> = Vec::new();
    for part in text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let wave = parse_wave(part)?;
        if waves.iter().any(|other| other.name == wave.name) {
            return Err(format!("the wave `{}` is there twice", wave.name));
        }
        waves.push(wave);
    }
    if waves.is_empty() {
        return Ok(waves);
    }
    let members: Vec<&WaveMember> = waves.iter().flat_map(|wave| &wave.members).collect();
    for (place, member) in members.iter().enumerate() {
        if members[..place].iter().any(|other| overlap(other, member)) {
            let what = match member {
                WaveMember::Regions(selector) => selector.to_string(),
                WaveMember::Rest => REST.to_owned(),
            };
            return Err(format!("`{what}` is in it twice"));
        }
    }
    if !members.contains(&&WaveMember::Rest) {
        if waves.iter().any(|wave| wave.name == REST) {
            return Err(format!(
                "the wave called `{REST}` has to have all that no other wave names: write `{REST}` alone"
            ));
        }
        waves.push(rest());
    }
    Ok(waves)
}

fn rest() -> Wave {
    Wave {
        name: REST.to_owned(),
        members: vec![WaveMember::Rest],
    }
}

fn parse_wave(part: &str) -> Result<Wave, String> {
    if part == REST {
        return Ok(rest());
    }
    let Some((name, members)) = part.split_once(':') else {
        return Err(format!(
            "`{part}` has no colon: a wave is written `NAME: REGION, REGION`, or `{REST}` alone"
        ));
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(format!("`{part}` has no name before its colon"));
    }
    let members = members.split(',').map(str::trim);
    let members = members.filter(|member| !member.is_empty()).map(|member| {
        if member == REST {
            return Ok(WaveMember::Rest);
        }
        let selector = member.parse::<RegionSelector>();
        selector
            .map(WaveMember::Regions)
            .map_err(|error| error.to_string())
    });
    let members = members.collect::<Result<Vec<_>, _>>()?;
    if members.is_empty() {
        return Err(format!("the wave `{name}` has no region"));
    }
    let name = name.to_owned();
    Ok(Wave { name, members })
}

fn overlap(one: &WaveMember, other: &WaveMember) -> bool {
    use RegionSelector::{Region, WholeTarget};
    match (one, other) {
        (WaveMember::Regions(Region(region)), WaveMember::Regions(WholeTarget(target)))
        | (WaveMember::Regions(WholeTarget(target)), WaveMember::Regions(Region(region))) => {
            region.target == *target
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TargetName;

    fn sorted(waves: &str, regions: &[&str]) -> Vec<String> {
        let rules = WaveRules {
            waves: parse_waves(waves).unwrap(),
            ..WaveRules::default()
        };
        let regions: Vec<RegionName> = regions.iter().map(|it| it.parse().unwrap()).collect();
        let waves = rules.sorted(&regions).into_iter().map(|wave| {
            let regions: Vec<String> = wave.regions.iter().map(ToString::to_string).collect();
            format!("{}: {}", wave.wave, regions.join(" "))
        });
        waves.collect()
    }

    #[test]
    fn each_region_is_in_one_wave_and_waves_without_any_are_left_out() {
        let regions = ["A", "Trento", "partner:Berlin", "B", "Lannion"];
        assert_eq!(
            sorted(
                "canary: Trento; eu: Lannion, partner:Berlin; rest",
                &regions
            ),
            ["canary: Trento", "eu: partner:Berlin Lannion", "rest: A B"]
        );
        assert_eq!(
            sorted("rest; last: Trento,; ", &regions),
            ["rest: A partner:Berlin B Lannion", "last: Trento"]
        );
        assert_eq!(
            sorted("one: partner:; two: C", &regions),
            ["one: partner:Berlin", "rest: A Trento B Lannion"]
        );
        assert_eq!(
            sorted("early: rest; late: master:rest", &["rest", "A"]),
            ["early: A", "late: rest"]
        );
        assert_eq!(sorted("", &regions), Vec::<String>::new());
        let failed = RegionName::new(TargetName::new("partner"), "");
        let rules = WaveRules {
            waves: parse_waves("one: A; two: partner:Berlin; rest").unwrap(),
            ..WaveRules::default()
        };
        assert_eq!(rules.sorted(&[failed])[0].wave, "two");
        assert!(rules.is_after("rest", "one") && !rules.is_after("two", "two"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("canary: A; eu: A", "`A` is in it twice"),
            ("canary: A; canary: B", "`canary` is there twice"),
            ("A", "no colon"),
            (": A", "no name"),
            ("canary: ", "no region"),
            (
                "a: partner:; b: partner:Berlin",
                "`partner:Berlin` is in it twice",
            ),
            ("a: rest; rest", "`rest` is in it twice"),
            ("rest: A", "write `rest` alone"),
            ("a: :", "names no region"),
        ] {
            let found = parse_waves(text).unwrap_err();
            assert!(found.contains(says), "{text}: {found}");
        }
    }
}
