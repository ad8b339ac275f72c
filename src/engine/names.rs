//! Whether the names that somebody wrote are known. Pure: the catalogues are handed in.
//!
//! A name of the command line that nothing has ends the run before its first change, since nobody
//! knows which region was meant to be worked on, or spared. One of the configuration is a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::region_selection::{RegionCriteria, TargetRegions};
use crate::model::{RegionName, RegionSelector, TargetName, Warning, WarningCode, did_you_mean};

/// So many names are listed where none is near to the one that was written.
const LISTED_MAX: usize = 8;

/// A name of the command line that is not known, as a sentence with what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName(String);

impl UnknownName {
    /// The target that every configuration has.
    pub(super) fn master() -> Self {
        Self("the configuration has no target `master`".to_owned())
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every name that can be meant.
#[derive(Debug)]
pub(super) struct KnownNames<'a> {
    /// The targets whose catalogues were asked for.
    pub targets: &'a BTreeMap<TargetName, TargetRegions>,
    /// The targets of the configuration.
    pub configured: Vec<&'a TargetName>,
    /// The commands of the program.
    pub commands: &'a [String],
}

impl KnownNames<'_> {
    /// The names of the command line that are not known, each once.
    pub(super) fn unknown(&self, wishes: &RegionCriteria) -> Vec<UnknownName> {
        let words = wishes.selectors.iter().map(|selector| ("", selector));
        let excluded = wishes.exclude.iter().map(|name| ("--exclude: ", name));
        let mut seen = BTreeSet::new();
        words
            .chain(excluded)
            .filter(|word| seen.insert(*word))
            .filter_map(|(place, selector)| self.check(place, selector))
            .collect()
    }

    fn check(&self, place: &str, selector: &RegionSelector) -> Option<UnknownName> {
        let target = selector.target();
        if !self.configured.contains(&target) {
            let meant = self.meant_target(selector);
            let message = format!("{place}the configuration has no target `{target}`; {meant}");
            return Some(UnknownName(message));
        }
        let RegionSelector::Region(name) = selector else {
            return None;
        };
        if self.lacks(name) {
            let meant = self.meant_region(name, place.is_empty());
            let message =
                format!("{place}the catalogue of [{target}] has no region `{name}`; {meant}");
            return Some(UnknownName(message));
        }
        None
    }

    /// True where the catalogue of the region's target is known and has no such region.
    fn lacks(&self, name: &RegionName) -> bool {
        match self.targets.get(&name.target) {
            Some(TargetRegions::Known { regions, master }) => {
                !regions.contains(&name.region) && !master.contains(&name.region)
            }
            Some(TargetRegions::Failed) | None => false,
        }
    }

    fn meant_target(&self, selector: &RegionSelector) -> String {
        let names = self.configured.iter().map(|target| target.as_str());
        match (did_you_mean(selector.target().as_str(), names), selector) {
            (Some(near), RegionSelector::Region(name)) => {
                let region = RegionName::new(TargetName::new(near), &name.region);
                format!("did you mean `{region}`?")
            }
            (Some(near), RegionSelector::WholeTarget(_)) => format!("did you mean `{near}:`?"),
            (None, _) => {
                let known = self.configured.iter().map(|target| format!("[{target}]"));
                format!("it has {}", list(known.collect()))
            }
        }
    }

    fn meant_region(&self, name: &RegionName, may_be_command: bool) -> String {
        let regions = self.regions();
        if let Some(meant) = without_commas(name, &regions, may_be_command) {
            return meant;
        }
        // What is compared with the name, and what is then suggested.
        let mut candidates: Vec<(String, String)> = Vec::new();
        let suggestion = |text: &str| format!("`{text}`");
        for region in &regions {
            let printed = region.to_string();
            candidates.push((printed.clone(), suggestion(&printed)));
            if region.target != name.target && region.region.eq_ignore_ascii_case(&name.region) {
                candidates.push((name.to_string(), suggestion(&printed)));
            }
        }
        for target in &self.configured {
            let whole = suggestion(&format!("{target}:"));
            candidates.push((target.to_string(), whole));
        }
        if may_be_command && name.target.is_master() {
            for command in self.commands {
                let text = format!("the command {}", suggestion(command));
                candidates.push((command.clone(), text));
            }
        }
        let printed = name.to_string();
        let compared = candidates.iter().map(|(compared, _)| compared.as_str());
        let near = did_you_mean(&printed, compared);
        let near = near.and_then(|near| candidates.iter().find(|(compared, _)| compared == near));
        if let Some((_, meant)) = near {
            return format!("did you mean {meant}?");
        }
        let of_target = regions.iter().filter(|known| known.target == name.target);
        let known = of_target.map(|known| format!("`{known}`")).collect();
        format!("it has {}", list(known))
    }

