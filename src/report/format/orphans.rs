//! The images of the regions that no rule selects any more, which a status report names where it is asked for
//! them.

use std::borrow::Borrow;
use std::io::{self, Write};

use super::status::{Reader, csv_writer, io_error};
use crate::plan::{Orphan, Plan};
use crate::report::style::Style;
use crate::report::text::{OneLine, count};

/// Writes `orphan,region,image`, one line per image and region, as [`super::status_csv`] writes its lines.
pub fn orphans_csv<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    reader: Reader,
) -> io::Result<()> {
    let mut writer = csv_writer(out);
    for plan in plans.iter().map(Borrow::borrow) {
        let region = reader.shown(&plan.region.to_string());
        for orphan in &plan.orphans {
            writer
                .write_record(["orphan", &region, &reader.shown(&orphan.image)])
                .map_err(io_error)?;
        }
    }
    writer.flush()
}

/// Writes how many there are, and a line for each, with its region, id and reason.
pub fn orphans_text<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    style: Style,
) -> io::Result<()> {
    let plans = plans.iter().map(Borrow::borrow);
    let number: usize = plans.clone().map(|plan| plan.orphans.len()).sum();
    if number == 0 {
        return writeln!(out, "\nNo orphans.");
    }
    writeln!(out, "\n{}:", count(number, "orphan"))?;
    for plan in plans {
        let region = style.paint.cyan(OneLine(&plan.region.to_string()));
        for orphan in &plan.orphans {
            let line = format!("  {region}: {}", orphan_text(orphan));
            writeln!(out, "{}", style.wrapped(&line, 4))?;
        }
    }
    Ok(())
}

/// An orphan's name, id and reason, and since when it is hidden.
pub(super) fn orphan_text(orphan: &Orphan) -> String {
    let (name, id) = (OneLine(&orphan.image), OneLine(orphan.image_id.as_str()));
    let since = orphan
        .hidden_since
        .map_or_else(String::new, |day| format!("; hidden since {day}"));
    format!("`{name}` ({id}): {}{since}", orphan.reason)
}
