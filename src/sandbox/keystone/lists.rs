//! The collections of Keystone that clients look names up in.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded::parse;

use super::documents;
use super::identity::Identity;
use super::kind::Kind;
use super::replies::{error, forbidden, reply};
use super::token::Token;
use super::views::{collection, credential_view, projects_of};
use crate::sandbox::python::python;
use crate::sandbox::spec::ApplicationCredentialSpec;

/// What a path that can only be read leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed<'a> {
    /// The caller's own catalogue.
    Catalogue,
    /// The projects that the caller has a role in.
    OwnProjects,
    /// A collection, or one thing in it.
    Collection(Kind, Option<&'a str>),
    /// What belongs to the user of that id, or one thing of it.
    OfUser(&'a str, Kind, Option<&'a str>),
}

impl<'a> Listed<'a> {
    /// What the path leads to, slashes at its ends left out.
    pub(super) fn at(path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix("v3/")?.split('/').collect();
        Some(match segments[..] {
            ["auth", "catalog"] => Self::Catalogue,
            ["auth", "projects"] => Self::OwnProjects,
            ["users", id, "projects"] => Self::OfUser(id, Kind::Projects, None),
            ["users", id, "groups"] => Self::OfUser(id, Kind::Groups, None),
            ["users", id, "application_credentials"] => {
                Self::OfUser(id, Kind::ApplicationCredentials, None)
            }
            ["users", id, "application_credentials", one] => {
                Self::OfUser(id, Kind::ApplicationCredentials, Some(one))
            }
            [name] => Self::Collection(Kind::parse(name)?, None),
            [name, id] => Self::Collection(Kind::parse(name)?, Some(id)),
            _ => return None,
        })
    }

    /// The methods that a real Keystone has there, of which only reading is embedded.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Collection(_, None) | Self::OfUser(_, Kind::ApplicationCredentials, None) => {
                "GET, HEAD, OPTIONS, POST"
            }
            Self::Collection(..) => "GET, HEAD, PATCH, DELETE, OPTIONS",
            Self::OfUser(_, _, Some(_)) => "GET, HEAD, DELETE, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// Answers `GET`.
    pub(super) fn answer(
        self,
        identity: &Identity,
        token: &Token,
        path: &str,
        query: &str,
    ) -> Response<Body> {
        if let Self::Collection(kind, _) | Self::OfUser(_, kind, _) = self
            && let Err(action) = self.check(token, kind)
        {
            return forbidden(&format!(": identity:{action}"));
        }
        let (kind, all, id) = match self {
            Self::Catalogue => return catalogue(identity, token, path),
            Self::OwnProjects => (Kind::Projects, projects_of(identity, &token.user), None),
            Self::Collection(kind, id) => (kind, collection(identity, kind), id),
            Self::OfUser(user, kind, id) => {
                let known = identity.users.iter().find(|known| known.id == user);
                // Whose credentials they are is looked at only to tell who may see them.
                let known = match (known, kind) {
                    (None, Kind::Projects | Kind::Groups) => {
                        return absent(Kind::Users, user);
                    }
                    (known, _) => known,
                };
                let all = match kind {
                    Kind::Projects => known.map(|user| projects_of(identity, user)),
                    Kind::ApplicationCredentials if id.is_some() => Some(
                        identity
                            .application_credentials
                            .iter()
                            .map(|credential| credential_view(identity, credential))
                            .collect(),
                    ),
                    Kind::ApplicationCredentials => known.map(|user| {
                        let owned = |one: &&ApplicationCredentialSpec| one.user == user.name;
                        let credentials = identity.application_credentials.iter().filter(owned);
                        credentials
                            .map(|credential| credential_view(identity, credential))
                            .collect()
                    }),
                    _ => None,
                };
                (kind, all.unwrap_or_default(), id)
            }
        };
        match id {
            None => list(identity, kind, &all, path, query),
            Some(id) => match all.into_iter().find(|item| item["id"] == id) {
                Some(item) => reply(StatusCode::OK, &json!({kind.singular(): item})),
                None => absent(kind, id),
            },
        }
    }

    /// Whether the caller may read it: admins all, everybody regions, and one's own; else the name
    /// of what was tried.
    fn check(self, token: &Token, kind: Kind) -> Result<(), String> {
        let own_project = || token.project.as_ref().map(|project| project.id.as_str());
        let may = token.roles.iter().any(|role| role == "admin")
            || match self {
                Self::Collection(Kind::Regions, _) => true,
                Self::Collection(Kind::Projects, Some(id)) => own_project() == Some(id),
                Self::Collection(Kind::Users, Some(id)) => token.user.id == id,
                // One of them is judged by whose it is, which only its owner knows.
                Self::OfUser(id, _, one) => token.user.id == id && one.is_none(),
                _ => false,
            };
        if may {
            return Ok(());
        }
        let action = match self {
            Self::OfUser(_, Kind::Projects, _) => "list_user_projects".to_owned(),
            Self::OfUser(_, Kind::Groups, _) => "list_groups_for_user".to_owned(),
            Self::Collection(_, None) | Self::OfUser(_, _, None) => {
                format!("list_{}", kind.plural())
            }
            _ => format!("get_{}", kind.singular()),
        };
        Err(action)
    }
}

