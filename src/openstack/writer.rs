//! A region's Glance, to be changed. The master's is refused at the door.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use url::{Position, Url};

use super::attempt::AttemptError;
use super::client::USER_AGENT;
use super::error::{CallRecord, Operation};
use super::glance_service::{CALL_TIMEOUT, GlanceOptions};
use super::request::{self, Answer, Request};
use super::request_log::RequestLog;
use super::retry::{Repeat, RetryObserver, Tries};
use super::{
    ContentSocket, ContentTarget, GlanceReader, HttpClient, MasterEndpoints, OpenStackError,
    PatchOp, Session, TransportCause, patch, upload_connection,
};
use crate::model::{Image, ImageId, ImageStatus, Interface, Properties, Visibility};

/// A store may take minutes to free the space of a large image. All tries together have no longer: who
/// did not answer for that long will not the next time.
const DELETE_TIMEOUT: Duration = Duration::from_mins(5);

/// The rest of an answer that has begun.
const REST_OF_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an effect is looked for that may have come about without its answer.
const AFTERMATH: Duration = Duration::from_secs(4);

/// How long a region whose database has replicas may not know an image that was just created.
pub const REPLICA_LAG: Duration = Duration::from_secs(30);

/// One such look, with all its tries.
const LOOK_TIMEOUT: Duration = Duration::from_secs(15);

const FIRST_LOOK_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_LOOK_PAUSE: Duration = Duration::from_secs(2);

/// Changes images of one region, which is not the master's. Everything that a
/// [`GlanceReader`] can do, it can do too.
#[derive(Debug, Clone)]
pub struct GlanceWriter(GlanceReader);

/// An image that is to be created: private, unprotected and without content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewImage {
    /// Its name.
    pub name: String,
    /// `qcow2`, `raw`, `ami` …
    pub disk_format: Option<String>,
    /// `bare`, `ami`, `aki` …
    pub container_format: Option<String>,
    /// Smallest disk that it boots on, in GiB.
    pub min_disk: u64,
    /// Least memory that it boots with, in MiB.
    pub min_ram: u64,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// Its user properties.
    pub properties: Properties,
}

/// What a look says about an effect.
enum Observed<T> {
    /// It came about.
    Yes(T),
    /// It has not come about, and may still.
    NotYet,
    /// Nothing that would help.
    No,
}

/// True for an answer that describes some image.
fn is_an_image(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|json| json["id"].is_string())
}

fn status_of(image: &Value) -> &str {
    image["status"].as_str().unwrap_or_default()
}

impl NewImage {
    fn to_json(&self, id: &ImageId) -> Value {
        // Attributes come last, so that no property takes the place of one.
        let mut json = Value::Object(
            self.properties
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect(),
        );
        json["id"] = id.as_str().into();
        json["name"] = self.name.as_str().into();
        json["visibility"] = Visibility::Private.as_str().into();
        json["protected"] = false.into();
        json["min_disk"] = self.min_disk.into();
        json["min_ram"] = self.min_ram.into();
        json["tags"] = json!(self.tags);
        for (name, format) in [
            ("disk_format", &self.disk_format),
            ("container_format", &self.container_format),
        ] {
            if let Some(format) = format {
                json[name] = format.as_str().into();
            }
        }
        json
    }
}

impl GlanceWriter {
    /// The same writer, which tells of each failed try that is followed by another.
    #[must_use]
    pub fn observed_by(self, observer: RetryObserver) -> Self {
        Self(self.0.observed_by(observer))
    }

    /// A writer to the region of that bare name, at its endpoint of that interface.
    ///
    /// # Errors
    ///
    /// Code `master_refused` where one of the region's endpoints, of whatever interface, leads to
    /// the master; `region_unknown` where the catalogue has no such endpoint.
    pub fn new(
        session: &Session,
        region: &str,
        interface: Interface,
        options: GlanceOptions,
        master: &MasterEndpoints,
    ) -> Result<Self, OpenStackError> {
        let reader = GlanceReader::new(session, region, interface, options)?;
        if master.lead_to(session, region) || master.contains(reader.endpoint()) {
            return Err(OpenStackError::MasterRefused {
                region: reader.region().clone(),
                endpoint: Box::new(reader.endpoint().clone()),
            });
        }
        Ok(Self(reader))
    }

