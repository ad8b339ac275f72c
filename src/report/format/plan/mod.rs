//! The plan of a dry run: what would be done in each region, and why.

mod brief;
mod lines;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use serde::Serialize;

use self::brief::Entry;
pub(super) use self::brief::Sign;
use super::json;
use super::summary::summary_with;
use crate::model::ByteSize;
use crate::plan::Plan;
use crate::report::messages::{counts_text, warning_text};
use crate::report::style::Style;
use crate::report::summary::RunSummary;
use crate::report::text::{OneLine, count, listed, rate, seconds};
use crate::state::LastTime;

pub(in crate::report) use self::lines::{PlanLine, region_lines};

/// How long regions took in the past, by their names as they are printed.
pub type LastTimes = BTreeMap<String, LastTime>;

/// How much of a plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanDetail {
    /// A line an image; regions for which the same is to be done stand together, and those in step are
    /// counted.
    Brief,
    /// Each region by itself, with what differs property by property, which rule wanted an image, what
    /// is left as it is, and each warning.
    Full,
}

/// Writes what becomes of the images of each region, and why; the sums of the fleet; then the run's
/// summary, which has the regions that failed or need a decision.
pub fn plan_text<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    times: &LastTimes,
    summary: &RunSummary,
    detail: PlanDetail,
    style: Style,
) -> io::Result<()> {
    let regions: Vec<RegionEntries<'_>> = plans
        .iter()
        .map(|plan| RegionEntries::of(plan.borrow()))
        .collect();
    match detail {
        PlanDetail::Brief => brief(out, &regions, times, style)?,
        PlanDetail::Full => {
            for region in &regions {
                full(out, region, times, style)?;
            }
        }
    }
    if !plans.is_empty() {
        writeln!(out)?;
    }
    summary_with(out, summary, fleet_sums(&regions), style)
}

/// What is shown of an entry: its sign, name, size and reason.
type EntryKey<'a> = (Sign, &'a str, Option<u64>, &'a str);

/// A region, and what becomes of its images.
struct RegionEntries<'a> {
    plan: &'a Plan,
    entries: Vec<Entry<'a>>,
}

impl<'a> RegionEntries<'a> {
    fn of(plan: &'a Plan) -> Self {
        let entries = brief::entries(plan);
        Self { plan, entries }
    }

    /// `3 uploads, 1.5 GiB to send; 2 images need a decision`.
    fn sums(&self) -> String {
        let sums = brief::sums(self.entries.iter(), [self.plan]);
        let undecided = self.undecided();
        match (undecided, sums.is_empty()) {
            (0, true) => "nothing to do".to_owned(),
            (0, false) => sums,
            (_, true) => needs_decision(undecided),
            (_, false) => format!("{sums}; {}", needs_decision(undecided)),
        }
    }

    /// How many images nothing happens to until somebody decides.
    fn undecided(&self) -> usize {
        let images = self.plan.images.iter();
        images.filter(|state| state.status.is_error()).count()
    }

    fn is_in_step(&self) -> bool {
        let mut images = self.plan.images.iter();
        self.entries.is_empty()
            && images.all(|state| !state.status.is_error() && !state.status.is_pending())
    }

    /// What is the same of two regions that stand together.
    fn key(&self) -> (String, Vec<EntryKey<'_>>) {
        let entries = self.entries.iter();
        let entries = entries.map(|it| (it.sign, it.image.as_str(), it.size, it.reason.as_str()));
        (self.sums(), entries.collect())
    }
}

fn needs_decision(images: usize) -> String {
    let verb = if images == 1 { "needs" } else { "need" };
    format!("{} {verb} a decision", count(images, "image"))
}

/// Regions that are named; of more, there is the number.
const REGIONS_NAMED: usize = 5;

/// Regions for which the same is to be done stand together; those without an action have one line for
/// all of them.
fn brief(
    out: &mut impl Write,
    regions: &[RegionEntries<'_>],
    times: &LastTimes,
    style: Style,
) -> io::Result<()> {
    let mut groups: Vec<Vec<&RegionEntries<'_>>> = Vec::new();
    let mut places = HashMap::new();
    let (mut in_step, mut others) = (Vec::new(), Vec::new());
    for region in regions {
        if region.is_in_step() {
            in_step.push(region);
        } else if region.entries.is_empty() {
            others.push(region);
        } else {
            let place = *places.entry(region.key()).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Vec::new());
            }
            groups[place].push(region);
        }
    }
    let mut signs = BTreeSet::new();
    for group in &groups {
        let first = group[0];
        let each = if group.len() > 1 { ", each" } else { "" };
        let heading = format!("{}{each}: {}", named(group, style), first.sums());
        writeln!(out, "{}", style.wrapped(&heading, 2))?;
        if let [region] = &group[..] {
            last_time_line(out, region.plan, times, style)?;
        }
        for line in brief::lines(&first.entries, style.paint) {
            writeln!(out, "{}", style.wrapped(&line, 4))?;
        }
        signs.extend(first.entries.iter().map(|entry| entry.sign));
    }
    if !signs.is_empty() {
        let meanings = signs
            .iter()
            .map(|sign| format!("{} {}", sign.as_str(), sign.meaning()));
        let meanings: Vec<String> = meanings.collect();
        let legend = format!("Signs: {}", meanings.join(", "));
        writeln!(out, "{}", style.paint.dim(style.wrapped(&legend, 2)))?;
    }
    for (label, regions) in [
        ("In step", &in_step),
        ("Nothing to do, but not in step", &others),
    ] {
        if !regions.is_empty() {
            let number = count(regions.len(), "region");
            let line = format!("{label}: {number} ({})", named(regions, style));
            writeln!(out, "{}", style.wrapped(&line, 2))?;
        }
    }
    Ok(())
}

