//! Which regions a run goes to, and in which order. Pure: the catalogues are handed in.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{RegionName, RegionSelector, RunWave, TargetName, WaveRules};

/// What is known of a target that the configuration has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TargetRegions {
    /// Its catalogue could be read.
    Known {
        /// The regions of its catalogue, less those that lead to the master's Glance.
        regions: BTreeSet<String>,
        /// Regions of its catalogue that lead to the master's Glance.
        master: BTreeSet<String>,
    },
    /// It could not be logged in to.
    Failed,
}

/// The wishes of the command line and the configuration.
#[derive(Debug, Clone, Default)]
pub(super) struct RegionCriteria {
    /// The words of the command line; none stand for all regions of `master`.
    pub selectors: Vec<RegionSelector>,
    /// `--exclude`.
    pub exclude: BTreeSet<RegionSelector>,
    /// `preferable_order`.
    pub preferable_order: Vec<RegionName>,
    /// `ignore_regions` of each target.
    pub ignore_regions: BTreeMap<TargetName, BTreeSet<RegionName>>,
}

/// What is to be done about a region that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChoiceKind {
    /// It runs.
    Region,
    /// The catalogue lacks it.
    Unknown,
    /// It fails with its target.
    TargetFailed,
}

/// The outcome of the choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SelectedRegions {
    /// In run order, each once.
    pub regions: Vec<(RegionName, ChoiceKind)>,
    /// Named outright, and skipped because they lead to the master's Glance.
    pub skipped_master: Vec<RegionName>,
}

impl SelectedRegions {
    /// Puts the regions into the order of the waves, and gives these.
    pub(super) fn sort_into(&mut self, rules: &WaveRules) -> Vec<RunWave> {
        let names: Vec<RegionName> = self.regions.iter().map(|(name, _)| name.clone()).collect();
        let waves = rules.sorted(&names);
        let order = waves.iter().flat_map(|wave| &wave.regions).enumerate();
        let places: BTreeMap<&RegionName, usize> =
            order.map(|(place, name)| (name, place)).collect();
        self.regions
            .sort_by_key(|(name, _)| places.get(name).copied());
        waves
    }
}

impl RegionCriteria {
    /// The targets that the run needs, `master` not among them.
    pub(super) fn other_targets(&self) -> BTreeSet<TargetName> {
        others(&self.selectors)
    }

    /// The targets whose regions are only excluded, so that their names can be checked.
    pub(super) fn excluded_targets(&self) -> BTreeSet<TargetName> {
        &others(&self.exclude) - &self.other_targets()
    }

    /// Chooses the regions. `targets` holds every target that is needed.
    pub(super) fn choose(&self, targets: &BTreeMap<TargetName, TargetRegions>) -> SelectedRegions {
        let all_of_master = [RegionSelector::WholeTarget(TargetName::master())];
        let selectors = if self.selectors.is_empty() {
            &all_of_master[..]
        } else {
            &self.selectors
        };
        let mut chosen = SelectedRegions::default();
        let mut seen = BTreeSet::new();
        let mut add = |name: RegionName, kind: ChoiceKind, regions: &mut Vec<_>| {
            if !excludes(&self.exclude, &name) && seen.insert(name.clone()) {
                regions.push((name, kind));
            }
        };
        for selector in selectors {
            match selector {
                RegionSelector::WholeTarget(target) => match targets.get(target) {
                    Some(TargetRegions::Known { regions, .. }) => {
                        for name in self.expand(target, regions) {
                            add(name, ChoiceKind::Region, &mut chosen.regions);
                        }
                    }
                    Some(TargetRegions::Failed) | None => add(
                        RegionName::new(target.clone(), ""),
                        ChoiceKind::TargetFailed,
                        &mut chosen.regions,
                    ),
                },
                RegionSelector::Region(name) => match targets.get(&name.target) {
                    Some(TargetRegions::Known { master, .. }) if master.contains(&name.region) => {
                        if !chosen.skipped_master.contains(name) && !excludes(&self.exclude, name) {
                            chosen.skipped_master.push(name.clone());
                        }
                    }
                    Some(TargetRegions::Known { regions, .. }) => {
                        let kind = if regions.contains(&name.region) {
                            ChoiceKind::Region
                        } else {
                            ChoiceKind::Unknown
                        };
                        add(name.clone(), kind, &mut chosen.regions);
                    }
                    Some(TargetRegions::Failed) | None => {
                        add(name.clone(), ChoiceKind::TargetFailed, &mut chosen.regions);
                    }
                },
            }
        }
        chosen
    }

