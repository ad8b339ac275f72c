//! What is shown of past runs, as it looks.

use chrono::Utc;

use super::*;
use crate::report::looks::looks;
use crate::state::PastError;

fn run() -> PastRun {
    let end = |result: &str, left: &[(&str, usize)]| {
        Some(RegionEnd {
            result: result.to_owned(),
            uploaded_bytes: 3 << 30,
            uploaded_images: 3,
            updated_images: 1,
            left: left
                .iter()
                .map(|(status, number)| ((*status).to_owned(), *number))
                .collect(),
            seconds: 64.5,
        })
    };
    let region = |name: &str, end| PastRegion {
        region: name.to_owned(),
        end,
    };
    PastRun {
        run: "sync_20261124_0248".to_owned(),
        folder: "/var/log/glancesync/sync_20261124_0248".into(),
        run_id: None,
        started: Some("2026-11-24T02:48:10Z".parse().unwrap()),
        state: RunState::Finished,
        mode: Some("sync".to_owned()),
        master: Some("Spain".to_owned()),
        seconds: Some(192.25),
        exit_code: Some(1),
        reason: Some("1 region failed: Lannion".to_owned()),
        images: vec!["base_*".to_owned()],
        regions: vec![
            region("Trento", end("changed", &[])),
            region(
                "other:Prague",
                end("synchronised", &[("error_checksum", 2)]),
            ),
            region("Lannion", end("failed", &[("pending_upload", 1)])),
            region("Late", None),
        ],
        errors: vec![PastError {
            ts: Some("2026-11-24T02:49:10Z".parse().unwrap()),
            region: Some("Lannion".to_owned()),
            code: Some("quota_exceeded".to_owned()),
            message: "PUT http://glance.example.org/v2/images/1/file answered 413: \"too\nlarge\""
                .to_owned(),
            hint: Some("Free space or raise the quota, then run again.".to_owned()),
            image: Some("debian".to_owned()),
            action: Some("upload".to_owned()),
        }],
        warnings: Vec::new(),
        damaged_lines: 2,
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn past_runs_as_they_look() {
    let mut later = run();
    later.run = "sync_20261125_0248".to_owned();
    (later.state, later.exit_code, later.seconds) = (RunState::UnderWay, None, None);
    let runs = [later, run()];
    insta::assert_snapshot!(
        "runs",
        looks(|style| text(|out| runs_text(out, &runs, &Utc, style)))
    );
    let logged = [LoggedRegion {
        region: "Trento".to_owned(),
        path: "/var/log/glancesync/sync_20261124_0248/Trento.txt".into(),
    }];
    insta::assert_snapshot!(
        "run",
        looks(|style| text(|out| run_text(out, &run(), &logged, &Utc, style)))
    );
    insta::assert_snapshot!(
        "errors",
        looks(|style| text(|out| errors_text(out, &run().errors, &Utc, style)))
    );
}
