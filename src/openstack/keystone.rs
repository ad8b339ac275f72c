//! What is said to Keystone and what it answers (Identity API v3, "Authentication and token
//! management"). Nothing is sent here; [`Session`](super::Session) does that.

use std::time::Duration;

use chrono::DateTime;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Catalogue;
use crate::model::{ApplicationCredentialRef, Auth, DomainRef, ProjectRef, Secret, UserRef};

/// What Keystone gives out where the answer does not say how long a token lasts.
const USUAL_LIFETIME: Duration = Duration::from_hours(1);

/// A token and how long it is good for.
pub(super) struct Token {
    pub(super) secret: Secret,
    /// Told from others by this number: the first of a session is 0.
    pub(super) number: u64,
    received: Instant,
    lifetime: Duration,
}

impl Token {
    /// The time that is left of it.
    pub(super) fn remaining(&self) -> Duration {
        self.lifetime.saturating_sub(self.received.elapsed())
    }

    /// True shortly before its end, when a new one is due.
    pub(super) fn is_ending(&self) -> bool {
        self.remaining() <= (self.lifetime / 10).min(Duration::from_mins(2))
    }

    /// True in its second half, when it might end during a long upload.
    pub(super) fn is_half_spent(&self) -> bool {
        self.remaining() <= self.lifetime / 2
    }
}

/// Who is logged in, and what the catalogue offers.
pub(super) struct Identity {
    pub(super) project_id: String,
    pub(super) project_name: String,
    pub(super) user_name: String,
    pub(super) roles: Vec<String>,
    pub(super) catalogue: Catalogue,
}

/// The body of `POST /v3/auth/tokens`. It holds the secret.
pub(super) fn login_body(auth: &Auth) -> Value {
    match auth {
        Auth::Password {
            user,
            password,
            project,
        } => {
            let mut user = user_json(user);
            user["password"] = password.expose().into();
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": project_json(project)},
            }})
        }
        Auth::ApplicationCredential { credential, secret } => {
            let mut what = match credential {
                ApplicationCredentialRef::Id(id) => json!({"id": id}),
                ApplicationCredentialRef::Name { name, user } => {
                    json!({"name": name, "user": user_json(user)})
                }
            };
            what["secret"] = secret.expose().into();
            json!({"auth": {"identity": {
                "methods": ["application_credential"],
                "application_credential": what,
            }}})
        }
    }
}

/// What of the credential must not be repeated.
pub(super) fn secret_of(auth: &Auth) -> &Secret {
    match auth {
        Auth::Password { password, .. } => password,
        Auth::ApplicationCredential { secret, .. } => secret,
    }
}

fn domain_json(domain: &DomainRef) -> Value {
    match domain {
        DomainRef::Id(id) => json!({"id": id}),
        DomainRef::Name(name) => json!({"name": name}),
    }
}

fn user_json(user: &UserRef) -> Value {
    match user {
        UserRef::Id(id) => json!({"id": id}),
        UserRef::Name { name, domain } => json!({"name": name, "domain": domain_json(domain)}),
    }
}

fn project_json(project: &ProjectRef) -> Value {
    match project {
        ProjectRef::Id(id) => json!({"id": id}),
        ProjectRef::Name { name, domain } => {
            json!({"name": name, "domain": domain_json(domain)})
        }
    }
}

/// Reads the answer to a log-in; what is wrong with it is said in a few words.
pub(super) fn read_answer(
    headers: &HeaderMap,
    body: &[u8],
    number: u64,
) -> Result<(Token, Identity), &'static str> {
    let secret = headers
        .get("x-subject-token")
        .and_then(|value| value.to_str().ok())
        .filter(|token| !token.is_empty())
        .ok_or("the answer has no token")?;
    let answer: Value =
        serde_json::from_slice(body).map_err(|_| "the answer to the log-in is not JSON")?;
    let token = &answer["token"];
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let project = &token["project"];
    let roles = token["roles"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let identity = Identity {
        project_id: text(&project["id"]).ok_or("the token is not for a project")?,
        project_name: text(&project["name"]).unwrap_or_default(),
        user_name: text(&token["user"]["name"]).unwrap_or_default(),
        roles: roles
            .iter()
            .filter_map(|role| text(&role["name"]))
            .collect(),
        catalogue: Catalogue::read(&token["catalog"]),
    };
    let token = Token {
        secret: Secret::new(secret),
        number,
        received: Instant::now(),
        lifetime: lifetime(token).unwrap_or(USUAL_LIFETIME),
    };
    Ok((token, identity))
}

/// Both times are by Keystone's clock, so that this machine's may be wrong.
fn lifetime(token: &Value) -> Option<Duration> {
    let time = |key: &str| DateTime::parse_from_rfc3339(token[key].as_str()?).ok();
    (time("expires_at")? - time("issued_at")?).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(token: &Value) -> Result<(Token, Identity), &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert("x-subject-token", "gAAAA".parse().unwrap());
        read_answer(&headers, json!({"token": token}).to_string().as_bytes(), 0)
    }

    #[test]
    fn every_kind_of_credential_is_written_as_keystone_reads_it() {
        let user = UserRef::Name {
            name: "admin".to_owned(),
            domain: DomainRef::default(),
        };
        let password = login_body(&Auth::Password {
            user: user.clone(),
            password: Secret::new("pw"),
            project: ProjectRef::Id("p1".to_owned()),
        });
        assert_eq!(
            password,
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": {
                    "name": "admin", "domain": {"name": "Default"}, "password": "pw"}}},
                "scope": {"project": {"id": "p1"}},
            }})
        );
        let application = login_body(&Auth::ApplicationCredential {
            credential: ApplicationCredentialRef::Name {
                name: "sync".to_owned(),
                user,
            },
            secret: Secret::new("s"),
        });
        assert_eq!(
            application,
            json!({"auth": {"identity": {
                "methods": ["application_credential"],
                "application_credential": {
                    "name": "sync", "secret": "s",
                    "user": {"name": "admin", "domain": {"name": "Default"}}},
            }}})
        );
    }

    #[test]
    fn the_answer_gives_project_roles_and_lifetime() {
        let (token, identity) = answer(&json!({
            "project": {"id": "p1", "name": "images"},
            "user": {"id": "u1", "name": "admin"},
            "roles": [{"id": "r", "name": "admin"}, {"id": "x"}],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2026-01-01T00:10:00.000000Z",
        }))
        .unwrap();
        assert_eq!(identity.project_id, "p1");
        assert_eq!(identity.roles, ["admin"]);
        assert_eq!(token.lifetime, Duration::from_mins(10));
        assert!(!token.is_ending() && !token.is_half_spent());
    }

    #[test]
    fn answers_that_are_of_no_use_are_told_apart() {
        assert!(answer(&json!({"user": {}})).is_err_and(|what| what.contains("project")));
        assert!(
            read_answer(&HeaderMap::new(), b"{}", 0).is_err_and(|what| what.contains("no token"))
        );
        let (token, _) = answer(&json!({"project": {"id": "p"}})).unwrap();
        assert_eq!(token.lifetime, USUAL_LIFETIME);
    }
}
