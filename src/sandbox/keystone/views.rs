//! What Keystone has, as its collections show it.

use serde_json::{Value, json};

use super::account::{Project, User, with_implied};
use super::documents::catalogue;
use super::identity::Identity;
use super::ids::{domain_id, role_id};
use super::kind::Kind;
use crate::sandbox::spec::ApplicationCredentialSpec;

/// All that a collection holds.
pub(super) fn collection(identity: &Identity, kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Projects => {
            let projects = identity.projects.iter();
            return projects.map(|project| view(identity, project)).collect();
        }
        Kind::Users => {
            let users = identity.users.iter();
            return users.map(|user| user_view(identity, user)).collect();
        }
        _ => {}
    }
    let catalogue = catalogue(identity);
    let services = catalogue.as_array().cloned().unwrap_or_default();
    let link = |kind: &str, id: &Value| {
        let id = id.as_str().unwrap_or_default();
        json!({"self": format!("{}/{kind}/{id}", identity.url)})
    };
    let mut endpoints = Vec::new();
    let mut regions: Vec<Value> = Vec::new();
    for service in &services {
        for endpoint in service["endpoints"].as_array().into_iter().flatten() {
            let mut endpoint = endpoint.clone();
            endpoint["service_id"] = service["id"].clone();
            endpoint["enabled"] = json!(true);
            endpoint["links"] = link("endpoints", &endpoint["id"]);
            let id = &endpoint["region"];
            let region = json!({
                "id": id, "description": "", "parent_region_id": null,
                "links": link("regions", id),
            });
            if !regions.contains(&region) {
                regions.push(region);
            }
            endpoints.push(endpoint);
        }
    }
    match kind {
        Kind::Endpoints => endpoints,
        Kind::Regions => regions,
        Kind::Services => services
            .into_iter()
            .map(|service| {
                json!({
                    "id": service["id"],
                    "name": service["name"],
                    "type": service["type"],
                    "enabled": true,
                    "links": link("services", &service["id"]),
                })
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The projects that a user has a role in.
pub(super) fn projects_of(identity: &Identity, user: &User) -> Vec<Value> {
    let projects = identity.projects.iter();
    projects
        .filter(|project| user.roles.contains_key(&project.id))
        .map(|project| view(identity, project))
        .collect()
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

fn user_view(identity: &Identity, user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "domain_id": domain_id(&user.domain),
        "enabled": true,
        "options": {},
        "password_expires_at": null,
        "links": {"self": format!("{}/users/{}", identity.url, user.id)},
    })
}

pub(super) fn credential_view(
    identity: &Identity,
    credential: &ApplicationCredentialSpec,
) -> Value {
    let project = identity.project_id(&credential.project);
    let mut users = identity.users.iter();
    let user = users.find(|user| user.name == credential.user);
    let held = project.zip(user).and_then(|(id, user)| user.roles.get(id));
    let roles = match (&credential.roles[..], held) {
        ([], Some(held)) => with_implied(held),
        (own, _) => with_implied(own),
    };
    let roles = roles.iter().map(|name| {
        json!({
            "id": role_id(name), "name": name, "description": null, "domain_id": null,
            "options": {"immutable": true},
        })
    });
    let path = format!("application_credentials/{}", credential.id);
    json!({
        "id": credential.id,
        "name": credential.name,
        "project_id": project,
        "description": null,
        "expires_at": null,
        "unrestricted": null,
        "system": null,
        "user_id": user.map(|user| &user.id),
        "roles": roles.collect::<Vec<Value>>(),
        "links": {"self": format!("{}/{path}", identity.url)},
    })
}
