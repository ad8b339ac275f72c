//! The filters of `GET /v2/images`, from the query string to which images a list shows.

use super::condition::{Condition, condition};
use super::fail::Fail;
use super::image::{Image, Status};
use super::policy::Caller;

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

fn boolean(name: &str, value: &str) -> Result<bool, Fail> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fail::bad_request(format!(
            "Invalid value '{value}' for '{name}' filter. Valid values are 'true' or 'false'."
        ))),
    }
}
