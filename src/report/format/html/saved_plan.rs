//! A saved plan as a page: each region with its actions, and what results of each.

use std::io::{self, Write};

use chrono::{DateTime, FixedOffset};

use super::text::Text;
use super::{STYLE, rest};
use crate::plan::{PlanFile, SavedRegion};
use crate::report::format::saved_plan::{failure_text, made, results, sums, title, total};

/// Actions of one page: one that is longer helps nobody, and the file has them all.
const ACTIONS_MAX: usize = 20_000;

/// Writes the page. `now` is the time that it says.
pub fn saved_plan_html(
    out: &mut impl Write,
    plan: &PlanFile,
    now: DateTime<FixedOffset>,
) -> io::Result<()> {
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Plan for {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>Plan for {}</h1>\n<p>{} · printed <time datetime=\"{}\">{}</time></p>\n\
         <p><b>{}</b></p></header>\n<main>\n",
        Text(&plan.master),
        Text(&plan.master),
        Text(&made(plan)),
        now.to_rfc3339(),
        now.format("%Y-%m-%d %H:%M:%S %:z"),
        Text(&total(plan)),
    )?;
    for failure in &plan.failed {
        let text = format!("not planned: {}", failure_text(failure));
        writeln!(out, "<p class=\"failure\">{}</p>", Text(&text))?;
    }
    let (mut written, mut left_out) = (0, 0);
    writeln!(out, "<section id=\"plan\"><h2>Regions</h2>")?;
    for region in &plan.regions {
        let room = (ACTIONS_MAX - written).min(region.actions.len());
        one_region(out, region, room)?;
        written += room;
        left_out += region.actions.len() - room;
    }
    rest(out, left_out)?;
    writeln!(out, "</section>\n</main>\n</body>\n</html>")
}

fn one_region(out: &mut impl Write, region: &SavedRegion, room: usize) -> io::Result<()> {
    writeln!(
        out,
        "<div><h3>{}</h3>\n<p>{}</p><dl>",
        Text(&region.region),
        Text(&sums(region))
    )?;
    for action in &region.actions[..room] {
        let lines = results(action);
        let lines: Vec<String> = lines.iter().map(|line| Text(line).to_string()).collect();
        writeln!(
            out,
            "<dt>{}<dd>{}",
            Text(&title(action)),
            lines.join("<br>")
        )?;
    }
    writeln!(out, "</dl>")?;
    for failure in &region.will_fail {
        let text = failure_text(failure);
        writeln!(out, "<p class=\"failure\">{}</p>", Text(&text))?;
    }
    writeln!(out, "</div>")
}
