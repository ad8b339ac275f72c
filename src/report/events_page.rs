//! Checks the page about events, `docs/events.md`, against the codes of the program. That events
//! keep to the page is checked by the suite, wherever it reads one.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use crate::exit_codes;
use crate::model::{ErrorCode, WarningCode};

const PAGE: &str = include_str!("../../docs/events.md");

/// The first column of the table in the section of that title.
fn documented(title: &str) -> BTreeSet<String> {
    let rows: Vec<&str> = PAGE
        .split("\n## ")
        .find_map(|section| section.strip_prefix(title))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let codes: BTreeSet<String> = rows.iter().map(ToString::to_string).collect();
    assert_eq!(codes.len(), rows.len(), "a code is listed twice: {rows:?}");
    codes
}

/// Every word that the type can be read from, as serde itself lists them: none can be forgotten.
fn words<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = serde_json::from_str::<T>("\"\"").err().unwrap().to_string();
    let (_, listed) = error.split_once("expected one of ").unwrap();
    let quoted = listed.split('`').skip(1).step_by(2);
    quoted.map(ToOwned::to_owned).collect()
}

#[test]
fn the_page_lists_every_code_and_no_other() {
    assert_eq!(documented("Warning codes"), words::<WarningCode>());
    assert_eq!(documented("Error codes"), words::<ErrorCode>());
}

#[test]
fn the_page_about_trouble_has_every_error_code_and_no_other() {
    let titles: Vec<String> = include_str!("../../docs/troubleshooting.md")
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(ToOwned::to_owned)
        .collect();
    let codes: BTreeSet<String> = titles.iter().cloned().collect();
    assert_eq!(codes.len(), titles.len(), "a code is there twice");
    assert_eq!(codes, words::<ErrorCode>());
}

#[test]
fn every_error_code_is_in_its_own_list() {
    let all = ErrorCode::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(words::<ErrorCode>(), all);
}

#[test]
fn the_page_lists_the_exit_codes() {
    let codes = documented("Exit codes");
    let known = [
        exit_codes::OK,
        exit_codes::FAILED,
        exit_codes::USAGE,
        exit_codes::LOCKED,
        exit_codes::INTERRUPTED,
    ];
    assert_eq!(codes, known.iter().map(ToString::to_string).collect());
}
