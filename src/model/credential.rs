//! How a target is logged in to: plain values that the configuration makes and the OpenStack client uses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::auth::Auth;

/// All that a log-in to a target's Keystone needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Where Keystone is.
    pub keystone_url: KeystoneUrl,
    /// Who logs in, and to what.
    pub auth: Auth,
}

/// Which of a service's endpoints in the catalogue are used.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// For everybody.
    #[default]
    Public,
    /// For the cloud's own network.
    Internal,
    /// For administrators.
    Admin,
}

impl Interface {
    /// The word of the catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an interface (`public`, `internal` or `admin`)")]
pub struct InterfaceError(pub String);

impl FromStr for Interface {
    type Err = InterfaceError;

    /// Reads the catalogue's words, in any case, and the older `publicURL` and its like.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.trim().to_ascii_lowercase();
        match word.strip_suffix("url").unwrap_or(&word) {
            "public" => Ok(Self::Public),
            "internal" => Ok(Self::Internal),
            "admin" => Ok(Self::Admin),
            _ => Err(InterfaceError(text.to_owned())),
        }
    }
}

/// Where a Keystone is, without the version: Keystone v3 is always used, and a URL that ends in
/// `/v2.0` or `/v3` leads to v3 on the same server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeystoneUrl(Url);

/// The text is not a URL of a Keystone. The text itself is left out, for it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeystoneUrlError {
    /// It cannot be read as a URL.
    #[error("it is not a URL ({0}); write it as `https://keystone.example.org:5000/v3`")]
    Syntax(#[from] url::ParseError),
    /// Another scheme than `http` and `https`.
    #[error(
        "`{0}` is neither `http` nor `https`; write it as `https://keystone.example.org:5000/v3`"
    )]
    Scheme(String),
    /// `https://user:password@…`
    #[error("a user name or password in the URL is not used; take it out")]
    UserInfo,
}

impl KeystoneUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL of a resource of the v3 API: `v3("auth/tokens")` gives `…/v3/auth/tokens`.
    pub fn v3(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!(
            "{}/v3/{path}",
            self.0.path().trim_end_matches('/')
        ));
        url
    }

    /// The URL of a resource of the v3 API below names that may hold anything: each of them is one
    /// part of the path.
    pub fn v3_parts(&self, parts: &[&str]) -> Url {
        let mut url = self.v3("");
        // Only a URL that cannot be a base has no path, and those are no Keystone's.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// The URL without version; its path ends in no slash, unless it is the root.
    pub fn base(&self) -> &Url {
        &self.0
    }
}

impl FromStr for KeystoneUrl {
    type Err = KeystoneUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut url = Url::parse(text.trim())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(KeystoneUrlError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(KeystoneUrlError::UserInfo);
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/');
        let base = ["/v2.0", "/v3"]
            .iter()
            .find_map(|version| path.strip_suffix(version))
            .unwrap_or(path)
            .trim_end_matches('/')
            .to_owned();
        url.set_path(&base);
        Ok(Self(url))
    }
}

impl fmt::Display for KeystoneUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Secret;
    use super::*;
    use crate::model::{ApplicationCredentialRef, DomainRef};

    #[test]
    fn every_spelling_of_a_keystone_leads_to_v3() {
        for (text, tokens) in [
            ("http://ks:5000", "http://ks:5000/v3/auth/tokens"),
            ("http://ks:5000/", "http://ks:5000/v3/auth/tokens"),
            ("http://ks:4730/v2.0", "http://ks:4730/v3/auth/tokens"),
            ("http://ks:5000/v3//", "http://ks:5000/v3/auth/tokens"),
            (
                "https://ks/identity/v3/",
                "https://ks/identity/v3/auth/tokens",
            ),
            ("https://ks/identity", "https://ks/identity/v3/auth/tokens"),
        ] {
            let url: KeystoneUrl = text.parse().unwrap();
            assert_eq!(url.v3("auth/tokens").as_str(), tokens, "{text}");
            assert_eq!(url, url.to_string().parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn names_in_a_path_are_one_part_each() {
        let url: KeystoneUrl = "http://ks:5000/identity/v3".parse().unwrap();
        assert_eq!(
            url.v3_parts(&["OS-FEDERATION", "a/b c", "auth"]).as_str(),
            "http://ks:5000/identity/v3/OS-FEDERATION/a%2Fb%20c/auth"
        );
    }

    #[test]
    fn a_domain_is_an_id_where_keystone_would_make_it_one() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(DomainRef::guess(id), DomainRef::Id(id.to_owned()));
        assert_eq!(
            DomainRef::guess("default"),
            DomainRef::Id("default".to_owned())
        );
        assert_eq!(DomainRef::guess("Default"), DomainRef::default());
    }

    #[test]
    fn what_is_no_keystone_url_is_refused_without_repeating_it() {
        for text in ["", "ks:5000", "ftp://ks/", "http://admin:hunter2@ks:5000"] {
            let error = text.parse::<KeystoneUrl>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn interfaces_are_read_in_both_spellings() {
        assert_eq!("internalURL".parse(), Ok(Interface::Internal));
        assert_eq!(" Admin ".parse(), Ok(Interface::Admin));
        assert!("url".parse::<Interface>().is_err());
    }

    #[test]
    fn debug_of_a_credential_hides_what_is_secret() {
        let credential = Credential {
            keystone_url: "http://ks:5000".parse().unwrap(),
            auth: Auth::ApplicationCredential {
                credential: ApplicationCredentialRef::Id("ac".to_owned()),
                secret: Secret::new("hunter2"),
            },
        };
        assert!(!format!("{credential:?}").contains("hunter2"));
    }
}
