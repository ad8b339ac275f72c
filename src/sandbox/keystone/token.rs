//! The tokens that a Keystone gave out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::account::{Project, User};
use crate::sandbox::http::locked;
use crate::sandbox::spec::ApplicationCredentialSpec;

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

impl Token {
    /// The id of its user.
    pub(in crate::sandbox) fn user_id(&self) -> &str {
        &self.user.id
    }
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

/// The tokens that are out, by their ids.
#[derive(Debug)]
pub(in crate::sandbox) struct Tokens {
    lifetime: TimeDelta,
    by_id: Mutex<HashMap<String, Arc<Token>>>,
}

impl Tokens {
    /// None yet; each that is given out is good for so many seconds.
    pub(super) fn new(lifetime_secs: u64) -> Self {
        let seconds = i64::try_from(lifetime_secs).unwrap_or(3600);
        Self {
            lifetime: TimeDelta::seconds(seconds),
            by_id: Mutex::default(),
        }
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
        let mut tokens = locked(&self.by_id);
        tokens.retain(|_, token| token.expires_at > issued_at);
        tokens.insert(id.clone(), Arc::clone(&token));
        (id, token)
    }

    /// The token of that id, unless it is unknown, expired or revoked.
    pub(in crate::sandbox) fn get(&self, id: &str) -> Option<Arc<Token>> {
        let token = locked(&self.by_id).get(id).cloned()?;
        (token.expires_at > Utc::now()).then_some(token)
    }

    /// Takes a token back; whether there was one.
    pub(in crate::sandbox) fn revoke(&self, id: &str) -> bool {
        locked(&self.by_id).remove(id).is_some()
    }

    /// The id of every token that is out.
    pub(in crate::sandbox) fn ids(&self) -> Vec<String> {
        locked(&self.by_id).keys().cloned().collect()
    }

    /// Takes every token back.
    pub(in crate::sandbox) fn revoke_all(&self) {
        locked(&self.by_id).clear();
    }
}
