//! One log-in to a Keystone, shared by all regions of a target, and by targets with the same
//! credential.
//!
//! Readers and writers ask the session for a token before each call, and for a new one when a
//! service refused theirs. However many do so at once, there is one log-in.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method};
use tokio::sync;

use super::error::Operation;
use super::exchange::Request;
use super::keystone::{self, Identity, Token};
use super::retry::{Repeat, RetryPolicy, Tries};
use super::{Catalogue, HttpClient, OpenStackError};
use crate::model::{Credential, Interface, RegionName, TargetName};

/// The limit of one try to log in.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A target's log-in. Cheap to clone; every clone is the same log-in.
#[derive(Clone)]
pub struct Session {
    target: TargetName,
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
        let (token, identity) = log_in(&http, &target, &credential, &retry, 0).await?;
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
            shared: Arc::new(shared),
        })
    }

    /// The same log-in for another target, whose credential and trust are the same.
    #[must_use]
    pub fn for_target(&self, target: TargetName) -> Self {
        Self {
            target,
            shared: Arc::clone(&self.shared),
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
        &self.shared.identity.catalogue
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
        if !due(&token) {
            return Ok(token);
        }
        match self.renew(&token).await {
            // Keystone may be back before this one has ended.
            Err(_) if !token.remaining().is_zero() => Ok(token),
            renewed => renewed,
        }
    }

    /// A newer token than `stale`: by a log-in, unless another call has just made or tried one.
    pub(super) async fn renew(&self, stale: &Token) -> Result<Arc<Token>, OpenStackError> {
        let shared = &*self.shared;
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
        let result = log_in(
            &shared.http,
            &self.target,
            &shared.credential,
            &shared.retry,
            stale.number + 1,
        )
        .await;
        *last_failure = result.as_ref().err().cloned();
        shared.renewals.fetch_add(1, Ordering::Release);
        let token = Arc::new(result?.0);
        tracing::debug!(target = %self.target, "a new token was taken");
        *shared.token.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&token);
        Ok(token)
    }

    fn present_token(&self) -> Arc<Token> {
        Arc::clone(
            &self
                .shared
                .token
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
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

async fn log_in(
    http: &HttpClient,
    target: &TargetName,
    credential: &Credential,
    retry: &RetryPolicy,
    number: u64,
) -> Result<(Token, Identity), OpenStackError> {
    let region = RegionName::new(target.clone(), "");
    let url = credential.keystone_url.v3("auth/tokens");
    let mut request = Request::new(&region, Operation::LogIn, Method::POST, url);
    let body = Bytes::from(keystone::login_body(&credential.auth).to_string());
    request.body = Some((HeaderValue::from_static("application/json"), body));
    let client = http.for_url(&request.url)?;
    let mut tries = Tries::new(retry, Repeat::Freely, None);
    loop {
        let failure = match request.send(&client, None, LOGIN_TIMEOUT).await {
            Ok(answer) => {
                return keystone::read_answer(&answer.headers, &answer.body, number).map_err(
                    |what| OpenStackError::BadAnswer {
                        call: Box::new(request.record(&tries)),
                        what: what.to_owned(),
                    },
                );
            }
            Err(failure) => failure,
        };
        let Some(pause) = tries.next(&failure) else {
            let secret = keystone::secret_of(&credential.auth);
            return Err(failure.into_error(request.record(&tries), Some(secret)));
        };
        tokio::time::sleep(pause).await;
    }
}
