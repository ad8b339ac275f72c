//! No circle of files, and no `impl` away from its type: whoever reads one file can read what it uses
//! without coming back to it, and finds all of a type in one place.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{ModulePath, Source};

/// Groups of files each of which reaches all others of its group.
fn circles(source: &Source) -> Vec<BTreeSet<&ModulePath>> {
    let used: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = source
        .files
        .keys()
        .map(|module| (module, source.used_by(module)))
        .collect();
    let reached = |from: &ModulePath| {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&ModulePath> = used[from].iter().copied().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(&used[module]);
            }
        }
        reached
    };
    let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = used
        .keys()
        .map(|module| (*module, reached(module)))
        .collect();
    let mut circles: Vec<BTreeSet<&ModulePath>> = Vec::new();
    for (module, of_module) in &reached {
        if of_module.contains(module) && !circles.iter().any(|circle| circle.contains(module)) {
            let back = of_module
                .iter()
                .filter(|other| reached[*other].contains(module));
            circles.push(back.copied().collect());
        }
    }
    circles
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let source = Source::read();
    let path = |module: &ModulePath| source.files[module].path.clone();
    let mut found = String::new();
    for circle in circles(&source) {
        found += "\na circle:\n";
        for module in &circle {
            let used = source.used_by(module);
            let back = used.intersection(&circle).map(|used| path(used));
            let back: Vec<String> = back.collect();
            let line = format!("  {} uses {}\n", path(module), back.join(", "));
            found.push_str(&line);
        }
    }
    assert!(found.is_empty(), "{found}");
}

#[test]
fn no_file_has_an_impl_of_a_type_of_another() {
    let source = Source::read();
    let found: BTreeSet<String> = source
        .files
        .keys()
        .flat_map(|module| source.foreign_impls(module))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
