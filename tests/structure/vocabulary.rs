//! Words that `docs/glossary.md` has retired do not come back, in code, messages or documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::source::{collect_files, package};

const GLOSSARY: &str = include_str!("../../docs/glossary.md");

/// The words of the glossary's last table: identifiers in backticks, and phrases.
fn retired() -> Vec<&'static str> {
    let rows = GLOSSARY
        .lines()
        .skip_while(|line| !line.starts_with("| not |"));
    rows.skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|row| row.trim_matches('|').split('|').next())
        .map(str::trim)
        .collect()
}

/// Whether the line has the word, and not only as a part of another.
fn has(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(place, _)| {
        let before = line[..place].chars().next_back();
        let after = line[place + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn retired_words_do_not_come_back() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "docs", "conf", "packaging"] {
        collect_files(
            &package().join(folder),
            &["rs", "md", "conf", "snap", "js"],
            &mut files,
        );
    }
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ] {
        files.push(package().join(name));
    }
    files.retain(|path| {
        !path.ends_with("docs/glossary.md") && !path.ends_with("structure/vocabulary.rs")
    });
    assert!(files.len() > 300, "{}", files.len());
    let is_snapshot = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "snap");
    assert!(files.iter().any(is_snapshot), "what the program prints");
    let words = retired();
    assert!(words.len() > 20, "{words:?}");
    let mut found = BTreeSet::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            for word in &words {
                let is_found = match word
                    .strip_prefix('`')
                    .and_then(|word| word.strip_suffix('`'))
                {
                    Some(identifier) => has(line, identifier),
                    None => has(&line.to_lowercase(), word),
                };
                if is_found {
                    found.insert(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
