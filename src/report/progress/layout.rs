//! Lines of the bars that fit any screen: narrow ones lose the bar first, then amounts, then the
//! rate. Pure: values and a size in, lines out.

use std::time::Duration;

use crate::model::ByteSize;
use crate::report::style::Paint;
use crate::report::text::{count, pad, shorten};

/// How much was sent, and how fast.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    pub(super) total: u64,
    /// Bytes a second.
    pub(super) rate: Option<u64>,
    pub(super) left: Option<Duration>,
}

/// A region at work. Texts are escaped already.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) region: String,
    pub(super) doing: String,
    pub(super) image: String,
    /// While content flows.
    pub(super) sent: Option<Sent>,
    /// Since the region began.
    pub(super) elapsed: Duration,
}

/// The whole fleet.
#[derive(Debug, Clone)]
pub(super) struct FleetRow {
    pub(super) regions_done: usize,
    pub(super) regions_total: usize,
    pub(super) regions_failed: usize,
    pub(super) sent: Sent,
    /// More may have to be sent than is known yet.
    pub(super) at_least: bool,
    pub(super) elapsed: Duration,
}

/// What there is room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Columns of the screen.
    pub(super) width: usize,
    /// Its rows.
    pub(super) height: usize,
    /// Columns of the longest name of any region, at work or not.
    pub(super) name_width: usize,
}

/// Columns that are used at most: an eye does not find the way across wider ones, and a screen that
/// is made narrower has less to break.
const WIDTH_MAX: usize = 132;

/// Rows and the fleet's line, none wider than the screen and together lower.
pub(super) fn lines(rows: &[Row], fleet: &FleetRow, size: Size, paint: Paint) -> Vec<String> {
    let Size { width, height, .. } = size;
    // A line that fills the last column wraps on some terminals.
    let width = width.saturating_sub(1).clamp(1, WIDTH_MAX);
    // One for the fleet, one for the cursor, one for what does not fit.
    let most = height.saturating_sub(3).max(1);
    let shown = &rows[..rows.len().min(most)];
    let name_width = size.name_width.min((width / 5).max(4));
    let mut lines: Vec<String> = shown
        .iter()
        .map(|row| region_line(row, name_width, width, paint))
        .collect();
    if rows.len() > shown.len() {
        let more = format!(
            "and {} at work",
            count(rows.len() - shown.len(), "more region")
        );
        lines.push(paint.dim(shorten(&more, width)));
    }
    lines.push(fleet_line(fleet, width, paint));
    lines
}

fn region_line(row: &Row, name_width: usize, width: usize, paint: Paint) -> String {
    let stats = match &row.sent {
        Some(sent) => stats(sent, width),
        None if width >= 40 => format!("for {}", clock(row.elapsed)),
        None => String::new(),
    };
    let stats_width = console::measure_text_width(&stats);
    let gap = if stats.is_empty() { 0 } else { 2 };
    let room = width.saturating_sub(name_width + 2 + gap + stats_width);
    let doing = doing(row, room);
    let name = pad(&shorten(&row.region, name_width), name_width);
    let line = format!(
        "{}  {}{}{}",
        paint.cyan(name),
        pad(&doing, room),
        " ".repeat(gap),
        stats
    );
    // A screen too narrow even for the name.
    console::truncate_str(&line, width, "").into_owned()
}

/// The words, then as much of the image's name as fits; its ends tell most.
fn doing(row: &Row, room: usize) -> String {
    if row.image.is_empty() {
        return shorten(&row.doing, room);
    }
    let verb = console::measure_text_width(&row.doing) + 1;
    // Fewer than eight columns say nothing about an image.
    if room < verb + 8 {
        return shorten(&row.image, room);
    }
    format!("{} {}", row.doing, shorten(&row.image, room - verb))
}

fn stats(sent: &Sent, width: usize) -> String {
    let percent = format!("{:>3}%", percent(sent.bytes, sent.total));
    let rate = sent
        .rate
        .map_or_else(String::new, |rate| format!("{}/s", ByteSize(rate)));
    let left = sent.left.map_or_else(String::new, clock);
    let total = ByteSize(sent.total).to_string();
    if width >= 110 {
        let amount = format!("{} of {total}", ByteSize(sent.bytes));
        format!(
            "{} {percent}  {amount:>23}  {rate:>12}  {left:>7}",
            bar(sent.bytes, sent.total, width)
        )
    } else if width >= 76 {
        format!("{percent} of {total:<10}  {rate:>12}  {left:>7}")
    } else if width >= 50 {
        format!("{percent}  {rate:>12}")
    } else if width >= 20 {
        percent
    } else {
        String::new()
    }
}