    /// Creates an image without content (Image API v2, "Create image").
    ///
    /// The id is the caller's, a new UUID that nobody else can know. So the call can be repeated where
    /// its answer was lost, and never makes two images. Where the last answer does not say whether the
    /// image was made, it is looked for.
    ///
    /// # Errors
    ///
    /// Codes `create_failed`, `quota_exceeded`, `region_unreachable` and those of a log-in.
    pub async fn create(&self, id: &ImageId, image: &NewImage) -> Result<Image, OpenStackError> {
        let service = self.service();
        let url = service.endpoint.v2(&["images"]);
        let mut request = service.request(Operation::Create, Method::POST, url);
        let body = Bytes::from(image.to_json(id).to_string());
        request.body = Some((HeaderValue::from_static("application/json"), body));
        let result = service
            .call(&request, Repeat::Freely, CALL_TIMEOUT, None)
            .await;
        let error = match result {
            Ok((answer, _)) => match self.read_image(&request, id, &answer.body) {
                Err(error) if is_an_image(&answer.body) => {
                    // Whatever was created under the id that was asked for is not filled.
                    let _ = self.delete(id).await;
                    return Err(error);
                }
                Err(error) => error,
                created => return created,
            },
            Err(error) => error,
        };
        // Of an id that nobody else can know, 409 says that an earlier try has made it.
        let bound = if error.status() == Some(409) && was_repeated(&error) {
            REPLICA_LAG
        } else if error.is_uncertain() {
            AFTERMATH
        } else {
            return Err(error);
        };
        let made = self.watch_for(id, bound, |seen| match seen {
            Ok(json) => match self.service().image_of(&request, id, Some(json)) {
                Ok(image) if image.status == ImageStatus::Queued => Observed::Yes(image),
                _ => Observed::No,
            },
            Err(error) if error.is_gone() => Observed::NotYet,
            Err(_) => Observed::No,
        });
        made.await.ok_or(error)
    }

    /// True where content goes out by [`GlanceWriter::put_file`], the region's Glance being reached
    /// in the clear and without a proxy; else by [`GlanceWriter::put_content`].
    pub fn takes_files(&self) -> bool {
        let service = self.service();
        HttpClient::is_direct(&service.endpoint.v2(&["images"]))
    }

    /// Sends the content of an image that has none, out of a file (Image API v2, "Upload binary
    /// image data").
    ///
    /// Once the server waits for the content, `start_sending` is called with the connection: it must not
    /// block, and has exactly `size` bytes sent into it, or closes it. The call has no limit of
    /// time and is not repeated: both are for the one that knows how the content gets on. It
    /// returns with the server's answer, which may come before all was sent; from then on, and when
    /// the future is dropped, the connection is closed.
    ///
    /// # Errors
    ///
    /// As [`GlanceWriter::put_content`].
    pub async fn put_file(
        &self,
        id: &ImageId,
        target: &ContentTarget,
        size: u64,
        start_sending: impl FnOnce(ContentSocket),
    ) -> Result<(), OpenStackError> {
        self.put(id, target, size, async |request, headers| {
            put_direct(&request.url, headers, start_sending).await
        })
        .await
    }