fn catalogue(identity: &Identity, token: &Token, path: &str) -> Response<Body> {
    if token.project.is_none() {
        return forbidden("");
    }
    let own_path = address(identity, path);
    let document = json!({"catalog": documents::catalogue(identity), "links": {"self": own_path}});
    reply(StatusCode::OK, &document)
}

fn list(identity: &Identity, kind: Kind, all: &[Value], path: &str, query: &str) -> Response<Body> {
    if let Err(problem) = check_query(kind, query) {
        return error(StatusCode::BAD_REQUEST, &problem);
    }
    let found: Vec<&Value> = all
        .iter()
        .filter(|item| is_asked_for(item, query))
        .collect();
    let mut own_path = address(identity, path);
    if !query.is_empty() {
        own_path = format!("{own_path}?{query}");
    }
    let links = json!({"self": own_path, "previous": null, "next": null});
    reply(
        StatusCode::OK,
        &json!({kind.plural(): found, "links": links}),
    )
}

fn absent(kind: Kind, id: &str) -> Response<Body> {
    let title = kind.title();
    error(
        StatusCode::NOT_FOUND,
        &format!("Could not find {title}: {id}."),
    )
}

fn address(identity: &Identity, path: &str) -> String {
    format!("{}/{}", identity.url, path.trim_start_matches("v3/"))
}

/// What Keystone's schema of a list's parameters finds wrong.
fn check_query(kind: Kind, query: &str) -> Result<(), String> {
    for (name, value) in parse(query.as_bytes()) {
        let invalid = |problem: &str| {
            Err(format!(
                "Invalid input for field/attribute {name}. Value: {value}. {problem}"
            ))
        };
        if kind
            .parameters()
            .is_some_and(|known| !known.contains(&&*name))
        {
            return Err(format!(
                "Additional properties are not allowed ('{name}' was unexpected)"
            ));
        }
        let written = python(&json!(value));
        match (kind, &*name) {
            (Kind::Projects, "name") if value.is_empty() => {
                return invalid("'' should be non-empty");
            }
            (Kind::Endpoints, "interface")
                if !matches!(&*value, "admin" | "internal" | "public") =>
            {
                let known = "['admin', 'internal', 'public']";
                return invalid(&format!("{written} is not one of {known}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the thing has every value that the query names.
fn is_asked_for(item: &Value, query: &str) -> bool {
    parse(query.as_bytes()).all(|(key, value)| match item.get(&*key) {
        Some(Value::String(actual)) => *actual == value,
        Some(Value::Bool(actual)) => *actual != matches!(&*value, "false" | "False" | "0"),
        Some(Value::Null) => value.is_empty(),
        _ => true,
    })
}
