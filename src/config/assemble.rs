//! From parts to a credential, or to what is wrong with each of them.

use url::Url;

use super::parts::{Given, Parts};
use crate::model::{
    ApplicationCredentialRef, Auth, AuthType, Client, Credential, DomainRef, Factor, Federation,
    Grant, KeystoneUrl, ProjectRef, Secret, TokenEndpoint, UserRef,
};

/// What keystoneauth asks for where nothing else is said.
const USUAL_SCOPE: &str = "openid profile";

/// A part that is wrong, and what is wrong with it.
pub(super) type WrongPart = (&'static str, String);

/// The credential; or every part that is there and wrong, which are none where one is only missing.
pub(super) fn credential(parts: &Parts) -> Result<Credential, Vec<WrongPart>> {
    let mut assembly = Assembly {
        parts,
        wrong: Vec::new(),
    };
    let credential = assembly.credential();
    credential
        .filter(|_| assembly.wrong.is_empty())
        .ok_or(assembly.wrong)
}

struct Assembly<'a> {
    parts: &'a Parts,
    wrong: Vec<WrongPart>,
}

impl Assembly<'_> {
    fn credential(&mut self) -> Option<Credential> {
        let keystone_url = self.keystone_url();
        let auth = match self.parts.kind() {
            AuthType::Password => Some(Auth::Password {
                user: self.user(),
                password: self.secret("password"),
                project: self.project(),
            }),
            AuthType::ApplicationCredential => Some(Auth::ApplicationCredential {
                credential: self.application_credential(),
                secret: self.secret("application_credential_secret"),
            }),
            AuthType::Token => self.token("token").map(|token| Auth::Token {
                token,
                project: self.project(),
            }),
            kind @ (AuthType::Totp | AuthType::MultiFactor) => {
                self.factors(kind).map(|factors| Auth::Factors {
                    factors,
                    is_multi_factor: kind == AuthType::MultiFactor,
                    project: self.project(),
                })
            }
            kind => self.federation(kind).map(|federation| Auth::Federated {
                federation: Box::new(federation),
                project: self.project(),
            }),
        };
        Some(Credential {
            keystone_url: keystone_url?,
            auth: auth?,
        })
    }

    /// Keeps what is wrong with a part. One that is not there is missing, and not wrong.
    fn wrong(&mut self, key: &'static str, problem: impl Into<String>) {
        if self.parts.get(key).is_some() {
            self.wrong.push((key, problem.into()));
        }
    }

    fn keystone_url(&mut self) -> Option<KeystoneUrl> {
        let url = self.text("keystone_url").parse();
        url.map_err(|error| self.wrong("keystone_url", format!("`keystone_url` is wrong: {error}")))
            .ok()
    }

    fn text(&self, key: &str) -> String {
        self.parts
            .get(key)
            .map_or_else(String::new, |given| given.text.clone())
    }

    fn secret(&self, key: &str) -> Secret {
        Secret::new(self.text(key))
    }

    /// A secret that is sent in a header.
    fn token(&mut self, key: &'static str) -> Option<Secret> {
        let text = self.text(key);
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(Secret::new(text));
        }
        self.wrong(
            key,
            format!("`{key}` holds a space or a character that no token has"),
        );
        None
    }

    fn domain(&self, key: &str) -> DomainRef {
        match self.parts.get(key) {
            Some(Given {
                text, by_id: true, ..
            }) => DomainRef::Id(text.clone()),
            Some(given) => DomainRef::Name(given.text.clone()),
            None => DomainRef::default(),
        }
    }

    fn is_id(&self, key: &str) -> bool {
        self.parts.get(key).is_some_and(|given| given.by_id)
    }

    fn user(&self) -> UserRef {
        match self.text("user") {
            id if self.is_id("user") => UserRef::Id(id),
            name => UserRef::Name {
                name,
                domain: self.domain("user_domain"),
            },
        }
    }

    fn project(&self) -> ProjectRef {
        match self.text("tenant") {
            id if self.is_id("tenant") => ProjectRef::Id(id),
            name => ProjectRef::Name {
                name,
                domain: self.domain("project_domain"),
            },
        }
    }

    fn application_credential(&self) -> ApplicationCredentialRef {
        match self.text("application_credential_id") {
            id if self.is_id("application_credential_id") => ApplicationCredentialRef::Id(id),
            name => ApplicationCredentialRef::Name {
                name,
                user: self.user(),
            },
        }
    }

    fn factors(&mut self, kind: AuthType) -> Option<Vec<Factor>> {
        if kind == AuthType::Totp {
            return Some(vec![self.totp()]);
        }
        let methods = self.parts.methods();
        let factors: Vec<_> = methods
            .into_iter()
            .map(|method| self.factor(method))
            .collect();
        factors.into_iter().collect()
    }

    fn totp(&self) -> Factor {
        Factor::Totp {
            user: self.user(),
            passcode: self.secret("passcode"),
        }
    }

    fn factor(&mut self, method: &str) -> Option<Factor> {
        match method {
            "v3password" | "password" => Some(Factor::Password {
                user: self.user(),
                password: self.secret("password"),
            }),
            "v3totp" | "totp" => Some(self.totp()),
            "v3token" | "token" => self.token("token").map(Factor::Token),
            other => {
                let problem = format!(
                    "`{other}` of `auth_methods` is not supported; use v3password, v3totp, v3token"
                );
                self.wrong("auth_methods", problem);
                None
            }
        }
    }

    fn federation(&mut self, kind: AuthType) -> Option<Federation> {
        let identity_provider = self.path_part("identity_provider");
        let protocol = self.path_part("protocol");
        let grant = match kind {
            AuthType::OidcAccessToken => self.token("access_token").map(Grant::AccessToken),
            AuthType::OidcClientCredentials => self.client().map(Grant::ClientCredentials),
            _ => self.client().map(|client| Grant::Password {
                client,
                username: self.text("user"),
                password: self.secret("password"),
            }),
        };
        Some(Federation {
            identity_provider: identity_provider?,
            protocol: protocol?,
            grant: grant?,
        })
    }

    /// A name that becomes one part of a URL's path, which `.` and `..` cannot.
    fn path_part(&mut self, key: &'static str) -> Option<String> {
        let text = self.text(key);
        if matches!(text.as_str(), "." | "..") {
            self.wrong(key, format!("`{key}` is not a valid name"));
            return None;
        }
        Some(text)
    }

    fn client(&mut self) -> Option<Client> {
        // Where both are set, what is written down goes before what is discovered.
        let endpoint = if self.parts.get("access_token_endpoint").is_some() {
            self.url("access_token_endpoint").map(TokenEndpoint::Known)
        } else {
            self.url("discovery_endpoint")
                .map(TokenEndpoint::Discovered)
        };
        let token_field = match self.text("access_token_type").as_str() {
            "" | "access_token" => "access_token",
            "id_token" => "id_token",
            _ => {
                let problem = "`access_token_type` is neither `access_token` nor `id_token`";
                self.wrong("access_token_type", problem);
                ""
            }
        };
        let text = |key| self.parts.get(key).map(|given| given.text.clone());
        Some(Client {
            id: self.text("client_id"),
            secret: text("client_secret").map(Secret::new),
            endpoint: endpoint?,
            scope: text("openid_scope").unwrap_or_else(|| USUAL_SCOPE.to_owned()),
            token_field: token_field.to_owned(),
        })
    }

    /// A URL of the identity provider. A wrong one is not repeated, for it may hold a password.
    fn url(&mut self, key: &'static str) -> Option<Url> {
        let checked = checked_url(&self.text(key));
        checked
            .map_err(|what| self.wrong(key, format!("`{key}` is wrong: {what}")))
            .ok()
    }
}

fn checked_url(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text.trim()).map_err(|error| format!("it is not a valid URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("it is neither an `http` nor an `https` URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password in the URL is not used; take it out".to_owned());
    }
    Ok(url)
}
