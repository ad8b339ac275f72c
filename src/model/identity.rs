//! Users, projects and domains as a log-in names them: by id, or by name within a domain.

/// A domain, by id or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainRef {
    /// Its id, such as `default`.
    Id(String),
    /// Its name, such as `Default`.
    Name(String),
}

impl DomainRef {
    /// Reads a text that may be either: `default` and 32 hexadecimal digits, which Keystone makes,
    /// are ids, and everything else is a name.
    pub fn guess(text: &str) -> Self {
        let is_id = text == "default"
            || text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_id {
            Self::Id(text.to_owned())
        } else {
            Self::Name(text.to_owned())
        }
    }
}

impl Default for DomainRef {
    /// The domain that every Keystone has from its bootstrap, by its name.
    fn default() -> Self {
        Self::Name("Default".to_owned())
    }
}

/// A user, by id or by name within a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// The id, which needs no domain.
    Id(String),
    /// The name.
    Name {
        /// The user's name.
        name: String,
        /// The domain that owns the user.
        domain: DomainRef,
    },
}

/// A project, by id or by name within a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectRef {
    /// The id, which needs no domain.
    Id(String),
    /// The name.
    Name {
        /// The project's name.
        name: String,
        /// The domain that owns the project.
        domain: DomainRef,
    },
}

/// An application credential, by id or by name within its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationCredentialRef {
    /// The id, which needs no user.
    Id(String),
    /// The name.
    Name {
        /// The application credential's name.
        name: String,
        /// The user that it belongs to.
        user: UserRef,
    },
}
