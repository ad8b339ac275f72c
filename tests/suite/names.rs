//! Names that somebody will give an image one day.

use crate::common::{Fleet, NewImage};

/// Names with whatever breaks a report, a query, a file name or a terminal.
fn odd_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "two\nlines",
        "tab\tand return\r",
        "a,b",
        "say \"hi\"",
        "it's",
        "../../etc/passwd",
        "..",
        "/",
        "a/b",
        " leading and trailing ",
        "per%20cent & more?x=y#z",
        "back\\slash",
        "grüße 漢字 …",
        "--dry-run",
        "=1+1",
        "{}[]*?",
        "\u{1b}[31mred",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("n".repeat(255));
    names.push("漢".repeat(255));
    names.sort();
    names
}

#[test]
fn odd_names_are_reported_uploaded_and_recognised() {
    let fleet = Fleet::start();
    let names = odd_names();
    for name in &names {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    let lines = |status: &str| -> Vec<_> {
        let line = |name: &String| (status.to_owned(), "RegionTwo".to_owned(), name.clone());
        names.iter().map(line).collect()
    };
    let outcome = fleet.status(&fleet.config(), &["RegionTwo"]);
    assert_eq!(outcome.status(), lines("pending_upload"));
    fleet
        .glancesync(&["--parallel", "RegionTwo"])
        .run()
        .expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), names);
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    outcome.assert_changed_nothing();
    assert_eq!(
        fleet.status(&fleet.config(), &["RegionTwo"]).status(),
        lines("ok")
    );
}

#[test]
fn odd_names_are_renamed_and_replaced() {
    for (key, left) in [("rename", ".old"), ("replace", "")] {
        let fleet = Fleet::start();
        let names: Vec<String> = odd_names()
            .into_iter()
            .filter(|name| name.chars().count() < 200)
            .collect();
        for name in &names {
            fleet.master().create(NewImage::new(name, "abc"));
            fleet
                .region("RegionTwo")
                .create(NewImage::new(name, "other"));
        }
        fleet
            .run(&fleet.config().master(key, "any"), &["RegionTwo"])
            .expect(0);
        let mut expected = names.clone();
        if !left.is_empty() {
            expected.extend(names.iter().map(|name| format!("{name}{left}")));
        }
        expected.sort();
        assert_eq!(fleet.region("RegionTwo").names(), expected, "{key}");
        assert_eq!(
            fleet.region("RegionTwo").the("a,b")["checksum"],
            fleet.master().the("a,b")["checksum"]
        );
    }
}

#[test]
fn a_persons_log_holds_no_control_characters_of_a_name() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("\u{1b}[31mred\u{7}", "abc"));
    let program = crate::common::Program::with(&fleet, &fleet.config());
    let outcome = program
        .args(["--color", "never", "RegionTwo"])
        .run()
        .expect(0);
    let output = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!output.contains(['\u{1b}', '\u{7}']), "{outcome}");
}
