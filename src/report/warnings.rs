//! Warnings that several images or regions share: said once on the terminal, with how many and which. Each by
//! itself is in the region's log, in the events, and said with `-v`.

use std::collections::{BTreeMap, HashSet};

use super::messages::{Label, Line, Weight, warning_text};
use super::text::{OneLine, before, count, listed};
use crate::model::{RegionName, Warning, WarningCode};

/// Images, and regions, that are named.
const NAMED: usize = 3;
/// Different messages with one code that are said.
const MESSAGES_MAX: usize = 5;

/// The warnings of a run that were not said yet, those of one cause together, in the order of the first
/// of each.
#[derive(Debug, Default)]
pub(super) struct WarningGroups(Vec<Group>);

/// Warnings of one cause.
#[derive(Debug)]
struct Group {
    cause: Cause,
    /// The first of them, and its region.
    first: (Option<RegionName>, Warning),
    number: usize,
    images: Names,
    regions: Names,
}

/// What warnings that stand together have in common.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// They are about images, or regions, and say the same of each.
    Code(WarningCode),
    /// They are about the run, and say that.
    Message(WarningCode, String),
}

/// Names, each once: the first few, and how many there are.
#[derive(Debug, Default)]
struct Names {
    known: HashSet<String>,
    first: Vec<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        if self.known.contains(name) {
            return;
        }
        if self.first.len() < NAMED {
            self.first.push(name.to_owned());
        }
        self.known.insert(name.to_owned());
    }

    /// `a, b, c and 1,980 more`.
    fn listed(&self, show: impl Fn(&str) -> String) -> String {
        let known = self.first.iter().map(|name| show(name));
        let rest = std::iter::repeat_n(String::new(), self.known.len() - self.first.len());
        let names: Vec<String> = known.chain(rest).collect();
        listed(names.into_iter(), NAMED)
    }
}

impl WarningGroups {
    /// Takes a warning of a region, or of the run.
    pub(super) fn add(&mut self, region: Option<&RegionName>, warning: &Warning) {
        let cause = if region.is_none() && warning.image.is_none() {
            Cause::Message(warning.code, warning.message.clone())
        } else {
            Cause::Code(warning.code)
        };
        let known = self.0.iter().position(|group| group.cause == cause);
        let place = known.unwrap_or_else(|| {
            self.0.push(Group {
                cause,
                first: (region.cloned(), warning.clone()),
                number: 0,
                images: Names::default(),
                regions: Names::default(),
            });
            self.0.len() - 1
        });
        let group = &mut self.0[place];
        group.number += 1;
        if let Some(image) = &warning.image {
            group.images.add(image);
        }
        if let Some(region) = region {
            group.regions.add(&region.to_string());
        }
    }

    /// True where no warning of a region is among them.
    pub(super) fn are_of_the_run(&self) -> bool {
        self.0.iter().all(|group| group.regions.known.is_empty())
    }

    /// The lines of what was taken, one for each cause, with the region that a line is about; nothing is
    /// left then.
    pub(super) fn take(&mut self) -> Vec<(Option<RegionName>, Line)> {
        let mut lines = Vec::new();
        let mut messages: BTreeMap<WarningCode, usize> = BTreeMap::new();
        for group in std::mem::take(&mut self.0) {
            if let Cause::Message(code, _) = group.cause {
                let number = messages.entry(code).or_default();
                *number += 1;
                if *number > MESSAGES_MAX {
                    continue;
                }
            }
            lines.push(group.line());
        }
        for (code, number) in messages {
            if let more @ 1.. = number.saturating_sub(MESSAGES_MAX) {
                let more = count(more, "more warning");
                lines.push((
                    None,
                    warning_line(format!("{more} like these, which -v names [{code}]")),
                ));
            }
        }
        lines
    }
}