    fn regions(&self) -> Vec<RegionName> {
        let of_target = |(target, known): (&TargetName, &TargetRegions)| match known {
            TargetRegions::Known { regions, master } => regions
                .union(master)
                .map(|region| RegionName::new(target.clone(), region))
                .collect(),
            TargetRegions::Failed => Vec::new(),
        };
        self.targets.iter().flat_map(of_target).collect()
    }

    /// Warnings about names of `ignore_regions` that spare no region, each name once.
    pub(super) fn unmatched_ignores(&self, wishes: &RegionCriteria) -> Vec<Warning> {
        let ignored = |target: &TargetName, name: &RegionName| {
            let names = wishes.ignore_regions.get(target);
            names.is_some_and(|names| names.contains(name))
        };
        let mut seen = BTreeSet::new();
        let mut warnings = Vec::new();
        for (target, names) in &wishes.ignore_regions {
            for name in names {
                if seen.contains(name) {
                    continue;
                }
                let problem = if !self.configured.contains(&&name.target) {
                    let meant = self.meant_target(&RegionSelector::Region(name.clone()));
                    format!("the configuration has no target `{}`; {meant}", name.target)
                } else if self.lacks(name) {
                    let meant = self.meant_region(name, false);
                    format!(
                        "the catalogue of [{}] has no such region; {meant}",
                        name.target
                    )
                } else if name.target != *target && !ignored(&name.target, name) {
                    format!("here only regions of `{target}:` are ignored")
                } else {
                    continue;
                };
                seen.insert(name);
                let message = format!("[{target}] ignore_regions: `{name}`: {problem}");
                warnings.push(Warning::new(WarningCode::NoMatch, message));
            }
        }
        warnings
    }
}

/// What to write in place of names with commas between them.
fn without_commas(name: &RegionName, regions: &[RegionName], is_word: bool) -> Option<String> {
    let printed = name.to_string();
    if !printed.contains(',') {
        return None;
    }
    let parts = printed.split(',').map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let is_known = |part: &&str| regions.iter().any(|region| region.to_string() == **part);
    let rule = if is_word {
        "regions are separated by spaces, not by commas"
    } else {
        "--exclude takes one region and may be repeated"
    };
    if parts.is_empty() || !parts.iter().all(is_known) {
        return Some(rule.to_owned());
    }
    let meant = if is_word {
        parts.join(" ")
    } else {
        let options: Vec<_> = parts
            .iter()
            .map(|part| format!("--exclude {part}"))
            .collect();
        options.join(" ")
    };
    Some(format!("{rule}: did you mean `{meant}`?"))
}

