//! Who exists and which tokens are out.
//!
//! `login` makes tokens here; the Glances of the regions ask [`Identity::check`], as
//! keystonemiddleware does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use chrono::{DateTime, TimeDelta, Utc};
use md5::{Digest, Md5};
use uuid::Uuid;

use crate::sandbox::error::SandboxError;
use crate::sandbox::hex::hexadecimal;
use crate::sandbox::http::locked;
use crate::sandbox::spec::{ApplicationCredentialSpec, IdentityProviderSpec, KeystoneSpec};

/// The name of the domain that is meant when none is given; its id is `default`.
const DEFAULT_DOMAIN: &str = "Default";

/// A project, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Project {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) domain: String,
}

/// A user, resolved: roles by project id.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) password: String,
    pub(super) has_passcodes: bool,
    pub(super) roles: HashMap<String, Vec<String>>,
}

/// A region's image endpoint, for the catalogue.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Endpoint {
    pub(in crate::sandbox) region: String,
    pub(in crate::sandbox) url: String,
}

/// A token that was given out.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Token {
    pub(super) user: User,
    pub(super) methods: Vec<&'static str>,
    pub(in crate::sandbox) project: Option<Project>,
    pub(in crate::sandbox) roles: Vec<String>,
    pub(super) application_credential: Option<ApplicationCredentialSpec>,
    /// Its own, then that of the token it was made of.
    pub(super) audit_ids: Vec<String>,
    pub(super) issued_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

/// What a token is made of.
#[derive(Debug)]
pub(super) enum Origin {
    Password,
    Credential(ApplicationCredentialSpec),
    /// Another token, which it does not outlive.
    Token {
        audit_id: String,
        expires: DateTime<Utc>,
    },
}

impl Origin {
    /// That token, or a password where there is none.
    pub(super) fn of(token: Option<&Token>) -> Self {
        token.map_or(Self::Password, |token| Self::Token {
            audit_id: token.audit_ids.last().cloned().unwrap_or_default(),
            expires: token.expires_at,
        })
    }
}

/// The state of one Keystone.
#[derive(Debug)]
pub(in crate::sandbox) struct Identity {
    pub(in crate::sandbox) url: String,
    pub(super) projects: Vec<Project>,
    pub(super) users: Vec<User>,
    pub(super) application_credentials: Vec<ApplicationCredentialSpec>,
    pub(super) endpoints: Vec<Endpoint>,
    lifetime: TimeDelta,
    tokens: Mutex<HashMap<String, Arc<Token>>>,
    pub(super) providers: Vec<IdentityProviderSpec>,
    /// Access tokens of those providers, and whose they are.
    pub(super) access_tokens: Mutex<HashMap<String, String>>,
    /// By the user's id, those that are still good.
    pub(super) passcodes: Mutex<HashMap<String, Vec<String>>>,
    up: AtomicBool,
}

impl Identity {
    /// Resolves the names of a specification.
    pub(in crate::sandbox) fn new(
        spec: &KeystoneSpec,
        url: String,
        endpoints: Vec<Endpoint>,
    ) -> Result<Self, SandboxError> {
        let mut identity = Self {
            url,
            projects: projects(spec),
            users: Vec::new(),
            application_credentials: spec.application_credentials.clone(),
            endpoints,
            lifetime: TimeDelta::seconds(i64::try_from(spec.token_lifetime_secs).unwrap_or(3600)),
            tokens: Mutex::default(),
            providers: spec.identity_providers.clone(),
            access_tokens: Mutex::default(),
            passcodes: Mutex::default(),
            up: AtomicBool::new(true),
        };
        for user in &spec.users {
            let domain = user
                .domain
                .clone()
                .unwrap_or_else(|| DEFAULT_DOMAIN.to_owned());
            let mut roles: HashMap<String, Vec<String>> = HashMap::new();
            for assignment in &user.roles {
                if let Some(project) = identity.project_named(&assignment.project) {
                    roles
                        .entry(project.id.clone())
                        .or_default()
                        .extend(assignment.roles.iter().cloned());
                }
            }
            let id = user
                .id
                .clone()
                .unwrap_or_else(|| stable_id("user", &domain, &user.name));
            locked(&identity.passcodes).insert(id.clone(), user.passcodes.clone());
            identity.users.push(User {
                id,
                name: user.name.clone(),
                domain,
                password: user.password.clone(),
                has_passcodes: !user.passcodes.is_empty(),
                roles,
            });
        }
        for credential in &identity.application_credentials {
            let user = identity
                .users
                .iter()
                .find(|user| user.name == credential.user);
            let project = identity.project_named(&credential.project);
            if !matches!((user, project), (Some(user), Some(project))
                if user.roles.contains_key(&project.id))
            {
                return Err(SandboxError::Spec(format!(
                    "the user of application credential {} has no role in its project",
                    credential.id
                )));
            }
        }
        Ok(identity)
    }