impl Group {
    fn line(self) -> (Option<RegionName>, Line) {
        let is_alone = self.number == 1
            || matches!(self.cause, Cause::Message(..))
            || (self.images.known.is_empty() && self.regions.known.len() <= 1);
        let (region, text) = if is_alone {
            (self.first.0, warning_text(&self.first.1))
        } else if let Some(what) = of_several(self.first.1.code) {
            let code = self.first.1.code;
            let example = match code {
                WarningCode::ConditionFailed => format!("; {}", OneLine(&self.first.1.message)),
                _ => String::new(),
            };
            let text = format!(
                "{} {what}{}{example} [{code}]",
                self.subject(),
                self.which()
            );
            (None, text)
        } else {
            let region = self.first.0.as_ref();
            let region = region.map_or_else(String::new, |it| before(&it.to_string()) + " ");
            let first = warning_text(&self.first.1);
            (
                None,
                format!(
                    "{region}{first}; the same in all of {}{}",
                    self.subject(),
                    self.which()
                ),
            )
        };
        (region, warning_line(text))
    }

    /// `1,984 images in 300 regions`.
    fn subject(&self) -> String {
        let regions = count(self.regions.known.len(), "region");
        let images = count(self.number, "image");
        match (self.images.known.is_empty(), self.regions.known.len()) {
            (true, _) => regions,
            (false, 0) => images,
            (false, 1) => format!("{images} in {}", self.regions.listed(shown)),
            (false, _) => format!("{images} in {regions}"),
        }
    }

    /// The first images, then the first regions, and how many more there are of each.
    fn which(&self) -> String {
        let images = self.images.listed(|name| format!("`{}`", OneLine(name)));
        let regions = self.regions.listed(shown);
        match (images.is_empty(), self.regions.known.len()) {
            (true, _) => format!(": {regions}"),
            (false, 0 | 1) => format!(": {images}"),
            (false, _) => format!(": {images}; in {regions}"),
        }
    }
}

fn warning_line(text: String) -> Line {
    Line {
        label: Label::Warning,
        weight: Weight::Normal,
        text,
    }
}

fn shown(name: &str) -> String {
    OneLine(name).to_string()
}

