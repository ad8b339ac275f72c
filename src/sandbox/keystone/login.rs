//! `POST /v3/auth/tokens`: from the credentials in a request to a token.

use std::sync::Arc;

use serde_json::{Value, json};

use super::form::{check_form, expecting};
use super::identity::{Identity, Origin, Project, Token, User, domain_id, with_implied};
use crate::sandbox::http::locked;
use crate::sandbox::spec::ApplicationCredentialSpec;

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

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoginError {
    /// The request is not a login at all (400).
    Malformed(String),
    /// Wrong credentials, or no role where they were to be used (401).
    Unauthorized,
    /// Something that the application credential needs does not exist (404).
    NotFound(String),
    /// The method does not do what is asked of it (401).
    Method {
        /// Why.
        message: &'static str,
        /// What the answer says of the methods.
        identity: Value,
    },
}

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
        return Ok(identity.issue(
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
    Ok(identity.issue(user, proven, project, roles, Origin::of(parent.as_deref())))
}

fn by_token(identity: &Identity, auth: &Value) -> Result<Arc<Token>, LoginError> {
    let id = auth
        .pointer("/identity/token")
        .ok_or_else(|| LoginError::Malformed(expecting("token", "identity")))?["id"]
        .as_str()
        .unwrap_or_default();
    identity.token(id).ok_or_else(|| {
        let message = if id.is_empty() {
            "No token in the request"
        } else {
            "Could not recognize Fernet token"
        };
        LoginError::NotFound(message.to_owned())
    })
}

fn by_password(identity: &Identity, auth: &Value) -> Result<User, LoginError> {
    let given = auth
        .pointer("/identity/password")
        .ok_or_else(|| LoginError::Malformed(expecting("password", "identity")))?
        .get("user")
        .ok_or_else(|| LoginError::Malformed(expecting("user", "None")))?;
    let user = find_user(identity, given)?;
    if given.get("password").and_then(Value::as_str) != Some(user.password.as_str()) {
        return Err(LoginError::Unauthorized);
    }
    Ok(user.clone())
}

/// Uses up the passcode.
fn by_passcode(identity: &Identity, auth: &Value) -> Result<User, LoginError> {
    let given = auth
        .pointer("/identity/totp/user")
        .ok_or_else(|| LoginError::Malformed(expecting("user", "None")))?;
    let user = find_user(identity, given)?;
    let passcode = given.get("passcode").and_then(Value::as_str);
    let mut passcodes = locked(&identity.passcodes);
    let left = passcodes.entry(user.id.clone()).or_default();
    let place = left.iter().position(|code| Some(code.as_str()) == passcode);
    left.remove(place.ok_or(LoginError::Unauthorized)?);
    Ok(user.clone())
}

fn find_user<'a>(identity: &'a Identity, given: &Value) -> Result<&'a User, LoginError> {
    let user = if let Some(id) = given.get("id").and_then(Value::as_str) {
        identity.users.iter().find(|user| user.id == id)
    } else {
        let name = given
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| LoginError::Malformed(expecting("id or name", "user")))?;
        let domain = given
            .get("domain")
            .ok_or_else(|| LoginError::Malformed(expecting("domain", "user")))?;
        identity
            .users
            .iter()
            .find(|user| user.name == name && in_domain(&user.domain, domain))
    };
    user.ok_or(LoginError::Unauthorized)
}

/// The user whose application credential is asked for by its name.
fn find_owner<'a>(identity: &'a Identity, credential: &Value) -> Result<&'a User, LoginError> {
    let given = credential
        .get("user")
        .filter(|user| !user.is_null() && **user != json!({}))
        .ok_or_else(|| LoginError::Malformed(expecting("user", "application credential")))?;
    find_user(identity, given).map_err(|error| {
        let name = given.get("name").and_then(Value::as_str);
        let domain = given.get("domain").unwrap_or(&Value::Null);
        let is_domain_known = identity
            .users
            .iter()
            .any(|user| in_domain(&user.domain, domain));
        match (error, name) {
            (LoginError::Unauthorized, Some(name)) if is_domain_known => {
                LoginError::NotFound(format!("Could not find user: {name}."))
            }
            (error, _) => error,
        }
    })
}

fn by_application_credential(
    identity: &Identity,
    auth: &Value,
) -> Result<(User, ApplicationCredentialSpec), LoginError> {
    let given = auth
        .pointer("/identity/application_credential")
        .ok_or_else(|| LoginError::Malformed(expecting("application_credential", "identity")))?;
    let id = match &given["id"] {
        Value::Number(id) => Some(id.to_string()),
        id => id.as_str().map(str::to_owned),
    };
    let found = if let Some(id) = id {
        let found = identity
            .application_credentials
            .iter()
            .find(|credential| credential.id == id);
        if found.is_none() {
            return Err(LoginError::NotFound(format!(
                "Could not find Application Credential: {id}."
            )));
        }
        found
    } else {
        let name = given["name"].as_str();
        if given["name"].is_null() {
            let what = "name or ID";
            return Err(LoginError::Malformed(expecting(
                what,
                "application credential",
            )));
        }
        let owner = find_owner(identity, given)?;
        identity.application_credentials.iter().find(|credential| {
            credential.user == owner.name && Some(credential.name.as_str()) == name
        })
    };
    let credential = found.ok_or(LoginError::Unauthorized)?;
    let secret = match &given["secret"] {
        Value::String(secret) => Some(secret.as_str()),
        Value::Null => None,
        _ => return Err(LoginError::Malformed(expecting("string", "password"))),
    };
    let owner = identity
        .users
        .iter()
        .find(|user| user.name == credential.user);
    match owner {
        Some(owner) if secret == Some(credential.secret.as_str()) => {
            Ok((owner.clone(), credential.clone()))
        }
        _ => Err(LoginError::Unauthorized),
    }
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

fn in_domain(domain: &str, given: &Value) -> bool {
    given
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| name == domain)
        || given
            .get("id")
            .and_then(Value::as_str)
            .is_some_and(|id| id == domain_id(domain))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::spec::KeystoneSpec;

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
