//! Why a run ends with another exit code than 0, in the words in which it is said: by the summary, the
//! last event and the record of the run.

use std::collections::BTreeMap;

use super::outcome::{FailOn, RegionOutcome};
use crate::model::{RegionName, Status};

/// Regions that are named; of more, there is the number.
const NAMED: usize = 5;

/// What of a finished run makes its exit code another than 0, besides the regions that failed.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// There was nothing to compare with.
    pub(super) nothing_to_do: bool,
    /// A condition raised an error for some image.
    pub(super) conditions_failed: bool,
    /// What `--fail-on` looks for.
    pub(super) fail_on: Option<FailOn>,
}

impl Verdict {
    /// Every reason; none where the run is in order.
    pub(super) fn reasons(&self, regions: &[RegionOutcome]) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.nothing_to_do {
            reasons.push("the master region has no image that counts".to_owned());
        }
        let failed: Vec<_> = regions.iter().filter(|region| region.is_failed()).collect();
        if !failed.is_empty() {
            let names = failed.iter().map(|region| region.region.to_string());
            reasons.push(format!(
                "{} failed: {}",
                of_regions(failed.len()),
                list(names)
            ));
        }
        if self.conditions_failed {
            reasons.push("`metadata_condition` raised an error".to_owned());
        }
        reasons.extend(self.fail_on.and_then(|fail_on| found(fail_on, regions)));
        reasons
    }
}

/// What `--fail-on` found: which states, how many images, and where.
fn found(fail_on: FailOn, regions: &[RegionOutcome]) -> Option<String> {
    let mut found: BTreeMap<Status, BTreeMap<&RegionName, usize>> = BTreeMap::new();
    for region in regions {
        for (_, status) in region.sync().into_iter().flat_map(|sync| &sync.statuses) {
            if fail_on.finds(*status) {
                let of_status = found.entry(*status).or_default();
                *of_status.entry(&region.region).or_default() += 1;
            }
        }
    }
    let states = found.iter().map(|(status, regions)| {
        let images: usize = regions.values().sum();
        let names = regions.keys().map(ToString::to_string);
        format!("{images} {status} in {}", list(names))
    });
    let states: Vec<String> = states.collect();
    let word = match fail_on {
        FailOn::Pending => "pending",
        FailOn::Error => "error",
    };
    (!states.is_empty()).then(|| format!("--fail-on {word} found {}", states.join("; ")))
}

fn of_regions(number: usize) -> String {
    match number {
        1 => "1 region".to_owned(),
        number => format!("{number} regions"),
    }
}

fn list(regions: impl ExactSizeIterator<Item = String>) -> String {
    let more = regions.len().saturating_sub(NAMED);
    let named: Vec<String> = regions.take(NAMED).collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outcome::{RegionSync, RegionWorkResult};

    fn region(name: &str, statuses: &[Status]) -> RegionOutcome {
        let region: RegionName = name.parse().unwrap();
        let plan = crate::plan::Plan {
            region: region.clone(),
            images: Vec::new(),
            actions: Vec::new(),
            untags: Vec::new(),
            failures: Vec::new(),
            orphans: Vec::new(),
            too_many_deletions: None,
            warnings: Vec::new(),
        };
        RegionOutcome {
            region,
            result: crate::event::RegionResult::Synchronised,
            work: Some(RegionWorkResult::Sync(RegionSync {
                plan: plan.into(),
                statuses: statuses
                    .iter()
                    .map(|status| ("a".to_owned(), *status))
                    .collect(),
                uploaded_bytes: 0,
                pulled_bytes: 0,
            })),
        }
    }

    #[test]
    fn every_reason_is_named_with_how_many_and_where() {
        let mut regions = vec![
            region(
                "Trento",
                &[Status::Ok, Status::ErrorChecksum, Status::PendingUpload],
            ),
            region(
                "other:Prague",
                &[Status::ErrorChecksum, Status::ErrorChecksum],
            ),
        ];
        let mut verdict = Verdict {
            fail_on: Some(FailOn::Error),
            ..Verdict::default()
        };
        let said =
            |verdict: &Verdict, regions: &[RegionOutcome]| verdict.reasons(regions).join("\n");
        insta::assert_snapshot!(said(&verdict, &regions), @"--fail-on error found 3 error_checksum in Trento, other:Prague");
        verdict.fail_on = Some(FailOn::Pending);
        verdict.nothing_to_do = true;
        verdict.conditions_failed = true;
        regions.extend((1..=7).map(|n| RegionOutcome::failed(format!("R{n}").parse().unwrap())));
        insta::assert_snapshot!(said(&verdict, &regions), @r"
        the master region has no image that counts
        7 regions failed: R1, R2, R3, R4, R5 and 2 more
        `metadata_condition` raised an error
        --fail-on pending found 1 pending_upload in Trento; 3 error_checksum in Trento, other:Prague
        ");
        assert_eq!(Verdict::default().reasons(&regions[..2]), [""; 0]);
        verdict = Verdict {
            fail_on: Some(FailOn::Error),
            ..Verdict::default()
        };
        assert_eq!(
            verdict.reasons(&[region("a", &[Status::Ok, Status::PendingAmi])]),
            [""; 0]
        );
    }
}