/// What is said of several images or regions with that code; none where the first of them says it best.
fn of_several(code: WarningCode) -> Option<&'static str> {
    Some(match code {
        WarningCode::DuplicateMasterName => {
            "of the master share their name with another one, so none of them is used; rename or delete all but one"
        }
        WarningCode::DuplicateRegionName => {
            "have a name that occurs several times there, so the best one was used; delete the others"
        }
        WarningCode::ForeignOwner => {
            "belong to other projects; `only_tenant_images` decides whether they are used"
        }
        WarningCode::VolumeBacked => {
            "of the master are volumes or snapshots of its own region and are left out; make images of the volumes"
        }
        WarningCode::NoChecksum => {
            "of the master have no checksum and are left out; upload them to the master again"
        }
        WarningCode::ImageNotActive => {
            "are not active there, and are not changed; activate or delete them"
        }
        WarningCode::ChecksumConflict => {
            "have other content than the master's, and no list says what to do; add their checksums to `replace`, `rename` or `dontupdate`"
        }
        WarningCode::StalledChecksum => {
            "have other content than the master's, and are not changed because `dontupdate` lists their checksums"
        }
        WarningCode::ObsoleteIgnored => {
            "of the master are obsolete, but it also has images of these names without the suffix, so they are ignored"
        }
        WarningCode::AmiMissing => {
            "are not changed, because their kernel or ramdisk is not selected or not at the master; select it too, or correct the reference"
        }
        WarningCode::ConditionFailed => {
            "are left out, because `metadata_condition` raised an error for them; correct the condition"
        }
        WarningCode::ProtectedImage => "are protected, so they were renamed instead of deleted",
        WarningCode::ImageInUse => "are in use, so they were renamed instead of deleted",
        WarningCode::LeftoverImage => {
            "are incomplete, left by interrupted runs, and are treated as absent"
        }
        WarningCode::PublishedElsewhere => {
            "were also published by another installation during this run; let only one host synchronise a region"
        }
        WarningCode::NotRetried => {
            "could not be compared with the master's a short time ago, so they are not brought again yet"
        }
        WarningCode::OrphanKept => {
            "are not selected any more, were hidden, and somebody shows them again, so they are left alone"
        }
        WarningCode::MembersLost => {
            "replace images that are shared with other projects, and are not shared with them; add their members to the new images"
        }
        WarningCode::WrongFile => {
            "have a file in `images_dir` that cannot be used, so their content was downloaded from the master's Glance; copy the files again"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(image: &str, region: &str) -> Warning {
        let message =
            format!("the image `{image}` of {region} has another checksum than the master's");
        Warning::new(WarningCode::ChecksumConflict, message).image(image)
    }

    fn texts(groups: &mut WarningGroups) -> Vec<String> {
        let line = |(region, line): (Option<RegionName>, Line)| {
            let region = region.map_or_else(String::new, |it| format!("{it}: "));
            format!("{region}{}", line.text)
        };
        groups.take().into_iter().map(line).collect()
    }

    #[test]
    fn a_hundred_and_fifty_thousand_warnings_of_one_cause_are_one_line() {
        let mut groups = WarningGroups::default();
        for region in 0..300 {
            let region: RegionName = format!("Region{region}").parse().unwrap();
            let name = region.to_string();
            for image in 0..500 {
                groups.add(Some(&region), &conflict(&format!("image-{image}"), &name));
            }
        }
        insta::assert_snapshot!(texts(&mut groups).join("\n"), @"150,000 images in 300 regions have other content than the master's, and no list says what to do; add their checksums to `replace`, `rename` or `dontupdate`: `image-0`, `image-1`, `image-2` and 497 more; in Region0, Region1, Region2 and 297 more [checksum_conflict]");
        assert!(groups.take().is_empty(), "each is said once");
    }

    #[test]
    fn what_is_alone_is_said_as_it_is_and_others_stand_together() {
        let mut groups = WarningGroups::default();
        let (trento, prague): (RegionName, RegionName) =
            ("Trento".parse().unwrap(), "other:Prague".parse().unwrap());
        groups.add(Some(&trento), &conflict("a", "Trento"));
        let foreign = Warning::new(WarningCode::ForeignOwner, "passed over").image("b\n");
        for image in ["b\n", "c"] {
            groups.add(Some(&trento), &foreign.clone().image(image));
        }
        let insecure = |target: &str| {
            Warning::new(
                WarningCode::InsecureConnection,
                format!("[{target}] is not verified"),
            )
        };
        for target in ["one", "one", "two"] {
            groups.add(None, &insecure(target));
        }
        let unwritable = Warning::new(WarningCode::StateUnwritable, "no room");
        groups.add(Some(&trento), &unwritable);
        groups.add(Some(&prague), &unwritable);
        insta::assert_snapshot!(texts(&mut groups).join("\n"), @r"
        Trento: the image `a` of Trento has another checksum than the master's [checksum_conflict]
        2 images in Trento belong to other projects; `only_tenant_images` decides whether they are used: `b\n`, `c` [foreign_owner]
        [one] is not verified [insecure_connection]
        [two] is not verified [insecure_connection]
        Trento: no room [state_unwritable]; the same in all of 2 regions: Trento, other:Prague
        ");
    }

    #[test]
    fn of_many_entries_that_nothing_answers_to_the_first_are_named() {
        let mut groups = WarningGroups::default();
        for entry in 0..300 {
            groups.add(
                None,
                &Warning::new(
                    WarningCode::NoMatch,
                    format!("no image has the UUID {entry}"),
                ),
            );
        }
        let texts = texts(&mut groups);
        assert_eq!(texts.len(), MESSAGES_MAX + 1);
        assert_eq!(
            texts.last().unwrap(),
            "295 more warnings like these, which -v names [no_match]"
        );
    }

    #[test]
    fn a_condition_that_raises_for_many_images_is_one_line() {
        let mut groups = WarningGroups::default();
        for image in 0..2000 {
            let raised = Warning::new(
                WarningCode::ConditionFailed,
                "`metadata_condition` raised: KeyError: 'nid'",
            );
            groups.add(None, &raised.image(format!("image-{image}")));
        }
        insta::assert_snapshot!(texts(&mut groups).join("\n"), @"2,000 images are left out, because `metadata_condition` raised an error for them; correct the condition: `image-0`, `image-1`, `image-2` and 1,997 more; `metadata_condition` raised: KeyError: 'nid' [condition_failed]");
    }
}
