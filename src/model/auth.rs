//! Who logs in, and by which of Keystone's methods: plain values that the configuration makes.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::identity::{ApplicationCredentialRef, ProjectRef, UserRef};
use super::secret::Secret;

/// Who logs in (Identity API v3, "Authentication and token management").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A user with a password, scoped to a project.
    Password {
        /// The user.
        user: UserRef,
        /// The password, as plain text.
        password: Secret,
        /// The project that the token is for.
        project: ProjectRef,
    },
    /// An application credential, which implies its project: no scope is sent with it.
    ApplicationCredential {
        /// Which one.
        credential: ApplicationCredentialRef,
        /// Its secret.
        secret: Secret,
    },
    /// A token that was issued before, for which Keystone gives one for the project.
    Token {
        /// The token.
        token: Secret,
        /// The project that the new token is for.
        project: ProjectRef,
    },
    /// A one-time passcode, alone or with other proofs.
    Factors {
        /// What is proved, in this order; not empty.
        factors: Vec<Factor>,
        /// True for `v3multifactor`, false for `v3totp`.
        is_multi_factor: bool,
        /// The project that the token is for.
        project: ProjectRef,
    },
    /// A user of an identity provider that Keystone trusts (OS-FEDERATION with OpenID Connect).
    Federated {
        /// Which identity provider, and how it is asked.
        federation: Box<Federation>,
        /// The project that the token is for.
        project: ProjectRef,
    },
}

/// One proof of who logs in, of several that are given at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Factor {
    /// A password.
    Password {
        /// The user.
        user: UserRef,
        /// The password, as plain text.
        password: Secret,
    },
    /// A one-time passcode.
    Totp {
        /// The user.
        user: UserRef,
        /// The passcode, which is good for one log-in.
        passcode: Secret,
    },
    /// A token that was issued before.
    Token(Secret),
}

/// How an identity provider vouches for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Federation {
    /// The identity provider, by Keystone's name for it.
    pub identity_provider: String,
    /// The protocol, by Keystone's name for it.
    pub protocol: String,
    /// How the access token is come by.
    pub grant: Grant,
}

/// How an access token of an identity provider is come by (OAuth 2.0, RFC 6749).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// It is there already.
    AccessToken(Secret),
    /// The client stands for itself.
    ClientCredentials(Client),
    /// A user with a password, both of them the identity provider's.
    Password {
        /// Who asks.
        client: Client,
        /// The user's name.
        username: String,
        /// The user's password, which only the identity provider gets.
        password: Secret,
    },
}

/// A client of an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret, which only the identity provider gets; none for a public client.
    pub secret: Option<Secret>,
    /// Where access tokens are given out.
    pub endpoint: TokenEndpoint,
    /// What is asked for, such as `openid profile`.
    pub scope: String,
    /// The field of the answer with the token that Keystone takes: `access_token` or `id_token`.
    pub token_field: String,
}

/// Where an identity provider gives out access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenEndpoint {
    /// At this URL.
    Known(Url),
    /// Where the document at this URL says (OpenID Connect Discovery 1.0).
    Discovered(Url),
}

impl Auth {
    /// The project that the token is for; none where the credential implies it.
    pub fn project(&self) -> Option<&ProjectRef> {
        match self {
            Self::Password { project, .. }
            | Self::Token { project, .. }
            | Self::Factors { project, .. }
            | Self::Federated { project, .. } => Some(project),
            Self::ApplicationCredential { .. } => None,
        }
    }

    /// The type, by keystoneauth's name for it.
    pub fn auth_type(&self) -> AuthType {
        match self {
            Self::Password { .. } => AuthType::Password,
            Self::ApplicationCredential { .. } => AuthType::ApplicationCredential,
            Self::Token { .. } => AuthType::Token,
            Self::Factors {
                is_multi_factor, ..
            } => {
                if *is_multi_factor {
                    AuthType::MultiFactor
                } else {
                    AuthType::Totp
                }
            }
            Self::Federated { federation, .. } => match federation.grant {
                Grant::AccessToken(_) => AuthType::OidcAccessToken,
                Grant::ClientCredentials(_) => AuthType::OidcClientCredentials,
                Grant::Password { .. } => AuthType::OidcPassword,
            },
        }
    }

