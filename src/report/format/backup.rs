//! The files of a backup.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{RegionError, json, region_errors};
use crate::report::summary::RunSummary;
use crate::report::text::OneLine;
use crate::state::BackupFile;

/// Writes one path a line.
pub fn backup_text(out: &mut impl Write, files: &[BackupFile]) -> io::Result<()> {
    for file in files {
        writeln!(out, "{}", OneLine(&file.path.to_string_lossy()))?;
    }
    Ok(())
}

/// Writes one document: the folder, none where no file was written, its files in run order, and what
/// failed.
pub fn backup_json(
    out: &mut impl Write,
    folder: &Path,
    files: &[BackupFile],
    summary: &RunSummary,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        folder: Option<&'a Path>,
        files: &'a [BackupFile],
        errors: Vec<RegionError<'a>>,
    }
    json(
        out,
        &Document {
            folder: (!files.is_empty()).then_some(folder),
            files,
            errors: region_errors(summary),
        },
    )
}
