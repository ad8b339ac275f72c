//! `GET /v2/images`: which images, in which order, and on which page.

use std::cmp::Ordering;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use chrono::Utc;
use serde_json::{Value, json};
use url::form_urlencoded::{Serializer, parse};
use uuid::Uuid;

use super::fail::Fail;
use super::filter::{Filter, first_of, last_of_each};
use super::image::{Image, Status};
use super::policy::Caller;
use super::region::Region;
use super::replies::{reply, unescaped};
use crate::sandbox::http::locked;
use crate::sandbox::python::integer;

/// A sort key and whether it descends.
type SortKey<'a> = (&'a str, bool);

const SORT_KEYS: [&str; 8] = [
    "name",
    "status",
    "container_format",
    "disk_format",
    "size",
    "id",
    "created_at",
    "updated_at",
];

/// Lists images.
pub(super) fn list(region: &Region, caller: &Caller, query: &str) -> Result<Response<Body>, Fail> {
    if String::from_utf8(unescaped(query)).is_err() {
        return Err(Fail::bad_request(
            "Error decoding your request. Either the URL or the request body contained characters \
             that could not be decoded by Glance",
        ));
    }
    let parameters: Vec<(String, String)> = parse(query.as_bytes()).into_owned().collect();
    let filter = Filter::parse(&parameters)?;
    let limits = &region.spec.limits;
    let limit = limit(&parameters, limits.page_default)?.min(limits.page_max);
    let keys = sort_keys(&parameters)?;
    caller.check_list()?;
    let images = locked(&region.images);
    let marker = match first_of(&parameters, "marker") {
        None => None,
        Some(id) => Some(images.marker(id, caller)?),
    };
    let mut rows: Vec<&Image> = images
        .iter()
        .filter(|image| filter.admits(image, caller))
        .filter(|image| marker.is_none_or(|marker| order(image, marker, &keys).is_gt()))
        .collect();
    rows.sort_by(|one, other| order(one, other, &keys));
    rows.truncate(limit);
    let nullable = region.nullable_properties();
    let views: Vec<Value> = rows
        .iter()
        .map(|image| image.view(caller.is_admin(), nullable))
        .collect();
    // As Python's dictionaries do: of a name that occurs again only the last value goes on.
    let kept: Vec<(&str, &str)> = last_of_each(&parameters)
        .into_iter()
        .filter(|(name, _)| *name != "marker")
        .collect();
    let mut document = json!({
        "images": views,
        "first": path(&kept, None),
        "schema": "/v2/schemas/images",
    });
    if let Some(last) = rows.last().filter(|_| rows.len() == limit) {
        document["next"] = json!(path(&kept, Some(&last.id)));
    }
    Ok(reply(StatusCode::OK, &document))
}

/// A page of images that do not exist, which leads to another one like it.
pub(super) fn endless(
    region: &Region,
    caller: &Caller,
    query: &str,
) -> Result<Response<Body>, Fail> {
    let parameters: Vec<(String, String)> = parse(query.as_bytes()).into_owned().collect();
    let limits = &region.spec.limits;
    let limit = limit(&parameters, limits.page_default)?.min(limits.page_max);
    let rows: Vec<Value> = (0..limit)
        .map(|_| {
            let id = Uuid::new_v4();
            let mut image = Image::new(id.to_string(), caller.project.clone(), Utc::now());
            image.name = Some(format!("image {id}"));
            image.status = Status::Active;
            image.size = Some(1);
            image.checksum = Some(id.simple().to_string());
            image.view(false, &[])
        })
        .collect();
    let marker = Uuid::new_v4().to_string();
    let document = json!({
        "images": rows,
        "first": path(&[], None),
        "next": path(&[("limit", &limit.to_string())], Some(&marker)),
        "schema": "/v2/schemas/images",
    });
    Ok(reply(StatusCode::OK, &document))
}

fn path(parameters: &[(&str, &str)], marker: Option<&str>) -> String {
    if parameters.is_empty() && marker.is_none() {
        return "/v2/images".to_owned();
    }
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    if let Some(marker) = marker {
        query.append_pair("marker", marker);
    }
    // The two characters in which Python's encoding differs from that of forms.
    let query = query.finish().replace("%7E", "~").replace('*', "%2A");
    format!("/v2/images?{query}")
}

