//! From parts of which none is missing to a credential, or to what is wrong with one of them.

use url::Url;

use super::parts::{Given, Parts};
use crate::model::{
    ApplicationCredentialRef, Auth, AuthType, Client, Credential, DomainRef, Factor, Federation,
    Grant, KeystoneUrl, ProjectRef, Secret, TokenEndpoint, UserRef,
};

/// What keystoneauth asks for where nothing else is said.
const USUAL_SCOPE: &str = "openid profile";

/// The credential, of parts of which none is missing; or the part that is wrong, and what is wrong with it.
pub(super) fn credential(parts: &Parts) -> Result<Credential, (&'static str, String)> {
    Assembly { parts }.credential()
}

struct Assembly<'a> {
    parts: &'a Parts,
}

impl Assembly<'_> {
    fn credential(&self) -> Result<Credential, (&'static str, String)> {
        let keystone_url: KeystoneUrl = self
            .text("keystone_url")
            .parse()
            .map_err(|error| ("keystone_url", format!("`keystone_url` is wrong: {error}")))?;
        let auth = match self.parts.kind() {
            AuthType::Password => Auth::Password {
                user: self.user(),
                password: self.secret("password"),
                project: self.project(),
            },
            AuthType::ApplicationCredential => Auth::ApplicationCredential {
                credential: self.application_credential(),
                secret: self.secret("application_credential_secret"),
            },
            AuthType::Token => Auth::Token {
                token: self.token("token")?,
                project: self.project(),
            },
            kind @ (AuthType::Totp | AuthType::MultiFactor) => Auth::Factors {
                factors: self.factors(kind)?,
                is_multi_factor: kind == AuthType::MultiFactor,
                project: self.project(),
            },
            kind => Auth::Federated {
                federation: Box::new(self.federation(kind)?),
                project: self.project(),
            },
        };
        Ok(Credential { keystone_url, auth })
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
    fn token(&self, key: &'static str) -> Result<Secret, (&'static str, String)> {
        let text = self.text(key);
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Secret::new(text))
        } else {
            let problem = format!("`{key}` holds a space or a character that no token has");
            Err((key, problem))
        }
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

    fn factors(&self, kind: AuthType) -> Result<Vec<Factor>, (&'static str, String)> {
        let totp = || Factor::Totp {
            user: self.user(),
            passcode: self.secret("passcode"),
        };
        if kind == AuthType::Totp {
            return Ok(vec![totp()]);
        }
        let factor = |method: &str| match method {
            "v3password" | "password" => Ok(Factor::Password {
                user: self.user(),
                password: self.secret("password"),
            }),
            "v3totp" | "totp" => Ok(totp()),
            "v3token" | "token" => Ok(Factor::Token(self.token("token")?)),
            other => {
                let problem = format!(
                    "`{other}` of `auth_methods` is not supported; use v3password, v3totp, v3token"
                );
                Err(("auth_methods", problem))
            }
        };
        self.parts.methods().into_iter().map(factor).collect()
    }

    fn federation(&self, kind: AuthType) -> Result<Federation, (&'static str, String)> {
        let grant = match kind {
            AuthType::OidcAccessToken => Grant::AccessToken(self.token("access_token")?),
            AuthType::OidcClientCredentials => Grant::ClientCredentials(self.client()?),
            _ => Grant::Password {
                client: self.client()?,
                username: self.text("user"),
                password: self.secret("password"),
            },
        };
        Ok(Federation {
            identity_provider: self.path_part("identity_provider")?,
            protocol: self.path_part("protocol")?,
            grant,
        })
    }

    /// A name that becomes one part of a URL's path, which `.` and `..` cannot.
    fn path_part(&self, key: &'static str) -> Result<String, (&'static str, String)> {
        let text = self.text(key);
        if matches!(text.as_str(), "." | "..") {
            return Err((key, format!("`{key}` is not a valid name")));
        }
        Ok(text)
    }

    fn client(&self) -> Result<Client, (&'static str, String)> {
        // Where both are set, what is written down goes before what is discovered.
        let endpoint = if self.parts.get("access_token_endpoint").is_some() {
            TokenEndpoint::Known(self.url("access_token_endpoint")?)
        } else {
            TokenEndpoint::Discovered(self.url("discovery_endpoint")?)
        };
        let token_field = match self.text("access_token_type").as_str() {
            "" | "access_token" => "access_token",
            "id_token" => "id_token",
            _ => {
                let problem = "`access_token_type` is neither `access_token` nor `id_token`";
                return Err(("access_token_type", problem.to_owned()));
            }
        };
        let scope = self
            .parts
            .get("openid_scope")
            .map(|given| given.text.clone());
        Ok(Client {
            id: self.text("client_id"),
            secret: self
                .parts
                .get("client_secret")
                .map(|given| Secret::new(given.text.clone())),
            endpoint,
            scope: scope.unwrap_or_else(|| USUAL_SCOPE.to_owned()),
            token_field: token_field.to_owned(),
        })
    }

    /// A URL of the identity provider. A wrong one is not repeated, for it may hold a password.
    fn url(&self, key: &'static str) -> Result<Url, (&'static str, String)> {
        let wrong = |what: &str| (key, format!("`{key}` is wrong: {what}"));
        let url = Url::parse(self.text(key).trim())
            .map_err(|error| wrong(&format!("it is not a valid URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong("it is neither an `http` nor an `https` URL"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "a user name or password in the URL is not used; take it out",
            ));
        }
        Ok(url)
    }
}
