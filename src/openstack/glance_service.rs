//! A region's Glance as readers and writers call it: with a token, again after a failure that may
//! pass, and with a new token after a 401. Not public, for it can call anything.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use super::attempt::AttemptError;
use super::error::Operation;
use super::request::{self, Answer, Request};
use super::retry::{Repeat, RetryObserver, Tries};
use super::{EndpointUrl, OpenStackError, RetryPolicy, Session, image_json};
use crate::model::{Image, ImageId, Interface, RegionName};

/// The limit of one try of a short call.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// How patient one is with a region's Glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlanceOptions {
    /// For the whole list of images, with all its pages and tries.
    pub list_timeout: Duration,
    /// How often what may be repeated is repeated.
    pub retry: RetryPolicy,
}

impl Default for GlanceOptions {
    fn default() -> Self {
        Self {
            list_timeout: Duration::from_secs(30),
            retry: RetryPolicy::new(3),
        }
    }
}

/// One region's Glance.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) session: Session,
    pub(super) region: RegionName,
    pub(super) endpoint: EndpointUrl,
    pub(super) options: GlanceOptions,
    pub(super) observer: RetryObserver,
}

impl Service {
    /// The service of the region of that bare name.
    pub(super) fn find(
        session: &Session,
        region: &str,
        interface: Interface,
        options: GlanceOptions,
    ) -> Result<Self, OpenStackError> {
        let name = RegionName::new(session.target().clone(), region);
        let entry = session
            .catalogue()
            .find(region, interface)
            .ok_or_else(|| session.region_unknown(region, Some(interface)))?;
        let endpoint = entry
            .url
            .parse()
            .map_err(
                |error: super::EndpointUrlError| OpenStackError::BadEndpoint {
                    region: name.clone(),
                    what: error.to_string(),
                },
            )?;
        Ok(Self {
            session: session.clone(),
            region: name,
            endpoint,
            options,
            observer: RetryObserver::default(),
        })
    }

    /// A request to this service, without a body.
    pub(super) fn request(&self, operation: Operation, method: Method, url: Url) -> Request {
        Request::new(&self.region, operation, method, url)
    }

    /// Sends the request until it succeeds or is not to be repeated; with the answer comes the
    /// number of tries. Each try has `limit`, and none begins after `deadline`.
    pub(super) async fn call(
        &self,
        request: &Request,
        repeat: Repeat,
        limit: Duration,
        deadline: Option<Instant>,
    ) -> Result<(Answer, u32), OpenStackError> {
        let max_bytes = request.max_answer_bytes;
        self.call_reading(request, repeat, limit, deadline, |response| {
            request::read_body(response, max_bytes)
        })
        .await
    }

    /// The same, with `read` for the answer of a try that succeeded so far.
    pub(super) async fn call_reading<T, R>(
        &self,
        request: &Request,
        repeat: Repeat,
        limit: Duration,
        deadline: Option<Instant>,
        read: impl Fn(reqwest::Response) -> R,
    ) -> Result<(T, u32), OpenStackError>
    where
        R: Future<Output = Result<T, AttemptError>>,
    {
        let client = self.session.http().for_url(&request.url)?;
        let mut tries = Tries::new(&self.options.retry, repeat, deadline);
        let mut is_token_new = false;
        loop {
            let token = self.session.token().await?;
            let sent = request.send_reading(&client, Some(&token.secret), limit, &read);
            let failure = match sent.await {
                Ok(answer) => return Ok((answer, tries.count())),
                Err(failure) => failure,
            };
            // A token may end early, and Glance says 401 as well where its Keystone is down.
            if failure.is_unauthorised() && !is_token_new {
                is_token_new = true;
                self.session.renew(&token).await?;
                continue;
            }
            let Some(pause) = tries.next(&failure) else {
                return Err(self
                    .session
                    .error_of(failure, request.record(&tries), &token));
            };
            self.observer.notify(|| {
                let record = request.record(&tries);
                let seconds = pause.as_secs_f64();
                format!("{record}: {failure}; tries again in {seconds:.1} s")
            });
            sleep(pause).await;
        }
    }

    /// Reads an answer as JSON.
    pub(super) fn json(&self, request: &Request, answer: &Answer) -> Result<Value, OpenStackError> {
        serde_json::from_slice(&answer.body)
            .map_err(|_| self.bad_answer(request, "the answer is not JSON"))
    }

    /// The image in an answer, which must be the one that was asked for.
    ///
    /// Some servers spell a UUID their own way; the image has the id as they spell it.
    pub(super) fn image_of(
        &self,
        request: &Request,
        id: &ImageId,
        json: Option<&Value>,
    ) -> Result<Image, OpenStackError> {
        let image = json
            .and_then(image_json::read_image)
            .ok_or_else(|| self.bad_answer(request, "the answer is not an image"))?;
        if image.id.is_same_uuid(id) {
            return Ok(image);
        }
        let what = format!(
            "asked for the image {id}, the server answers with {}",
            image.id
        );
        Err(self.bad_answer(request, what))
    }

    /// The error for an answer that is not what the API promises.
    pub(super) fn bad_answer(&self, request: &Request, what: impl Into<String>) -> OpenStackError {
        let tries = Tries::new(&self.options.retry, Repeat::IfNotReceived, None);
        OpenStackError::BadAnswer {
            call: Box::new(request.record(&tries)),
            what: what.into(),
        }
    }
}