fn limit(parameters: &[(String, String)], default: usize) -> Result<usize, Fail> {
    let Some(text) = first_of(parameters, "limit") else {
        return Ok(default);
    };
    let limit = integer(text).ok_or_else(|| Fail::bad_request("limit param must be an integer"))?;
    if limit < 0 {
        return Err(Fail::bad_request("limit param must be positive"));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// The sort keys of either syntax, ended by what makes the order total.
fn sort_keys(parameters: &[(String, String)]) -> Result<Vec<SortKey<'_>>, Fail> {
    let all = |name: &'static str| {
        parameters
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.trim())
    };
    let mut keys: Vec<&str> = Vec::new();
    let mut directions: Vec<bool> = Vec::new();
    if let Some(sort) = first_of(parameters, "sort") {
        if all("sort_key").next().is_some() || all("sort_dir").next().is_some() {
            return Err(Fail::bad_request(
                "Old and new sorting syntax cannot be combined",
            ));
        }
        for part in sort.trim().split(',') {
            let (key, direction) = part
                .split_once(':')
                .filter(|(_, direction)| !direction.is_empty())
                .unwrap_or((part.trim_end_matches(':'), "desc"));
            keys.push(known_key(key.trim())?);
            directions.push(descends(direction.trim())?);
        }
    } else {
        for key in all("sort_key") {
            keys.push(known_key(key)?);
        }
        for direction in all("sort_dir") {
            directions.push(descends(direction)?);
        }
        if directions.len() > 1 && directions.len() != keys.len() {
            return Err(Fail::bad_request(
                "Number of sort dirs does not match the number of sort keys",
            ));
        }
    }
    if keys.is_empty() {
        keys.push("created_at");
    }
    let usual = if directions.len() == 1 {
        directions[0]
    } else {
        true
    };
    let mut sorted: Vec<SortKey<'_>> = keys
        .into_iter()
        .enumerate()
        .map(|(place, key)| (key, directions.get(place).copied().unwrap_or(usual)))
        .collect();
    for key in ["created_at", "id"] {
        if !sorted.iter().any(|(known, _)| *known == key) {
            sorted.push((key, usual));
        }
    }
    Ok(sorted)
}

fn known_key(key: &str) -> Result<&str, Fail> {
    if SORT_KEYS.contains(&key) {
        return Ok(key);
    }
    Err(Fail::bad_request(format!(
        "Invalid sort key: {key}. It must be one of the following: {}.",
        SORT_KEYS.join(", ")
    )))
}

fn descends(direction: &str) -> Result<bool, Fail> {
    match direction {
        "asc" => Ok(false),
        "desc" => Ok(true),
        other => Err(Fail::bad_request(format!(
            "Invalid sort direction: {other}"
        ))),
    }
}

fn order(one: &Image, other: &Image, keys: &[SortKey<'_>]) -> Ordering {
    for (key, descending) in keys {
        let ascending = match *key {
            "name" => one.name.cmp(&other.name),
            "status" => one.status.as_str().cmp(other.status.as_str()),
            "container_format" => one.container_format.cmp(&other.container_format),
            "disk_format" => one.disk_format.cmp(&other.disk_format),
            "size" => one.size.cmp(&other.size),
            "id" => one.id.cmp(&other.id),
            "created_at" => one.created_at.cmp(&other.created_at),
            _ => one.updated_at.cmp(&other.updated_at),
        };
        let found = if *descending {
            ascending.reverse()
        } else {
            ascending
        };
        if found.is_ne() {
            return found;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Vec<(String, String)> {
        parse(query.as_bytes()).into_owned().collect()
    }

    #[test]
    fn both_sorting_syntaxes_end_in_a_total_order() {
        assert_eq!(
            sort_keys(&[]).unwrap(),
            [("created_at", true), ("id", true)]
        );
        assert_eq!(
            sort_keys(&parameters("sort=name:asc")).unwrap(),
            [("name", false), ("created_at", false), ("id", false)]
        );
        assert_eq!(
            sort_keys(&parameters(
                "sort_key=name&sort_key=size&sort_dir=asc&sort_dir=desc"
            ))
            .unwrap(),
            [
                ("name", false),
                ("size", true),
                ("created_at", true),
                ("id", true)
            ]
        );
        assert!(sort_keys(&parameters("sort=name&sort_key=size")).is_err());
        assert!(sort_keys(&parameters("sort=colour")).is_err());
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        assert_eq!(path(&[], None), "/v2/images");
        assert_eq!(
            path(&[("limit", "2")], Some("x")),
            "/v2/images?limit=2&marker=x"
        );
    }
}
