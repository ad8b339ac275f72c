//! What is said to Keystone and what it answers (Identity API v3, "Authentication and token
//! management"). Nothing is sent here; [`Session`](super::Session) does that.

use std::time::Duration;

use chrono::DateTime;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Catalogue;
use crate::model::{
    ApplicationCredentialRef, Auth, DomainRef, Factor, Grant, ProjectRef, Secret, UserRef,
};

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

/// The body of `POST /v3/auth/tokens`, for what Keystone itself checks; none for what an identity
/// provider does. It holds the secret.
pub(super) fn login_body(auth: &Auth) -> Option<Value> {
    match auth {
        Auth::Password {
            user,
            password,
            project,
        } => {
            let factor = Factor::Password {
                user: user.clone(),
                password: password.clone(),
            };
            Some(factors_body(&[factor], project))
        }
        Auth::ApplicationCredential { credential, secret } => {
            let mut what = match credential {
                ApplicationCredentialRef::Id(id) => json!({"id": id}),
                ApplicationCredentialRef::Name { name, user } => {
                    json!({"name": name, "user": user_json(user)})
                }
            };
            what["secret"] = secret.expose().into();
            Some(json!({"auth": {"identity": {
                "methods": ["application_credential"],
                "application_credential": what,
            }}}))
        }
        Auth::Token { token, project } => Some(token_body(token, project)),
        Auth::Factors {
            factors, project, ..
        } => Some(factors_body(factors, project)),
        Auth::Federated { .. } => None,
    }
}

/// The body that asks for a token for the project, on the strength of another token.
pub(super) fn token_body(token: &Secret, project: &ProjectRef) -> Value {
    factors_body(&[Factor::Token(token.clone())], project)
}

fn factors_body(factors: &[Factor], project: &ProjectRef) -> Value {
    let mut identity = json!({});
    let mut methods: Vec<&str> = Vec::new();
    for factor in factors {
        let (method, value) = match factor {
            Factor::Password { user, password } => {
                let mut user = user_json(user);
                user["password"] = password.expose().into();
                ("password", json!({"user": user}))
            }
            Factor::Totp { user, passcode } => {
                let mut user = user_json(user);
                user["passcode"] = passcode.expose().into();
                ("totp", json!({"user": user}))
            }
            Factor::Token(token) => ("token", json!({"id": token.expose()})),
        };
        methods.push(method);
        identity[method] = value;
    }
    identity["methods"] = json!(methods);
    json!({"auth": {"identity": identity, "scope": {"project": project_json(project)}}})
}

/// What of the credential must not be repeated.
pub(super) fn secrets_of(auth: &Auth) -> Vec<&Secret> {
    match auth {
        Auth::Password { password, .. } => vec![password],
        Auth::ApplicationCredential { secret, .. } => vec![secret],
        Auth::Token { token, .. } => vec![token],
        Auth::Factors { factors, .. } => factors
            .iter()
            .map(|factor| match factor {
                Factor::Password { password, .. } => password,
                Factor::Totp { passcode, .. } => passcode,
                Factor::Token(token) => token,
            })
            .collect(),
        Auth::Federated { federation, .. } => match &federation.grant {
            Grant::AccessToken(token) => vec![token],
            Grant::ClientCredentials(client) => client.secret.iter().collect(),
            Grant::Password {
                client, password, ..
            } => client.secret.iter().chain([password]).collect(),
        },
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

/// The token in the answer to a log-in.
pub(super) fn subject_token(headers: &HeaderMap) -> Result<Secret, &'static str> {
    headers
        .get("x-subject-token")
        .and_then(|value| value.to_str().ok())
        .filter(|token| !token.is_empty())
        .map(Secret::new)
        .ok_or("the answer has no token")
}

/// Reads the answer to a log-in; what is wrong with it is said in a few words.
pub(super) fn read_answer(
    headers: &HeaderMap,
    body: &[u8],
    number: u64,
) -> Result<(Token, Identity), &'static str> {
    let secret = subject_token(headers)?;
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
        secret,
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
        let password = password.unwrap();
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
        let application = application.unwrap();
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
    fn a_passcode_goes_alone_or_with_other_proofs() {
        let user = UserRef::Id("u1".to_owned());
        let passcode = Factor::Totp {
            user: user.clone(),
            passcode: Secret::new("123456"),
        };
        let password = Factor::Password {
            user,
            password: Secret::new("pw"),
        };
        let body = |factors, is_multi_factor| {
            login_body(&Auth::Factors {
                factors,
                is_multi_factor,
                project: ProjectRef::Id("p1".to_owned()),
            })
            .unwrap()
        };
        let totp = json!({"user": {"id": "u1", "passcode": "123456"}});
        assert_eq!(
            body(vec![passcode.clone()], false),
            json!({"auth": {
                "identity": {"methods": ["totp"], "totp": totp},
                "scope": {"project": {"id": "p1"}}}})
        );
        assert_eq!(
            body(vec![password, passcode], true),
            json!({"auth": {
                "identity": {
                    "methods": ["password", "totp"],
                    "password": {"user": {"id": "u1", "password": "pw"}},
                    "totp": totp},
                "scope": {"project": {"id": "p1"}}}})
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