    /// The id of the project of that name.
    pub(in crate::sandbox) fn project_id(&self, name: &str) -> Option<&str> {
        self.project_named(name).map(|project| project.id.as_str())
    }

    /// The project that images belong to when nothing else is said.
    pub(in crate::sandbox) fn first_project_id(&self) -> Option<&str> {
        self.projects.first().map(|project| project.id.as_str())
    }

    pub(super) fn project_named(&self, name: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.name == name)
    }

    /// Marks the Keystone as reachable or not; without it no Glance can check a token.
    pub(in crate::sandbox) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::SeqCst);
    }

    /// Gives out a token for what `login` found out.
    pub(super) fn issue(
        &self,
        user: User,
        methods: Vec<&'static str>,
        project: Option<Project>,
        roles: Vec<String>,
        origin: Origin,
    ) -> (String, Arc<Token>) {
        let issued_at = Utc::now();
        let mut audit_ids = vec![
            URL_SAFE
                .encode(Uuid::new_v4().as_bytes())
                .trim_end_matches('=')
                .to_owned(),
        ];
        let mut expires_at = issued_at + self.lifetime;
        let mut application_credential = None;
        match origin {
            Origin::Password => {}
            Origin::Credential(credential) => application_credential = Some(credential),
            Origin::Token { audit_id, expires } => {
                audit_ids.push(audit_id);
                expires_at = expires;
            }
        }
        let token = Arc::new(Token {
            user,
            methods,
            project,
            roles,
            application_credential,
            audit_ids,
            issued_at,
            expires_at,
        });
        let mut random = Vec::with_capacity(128);
        for _ in 0..8 {
            random.extend_from_slice(Uuid::new_v4().as_bytes());
        }
        // The prefix that every fernet token has.
        let id = format!("gAAAAAB{}", URL_SAFE.encode(random).trim_end_matches('='));
        let mut tokens = locked(&self.tokens);
        tokens.retain(|_, token| token.expires_at > issued_at);
        tokens.insert(id.clone(), Arc::clone(&token));
        (id, token)
    }

    /// The token of that id, unless it is unknown, expired or revoked.
    pub(in crate::sandbox) fn token(&self, id: &str) -> Option<Arc<Token>> {
        let token = locked(&self.tokens).get(id).cloned()?;
        (token.expires_at > Utc::now()).then_some(token)
    }

    /// As [`Self::token`], asked by a Glance: none while this Keystone is down.
    pub(in crate::sandbox) fn check(&self, id: &str) -> Option<Arc<Token>> {
        if !self.up.load(Ordering::SeqCst) {
            return None;
        }
        self.token(id)
    }

    /// Takes a token back; whether there was one.
    pub(in crate::sandbox) fn revoke(&self, id: &str) -> bool {
        locked(&self.tokens).remove(id).is_some()
    }

    /// Every token that is out.
    pub(in crate::sandbox) fn tokens_out(&self) -> Vec<String> {
        locked(&self.tokens).keys().cloned().collect()
    }

    /// Takes every token back.
    pub(in crate::sandbox) fn revoke_all(&self) {
        locked(&self.tokens).clear();
    }
}

