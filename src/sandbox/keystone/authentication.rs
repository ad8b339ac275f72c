//! Who a login is: the proofs of `POST /v3/auth/tokens`, one function for each method.

use std::sync::Arc;

use serde_json::{Value, json};

use super::account::User;
use super::form::expecting;
use super::identity::Identity;
use super::ids::domain_id;
use super::token::Token;
use crate::sandbox::http::locked;
use crate::sandbox::spec::ApplicationCredentialSpec;

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

/// The token that another one is asked for with.
pub(super) fn by_token(identity: &Identity, auth: &Value) -> Result<Arc<Token>, LoginError> {
    let id = auth
        .pointer("/identity/token")
        .ok_or_else(|| LoginError::Malformed(expecting("token", "identity")))?["id"]
        .as_str()
        .unwrap_or_default();
    identity.tokens.get(id).ok_or_else(|| {
        let message = if id.is_empty() {
            "No token in the request"
        } else {
            "Could not recognize Fernet token"
        };
        LoginError::NotFound(message.to_owned())
    })
}

/// The user whose password was given.
pub(super) fn by_password(identity: &Identity, auth: &Value) -> Result<User, LoginError> {
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

/// The user whose passcode was given, which is used up.
pub(super) fn by_passcode(identity: &Identity, auth: &Value) -> Result<User, LoginError> {
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

/// The application credential that was given, and its user.
pub(super) fn by_application_credential(
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

/// Whether a name or id that was given means that domain.
pub(super) fn in_domain(domain: &str, given: &Value) -> bool {
    given
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| name == domain)
        || given
            .get("id")
            .and_then(Value::as_str)
            .is_some_and(|id| id == domain_id(domain))
}
