//! A credential in the making: its parts, how those of one place complete those of another, what is
//! still missing, and the whole. `credential` goes through the places.

use super::error::Origin;
use crate::model::{
    ApplicationCredentialRef, Auth, Credential, DomainRef, KeystoneUrl, ProjectRef, Secret, UserRef,
};

/// A text, and where it stands. It may be a secret: no `Debug`.
#[derive(Clone)]
pub(super) struct Given {
    pub text: String,
    pub origin: Origin,
    /// It is the id of something that may also be named.
    pub by_id: bool,
}

/// What is known of a log-in, field by field.
#[derive(Default)]
pub(super) struct Parts {
    pub kind: Option<Kind>,
    pub user: Option<Given>,
    pub user_domain: Option<Given>,
    pub password: Option<Given>,
    pub keystone_url: Option<Given>,
    pub project: Option<Given>,
    pub project_domain: Option<Given>,
    pub application_credential: Option<Given>,
    pub application_credential_secret: Option<Given>,
    pub interface: Option<Given>,
    pub cacert: Option<Given>,
    pub insecure: Option<Given>,
    pub region: Option<Given>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Password,
    ApplicationCredential,
}

impl Kind {
    /// The kind that an `auth_type` names.
    pub(super) fn from_auth_type(word: &str) -> Option<Self> {
        match word {
            "password" | "v3password" | "v2password" => Some(Self::Password),
            "v3applicationcredential" => Some(Self::ApplicationCredential),
            _ => None,
        }
    }
}

impl Parts {
    /// Takes from a place further down what no place further up gave.
    pub(super) fn fill(&mut self, lower: Self) {
        fn fill(field: &mut Option<Given>, lower: Option<Given>) {
            if field.is_none() {
                *field = lower;
            }
        }
        self.kind = self.kind.or(lower.kind).or_else(|| {
            if lower.application_credential.is_some()
                || lower.application_credential_secret.is_some()
            {
                Some(Kind::ApplicationCredential)
            } else if lower.user.is_some() || lower.password.is_some() {
                Some(Kind::Password)
            } else {
                None
            }
        });
        fill(&mut self.user, lower.user);
        fill(&mut self.user_domain, lower.user_domain);
        fill(&mut self.password, lower.password);
        fill(&mut self.keystone_url, lower.keystone_url);
        fill(&mut self.project, lower.project);
        fill(&mut self.project_domain, lower.project_domain);
        fill(
            &mut self.application_credential,
            lower.application_credential,
        );
        fill(
            &mut self.application_credential_secret,
            lower.application_credential_secret,
        );
        fill(&mut self.interface, lower.interface);
        fill(&mut self.cacert, lower.cacert);
        fill(&mut self.insecure, lower.insecure);
        fill(&mut self.region, lower.region);
    }

    /// The same from an entry of `clouds.yaml`, whose domains belong to its own user and project,
    /// and whose way to connect belongs to its own Keystone.
    pub(super) fn fill_from_cloud(&mut self, mut cloud: Self) {
        if self.user.is_some() {
            cloud.user_domain = None;
        }
        if self.project.is_some() {
            cloud.project_domain = None;
        }
        if self.keystone_url.is_some() {
            cloud.interface = None;
            cloud.cacert = None;
            cloud.insecure = None;
            cloud.region = None;
        }
        self.fill(cloud);
    }

    /// What a credential still needs, in the words of the configuration's keys.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let by_name = |field: &Option<Given>| field.as_ref().is_some_and(|given| !given.by_id);
        let needed: &[(&Option<Given>, &'static str)] = match self.kind {
            Some(Kind::ApplicationCredential) => &[
                (&self.keystone_url, "keystone_url"),
                (&self.application_credential, "application_credential_id"),
                (
                    &self.application_credential_secret,
                    "application_credential_secret",
                ),
            ],
            _ => &[
                (&self.keystone_url, "keystone_url"),
                (&self.user, "user"),
                (&self.password, "password"),
                (&self.project, "tenant"),
            ],
        };
        let mut missing: Vec<&'static str> = needed
            .iter()
            .filter(|(field, _)| field.is_none())
            .map(|(_, key)| *key)
            .collect();
        if self.kind == Some(Kind::ApplicationCredential)
            && by_name(&self.application_credential)
            && self.user.is_none()
        {
            missing.push("user");
        }
        missing
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kind.is_none() && self.keystone_url.is_none() && self.project.is_none()
    }

    /// The credential, of parts of which none is missing.
    pub(super) fn credential(&self) -> Result<Credential, String> {
        let text = |field: &Option<Given>| {
            field
                .as_ref()
                .map_or_else(String::new, |given| given.text.clone())
        };
        let secret = |field| Secret::new(text(field));
        let domain = |field: &Option<Given>| match field {
            Some(given) if given.by_id => DomainRef::Id(given.text.clone()),
            Some(given) => DomainRef::Name(given.text.clone()),
            None => DomainRef::default(),
        };
        let is_id = |field: &Option<Given>| field.as_ref().is_some_and(|given: &Given| given.by_id);
        let user = || match text(&self.user) {
            id if is_id(&self.user) => UserRef::Id(id),
            name => UserRef::Name {
                name,
                domain: domain(&self.user_domain),
            },
        };
        let url = text(&self.keystone_url);
        let keystone_url: KeystoneUrl = url
            .parse()
            .map_err(|error| format!("`keystone_url` is wrong: {error}"))?;
        let auth = if self.kind == Some(Kind::ApplicationCredential) {
            Auth::ApplicationCredential {
                credential: match text(&self.application_credential) {
                    id if is_id(&self.application_credential) => ApplicationCredentialRef::Id(id),
                    name => ApplicationCredentialRef::Name { name, user: user() },
                },
                secret: secret(&self.application_credential_secret),
            }
        } else {
            Auth::Password {
                user: user(),
                password: secret(&self.password),
                project: match text(&self.project) {
                    id if is_id(&self.project) => ProjectRef::Id(id),
                    name => ProjectRef::Name {
                        name,
                        domain: domain(&self.project_domain),
                    },
                },
            }
        };
        Ok(Credential { keystone_url, auth })
    }
}