fn fleet_line(fleet: &FleetRow, width: usize, paint: Paint) -> String {
    let mut line = format!(
        "{}/{} regions",
        fleet.regions_done,
        fleet.regions_total.max(fleet.regions_done)
    );
    if fleet.regions_failed > 0 {
        line = format!(
            "{line}, {}",
            paint.red(format!("{} failed", fleet.regions_failed))
        );
    }
    let sent = &fleet.sent;
    let mut parts = vec![paint.bold(line)];
    if sent.total > 0 {
        let percent = percent(sent.bytes, sent.total);
        let total = ByteSize(sent.total);
        parts.push(if width >= 110 {
            let bar = bar(sent.bytes, sent.total, width);
            format!("{bar} {percent}%  {} of {total}", ByteSize(sent.bytes))
        } else {
            format!("{percent}% of {total}")
        });
        if let Some(rate) = sent.rate {
            parts.push(format!("{}/s", ByteSize(rate)));
        }
        if let Some(left) = sent.left.filter(|_| sent.bytes < sent.total) {
            let more = if fleet.at_least { "≥ " } else { "" };
            parts.push(format!("{more}{} left", clock(left)));
        }
    }
    parts.push(paint.dim(clock(fleet.elapsed)));
    // Whole parts are left out from the end, so that no number is cut in two.
    while parts.len() > 1 && console::measure_text_width(&parts.join("  ")) > width {
        parts.pop();
    }
    console::truncate_str(&parts.join("  "), width, "").into_owned()
}

/// Whole percents; 100 only where everything was sent, as nothing is to be sent.
pub(super) fn percent(bytes: u64, total: u64) -> u64 {
    if total == 0 {
        return 100;
    }
    u64::try_from(u128::from(bytes) * 100 / u128::from(total)).unwrap_or(100)
}

/// A bar for a screen of that width.
fn bar(bytes: u64, total: u64, width: usize) -> String {
    let width = (width / 8).clamp(10, 16);
    let percent = usize::try_from(percent(bytes, total)).unwrap_or(100);
    let filled = width * percent / 100;
    format!("{}{}", "━".repeat(filled), "╌".repeat(width - filled))
}

/// `0:07`, `12:03`, `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::report::progress) fn rows() -> Vec<Row> {
        let sent = |bytes, rate, left| Sent {
            bytes,
            total: 512 << 20,
            rate,
            left,
        };
        let row = |region: &str, doing: &str, image: &str, sent| Row {
            region: region.to_owned(),
            doing: doing.to_owned(),
            image: image.to_owned(),
            sent,
            elapsed: Duration::from_secs(75),
        };
        vec![
            row("Trento", "listing images", "", None),
            row(
                "other:A-Region-With-A-Rather-Long-Name",
                "uploading",
                "ubuntu-24.04-server-cloudimg-amd64",
                Some(sent(
                    200 << 20,
                    Some(10 << 20),
                    Some(Duration::from_secs(32)),
                )),
            ),
            row(
                "Lannion",
                "replacing",
                &"日本語".repeat(85),
                Some(sent(0, None, None)),
            ),
            row(
                "Prague",
                "finishing",
                "debian",
                Some(sent(512 << 20, Some(0), None)),
            ),
        ]
    }

    pub(in crate::report::progress) fn fleet() -> FleetRow {
        FleetRow {
            regions_done: 12,
            regions_total: 40,
            regions_failed: 1,
            sent: Sent {
                bytes: 3 << 30,
                total: 9 << 30,
                rate: Some(80 << 20),
                left: Some(Duration::from_secs(4000)),
            },
            at_least: true,
            elapsed: Duration::from_secs(620),
        }
    }

    fn size(width: usize, height: usize) -> Size {
        Size {
            width,
            height,
            name_width: 38,
        }
    }

    #[test]
    fn bars_at_usual_widths() {
        let screens: Vec<String> = [40, 80, 120, 200]
            .map(|width| lines(&rows(), &fleet(), size(width, 24), Paint::OFF).join("\n"))
            .to_vec();
        insta::assert_snapshot!(screens.join("\n\n"));
    }

    #[test]
    fn bars_fit_any_screen() {
        let many: Vec<Row> = rows().into_iter().cycle().take(500).collect();
        for width in 0..230 {
            for height in [0, 1, 3, 24] {
                for paint in [Paint::OFF, Paint { enabled: true }] {
                    let lines = lines(&many, &fleet(), size(width, height), paint);
                    assert!(lines.len() <= height.saturating_sub(1).max(3));
                    for line in lines {
                        let columns = console::measure_text_width(&line);
                        assert!(columns < width.max(2), "{columns} at {width}: {line}");
                    }
                }
            }
        }
    }
}