fn projects(spec: &KeystoneSpec) -> Vec<Project> {
    let mut projects: Vec<Project> = Vec::new();
    let mut add = |name: &str, id: Option<&String>, domain: Option<&String>| {
        let domain = domain.cloned().unwrap_or_else(|| DEFAULT_DOMAIN.to_owned());
        let id = id
            .cloned()
            .unwrap_or_else(|| stable_id("project", &domain, name));
        projects.push(Project {
            id,
            name: name.to_owned(),
            domain,
        });
    };
    let mut named: Vec<&str> = Vec::new();
    for project in &spec.projects {
        named.push(&project.name);
        add(&project.name, project.id.as_ref(), project.domain.as_ref());
    }
    for assignment in spec.users.iter().flat_map(|user| &user.roles) {
        if !named.contains(&assignment.project.as_str()) {
            named.push(&assignment.project);
            add(&assignment.project, None, None);
        }
    }
    projects
}

/// The id of a domain: `default` for `Default`, else one that depends on the name alone.
pub(super) fn domain_id(name: &str) -> String {
    if name == DEFAULT_DOMAIN {
        "default".to_owned()
    } else {
        stable_id("domain", "", name)
    }
}

/// A role's id, which depends on the name alone.
pub(super) fn role_id(name: &str) -> String {
    stable_id("role", "", name)
}

/// An id in Keystone's form that depends on the words alone.
pub(super) fn stable_id(kind: &str, scope: &str, name: &str) -> String {
    hexadecimal(&Md5::digest(format!("{kind}/{scope}/{name}")))
}

/// The roles, and those that they imply in a bootstrapped Keystone.
pub(super) fn with_implied(roles: &[String]) -> Vec<String> {
    const CHAIN: [&str; 4] = ["admin", "manager", "member", "reader"];
    let mut all = roles.to_vec();
    if let Some(highest) = CHAIN
        .iter()
        .position(|name| roles.iter().any(|role| role == name))
    {
        for name in &CHAIN[highest..] {
            if !all.iter().any(|role| role == name) {
                all.push((*name).to_owned());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(lifetime_secs: u64) -> Identity {
        let spec = KeystoneSpec::new("main")
            .user("admin", "secret", "admin", ["admin"])
            .token_lifetime_secs(lifetime_secs);
        Identity::new(&spec, "http://127.0.0.1:1/v3".to_owned(), Vec::new()).unwrap()
    }

    #[test]
    fn tokens_expire_and_can_be_revoked() {
        let lasting = identity(60);
        let user = lasting.users[0].clone();
        let (id, _) = lasting.issue(
            user.clone(),
            vec!["password"],
            None,
            Vec::new(),
            Origin::Password,
        );
        assert!(lasting.check(&id).is_some());
        lasting.set_up(false);
        assert!(lasting.check(&id).is_none());
        assert!(lasting.token(&id).is_some());
        assert!(lasting.revoke(&id));
        assert!(lasting.token(&id).is_none());
        let brief = identity(0);
        let (id, _) = brief.issue(user, vec!["password"], None, Vec::new(), Origin::Password);
        assert!(brief.token(&id).is_none());
    }

    #[test]
    fn admin_implies_the_lesser_roles() {
        assert_eq!(
            with_implied(&["admin".to_owned()]),
            ["admin", "manager", "member", "reader"]
        );
        assert_eq!(with_implied(&["publisher".to_owned()]), ["publisher"]);
    }

    #[test]
    fn ids_depend_on_names_alone() {
        assert_eq!(
            identity(1).project_id("admin"),
            identity(2).project_id("admin")
        );
        assert_eq!(identity(1).project_id("admin").unwrap().len(), 32);
        assert_eq!(domain_id("Default"), "default");
    }
}
