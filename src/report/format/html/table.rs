//! The table of a page: images down, regions across, with what its rows are chosen and sorted by above it, and
//! counts at its foot.

use std::io::{self, Write};

use super::text::Text;
use crate::model::Status;
use crate::report::format::matrix::{Cell, Matrix, UNREAD, sign};
use crate::report::messages::counts_text;
use crate::report::text::count;

/// The legend, which is also what rows are chosen by, and two fields for names.
pub(super) fn filters(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    writeln!(
        out,
        "<form id=\"filters\"><p><label>Image <input id=\"image\" type=\"search\" placeholder=\"part of its name\"></label>\n\
         <label>Region <input id=\"region\" type=\"search\" placeholder=\"part of its name\"></label>\n\
         <label>Sort by <select id=\"sort\"><option value=\"size\">size<option value=\"name\">name\
         <option value=\"state\">what needs somebody first</select></label>\n\
         <output id=\"shown\"></output></p>\n<fieldset><legend>Signs; those ticked choose the rows that have one of them</legend>"
    )?;
    let mut entry = |class: &str, sign: &str, word: &str, number: usize| {
        writeln!(
            out,
            "<label><input type=\"checkbox\" value=\"{class}\"><span class=\"sign {class}\">{sign}</span> \
             <span>{word}</span> <small>{number}</small></label>"
        )
    };
    for (status, number) in matrix.counts() {
        entry(class(status), shown(status), status.as_str(), number)?;
    }
    if matrix.unread() > 0 {
        entry(UNREAD_CLASS, UNREAD, "region failed", matrix.unread())?;
    }
    writeln!(out, "</fieldset></form>")
}

pub(super) fn table(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    if matrix.images.is_empty() {
        return writeln!(
            out,
            "<p>No image is selected, or no region could be read.</p>"
        );
    }
    let columns = matrix.columns.len();
    write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Images by regions\">\
         <table id=\"matrix\" style=\"--columns:{columns}\">\n<thead><tr><th scope=\"col\">Image"
    )?;
    for (place, column) in matrix.columns.iter().enumerate() {
        let name = column.region.region.to_string();
        write!(
            out,
            "<th scope=\"col\"><a href=\"#r{place}\">{}</a>",
            Text(&name)
        )?;
    }
    writeln!(out, "</thead>\n<tbody>")?;
    for (row, image) in matrix.images.iter().enumerate() {
        write!(
            out,
            "<tr><th scope=\"row\"><a href=\"#i{row}\">{}</a>",
            Text(image)
        )?;
        for column in &matrix.columns {
            // The ends of cells and rows may be left out, which is half of a large page.
            match column.cell(row) {
                Cell::NotSelected => write!(out, "<td>")?,
                Cell::Unread => write!(out, "<td class={UNREAD_CLASS}>{UNREAD}")?,
                Cell::State(state) => {
                    let (class, sign) = (class(state.status), shown(state.status));
                    write!(out, "<td class={class}>{sign}")?;
                }
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "</tbody>")?;
    foot(out, matrix)?;
    writeln!(out, "</table></div>")?;
    sums(out, matrix)
}

/// How many images of each region are pending or wait for a decision.
fn foot(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    write!(out, "<tfoot><tr><th scope=\"row\">Not in step")?;
    for column in &matrix.columns {
        let cells = (0..matrix.images.len()).map(|row| column.cell(row));
        let is_off = |cell: &Cell| matches!(cell, Cell::State(state) if state.status.is_error() || state.status.is_pending());
        match column.plan {
            None => write!(out, "<td>{UNREAD}")?,
            Some(_) => write!(out, "<td>{}", cells.filter(is_off).count())?,
        }
    }
    writeln!(out, "</tfoot>")
}

/// `9 images in 3 regions: 2 ok, 1 pending_upload`, for the foot of the table.
fn sums(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    let unread = match matrix.unread() {
        0 => String::new(),
        unread => format!("; {} failed", count(unread, "region")),
    };
    writeln!(
        out,
        "<p>{} in {}: {}{unread}</p>",
        count(matrix.images.len(), "image"),
        count(matrix.columns.len(), "region"),
        counts_text(&matrix.counts())
    )
}

const UNREAD_CLASS: &str = "q";

/// A letter for each status, since a large page has it very often.
pub(super) fn class(status: Status) -> &'static str {
    match status {
        Status::Ok => "k",
        Status::OkStalledChecksum => "s",
        Status::PendingUpload => "u",
        Status::PendingMetadata => "m",
        Status::PendingRename => "n",
        Status::PendingReplace => "r",
        Status::PendingAmi => "a",
        Status::ErrorChecksum => "c",
        Status::ErrorAmi => "x",
    }
}

/// The sign of the table, with a dot that is seen better.
pub(super) fn shown(status: Status) -> &'static str {
    match status {
        Status::Ok => "·",
        other => sign(other),
    }
}
