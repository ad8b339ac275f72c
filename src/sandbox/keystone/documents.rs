//! What Keystone tells of its state: the catalogue, and what a token stands for.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::identity::Identity;
use super::ids::{domain_id, role_id, stable_id};
use super::token::Token;

/// The service catalogue: identity, and the image service of every region.
pub(super) fn catalogue(identity: &Identity) -> Value {
    let mut keystones = Vec::new();
    let mut glances = Vec::new();
    let mut regions: Vec<&str> = Vec::new();
    for endpoint in &identity.endpoints {
        if !regions.contains(&endpoint.region.as_str()) {
            regions.push(&endpoint.region);
            push_endpoints(&mut keystones, "identity", &endpoint.region, &identity.url);
        }
        push_endpoints(&mut glances, "image", &endpoint.region, &endpoint.url);
    }
    let service = |name: &str, kind: &str, endpoints: Vec<Value>| {
        json!({
            "id": stable_id("service", kind, &identity.url),
            "name": name,
            "type": kind,
            "endpoints": endpoints,
        })
    };
    json!([
        service("glance", "image", glances),
        service("keystone", "identity", keystones)
    ])
}

fn push_endpoints(list: &mut Vec<Value>, kind: &str, region: &str, url: &str) {
    for interface in ["public", "internal", "admin"] {
        list.push(json!({
            "id": stable_id(kind, interface, region),
            "interface": interface,
            "region": region,
            "region_id": region,
            "url": url,
        }));
    }
}

/// The body that describes a token, as in the answers to `POST` and `GET /v3/auth/tokens`.
pub(super) fn describe(token: &Token, catalogue: Option<Value>) -> Value {
    let stamp = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let domain = |name: &str| json!({"id": domain_id(name), "name": name});
    let mut body = json!({
        "methods": token.methods,
        "user": {
            "domain": domain(&token.user.domain),
            "id": token.user.id,
            "name": token.user.name,
            "password_expires_at": null,
        },
        "audit_ids": token.audit_ids,
        "expires_at": stamp(token.expires_at),
        "issued_at": stamp(token.issued_at),
    });
    if let Some(project) = &token.project {
        let roles: Vec<Value> = token
            .roles
            .iter()
            .map(|role| json!({"id": role_id(role), "name": role}))
            .collect();
        body["project"] = json!({
            "domain": domain(&project.domain),
            "id": project.id,
            "name": project.name,
        });
        body["is_domain"] = json!(false);
        body["roles"] = json!(roles);
        if let Some(catalogue) = catalogue {
            body["catalog"] = catalogue;
        }
    }
    if let Some(credential) = &token.application_credential {
        body["application_credential"] =
            json!({"id": credential.id, "name": credential.name, "restricted": true});
    }
    json!({ "token": body })
}
