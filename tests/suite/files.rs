//! Who may read what the program writes.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::common::{Fleet, NewImage, Program};

/// Every file and folder that the program may have made.
fn below(fleet: &Fleet) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![fleet.work_dir(), fleet.home().join("home")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

#[test]
fn nobody_else_can_read_what_is_written_whatever_the_umask() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let fresh = below(&fleet);
    for words in [&["--parallel"][..], &["--make-backup"]] {
        Program::with(&fleet, &fleet.config())
            .args(words)
            .after("umask 000")
            .run()
            .expect(0);
    }
    let mut files = below(&fleet);
    files.retain(|path| !fresh.contains(path));
    assert!(files.len() > 6, "{files:?}");
    for path in files {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        let allowed = if path.is_dir() { 0o750 } else { 0o640 };
        assert_eq!(mode & !allowed, 0, "{mode:o} {}", path.display());
    }
}
