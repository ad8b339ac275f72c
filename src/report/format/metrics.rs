//! A run as metrics in Prometheus' text format, for `node_exporter`'s textfile collector.
//!
//! Every sample is labelled with the mode and the master region, so that the files of several jobs on
//! one machine do not contradict each other.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::{self, Write};

use chrono::{DateTime, Utc};

use crate::event::{Mode, RegionResult};
use crate::model::{ErrorCode, RegionName, Status, is_hidden};
use crate::report::summary::{RegionSummary, RunSummary};

const LAST_SUCCESS: &str = "glancesync_last_success_timestamp_seconds";

/// What is known of a run at its end.
#[derive(Debug)]
pub struct RunMetrics<'a> {
    /// What it did.
    pub mode: Mode,
    /// The bare name of the master region; none where the run ended before it was known.
    pub master: Option<&'a str>,
    /// When it ended.
    pub finished: DateTime<Utc>,
    /// How long the program ran.
    pub seconds: f64,
    /// The exit code of the program.
    pub exit_code: u8,
    /// When runs last ended with 0 before this one.
    pub earlier: EarlierRuns,
    /// What it came to; none where it ended before the first region.
    pub summary: Option<&'a RunSummary>,
    /// How many images have each status at the end, for each region where that is known.
    pub images: BTreeMap<RegionName, BTreeMap<Status, usize>>,
}

/// When runs last succeeded, as the file of an earlier run has it.
#[derive(Debug, Clone, Default)]
pub struct EarlierRuns(Vec<Success>);

#[derive(Debug, Clone)]
struct Success {
    /// The values of the labels, as they stand in the file.
    mode: String,
    master: String,
    at: i64,
}

/// No file of ours has more modes than that.
const EARLIER_MAX: usize = 16;

impl EarlierRuns {
    /// Reads the file that an earlier run wrote; of one that is damaged, what can be read.
    pub fn read(file: &str) -> Self {
        let read = |line: &str| {
            let rest = line.strip_prefix(LAST_SUCCESS)?.strip_prefix("{mode=\"")?;
            let (mode, rest) = rest.split_once("\",master=\"")?;
            let (master, value) = rest.rsplit_once("\"} ")?;
            let at = value.trim().parse().ok().filter(|at| *at > 0)?;
            let (mode, master) = (mode.to_owned(), master.to_owned());
            Some(Success { mode, master, at })
        };
        Self(file.lines().filter_map(read).take(EARLIER_MAX).collect())
    }

    /// The master of the runs before this one, of those of that mode first.
    fn master(&self, mode: &str) -> Option<&str> {
        let known = || self.0.iter().filter(|run| !run.master.is_empty());
        let of_mode = known().find(|run| run.mode == mode);
        Some(of_mode.or_else(|| known().next())?.master.as_str())
    }

    /// When a run of that mode last succeeded; one whose master was not known counts too.
    fn at(&self, mode: &str, master: &str) -> Option<i64> {
        let of_mode = || self.0.iter().filter(|run| run.mode == mode);
        of_mode()
            .find(|run| run.master == master)
            .or_else(|| of_mode().find(|run| run.master.is_empty()))
            .map(|run| run.at)
    }

    /// The runs of other series that are kept: of the same master, and of any while runs fail, for what
    /// looks like another master may be a slip.
    fn others<'a>(
        &'a self,
        run: &RunMetrics<'_>,
        master: &'a str,
    ) -> impl Iterator<Item = &'a Success> {
        let (mode, has_failed) = (run.mode.as_str(), run.exit_code != 0);
        let is_kept = move |other: &&Success| {
            let is_same = other.mode == mode && other.master == master;
            !is_same && !other.master.is_empty() && (has_failed || other.master == master)
        };
        self.0.iter().filter(is_kept)
    }
}

