//! Every crate of the build has a licence and a source that `deny.toml` allows: a check that needs
//! no tool but cargo. `cargo deny` looks closer, at the crates of other platforms too.

use std::process::Command;

use serde_json::Value;

const DENY: &str = include_str!("../../deny.toml");

/// The strings of a list in a section of `deny.toml`.
fn list(section: &str, key: &str) -> Vec<String> {
    let body = DENY
        .split(&format!("\n[{section}]\n"))
        .nth(1)
        .expect(section);
    let body = body.split(&format!("{key} = [")).nth(1).expect(key);
    let body = body.split(']').next().expect("an end");
    body.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Whether an SPDX expression is satisfied by those licences.
fn is_satisfied(expression: &str, allowed: &[String]) -> bool {
    let mut depth = 0;
    let is_outside = |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    };
    let outside: Vec<bool> = expression.chars().map(is_outside).collect();
    let halves = |word: &str| {
        let mut places = expression.match_indices(word);
        let place = places.find(|(place, _)| outside[*place])?.0;
        Some((&expression[..place], &expression[place + word.len()..]))
    };
    if let Some((left, right)) = halves(" OR ").or_else(|| halves("/")) {
        return is_satisfied(left, allowed) || is_satisfied(right, allowed);
    }
    if let Some((left, right)) = halves(" AND ") {
        return is_satisfied(left, allowed) && is_satisfied(right, allowed);
    }
    let bare = expression.trim();
    match bare
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(inner) => is_satisfied(inner, allowed),
        None => allowed.iter().any(|licence| licence == bare),
    }
}

#[test]
fn every_crate_has_an_allowed_licence_and_source() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let licences = list("licenses", "allow");
    let registries = list("sources", "allow-registry");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "{}", packages.len());
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_satisfied(licence, &licences), "{name}: {licence:?}");
        let source = package["source"].as_str();
        let is_known = source.is_none_or(|source| {
            registries
                .iter()
                .any(|known| source == format!("registry+{known}"))
        });
        assert!(
            is_known && (source.is_some() || name == "glancesync"),
            "{name}: {source:?}"
        );
        assert!(
            !DENY.contains(&format!("crate = \"{name}\"")),
            "{name} is banned"
        );
    }
}

#[test]
fn expressions_of_licences_are_understood() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR LGPL-2.1) AND ISC", false),
        ("MIT/Apache-2.0", true),
        ("", false),
    ] {
        assert_eq!(is_satisfied(expression, &allowed), expected, "{expression}");
    }
}