fn named(regions: &[&RegionEntries<'_>], style: Style) -> String {
    let name = |region: &&RegionEntries<'_>| {
        let name = region.plan.region.to_string();
        style.paint.cyan(OneLine(&name))
    };
    listed(regions.iter().map(name), REGIONS_NAMED)
}

/// One region, with everything that is known.
fn full(
    out: &mut impl Write,
    region: &RegionEntries<'_>,
    times: &LastTimes,
    style: Style,
) -> io::Result<()> {
    let plan = region.plan;
    let counts = if plan.images.is_empty() {
        "no image is selected for it".to_owned()
    } else {
        counts_text(&plan.counts())
    };
    let heading = format!("{}: {} ({counts})", named(&[region], style), region.sums());
    writeln!(out, "{}", style.wrapped(&heading, 2))?;
    last_time_line(out, plan, times, style)?;
    for (entry, line) in region
        .entries
        .iter()
        .zip(brief::lines(&region.entries, style.paint))
    {
        writeln!(out, "{}", style.wrapped(&line, 4))?;
        for action in &entry.actions {
            for detail in lines::details(action, entry.state) {
                let detail = format!("      {detail}");
                writeln!(out, "{}", style.wrapped(&detail, 2))?;
            }
        }
    }
    for state in lines::left_alone(plan) {
        let label = style.paint.bold("left as it is:");
        let line = format!("  {label} {}", lines::state_text(state));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
    }
    for warning in &plan.warnings {
        let label = style.paint.yellow("warning:");
        let line = format!("  {label} {}", warning_text(warning));
        writeln!(out, "{}", style.wrapped(&line, 2))?;
    }
    Ok(())
}

fn last_time_line(
    out: &mut impl Write,
    plan: &Plan,
    times: &LastTimes,
    style: Style,
) -> io::Result<()> {
    let time = times.get(&plan.region.to_string());
    if let Some(time) = time.filter(|_| !plan.actions.is_empty()) {
        let text = format!("  {}", last_time(time, plan.bytes_pending()));
        writeln!(out, "{}", style.paint.dim(style.wrapped(&text, 2)))?;
    }
    Ok(())
}

/// What the whole fleet needs; none where it needs nothing.
fn fleet_sums(regions: &[RegionEntries<'_>]) -> Option<String> {
    let entries = regions.iter().flat_map(|region| &region.entries);
    let plans = regions.iter().map(|region| region.plan);
    let sums = brief::sums(entries, plans);
    let changing = regions
        .iter()
        .filter(|region| !region.plan.actions.is_empty());
    let where_ = count(changing.count(), "region");
    (!sums.is_empty()).then(|| format!("Planned in {where_}: {sums}; nothing was changed."))
}

/// Writes one document: the plans, with the run's summary inside.
pub fn plan_json<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    times: &LastTimes,
    summary: &RunSummary,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        plans: Vec<Entry<'a>>,
        summary: &'a RunSummary,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(flatten)]
        plan: &'a Plan,
        bytes_pending: u64,
        bytes_pulled: u64,
        deletions: usize,
        last_time: Option<&'a LastTime>,
    }
    let entry = |plan| Entry {
        plan,
        bytes_pending: plan.bytes_pending(),
        bytes_pulled: plan.bytes_pulled(),
        deletions: plan.deletions(),
        last_time: times.get(&plan.region.to_string()),
    };
    let plans = plans.iter().map(Borrow::borrow).map(entry).collect();
    json(out, &Document { plans, summary })
}

/// `last time (2026-11-24 02:48 UTC): 1 min 5 s for 1.5 GiB, 23.8 MiB/s; that rate makes 52.0 s of this`
fn last_time(time: &LastTime, bytes_pending: u64) -> String {
    let when = time.started.map_or_else(String::new, |started| {
        format!(" ({})", started.format("%Y-%m-%d %H:%M UTC"))
    });
    let mut text = format!("last time{when}: {}", seconds(time.seconds));
    if let Some(rate) = rate(time.uploaded_bytes, time.seconds) {
        text = format!("{text} for {}, {rate}", ByteSize(time.uploaded_bytes));
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let estimate = time.seconds / time.uploaded_bytes as f64 * bytes_pending as f64;
        if bytes_pending > 0 {
            text = format!("{text}; at that rate {} now", seconds(estimate));
        }
    }
    text
}
