//! One condition of `GET /v2/images`: from a parameter of the query to a test of an image.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::fail::Fail;
use super::image::Image;
use super::operator::{instant, split_operator, split_quoted};
use crate::sandbox::python::integer;

/// One condition that an image must meet.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// The attribute is one of these; `name`, `id`, `status` and the formats only.
    OneOf(String, Vec<String>),
    /// A time stands in this relation to that one.
    Time {
        created: bool,
        operator: Operator,
        threshold: DateTime<Utc>,
    },
    /// A number is at least or at most this.
    Range {
        attribute: String,
        least: bool,
        bound: i64,
    },
    /// Any other attribute, or else a custom property, is exactly this.
    Equals(String, String),
    Tag(String),
    Hidden(bool),
    Protected(bool),
    /// No image meets it.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Gt,
    Gte,
    Lt,
    Lte,
    Neq,
    Eq,
}

impl Condition {
    /// Whether an image meets it.
    pub(super) fn holds(&self, image: &Image) -> bool {
        match self {
            Self::OneOf(name, values) => {
                let actual = match name.as_str() {
                    "name" => image.name.as_deref(),
                    "id" => Some(image.id.as_str()),
                    "status" => Some(image.status.as_str()),
                    "container_format" => image.container_format.as_deref(),
                    _ => image.disk_format.as_deref(),
                };
                actual.is_some_and(|actual| values.iter().any(|value| value == actual))
            }
            Self::Time {
                created,
                operator,
                threshold,
            } => {
                let time = if *created {
                    image.created_at
                } else {
                    image.updated_at
                };
                match operator {
                    Operator::Gt => time > *threshold,
                    Operator::Gte => time >= *threshold,
                    Operator::Lt => time < *threshold,
                    Operator::Lte => time <= *threshold,
                    Operator::Neq => time != *threshold,
                    Operator::Eq => time == *threshold,
                }
            }
            Self::Range {
                attribute,
                least,
                bound,
            } => is_within(image, attribute, *least, *bound),
            Self::Equals(name, wanted) => equals(image, name, wanted),
            Self::Tag(tag) => image.tags.contains(tag),
            Self::Hidden(hidden) => image.os_hidden == *hidden,
            Self::Protected(protected) => image.protected == *protected,
            Self::Nothing => false,
        }
    }
}

/// Whether an attribute is at least or at most the bound, as the database compares the two: texts
/// with the number's digits, and a time as larger than any number.
fn is_within(image: &Image, attribute: &str, least: bool, bound: i64) -> bool {
    let value = match &image.view(true, &[])[attribute] {
        _ if matches!(attribute, "created_at" | "updated_at") => return least,
        Value::Number(number) => number.as_i64().unwrap_or(i64::MAX).cmp(&bound),
        Value::Bool(flag) => i64::from(*flag).cmp(&bound),
        Value::String(text) => text.cmp(&bound.to_string()),
        _ => return false,
    };
    if least { value.is_ge() } else { value.is_le() }
}

fn equals(image: &Image, name: &str, wanted: &str) -> bool {
    const COLUMNS: [&str; 8] = [
        "owner",
        "size",
        "virtual_size",
        "min_disk",
        "min_ram",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
    ];
    if !COLUMNS.contains(&name) {
        return image
            .properties
            .get(name)
            .is_some_and(|value| value.as_deref() == Some(wanted));
    }
    match &image.view(true, &[])[name] {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        _ => false,
    }
}

/// The columns of an image, which `_min` and `_max` may follow.
const COMPARABLE: [&str; 18] = [
    "id",
    "name",
    "disk_format",
    "container_format",
    "size",
    "virtual_size",
    "status",
    "visibility",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "min_disk",
    "min_ram",
    "owner",
    "protected",
    "os_hidden",
    "created_at",
    "updated_at",
];

/// The condition that a parameter of a query is.
pub(super) fn condition(name: &str, value: &str) -> Result<Condition, Fail> {
    for (suffix, least) in [("_min", true), ("_max", false)] {
        if let Some(attribute) = name.strip_suffix(suffix) {
            let bound = integer(value).ok_or_else(|| {
                Fail::bad_request("Unable to filter on a range with a non-numeric value.")
            })?;
            let broken = || Fail::bare(StatusCode::INTERNAL_SERVER_ERROR);
            let bound = i64::try_from(bound).map_err(|_| broken())?;
            if !COMPARABLE.contains(&attribute) {
                return Err(broken());
            }
            return Ok(Condition::Range {
                attribute: attribute.to_owned(),
                least,
                bound,
            });
        }
    }
    match name {
        "created_at" | "updated_at" => {
            let (operator, text) = split_operator(value);
            let threshold = instant(text).ok_or_else(|| {
                Fail::bad_request(format!(
                    "Bad \"{name}\" query filter format. Use ISO 8601 DateTime notation."
                ))
            })?;
            let operator = match operator {
                "gt" => Operator::Gt,
                "gte" => Operator::Gte,
                "lt" => Operator::Lt,
                "lte" => Operator::Lte,
                "neq" => Operator::Neq,
                "eq" => Operator::Eq,
                _ => return Err(Fail::bad_request("Unable to filter on a unknown operator.")),
            };
            Ok(Condition::Time {
                created: name == "created_at",
                operator,
                threshold,
            })
        }
        "name" | "id" | "status" | "container_format" | "disk_format" => {
            let values = match split_operator(value) {
                ("in", list) => split_quoted(list)?,
                ("eq", one) => vec![one.to_owned()],
                (operator, _) => {
                    return Err(Fail::bad_request(format!(
                        "Unable to filter by unknown operator '{operator}'."
                    )));
                }
            };
            Ok(Condition::OneOf(name.to_owned(), values))
        }
        "locations" | "properties" => Err(Fail::bare(StatusCode::INTERNAL_SERVER_ERROR)),
        _ => Ok(Condition::Equals(name.to_owned(), value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_in_a_name_is_an_operator() {
        assert!(condition("name", "win:2019").is_err());
        assert_eq!(
            condition("name", "eq:win:2019").unwrap(),
            Condition::OneOf("name".to_owned(), vec!["win:2019".to_owned()])
        );
        assert!(condition("created_at", "gt:2020-01-01T00:00:00Z").is_ok());
        assert!(condition("created_at", "2020-01-01T00:00:00Z").is_ok());
        assert!(condition("created_at", "yesterday").is_err());
    }
}
