//! The images that are in step, with their ids: for what refers to images by id.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::json;
use super::status::{Reader, csv_writer, io_error};
use crate::event::Failure;
use crate::model::{ImageId, RegionName, Status};
use crate::plan::Plan;
use crate::report::style::Style;
use crate::report::summary::RunSummary;
use crate::report::text::{OneLine, count, pad};

/// An image that is in step in a region.
#[derive(Debug, Clone, Copy, Serialize)]
struct Entry<'a> {
    image: &'a str,
    region: &'a RegionName,
    id: &'a ImageId,
}

/// By name, then in the order of the plans.
fn entries<P: Borrow<Plan>>(plans: &[P]) -> Vec<Entry<'_>> {
    let mut by_name: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for plan in plans.iter().map(Borrow::borrow) {
        for state in &plan.images {
            if let (Status::Ok, Some(id)) = (state.status, &state.image_id) {
                let image = state.image.as_str();
                let region = &plan.region;
                let entry = Entry { image, region, id };
                by_name.entry(image).or_default().push(entry);
            }
        }
    }
    by_name.into_values().flatten().collect()
}

/// Writes `image,region,id`, one line per image and region, without a header: by the image's name,
/// then in the order of `plans`.
pub fn images_csv<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    reader: Reader,
) -> io::Result<()> {
    let mut writer = csv_writer(out);
    for Entry { image, region, id } in entries(plans) {
        let words = [image, &region.to_string(), id.as_str()].map(|word| reader.shown(word));
        writer.write_record(words).map_err(io_error)?;
    }
    writer.flush()
}

/// Writes the same in columns, and how many there are.
pub fn images_table<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    style: Style,
) -> io::Result<()> {
    let shown = |text: &str| OneLine(text).to_string();
    let rows = entries(plans)
        .into_iter()
        .map(|Entry { image, region, id }| [image, &region.to_string(), id.as_str()].map(shown));
    let rows: Vec<[String; 3]> = rows.collect();
    let header = ["image", "region", "id"].map(ToOwned::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&header]).map(|row| &row[column]);
        cells.map(|cell| console::measure_text_width(cell)).max()
    };
    let widths = [0, 1].map(|column| width(column).unwrap_or_default());
    for [image, region, id] in [&header].into_iter().chain(&rows) {
        let (image, region) = (pad(image, widths[0]), pad(region, widths[1]));
        let line = format!("{image}  {region}  {id}");
        writeln!(out, "{}", style.wrapped(&line, 2))?;
    }
    writeln!(out, "\n{} in step", count(rows.len(), "image"))
}

/// Writes the same as one document, with what failed.
pub fn images_json<P: Borrow<Plan>>(
    out: &mut impl Write,
    plans: &[P],
    summary: &RunSummary,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Problem<'a> {
        #[serde(flatten)]
        failure: &'a Failure,
        #[serde(skip_serializing_if = "Option::is_none")]
        region: Option<&'a RegionName>,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        master: &'a Option<RegionName>,
        images: Vec<Entry<'a>>,
        errors: Vec<Problem<'a>>,
        exit_code: u8,
        reason: Option<&'a str>,
    }
    let of_run = summary.errors.iter().map(|failure| Problem {
        failure,
        region: None,
    });
    let of_regions = summary.regions.iter().flat_map(|region| {
        region.errors.iter().map(|failure| Problem {
            failure,
            region: Some(&region.region),
        })
    });
    let document = Document {
        master: &summary.master,
        images: entries(plans),
        errors: of_run.chain(of_regions).collect(),
        exit_code: summary.exit_code,
        reason: summary.reason.as_deref(),
    };
    json(out, &document)
}