    /// Sends the content of an image that has none (Image API v2, "Upload binary image data"), on a thread of
    /// its own: to encrypt it takes about as much of a processor as all else together.
    ///
    /// `body` must yield exactly `size` bytes and say so in its size hint. The call has no limit of
    /// time and is not repeated: both are for the one that knows how the content gets on. It
    /// returns with the server's answer, which may come before the body has been read to its end.
    ///
    /// # Errors
    ///
    /// Codes `upload_failed`, `quota_exceeded`, `region_unreachable` and those of a log-in. After a
    /// 401 the next call has a new token.
    pub async fn put_content<B>(
        &self,
        id: &ImageId,
        target: &ContentTarget,
        body: B,
        size: u64,
    ) -> Result<(), OpenStackError>
    where
        B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let service = self.service();
        let http = service.session.http();
        // Where there can be no client, nothing is begun.
        http.for_url(&service.endpoint.v2(&["images"]))?;
        self.put(id, target, size, async |request, headers| {
            let (client, url) = (http.clone(), request.url.clone());
            let most = request.max_answer_bytes;
            let sent = http.upload_threads().run(move || async move {
                let client = client.for_url(&url).map_err(io::Error::other)?;
                Ok(put_pooled(&client, url, most, headers, body).await)
            });
            let sent = sent.await.and_then(|sent| sent);
            sent.unwrap_or_else(|error| {
                let cause = TransportCause::of_connect(&error);
                Err(AttemptError::Transport(cause))
            })
        })
        .await
    }

    async fn put(
        &self,
        id: &ImageId,
        target: &ContentTarget,
        size: u64,
        put: impl AsyncFnOnce(&Request, HeaderMap) -> Result<Answer, AttemptError>,
    ) -> Result<(), OpenStackError> {
        let service = self.service();
        let url = target.url(&service.endpoint, id);
        let request = service.request(Operation::Upload, Method::PUT, url);
        let tries = Tries::new(&service.options.retry, Repeat::IfNotReceived, None);
        let token = service.session.lasting_token().await?;
        let answer = put(&request, target.headers(&token.secret, size)).await;
        let Err(failure) = answer else { return Ok(()) };
        if failure.is_unauthorised() {
            service.session.renew(&token).await?;
        }
        let call = request.record(&tries);
        Err(service.session.error_of(failure, call, &token))
    }

    /// The record of so many tries to send content, for an error that no answer gives.
    pub fn upload_record(
        &self,
        id: &ImageId,
        target: &ContentTarget,
        tries: u32,
        elapsed: Duration,
    ) -> CallRecord {
        let service = self.service();
        let url = target.url(&service.endpoint, id);
        let request = service.request(Operation::Upload, Method::PUT, url);
        let first = Tries::new(&service.options.retry, Repeat::IfNotReceived, None);
        CallRecord {
            tries,
            elapsed,
            ..request.record(&first)
        }
    }

    /// Changes metadata: all operations together or none (Image API v2, "Update image"). Where nobody
    /// knows what became of a try, the image is looked at: before the next one, and after the last.
    ///
    /// # Errors
    ///
    /// Codes `publish_refused`, `rename_failed`, `update_failed`, `quota_exceeded` (too many
    /// properties), `region_unreachable` and those of a log-in.
    pub async fn patch(&self, id: &ImageId, ops: &[PatchOp]) -> Result<Image, OpenStackError> {
        let service = self.service();
        let url = service.endpoint.v2(&["images", id.as_str()]);
        let mut request = service.request(patch::operation_of(ops), Method::PATCH, url);
        let body = ops.iter().map(PatchOp::to_json).collect::<Value>();
        request.body = Some((
            HeaderValue::from_static("application/openstack-images-v2.1-json-patch"),
            Bytes::from(body.to_string()),
        ));
        let policy = &service.options.retry;
        let (started, mut tries) = (Instant::now(), 0);
        let mut may_be_done = false;
        let changed = |seen: Result<&Value, &OpenStackError>| match seen {
            Ok(image) if patch::is_done(ops, image) => service
                .image_of(&request, id, Some(image))
                .map_or(Observed::No, Observed::Yes),
            Ok(_) => Observed::NotYet,
            Err(_) => Observed::No,
        };
        loop {
            let called = service
                .call(&request, Repeat::IfNotReceived, CALL_TIMEOUT, None)
                .await;
            let read = |(answer, _): (Answer, u32)| self.read_image(&request, id, &answer.body);
            let error = match called.and_then(read) {
                Ok(image) => return Ok(image),
                Err(error) => error,
            };
            tries += error.call().map_or(1, |call| call.tries);
            may_be_done |= error.is_uncertain();
            let pause = if error.is_transient() && tries <= policy.retries {
                policy.pause_after(tries, error.retry_after())
            } else {
                None
            };
            let Some(pause) = pause else {
                let error = error.after(tries, started.elapsed());
                return if may_be_done {
                    self.watch_for(id, AFTERMATH, changed).await.ok_or(error)
                } else {
                    Err(error)
                };
            };
            service.observer.notify(|| {
                format!(
                    "{error}; looks and tries again in {:.1} s",
                    pause.as_secs_f64()
                )
            });
            sleep(pause).await;
            // Nobody knows what became of it but the server.
            match changed(self.show_raw(id).await.as_ref()) {
                Observed::Yes(image) => return Ok(image),
                Observed::NotYet => {}
                Observed::No => return Err(error.after(tries, started.elapsed())),
            }
        }
    }

    /// Deletes an image (Image API v2, "Delete image"). One that is gone when the call had to be
    /// repeated, or when its answer was lost, has been deleted.
    ///
    /// # Errors
    ///
    /// Codes `delete_failed` (see [`OpenStackError::is_in_use`]), `region_unreachable` and those of
    /// a log-in.
    pub async fn delete(&self, id: &ImageId) -> Result<(), OpenStackError> {
        let service = self.service();
        let url = service.endpoint.v2(&["images", id.as_str()]);
        let request = service.request(Operation::Delete, Method::DELETE, url);
        match service
            .call(
                &request,
                Repeat::Freely,
                DELETE_TIMEOUT,
                Some(Instant::now() + DELETE_TIMEOUT),
            )
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.is_gone() && was_repeated(&error) => Ok(()),
            Err(error) if error.is_uncertain() => {
                let gone = |seen: Result<&Value, &OpenStackError>| match seen {
                    Ok(image) if ["deleted", "pending_delete"].contains(&status_of(image)) => {
                        Observed::Yes(())
                    }
                    Ok(_) => Observed::NotYet,
                    Err(error) if error.is_gone() => Observed::Yes(()),
                    Err(_) => Observed::No,
                };
                self.watch_for(id, AFTERMATH, gone).await.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at an image, again and again for as long as that, until it is seen whether a request whose
    /// answer says nothing has had its effect; none where it has not.
    async fn watch_for<T>(
        &self,
        id: &ImageId,
        bound: Duration,
        judge: impl Fn(Result<&Value, &OpenStackError>) -> Observed<T>,
    ) -> Option<T> {
        let end = Instant::now() + bound;
        let mut pause = FIRST_LOOK_PAUSE;
        loop {
            let seen = timeout(LOOK_TIMEOUT, self.show_raw(id)).await.ok()?;
            match judge(seen.as_ref()) {
                Observed::Yes(found) => return Some(found),
                Observed::NotYet if Instant::now() + pause <= end => sleep(pause).await,
                Observed::NotYet | Observed::No => return None,
            }
            pause = (pause * 2).min(LONGEST_LOOK_PAUSE);
        }
    }

    fn read_image(
        &self,
        request: &Request,
        id: &ImageId,
        body: &[u8],
    ) -> Result<Image, OpenStackError> {
        let json: Option<Value> = serde_json::from_slice(body).ok();
        self.service().image_of(request, id, json.as_ref())
    }
}

impl Deref for GlanceWriter {
    type Target = GlanceReader;

    fn deref(&self) -> &GlanceReader {
        &self.0
    }
}

impl fmt::Display for GlanceWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.region(), self.endpoint())
    }
}

