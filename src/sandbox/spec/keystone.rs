//! A Keystone as data: who may log in, and which regions its catalogue lists.

use serde::{Deserialize, Serialize};

use super::region::RegionSpec;
use crate::sandbox::fault::Fault;

/// One Keystone v3: who may log in, for how long, and which regions its catalogue lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeystoneSpec {
    /// By what name the sandbox's accessors know it; no client ever sees it.
    pub name: String,
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Lifetime of every token, in seconds.
    pub token_lifetime_secs: u64,
    /// Projects with a fixed id or domain. A project that only [`UserSpec::roles`] names is made
    /// in the domain `Default`.
    pub projects: Vec<ProjectSpec>,
    /// Who may log in.
    pub users: Vec<UserSpec>,
    /// Application credentials of those users.
    pub application_credentials: Vec<ApplicationCredentialSpec>,
    /// Identity providers whose users may log in.
    pub identity_providers: Vec<IdentityProviderSpec>,
    /// The regions of the catalogue, in its order.
    pub regions: Vec<RegionSpec>,
    /// Faults of this Keystone from its start.
    pub faults: Vec<Fault>,
}

impl Default for KeystoneSpec {
    fn default() -> Self {
        Self {
            name: "main".to_owned(),
            port: 0,
            token_lifetime_secs: 3600,
            projects: Vec::new(),
            users: Vec::new(),
            application_credentials: Vec::new(),
            identity_providers: Vec::new(),
            regions: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl KeystoneSpec {
    /// A Keystone without users and regions.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Adds a user of the domain `Default` with roles in one project of the same domain.
    #[must_use]
    pub fn user<R: Into<String>>(
        mut self,
        name: &str,
        password: &str,
        project: &str,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        let assignment = RoleAssignment {
            project: project.to_owned(),
            roles: roles.into_iter().map(Into::into).collect(),
        };
        match self.users.iter_mut().find(|user| user.name == name) {
            Some(user) => user.roles.push(assignment),
            None => self.users.push(UserSpec {
                name: name.to_owned(),
                password: password.to_owned(),
                roles: vec![assignment],
                ..UserSpec::default()
            }),
        }
        self
    }

    /// Adds a region.
    #[must_use]
    pub fn region(mut self, region: RegionSpec) -> Self {
        self.regions.push(region);
        self
    }

    /// Sets the lifetime of tokens, in seconds.
    #[must_use]
    pub fn token_lifetime_secs(mut self, secs: u64) -> Self {
        self.token_lifetime_secs = secs;
        self
    }
}

/// A project (a tenant, in the words of Keystone v2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectSpec {
    /// Its name, unique within its domain.
    pub name: String,
    /// Its id; without one, 32 hexadecimal digits that depend on the names alone.
    pub id: Option<String>,
    /// Its domain's name; `Default` when absent.
    pub domain: Option<String>,
}

/// A user with a password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSpec {
    /// Login name, unique within its domain.
    pub name: String,
    /// The password in clear; the sandbox holds no real secret.
    pub password: String,
    /// The user's id; without one, 32 hexadecimal digits that depend on the names alone.
    pub id: Option<String>,
    /// The user's domain; `Default` when absent.
    pub domain: Option<String>,
    /// One-time passcodes, each of which is good for one log-in; without any the method `totp` is
    /// not offered.
    pub passcodes: Vec<String>,
    /// What the user may do in which project.
    pub roles: Vec<RoleAssignment>,
}

/// An `OpenID` Connect provider, which answers below `/idp/<name>` of its Keystone's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityProviderSpec {
    /// Keystone's name for it.
    pub name: String,
    /// Keystone's name for the protocol.
    pub protocol: String,
    /// The id of its one client.
    pub client_id: String,
    /// That client's secret.
    pub client_secret: String,
    /// The name of its one user.
    pub username: String,
    /// That user's password, which is not Keystone's.
    pub password: String,
    /// The name of the Keystone's user that whoever it vouches for is mapped to.
    pub user: String,
}

/// Roles of one user in one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleAssignment {
    /// The project's name.
    pub project: String,
    /// Role names. As in a bootstrapped Keystone, `admin` implies `manager`, that `member`, that
    /// `reader`.
    pub roles: Vec<String>,
}

/// An application credential: a login bound to one user and one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApplicationCredentialSpec {
    /// Its id, by which clients name it.
    pub id: String,
    /// Its name, unique per user.
    pub name: String,
    /// Its secret.
    pub secret: String,
    /// Name of the user it belongs to.
    pub user: String,
    /// Name of the project it is scoped to.
    pub project: String,
    /// Its roles; none means all that the user has in the project.
    pub roles: Vec<String>,
}
