//! What is under way, on one line, for where nothing shows bars. Pure: values in, a line out.

use super::layout::{FleetRow, Row, percent};
use crate::model::ByteSize;
use crate::report::text::{count, seconds, shorten, thousands};

/// Regions at work that are named.
const NAMED: usize = 5;
/// Columns of an image's name.
const IMAGE_WIDTH: usize = 60;

/// `under way: 3 of 40 regions done, 1 failed; 12.0 GiB of 40.0 GiB sent, 80.0 MiB/s, 6 min 0 s left; Trento:
/// uploading ubuntu, 37% of 2.0 GiB; Lannion: listing images for 2 min 10 s; and 5 more regions`
pub(super) fn under_way(rows: &[Row], fleet: &FleetRow) -> String {
    let regions = count(fleet.regions_total, "region");
    let mut done = format!("{} of {regions} done", thousands(fleet.regions_done));
    if fleet.regions_failed > 0 {
        done = format!("{done}, {} failed", thousands(fleet.regions_failed));
    }
    let mut parts = vec![done];
    let sent = &fleet.sent;
    if sent.total > 0 {
        let mut text = format!("{} of {} sent", ByteSize(sent.bytes), ByteSize(sent.total));
        if let Some(rate) = sent.rate {
            text = format!("{text}, {}/s", ByteSize(rate));
        }
        if let Some(left) = sent.left.filter(|_| sent.bytes < sent.total) {
            let more = if fleet.at_least { "at least " } else { "" };
            text = format!("{text}, {more}{} left", seconds(left.as_secs_f64()));
        }
        parts.push(text);
    }
    parts.extend(rows.iter().take(NAMED).map(region));
    if let more @ 1.. = rows.len().saturating_sub(NAMED) {
        parts.push(format!("and {} at work", count(more, "more region")));
    }
    format!("under way: {}", parts.join("; "))
}

fn region(row: &Row) -> String {
    let mut text = format!("{}: {}", row.region, row.doing);
    if !row.image.is_empty() {
        text = format!("{text} {}", shorten(&row.image, IMAGE_WIDTH));
    }
    match &row.sent {
        Some(sent) => {
            let percent = percent(sent.bytes, sent.total);
            format!("{text}, {percent}% of {}", ByteSize(sent.total))
        }
        None => format!("{text} for {}", seconds(row.elapsed.as_secs_f64().round())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::tests::{fleet, rows};
    use super::*;

    #[test]
    fn what_is_under_way_is_one_line() {
        let rows: Vec<Row> = rows().into_iter().cycle().take(300).collect();
        insta::assert_snapshot!(under_way(&rows, &fleet()), @"under way: 12 of 40 regions done, 1 failed; 3.0 GiB of 9.0 GiB sent, 80.0 MiB/s, at least 1 h 6 min left; Trento: listing images for 1 min 15 s; other:A-Region-With-A-Rather-Long-Name: uploading ubuntu-24.04-server-cloudimg-amd64, 39% of 512.0 MiB; Lannion: replacing 日本語日本語日本語日本語日本語…本語日本語日本語日本語日本語, 0% of 512.0 MiB; Prague: finishing debian, 100% of 512.0 MiB; Trento: listing images for 1 min 15 s; and 295 more regions at work");
        let mut begun = fleet();
        (begun.regions_done, begun.regions_failed, begun.sent.total) = (0, 0, 0);
        insta::assert_snapshot!(under_way(&rows[..1], &begun), @"under way: 0 of 40 regions done; Trento: listing images for 1 min 15 s");
    }
}
