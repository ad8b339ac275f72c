//! Checks events against the page that describes them, `docs/events.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

const PAGE: &str = include_str!("../../docs/events.md");

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::read(PAGE));

/// Says what is wrong with an event; nothing where it is as the page says.
pub(crate) fn complaints(event: &Value) -> Vec<String> {
    TABLES.complaints(event)
}

/// What the page says of a field.
struct Field {
    kind: String,
    is_always_there: bool,
}

type Fields = BTreeMap<String, Field>;

struct Tables {
    /// By event, those of every event included.
    events: BTreeMap<String, Fields>,
    warning_codes: BTreeSet<String>,
    error_codes: BTreeSet<String>,
}

impl Tables {
    fn read(page: &str) -> Self {
        let section = |title: &str| {
            let mut sections = page.split("\n## ");
            sections
                .find_map(|section| section.strip_prefix(title))
                .unwrap_or_else(|| panic!("no section {title}"))
        };
        let codes = |title| rows(section(title)).map(|row| word(row[0])).collect();
        let events = section("Events\n").split("\n### ").skip(1).map(|event| {
            let (name, table) = event.split_once('\n').expect("a table");
            let table = format!("{}{table}", section("Fields of every event"));
            (word(name), fields(&table))
        });
        Self {
            events: events.collect(),
            warning_codes: codes("Warning codes"),
            error_codes: codes("Error codes"),
        }
    }

    fn complaints(&self, event: &Value) -> Vec<String> {
        let Some(object) = event.as_object() else {
            return vec!["it is not an object".to_owned()];
        };
        let name = event["event"].as_str().unwrap_or_default();
        let Some(fields) = self.events.get(name) else {
            return vec![format!("the page has no event `{name}`")];
        };
        let missing = fields
            .iter()
            .filter(|(name, field)| field.is_always_there && !object.contains_key(*name))
            .map(|(name, _)| format!("`{name}` is missing"));
        let wrong = object.iter().filter_map(|(name, value)| {
            let Some(field) = fields.get(name) else {
                return Some(format!("the page has no field `{name}` of it"));
            };
            let is_right = self.is_of_kind(value, &field.kind);
            (!is_right).then(|| format!("`{name}` is {value} and no {}", field.kind))
        });
        missing.chain(wrong).collect()
    }

    fn is_of_kind(&self, value: &Value, kind: &str) -> bool {
        match kind {
            "string" => value.is_string(),
            "string or null" => value.is_string() || value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64(),
            "number" => value.is_number(),
            "object" => value.is_object(),
            "array of strings" => {
                let items = value.as_array();
                items.is_some_and(|items| items.iter().all(Value::is_string))
            }
            "array of objects" => {
                let items = value.as_array();
                items.is_some_and(|items| items.iter().all(Value::is_object))
            }
            "object of integers" => {
                let fields = value.as_object();
                fields.is_some_and(|fields| fields.values().all(Value::is_u64))
            }
            "warning code" => is_among(value, &self.warning_codes),
            "error code" => is_among(value, &self.error_codes),
            _ => {
                let words = kind.strip_prefix("one of ");
                let words = words.unwrap_or_else(|| panic!("the page has a type `{kind}`"));
                is_among(value, &words.split(", ").map(word).collect())
            }
        }
    }
}

fn is_among(value: &Value, words: &BTreeSet<String>) -> bool {
    value.as_str().is_some_and(|text| words.contains(text))
}

fn fields(table: &str) -> Fields {
    let field = |row: Vec<&str>| {
        assert_eq!(row.len(), 5, "{row:?}");
        assert!(matches!(row[2], "yes" | "no"), "{row:?}");
        let field = Field {
            kind: row[1].to_owned(),
            is_always_there: row[2] == "yes",
        };
        (word(row[0]), field)
    };
    rows(table).map(field).collect()
}

/// The cells of each row that begins with a word of the program.
fn rows(section: &str) -> impl Iterator<Item = Vec<&str>> {
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(str::trim).collect()
        })
}

fn word(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}

/// What the check is there for, so that it cannot go blind unnoticed.
#[test]
fn events_that_are_not_as_the_page_says_are_found() {
    let started = serde_json::json!({
        "ts": "2026-01-01T00:00:00.000Z", "level": "info", "event": "region_started",
        "region": "Trento", "run_id": "c0ffee",
    });
    assert_eq!(complaints(&started), [""; 0]);
    let mut changed = [(); 6].map(|()| started.clone());
    changed[0]["event"] = "region_begun".into();
    changed[1]["colour"] = "red".into();
    changed[2].as_object_mut().expect("an object").remove("ts");
    changed[3]["region"] = 7.into();
    changed[4]["level"] = "loud".into();
    changed[5] = serde_json::json!({
        "ts": "", "level": "error", "event": "error", "code": "bad_luck", "message": "", "hint": "",
        "run_id": "",
    });
    for event in changed {
        assert_eq!(complaints(&event).len(), 1, "{event}");
    }
}
