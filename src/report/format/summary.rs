//! What a run came to, for people and as JSON.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use super::json;
use crate::event::{Failure, Mode, RegionResult};
use crate::model::{ByteSize, ErrorCode, RegionName, Status};
use crate::report::messages::{counts_text, failure_text};
use crate::report::summary::{RegionSummary, RunSummary, Standing};
use crate::report::text::{OneLine, Paint, count, rate, seconds};

/// Writes what happened, what failed and what to do about it, and where the logs lie.
pub fn summary_text(out: &mut impl Write, summary: &RunSummary, paint: Paint) -> io::Result<()> {
    writeln!(out, "{}", paint.bold(headline(summary)))?;
    if let Some(sync) = &summary.sync_under_way {
        let text = format!(
            "A sync for this master is under way ({}): what it has in progress is called so.",
            OneLine(sync)
        );
        writeln!(out, "{}", paint.yellow(text))?;
    }
    if let Some(line) = done(summary) {
        writeln!(out, "{line}")?;
    }
    if summary.mode != Mode::Sync && !summary.counts.is_empty() {
        writeln!(out, "Images: {}.", counts_text(&summary.counts))?;
    }
    for target in &summary.empty_selections {
        let name = target.to_string();
        writeln!(out, "No image is selected for [{}].", OneLine(&name))?;
    }
    if let Some(slowest) = &summary.slowest
        && summary.regions.len() > 1
        && summary.seconds >= 10.0
    {
        let name = slowest.region.to_string();
        let time = seconds(slowest.seconds);
        writeln!(out, "Slowest region: {} ({time}).", OneLine(&name))?;
    }
    failures(out, summary, paint)?;
    decisions(out, summary, paint)?;
    if summary.warnings > 0 {
        let warnings = count(summary.warnings, "warning");
        writeln!(out, "{}", paint.yellow(format!("{warnings}.")))?;
    }
    if let Some(reason) = &summary.reason {
        let text = format!("Exit code {}: {}.", summary.exit_code, OneLine(reason));
        writeln!(out, "{}", paint.bold(text))?;
    }
    if let Some(folder) = &summary.log_folder {
        let folder = folder.to_string_lossy();
        writeln!(out, "Logs: {}", OneLine(&folder))?;
    }
    Ok(())
}

/// Writes one document.
pub fn summary_json(out: &mut impl Write, summary: &RunSummary) -> io::Result<()> {
    json(out, summary)
}

/// `12 regions in 3 min 12 s: 8 in step, 2 changed, 1 needs a decision, 1 failed.`
fn headline(summary: &RunSummary) -> String {
    let mut parts = Vec::new();
    let mut part = |number: usize, one: &str, several: &str| {
        if number > 0 {
            let words = if number == 1 { one } else { several };
            parts.push(format!("{number} {words}"));
        }
    };
    match summary.mode {
        Mode::Restore | Mode::Backup => {
            let word = if summary.mode == Mode::Backup {
                "written"
            } else {
                "compared"
            };
            part(summary.regions_ok, word, word);
            part(summary.regions_failed, "failed", "failed");
            part(summary.regions_unfinished, "not begun", "not begun");
        }
        Mode::Sync | Mode::DryRun | Mode::Status => {
            let mut standings: BTreeMap<Standing, usize> = BTreeMap::new();
            for region in &summary.regions {
                *standings.entry(region.standing(summary.mode)).or_default() += 1;
            }
            for (standing, number) in standings {
                let (one, several) = match standing {
                    Standing::InStep => ("in step", "in step"),
                    Standing::Changed => ("changed", "changed"),
                    Standing::WouldChange => ("would change", "would change"),
                    Standing::NotInStep => ("not in step", "not in step"),
                    Standing::NeedsDecision => ("needs a decision", "need a decision"),
                    Standing::Failed => ("failed", "failed"),
                    Standing::NotBegun => ("not begun", "not begun"),
                };
                part(number, one, several);
            }
        }
    }
    let regions = count(summary.regions.len(), "region");
    let time = seconds(summary.seconds);
    let scope = if summary.images.is_empty() {
        ""
    } else {
        ", of the images that --image chose"
    };
    if parts.is_empty() {
        format!("{regions} in {time}.")
    } else {
        format!("{regions} in {time}{scope}: {}.", parts.join(", "))
    }
}