    /// Whether a second log-in with the same credential can give another token: not with one that
    /// is good for one use, or that is itself a token.
    pub fn is_renewable(&self) -> bool {
        match self {
            Self::Password { .. } | Self::ApplicationCredential { .. } => true,
            Self::Token { .. } => false,
            Self::Factors { factors, .. } => factors
                .iter()
                .all(|factor| matches!(factor, Factor::Password { .. })),
            Self::Federated { federation, .. } => {
                !matches!(federation.grant, Grant::AccessToken(_))
            }
        }
    }
}

/// How a target is logged in to, by the names that keystoneauth gives its plug-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthType {
    /// `v3password`
    Password,
    /// `v3applicationcredential`
    ApplicationCredential,
    /// `v3token`
    Token,
    /// `v3totp`
    Totp,
    /// `v3multifactor`
    MultiFactor,
    /// `v3oidcclientcredentials`
    OidcClientCredentials,
    /// `v3oidcpassword`
    OidcPassword,
    /// `v3oidcaccesstoken`
    OidcAccessToken,
}

impl AuthType {
    /// Every type, in the order in which messages list them.
    pub const ALL: [Self; 8] = [
        Self::Password,
        Self::ApplicationCredential,
        Self::Token,
        Self::Totp,
        Self::MultiFactor,
        Self::OidcClientCredentials,
        Self::OidcPassword,
        Self::OidcAccessToken,
    ];

    /// The name in configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "v3password",
            Self::ApplicationCredential => "v3applicationcredential",
            Self::Token => "v3token",
            Self::Totp => "v3totp",
            Self::MultiFactor => "v3multifactor",
            Self::OidcClientCredentials => "v3oidcclientcredentials",
            Self::OidcPassword => "v3oidcpassword",
            Self::OidcAccessToken => "v3oidcaccesstoken",
        }
    }

    /// True where an identity provider vouches for the user, and not Keystone itself.
    pub fn is_federated(self) -> bool {
        matches!(
            self,
            Self::OidcClientCredentials | Self::OidcPassword | Self::OidcAccessToken
        )
    }
}

impl fmt::Display for AuthType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not the name of a type that is understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not supported; use one of {list}", list = AuthType::ALL.map(AuthType::as_str).join(", "))]
pub struct AuthTypeError(pub String);

impl FromStr for AuthType {
    type Err = AuthTypeError;

    /// Reads keystoneauth's names, and `password` and `token`, which leave the version open.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "password" => Ok(Self::Password),
            "token" => Ok(Self::Token),
            word => Self::ALL
                .into_iter()
                .find(|known| known.as_str() == word)
                .ok_or_else(|| AuthTypeError(word.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_by_keystoneauths_names_and_no_others() {
        for known in AuthType::ALL {
            assert_eq!(known.to_string().parse(), Ok(known));
        }
        assert_eq!("password".parse(), Ok(AuthType::Password));
        assert_eq!(" token ".parse(), Ok(AuthType::Token));
        for other in [
            "v3adfspassword",
            "v3samlpassword",
            "v3oidcauthcode",
            "v3kerberos",
            "v2password",
            "none",
            "http_basic",
            "admin_token",
            "totp",
            "",
        ] {
            let error = other.parse::<AuthType>().unwrap_err().to_string();
            assert!(
                error.contains("v3password, v3applicationcredential"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_good_for_one_log_in_is_not_renewable() {
        let project = ProjectRef::Id("p".to_owned());
        let user = UserRef::Id("u".to_owned());
        let passcode = Factor::Totp {
            user,
            passcode: Secret::new("123456"),
        };
        let auth = Auth::Factors {
            factors: vec![passcode],
            is_multi_factor: false,
            project: project.clone(),
        };
        assert!(!auth.is_renewable());
        assert_eq!(auth.auth_type(), AuthType::Totp);
        assert!(!format!("{auth:?}").contains("123456"));
        let token = Auth::Token {
            token: Secret::new("t"),
            project,
        };
        assert!(!token.is_renewable());
    }
}
