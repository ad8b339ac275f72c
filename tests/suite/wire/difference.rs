//! Where two answers differ.

use serde_json::Value;

use super::answer::short;

/// One line for each place at which two answers differ.
pub(super) fn differences(real: &Value, embedded: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let place = "/status";
    if real.pointer(place) != embedded.pointer(place) {
        // The rest only follows from it.
        walk(
            place,
            real.pointer(place),
            embedded.pointer(place),
            &mut lines,
        );
        return lines;
    }
    walk("", Some(real), Some(embedded), &mut lines);
    lines
}

fn walk(place: &str, real: Option<&Value>, embedded: Option<&Value>, lines: &mut Vec<String>) {
    match (real, embedded) {
        (real, embedded) if real == embedded => {}
        // `3` and `3.0` are the same in JSON.
        (Some(Value::Number(real)), Some(Value::Number(embedded)))
            if real.as_f64() == embedded.as_f64() => {}
        (Some(Value::Object(real)), Some(Value::Object(embedded))) => {
            let keys = real.keys().chain(embedded.keys());
            let keys: std::collections::BTreeSet<&String> = keys.collect();
            for key in keys {
                let place = format!("{place}/{key}");
                walk(&place, real.get(key), embedded.get(key), lines);
            }
        }
        (Some(Value::Array(real)), Some(Value::Array(embedded)))
            if real.len() == embedded.len() =>
        {
            for (number, (real, embedded)) in real.iter().zip(embedded).enumerate() {
                let place = format!("{place}/{number}");
                walk(&place, Some(real), Some(embedded), lines);
            }
        }
        (real, embedded) => {
            let say = |value: Option<&Value>| {
                value.map_or("absent".to_owned(), |value| short(&value.to_string()))
            };
            lines.push(format!(
                "{place}\n      real:     {}\n      embedded: {}",
                say(real),
                say(embedded)
            ));
        }
    }
}
