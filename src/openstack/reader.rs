//! A region's Glance, to be looked at and not to be changed.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{Method, header};
use serde_json::Value;
use tokio::time::timeout;

use super::attempt::AttemptError;
use super::error::Operation;
use super::glance_service::{CALL_TIMEOUT, GlanceOptions, Service};
use super::request::{self, AUTH_TOKEN, Request};
use super::request_log::RequestLog;
use super::retry::{Repeat, RetryObserver, RetryPolicy, Tries};
use super::{Download, EndpointUrl, Listing, OpenStackError, Session, listing};
use crate::model::{Image, ImageId, Interface, RegionName};

/// Reads images of one region. It has no call that changes anything, and nothing turns it into a
/// [`GlanceWriter`](super::GlanceWriter). Cheap to clone.
#[derive(Debug, Clone)]
pub struct GlanceReader(Arc<Service>);

impl GlanceReader {
    /// A reader of the region of that bare name, at its endpoint of that interface.
    ///
    /// # Errors
    ///
    /// Code `region_unknown`: the catalogue has no such endpoint, or one that is not a URL.
    pub fn new(
        session: &Session,
        region: &str,
        interface: Interface,
        options: GlanceOptions,
    ) -> Result<Self, OpenStackError> {
        Service::find(session, region, interface, options)
            .map(Arc::new)
            .map(Self)
    }

    /// The same reader, which tells of each failed try that is followed by another.
    #[must_use]
    pub fn observed_by(self, observer: RetryObserver) -> Self {
        let mut service = Arc::unwrap_or_clone(self.0);
        service.observer = observer;
        Self(Arc::new(service))
    }

    /// How often what may be repeated is repeated.
    pub fn retry_policy(&self) -> &RetryPolicy {
        &self.service().options.retry
    }

    /// The region.
    pub fn region(&self) -> &RegionName {
        &self.service().region
    }

    /// Where its Glance is. Regions of the same endpoint are the same Glance.
    pub fn endpoint(&self) -> &EndpointUrl {
        &self.service().endpoint
    }

    /// The log-in that its tokens come from.
    pub fn session(&self) -> &Session {
        &self.service().session
    }

    pub(super) fn service(&self) -> &Service {
        &self.0
    }

    /// Lists images in Glance's own order, newest first, with all pages within `list_timeout`.
    ///
    /// # Errors
    ///
    /// Codes `list_timeout`, `list_failed` (also for an id that cannot be part of a URL), `region_unreachable` and those of a log-in.
    pub async fn list(&self, listing: &Listing) -> Result<Vec<Image>, OpenStackError> {
        Ok(self.list_dated(listing, |_| true).await?.0)
    }

    /// The same as [`GlanceReader::list`], of which no more is kept than `keep` wants; and the time by
    /// the region's own clock: where the server does not tell it, by this machine's.
    pub async fn list_dated(
        &self,
        listing: &Listing,
        keep: impl Fn(&Image) -> bool,
    ) -> Result<(Vec<Image>, DateTime<Utc>), OpenStackError> {
        let (images, date) = listing::images(self.service(), listing, keep).await?;
        Ok((images, date.unwrap_or_else(Utc::now)))
    }

    /// The same as [`GlanceReader::list`], with every attribute as Glance gave it.
    pub async fn list_raw(&self, listing: &Listing) -> Result<Vec<Value>, OpenStackError> {
        Ok(listing::read(self.service(), listing, |_| true).await?.rows)
    }

    /// The version of the Image API that this Glance calls its current one, such as `v2.17`
    /// ("List API versions"); none where it names none.
    ///
    /// # Errors
    ///
    /// Codes `list_failed`, `region_unreachable` and those of a log-in.
    pub async fn api_version(&self) -> Result<Option<String>, OpenStackError> {
        let service = self.service();
        let url = service.endpoint.versions();
        let request = service.request(Operation::List, Method::GET, url);
        let (answer, _) = service
            .call(&request, Repeat::Freely, CALL_TIMEOUT, None)
            .await?;
        let json = service.json(&request, &answer)?;
        let mut versions = json["versions"].as_array().into_iter().flatten();
        let current = versions.find(|version| version["status"] == "CURRENT");
        Ok(current.and_then(|version| version["id"].as_str().map(ToOwned::to_owned)))
    }

    /// Looks at one image, hidden or not.
    ///
    /// # Errors
    ///
    /// [`OpenStackError::is_gone`] where there is none of that id.
    pub async fn show(&self, id: &ImageId) -> Result<Image, OpenStackError> {
        let json = self.show_raw(id).await?;
        self.service()
            .image_of(&self.show_request(id), id, Some(&json))
    }

    /// The same, with every attribute as Glance gave it.
    pub(super) async fn show_raw(&self, id: &ImageId) -> Result<Value, OpenStackError> {
        let service = self.service();
        let request = self.show_request(id);
        let (answer, _) = service
            .call(&request, Repeat::Freely, CALL_TIMEOUT, None)
            .await?;
        service.json(&request, &answer)
    }

