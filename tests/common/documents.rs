//! Checks documents of `--format json` against the page that describes them, `docs/json.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

const PAGE: &str = include_str!("../../docs/json.md");
const EVENTS: &str = include_str!("../../docs/events.md");
const ACTIONS: &str = "upload, replace, rename, update_metadata, mark_obsolete, update_ami, delete_leftover, \
     delete_old, hide_orphan, delete_orphan";
const STATUSES: &str = "ok, ok_stalled_checksum, pending_upload, pending_metadata, pending_rename, \
     pending_replace, pending_ami, error_checksum, error_ami";

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::read(PAGE));

/// Says what is wrong with a document; nothing where it is one of those of the page.
pub(crate) fn complaints(document: &Value) -> Vec<String> {
    let found = SCHEMA.documents.iter().map(|kind| {
        let mut found = Vec::new();
        SCHEMA.check(document, kind, kind, &mut found);
        (SCHEMA.unlikeness(document, kind), found)
    });
    // Of the one that it is most like: by its own fields first, then by all that is in them.
    let nearest = found.min_by_key(|(unlikeness, found)| (*unlikeness, found.len()));
    nearest.map(|(_, found)| found).unwrap_or_default()
}

/// What the page says of a field.
struct Field {
    kind: String,
    always: Always,
}

/// Where a field is.
enum Always {
    Yes,
    No,
    /// Where the object's `rule` or `action` is one of these, and nowhere else.
    Of(BTreeSet<String>),
}

struct Schema {
    documents: Vec<String>,
    objects: BTreeMap<String, BTreeMap<String, Field>>,
    error_codes: BTreeSet<String>,
    warning_codes: BTreeSet<String>,
}

impl Schema {
    fn read(page: &str) -> Self {
        let (before, objects) = page.split_once("\n## Objects\n").expect("objects");
        let (_, documents) = before.split_once("\n## Documents\n").expect("documents");
        let documents = documents.lines().filter(|line| line.starts_with("| "));
        let documents = documents.skip(2).map(|line| cells(line)[1].clone());
        let objects = objects.split("\n### ").skip(1).map(|object| {
            let (name, text) = object.split_once('\n').expect("a table");
            let fields = text.lines().filter(|line| line.starts_with("| `"));
            let fields = fields.map(cells).filter(|row| row.len() == 4).map(|row| {
                let always = match row[2].as_str() {
                    "yes" => Always::Yes,
                    "no" => Always::No,
                    words => Always::Of(words_of(words)),
                };
                let kind = row[1].clone();
                (word(&row[0]), Field { kind, always })
            });
            (word(name), fields.collect())
        });
        let codes = |title: &str| {
            let section = EVENTS
                .split("\n## ")
                .find_map(|section| section.strip_prefix(title));
            let lines = section.expect("codes").lines();
            let rows = lines.filter(|line| line.starts_with("| `"));
            rows.map(|row| word(&cells(row)[0])).collect()
        };
        Self {
            documents: documents.collect(),
            objects: objects.collect(),
            error_codes: codes("Error codes"),
            warning_codes: codes("Warning codes"),
        }
    }

    /// How many of the document's own fields are missing or too much for that type; without end for an
    /// array in place of an object, and the other way round.
    fn unlikeness(&self, document: &Value, kind: &str) -> usize {
        match (object_of(kind), document) {
            (None, Value::Array(_)) => 0,
            (Some(name), Value::Object(object)) => {
                let fields = self.object(name);
                let missing = fields.iter().filter(|(name, field)| {
                    matches!(field.always, Always::Yes) && !object.contains_key(*name)
                });
                let unknown = object.keys().filter(|name| !fields.contains_key(*name));
                missing.count() + unknown.count()
            }
            _ => usize::MAX,
        }
    }

    fn object(&self, name: &str) -> &BTreeMap<String, Field> {
        let fields = self.objects.get(name);
        fields.unwrap_or_else(|| panic!("the page has no object `{name}`"))
    }

