//! Which module may use which, as the table of `ARCHITECTURE.md` says.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");

/// The table: the words of the column "may use" of each module.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let rows = ARCHITECTURE
        .lines()
        .skip_while(|line| !line.starts_with("| module |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let module = cells[0]
            .trim_matches('`')
            .trim_end_matches('/')
            .trim_end_matches(".rs");
        let used = cells[2].split(',').map(|word| word.trim().to_owned());
        (
            module.to_owned(),
            used.filter(|word| word != "nothing").collect(),
        )
    })
    .collect()
}

#[test]
fn no_module_uses_one_that_its_row_does_not_name() {
    let table = table();
    let source = Source::read();
    let mut found = BTreeSet::new();
    for (module, file) in &source.files {
        let Some(from) = module.first() else { continue };
        let allowed = table.get(from);
        assert!(allowed.is_some(), "`{from}` has no row in ARCHITECTURE.md");
        for used in source.used_by(module) {
            let Some(used) = used.first() else { continue };
            if used != from && !allowed.is_some_and(|allowed| allowed.contains(used)) {
                found.insert(format!("{} uses {used}", file.path));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What a decision must not touch: files, networks, clocks, runtimes.
const IMPURE: [&str; 8] = [
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
    "Instant",
    "SystemTime",
];

#[test]
fn decisions_are_pure() {
    let source = Source::read();
    let mut found = BTreeSet::new();
    for (module, file) in &source.files {
        if module.first().is_none_or(|first| first != "plan") {
            continue;
        }
        let product = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        let code = product
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in IMPURE.iter().chain(&["Utc::now", "Local::now"]) {
                if line.contains(word) {
                    found.insert(format!("{}: {}", file.path, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
