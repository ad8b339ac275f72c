//! The names of the regions of the last run, which the completion of a shell offers.

use std::io;
use std::path::Path;

use super::write_atomic;
use crate::host::{FILE_BYTES_MAX, Links, read_regular};

const FILE_NAME: &str = "regions";

/// The names of the regions of the last run, as that folder has them; none where there was none.
pub fn last_regions(folder: &Path) -> Vec<String> {
    let bytes = read_regular(&folder.join(FILE_NAME), Links::Refuse, FILE_BYTES_MAX);
    let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

/// Keeps the names of the regions of a run.
///
/// # Errors
///
/// The folder cannot be written to.
pub fn keep_last_regions(folder: &Path, names: &[String]) -> io::Result<()> {
    super::make_private(folder)?;
    // A name with a line break in it is none that a shell completes.
    let names = names.iter().filter(|name| !name.contains('\n'));
    let text: String = names.flat_map(|name| [name.as_str(), "\n"]).collect();
    write_atomic(&folder.join(FILE_NAME), text.as_bytes(), 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_until_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        assert_eq!(last_regions(&cache), [""; 0]);
        let names = ["Trento", "partner:Berlin", "a\nb"].map(ToOwned::to_owned);
        keep_last_regions(&cache, &names).unwrap();
        assert_eq!(last_regions(&cache), ["Trento", "partner:Berlin"]);
        keep_last_regions(&cache, &names[..1]).unwrap();
        assert_eq!(last_regions(&cache), ["Trento"]);
    }
}
