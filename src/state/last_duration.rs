//! How long each region took in the past, from the records of runs with region logs.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::run_history::{RegionEnd, run_folders};

/// So many runs are looked at; what was longer ago says little about today.
const RUNS_MAX: usize = 100;

/// How long a region took, once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastTime {
    /// When that run began.
    pub started: Option<DateTime<Utc>>,
    /// How long the region took.
    pub seconds: f64,
    /// Bytes of content that were sent and published.
    pub uploaded_bytes: u64,
}

/// The newest sync in which each of these regions ended without a failure and was sent some content;
/// where there is none, the newest in which it ended without a failure. Regions as they are printed.
/// Blocking. What cannot be read is ignored.
pub fn last_times(log_dir: &Path, regions: &[String]) -> BTreeMap<String, LastTime> {
    let mut times: BTreeMap<String, LastTime> = BTreeMap::new();
    let mut open: Vec<&String> = regions.iter().collect();
    for folder in run_folders(log_dir)
        .unwrap_or_default()
        .iter()
        .take(RUNS_MAX)
    {
        if open.is_empty() {
            break;
        }
        let run = folder.read_run();
        if !matches!(run.mode.as_deref(), Some("sync" | "apply")) {
            continue;
        }
        let ends: BTreeMap<&String, &RegionEnd> = run
            .regions
            .iter()
            .filter_map(|past| Some((&past.region, past.end.as_ref()?)))
            .filter(|(_, end)| end.result != "failed")
            .collect();
        open.retain(|region| {
            let Some(end) = ends.get(region) else {
                return true;
            };
            let sent = end.uploaded_bytes > 0;
            if sent || !times.contains_key(*region) {
                let time = LastTime {
                    started: run.started,
                    seconds: end.seconds,
                    uploaded_bytes: end.uploaded_bytes,
                };
                times.insert((*region).clone(), time);
            }
            !sent
        });
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{prepare_records, record_path};

    fn run(log_dir: &Path, name: &str, mode: &str, ends: &[(&str, &str, u64, f64)]) {
        let folder = log_dir.join(name);
        std::fs::create_dir(&folder).unwrap();
        let mut lines = vec![serde_json::json!({
            "event": "run_started", "ts": "2026-11-24T02:15:00Z", "master": "Spain",
            "mode": mode, "regions": ["Trento", "Lannion"],
        })];
        for (region, result, bytes, seconds) in ends {
            lines.push(serde_json::json!({
                "event": "region_finished", "region": region, "result": result,
                "uploaded_bytes": bytes, "seconds": seconds,
            }));
        }
        let text: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        prepare_records(&folder).unwrap();
        std::fs::write(record_path(&folder), text.concat()).unwrap();
    }

    #[test]
    fn the_newest_time_that_content_was_sent_counts_before_any_other() {
        let log_dir = tempfile::tempdir().unwrap();
        let path = log_dir.path();
        run(
            path,
            "sync_20261121_0300",
            "sync",
            &[("Trento", "changed", 9, 90.0)],
        );
        run(
            path,
            "sync_20261122_0300",
            "sync",
            &[("Trento", "changed", 7, 70.0)],
        );
        run(
            path,
            "sync_20261123_0300",
            "sync",
            &[
                ("Trento", "synchronised", 0, 0.5),
                ("Lannion", "synchronised", 0, 0.4),
            ],
        );
        run(
            path,
            "sync_20261124_0300",
            "sync",
            &[("Trento", "failed", 5, 50.0)],
        );
        run(
            path,
            "sync_20261125_0300",
            "dry_run",
            &[("Trento", "changed", 0, 0.1)],
        );
        std::fs::create_dir(path.join("sync_20261126_0300")).unwrap();
        let wanted = ["Trento", "Lannion", "Nowhere"].map(ToOwned::to_owned);
        let times = last_times(path, &wanted);
        let found: Vec<_> = times
            .iter()
            .map(|(region, time)| (region.as_str(), time.uploaded_bytes, time.seconds))
            .collect();
        assert_eq!(found, [("Lannion", 0, 0.4), ("Trento", 7, 70.0)]);
        assert!(times["Trento"].started.is_some());
        assert!(last_times(&path.join("none"), &wanted).is_empty());
    }
}
