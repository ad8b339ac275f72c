//! Entries of the configuration that nothing at the master answers to: slips, mostly.

use std::collections::{BTreeMap, BTreeSet};

use super::{MasterInventory, Selection};
use crate::model::{ImageId, SyncRules, TargetName, Warning, WarningCode, did_you_mean};

/// A target with its rules and what they pick.
#[derive(Debug, Clone, Copy)]
pub struct TargetChoice<'a> {
    /// The target.
    pub target: &'a TargetName,
    /// Its rules.
    pub rules: &'a SyncRules,
    /// What they pick.
    pub selection: &'a Selection,
}

/// Warnings about UUIDs of `forcesyncs` and properties of `metadata_set` that no image of the
/// inventory has, each once, and about targets for which no image is picked at all. None where the
/// inventory is empty: that is said by itself.
pub fn unmatched(inventory: &MasterInventory, targets: &[TargetChoice<'_>]) -> Vec<Warning> {
    let all = inventory.with_hidden();
    if all.images.is_empty() {
        return Vec::new();
    }
    let ids: BTreeSet<&str> = all.images.iter().map(|it| it.id.as_str()).collect();
    let properties: BTreeSet<&str> = all
        .images
        .iter()
        .flat_map(|image| image.properties.keys().map(String::as_str))
        .collect();
    let mut unmatched: BTreeMap<(&str, &str), Vec<&TargetName>> = BTreeMap::new();
    for choice in targets {
        let counted = inventory.of_rules(choice.rules);
        let counts = |id: &ImageId| {
            let meant = counted.meant_by(&BTreeSet::from([id.clone()]));
            meant.iter().any(|id| counted.by_id(id).is_some())
        };
        for id in choice.rules.forcesyncs.iter().filter(|id| !counts(id)) {
            let targets = unmatched.entry(("forcesyncs", id.as_str())).or_default();
            targets.push(choice.target);
        }
        let names = choice.rules.metadata_set.iter().map(String::as_str);
        for name in names.filter(|name| !properties.contains(name)) {
            let targets = unmatched.entry(("metadata_set", name)).or_default();
            targets.push(choice.target);
        }
    }
    let mut warnings: Vec<Warning> = unmatched
        .into_iter()
        .map(|((key, entry), targets)| {
            let targets: Vec<_> = targets.iter().map(|target| format!("[{target}]")).collect();
            let (lacks, known) = if key == "forcesyncs" {
                ("no image of the master that counts has this UUID", &ids)
            } else {
                ("no image of the master has such a property", &properties)
            };
            let near = did_you_mean(entry, known.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let message = format!("{} {key}: `{entry}`: {lacks}{near}", targets.join(", "));
            Warning::new(WarningCode::NoMatch, message)
        })
        .collect();
    let empty = targets.iter().filter(|it| it.selection.images.is_empty());
    warnings.extend(empty.map(|choice| {
        let message = format!(
            "no image of the master is selected for [{}]: its regions get none; check \
             `metadata_condition`, `metadata_set` and `forcesyncs`, and which images are public",
            choice.target
        );
        Warning::new(WarningCode::EmptySelection, message).target(choice.target)
    }));
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Visibility;
    use crate::plan::fixture::{PROJECT, image, set};

    fn told(rules: &[(&str, SyncRules)], listed: Vec<crate::model::Image>) -> Vec<String> {
        let inventory = MasterInventory::build("Spain", listed, PROJECT);
        let targets: Vec<_> = rules
            .iter()
            .map(|(name, rules)| {
                let selection = Selection::choose(&inventory, rules, None);
                (TargetName::new(*name), rules, selection)
            })
            .collect();
        let choices: Vec<_> = targets
            .iter()
            .map(|(target, rules, selection)| TargetChoice {
                target,
                rules,
                selection,
            })
            .collect();
        let warnings = unmatched(&inventory, &choices).into_iter();
        warnings
            .map(|warning| format!("{}: {}", warning.code, warning.message))
            .collect()
    }

    fn rules() -> SyncRules {
        SyncRules {
            forcesyncs: [
                "AAAAAAAA-e304-4599-b7d8-e38e13cef058",
                "6e240dd4-e304-4599-b7d8-e38e13cef058",
            ]
            .map(ImageId::new)
            .into(),
            metadata_set: set(&["nids", "type"]),
            ..SyncRules::default()
        }
    }

    #[test]
    fn what_no_image_has_is_told_once_with_what_was_meant() {
        let listed = vec![
            image("a")
                .id("6e240dd4-e304-4599-b7d8-e38e13cef059")
                .property("nid", "1")
                .build(),
            image("b")
                .id("aaaaaaaa-e304-4599-b7d8-e38e13cef058")
                .property("type", "x")
                .build(),
        ];
        let given = [("master", rules()), ("other", rules())];
        insta::assert_snapshot!(told(&given, listed).join("\n"), @"
        no_match: [master], [other] forcesyncs: `6e240dd4-e304-4599-b7d8-e38e13cef058`: no image of the master that counts has this UUID; did you mean `6e240dd4-e304-4599-b7d8-e38e13cef059`?
        no_match: [master], [other] metadata_set: `nids`: no image of the master has such a property; did you mean `nid`?
        ");
    }

    #[test]
    fn a_target_that_gets_nothing_is_named() {
        let private = || vec![image("a").visibility(Visibility::Private).build()];
        let given = [("other", SyncRules::default())];
        insta::assert_snapshot!(told(&given, private()).join("\n"), @"empty_selection: no image of the master is selected for [other]: its regions get none; check `metadata_condition`, `metadata_set` and `forcesyncs`, and which images are public");
        assert!(told(&[("other", rules())], Vec::new()).is_empty());
    }
}
