//! The files of a configuration: which one is read, its text, and who else can read it.
//! `layers` and `clouds` use it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Origin;
use super::sources::Sources;
use crate::host::{FILE_BYTES_MAX, SilenceLimit, read_input};
use crate::model::{Warning, WarningCode};

/// The file to read and, when it must exist, what names it.
pub(super) fn choose_file(sources: &Sources) -> Option<(PathBuf, Option<&'static str>)> {
    const VARIABLE: &str = "GLANCESYNC_CONFIG";
    if let Some(path) = &sources.config_file {
        return Some((path.clone(), Some("--config-file")));
    }
    match sources.environment.get(VARIABLE) {
        Some(path) if !path.is_empty() => Some((path.into(), Some("$GLANCESYNC_CONFIG"))),
        _ if sources.default_file.as_os_str().is_empty() => None,
        _ => Some((sources.default_file.clone(), None)),
    }
}

pub(super) fn file_origin(path: &Path, line: usize) -> Origin {
    Origin::File {
        path: path.to_owned(),
        line,
    }
}

/// What is wrong with a file that is not UTF-8.
pub(super) const NOT_UTF8: &str =
    "the line is not UTF-8; convert the file, for example with `iconv -t UTF-8`";

/// Why the text of a file is unavailable.
pub(super) enum ReadError {
    Io(io::Error),
    /// The line is the first that is not.
    NotUtf8 {
        line: usize,
    },
}

/// A pipe may wait for a person who types a password: `<(gpg -d …)`.
const SILENCE: SilenceLimit = SilenceLimit(Duration::from_mins(1));

/// The text of a file. Blocks for a minute where it is a pipe out of which nothing comes.
pub(super) fn read_text(path: &Path) -> Result<String, ReadError> {
    let bytes = read_input(path, FILE_BYTES_MAX, SILENCE).map_err(ReadError::Io)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        ReadError::NotUtf8 { line }
    })
}

/// A warning where everybody can read the file at `path`, which messages call `name`.
pub(super) fn permission_warning(path: &Path, name: &Path) -> Option<Warning> {
    use std::os::unix::fs::PermissionsExt;

    const READ_BY_OTHERS: u32 = 0o004;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & READ_BY_OTHERS != 0).then(|| {
        let name = name.display();
        Warning::new(
            WarningCode::ConfigPermissions,
            format!("{name} holds a secret and everybody can read it; run `chmod o-rwx {name}`."),
        )
    })
}