async fn put_pooled<B>(
    client: &reqwest::Client,
    url: Url,
    max_answer_bytes: usize,
    headers: HeaderMap,
    body: B,
) -> Result<Answer, AttemptError>
where
    B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut log = RequestLog::begin(&Method::PUT, &url);
    let call = client
        .put(url)
        .headers(headers)
        .body(reqwest::Body::wrap(body));
    let answer = async {
        let response = call.send().await.map_err(AttemptError::transport)?;
        log.answered(response.status(), response.headers());
        let answer = request::read(response, max_answer_bytes);
        let answer = timeout(REST_OF_ANSWER_TIMEOUT, answer).await;
        answer.unwrap_or(Err(AttemptError::TimedOut(REST_OF_ANSWER_TIMEOUT)))
    };
    answer.await.inspect_err(|error| log.failed(error))
}

async fn put_direct(
    url: &Url,
    headers: HeaderMap,
    start_sending: impl FnOnce(ContentSocket),
) -> Result<Answer, AttemptError> {
    let mut request = http::Request::new(());
    *request.method_mut() = Method::PUT;
    // What a URL holds is a URI as well.
    *request.uri_mut() = url[Position::BeforePath..].parse().unwrap_or_default();
    *request.headers_mut() = headers;
    let host = &url[Position::BeforeHost..Position::AfterPort];
    if let Ok(host) = HeaderValue::from_str(host) {
        request.headers_mut().insert(header::HOST, host);
    }
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    upload_connection::send(url, request, start_sending).await
}

fn was_repeated(error: &OpenStackError) -> bool {
    error.call().is_some_and(|call| call.tries > 1)
}