    /// How many projects an image is shared with ("List image members"); whether they have accepted it makes
    /// no difference.
    ///
    /// # Errors
    ///
    /// Codes `list_failed`, `region_unreachable` and those of a log-in. Glance refuses it (403) of an image
    /// that is not shared.
    pub async fn members(&self, id: &ImageId) -> Result<usize, OpenStackError> {
        let service = self.service();
        let url = service.endpoint.v2(&["images", id.as_str(), "members"]);
        let request = service.request(Operation::List, Method::GET, url);
        let (answer, _) = service
            .call(&request, Repeat::Freely, CALL_TIMEOUT, None)
            .await?;
        let json = service.json(&request, &answer)?;
        let members = json["members"].as_array();
        let members = members.ok_or_else(|| service.bad_answer(&request, "it has no `members`"));
        Ok(members?.len())
    }

    /// The error of a look that was given up after that time.
    pub fn no_answer(&self, id: &ImageId, limit: Duration) -> OpenStackError {
        let tries = Tries::new(self.retry_policy(), Repeat::IfNotReceived, None);
        OpenStackError::TimedOut {
            call: Box::new(self.show_request(id).record(&tries)),
            limit,
        }
    }

    fn show_request(&self, id: &ImageId) -> Request {
        let service = self.service();
        let url = service.endpoint.v2(&["images", id.as_str()]);
        service.request(Operation::Show, Method::GET, url)
    }

    /// Fetches the content of an image (Image API v2, "Download binary image data"), from byte
    /// `from` on. Where the server does not give that part (many stores cannot read from the middle,
    /// and then Glance refuses or ignores `Range`), it begins at 0; see [`Download::start`].
    ///
    /// # Errors
    ///
    /// Codes `download_failed`, `region_unreachable` and those of a log-in. An image that has no
    /// content yet is an error.
    pub async fn download(&self, id: &ImageId, from: u64) -> Result<Download, OpenStackError> {
        if from > 0 {
            match self.open_content(id, from).await {
                Err(error) if is_about_range(&error) => {}
                result => return result,
            }
        }
        self.open_content(id, 0).await
    }

    /// Asks whether the content of an image could be fetched, and what size the server says it has. The
    /// answer is dropped after its head. The errors are those of [`GlanceReader::download`].
    pub async fn check_content(&self, id: &ImageId) -> Result<Option<u64>, OpenStackError> {
        let download = self.open_content(id, 0).await?;
        Ok(download.size())
    }

    async fn open_content(&self, id: &ImageId, from: u64) -> Result<Download, OpenStackError> {
        let service = self.service();
        let url = service.endpoint.v2(&["images", id.as_str(), "file"]);
        let request = service.request(Operation::Download, Method::GET, url);
        let client = service.session.http().for_url(&request.url)?;
        let mut tries = Tries::new(&service.options.retry, Repeat::Freely, None);
        let mut is_token_new = false;
        loop {
            let token = service.session.lasting_token().await?;
            let mut call = client
                .get(request.url.clone())
                .header(AUTH_TOKEN, request::token_header(&token.secret));
            if from > 0 {
                call = call.header(header::RANGE, format!("bytes={from}-"));
            }
            let mut log = RequestLog::begin(&request.method, &request.url);
            let answer = timeout(CALL_TIMEOUT, call.send()).await;
            if let Ok(Ok(response)) = &answer {
                log.answered(response.status(), response.headers());
            }
            let failure = match answer {
                Ok(Ok(response)) => match check_answer(service, &request, response).await? {
                    Ok(response) => {
                        return Download::new(response, request, from).map_err(|request| {
                            let what = "the answer is not the part that was asked for";
                            service.bad_answer(&request, what)
                        });
                    }
                    Err(failure) => failure,
                },
                Ok(Err(error)) => AttemptError::transport(error),
                Err(_) => AttemptError::TimedOut(CALL_TIMEOUT),
            };
            log.failed(&failure);
            drop(log);
            if failure.is_unauthorised() && !is_token_new {
                is_token_new = true;
                service.session.renew(&token).await?;
                continue;
            }
            // Some Glances hang when they are asked for a part.
            let may_repeat = from == 0 || !matches!(failure, AttemptError::TimedOut(_));
            let Some(pause) = tries.next(&failure).filter(|_| may_repeat) else {
                let call = request.record(&tries);
                return Err(service.session.error_of(failure, call, &token));
            };
            tokio::time::sleep(pause).await;
        }
    }
}

async fn check_answer(
    service: &Service,
    request: &Request,
    response: reqwest::Response,
) -> Result<Result<reqwest::Response, AttemptError>, OpenStackError> {
    match response.status().as_u16() {
        200 | 206 => Ok(Ok(response)),
        204 => Err(service.bad_answer(request, "the image has no content")),
        _ => match timeout(
            CALL_TIMEOUT,
            request::read(response, request.max_answer_bytes),
        )
        .await
        {
            Ok(Ok(_)) => {
                Err(service.bad_answer(request, "the answer is not the content of an image"))
            }
            Ok(Err(failure)) => Ok(Err(failure)),
            Err(_) => Ok(Err(AttemptError::TimedOut(CALL_TIMEOUT))),
        },
    }
}

/// True where asking for the whole may help one who was refused a part.
fn is_about_range(error: &OpenStackError) -> bool {
    match error.status() {
        Some(status) => !matches!(status, 401 | 403 | 404 | 410),
        None => matches!(
            error,
            OpenStackError::BadAnswer { .. } | OpenStackError::TimedOut { .. }
        ),
    }
}
