//! The filters of `GET /v2/images`, from the query string to a test of an image.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::fail::Fail;
use super::image::{Image, Status};
use super::operator::{instant, split_operator, split_quoted};
use super::policy::Caller;
use crate::sandbox::python::integer;

/// One condition that an image must meet.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
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
enum Operator {
    Gt,
    Gte,
    Lt,
    Lte,
    Neq,
    Eq,
}

/// Which images a list shows.
#[derive(Debug)]
pub(super) struct Filter {
    conditions: Vec<Condition>,
    visibility: Option<String>,
    member_status: String,
}

impl Filter {
    /// Reads the parameters of a query, less those that are no filters.
    pub(super) fn parse(parameters: &[(String, String)]) -> Result<Self, Fail> {
        let mut filter = Self {
            conditions: Vec::new(),
            visibility: None,
            member_status: "accepted".to_owned(),
        };
        let mut hidden = false;
        for (name, value) in last_of_each(parameters) {
            match name {
                "limit" | "marker" | "sort" | "sort_key" | "sort_dir" | "tag" | "tags"
                | "deleted" => {}
                "member_status" => {
                    let value = first_of(parameters, name).unwrap_or(value);
                    if !matches!(value, "pending" | "accepted" | "rejected" | "all") {
                        return Err(Fail::bad_request(format!("Invalid status: {value}")));
                    }
                    value.clone_into(&mut filter.member_status);
                }
                "visibility" => {
                    // An empty one is let through, and met by no image.
                    if !matches!(
                        value,
                        "" | "community" | "public" | "private" | "shared" | "all"
                    ) {
                        return Err(Fail::bad_request(format!(
                            "Invalid visibility value: {value}"
                        )));
                    }
                    filter.visibility = Some(value.to_owned());
                }
                "changes-since" => {
                    return Err(Fail::bad_request(
                        "The \"changes-since\" filter is no longer available on v2.",
                    ));
                }
                "os_hidden" => hidden = boolean(name, &value.to_lowercase())?,
                "protected" => {
                    filter
                        .conditions
                        .push(Condition::Protected(boolean(name, value)?));
                }
                _ => filter.conditions.push(condition(name, value)?),
            }
        }
        filter.conditions.push(Condition::Hidden(hidden));
        let mut tags: Vec<String> = parameters
            .iter()
            .filter(|(name, _)| name == "tag")
            .map(|(_, tag)| tag.trim().to_owned())
            .collect();
        if tags.is_empty() {
            // The name that a list of tags has within Glance; each letter of a text is taken for one.
            let letters = last_of_each(parameters)
                .into_iter()
                .filter(|(name, _)| *name == "tags")
                .flat_map(|(_, text)| text.chars());
            tags = letters.map(String::from).collect();
        }
        filter
            .conditions
            .extend(tags.into_iter().map(Condition::Tag));
        filter.conditions.extend(left_over(parameters));
        Ok(filter)
    }

    /// Whether the caller's list holds the image.
    pub(super) fn admits(&self, image: &Image, caller: &Caller) -> bool {
        image.status != Status::Killed
            && self.reaches(image, caller)
            && caller.sees(image)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(image))
    }

    /// Whether the image is one of those that such a list is made of: the caller's own, public
    /// ones and accepted shared ones; community ones of others only when asked for.
    fn reaches(&self, image: &Image, caller: &Caller) -> bool {
        let own = caller.owns(image);
        let visibility = image.visibility.as_str();
        if !caller.is_admin() {
            let shared = visibility == "shared"
                && caller
                    .project
                    .as_ref()
                    .and_then(|own| image.members.get(own))
                    .is_some_and(|member| {
                        self.member_status == "all" || member.status == self.member_status
                    });
            if !(own || shared || matches!(visibility, "public" | "community")) {
                return false;
            }
        }
        match self.visibility.as_deref() {
            Some("all") => true,
            Some(wanted) => wanted == visibility,
            None => own || visibility != "community",
        }
    }
}

impl Condition {
    fn holds(&self, image: &Image) -> bool {
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
            } => lies_in(image, attribute, *least, *bound),
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
fn lies_in(image: &Image, attribute: &str, least: bool, bound: i64) -> bool {
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

/// The first value of a parameter.
pub(super) fn first_of<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// The parameters with each name once, as its last value says.
pub(super) fn last_of_each(parameters: &[(String, String)]) -> Vec<(&str, &str)> {
    let mut unique: Vec<(&str, &str)> = Vec::new();
    for (name, value) in parameters {
        match unique.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None => unique.push((name, value)),
        }
    }
    unique
}

/// What becomes of a parameter of which Glance takes one, when it is there more than once: it takes
/// the first, and the last is a property's name and value like any other. Of visibilities it takes
/// all, and an image has but one.
fn left_over(parameters: &[(String, String)]) -> Vec<Condition> {
    let mut left = Vec::new();
    for name in ["limit", "marker", "member_status", "sort", "visibility"] {
        let values: Vec<&String> = parameters
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value)
            .collect();
        if let [first, .., last] = values[..] {
            if name != "visibility" {
                left.push(Condition::Equals(name.to_owned(), last.clone()));
            } else if first != last {
                left.push(Condition::Nothing);
            }
        }
    }
    left
}

fn condition(name: &str, value: &str) -> Result<Condition, Fail> {
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

fn boolean(name: &str, value: &str) -> Result<bool, Fail> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fail::bad_request(format!(
            "Invalid value '{value}' for '{name}' filter. Valid values are 'true' or 'false'."
        ))),
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