/// The images that nothing happens to until somebody decides: how many, where, and what to do.
fn decisions(out: &mut impl Write, summary: &RunSummary, paint: Paint) -> io::Result<()> {
    let mut open: BTreeMap<Status, Vec<(&RegionName, usize)>> = BTreeMap::new();
    for region in &summary.regions {
        for (status, number) in region.left.iter().filter(|(status, _)| status.is_error()) {
            open.entry(*status)
                .or_default()
                .push((&region.region, *number));
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", paint.yellow("To be decided:"))?;
    for (status, regions) in open {
        let images = count(regions.iter().map(|(_, number)| number).sum(), "image");
        let named = regions.iter().take(FAILURES_MAX).map(|(region, number)| {
            let name = region.to_string();
            format!("{} ({number})", paint.cyan(OneLine(&name)))
        });
        let named: Vec<String> = named.collect();
        let more = match regions.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(out, "  {images} {status}: {}{more}", named.join(", "))?;
        let label = paint.bold("hint:");
        writeln!(out, "    {label} {}", what_to_do(status))?;
    }
    Ok(())
}

fn what_to_do(status: Status) -> &'static str {
    if status == Status::ErrorAmi {
        "Select the kernel and ramdisk that the warnings name, or correct the reference at the master."
    } else {
        "Put each checksum that the warnings name into `replace`, `rename` or `dontupdate`."
    }
}

/// What was sent and changed, or would be.
fn done(summary: &RunSummary) -> Option<String> {
    if summary.mode == Mode::DryRun {
        let actions: usize = summary
            .regions
            .iter()
            .map(|region| region.planned_actions)
            .sum();
        let bytes = summary
            .regions
            .iter()
            .map(|region| region.bytes_pending)
            .sum();
        return (actions > 0).then(|| {
            let actions = count(actions, "action");
            format!(
                "{actions} planned, {} to send; nothing was changed.",
                ByteSize(bytes)
            )
        });
    }
    let mut parts = Vec::new();
    if summary.uploaded_images > 0 {
        let images = count(summary.uploaded_images, "image");
        let rate = rate(summary.uploaded_bytes, summary.seconds)
            .map_or_else(String::new, |rate| format!(", {rate}"));
        let bytes = ByteSize(summary.uploaded_bytes);
        parts.push(format!("{images} uploaded ({bytes}{rate})"));
    }
    if summary.updated_images > 0 {
        let images = count(summary.updated_images, "image");
        parts.push(format!("{images} updated"));
    }
    (!parts.is_empty()).then(|| format!("{}.", parts.join(", ")))
}

fn failures(out: &mut impl Write, summary: &RunSummary, paint: Paint) -> io::Result<()> {
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
        writeln!(out, "  {}see the log", who(&regions, paint))?;
    }
    for group in &groups.0 {
        for (text, regions) in group.failures.iter().take(FAILURES_MAX) {
            writeln!(out, "  {}{text} [{}]", who(regions, paint), group.code)?;
        }
        let more = group.failures.len().saturating_sub(FAILURES_MAX);
        if more > 0 {
            writeln!(out, "  and {more} more like these")?;
        }
        if !group.hint.is_empty() {
            let label = paint.bold("hint:");
            writeln!(out, "    {label} {}", OneLine(group.hint))?;
        }
    }
    Ok(())
}

/// Failures of one kind that are named, and regions of one failure: of more, the logs tell.
const FAILURES_MAX: usize = 20;

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
    let names: Vec<String> = regions
        .iter()
        .take(FAILURES_MAX)
        .map(|region| {
            let name = region.to_string();
            paint.cyan(OneLine(&name))
        })
        .collect();
    let more = regions.len() - names.len();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}: ", names.join(", "))
}
