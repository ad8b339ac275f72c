//! Files that a run writes at its end, and nobody would miss before: so they are tried before it.

use std::path::Path;

use crate::host::check_replaceable;

/// Says whether a file could be put there. `option` names it.
pub(super) fn check(option: &str, path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let shown = path.display();
    if path.file_name().is_none() {
        return Err(format!("{option}: {shown} is a folder, not a file"));
    }
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(format!(
            "{option} {shown}: the folder {folder} is not there"
        ));
    }
    // It is put in the place of what is there: that may be a device of this machine.
    check_replaceable(path)
        .map_err(|error| format!("{option} {shown} would be replaced, and {error}"))?;
    // The only test that counts everything in: permissions, a read-only disk, a full one.
    tempfile::Builder::new()
        .prefix(".glancesync-")
        .tempfile_in(folder)
        .map(drop)
        .map_err(|error| format!("{option} {shown}: {error}"))
}