    /// All regions of a target less `ignore_regions`: those of `preferable_order` in that order,
    /// the others by name.
    pub(super) fn expand(
        &self,
        target: &TargetName,
        regions: &BTreeSet<String>,
    ) -> Vec<RegionName> {
        let ignored = self.ignore_regions.get(target);
        let mut names: Vec<RegionName> = regions
            .iter()
            .map(|region| RegionName::new(target.clone(), region))
            .filter(|name| !ignored.is_some_and(|ignored| ignored.contains(name)))
            .collect();
        let place = |name: &RegionName| {
            self.preferable_order
                .iter()
                .position(|preferred| preferred == name)
                .unwrap_or(usize::MAX)
        };
        names.sort_by(|a, b| (place(a), &a.region).cmp(&(place(b), &b.region)));
        names
    }
}

/// True where one of these names the region or its target.
pub(super) fn excludes(exclude: &BTreeSet<RegionSelector>, name: &RegionName) -> bool {
    let whole = RegionSelector::WholeTarget(name.target.clone());
    let region = RegionSelector::Region(name.clone());
    exclude.contains(&whole) || exclude.contains(&region)
}

fn others<'a>(selectors: impl IntoIterator<Item = &'a RegionSelector>) -> BTreeSet<TargetName> {
    let targets = selectors.into_iter().map(RegionSelector::target);
    targets
        .filter(|target| !target.is_master())
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(regions: &[&str], master: &[&str]) -> TargetRegions {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        TargetRegions::Known {
            regions: set(regions),
            master: set(master),
        }
    }

    fn targets() -> BTreeMap<TargetName, TargetRegions> {
        BTreeMap::from([
            (
                TargetName::master(),
                known(&["Trento", "Berlin", "Lannion", "Prague"], &["Spain"]),
            ),
            (TargetName::new("other"), known(&["One", "Two"], &["Alias"])),
            (TargetName::new("down"), TargetRegions::Failed),
        ])
    }

    fn wishes(words: &[&str]) -> RegionCriteria {
        RegionCriteria {
            selectors: words.iter().map(|word| word.parse().unwrap()).collect(),
            ..RegionCriteria::default()
        }
    }

    fn chosen(wishes: &RegionCriteria) -> Vec<String> {
        wishes
            .choose(&targets())
            .regions
            .iter()
            .map(|(name, kind)| match kind {
                ChoiceKind::Region => name.to_string(),
                ChoiceKind::Unknown => format!("{name}?"),
                ChoiceKind::TargetFailed => format!("{name}!"),
            })
            .collect()
    }

    #[test]
    fn none_given_means_all_of_master_by_name() {
        assert_eq!(
            chosen(&wishes(&[])),
            ["Berlin", "Lannion", "Prague", "Trento"]
        );
    }

    #[test]
    fn preferable_order_counts_in_expansions_only() {
        let mut wishes = wishes(&["other:", "master:"]);
        wishes.preferable_order = ["Trento", "Nowhere", "other:Two", "master:Lannion", "One"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        assert_eq!(
            chosen(&wishes),
            [
                "other:Two",
                "other:One",
                "Trento",
                "Lannion",
                "Berlin",
                "Prague"
            ]
        );
        wishes.selectors = vec!["Berlin".parse().unwrap(), "Trento".parse().unwrap()];
        assert_eq!(chosen(&wishes), ["Berlin", "Trento"]);
    }

    #[test]
    fn ignore_regions_counts_in_expansions_and_exclude_everywhere() {
        let mut wishes = wishes(&["other:One", "other:"]);
        wishes.ignore_regions = BTreeMap::from([(
            TargetName::new("other"),
            ["other:Two".parse().unwrap()].into(),
        )]);
        assert_eq!(chosen(&wishes), ["other:One"]);
        wishes.selectors.remove(0);
        assert_eq!(chosen(&wishes), ["other:One"]);
        wishes.exclude = ["other:One".parse().unwrap()].into();
        assert!(chosen(&wishes).is_empty());
        wishes.selectors.push("Berlin".parse().unwrap());
        wishes.exclude = ["other:".parse().unwrap()].into();
        assert_eq!(chosen(&wishes), ["Berlin"]);
    }

    #[test]
    fn a_region_given_twice_counts_once_at_its_first_place() {
        let wishes = wishes(&["Trento", "Berlin", "master:Trento", "master:"]);
        assert_eq!(chosen(&wishes), ["Trento", "Berlin", "Lannion", "Prague"]);
    }

    #[test]
    fn what_leads_to_the_master_is_skipped_however_it_is_called() {
        let wishes = wishes(&["Spain", "other:Alias", "Spain", "Berlin"]);
        assert_eq!(chosen(&wishes), ["Berlin"]);
        let skipped = wishes.choose(&targets()).skipped_master;
        assert_eq!(
            skipped.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["Spain", "other:Alias"]
        );
    }

    #[test]
    fn unknown_regions_and_failed_targets_are_told_apart() {
        let wishes = wishes(&["Nowhere", "down:", "down:X", "Berlin"]);
        assert_eq!(chosen(&wishes), ["Nowhere?", "down:!", "down:X!", "Berlin"]);
        assert_eq!(
            wishes.other_targets(),
            BTreeSet::from([TargetName::new("down")])
        );
    }
}
