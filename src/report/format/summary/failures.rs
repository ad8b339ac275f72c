//! What failed in a run: failures for which the same is to be done stand together.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::event::{Failure, RegionResult};
use crate::model::{ErrorCode, RegionName};
use crate::report::messages::failure_text;
use crate::report::style::{Paint, Style};
use crate::report::summary::{RegionSummary, RunSummary};
use crate::report::text::{OneLine, before, listed, thousands};

/// Writes the failures of the run and of its regions, and what to do about them; nothing where nothing
/// failed.
pub(super) fn failures(out: &mut impl Write, summary: &RunSummary, style: Style) -> io::Result<()> {
    let mut groups = Groups::default();
    for error in &summary.errors {
        groups.add(None, error);
    }
    for region in &summary.regions {
        for error in &region.errors {
            groups.add(Some(&region.region), error);
        }
    }
    if groups.0.is_empty() && summary.regions_failed == 0 {
        return Ok(());
    }
    let paint = style.paint;
    writeln!(out, "{}", paint.red("Failed:"))?;
    let without_message = |region: &&RegionSummary| {
        region.result == Some(RegionResult::Failed) && region.errors.is_empty()
    };
    let without_message: Vec<_> = summary.regions.iter().filter(without_message).collect();
    if !without_message.is_empty() {
        let regions: Vec<_> = without_message
            .iter()
            .map(|region| &region.region)
            .collect();
        let line = format!("  {}see the warnings and the log", who(&regions, paint));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
    }
    for group in &groups.0 {
        for (text, regions) in group.failures.iter().take(FAILURES_MAX) {
            let line = format!("  {}{text} [{}]", who(regions, paint), group.code);
            writeln!(out, "{}", style.wrapped(&line, 2))?;
        }
        let more = group.failures.len().saturating_sub(FAILURES_MAX);
        if more > 0 {
            writeln!(out, "  and {} more like these", thousands(more))?;
        }
        if !group.hint.is_empty() {
            let label = paint.bold("hint:");
            let line = format!("    {label} {}", OneLine(group.hint));
            writeln!(out, "{}", style.wrapped(&line, 2))?;
        }
    }
    Ok(())
}

/// Failures of one kind that are named; of more, the logs tell.
const FAILURES_MAX: usize = 10;
/// Regions of one failure that are named.
const REGIONS_NAMED: usize = 10;

/// Failures for which the same is to be done.
struct Group<'a> {
    code: ErrorCode,
    hint: &'a str,
    /// What failed, and in which regions.
    failures: Vec<(String, Vec<&'a RegionName>)>,
    /// Where each text is in there.
    places: HashMap<String, usize>,
}

/// All failures of a run, in the order of their first ones.
#[derive(Default)]
struct Groups<'a>(Vec<Group<'a>>);

impl<'a> Groups<'a> {
    fn add(&mut self, region: Option<&'a RegionName>, failure: &'a Failure) {
        let known = self
            .0
            .iter()
            .position(|group| group.code == failure.code && group.hint == failure.hint);
        let place = known.unwrap_or_else(|| {
            self.0.push(Group {
                code: failure.code,
                hint: &failure.hint,
                failures: Vec::new(),
                places: HashMap::new(),
            });
            self.0.len() - 1
        });
        let group = &mut self.0[place];
        let text = failure_text(failure, region);
        let next = group.failures.len();
        let place = *group.places.entry(text.clone()).or_insert(next);
        if place == next {
            group.failures.push((text, Vec::new()));
        }
        group.failures[place].1.extend(region);
    }
}

/// `Trento, Lannion: `, or nothing for what is about no region.
fn who(regions: &[&RegionName], paint: Paint) -> String {
    if regions.is_empty() {
        return String::new();
    }
    if let [region] = regions {
        return format!("{} ", paint.cyan(before(&region.to_string())));
    }
    let name = |region: &&RegionName| {
        let name = region.to_string();
        paint.cyan(OneLine(&name))
    };
    format!("{}: ", listed(regions.iter().map(name), REGIONS_NAMED))
}
