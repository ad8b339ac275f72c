//! The collections of Keystone that clients look names up in.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded::parse;

use super::identity::{Identity, Project, Token, domain_id};
use super::service::{error, forbidden, reply};

/// Collections that only admins may list.
const FOR_ADMINS: [&str; 4] = ["projects", "services", "endpoints", "regions"];

/// Whether the path leads to one of the collections here, or to one thing in it.
pub(super) fn known(path: &str) -> bool {
    matches!(path, "v3/auth/catalog" | "v3/auth/projects") || of_admins(path).is_some()
}

/// The collection for admins that a path leads into, and the id behind it.
fn of_admins(path: &str) -> Option<(&'static str, Option<&str>)> {
    let rest = path.strip_prefix("v3/")?;
    let (name, id) = match rest.split_once('/') {
        Some((name, id)) => (name, Some(id)),
        None => (rest, None),
    };
    FOR_ADMINS
        .into_iter()
        .find(|known| *known == name)
        .map(|known| (known, id))
}

/// Answers `GET` of a collection, or of one thing in it.
pub(super) fn list(identity: &Identity, token: &Token, path: &str, query: &str) -> Response<Body> {
    let own_path = format!("{}/{}", identity.url, path.trim_start_matches("v3/"));
    if path == "v3/auth/catalog" {
        if token.project.is_none() {
            return forbidden("");
        }
        let document = json!({"catalog": identity.catalogue(), "links": {"self": own_path}});
        return reply(StatusCode::OK, &document);
    }
    let links = json!({"self": own_path, "previous": null, "next": null});
    if path == "v3/auth/projects" {
        let projects: Vec<Value> = identity
            .projects
            .iter()
            .filter(|project| token.user.roles.contains_key(&project.id))
            .map(|project| view(identity, project))
            .collect();
        return reply(
            StatusCode::OK,
            &json!({"projects": projects, "links": links}),
        );
    }
    let Some((name, id)) = of_admins(path) else {
        return error(StatusCode::NOT_FOUND, "The resource could not be found.");
    };
    let singular = name.trim_end_matches('s');
    if !token.roles.iter().any(|role| role == "admin") {
        let action = if id.is_some() {
            format!("get_{singular}")
        } else {
            format!("list_{name}")
        };
        return forbidden(&format!(": identity:{action}"));
    }
    let all = collection(identity, name);
    let Some(id) = id else {
        let found: Vec<Value> = all
            .into_iter()
            .filter(|item| is_asked_for(item, query))
            .collect();
        return reply(StatusCode::OK, &json!({name: found, "links": links}));
    };
    match all.into_iter().find(|item| item["id"] == id) {
        Some(item) => reply(StatusCode::OK, &json!({singular: item})),
        None => error(
            StatusCode::NOT_FOUND,
            &format!("Could not find {singular}: {id}."),
        ),
    }
}

fn collection(identity: &Identity, name: &str) -> Vec<Value> {
    if name == "projects" {
        return identity
            .projects
            .iter()
            .map(|project| view(identity, project))
            .collect();
    }
    let catalogue = identity.catalogue();
    let services = catalogue.as_array().cloned().unwrap_or_default();
    let mut endpoints = Vec::new();
    let mut regions: Vec<Value> = Vec::new();
    for service in &services {
        for endpoint in service["endpoints"].as_array().into_iter().flatten() {
            let mut endpoint = endpoint.clone();
            endpoint["service_id"] = service["id"].clone();
            endpoint["enabled"] = json!(true);
            let region =
                json!({"id": endpoint["region"], "description": "", "parent_region_id": null});
            if !regions.contains(&region) {
                regions.push(region);
            }
            endpoints.push(endpoint);
        }
    }
    match name {
        "endpoints" => endpoints,
        "regions" => regions,
        _ => services
            .into_iter()
            .map(|service| {
                json!({
                    "id": service["id"],
                    "name": service["name"],
                    "type": service["type"],
                    "description": "",
                    "enabled": true,
                })
            })
            .collect(),
    }
}

/// Whether the thing has every value that the query names.
fn is_asked_for(item: &Value, query: &str) -> bool {
    parse(query.as_bytes()).all(|(key, value)| match item.get(&*key) {
        Some(Value::String(actual)) => *actual == value,
        _ => true,
    })
}

fn view(identity: &Identity, project: &Project) -> Value {
    let domain = domain_id(&project.domain);
    json!({
        "id": project.id,
        "name": project.name,
        "domain_id": domain,
        "parent_id": domain,
        "enabled": true,
        "is_domain": false,
        "description": "",
        "tags": [],
        "options": {},
        "links": {"self": format!("{}/projects/{}", identity.url, project.id)},
    })
}
