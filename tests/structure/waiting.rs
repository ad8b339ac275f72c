//! Tests wait for conditions, never for a time to have passed.

use std::collections::BTreeSet;
use std::fs;

use super::source::{Source, collect_files, package};

/// Where tests let time pass all the same.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("tests/common/wait.rs", "the helper that all others use"),
    (
        "src/openstack/testing.rs",
        "a server that reads slowly, for uploads to be in progress",
    ),
];

/// The path and the text of all code that is for tests alone.
fn test_code() -> Vec<(String, String)> {
    let product = Source::read();
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect_files(&package().join(folder), &["rs"], &mut files);
    }
    let code = files.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let below = path.strip_prefix(package()).unwrap_or(&path);
        let path = below.display().to_string();
        let tests = if product.files.values().any(|file| file.path == path) {
            let tests = text.split_once("#[cfg(test)]").map(|(_, tests)| tests);
            tests.unwrap_or_default().to_owned()
        } else {
            text
        };
        (path, tests)
    });
    code.collect()
}

#[test]
fn no_test_waits_for_a_fixed_time() {
    let mut found = BTreeSet::new();
    let mut unused = BTreeSet::from(EXCEPTIONS.map(|(path, _)| path.to_owned()));
    // So that this file is not found itself.
    let call = ["sleep", "("].concat();
    for (path, text) in test_code() {
        let is_exception = EXCEPTIONS.iter().any(|(exception, _)| *exception == path);
        for line in text.lines().filter(|line| line.contains(&call)) {
            if is_exception {
                unused.remove(&path);
            } else {
                found.insert(format!("{path}: {}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "use `tests/common/wait.rs`: {found:#?}");
    assert!(unused.is_empty(), "exceptions without need: {unused:?}");
}