/// Writes the file.
pub fn metrics(out: &mut impl Write, run: &RunMetrics) -> io::Result<()> {
    // A run that ends before it knows its master is one of the same series as those before it.
    let master = match run.master {
        Some(master) => escaped(master),
        None => run
            .earlier
            .master(run.mode.as_str())
            .unwrap_or_default()
            .to_owned(),
    };
    let mut page = Page { out, run, master };
    page.run()?;
    if let Some(summary) = run.summary {
        page.sums(summary)?;
        page.regions(summary)?;
        page.errors(summary)?;
        page.images()?;
    }
    Ok(())
}

struct Page<'a, W> {
    out: &'a mut W,
    run: &'a RunMetrics<'a>,
    /// The value of the label, as it stands in the file.
    master: String,
}

impl<W: Write> Page<'_, W> {
    fn about(&mut self, name: &str, help: &str) -> io::Result<()> {
        writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} gauge")
    }

    fn sample(&mut self, name: &str, labels: &[Label], value: impl Display) -> io::Result<()> {
        write!(
            self.out,
            "{name}{{{},master=\"{}\"",
            Label("mode", self.run.mode.as_str()),
            self.master
        )?;
        for label in labels {
            write!(self.out, ",{label}")?;
        }
        writeln!(self.out, "}} {value}")
    }

    fn single(&mut self, name: &str, help: &str, value: impl Display) -> io::Result<()> {
        self.about(name, help)?;
        self.sample(name, &[], value)
    }

    fn run(&mut self) -> io::Result<()> {
        let finished = self.run.finished.timestamp();
        let last_success = if self.run.exit_code == 0 {
            finished
        } else {
            let earlier = &self.run.earlier;
            earlier
                .at(self.run.mode.as_str(), &self.master)
                .unwrap_or_default()
        };
        self.about("glancesync_info", "The version that wrote this file.")?;
        let version = Label("version", env!("CARGO_PKG_VERSION"));
        self.sample("glancesync_info", &[version], 1)?;
        self.single(
            "glancesync_last_run_timestamp_seconds",
            "When the last run ended.",
            finished,
        )?;
        self.single(
            LAST_SUCCESS,
            "When a run last ended with exit code 0; 0 where none did.",
            last_success,
        )?;
        let run = self.run;
        for Success { mode, master, at } in run.earlier.others(run, &self.master) {
            writeln!(
                self.out,
                "{LAST_SUCCESS}{{mode=\"{mode}\",master=\"{master}\"}} {at}"
            )?;
        }
        self.single(
            "glancesync_last_run_duration_seconds",
            "How long the last run took.",
            Seconds(self.run.seconds),
        )?;
        self.single(
            "glancesync_last_run_exit_code",
            "Exit code of the last run.",
            self.run.exit_code,
        )
    }

    fn sums(&mut self, summary: &RunSummary) -> io::Result<()> {
        let name = "glancesync_regions";
        self.about(name, "Regions of the last run by how they ended.")?;
        let ended = |wanted: Option<RegionResult>| {
            let regions = summary.regions.iter();
            regions.filter(|region| region.result == wanted).count()
        };
        for result in [
            RegionResult::Synchronised,
            RegionResult::Changed,
            RegionResult::Failed,
        ] {
            let number = ended(Some(result));
            self.sample(name, &[Label("result", result.as_str())], number)?;
        }
        self.sample(name, &[Label("result", "unfinished")], ended(None))?;
        self.single(
            "glancesync_uploaded_bytes",
            "Bytes of content that the last run sent and published.",
            summary.uploaded_bytes,
        )?;
        self.single(
            "glancesync_uploaded_images",
            "Images that the last run uploaded.",
            summary.uploaded_images,
        )?;
        self.single(
            "glancesync_pulled_bytes",
            "Bytes of content that regions fetched from each other in the last run and that were published.",
            summary.pulled_bytes,
        )?;
        self.single(
            "glancesync_pulled_images",
            "Images that regions fetched from each other in the last run.",
            summary.pulled_images,
        )?;
        self.single(
            "glancesync_updated_images",
            "Images whose metadata the last run changed.",
            summary.updated_images,
        )?;
        self.single(
            "glancesync_warnings",
            "Warnings of the last run.",
            summary.warnings,
        )
    }

    fn regions(&mut self, summary: &RunSummary) -> io::Result<()> {
        type Value = fn(&RegionSummary) -> f64;
        let of_regions: [(&str, &str, Value); 6] = [
            (
                "glancesync_region_failed",
                "1 where the region failed in the last run or was not finished, else 0.",
                |region| {
                    let failed = region
                        .result
                        .is_none_or(|result| result == RegionResult::Failed);
                    f64::from(u8::from(failed))
                },
            ),
            (
                "glancesync_region_duration_seconds",
                "How long the region took in the last run.",
                |region| region.seconds,
            ),
            (
                "glancesync_region_uploaded_bytes",
                "Bytes of content that the last run sent to the region and published.",
                #[expect(clippy::cast_precision_loss, reason = "Prometheus knows nothing else")]
                |region| region.uploaded_bytes as f64,
            ),
            (
                "glancesync_region_pulled_bytes",
                "Bytes of content that the region fetched from others in the last run and that were published.",
                #[expect(clippy::cast_precision_loss, reason = "Prometheus knows nothing else")]
                |region| region.pulled_bytes as f64,
            ),
            (
                "glancesync_region_pending_bytes",
                "Bytes of content that the region lacked when the last run looked.",
                #[expect(clippy::cast_precision_loss, reason = "Prometheus knows nothing else")]
                |region| region.bytes_pending as f64,
            ),
            (
                "glancesync_region_orphans",
                "Images of the region that no rule selected any more when the last run looked.",
                #[expect(clippy::cast_precision_loss, reason = "Prometheus knows nothing else")]
                |region| region.orphans as f64,
            ),
        ];
        for (name, help, value) in of_regions {
            self.about(name, help)?;
            for region in &summary.regions {
                let label = region.region.to_string();
                self.sample(name, &[Label("region", &label)], Seconds(value(region)))?;
            }
        }
        Ok(())
    }

    fn errors(&mut self, summary: &RunSummary) -> io::Result<()> {
        let name = "glancesync_errors";
        self.about(
            name,
            "Errors of the last run by region (none for the run itself) and code.",
        )?;
        let mut counts: BTreeMap<(String, ErrorCode), usize> = BTreeMap::new();
        let of_regions = summary.regions.iter().flat_map(|region| {
            region
                .errors
                .iter()
                .map(|error| (region.region.to_string(), error))
        });
        let of_run = summary.errors.iter().map(|error| (String::new(), error));
        for (region, error) in of_run.chain(of_regions) {
            *counts.entry((region, error.code)).or_default() += 1;
        }
        for ((region, code), number) in &counts {
            let code = code.to_string();
            let labels = [Label("region", region), Label("code", &code)];
            self.sample(name, &labels, number)?;
        }
        Ok(())
    }

    fn images(&mut self) -> io::Result<()> {
        let name = "glancesync_images";
        self.about(
            name,
            "Selected images by region and by their status at the end of the last run.",
        )?;
        let run = self.run;
        for (region, counts) in &run.images {
            let region = region.to_string();
            for status in Status::ALL {
                let labels = [Label("region", &region), Label("status", status.as_str())];
                self.sample(name, &labels, counts.get(&status).copied().unwrap_or(0))?;
            }
        }
        Ok(())
    }
}

/// `name="value"`, with what Prometheus wants escaped.
struct Label<'a>(&'a str, &'a str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=\"{}\"", self.0, escaped(self.1))
    }
}

/// A label's value as the text format has it. Control characters and those that hide or reorder text
/// become visible escapes, which keeps names apart that differ in them alone.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c if is_hidden(c) => text.extend(["\\", &c.escape_unicode().to_string()]),
            c => text.push(c),
        }
    }
    text
}

/// A number of at most three decimals.
struct Seconds(f64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0 * 1000.0).round() / 1000.0)
    }
}

#[cfg(test)]
mod tests;