    /// Adds to `found` what of a value is not as that type says; `path` leads to it.
    fn check(&self, value: &Value, kind: &str, path: &str, found: &mut Vec<String>) {
        if let Some(kind) = kind.strip_suffix(" or null") {
            if !value.is_null() {
                self.check(value, kind.trim_end_matches(','), path, found);
            }
        } else if let Some(kind) = kind.strip_prefix("array of ") {
            match value.as_array() {
                None => found.push(format!("{path} is no array")),
                Some(values) => {
                    for value in values {
                        self.check(value, kind.trim_end_matches('s'), path, found);
                    }
                }
            }
        } else if let Some(kind) = kind.strip_prefix("object of ") {
            match value.as_object() {
                None => found.push(format!("{path} is no object")),
                Some(fields) => {
                    for (name, value) in fields {
                        let path = format!("{path}.{name}");
                        self.check(value, kind.trim_end_matches('s'), &path, found);
                    }
                }
            }
        } else if let Some(object) = object_of(kind) {
            check_fields(self, value, self.object(object), path, found);
        } else if !self.is_plain(value, kind) {
            found.push(format!("{path} is {value} and no {kind}"));
        }
    }

    fn is_plain(&self, value: &Value, kind: &str) -> bool {
        let is_among = |words: &BTreeSet<String>| {
            let text = value.as_str();
            text.is_some_and(|text| words.contains(text))
        };
        match kind {
            "any" => true,
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64(),
            "number" => value.is_number(),
            "error code" => is_among(&self.error_codes),
            "warning code" => is_among(&self.warning_codes),
            "action" => is_among(&words_of(ACTIONS)),
            "status" => is_among(&words_of(STATUSES)),
            _ => {
                let words = kind.strip_prefix("one of ");
                is_among(&words_of(
                    words.unwrap_or_else(|| panic!("the page has a type `{kind}`")),
                ))
            }
        }
    }
}

/// The object that a type in brackets is.
fn object_of(kind: &str) -> Option<&str> {
    let (object, _) = kind.strip_prefix('[')?.split_once(']')?;
    Some(object)
}

fn check_fields(
    schema: &Schema,
    value: &Value,
    fields: &BTreeMap<String, Field>,
    path: &str,
    found: &mut Vec<String>,
) {
    let Some(object) = value.as_object() else {
        found.push(format!("{path} is no object"));
        return;
    };
    let variant = ["rule", "action"]
        .iter()
        .find_map(|key| value[key].as_str());
    for (name, field) in fields {
        let is_there = object.contains_key(name);
        let is_right = match &field.always {
            Always::Yes => is_there,
            Always::No => true,
            Always::Of(variants) => {
                is_there == variant.is_some_and(|variant| variants.contains(variant))
            }
        };
        if !is_right {
            found.push(format!(
                "{path}.{name} is {}",
                if is_there { "too much" } else { "missing" }
            ));
        }
    }
    for (name, value) in object {
        let path = format!("{path}.{name}");
        match fields.get(name) {
            None => found.push(format!("{path} is not on the page")),
            Some(field) => schema.check(value, &field.kind, &path, found),
        }
    }
}

fn cells(line: &str) -> Vec<String> {
    let cells = line.trim_matches('|').split('|');
    cells.map(|cell| cell.trim().to_owned()).collect()
}

fn word(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}

fn words_of(text: &str) -> BTreeSet<String> {
    text.split(", ").map(word).collect()
}

/// What the check is there for, so that it cannot go blind unnoticed.
#[test]
fn documents_that_are_not_as_the_page_says_are_found() {
    let failed = serde_json::json!({
        "exit_code": 2,
        "errors": [{ "code": "config_invalid", "message": "m", "hint": "h" }],
    });
    assert_eq!(complaints(&failed), [""; 0]);
    assert_eq!(complaints(&serde_json::json!(["Trento"])), [""; 0]);
    let mut changed = [(); 6].map(|()| failed.clone());
    changed[0]["exit_code"] = "2".into();
    changed[1]["colour"] = "red".into();
    changed[2]["errors"][0]["code"] = "bad_luck".into();
    changed[3]["errors"][0]["image"] = 7.into();
    changed[4]["errors"][0]
        .as_object_mut()
        .expect("an object")
        .remove("hint");
    changed[5]["errors"][0]["action"] = "explode".into();
    for document in changed {
        assert_eq!(complaints(&document).len(), 1, "{document}");
    }
    // An object with much that is wrong in it is no array all the same.
    let mut failed = failed;
    failed["errors"] = serde_json::json!([{}]);
    let said = complaints(&failed);
    assert_eq!(said.len(), 3, "{said:?}");
    let is_of_error = |text: &String| text.ends_with(" is missing");
    assert!(said.iter().all(is_of_error), "{said:?}");
    let reason = serde_json::json!({ "rule": "part_pending", "part": "k", "key": "replace" });
    let mut found = Vec::new();
    SCHEMA.check(&reason, "[reason](#reason)", "reason", &mut found);
    assert_eq!(found, ["reason.key is too much"]);
}
