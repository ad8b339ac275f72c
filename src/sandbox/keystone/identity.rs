//! Who exists at a Keystone, and which regions its catalogue lists.
//!
//! `login` makes tokens here; the Glances of the regions ask [`Identity::check`], as
//! keystonemiddleware does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::account::{Project, User};
use super::ids::{DEFAULT_DOMAIN, stable_id};
use super::token::{Token, Tokens};
use crate::sandbox::error::SandboxError;
use crate::sandbox::http::locked;
use crate::sandbox::spec::{ApplicationCredentialSpec, KeystoneSpec};

/// A region's image endpoint, for the catalogue.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Endpoint {
    pub(in crate::sandbox) region: String,
    pub(in crate::sandbox) url: String,
}

/// The state of one Keystone.
#[derive(Debug)]
pub(in crate::sandbox) struct Identity {
    pub(in crate::sandbox) url: String,
    pub(super) projects: Vec<Project>,
    pub(super) users: Vec<User>,
    pub(super) application_credentials: Vec<ApplicationCredentialSpec>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(in crate::sandbox) tokens: Tokens,
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
            tokens: Tokens::new(spec.token_lifetime_secs),
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

    /// The address of a region's Glance in the catalogue, whatever the case of its name.
    pub(in crate::sandbox) fn glance_url(&self, region: &str) -> Option<&str> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.region.eq_ignore_ascii_case(region))
            .map(|endpoint| endpoint.url.as_str())
    }

    /// Marks the Keystone as reachable or not; without it no Glance can check a token.
    pub(in crate::sandbox) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::SeqCst);
    }

    /// The token of that id, as a Glance asks for it: none while this Keystone is down.
    pub(in crate::sandbox) fn check(&self, id: &str) -> Option<Arc<Token>> {
        if !self.up.load(Ordering::SeqCst) {
            return None;
        }
        self.tokens.get(id)
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

#[cfg(test)]
mod tests {
    use super::super::token::Origin;
    use super::*;

    fn identity(lifetime_secs: u64) -> Identity {
        let spec = KeystoneSpec::new("main")
            .user("admin", "secret", "admin", ["admin"])
            .token_lifetime_secs(lifetime_secs);
        Identity::new(&spec, "http://127.0.0.1:1/v3".to_owned(), Vec::new()).unwrap()
    }

    fn log_in(identity: &Identity) -> String {
        let user = identity.users[0].clone();
        let methods = vec!["password"];
        let (id, _) = identity
            .tokens
            .issue(user, methods, None, Vec::new(), Origin::Password);
        id
    }

    #[test]
    fn tokens_expire_and_can_be_revoked() {
        let lasting = identity(60);
        let id = log_in(&lasting);
        assert!(lasting.check(&id).is_some());
        lasting.set_up(false);
        assert!(lasting.check(&id).is_none());
        assert!(lasting.tokens.get(&id).is_some());
        assert!(lasting.tokens.revoke(&id));
        assert!(lasting.tokens.get(&id).is_none());
        let brief = identity(0);
        assert!(brief.tokens.get(&log_in(&brief)).is_none());
    }

    #[test]
    fn ids_of_projects_depend_on_names_alone() {
        let (one, other) = (identity(1), identity(2));
        assert_eq!(one.project_id("admin"), other.project_id("admin"));
        assert_eq!(one.project_id("admin").unwrap().len(), 32);
    }
}
