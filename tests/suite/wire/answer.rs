//! An answer as it is compared: one JSON document, in which what must differ is made alike.

use serde_json::{Map, Value, json};

use super::known;
use super::names::{Images, Names};
use crate::common::http::Answer;

/// How much of a text is shown where it fails.
const SHOWN: usize = 1200;

/// Status, headers and body of an answer.
pub(super) fn document(answer: &Answer, names: &Names, images: &Images) -> Value {
    let neutral = |text: &str| neutral(&names.contract(text, images));
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        if !known::is_of_the_connection(name) {
            let value = neutral(&known::header_value(name, value));
            headers.insert(name.clone(), value.into());
        }
    }
    if answer.header("content-type") != Some("application/octet-stream") {
        // It counts names at their full length.
        let is_right = answer
            .header("content-length")
            .map(|length| length == answer.body.len().to_string());
        headers.remove("content-length");
        if known::has_length(answer.status) {
            headers.insert("content-length is right".to_owned(), json!(is_right));
        }
    }
    let body = match serde_json::from_slice(&answer.body) {
        Ok(mut body) => {
            tidy(&mut body, &neutral);
            body
        }
        Err(_) => neutral(&String::from_utf8_lossy(&answer.body)).into(),
    };
    json!({"status": answer.status, "headers": headers, "body": body})
}

/// The text, cut where it is long.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

fn tidy(value: &mut Value, neutral: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = neutral(text),
        Value::Array(items) => {
            for item in items {
                tidy(item, neutral);
            }
        }
        Value::Object(members) => {
            note_lifetime(members);
            for (key, value) in members.iter_mut() {
                tidy(value, neutral);
                known::tidy_member(key, value);
            }
        }
        _ => {}
    }
}

/// A token lasts equally long in both fleets, though not from and to the same time.
fn note_lifetime(members: &mut Map<String, Value>) {
    let time = |key: &str| chrono::DateTime::parse_from_rfc3339(members.get(key)?.as_str()?).ok();
    if let (Some(from), Some(to)) = (time("issued_at"), time("expires_at")) {
        // Keystone counts in whole seconds.
        let seconds = (to - from).as_seconds_f64().round();
        members.insert("lifetime in seconds".to_owned(), json!(seconds));
    }
}

/// The text without tokens, times and ids that have no name.
fn neutral(text: &str) -> String {
    let belongs = |c: char| c.is_ascii_alphanumeric() || "-:+._=".contains(c);
    let mut whole = String::new();
    for piece in text.split_inclusive(|c| !belongs(c)) {
        let word = piece.trim_end_matches(|c| !belongs(c));
        whole += &neutral_word(word);
        whole += &piece[word.len()..];
    }
    whole
}

fn neutral_word(word: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && uuid::Uuid::try_parse(word).is_ok();
    if word.strip_prefix("req-").is_some_and(is_id) {
        "<request>".to_owned()
    } else if is_id(word) {
        "<id>".to_owned()
    } else if word.starts_with("gAAAA") {
        "<token>".to_owned()
    } else if word.len() >= 20 && chrono::DateTime::parse_from_rfc3339(word).is_ok() {
        // Its form remains.
        word.replace(|c: char| c.is_ascii_digit(), "0")
    } else {
        word.to_owned()
    }
}
