//! `POST /v3/auth/tokens`: from the credentials in a request to a token.

use std::sync::Arc;

use serde_json::{Value, json};

use super::account::{Project, User, with_implied};
use super::authentication::{
    LoginError, by_application_credential, by_passcode, by_password, by_token, in_domain,
};
use super::form::{check_form, expecting};
use super::identity::Identity;
use super::token::{Origin, Token};

/// What Keystone can log in by.
const METHODS: [&str; 7] = [
    "external",
    "password",
    "token",
    "oauth1",
    "mapped",
    "application_credential",
    "ec2credential",
];

/// Checks the credentials and gives out a token.
pub(super) fn login(
    identity: &Identity,
    request: &Value,
) -> Result<(String, Arc<Token>), LoginError> {
    let auth = request
        .get("auth")
        .filter(|auth| !auth.is_null())
        .ok_or_else(|| LoginError::Malformed(expecting("auth", "request body")))?;
    check_form(auth).map_err(LoginError::Malformed)?;
    let methods = auth["identity"]["methods"].as_array();
    let methods = methods.map(Vec::as_slice).unwrap_or_default();
    let mut user = None;
    let mut credential = None;
    let mut parent: Option<Arc<Token>> = None;
    let mut proven = Vec::new();
    for method in methods {
        match method.as_str() {
            Some("password") => {
                proven.push("password");
                user = Some(by_password(identity, auth)?);
            }
            Some("application_credential") => {
                proven.push("application_credential");
                let (owner, found) = by_application_credential(identity, auth)?;
                user = Some(owner);
                credential = Some(found);
            }
            Some("totp") if identity.users.iter().any(|user| user.has_passcodes) => {
                proven.push("totp");
                user = Some(by_passcode(identity, auth)?);
            }
            Some("token") => {
                proven.push("token");
                let token = by_token(identity, auth)?;
                user = Some(token.user.clone());
                parent = Some(token);
            }
            Some(method)
                if auth
                    .pointer("/identity")
                    .and_then(|data| data.get(method))
                    .is_none() =>
            {
                return Err(LoginError::Malformed(expecting(method, "identity")));
            }
            _ => {
                return Err(LoginError::Method {
                    message: "Attempted to authenticate with an unsupported method.",
                    identity: json!({ "methods": METHODS }),
                });
            }
        }
    }
    let user = user.ok_or(LoginError::Unauthorized)?;
    if let Some(credential) = credential {
        if auth.get("scope").is_some() {
            return Err(LoginError::Method {
                message: "Error authenticating with application credential: Application \
                          credentials cannot request a scope.",
                identity: json!({}),
            });
        }
        let project = identity.project_named(&credential.project).cloned();
        let held = project
            .as_ref()
            .and_then(|project| user.roles.get(&project.id));
        let roles = if credential.roles.is_empty() {
            held.cloned().unwrap_or_default()
        } else {
            credential.roles.clone()
        };
        return Ok(identity.tokens.issue(
            user,
            proven,
            project,
            with_implied(&roles),
            Origin::Credential(credential),
        ));
    }
    let (project, roles) = scope(identity, &user, auth.get("scope"))?;
    if let Some(parent) = &parent {
        proven.extend(parent.methods.iter().filter(|method| **method != "token"));
    }
    Ok(identity
        .tokens
        .issue(user, proven, project, roles, Origin::of(parent.as_deref())))
}

fn scope(
    identity: &Identity,
    user: &User,
    scope: Option<&Value>,
) -> Result<(Option<Project>, Vec<String>), LoginError> {
    let Some(wanted) = scope.and_then(|scope| scope.get("project")) else {
        // Domain and system scope need roles that nobody has here.
        return match scope {
            Some(Value::Object(scope))
                if scope.contains_key("domain") || scope.contains_key("system") =>
            {
                Err(LoginError::Unauthorized)
            }
            _ => Ok((None, Vec::new())),
        };
    };
    let project = if let Some(id) = wanted.get("id").and_then(Value::as_str) {
        identity.projects.iter().find(|project| project.id == id)
    } else {
        let name = wanted.get("name").and_then(Value::as_str);
        let domain = wanted
            .get("domain")
            .ok_or_else(|| LoginError::Malformed(expecting("domain", "project")))?;
        identity.projects.iter().find(|project| {
            Some(project.name.as_str()) == name && in_domain(&project.domain, domain)
        })
    };
    let project = project.ok_or(LoginError::Unauthorized)?;
    let roles = user
        .roles
        .get(&project.id)
        .ok_or(LoginError::Unauthorized)?;
    Ok((Some(project.clone()), with_implied(roles)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::spec::{ApplicationCredentialSpec, KeystoneSpec};

    fn identity() -> Identity {
        let mut spec = KeystoneSpec::new("main").user("ann", "secret", "cloud", ["member"]);
        spec.application_credentials
            .push(ApplicationCredentialSpec {
                id: "ac1".to_owned(),
                name: "sync".to_owned(),
                secret: "s3".to_owned(),
                user: "ann".to_owned(),
                project: "cloud".to_owned(),
                roles: Vec::new(),
            });
        Identity::new(&spec, "http://127.0.0.1:1/v3".to_owned(), Vec::new()).unwrap()
    }

    fn password(user: &Value, scope: &Value) -> Value {
        json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": scope,
        }})
    }

    #[test]
    fn a_password_gives_a_scoped_token() {
        let identity = identity();
        let user = json!({"name": "ann", "password": "secret", "domain": {"id": "default"}});
        let scope = json!({"project": {"name": "cloud", "domain": {"name": "Default"}}});
        let (_, token) = login(&identity, &password(&user, &scope)).unwrap();
        assert_eq!(token.roles, ["member", "reader"]);
        assert_eq!(token.project.as_ref().unwrap().name, "cloud");
        let (_, unscoped) = login(&identity, &password(&user, &json!("unscoped"))).unwrap();
        assert!(unscoped.project.is_none());
        let wrong = json!({"project": {"name": "other", "domain": {"name": "Default"}}});
        assert_eq!(
            login(&identity, &password(&user, &wrong)).unwrap_err(),
            LoginError::Unauthorized
        );
    }

    #[test]
    fn a_wrong_password_or_domain_gives_none() {
        let identity = identity();
        for user in [
            json!({"name": "ann", "password": "wrong", "domain": {"id": "default"}}),
            json!({"name": "ann", "password": "secret", "domain": {"name": "Other"}}),
            json!({"name": "bob", "password": "secret", "domain": {"id": "default"}}),
        ] {
            let answer = login(&identity, &password(&user, &Value::Null));
            assert_eq!(answer.unwrap_err(), LoginError::Unauthorized);
        }
        assert!(matches!(
            login(&identity, &json!({})),
            Err(LoginError::Malformed(_))
        ));
    }

    #[test]
    fn an_application_credential_brings_its_scope() {
        let identity = identity();
        let request = |secret: &str| {
            json!({"auth": {"identity": {
                "methods": ["application_credential"],
                "application_credential": {"id": "ac1", "secret": secret},
            }}})
        };
        let (_, token) = login(&identity, &request("s3")).unwrap();
        assert_eq!(token.project.as_ref().unwrap().name, "cloud");
        assert_eq!(
            login(&identity, &request("no")).unwrap_err(),
            LoginError::Unauthorized
        );
    }
}