fn list(names: Vec<String>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let more = names.len().saturating_sub(LISTED_MAX);
    let shown: Vec<_> = names.into_iter().take(LISTED_MAX).collect();
    let shown = shown.join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
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

    fn told(words: &[&str], exclude: &[&str]) -> Vec<String> {
        let selector = |word: &&str| word.parse::<RegionSelector>().unwrap();
        let wishes = RegionCriteria {
            selectors: words.iter().map(selector).collect(),
            exclude: exclude.iter().map(selector).collect(),
            ..RegionCriteria::default()
        };
        checked(|names| {
            names
                .unknown(&wishes)
                .iter()
                .map(ToString::to_string)
                .collect()
        })
    }

    fn ignored(entries: &[(&str, &[&str])]) -> Vec<String> {
        let set = |(target, names): &(&str, &[&str])| {
            let names = names.iter().map(|name| name.parse().unwrap());
            (TargetName::new(*target), names.collect())
        };
        let wishes = RegionCriteria {
            ignore_regions: entries.iter().map(set).collect(),
            ..RegionCriteria::default()
        };
        checked(|names| {
            let warnings = names.unmatched_ignores(&wishes).into_iter();
            warnings.map(|warning| warning.message).collect()
        })
    }

    fn checked<T>(check: impl FnOnce(&KnownNames<'_>) -> T) -> T {
        let targets = BTreeMap::from([
            (
                TargetName::master(),
                known(&["Trento", "Lannion"], &["Spain"]),
            ),
            (TargetName::new("partner"), known(&["Berlin"], &[])),
            (TargetName::new("down"), TargetRegions::Failed),
        ]);
        let unused = TargetName::new("unused");
        let configured = targets.keys().chain([&unused]).collect();
        check(&KnownNames {
            targets: &targets,
            configured,
            commands: &["status".to_owned(), "help".to_owned()],
        })
    }

    #[test]
    fn what_is_known_or_cannot_be_checked_is_passed() {
        let words = [
            "Trento",
            "Spain",
            "partner:",
            "partner:Berlin",
            "down:X",
            "unused:X",
        ];
        assert!(told(&words, &words).is_empty());
    }

    #[test]
    fn a_wrong_name_is_told_with_what_was_meant() {
        for (word, meant) in [
            ("Trentoo", "did you mean `Trento`?"),
            ("spain", "did you mean `Spain`?"),
            ("partner", "did you mean `partner:`?"),
            ("partnr", "did you mean `partner:`?"),
            ("Berlin", "did you mean `partner:Berlin`?"),
            ("partner:Trento", "did you mean `Trento`?"),
            ("partner:Berln", "did you mean `partner:Berlin`?"),
            ("prtner:Berlin", "did you mean `partner:Berlin`?"),
            ("prtner:", "did you mean `partner:`?"),
            ("elsewhere:", "it has [down], [master], [partner], [unused]"),
            ("Xyz", "it has `Lannion`, `Spain`, `Trento`"),
            ("staus", "did you mean the command `status`?"),
            (
                "Trento,Lannion",
                "separated by spaces, not by commas: did you mean `Trento Lannion`?",
            ),
            ("Trento,", "not by commas: did you mean `Trento`?"),
            ("Trento,X", "separated by spaces, not by commas"),
        ] {
            let told = told(&[word], &[]);
            assert_eq!(told.len(), 1, "{word}: {told:?}");
            assert!(told[0].ends_with(meant), "{told:?}");
        }
    }

    #[test]
    fn all_wrong_names_are_told_and_where_they_stand() {
        insta::assert_snapshot!(
            told(&["Trentoo", "Lanion", "Trentoo"], &["Trentoo", "Trento,Lannion", "staus"])
                .join("\n"),
            @"
        the catalogue of [master] has no region `Trentoo`; did you mean `Trento`?
        the catalogue of [master] has no region `Lanion`; did you mean `Lannion`?
        --exclude: the catalogue of [master] has no region `Trento,Lannion`; --exclude takes one region and may be repeated: did you mean `--exclude Trento --exclude Lannion`?
        --exclude: the catalogue of [master] has no region `Trentoo`; did you mean `Trento`?
        --exclude: the catalogue of [master] has no region `staus`; it has `Lannion`, `Spain`, `Trento`
        "
        );
    }

    #[test]
    fn a_name_of_ignore_regions_that_spares_nothing_is_told_once() {
        insta::assert_snapshot!(
            ignored(&[
                ("master", &["Trento", "Lanion", "partner:Berlin", "down:X"]),
                ("partner", &["Lanion", "partner:Berlin", "Trento"]),
                ("unused", &["Lannion", "nowhere:X"]),
            ])
            .join("\n"),
            @"
        [master] ignore_regions: `down:X`: here only regions of `master:` are ignored
        [master] ignore_regions: `Lanion`: the catalogue of [master] has no such region; did you mean `Lannion`?
        [unused] ignore_regions: `Lannion`: here only regions of `unused:` are ignored
        [unused] ignore_regions: `nowhere:X`: the configuration has no target `nowhere`; it has [down], [master], [partner], [unused]
        "
        );
    }
}
