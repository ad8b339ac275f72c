//! One log-in to a Keystone, shared by all regions of a target, and by targets with the same
//! credential.
//!
//! Readers and writers ask the session for a token before each call, and for a new one when a
//! service refused theirs. However many do so at once, there is one log-in.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync;
use url::Url;

use super::attempt::AttemptError;
use super::error::CallRecord;
use super::keystone::{Identity, Token};
use super::login::Login;
use super::retry::RetryPolicy;
use super::{Catalogue, HttpClient, OpenStackError};
use crate::host;
use crate::model::{Credential, Interface, RegionName, TargetName};

/// A target's log-in. Cheap to clone; every clone is the same log-in.
#[derive(Clone)]
pub struct Session {
    target: TargetName,
    catalogue: Arc<Catalogue>,
    shared: Arc<Shared>,
}

struct Shared {
    http: HttpClient,
    credential: Credential,
    retry: RetryPolicy,
    identity: Identity,
    token: Mutex<Arc<Token>>,
    /// Held during a renewal; inside, why the last one failed, for those that waited for it.
    renewal: sync::Mutex<Option<OpenStackError>>,
    /// How many renewals have ended.
    renewals: AtomicU64,
}

impl Session {
    /// Logs in to a target, and reads its catalogue.
    ///
    /// # Errors
    ///
    /// Codes `auth_failed`, `keystone_unreachable` and `keystone_failed`, after as many tries as
    /// `retry` allows where it may help.
    pub async fn log_in(
        http: HttpClient,
        target: TargetName,
        credential: Credential,
        retry: RetryPolicy,
    ) -> Result<Self, OpenStackError> {
        let login = Login {
            http: &http,
            target: &target,
            credential: &credential,
            retry: &retry,
        };
        let (token, identity) = login.carry_out(0).await?;
        let catalogue = Arc::new(identity.catalogue.clone());
        let shared = Shared {
            http,
            credential,
            retry,
            identity,
            token: Mutex::new(Arc::new(token)),
            renewal: sync::Mutex::default(),
            renewals: AtomicU64::new(0),
        };
        Ok(Self {
            target,
            catalogue,
            shared: Arc::new(shared),
        })
    }

    /// The same log-in for another target, whose credential and trust are the same.
    #[must_use]
    pub fn for_target(&self, target: TargetName) -> Self {
        Self {
            target,
            catalogue: Arc::clone(&self.catalogue),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The same log-in, with that image endpoint for a region in place of the catalogue's. The
    /// catalogue's own stay known as ways to that region.
    #[must_use]
    pub fn with_endpoint(&self, region: &str, url: &Url) -> Self {
        Self {
            catalogue: Arc::new(self.catalogue.with_endpoint(region, url)),
            ..self.clone()
        }
    }

    /// The target that this is a log-in to.
    pub fn target(&self) -> &TargetName {
        &self.target
    }

    /// The id of the project that the token is for: it owns the own images.
    pub fn project_id(&self) -> &str {
        &self.shared.identity.project_id
    }

    /// The name of that project.
    pub fn project_name(&self) -> &str {
        &self.shared.identity.project_name
    }

    /// The name of the user.
    pub fn user_name(&self) -> &str {
        &self.shared.identity.user_name
    }

    /// The names of the user's roles in the project.
    pub fn roles(&self) -> &[String] {
        &self.shared.identity.roles
    }

    /// The image endpoints of all regions, as they were at the log-in.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(super) fn http(&self) -> &HttpClient {
        &self.shared.http
    }

    /// The error that says that the catalogue lacks a region, or its endpoint of that interface.
    pub(super) fn region_unknown(
        &self,
        region: &str,
        interface: Option<Interface>,
    ) -> OpenStackError {
        let known = self.catalogue().regions();
        OpenStackError::RegionUnknown {
            region: RegionName::new(self.target.clone(), region),
            interface,
            known: known.into_iter().map(ToOwned::to_owned).collect(),
        }
    }

    /// A token for a call that is soon over.
    pub(super) async fn token(&self) -> Result<Arc<Token>, OpenStackError> {
        self.token_unless(Token::is_ending).await
    }

    /// A token for a call that may take long: some services look at it again at the end.
    pub(super) async fn lasting_token(&self) -> Result<Arc<Token>, OpenStackError> {
        self.token_unless(Token::is_half_spent).await
    }

    async fn token_unless(
        &self,
        due: impl Fn(&Token) -> bool,
    ) -> Result<Arc<Token>, OpenStackError> {
        let token = self.present_token();
        if !self.is_renewable() {
            return if token.remaining().is_zero() {
                Err(self.token_expired())
            } else {
                Ok(token)
            };
        }
        if !due(&token) {
            return Ok(token);
        }
        match self.renew(&token).await {
            // Keystone may be back before this one has ended.
            Err(_) if !token.remaining().is_zero() => Ok(token),
            renewed => renewed,
        }
    }

    /// True where a second log-in can give another token.
    pub(super) fn is_renewable(&self) -> bool {
        self.shared.credential.auth.is_renewable()
    }

    /// The error that says that the token has ended and there can be no other.
    pub(super) fn token_expired(&self) -> OpenStackError {
        OpenStackError::TokenExpired {
            target: self.target.clone(),
            auth_type: self.shared.credential.auth.auth_type(),
        }
    }

    /// The error of a call whose last try failed so.
    pub(super) fn error_of(
        &self,
        failure: AttemptError,
        call: CallRecord,
        token: &Token,
    ) -> OpenStackError {
        if failure.is_unauthorised() && !self.is_renewable() {
            return self.token_expired();
        }
        failure.into_error(call, &[&token.secret])
    }

    /// A newer token than `stale`: by a log-in, unless another call has just made or tried one.
    /// Where there can be no other, the same one for another try a moment later, as long as it is
    /// good: a service says 401 as well where its Keystone is down.
    pub(super) async fn renew(&self, stale: &Token) -> Result<Arc<Token>, OpenStackError> {
        let shared = &*self.shared;
        if !self.is_renewable() {
            if stale.remaining().is_zero() {
                return Err(self.token_expired());
            }
            tokio::time::sleep(shared.retry.first_pause).await;
            return Ok(self.present_token());
        }
        let renewals_before = shared.renewals.load(Ordering::Acquire);
        let mut last_failure = shared.renewal.lock().await;
        let present = self.present_token();
        if present.number != stale.number {
            return Ok(present);
        }
        if let Some(error) = &*last_failure
            && shared.renewals.load(Ordering::Acquire) != renewals_before
        {
            return Err(error.clone());
        }
        let login = Login {
            http: &shared.http,
            target: &self.target,
            credential: &shared.credential,
            retry: &shared.retry,
        };
        let result = login.carry_out(stale.number + 1).await;
        *last_failure = result.as_ref().err().cloned();
        shared.renewals.fetch_add(1, Ordering::Release);
        let token = Arc::new(result?.0);
        tracing::debug!(target = %self.target, "a new token was taken");
        *host::locked(&shared.token) = Arc::clone(&token);
        Ok(token)
    }

    fn present_token(&self) -> Arc<Token> {
        Arc::clone(&host::locked(&self.shared.token))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("target", &self.target)
            .field("project", &self.shared.identity.project_name)
            .finish_non_exhaustive()
    }
}
